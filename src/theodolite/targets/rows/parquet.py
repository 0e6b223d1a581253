"""Parquet files, batch by batch, through pyarrow."""

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.errors import DataError
from theodolite.targets.rows.remarks import Remarks, quoted
from theodolite.targets.rows.row import Unreadable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

PARQUET = b"PAR1"
_BATCH = 256
_NUMBERED = 1_000_000


def parquet_rows(
    path: Path, compressed: bool, wanted: frozenset[str], remarks: Remarks
) -> Iterator[tuple[int, object]]:
    """Record numbers and `{column: value}` of the `wanted` columns, `Unreadable` in damaged pages."""
    import pyarrow.parquet as pq

    with _plain(path, compressed) as plain:
        try:
            file = pq.ParquetFile(plain, memory_map=False, pre_buffer=False)
            names = list(file.schema_arrow.names)
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        except Exception as error:
            raise DataError(
                f"'{path}' is no readable Parquet file ({_first_line(error)})", "write it again"
            ) from None
        with file:
            read = [name for name in names if name in wanted]
            remarks.see_fields(names, read)
            if not read:
                raise DataError(
                    f"'{path}' has no column of a known name, only {quoted(names)}",
                    "say with --columns which of them hold the text",
                )
            start = 1
            for group, size in enumerate(sizes):
                yield from _group(file, group, read, start, size)
                start += size


def _group(
    file: "pq.ParquetFile", group: int, names: list[str], start: int, size: int
) -> Iterator[tuple[int, object]]:
    number = start
    try:
        for batch in file.iter_batches(_BATCH, row_groups=[group], columns=names, use_threads=False):
            for record in _records(batch):
                yield number, Unreadable(number, record) if isinstance(record, str) else record
                number += 1
    except (OSError, ValueError, MemoryError, NotImplementedError) as error:
        # How many rows a group has is the file's own claim, so their numbers are not listed without a bound.
        for lost in range(number, min(start + size, number + _NUMBERED)):
            yield lost, Unreadable(lost, f"lies in a damaged part of the Parquet file ({_first_line(error)})")


def _records(batch: "pa.RecordBatch") -> Iterator[dict[str, Any] | str]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for i in range(batch.num_rows):
            yield _record(batch, i)


def _record(batch: "pa.RecordBatch", i: int) -> dict[str, Any] | str:
    import pyarrow as pa

    record = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            record[name] = column[i].as_py()
        except UnicodeDecodeError:
            if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
                return f"holds bytes that are not UTF-8 inside '{name}'"
            wide = pa.binary() if pa.types.is_string(column.type) else pa.large_binary()
            record[name] = column.slice(i, 1).view(wide)[0].as_py().decode("utf-8", "surrogateescape")
    return record


@contextmanager
def _plain(path: Path, compressed: bool) -> Iterator[Path]:
    if not compressed:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="theodolite-") as folder:
        plain = Path(folder, "data.parquet")
        try:
            with gzip.open(path) as source, plain.open("wb") as target:
                shutil.copyfileobj(source, target, 2**20)
        except (EOFError, zlib.error, OSError) as error:
            raise DataError(
                f"'{path}' cannot be decompressed ({_first_line(error)})", "write it again"
            ) from None
        yield plain


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:120]
