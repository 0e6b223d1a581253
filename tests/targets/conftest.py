import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Saved = Callable[..., Path]


def save_tokenizer(folder: Path, n_words: int) -> None:
    """A tokenizer of `n_words` whole words: two special ones, then numbers."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", "<eos>", *map(str, range(n_words - 2))]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<eos>").save_pretrained(
        folder
    )


def fresh(kind: str, **more: Any) -> Any:
    """A model as transformers initialises it."""
    import torch
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        MixtralConfig,
        MixtralForCausalLM,
    )

    torch.set_num_threads(1)
    torch.manual_seed(0)
    ids = {"bos_token_id": 1, "eos_token_id": 1}
    if kind == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=64, n_positions=64, **ids, **more)
        )
    if kind == "mixtral":
        experts: dict[str, Any] = {"num_local_experts": 4, "num_key_value_heads": 2, "intermediate_size": 48}
        widths = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 64}
        return MixtralForCausalLM(MixtralConfig(**experts, **widths, **ids, **more))
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    return LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=64, **ids, **more))  # pyright: ignore[reportArgumentType]


def trained(kind: str, **more: Any) -> Any:
    """A model whose weights no longer look initial."""
    import torch

    model = fresh(kind, **more)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.7).add_(0.05 * torch.rand_like(parameter))
    return model


@pytest.fixture(scope="session")
def add_tokenizer() -> Callable[[Path, int], None]:
    """Puts a tokenizer of so many words into a folder."""
    return save_tokenizer


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Folders of tiny models, made once each: `saved("llama")`; not to be changed."""
    made: dict[str, Path] = {}

    def save(kind: str, *, untouched: bool = False, **more: Any) -> Path:
        name = json.dumps([kind, untouched, more], sort_keys=True, default=str)
        if name not in made:
            made[name] = tmp_path_factory.mktemp("models") / kind
            (fresh if untouched else trained)(kind, **more).save_pretrained(made[name])
            save_tokenizer(made[name], 64)
        return made[name]

    return save


@pytest.fixture
def llama(saved: Saved, tmp_path: Path) -> Path:
    """A copy of a good folder, to be damaged."""
    return Path(shutil.copytree(saved("llama"), tmp_path / "llama"))
