"""The rows that an audit's flagged findings name, the most suspect first, as records and as Parquet."""

# pyarrow has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

from collections.abc import Sequence
from pathlib import Path

from theodolite.audit.choosing import flagged_of
from theodolite.audit.placing import written_whole
from theodolite.core import Audit, Finding, rank_rows
from theodolite.core.record import Claim, Record

__all__ = ["Suspect", "suspects", "write_suspects"]


class Suspect(Record):
    """A row that flagged findings name."""

    place: int
    """1 for the most suspect; rows that nothing tells apart share a place."""
    pointer: str
    """The row, as `data:NAME#ROW`."""
    p_value: float
    """The smallest uncorrected p of the findings that name it."""
    findings: int
    """How many flagged findings name it."""
    leading: str
    """The strongest of them, as `instrument/key`."""
    claim: Claim | None
    """How far that one goes."""


def suspects(audit: Audit, claims: Sequence[str] | None = None) -> list[Suspect]:
    """Returns the rows that flagged findings name, by `theodolite.core.rank_rows`; ties in the file's order.

    Of a finding with more than 10,000 rows the audit lists only the first.

    Args:
        audit: the audit.
        claims: how far a finding must go to count; None for all.

    Raises:
        SpecError: there is no such claim.
    """
    found = sorted(flagged_of(audit, claims), key=_strength)
    ranks = rank_rows((_strength(f), f.rows) for f in found)
    naming: dict[str, list[Finding]] = {}
    for finding in found:
        for pointer in dict.fromkeys(finding.rows):
            naming.setdefault(pointer, []).append(finding)
    return [
        Suspect(
            place=ranks[pointer],
            pointer=pointer,
            p_value=_strength(by[0]),
            findings=len(by),
            leading=by[0].id,
            claim=by[0].claim,
        )
        for pointer, by in sorted(naming.items(), key=lambda item: (ranks[item[0]], *_number(item[0])))
    ]


def write_suspects(out: Path, rows: Sequence[Suspect]) -> None:
    """Writes the rows as Parquet, a column for each field, whole or not at all.

    Args:
        out: where; it must not be there.
        rows: what `suspects` returned.

    Raises:
        OutputError: it cannot be written, or is there.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"place": pa.int64(), "p_value": pa.float64(), "findings": pa.int64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in Suspect.model_fields])
    with written_whole(out) as part:
        pq.write_table(pa.Table.from_pylist([row.model_dump() for row in rows], schema=schema), part)


def _strength(finding: Finding) -> float:
    return 1.0 if finding.p_value is None else finding.p_value


def _number(pointer: str) -> tuple[int, str]:
    number = pointer.rpartition("#")[2]
    return (int(number) if number.isascii() and number.isdigit() else 0, pointer)
