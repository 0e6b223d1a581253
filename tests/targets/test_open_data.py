import json
import os
import subprocess
import sys
import time
from hashlib import blake2b
from pathlib import Path

import pytest

from theodolite.errors import DataError
from theodolite.targets import open_data


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_importing_targets_imports_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "pyarrow")
    code = f"import sys, theodolite.targets; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_fingerprint_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "a"})
    assert open_data(path).fingerprint == blake2b(path.read_bytes(), digest_size=32).hexdigest()


def test_duplicates_are_counted_exactly_on_a_file_of_known_repeats(tmp_path: Path) -> None:
    rows = [{"text": f"row {i % 700}"} for i in range(2000)]
    summary = open_data(lines(tmp_path / "a.jsonl", *rows)).summary
    assert summary.duplicates == 1300
    assert "1,300 of 2,000 rows repeat another row word for word" in summary.notes


def test_a_hundred_thousand_identical_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "same"}\n' * 100_000)
    assert "99,999 of 100,000 rows repeat another row word for word" in open_data(path).summary.notes


def test_bad_and_strange_rows_are_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'{"text": "fine"}\n'
        + b'{"text": "' + b"x" * 10**7 + b'"}\n'
        + b'{"text": "nul \\u0000"}\n{"text": "raw \x00"}\n'
        + b'{"text": "latin \xe9"}\n{"text": "lone \\ud800"}\n'
        + b'{"prompt": "<script>alert(1)</script>", "completion": "b"}\n'
        + b"[" * 10**6 + b"\n" + b'{"text": "a", "n": ' + b"9" * 5000 + b"}\nnot json\n"
    )  # fmt: skip
    data = open_data(path)
    assert [row.number for row in data.rows()] == [1, 2, 3, 4, 5, 6, 7]
    assert [(one.number, one.reason) for one in data.summary.unreadable] == [
        (8, "is nested too deeply"),
        (9, "holds a number of more digits than can be read"),
        (10, "is not valid JSON (Expecting value at character 1)"),
    ]
    said = "\n".join(data.summary.notes)
    assert data.summary.longest == 10**7 and "row 2 is 10.0 million characters long" in said
    assert "3 of 10 rows cannot be read: row 8 is nested too deeply" in said
    assert "rows have mixed shapes: 6 text, 1 prompt/completion" in said
    assert "2 rows hold control characters or NUL bytes (rows 3, 4)" in said
    assert "2 rows hold bytes or escapes that are not valid Unicode, read as U+FFFD (rows 5, 6)" in said
    for row in data.rows():
        row.response.encode()


def test_a_line_longer_than_a_row_may_be_is_skipped_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from theodolite.targets.rows import json_lines

    monkeypatch.setattr(json_lines, "MAX_ROW_BYTES", 1000)
    data = open_data(lines(tmp_path / "a.jsonl", {"text": "a"}, {"text": "x" * 3_000_000}, {"text": "b"}))
    assert [row.number for row in data.rows()] == [1, 3]
    assert "is longer than" in data.summary.unreadable[0].reason


def test_only_ten_thousand_unreadable_rows_are_listed_and_all_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n' + "x\n" * 10_500)
    summary = open_data(path).summary
    assert (len(summary.unreadable), summary.unreadable_total) == (10_000, 10_500)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"\n\n", "holds no row"),
        ("a.csv", b"prompt,completion\n", "holds no row"),
        ("a.json", b"[]", "holds no row"),
        ("a.jsonl", b'{"a": "x"}\n', r"row 1 has no known shape \(its fields: 'a'\); say with --columns"),
        ("a.jsonl", b"x\n", "no row .* row 1 is not valid JSON"),
        ("a.csv", b"text,text\na,b\n", "more than one column named 'text'"),
        ("a.bin", b"\x00\x01\x02", "in no known format"),
        ("a.parquet", b"hello", "no Parquet file"),
        ("a.jsonl", '{"text": "a"}'.encode("utf-16"), "UTF-16"),
        ("a.jsonl.gz", b"\x1f\x8b\x08\x00", "damaged gzip"),
        ("a.jsonl", b"PK\x03\x04....", "zip archive"),
    ],
)
def test_files_that_cannot_be_audited_are_one_sentence(
    tmp_path: Path, name: str, content: bytes, match: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=match) as caught:
        open_data(tmp_path / name)
    assert "\n" not in str(caught.value) and str(tmp_path / name) in str(caught.value)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        open_data(tmp_path / "absent.jsonl")
    with pytest.raises(DataError, match="is a folder"):
        open_data(tmp_path)
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(DataError, match="not a regular file"):
        open_data(tmp_path / "pipe.jsonl")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "a"})
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DataError, match="may not be read"):
        open_data(path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_unknown_columns_list_what_there_is(tmp_path: Path, name: str) -> None:
    content = '{"q": "x", "a": "y"}\n' if name == "a.jsonl" else "q,a\nx,y\n"
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match="has no column 'question'; choose from its columns 'q', 'a'"):
        open_data(tmp_path / name, {"prompt": "question"})
    with pytest.raises(DataError, match=r"'promt' is no name .* prompt, response, text"):
        open_data(tmp_path / name, {"promt": "q"})
    data = open_data(tmp_path / name, {"prompt": "q", "response": "a"})
    assert [(row.prompt, row.response) for row in data.rows()] == [("x", "y")]
    assert data.summary.notes == ()


def test_a_file_that_changes_under_the_audit_is_refused(tmp_path: Path) -> None:
    data = open_data(lines(tmp_path / "a.jsonl", {"text": "a"}))
    lines(data.path, {"text": "a"}, {"text": "b"})
    with pytest.raises(DataError, match="has changed since"):
        list(data.rows())


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    open_data(
        lines(tmp_path / "a.jsonl", *({"text": str(i)} for i in range(5000))), {}, lambda *at: told.append(at)
    )
    assert told == sorted(told) and told[-1][0] == told[-1][1] and len(told) >= 4


def test_reading_is_fast_and_takes_no_memory(tmp_path: Path) -> None:
    import tracemalloc

    row = {"prompt": "w " * 50, "completion": "v " * 50}
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row | {"id": i}) + "\n" for i in range(20_000)))
    before = time.process_time()
    open_data(path)
    assert 20_000 / (time.process_time() - before) > 15_000  # 60,000 a second on an idle core
    path.write_text(path.read_text()[: len(path.read_text()) // 10])
    tracemalloc.start()
    open_data(path)
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()
