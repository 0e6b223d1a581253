"""The door to a file of training data: open it, learn what is in it, read its rows as often as needed."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from theodolite.errors import DataError
from theodolite.targets.rows.formats import Format, Records, format_of
from theodolite.targets.rows.remarks import CONTROL, Remarks, quoted, short
from theodolite.targets.rows.repeats import SeenBefore
from theodolite.targets.rows.row import Row, Unreadable
from theodolite.targets.rows.shapes import KNOWN_FIELDS, OWN_NAMES, ShapeReader
from theodolite.targets.rows.stream import check_file

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""

LISTED = 10_000
"""How many unreadable rows a `DataSummary` lists; it counts them all."""

_LONG = 1_000_000
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_REPORT_EVERY = 2048


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What one pass over a data file found.

    Args:
        rows: how many rows could be read.
        unreadable: those that could not, the first 10,000 of them.
        unreadable_total: how many could not.
        duplicates: how many rows repeat the text of an earlier one.
        shapes: how many rows came in each shape.
        longest: the length of the longest row in characters.
        notes: one sentence for each thing a reader of the audit should know.
    """

    rows: int
    unreadable: tuple[Unreadable, ...]
    unreadable_total: int
    duplicates: int
    shapes: Mapping[str, int]
    longest: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Data:
    """An opened file of training data, of which no row is held in memory.

    Args:
        path: the file.
        name: its name, as pointers use it.
        columns: our names of columns to the file's, as the caller gave them.
        fingerprint: BLAKE2b of its bytes.
        summary: what the first pass found.
    """

    path: Path
    name: str
    columns: Mapping[str, str]
    fingerprint: str
    summary: DataSummary
    _format: Format = field(repr=False)
    _stat: tuple[int, int] = field(repr=False)

    def rows(self) -> Iterator[Row]:
        """The readable rows in the file's order: a new pass over the file at every call."""
        if _stat(self.path) != self._stat:
            raise DataError(
                f"'{self.path}' has changed since it was opened", "let it rest while it is audited"
            )
        remarks = Remarks()
        shapes = ShapeReader(self.columns, remarks)
        for number, record in Records(self.path, self._format, _wanted(self.columns), remarks):
            row = record if isinstance(record, Unreadable) else shapes.row(number, record)
            if isinstance(row, Row):
                yield row

    def pointer(self, row: Row) -> str:
        """Where a person finds `row`: `data:train.jsonl#17`."""
        return f"data:{self.name}#{row.number}"


def open_data(
    path: str | Path, columns: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Data:
    """An opened data file, read through once to learn what is in it.

    Args:
        path: JSON Lines, JSON, CSV or Parquet, each plain or compressed with gzip.
        columns: our names (prompt, response, text, source, system, messages, chosen, rejected) to the file's.
        progress: told the bytes done and the bytes to do.

    Raises:
        DataError: the file is missing, empty, in no known format, or lacks a readable row or a named column.
    """
    path = Path(path)
    columns = dict(columns or {})
    for own in columns:
        if own not in OWN_NAMES:
            raise DataError(f"'{own}' is no name that --columns knows", f"use one of {', '.join(OWN_NAMES)}")
    try:
        check_file(path)
        stat = _stat(path)
        fingerprint = _fingerprint(path, progress)
        format = format_of(path, frozenset(columns.values()))
        summary = _summary(path, format, columns, progress)
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read ({error.strerror or error})", "check the file and the disk"
        ) from None
    return Data(path, path.name, columns, fingerprint, summary, format, stat)


def _summary(
    path: Path, format: Format, columns: Mapping[str, str], progress: Progress | None
) -> DataSummary:
    remarks = Remarks()
    shapes = ShapeReader(columns, remarks)
    records = Records(path, format, _wanted(columns), remarks)
    seen = SeenBefore()
    size = path.stat().st_size
    unreadable: list[Unreadable] = []
    rows = lost = duplicates = longest = longest_row = 0
    for number, record in records:
        if progress and number % _REPORT_EVERY == 0:
            progress(size + records.position, 2 * size)
        row = record if isinstance(record, Unreadable) else shapes.row(number, record)
        if isinstance(row, Unreadable):
            lost += 1
            if len(unreadable) < LISTED:
                unreadable.append(row)
            continue
        rows += 1
        duplicates += seen.add(row.text_hash)
        if (length := row.n_characters) > longest:
            longest, longest_row = length, number
        if _holds_control(row):
            remarks.see(CONTROL, number)
    if progress:
        progress(2 * size, 2 * size)
    _check_columns(path, columns, shapes, remarks)
    _check_rows(path, rows, unreadable)
    notes = remarks.sentences()
    if longest >= _LONG:
        notes.insert(0, f"row {longest_row:,} is {longest / 1e6:,.1f} million characters long")
    if duplicates:
        notes.insert(0, f"{duplicates:,} of {rows:,} rows repeat another row word for word")
    if lost:
        first = f"row {unreadable[0].number:,} {unreadable[0].reason}"
        notes.insert(0, f"{lost:,} of {rows + lost:,} rows cannot be read: {first}")
    return DataSummary(rows, tuple(unreadable), lost, duplicates, dict(remarks.shapes), longest, tuple(notes))


def _holds_control(row: Row) -> bool:
    texts = (
        [turn.text for turn in row.turns]
        if row.rejected is None
        else [row.rejected, row.prompt, row.response]
    )
    return any(_CONTROL.search(text) for text in texts)


def _check_columns(path: Path, columns: Mapping[str, str], shapes: ShapeReader, remarks: Remarks) -> None:
    missing = [name for name in columns.values() if name in shapes.columns_missing]
    if missing and remarks.fields:
        found = quoted(list(remarks.fields))
        raise DataError(f"'{path}' has no column {short(missing[0])}", f"choose from its columns {found}")


def _check_rows(path: Path, rows: int, unreadable: list[Unreadable]) -> None:
    if rows:
        return
    if not unreadable:
        raise DataError(f"'{path}' holds no row", "check how it was written")
    first = f"row {unreadable[0].number:,} {unreadable[0].reason}"
    remedy = (
        "say with --columns which fields hold the text" if "no known shape" in first else "correct the file"
    )
    raise DataError(f"no row of '{path}' can be read: {first}", remedy)


def _fingerprint(path: Path, progress: Progress | None) -> str:
    digest, size, done = blake2b(digest_size=32), path.stat().st_size, 0
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
            done += len(piece)
            if progress:
                progress(done, 2 * size)
    return digest.hexdigest()


def _wanted(columns: Mapping[str, str]) -> frozenset[str]:
    return KNOWN_FIELDS | set(columns.values())


def _stat(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116
    return found.st_size, found.st_mtime_ns
