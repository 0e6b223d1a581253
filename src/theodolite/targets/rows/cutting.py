"""A data file without some of its rows: what stays is, byte for byte, what it was.

Each cutter walks through a file as the reader of its format does, so that both give a row the same number.
What no row stands in (a header, blank lines, other parts of a JSON object) and what could not be read stays.
"""

import codecs
import csv
import gzip
import io
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeAlias

from theodolite.errors import DataError
from theodolite.targets.rows import csv_table, json_array, parquet
from theodolite.targets.rows.data import Data, _fingerprint, _wanted
from theodolite.targets.rows.formats import _BY_NAME, Format, Records, format_of
from theodolite.targets.rows.json_lines import MAX_ROW_BYTES
from theodolite.targets.rows.remarks import Remarks
from theodolite.targets.rows.row import Row, Unreadable
from theodolite.targets.rows.shapes import ShapeReader
from theodolite.targets.rows.stream import ByteStream, check_file

__all__ = ["ending_of", "fingerprint_of", "read_rows", "write_without"]

_Reader: TypeAlias = "io.BufferedReader[ByteStream]"
_PIECE = 2**20
_BLANK = " \t\n\r"
_BETWEEN = f"{_BLANK},"


def fingerprint_of(path: Path) -> str:
    """BLAKE2b of the bytes of `path`, as in `Data.fingerprint`; raises `DataError` when it cannot be read."""
    try:
        check_file(path)
        return _fingerprint(path, None)
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read ({error.strerror or error})", "check the file and the disk"
        ) from None


def ending_of(path: Path) -> str:
    """The part of a file's name that tells its format, such as `.jsonl.gz`, in lower case."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = ".gz" if suffixes[-1:] == [".gz"] else ""
    named = [suffix for suffix in suffixes if suffix != ".gz"][-1:]
    return (named[0] if named and named[0] in _BY_NAME else "") + packed


def read_rows(path: Path, columns: Mapping[str, str]) -> Iterator[Row | Unreadable]:
    """Every row of a file in its order; unlike `open_data`, also of a file that holds none.

    Args:
        path: a file of a known format.
        columns: our names to the file's.
    """
    remarks = Remarks()
    shapes = ShapeReader(columns, remarks)
    format = format_of(path, frozenset(columns.values()))
    for number, record in Records(path, format, _wanted(columns), remarks):
        yield record if isinstance(record, Unreadable) else shapes.row(number, record)


def write_without(data: Data, numbers: Set[int], target: IO[bytes]) -> None:
    """Write the file of `data` without the rows of these `numbers`, in its format and compressed if it is.

    Text formats keep their bytes. Parquet keeps values, types, schema, metadata, row groups and compression;
    one row group at a time is held in memory.

    Raises:
        DataError: part of the file is damaged, so that it cannot be copied.
    """
    format: Format = data._format
    stream = ByteStream(data.path)
    reader: _Reader = io.BufferedReader(stream, 2**18)
    with stream, reader, _packed(target, stream.compressed) as sink:
        if format == "parquet":
            _cut_parquet(data.path, stream.compressed, numbers, sink)
            return
        if reader.peek(3)[:3] == codecs.BOM_UTF8:
            sink.write(reader.read(3))
        for piece in _CUTTERS[format](data.path, stream, reader, numbers):
            sink.write(piece)
        if stream.failure:
            raise DataError(f"part of '{data.path}' {stream.failure}", "clean a file that is whole")


@contextmanager
def _packed(target: IO[bytes], compressed: bool) -> Iterator[IO[bytes]]:
    if not compressed:
        yield target
        return
    # Neither a name nor a time in its head: the same rows give the same file.
    with gzip.GzipFile("", "wb", 6, target, mtime=0) as packed:
        yield packed  # pyright: ignore[reportReturnType]


def _cut_lines(path: Path, stream: ByteStream, reader: _Reader, numbers: Set[int]) -> Iterator[bytes]:
    number = 0
    while line := reader.readline(MAX_ROW_BYTES + 1):
        number += 1
        if number not in numbers:
            yield line
        if len(line) > MAX_ROW_BYTES and not line.endswith(b"\n"):
            while (piece := reader.readline(_PIECE)) and not piece.endswith(b"\n"):
                yield piece
            yield piece


class _LineTape:
    """Gives lines of text, and remembers them as they were."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self._lines = text, list[str]()

    def readline(self, size: int) -> str:
        line = self._text.readline(size)
        self._lines.append(line)
        return line

    def take(self) -> bytes:
        """What was read since the last call."""
        taken, self._lines = "".join(self._lines), []
        return _encoded(taken)


