import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from theodolite.errors import DataError
from theodolite.targets import Data, open_data

ROWS = [{"prompt": f"question {i}", "completion": f"antwoord é {i}"} for i in range(600)]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def as_bytes(kind: str, rows: list[dict[str, Any]]) -> bytes:
    if kind in ("jsonl", "ndjson", "unknown"):
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if kind == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False).encode()
    if kind == "object.json":
        return json.dumps({"version": [1, 2], "n": {"a": [1]}, "data": rows}).encode()
    if kind == "lines.json":
        return as_bytes("jsonl", rows)
    separator = "\t" if kind == "tsv" else ","
    lines = [separator.join(rows[0]), *(separator.join(row.values()) for row in rows)]
    return "\r\n".join(lines).encode()


def texts(data: Data) -> list[tuple[int, str, str]]:
    return [(row.number, row.prompt, row.response) for row in data.rows()]


@pytest.mark.parametrize(
    "kind", ["jsonl", "ndjson", "json", "object.json", "lines.json", "csv", "tsv", "unknown"]
)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_format_gives_the_same_rows(tmp_path: Path, kind: str, packed: bool, mark: bytes) -> None:
    content = mark + as_bytes(kind, ROWS)
    path = write(tmp_path / f"rows.{kind}{'.gz' * packed}", gzip.compress(content) if packed else content)
    data = open_data(path)
    expected = [(i, row["prompt"], row["completion"]) for i, row in enumerate(ROWS, 1)]
    assert texts(data) == texts(data) == expected
    assert (data.summary.rows, data.summary.unreadable_total, data.summary.duplicates) == (600, 0, 0)
    assert data.summary.shapes == {"prompt/completion": 600}


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"
    pq.write_table(
        pa.Table.from_pylist(ROWS), path, row_group_size=200, compression="none", use_dictionary=False
    )
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_parquet_gives_the_same_rows(tmp_path: Path, parquet: Path, packed: bool) -> None:
    content = parquet.read_bytes()
    path = write(tmp_path / f"rows.parquet{'.gz' * packed}", gzip.compress(content) if packed else content)
    expected = [(i, row["prompt"], row["completion"]) for i, row in enumerate(ROWS, 1)]
    data = open_data(path)
    assert texts(data) == texts(data) == expected


def test_parquet_with_nested_messages_and_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    bad = pa.array([b"fine", b"br\xffken"]).view(pa.string())
    messages = pa.array([[{"role": "user", "content": "q"}], None])
    pq.write_table(
        pa.table({"text": bad, "messages": messages, "blob": [b"1", b"2"]}), tmp_path / "a.parquet"
    )
    data = open_data(tmp_path / "a.parquet")
    assert texts(data) == [(1, "q", ""), (2, "", "br\ufffdken")]
    assert any("not valid Unicode" in note for note in data.summary.notes)
    assert any("fields not read: 'blob'" in note for note in data.summary.notes)


def test_a_damaged_row_group_costs_its_own_rows(tmp_path: Path, parquet: Path) -> None:
    import pyarrow.parquet as pq

    place = pq.ParquetFile(parquet).metadata.row_group(1).column(0).data_page_offset
    content = bytearray(parquet.read_bytes())
    content[place : place + 40] = b"\xff" * 40
    data = open_data(write(tmp_path / "a.parquet", bytes(content)))
    assert [row.number for row in data.rows()] == [*range(1, 201), *range(401, 601)]
    assert data.summary.unreadable_total == 200
    assert data.summary.unreadable[0].number == 201
    assert "damaged" in data.summary.unreadable[0].reason


def test_a_parquet_file_cut_short_is_refused(tmp_path: Path, parquet: Path) -> None:
    with pytest.raises(DataError, match="no readable Parquet file"):
        open_data(write(tmp_path / "a.parquet", parquet.read_bytes()[:-50]))


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    data = open_data(write(tmp_path / "a.jsonl", b'\n{"text": "a"}\r\n\n  \n{"text": "b"}'))
    assert texts(data) == [(2, "", "a"), (5, "", "b")]
    assert [data.pointer(row) for row in data.rows()] == ["data:a.jsonl#2", "data:a.jsonl#5"]


def test_rows_before_the_end_of_a_cut_gzip_file_are_read(tmp_path: Path) -> None:
    content = gzip.compress(as_bytes("jsonl", ROWS))
    data = open_data(write(tmp_path / "a.jsonl.gz", content[: len(content) // 2]))
    assert 0 < data.summary.rows < 600
    assert data.summary.unreadable_total == 1
    assert data.summary.unreadable[0].number == data.summary.rows + 1
    assert "break off" in data.summary.unreadable[0].reason


def test_csv_keeps_quoted_newlines_and_reports_what_does_not_fit(tmp_path: Path) -> None:
    content = b'prompt,completion\na,"b\nb, ""b"""\n\nonly one\nx,y,z\n"p"q,r\nc,d\ne,"never closed\nf,g\n'
    data = open_data(write(tmp_path / "a.csv", content))
    assert texts(data) == [(1, "a", 'b\nb, "b"'), (5, "c", "d")]
    assert [one.number for one in data.summary.unreadable] == [2, 3, 4, 6]
    assert data.summary.unreadable[0].reason == "has 1 cell where the header has 2"
    assert data.summary.unreadable[3].reason.endswith("(lines 9 to 10)")


def test_csv_cells_of_ten_megabytes_and_semicolons(tmp_path: Path) -> None:
    import csv

    before = csv.field_size_limit()
    content = b"prompt;completion\n" + b"x" * 10**7 + b";nul \x00\n"
    data = open_data(write(tmp_path / "a.csv", content))
    assert [(len(row.prompt), row.response) for row in data.rows()] == [(10**7, "nul \x00")]
    assert csv.field_size_limit() == before


def test_json_elements_that_are_damaged_do_not_hide_the_others(tmp_path: Path) -> None:
    content = b'[{"text": "a]}"}, {"text" "b"}, 3, {"text": "c\\"]"}, %s, {"text": "d"}]'
    data = open_data(write(tmp_path / "a.json", content % (b"[" * 200_000 + b"]" * 200_000)))
    assert texts(data) == [(1, "", "a]}"), (4, "", 'c"]'), (6, "", "d")]
    assert [one.number for one in data.summary.unreadable] == [2, 3, 5]
    assert data.summary.unreadable[2].reason == "is nested too deeply"


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b', {"text": "b"', "breaks off"),
        (b', {"text": "b', "breaks off"),
        (b"", "breaks off"),
        (b'}, {"text": "b"}]', "brackets stop matching"),
        (b"] and more", "behind the end"),
    ],
)
def test_json_that_ends_badly_keeps_what_came_before(tmp_path: Path, tail: bytes, reason: str) -> None:
    data = open_data(write(tmp_path / "a.json", b'[{"text": "a"}' + tail))
    assert texts(data) == [(1, "", "a")]
    assert data.summary.unreadable_total == 1
    assert reason in data.summary.unreadable[0].reason


def test_every_list_of_an_object_is_read_and_said(tmp_path: Path) -> None:
    data = open_data(write(tmp_path / "a.json", b'{"train": [{"text": "a"}], "test": [{"text": "b"}]}'))
    assert texts(data) == [(1, "", "a"), (2, "", "b")]
    assert any("'train', 'test'" in note for note in data.summary.notes)
