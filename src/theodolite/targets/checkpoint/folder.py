"""Which files of a model folder count, and which are never opened."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theodolite.errors import ModelError

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
_CONVERT = (
    "convert it to safetensors in a sandbox you trust (load it with torch.load(..., weights_only=True), "
    "write it with save_pretrained), because opening a pickle can run any code"
)
_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_LARGEST_JSON = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a checkpoint that are read."""

    path: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]
    promised: frozenset[str]  # the tensors that the index of a sharded checkpoint names
    notes: tuple[str, ...]


def read_folder(path: Path) -> Folder:
    """The files of the checkpoint at `path`; raises `ModelError` when some are missing or unsafe."""
    if not (path / "config.json").is_file():
        adapter = (path / "adapter_config.json").is_file()
        if adapter:
            raise ModelError(f"'{path}' holds an adapter, not a model", "merge it into its base model first")
        raise ModelError(f"'{path}' has no config.json", "name a folder in Hugging Face format")
    config = read_json(path / "config.json")
    pickles = sorted(
        {file.name for pattern in _PICKLES for file in path.glob(pattern) if file.name != "training_args.bin"}
    )
    weights, promised = _weights(path, pickles)
    notes = [f"not opened because they are pickles: {', '.join(pickles)}"] if pickles else []
    return Folder(path, config, weights, promised, tuple(notes))


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; raises `ModelError` when there is none."""
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError("it is too large")
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        reason = str(error).split(": line")[0] or type(error).__name__
        raise ModelError(f"'{path}' is no readable JSON ({reason})", "copy the file again") from None
    if not isinstance(value, dict):
        raise ModelError(f"'{path}' does not hold a JSON object", "copy the file again")
    return value


def _weights(path: Path, pickles: list[str]) -> tuple[tuple[Path, ...], frozenset[str]]:
    if (path / _SINGLE).is_file():
        return (path / _SINGLE,), frozenset()
    if (path / _INDEX).is_file():
        return _shards(path)
    others = sorted(file.name for file in path.glob("*.safetensors"))
    if others:
        raise ModelError(
            f"'{path}' holds {others[0]} but neither {_SINGLE} nor {_INDEX}",
            "save the model with save_pretrained",
        )
    if pickles:
        raise ModelError(f"'{path}' holds its weights only as a pickle ({pickles[0]})", _CONVERT)
    raise ModelError(f"'{path}' holds no safetensors weights", f"add {_SINGLE} to it")


def _shards(path: Path) -> tuple[tuple[Path, ...], frozenset[str]]:
    places = read_json(path / _INDEX).get("weight_map")
    if (
        not isinstance(places, dict)
        or not places
        or not all(isinstance(name, str) for name in places.values())
    ):
        raise ModelError(f"'{path / _INDEX}' has no weight_map", "copy the file again")
    names = sorted(set(places.values()))
    for name in names:
        if not name.endswith(".safetensors") or Path(name).name != name:
            raise ModelError(
                f"'{path / _INDEX}' names {name[:80]!r}, which is no safetensors file of its folder",
                "save it again",
            )
    missing = [name for name in names if not (path / name).is_file()]
    if missing:
        raise ModelError(
            f"'{path}' lacks {len(missing)} of the {len(names)} files that its index names, the first being "
            f"{missing[0]}",
            "copy them too",
        )
    return tuple(path / name for name in names), frozenset(places)
