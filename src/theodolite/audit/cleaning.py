"""Training data without the rows that an audit flagged, and a ledger of what went and why.

    OUT                  the rows that stay, byte for byte as they were (Parquet: value for value)
    OUT.removed.jsonl    a line about the cleaning as a whole, then a line for each removed row

Both appear whole or not at all, the ledger first: where OUT is, its ledger is too. A cleaning that was killed
starts again and ends with the same bytes.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from theodolite.audit.choosing import choose_findings, leading, rows_named
from theodolite.audit.opening import DEMO
from theodolite.audit.placing import check_out, part_beside, place
from theodolite.audit.reading import read_audit
from theodolite.audit.removals import Cleaned, check_ledger, cleaned_for, ledger_head, write_ledger
from theodolite.core import Audit, DataFacts, Finding
from theodolite.errors import DataError, OutputError, SpecError
from theodolite.targets import Data, Row, Unreadable, open_data
from theodolite.targets.rows.cutting import fingerprint_of, read_rows, write_without

__all__ = ["clean_data"]

Progress = Callable[[str, float], None]


@dataclass
class _Rows:
    """What one pass over rows found."""

    kept: int = 0
    unreadable: int = 0
    repeats: int = 0
    removed: dict[int, int] = field(default_factory=dict[int, int])  # number -> text hash
    digest: str = ""


def clean_data(
    file: str | Path,
    audit: Path,
    out: Path,
    claims: Sequence[str] | None = None,
    findings: Sequence[str] = (),
    *,
    all_names: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda _step, _share: None,
) -> Cleaned:
    """Writes the rows of a data file that no chosen finding names, and the ledger of the others.

    Args:
        file: the very file that was audited, or `demo:NAME`.
        audit: the run directory, or its audit.json.
        out: the file to write, of the same ending; its ledger is `OUT.removed.jsonl`.
        claims: how far a flagged finding must go to be followed; None for association and confirmed. Of each
            cause only the finding that the audit lists first is followed.
        findings: single flagged findings instead, by their keys.
        all_names: follow the other names of each cause too.
        dry_run: count, and write nothing.
        progress: told the step at work and the share of it that is done.

    Raises:
        UserError: the file is not the audited one, a finding cannot be followed, or the output is there.
    """
    path, is_demo = _path_of(file)
    check_out(path, out)
    record = read_audit(audit)
    facts = _audited_data(record)
    chosen, others = choose_findings(record, claims, findings, all_names)
    named = rows_named(chosen, facts.name)
    data = _open(path, facts, {} if is_demo else record.spec.columns, progress)
    before = _survey(data, named, progress)
    cleaned = Cleaned(
        rows_in=data.summary.rows,
        rows_out=before.kept,
        removed=len(named),
        removed_for_related=len(named.keys() - rows_named(leading(chosen), facts.name).keys()),
        other_names=len(others),
        other_names_rows=len({r for f in others for r in f.rows}.difference(*(f.rows for f in chosen))),
        rows_unreadable=data.summary.unreadable_total,
        repeats_kept=0,
        out=str(out),
        ledger=f"{out}.removed.jsonl",
        dry_run=dry_run,
        audit_verdict=record.verdict,
        findings=tuple(map(cleaned_for, chosen)),
        flagged_left=sum(f.verdict == "flagged" for f in record.findings) - len(chosen) - len(others),
    )
    if dry_run:
        kept = (row for row in data.rows() if row.number not in named) if named else ()
        return cleaned.model_copy(update={"repeats_kept": _review(kept, before.removed).repeats})
    head = ledger_head(cleaned, facts, audit)
    check_ledger(Path(cleaned.ledger), head)
    try:
        return _write(cleaned, head, data, named, before, progress)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {str(out)!r} ({reason})", "make room or choose another --out"
        ) from None


def _path_of(file: str | Path) -> tuple[Path, bool]:
    """The file, and whether it is an embedded organism's."""
    if str(file).startswith(DEMO):
        from theodolite.organisms import demo

        return demo(str(file).removeprefix(DEMO)).data, True
    return Path(file), False


