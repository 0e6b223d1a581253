"""The ledger of a cleaning: which rows went, and which findings named them."""

import json
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from theodolite.core import DataFacts, Finding
from theodolite.core.record import Claim, Record, Verdict
from theodolite.errors import OutputError
from theodolite.targets.rows.cutting import fingerprint_of

__all__ = ["Cleaned", "CleanedFor", "check_ledger", "cleaned_for", "ledger_head", "write_ledger"]

FORMAT = "theodolite-removed/1"
"""Version of the ledger's schema."""


class CleanedFor(Record):
    """A finding whose rows were removed."""

    instrument: str
    """The instrument that asked."""
    key: str
    """The finding's key."""
    claim: Claim | None
    """How far it goes."""
    statement: str
    """What it says."""
    p_adjusted: float | None
    """Its p after the correction over the whole audit."""
    rows: int
    """Rows that it names; 0 where the audit could not point at any."""


class Cleaned(Record):
    """What a cleaning did, or, after a dry run, would do."""

    rows_in: int
    """Readable rows of the file."""
    rows_out: int
    """Readable rows that stay."""
    removed: int
    """Rows that go."""
    removed_for_related: int
    """Those of them that no finding names but such as share a cause with an earlier, stronger one."""
    other_names: int
    """Flagged findings of these claims that were left aside, as other names of a cause that is followed."""
    other_names_rows: int
    """Rows that these would add, as far as the audit lists them."""
    rows_unreadable: int
    """Rows that could not be read; they stay as they are."""
    repeats_kept: int
    """Rows that stay although their normalised text equals that of a removed one."""
    out: str
    """The file of the rows that stay."""
    ledger: str
    """The file that says what went and why."""
    dry_run: bool
    """Whether nothing was written."""
    audit_verdict: Verdict
    """The audit's verdict."""
    findings: tuple[CleanedFor, ...]
    """The findings whose rows go."""
    flagged_left: int
    """Flagged findings that were not asked for, other names of a cause that is followed not counted."""


def cleaned_for(finding: Finding) -> CleanedFor:
    """Returns what the summary and the ledger say of a finding."""
    return CleanedFor(
        instrument=finding.instrument,
        key=finding.key,
        claim=finding.claim,
        statement=finding.statement,
        p_adjusted=finding.p_adjusted,
        rows=len(set(finding.rows)),
    )


def ledger_head(cleaned: Cleaned, facts: DataFacts, audit: Path) -> dict[str, Any]:
    """Returns the ledger's first line, but for what is known when the rows are written.

    Args:
        cleaned: the cleaning.
        facts: the data file, as the audit saw it.
        audit: the run directory, or its audit.json.
    """
    file = audit / "audit.json" if audit.is_dir() else audit
    return {
        "format": FORMAT,
        "theodolite": version("theodolite"),
        "audit": {"verdict": cleaned.audit_verdict, "fingerprint": fingerprint_of(file)},
        "source": {"file": facts.name, "fingerprint": facts.fingerprint, "rows": cleaned.rows_in},
        "out": {"file": Path(cleaned.out).name, "rows": cleaned.rows_out},
        "removed": cleaned.removed,
        "rows_unreadable": cleaned.rows_unreadable,
        "findings": [f.model_dump(mode="json") for f in cleaned.findings],
    }


def check_ledger(ledger: Path, head: dict[str, Any]) -> None:
    """Refuse a ledger that is there, unless this very cleaning was killed behind it.

    Raises:
        OutputError: another ledger, or something else, has that name.
    """
    if not os.path.lexists(ledger):
        return
    try:
        with ledger.open(encoding="ascii") as file:
            there = json.loads(file.readline())
        there["out"].pop("fingerprint")
        there.pop("repeats_kept")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        there = None
    if there != json.loads(json.dumps(head)):
        raise OutputError(f"{str(ledger)!r} already exists", "choose another --out")


def write_ledger(
    path: Path,
    head: dict[str, Any],
    named: Mapping[int, Sequence[Finding]],
    removed: Mapping[int, int],
) -> None:
    """Writes the ledger in JSON Lines: its head, then the removed rows in the file's order.

    Args:
        path: where.
        head: the first line.
        named: the findings that name each row, by row number.
        removed: the text hash of each row, by row number.
    """
    said = ("instrument", "key", "claim", "statement", "p_adjusted")
    with path.open("w", encoding="ascii") as file:
        file.write(json.dumps(head) + "\n")
        for number in sorted(named):
            line = {
                "row": number,
                "pointer": f"data:{head['source']['file']}#{number}",
                "text_hash": f"{removed[number]:016x}",
                "findings": [{name: getattr(f, name) for name in said} for f in named[number]],
            }
            file.write(json.dumps(line) + "\n")
