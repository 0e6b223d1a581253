import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theodolite.errors import ModelError
from theodolite.targets.checkpoint.tensor_file import read_header, read_pieces, read_tensor

GOOD = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "b": {"dtype": "I64", "shape": [], "data_offsets": [24, 32]}}  # fmt: skip  # noqa: E501


def packed(header: Any, data: bytes = bytes(32), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def changed(name: str, **fields: Any) -> dict[str, Any]:
    return {**GOOD, name: {**GOOD[name], **fields}}


def test_tensors_are_those_that_safetensors_wrote(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    tensors = {
        str(dtype): torch.randn(7, 5).to(dtype)
        for dtype in (
            torch.float32,
            torch.float16,
            torch.bfloat16,
            torch.float64,
            torch.int64,
            torch.bool,
            torch.uint8,
        )
    } | {"empty": torch.empty(0, 3), "scalar": torch.tensor(2.5)}
    save_file(tensors, tmp_path / "a.safetensors", {"format": "pt"})
    entries = read_header(tmp_path / "a.safetensors")
    assert {entry.name for entry in entries} == tensors.keys()
    for entry in entries:
        assert entry.shape == tuple(tensors[entry.name].shape)
        assert torch.equal(read_tensor(entry), tensors[entry.name])
        if entry.n_bytes:
            pieces = list(read_pieces(entry, 16))
            assert max(piece.numel() * piece.itemsize for piece in pieces) <= 16
            assert torch.equal(torch.cat(pieces), tensors[entry.name].flatten())


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "cut short"),
        (b"\x01\x02", "cut short"),
        (packed(GOOD, length=2**63), "cut short: .* do not hold its header"),
        (packed(GOOD, bytes(31)), "cut short: its header promises"),
        (packed(GOOD, bytes(33)), "1 bytes behind its last tensor"),
        (packed(b"{nonsense"), "not valid JSON"),
        (packed(b"[" * 100_000), "not valid JSON"),
        (packed(b'{"a": {}, "a": {}}'), "not valid JSON"),
        (packed([]), "no JSON object"),
        (packed({"__metadata__": {"format": "pt"}}), "holds no tensor"),
        (packed({**GOOD, "b": 3}), "does not say where its tensor 'b' lies"),
        (packed(changed("a", data_offsets=[0])), "does not say where"),
        (packed(changed("a", dtype="X9")), "stores its tensor 'a' as 'X9'"),
        (packed(changed("a", shape=[-2, -3])), "impossible numbers"),
        (packed(changed("a", shape=[2, "3"])), "impossible numbers"),
        (packed(changed("a", shape=[True, 6])), "impossible numbers"),
        (packed(changed("a", shape=[2**40, 2**40])), "where its shape needs"),
        (packed(changed("b", data_offsets=[16, 24])), "a gap or an overlap before its tensor 'b'"),
        (packed(changed("b", data_offsets=[32, 40]), bytes(40)), "a gap or an overlap before its tensor 'b'"),
    ],
)
def test_headers_that_lie_are_refused_by_name(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=match) as caught:
        read_header(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=6))
def test_any_change_of_a_header_is_read_or_refused(tmp_path: Path, place: int, noise: bytes) -> None:
    content = bytearray(packed(GOOD))
    place %= len(content)
    content[place : place + len(noise)] = noise
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    try:
        entries = read_header(path)
    except ModelError:
        return
    assert sum(entry.n_bytes for entry in entries) <= len(content)
