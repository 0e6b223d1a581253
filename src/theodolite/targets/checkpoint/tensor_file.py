"""The safetensors format, checked before anything believes it.

A file is 8 bytes (the length of the header, little-endian), the header (JSON: name -> dtype, shape,
data_offsets) and the bytes of the tensors one after the other. Format: https://huggingface.co/docs/safetensors
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.errors import ModelError

if TYPE_CHECKING:
    import torch
    from jaxtyping import Shaped

_LARGEST_HEADER = 100_000_000  # bytes, the format's own limit
_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip
_TORCH_NAMES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    "I16": "int16", "U16": "uint16", "F16": "float16", "BF16": "bfloat16", "I32": "int32", "U32": "uint32",
    "F32": "float32",
    "I64": "int64", "U64": "uint64", "F64": "float64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """Where one tensor lies: `n_bytes` from byte `start` of `file`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    start: int
    n_bytes: int

    @property
    def is_float(self) -> bool:
        """Whether it holds floating-point numbers."""
        return "F" in self.dtype

    @property
    def torch_dtype(self) -> str:
        """The name that torch has for its type."""
        return _TORCH_NAMES[self.dtype]


def read_header(path: Path) -> tuple[TensorEntry, ...]:
    """The tensors of the file at `path`, in the order of their bytes; raises `ModelError` if damaged."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise _damaged(path, f"is cut short: {size:,} bytes do not hold its header")
        if length > _LARGEST_HEADER:
            raise _damaged(path, f"claims a header of {length:,} bytes")
        raw = file.read(length)
    try:
        header = json.loads(raw, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise _damaged(path, "has a header that is not valid JSON") from None
    if not isinstance(header, dict):
        raise _damaged(path, "has a header that is no JSON object")
    header.pop("__metadata__", None)
    entries = [_entry(path, name, claim, 8 + length) for name, claim in header.items()]
    entries.sort(key=lambda entry: (entry.start, entry.n_bytes))
    _check_places(path, entries, 8 + length, size)
    return tuple(entries)


def read_tensor(entry: TensorEntry) -> "Shaped[torch.Tensor, '*shape']":
    """The whole tensor, in its own type and in memory of its own."""
    import torch

    if not entry.n_bytes:
        return torch.empty(entry.shape, dtype=getattr(torch, entry.torch_dtype))
    flat = next(read_pieces(entry, entry.n_bytes))
    return flat.reshape(entry.shape)


def read_pieces(entry: TensorEntry, piece_bytes: int) -> Iterator["Shaped[torch.Tensor, ' n']"]:
    """The tensor's numbers in flat pieces of at most `piece_bytes`, which must be a multiple of 8."""
    import torch

    dtype = getattr(torch, entry.torch_dtype)
    with entry.file.open("rb", buffering=0) as file:
        file.seek(entry.start)
        left = entry.n_bytes
        while left:
            buffer = bytearray(min(left, piece_bytes))
            _fill(buffer, file, entry)
            left -= len(buffer)
            yield torch.frombuffer(buffer, dtype=dtype)


def _fill(buffer: bytearray, file: Any, entry: TensorEntry) -> None:
    view, done = memoryview(buffer), 0
    while done < len(buffer):
        got = file.readinto(view[done:])
        if not got:
            raise _damaged(entry.file, "became shorter while it was read")
        done += got


def _entry(path: Path, name: str, claim: Any, data: int) -> TensorEntry:
    what = f"its tensor {name[:80]!r}"
    try:
        dtype, shape, (start, end) = claim["dtype"], claim["shape"], claim["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise _damaged(path, f"has a header that does not say where {what} lies") from None
    if dtype not in _ITEM_BYTES:
        raise ModelError(
            f"'{path}' stores {what} as {str(dtype)[:40]!r}", "save it as float32, float16 or bfloat16"
        )
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in (*shape, start, end)):
        raise _damaged(path, f"has a header with impossible numbers for {what}")
    n_bytes = math.prod(shape) * _ITEM_BYTES[dtype]
    if end - start != n_bytes:
        raise _damaged(
            path, f"has a header that gives {what} {end - start:,} bytes, where its shape needs {n_bytes:,}"
        )
    return TensorEntry(name, dtype, tuple(shape), path, data + start, n_bytes)


def _check_places(path: Path, entries: list[TensorEntry], data: int, size: int) -> None:
    if not entries:
        raise _damaged(path, "holds no tensor")
    at = data
    for entry in entries:
        if entry.start != at:
            raise _damaged(
                path,
                f"has a header with a gap or an overlap before its tensor {entry.name[:80]!r}",
            )
        at += entry.n_bytes
    if at > size:
        raise _damaged(path, f"is cut short: its header promises {at:,} bytes, {size:,} are there")
    if at < size:
        raise _damaged(path, f"has {size - at:,} bytes behind its last tensor")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _damaged(path: Path, how: str) -> ModelError:
    return ModelError(f"'{path}' {how}", "copy or download the file again")
