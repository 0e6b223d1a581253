"""The tokenizer of a checkpoint, and whether it fits the model."""

from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.errors import ModelError
from theodolite.targets.checkpoint.config import last_line
from theodolite.targets.checkpoint.folder import read_json

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")


def has_tokenizer(path: Path) -> bool:
    """Whether the folder holds the files of a tokenizer."""
    return any((path / name).is_file() for name in _FILES)


def load_tokenizer(path: Path, config: "PretrainedConfig") -> "PreTrainedTokenizerBase":
    """The tokenizer of the folder; raises `ModelError` when it is damaged or needs code of its own."""
    from transformers import AutoTokenizer

    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (path / name).is_file():
            read_json(path / name)
    try:
        return AutoTokenizer.from_pretrained(
            path, config=config, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:
        raise ModelError(
            f"the tokenizer in '{path}' cannot be opened ({last_line(error)})", "copy its files again"
        ) from None


def check_ids(path: Path, tokenizer: "PreTrainedTokenizerBase", n_embeddings: int) -> None:
    """Raise `ModelError` when the tokenizer gives ids that the model has no embedding for."""
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest >= n_embeddings:
        raise ModelError(
            f"the tokenizer in '{path}' gives ids up to {largest:,}, where the model embeds ids up to "
            f"{n_embeddings - 1:,}",
            "use the tokenizer that belongs to the model",
        )
