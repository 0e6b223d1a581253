"""The door to a checkpoint: open it safely, learn what it is, load it when its weights are needed."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.errors import ModelError
from theodolite.targets.checkpoint.architecture import compare
from theodolite.targets.checkpoint.config import config_notes, generation_config, model_config
from theodolite.targets.checkpoint.folder import Folder, read_folder
from theodolite.targets.checkpoint.hub import local_folder
from theodolite.targets.checkpoint.tensor_file import TensorEntry, read_header, read_tensor
from theodolite.targets.checkpoint.tokenizer import check_ids, has_tokenizer, load_tokenizer
from theodolite.targets.checkpoint.weights import UNTRAINED, distributions, look_untrained

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""

_WITHOUT_TOKENIZER = frozenset({"weights", "activations"})
_WITH_TOKENIZER = _WITHOUT_TOKENIZER | {"generate", "logprobs"}


@dataclass(frozen=True)
class Model:
    """An opened checkpoint, its weights checked and not in memory.

    Args:
        path: the folder.
        name: what the caller called it, or the folder's name.
        fingerprint: SHA-256 over config.json, every safetensors file and tokenizer.json.
        architecture: the class of the model, such as `LlamaForCausalLM`.
        n_parameters: tied ones counted once.
        d_model: width of the residual stream.
        n_layers: number of transformer blocks.
        vocab_size: rows of the embedding.
        dtype: the type of most of the stored numbers, such as `bfloat16`.
        access: what an instrument can have of it: `weights`, `activations`, `generate`, `logprobs`.
        notes: one sentence for each thing a reader of the audit should know.
    """

    path: Path
    name: str
    fingerprint: str
    architecture: str
    n_parameters: int
    d_model: int
    n_layers: int
    vocab_size: int
    dtype: str
    access: frozenset[str]
    notes: tuple[str, ...]
    _entries: tuple[TensorEntry, ...] = field(repr=False, compare=False)
    _config: Any = field(repr=False, compare=False)
    _model_class: Any = field(repr=False, compare=False)
    _generation_config: Any = field(repr=False, compare=False)
    _files: tuple[tuple[Path, int, int], ...] = field(repr=False, compare=False)

    def load(self) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase | None]":
        """The model in float32 on the CPU, in evaluation mode, and its tokenizer (None if there is none).

        Raises:
            ModelError: the files have changed since they were checked.
        """
        import torch

        from theodolite.targets.checkpoint.silence import silenced

        if _stats([path for path, _, _ in self._files]) != self._files:
            raise ModelError(
                f"'{self.path}' has changed since it was opened", "let it rest while it is audited"
            )
        state = {entry.name: _as_float32(read_tensor(entry)) for entry in self._entries}
        with silenced():
            model, info = self._model_class.from_pretrained(
                None,
                config=self._config,
                state_dict=state,
                dtype=torch.float32,
                output_loading_info=True,
                trust_remote_code=False,
                use_safetensors=True,
                local_files_only=True,
            )
            tokenizer = load_tokenizer(self.path, self._config) if "generate" in self.access else None
        for what in ("missing_keys", "mismatched_keys", "error_msgs"):
            if info[what]:
                first = str(sorted(map(str, info[what]))[0])[:160]
                raise ModelError(
                    f"'{self.path}' does not fill its architecture ({first})", "copy all of its weights"
                )
        if self._generation_config is not None:
            model.generation_config = self._generation_config
        return model.eval(), tokenizer


def open_model(path_or_name: str | Path, progress: Progress | None = None) -> Model:
    """A checkpoint in Hugging Face format, checked from its file names to the last of its numbers.

    Args:
        path_or_name: a folder, or the name `org/name` of a model on the Hugging Face hub.
        progress: told the bytes done and the bytes to do.

    Raises:
        ModelError: the checkpoint is missing, unsafe, damaged or not understood.
    """
    path, name = local_folder(path_or_name)
    try:
        return _open(path, name, progress)
    except OSError as error:
        raise ModelError(
            f"'{path}' cannot be read ({error.strerror or error})", "check the folder and the disk"
        ) from None


def _open(path: Path, name: str, progress: Progress | None) -> Model:
    from theodolite.targets.checkpoint.silence import silenced

    folder = read_folder(path)
    entries = _entries(folder)
    with silenced():
        config, model_class = model_config(path, folder.config, len(entries))
        skeleton = compare(path, config, model_class, entries)
        tokenizer = load_tokenizer(path, config) if has_tokenizer(path) else None
        defaults = generation_config(path)
    if tokenizer is not None:
        check_ids(path, tokenizer, skeleton.vocab_size)
    text = config.get_text_config()
    n_layers = int(getattr(text, "num_hidden_layers", 0))
    files = _stats(folder.weights)
    advance = _advance(progress, 2 * sum(size for _, size, _ in files))
    found = list(distributions(entries, advance))
    notes = [*folder.notes, *config_notes(folder.config), *skeleton.notes]
    if look_untrained(found, float(getattr(text, "initializer_range", 0.02) or 0.02), n_layers):
        notes.insert(0, UNTRAINED)
    if tokenizer is None:
        notes.append("there is no tokenizer, so the model cannot be given text")
    return Model(
        path=path,
        name=name,
        fingerprint=_fingerprint(folder, advance),
        architecture=model_class.__name__,
        n_parameters=skeleton.n_parameters,
        d_model=int(getattr(text, "hidden_size", 0)),
        n_layers=n_layers,
        vocab_size=skeleton.vocab_size,
        dtype=_main_dtype(entries),
        access=_WITHOUT_TOKENIZER if tokenizer is None else _WITH_TOKENIZER,
        notes=tuple(notes),
        _entries=entries,
        _config=config,
        _model_class=model_class,
        _generation_config=defaults,
        _files=files,
    )


def _entries(folder: Folder) -> tuple[TensorEntry, ...]:
    entries = tuple(entry for file in folder.weights for entry in read_header(file))
    names = Counter(entry.name for entry in entries)
    twice = [name for name, n in names.items() if n > 1]
    if twice:
        raise ModelError(
            f"'{folder.path}' holds {twice[0][:80]!r} in more than one of its files", "save the model again"
        )
    lost = sorted(folder.promised - names.keys())
    if lost:
        raise ModelError(
            f"'{folder.path}' lacks {lost[0][:80]!r}, which its index names", "copy all of its weights"
        )
    return entries


def _main_dtype(entries: Sequence[TensorEntry]) -> str:
    sizes = Counter[str]()
    for entry in entries:
        sizes[entry.torch_dtype] += entry.n_bytes
    return sizes.most_common(1)[0][0]


def _as_float32(tensor: Any) -> Any:
    return tensor.float() if tensor.is_floating_point() else tensor


def _fingerprint(folder: Folder, advance: Callable[[int], None]) -> str:
    digest = sha256()
    tokenizer = folder.path / "tokenizer.json"
    for file in (folder.path / "config.json", *folder.weights, *([tokenizer] if tokenizer.is_file() else [])):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while piece := stream.read(2**20):
                digest.update(piece)
                if file in folder.weights:
                    advance(len(piece))
    return digest.hexdigest()


def _stats(paths: Sequence[Path]) -> tuple[tuple[Path, int, int], ...]:
    stats = [(path, path.stat()) for path in paths]
    return tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)


def _advance(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def advance(n: int) -> None:
        nonlocal done
        done += n
        if progress:
            progress(min(done, total), total)

    return advance
