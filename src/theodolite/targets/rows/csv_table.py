"""Comma or tab separated values with a header."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from theodolite.errors import DataError
from theodolite.targets.rows.remarks import short
from theodolite.targets.rows.row import Unreadable
from theodolite.targets.rows.stream import MAX_ROW_BYTES, TOO_LONG, ByteStream

_SEPARATORS = ",\t;|"


class _Lines:
    """The lines of a table, none longer than a row may be."""

    def __init__(self, reader: "io.BufferedReader[ByteStream]") -> None:
        self._text = io.TextIOWrapper(reader, "utf-8", errors="surrogateescape", newline="")
        self.too_long = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_ROW_BYTES)
        if not line:
            raise StopIteration
        if len(line) == MAX_ROW_BYTES and not line.endswith(("\n", "\r")):
            while (rest := self._text.readline(2**20)) and not rest.endswith(("\n", "\r")):
                pass
            self.too_long = True
            return "\n"
        return line


def csv_rows(
    path: Path, stream: ByteStream, reader: "io.BufferedReader[ByteStream]"
) -> Iterator[tuple[int, object]]:
    """Record numbers and `{column: cell}`, or an `Unreadable` for a record that does not fit the header."""
    lines = _Lines(reader)
    top = next((line for line in lines if line.strip()), "")
    records = csv.reader(chain([top], lines), delimiter=_separator(top), strict=True)
    header = _header(path, _next_record(records))
    number, line = 0, records.line_num
    while (cells := _next_record(records)) is not None:
        first, line = line + 1, records.line_num
        if cells == [] or (len(header) > 1 and len(cells) == 1 and not cells[0].strip()):
            continue  # a blank line
        number += 1
        place = f" (lines {first:,} to {line:,})" if line > first else ""
        if lines.too_long:
            lines.too_long = False
            yield number, Unreadable(number, TOO_LONG)
        elif isinstance(cells, str):
            yield number, Unreadable(number, f"is not valid CSV: {cells}{place}")
        elif len(cells) == len(header):
            yield number, dict(zip(header, cells, strict=True))
        else:
            counts = f"has {len(cells):,} cell{'s' * (len(cells) != 1)} where the header has {len(header):,}"
            yield number, Unreadable(number, counts + place)
    if stream.failure:
        yield number + 1, Unreadable(number + 1, stream.failure)


def _separator(line: str) -> str:
    return max(_SEPARATORS, key=line.count)


def _header(path: Path, cells: list[str] | str | None) -> list[str]:
    names = [cell.strip() for cell in cells] if isinstance(cells, list) else []
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise DataError(f"'{path}' has more than one column named {short(twice[0])}", "rename one of them")
    if not any(names):
        raise DataError(f"'{path}' has no header line", "name its columns in the first line")
    return names


def _next_record(records: "Iterator[list[str]]") -> list[str] | str | None:
    with _wide_cells():
        try:
            return next(records)
        except StopIteration:
            return None
        except csv.Error as error:
            return str(error)


@contextmanager
def _wide_cells() -> Iterator[None]:
    # The csv module has one limit for the whole process: it is put back for whoever else uses it.
    before = csv.field_size_limit(MAX_ROW_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def looks_like_csv(line: str, known: frozenset[str]) -> bool:
    """Whether the header `line` names a column that is known."""
    names = line.strip().split(_separator(line))
    return any(name.strip().strip('"').strip() in known for name in names)
