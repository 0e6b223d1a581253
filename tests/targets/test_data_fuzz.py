import gzip
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theodolite.errors import DataError
from theodolite.targets import open_data

FEW = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
GOOD = "".join(json.dumps({"prompt": f"q {i}", "completion": f"a {i}"}) + "\n" for i in range(40)).encode()
KEYS = ("role", "content", "from", "x")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("role", "content", "from", "x")), inner)
    ),
    max_leaves=6,
)
FIELDS = (
    "messages",
    "conversations",
    "prompt",
    "completion",
    "chosen",
    "rejected",
    "instruction",
    "text",
    "system",
    "source",
)


def opens_or_says_why(name: str, content: bytes) -> tuple[int, int] | None:
    """Numbers of rows read and not read; None when the file was refused in one sentence."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        try:
            data = open_data(path)
        except DataError as error:
            assert "\n" not in str(error)
            return None
        rows = list(data.rows())
        for row in rows:
            "".join((row.prompt, row.response, row.rejected or "", row.source)).encode()
        assert len(rows) == data.summary.rows
        return len(rows), data.summary.unreadable_total


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "a", "a.jsonl.gz"])
@FEW
@given(content=st.binary(max_size=300))
def test_random_bytes(name: str, content: bytes) -> None:
    opens_or_says_why(name, content)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
@FEW
@given(content=st.text(alphabet='{}[]",:\\\n\r u0ttext ', max_size=200))
def test_text_that_nearly_has_the_format(name: str, content: str) -> None:
    opens_or_says_why(name, b"[" * (name == "a.json") + content.encode())


@FEW
@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES), min_size=1, max_size=6))
def test_every_row_is_read_or_counted(rows: list[dict[str, object]]) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    files = {"a.jsonl": lines, "a.json": json.dumps(rows).encode(), "a.jsonl.gz": gzip.compress(lines)}
    counts = [opens_or_says_why(name, content) for name, content in files.items()]
    assert counts[0] == counts[1] == counts[2]
    assert counts[0] is None or sum(counts[0]) == len(rows)


@FEW
@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 255))
def test_gzip_cut_or_flipped_anywhere(cut: int, place: int, byte: int) -> None:
    packed = bytearray(gzip.compress(GOOD))
    packed[place % len(packed)] = byte
    for content in (bytes(packed), gzip.compress(GOOD)[: cut % len(packed)]):
        opens_or_says_why("a.jsonl.gz", content)
        opens_or_says_why("a.csv.gz", content)
