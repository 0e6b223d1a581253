"""The scores of all rows of a data file as Parquet: row, pointer, score."""

# pyarrow has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.audit.placing import written_whole
from theodolite.errors import OutputError, SpecError

__all__ = ["check_score_file", "write_scores"]


def check_score_file(out: Path) -> None:
    """Refuse an output that is there already or cannot be written.

    Raises:
        SpecError: it does not end in .parquet.
        OutputError: it is there, or has no folder.
    """
    if out.suffix != ".parquet":
        raise SpecError(f"--out {out.name!r} names no Parquet file", "end it in .parquet")
    if os.path.lexists(out):
        raise OutputError(f"{str(out)!r} already exists", "choose another --out")
    if not out.parent.is_dir():
        raise OutputError(f"there is no folder {str(out.parent)!r}", "make it, or choose another --out")


def write_scores(
    out: Path, name: str, slices: Iterable[tuple[NDArray[np.int64], NDArray[np.float64]]]
) -> None:
    """Writes the scores, whole or not at all; that of a row without a response (nan) becomes null.

    Args:
        out: where; it must not be there.
        name: the data file's name, as pointers write it.
        slices: numbers and scores of rows, in the file's order.

    Raises:
        OutputError: it cannot be written, or is there.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("row", pa.int64()), ("pointer", pa.string()), ("score", pa.float64())])
    with written_whole(out) as part, pq.ParquetWriter(part, schema) as writer:
        for numbers, scores in slices:
            pointers = [f"data:{name}#{n}" for n in numbers.tolist()]
            columns = [pa.array(numbers), pa.array(pointers), pa.array(scores, from_pandas=True)]
            writer.write_table(pa.table(columns, schema=schema))
