"""Subject against control: screening on half A, one correction on half B, verdicts, one name per cause."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from theodolite.core.finding import Finding, Hypothesis, Measure
from theodolite.core.inference import contrast, gap, p_values
from theodolite.core.record import Verdict
from theodolite.core.statistic import Estimate, Marked, estimate
from theodolite.errors import ContractError
from theodolite.stats import HolmStep, holm

__all__ = [
    "Pair",
    "Result",
    "compare",
    "judge",
    "lead_with_plainest",
    "screen",
    "share_rows",
    "strongest_associations",
]

MOST_TIMES_AS_MANY = 4
"""Rows of the larger of two findings for one of the smaller, for the two to be one cause."""
WORTH_ASKING = 0.001
NEARLY = 0.8
"""Share of the rows of the larger of two findings that both hold, for one to be told and not the other."""
ROUNDING = 1e-9
"""By how much the weights of one instrument may exceed 1."""
REQUIRED_POWER = 0.8
"""`clear` needs at least this much calibrated power at the margin."""


@dataclass(frozen=True)
class Pair:
    """One hypothesis as measured on the subject and, where there is one, on the control."""

    instrument: str
    hypothesis: Hypothesis
    subject: Measure
    control: Measure | None


@dataclass(frozen=True)
class Result:
    """What the comparison makes of a pair."""

    pair: Pair
    subject: Estimate
    control: Estimate | None
    contrast: Estimate | None
    p_value: float
    step: HolmStep | None


def screen(pairs: Sequence[Pair], keep: int) -> list[Hypothesis]:
    """Returns the `keep` hypotheses that half A speaks for most, each cause under its first name only.

    Half A chooses, half B judges: what is picked here costs the correction one test each, and what is
    dropped costs nothing. Pairs whose fingerprints agree on the subject rest on the very same units.
    """
    p = _p_values(pairs)
    subject_exceeds = [exceeds(pair) for pair in pairs]
    order = sorted(range(len(pairs)), key=lambda i: (p[i] if subject_exceeds[i] else 2.0, i))
    kept: list[Hypothesis] = []
    seen: set[tuple[str, str]] = set()
    for i in order:
        if len(kept) == keep:
            break
        hypothesis, fingerprint = pairs[i].hypothesis, pairs[i].subject.fingerprint
        cause = (hypothesis.claim, fingerprint)
        if fingerprint and cause in seen:
            continue
        seen.add(cause)
        kept.append(hypothesis)
    return kept


def exceeds(pair: Pair) -> bool:
    """Whether the subject has more than the control, or there is nothing to hold it against."""
    return not _in_family(pair) or _gap(pair) > 0


def strongest_associations(pairs: Sequence[Pair]) -> list[Hypothesis]:
    """Returns the associations whose own p is small, the smallest first: worth the cost of another test."""
    p = _p_values(pairs)
    order = sorted(range(len(pairs)), key=lambda i: (p[i], pairs[i].hypothesis.plainness, i))
    return [
        pairs[i].hypothesis
        for i in order
        if p[i] < WORTH_ASKING and pairs[i].hypothesis.claim == "association"
    ]


def compare(pairs: Sequence[Pair], alpha: float) -> list[Result]:
    """Returns a result for each pair, in order: one family, one Holm correction, adjusted intervals.

    Every instrument has an equal share of alpha, however many questions it asks; inside an instrument each
    hypothesis has the share that its weight says. Marks are tested against a control or, without one, inside
    the subject. All other pairs without a control are outside the family: they get estimates and an inside
    p, but no contrast.

    Raises:
        ContractError: the weights of one instrument's hypotheses sum to more than 1.
    """
    p = _p_values(pairs)
    family = [i for i, pair in enumerate(pairs) if _in_family(pair)]
    weights = _weights([pairs[i] for i in family])
    steps = dict(zip(family, holm([p[i] for i in family], alpha, weights), strict=True))
    results: list[Result] = []
    for i, pair in enumerate(pairs):
        step = steps.get(i)
        control = pair.control
        results.append(
            Result(
                pair=pair,
                subject=estimate(pair.subject.statistic),
                control=None if control is None else estimate(control.statistic),
                contrast=None
                if step is None
                else contrast(
                    pair.subject.statistic, None if control is None else control.statistic, 1 - step.alpha
                ),
                p_value=p[i],
                step=step,
            )
        )
    return results


def judge(contrast: Estimate | None, margin: float, power: float | None) -> Verdict:
    """Returns the verdict on one contrast.

    flagged: its interval lies above zero. clear: its interval ends below the margin, and an effect of the
    margin's size would have been flagged with a measured power of at least 0.8. Otherwise inconclusive.
    """
    if contrast is None:
        return "inconclusive"
    if contrast.low > 0:
        return "flagged"
    if contrast.high < margin and power is not None and power >= REQUIRED_POWER:
        return "clear"
    return "inconclusive"


def share_rows(findings: Sequence[Finding], overlap: float = 0.8) -> list[Finding]:
    """Returns the findings with `related` filled in: flagged ones, the rows of one mostly in the other's.

    So the shadow of a cause (part of a trigger, a word of a planted sentence) is told from a second cause. A
    pattern in four times as many rows is no shadow: whatever is frequent holds most of what is rare.
    """
    flagged = [f for f in findings if f.verdict == "flagged" and f.rows]
    rows: Mapping[str, frozenset[str]] = {f.id: frozenset(f.rows) for f in flagged}
    related: dict[str, list[str]] = {f.id: [] for f in flagged}
    for i, one in enumerate(flagged):
        for other in flagged[i + 1 :]:
            a, b = rows[one.id], rows[other.id]
            small, large = sorted((len(a), len(b)))
            if large <= MOST_TIMES_AS_MANY * small and len(a & b) > overlap * small:
                related[one.id].append(other.id)
                related[other.id].append(one.id)
    return [f.model_copy(update={"related": tuple(related.get(f.id, ()))}) for f in findings]


def lead_with_plainest(findings: Sequence[Finding], plainness: Mapping[str, int]) -> list[Finding]:
    """Returns the findings with the plainest name of each cause where its strongest name was.

    A name takes the lead only if its claim is as strong and its rows are nearly the same: of the parts and
    shadows of a planted phrase some are by chance a little stronger than the phrase itself.

    Args:
        findings: sorted by strength, with `related` filled in.
        plainness: of each finding by its id; the smallest is the plainest.
    """
    order = list(findings)
    by_id = {f.id: f for f in findings}
    led: set[str] = set()
    for first in findings:
        if not first.related or first.id in led:
            continue
        led |= {first.id, *first.related}
        rows = frozenset(first.rows)
        names = [f for i in first.related if (f := by_id[i]).claim == first.claim and _nearly(rows, f.rows)]
        best = min([first, *names], key=lambda f: plainness.get(f.id, 0))
        if best is not first:
            order.remove(best)
            order.insert(order.index(first), best)
    return order


def _nearly(rows: frozenset[str], others: Sequence[str]) -> bool:
    both = rows & frozenset(others)
    return len(both) >= NEARLY * max(len(rows), len(others))


def _weights(family: Sequence[Pair]) -> list[float]:
    """Each pair's share of alpha: equal between instruments, by its hypothesis's weight inside one."""
    carried = Counter(pair.instrument for pair in family)
    shares = [pair.hypothesis.weight or 1 / carried[pair.instrument] for pair in family]
    sums: dict[str, float] = defaultdict(float)
    for pair, share in zip(family, shares, strict=True):
        sums[pair.instrument] += share
    for name, total in sums.items():
        if total > 1 + ROUNDING:
            raise ContractError(f"the weights of {name}'s hypotheses sum to {total:.9g}, which is above 1")
    return [
        share / len(carried) / max(1.0, sums[p.instrument]) for share, p in zip(shares, family, strict=True)
    ]


def _p_values(pairs: Sequence[Pair]) -> list[float]:
    """The p of each pair: against the control where there is one, inside the subject elsewhere."""
    p = [1.0] * len(pairs)
    for controlled in (True, False):
        places = [i for i, pair in enumerate(pairs) if (pair.control is not None) == controlled]
        subjects = [pairs[i].subject.statistic for i in places]
        controls = [c.statistic for i in places if (c := pairs[i].control) is not None]
        if places:
            for i, value in zip(places, p_values(subjects, controls if controlled else None), strict=True):
                p[i] = float(value)
    return p


def _in_family(pair: Pair) -> bool:
    """Whether the pair has a contrast: marks have one without a control too."""
    return pair.control is not None or isinstance(pair.subject.statistic, Marked)


def _gap(pair: Pair) -> float:
    return gap(pair.subject.statistic, None if pair.control is None else pair.control.statistic)
