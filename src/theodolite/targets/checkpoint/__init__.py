"""Checkpoints in Hugging Face format, opened on the assumption that whoever made them is hostile.

Read in this order: `hub` (from a name to a folder), `folder` (which files), `tensor_file` (the
safetensors format), `config` (what the folder claims to be), `architecture` (whether its tensors
are that), `weights` (whether their values make sense), `tokenizer`, and `model` (the door:
`open_model`). transformers is given parsed configurations and tensors, never the folder, so that
nothing in it can choose what is loaded or run; the tokenizer is the one exception.
"""