def _cut_csv(path: Path, stream: ByteStream, reader: _Reader, numbers: Set[int]) -> Iterator[bytes]:
    lines = csv_table._Lines(reader)
    tape: Any = _LineTape(lines._text)
    lines._text = tape
    top = next((line for line in lines if line.strip()), "")
    records = csv.reader(chain([top], lines), delimiter=csv_table._separator(top), strict=True)
    width = len(csv_table._next_record(records) or "")
    yield tape.take()
    number = 0
    while (cells := csv_table._next_record(records)) is not None:
        record = tape.take()
        blank = cells == [] or (width > 1 and len(cells) == 1 and not cells[0].strip())
        number += not blank
        if blank or number not in numbers:
            yield record
    yield tape.take()


class _TextTape(json_array._Text):
    """A JSON text that remembers what was read, and where the last value began."""

    def __init__(self, stream: ByteStream, reader: _Reader) -> None:
        super().__init__(stream, reader)
        self._passed: list[str] = []
        self._cut = self._offset = self._start = 0

    def more(self) -> bool:
        self._passed.append(self.buffer[self._cut : self.at])
        self._offset += self.at
        self._cut = 0
        return super().more()

    def peek(self) -> str:
        mark = super().peek()
        self._start = self._offset + self.at
        return mark

    def take(self) -> tuple[str, str]:
        """What was read since the last call: up to where the last value began, and that value."""
        taken = "".join(self._passed) + self.buffer[self._cut : self.at]
        split = max(0, len(taken) - (self._offset + self.at - self._start))
        value = taken[split:].rstrip(_BLANK)
        self._passed, self._cut = [taken[split + len(value) :]], self.at
        return taken[:split], value

    def rest(self) -> Iterator[str]:
        """All that was not taken yet."""
        going = True
        while going:
            yield "".join(self._passed) + self.buffer[self._cut :]
            self.at = self._cut = len(self.buffer)
            going = self.more()
            self._passed.clear()
        yield self.buffer


def _cut_json(path: Path, stream: ByteStream, reader: _Reader, numbers: Set[int]) -> Iterator[bytes]:
    text = _TextTape(stream, reader)
    number, list_is_empty = 0, False
    try:
        for _ in json_array._all_elements(text, Remarks()):
            number += 1
            between, value = text.take()
            if number == 1 or between.strip(_BETWEEN):  # the first of a list
                yield _encoded(_closed(between, list_is_empty))
                list_is_empty, between = True, ""
            if number not in numbers:
                yield _encoded(value if list_is_empty else between + value)
                list_is_empty = False
    except json_array._Broken:
        pass  # what follows was no row of the audit; it stays
    rest = text.rest()
    yield _encoded(_closed(next(rest), list_is_empty))
    yield from map(_encoded, rest)


def _closed(text: str, list_is_empty: bool) -> str:
    """What follows a list's last value, without a comma that nothing stands before any more."""
    if not list_is_empty:
        return text
    behind = text.lstrip(_BETWEEN)
    return text[: len(text) - len(behind)].replace(",", "") + behind


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_CUTTERS: dict[str, Callable[[Path, ByteStream, _Reader, Set[int]], Iterator[bytes]]] = {
    "json lines": _cut_lines,
    "json": _cut_json,
    "csv": _cut_csv,
}


def _cut_parquet(path: Path, compressed: bool, numbers: Set[int], sink: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with parquet._plain(path, compressed) as plain, pq.ParquetFile(plain, memory_map=False) as file:
        schema, start, removed = file.schema_arrow, 1, sorted(numbers)
        with pq.ParquetWriter(sink, schema, **_as_written(file.metadata)) as writer:
            for group in range(file.num_row_groups):
                try:
                    table = file.read_row_group(group, use_threads=False)
                except (OSError, ValueError, MemoryError, NotImplementedError) as error:
                    reason = parquet._first_line(error)
                    raise DataError(
                        f"row group {group + 1:,} of '{path}' is damaged ({reason})",
                        "clean a file that is whole",
                    ) from None
                first, start = start, start + table.num_rows
                gone = [n - first for n in removed[bisect_left(removed, first) : bisect_left(removed, start)]]
                edges = zip([-1, *gone], [*gone, table.num_rows], strict=True)
                kept = pa.concat_tables([table.slice(a + 1, b - a - 1) for a, b in edges])
                if kept.num_rows or not table.num_rows:
                    writer.write_table(kept, row_group_size=max(1, kept.num_rows))


def _as_written(metadata: Any) -> dict[str, Any]:
    """The writer's options with which a file of this metadata comes out alike."""
    if not metadata.num_row_groups:
        return {}
    group = metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return {
        "compression": {
            c.path_in_schema: "NONE" if c.compression == "UNCOMPRESSED" else c.compression for c in columns
        },
        "use_dictionary": [c.path_in_schema for c in columns if c.has_dictionary_page],
        "use_compliant_nested_type": False,  # the names inside lists are those that were read
        "use_deprecated_int96_timestamps": any(c.physical_type == "INT96" for c in columns),
    }