def _audited_data(audit: Audit) -> DataFacts:
    if audit.subject.data is None:
        raise SpecError(
            f"the audit of {audit.subject.name!r} looked at no data", "name an audit that had --data"
        )
    return audit.subject.data


def _open(path: Path, facts: DataFacts, columns: Mapping[str, str], progress: Progress) -> Data:
    """The audited file, opened as the audit opened it."""
    found = fingerprint_of(path)
    if found != facts.fingerprint:
        raise DataError(
            f"{str(path)!r} is not the file that was audited: its BLAKE2b is {found[:16]}..., and that of "
            f"the audit's {facts.name!r} is {facts.fingerprint[:16]}...",
            "name the file as it was audited, or audit this one",
        )
    return open_data(path, columns, lambda done, all: progress("reading", done / all))


def _survey(data: Data, named: Mapping[int, Sequence[Finding]], progress: Progress) -> _Rows:
    """What stays, as a digest, and the hashes of what goes; every row that is named must be there."""
    found = _Rows()

    def kept() -> Iterator[Row]:
        for row in data.rows():
            if row.number in named:
                found.removed[row.number] = row.text_hash
            else:
                yield row

    seen = _review(kept(), {}, lambda n: progress("choosing", n / data.summary.rows))
    missing = sorted(named.keys() - found.removed.keys())
    if missing:
        raise DataError(
            f"the audit points at row {missing[0]:,} of {data.name!r}, which holds none that can be read",
            "audit the file again",
        )
    if not seen.kept:
        raise DataError(
            f"no row of {data.name!r} would stay", "name single findings with --finding, or drop the file"
        )
    found.kept, found.digest = seen.kept, seen.digest
    return found


def _review(
    rows: Iterable[Row | Unreadable],
    removed: Mapping[int, int],
    progress: Callable[[int], None] = lambda _rows: None,
) -> _Rows:
    """Count rows, and those whose text is that of a removed one; the digest is of all their text in order."""
    found, gone, digest = _Rows(), frozenset(removed.values()), blake2b(digest_size=32)
    for row in rows:
        if isinstance(row, Unreadable):
            found.unreadable += 1
            continue
        found.kept += 1
        found.repeats += bool(gone) and row.text_hash in gone
        turns = [(turn.role, turn.text) for turn in row.turns]
        digest.update(repr((turns, row.rejected, row.source)).encode("utf-8", "surrogatepass"))
        if found.kept % 2048 == 0:
            progress(found.kept)
    found.digest = digest.hexdigest()
    return found


def _write(
    cleaned: Cleaned,
    head: dict[str, Any],
    data: Data,
    named: Mapping[int, Sequence[Finding]],
    before: _Rows,
    progress: Progress,
) -> Cleaned:
    out, ledger = Path(cleaned.out), Path(cleaned.ledger)
    with part_beside(out) as part, part_beside(ledger) as ledger_part:
        progress("writing", 0.0)
        if named:
            with part.open("wb") as target:
                write_without(data, named.keys(), target)
        else:
            shutil.copyfile(data.path, part)
        progress("writing", 1.0)
        rows = read_rows(part, data.columns)
        after = _review(rows, before.removed, lambda n: progress("checking", n / before.kept))
        if (after.digest, after.unreadable) != (before.digest, data.summary.unreadable_total):
            raise DataError(
                f"what is left of {data.name!r} without {len(named):,} rows would not be read as before",
                "convert the file to JSON Lines and audit that",
            )
        cleaned = cleaned.model_copy(update={"repeats_kept": after.repeats})
        head["out"]["fingerprint"] = fingerprint_of(part)
        head["repeats_kept"] = after.repeats
        write_ledger(ledger_part, head, named, before.removed)
        place(ledger_part, ledger, same_is_fine=True)
        place(part, out)
    return cleaned
