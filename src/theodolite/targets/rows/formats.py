"""Which format a file has: what its first bytes say, then what its name says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from theodolite.errors import DataError
from theodolite.targets.rows.csv_table import csv_rows, looks_like_csv
from theodolite.targets.rows.json_array import json_array
from theodolite.targets.rows.json_lines import json_lines, parse_json
from theodolite.targets.rows.parquet import PARQUET, parquet_rows
from theodolite.targets.rows.remarks import Remarks
from theodolite.targets.rows.shapes import KNOWN_FIELDS
from theodolite.targets.rows.stream import ByteStream, open_bytes

Format = Literal["json lines", "json", "csv", "parquet"]
_BY_NAME: dict[str, Format] = {
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
_ROW_FIELDS = KNOWN_FIELDS - {"source", "dataset", "origin", "system"}
_LOOK = 16 * 2**20


class Records:
    """One pass over the records of a file.

    Args:
        path: a file that `check_file` let pass.
        format: from `format_of`.
        wanted: the columns to read of a file that can leave out the others.
        remarks: where it says what it noticed.
    """

    def __init__(self, path: Path, format: Format, wanted: frozenset[str], remarks: Remarks) -> None:
        self._path, self._format, self._wanted, self._remarks = path, format, wanted, remarks
        self._stream: ByteStream | None = None

    @property
    def position(self) -> int:
        """Bytes of the file consumed so far; 0 for Parquet."""
        return self._stream.position if self._stream else 0

    def __iter__(self) -> Iterator[tuple[int, object]]:
        stream, reader = open_bytes(self._path)
        with stream, reader:
            if self._format == "parquet":
                yield from parquet_rows(self._path, stream.compressed, self._wanted, self._remarks)
                return
            self._stream = stream
            if self._format == "json lines":
                yield from json_lines(stream, reader)
            elif self._format == "json":
                yield from json_array(stream, reader, self._remarks)
            else:
                yield from csv_rows(self._path, stream, reader)
            self._stream = None


def format_of(path: Path, columns: frozenset[str]) -> Format:
    """The format of `path`; raises `DataError` when neither its bytes nor its name tell."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    named = _BY_NAME.get(suffixes[-1]) if suffixes else None
    stream, reader = open_bytes(path)
    with stream, reader:
        start = reader.read(2**10)
        if start.startswith(PARQUET):
            return "parquet"
        if named == "parquet":
            raise DataError(f"'{path}' is no Parquet file, for all its name", "check how it was written")
        if stream.failure and not start:
            raise DataError(f"'{path}' is a damaged gzip file", "compress it again")
        if named in ("json lines", "csv"):
            return named
        begin = start.lstrip()[:1]
        if begin == b"{":
            return _lines_or_object(start + reader.read(_LOOK))
        if begin == b"[":
            return "json"
        if named == "json":
            return "json lines"  # whose first line then says what is wrong with it
        line = (start + reader.readline(_LOOK)).split(b"\n")[0].decode("utf-8", "replace")
    if looks_like_csv(line, _ROW_FIELDS | columns):
        return "csv"
    raise DataError(
        f"'{path}' is in no known format",
        "use JSONL, JSON, CSV or Parquet, and the ending that tells which it is",
    )


def _lines_or_object(text: bytes) -> Format:
    """Many a `.json` file holds JSON Lines: its first line is then a whole object with fields of a row."""
    line, _, rest = text.lstrip().partition(b"\n")
    value = parse_json(1, line.decode("utf-8", "replace"))
    if not isinstance(value, dict):
        return "json"
    return "json lines" if rest.lstrip()[:1] == b"{" or _ROW_FIELDS & value.keys() else "json"
