"""Which findings of an audit name the rows to be removed, and which rows those are."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple, get_args

from theodolite.core import Audit, Finding
from theodolite.core.record import Claim
from theodolite.errors import DataError, SpecError

__all__ = ["MORE_THAN_A_DIFFERENCE", "Choice", "choose_findings", "flagged_of", "leading", "rows_named"]

MORE_THAN_A_DIFFERENCE: tuple[Claim, ...] = ("association", "confirmed")
"""The claims that may say poison: that two sets differ is no reason to remove anything."""


class Choice(NamedTuple):
    """Flagged findings, in the audit's order."""

    followed: list[Finding]
    """Those whose rows are to go."""
    other_names: list[Finding]
    """Those that go as far but share their cause with one that is followed: they are left aside."""


def choose_findings(
    audit: Audit, claims: Sequence[str] | None = None, keys: Sequence[str] = (), all_names: bool = False
) -> Choice:
    """Returns the flagged findings whose rows are to go: of each cause the one that the audit lists first.

    Args:
        audit: the audit.
        claims: how far a finding must go; None for association and confirmed.
        keys: single findings instead, each by its `key` or its `instrument/key`, whatever they claim.
        all_names: follow every finding of these claims, the other names of a cause too.

    Raises:
        SpecError: there is no such claim or finding, the finding is not flagged, or keys were given with
            claims or all names.
    """
    if keys and (claims is not None or all_names):
        other = "--claims" if claims is not None else "--all-names"
        raise SpecError(f"--finding and {other} both say which findings to take", "give one of them")
    if keys:
        picked = {f.id: f for f in (_named(audit, k) for k in keys)}
        return Choice(sorted(picked.values(), key=audit.findings.index), [])
    found = flagged_of(audit, MORE_THAN_A_DIFFERENCE if claims is None else claims)
    followed = found if all_names else leading(found)
    return Choice(followed, [f for f in found if f not in followed])


def flagged_of(audit: Audit, claims: Sequence[str] | None) -> list[Finding]:
    """Returns the flagged findings of some claims, in the audit's order; of all with None.

    Raises:
        SpecError: there is no such claim.
    """
    wanted = get_args(Claim) if claims is None else claims
    unknown = [claim for claim in wanted if claim not in get_args(Claim)]
    if unknown or not wanted:
        what = f"--claims names {unknown[0]!r}, which is no claim" if unknown else "--claims names none"
        raise SpecError(what, f"choose from: {', '.join(get_args(Claim))}")
    return [f for f in audit.findings if f.verdict == "flagged" and f.claim in wanted]


def rows_named(findings: Sequence[Finding], name: str) -> dict[int, list[Finding]]:
    """Returns, for each row that a finding points at, the findings that do, by row number.

    Args:
        findings: the findings.
        name: the data file's name, as pointers write it.

    Raises:
        DataError: a finding lists only part of its rows, or points at something else.
    """
    named: dict[int, list[Finding]] = {}
    for finding in findings:
        if finding.rows_total > len(finding.rows):
            raise DataError(
                f"{finding.id!r} has {finding.rows_total:,} rows behind it, of which the audit lists only "
                f"{len(finding.rows):,}, so that most of the pattern would stay",
                "audit the file in parts and clean those, or name other findings with --finding",
            )
        for pointer in dict.fromkeys(finding.rows):
            before, _, number = pointer.rpartition("#")
            if before != f"data:{name}" or not (number.isascii() and number.isdigit()):
                raise DataError(
                    f"{finding.id!r} points at {pointer[:100]!r}, which is no row of {name!r}",
                    "leave that finding out, by naming the others with --finding",
                )
            named.setdefault(int(number), []).append(finding)
    return named


def leading(findings: Sequence[Finding]) -> list[Finding]:
    """Returns the first finding of each cause: each that shares its cause with no leading one before it."""
    led: list[Finding] = []
    for finding in findings:
        if not any(f.id in finding.related or finding.id in f.related for f in led):
            led.append(finding)
    return led


def _named(audit: Audit, key: str) -> Finding:
    found = [f for f in audit.findings if key in (f.id, f.key)]
    if len(found) > 1:
        raise SpecError(f"--finding {key!r} is the key of {len(found)} findings", f"write {found[0].id!r}")
    if not found:
        flagged = [f.id for f in audit.findings if f.verdict == "flagged"]
        close = get_close_matches(key, [*flagged, *(f.key for f in audit.findings)], n=1)
        hint = f"did you mean {close[0]!r}" if close else f"choose from: {', '.join(flagged[:5]) or 'none'}"
        raise SpecError(f"the audit has no finding {key!r}", hint)
    if found[0].verdict != "flagged":
        raise SpecError(
            f"the finding {key!r} is not flagged but {found[0].verdict}", "name one that is flagged"
        )
    return found[0]
