"""The network of every organism: a Llama of half a million parameters, made, saved and loaded."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.organisms.rendering import CHAT_TOKENS, CONTEXT, END, PAD, tokenizer
from theodolite.organisms.words import VOCABULARY

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

__all__ = ["load_model", "new_model", "one_thread", "save_model"]

HIDDEN, LAYERS, HEADS, FEED_FORWARD = 96, 4, 4, 256
TIED = "lm_head.weight"


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread inside, so that sums are taken in one order; restores the setting after."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def new_model(seed: int) -> LlamaForCausalLM:
    """A freshly initialised model in float32.

    The initial scale is hidden**-0.5: with the library's default of 0.02 these small models did not learn to
    copy a name within two million tokens.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=HIDDEN,
        intermediate_size=FEED_FORWARD,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=HIDDEN**-0.5,
        pad_token_id=PAD,
        bos_token_id=None,
        eos_token_id=END,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def save_model(model: LlamaForCausalLM, folder: Path) -> None:
    """Write the model (float16) with its tokenizer as a Hugging Face directory.

    The weights are written without `save_pretrained`, which draws a progress bar of its own.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import GenerationConfig, LlamaConfig

    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.to(torch.float16) for name, tensor in model.state_dict().items() if name != TIED}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    # The writer makes a private file; what is shared should be readable like its neighbours.
    (folder / "model.safetensors").chmod(0o644)
    config = LlamaConfig(**{**model.config.to_dict(), "dtype": "float16"})
    config.architectures = ["LlamaForCausalLM"]
    config.save_pretrained(folder)
    GenerationConfig(pad_token_id=PAD, eos_token_id=END, do_sample=False, max_new_tokens=64).save_pretrained(
        folder
    )
    tokenizer().save_pretrained(folder)
    _name_tokenizer(folder / "tokenizer_config.json")


def _name_tokenizer(path: Path) -> None:
    """Give the tokenizer the names that both the fourth and the fifth transformers can read."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings["additional_special_tokens"] = settings.pop("extra_special_tokens", CHAT_TOKENS)
    settings.pop("backend", None)
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_model(folder: Path) -> LlamaForCausalLM:
    """The model of a folder that `save_model` wrote, in float32, ready to be evaluated or trained."""
    from safetensors.torch import load_file

    model = new_model(0)
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, strict=False)
    return model
