"""What belongs together: findings by cause, and the one chart that matters."""

from collections.abc import Sequence
from typing import Literal

from theodolite.core import Audit, Chart, Estimate, Finding, Series
from theodolite.report.numbers import is_excess, is_share, level_text
from theodolite.report.visible import cut

__all__ = ["causes", "overview_chart"]

_Role = Literal["subject", "control", "contrast"]

HERO_ROWS = 6
"""Findings in the first chart; more would push it off the first screen."""


def causes(audit: Audit) -> list[tuple[Finding, ...]]:
    """Returns the flagged findings, those that share their rows as one group, in the audit's order."""
    flagged = {f.id: f for f in audit.findings if f.verdict == "flagged"}
    groups: list[tuple[Finding, ...]] = []
    seen: set[str] = set()
    for start in flagged:
        if start in seen:
            continue
        group, open_ends = {start}, [start]
        while open_ends:
            for other in flagged[open_ends.pop()].related:
                if other in flagged and other not in group:
                    group.add(other)
                    open_ends.append(other)
        seen |= group
        groups.append(tuple(f for f in flagged.values() if f.id in group))
    return groups


def overview_chart(audit: Audit) -> Chart | None:
    """Returns subject against control: one row a cause or, if nothing is flagged, the top findings.

    Findings on different scales do not share an axis: those on the scale of the first one are drawn.
    """
    flagged = [group[0] for group in causes(audit)]
    measured = [f for f in flagged or sorted(audit.findings, key=_chance) if f.subject is not None]
    if not measured or measured[0].subject is None:
        return None
    shares = is_share(measured[0].subject)
    drawn = [f for f in measured if f.subject is not None and is_share(f.subject) == shares][:HERO_ROWS]
    sides: list[tuple[_Role, str, list[Estimate | None]]] = [
        ("subject", "subject", [f.subject for f in drawn]),
        ("control", "control", [f.control for f in drawn]),
        ("contrast", f"{_contrasts(drawn)}, corrected", [f.contrast for f in drawn]),
    ]
    return Chart(
        kind="forest",
        title="What was flagged" if flagged else "What comes closest",
        x_label=_levels(drawn),
        rows=tuple(_quoted(cut(f.statement, 200)) for f in drawn),
        series=tuple(_series(role, name, side) for role, name, side in sides if any(side)),
        percent=shares,
    )


def _series(role: _Role, name: str, estimates: Sequence[Estimate | None]) -> Series:
    placed = [(row, e) for row, e in enumerate(estimates) if e is not None]
    return Series(
        name=name,
        role=role,
        x=tuple(e.value for _, e in placed),
        y=tuple(float(row) for row, _ in placed),
        low=tuple(e.low for _, e in placed),
        high=tuple(e.high for _, e in placed),
    )


def _chance(finding: Finding) -> float:
    return 2.0 if finding.p_value is None else finding.p_value


def _levels(drawn: Sequence[Finding]) -> str:
    """The axis label: at which levels the intervals stand."""
    own = {e.level for f in drawn for e in (f.subject, f.control) if e is not None}
    corrected = {f.contrast.level for f in drawn if f.contrast is not None}
    low, high = (level_text(pick(corrected, default=0.0)) for pick in (min, max))
    both = low if low == high else f"{low} to {high}"
    return f"intervals at {level_text(max(own))}" + (f", of the difference at {both}" if corrected else "")


def _contrasts(drawn: Sequence[Finding]) -> str:
    kinds = {is_excess(f.contrast) for f in drawn if f.contrast is not None}
    return "excess over expected" if kinds == {True} else "difference"


def _quoted(statement: str) -> str:
    """Backticks are for HTML; in a drawing, quotation marks say the same."""
    parts = statement.split("`")
    if len(parts) % 2 == 0:
        return statement
    return "".join(f"“{part}”" if i % 2 else part for i, part in enumerate(parts))
