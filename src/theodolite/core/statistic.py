"""What an instrument counts, and what the audit makes of the counts of a subject and its control.

An instrument hands over sufficient statistics, not finished intervals: only so can the audit correct for
everything that it tested, at a level that no instrument knows when it measures.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from theodolite.core.record import Record
from theodolite.stats import (
    AssociationTable,
    association_p,
    difference_interval,
    difference_p,
    mean_difference,
    mean_interval,
    rate_interval,
)

__all__ = ["Association", "Estimate", "Rate", "Sample", "Statistic", "contrast", "estimate", "p_values"]


class Estimate(Record):
    """A number with its interval."""

    value: float
    """The point estimate."""
    low: float
    """The interval's lower end."""
    high: float
    """The interval's upper end."""
    level: float
    """The interval's confidence level."""
    n: int
    """Independent units behind it (rows, prompts, runs), never tokens."""
    method: str
    """How the interval was made."""


class Rate(Record):
    """k of n independent units."""

    kind: Literal["rate"] = "rate"
    k: int = Field(ge=0)
    """Units with the property."""
    n: int = Field(ge=0)
    """Units looked at."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.k > self.n:
            raise ValueError(f"a rate of {self.k} in {self.n} is impossible")
        return self


class Association(Record):
    """How often a pattern and an outcome occur, alone and together, among n independent units."""

    kind: Literal["association"] = "association"
    n: int = Field(ge=0)
    """Units looked at."""
    n_with: int = Field(ge=0)
    """Units that carry the pattern."""
    k: int = Field(ge=0)
    """Units with the outcome."""
    k_with: int = Field(ge=0)
    """Units with both."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.k_with > min(self.n_with, self.k) or self.n_with + self.k - self.k_with > self.n:
            raise ValueError(
                f"the counts {self.n}, {self.n_with}, {self.k}, {self.k_with} are no 2 x 2 table"
            )
        return self


class Sample(Record):
    """A value per unit, with the cluster (scenario, item, seed) that each belongs to."""

    kind: Literal["sample"] = "sample"
    values: tuple[float, ...]
    """One value per unit."""
    clusters: tuple[str, ...] | None = None
    """The cluster of each value; None when the values are independent."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.clusters is not None and len(self.clusters) != len(self.values):
            raise ValueError(f"{len(self.clusters)} clusters for {len(self.values)} values")
        return self


Statistic = Annotated[Rate | Association | Sample, Field(discriminator="kind")]


def estimate(statistic: Statistic, level: float = 0.95) -> Estimate:
    """Returns the statistic's value with its own interval, uncorrected.

    The value of an association is the share of units with both pattern and outcome.
    """
    match statistic:
        case Rate(k=k, n=n) | Association(k_with=k, n=n):
            low, high = rate_interval(k, n, level)
            value = k / n if n else 0.0
            return Estimate(value=value, low=low, high=high, level=level, n=n, method="Clopper-Pearson")
        case Sample(values=values, clusters=clusters):
            value, low, high = mean_interval(values, clusters, level)
            n = len(set(clusters)) if clusters is not None else len(values)
            method = "t between clusters"
            return Estimate(value=value, low=low, high=high, level=level, n=n, method=method)


def contrast(subject: Statistic, control: Statistic, level: float) -> Estimate:
    """Returns subject minus control with its interval, which leaves out zero only if the test rejects.

    Raises:
        TypeError: the two statistics are of different kinds.
    """
    match subject, control:
        case Rate(), Rate():
            low, high = difference_interval(subject.k, subject.n, control.k, control.n, level)
            value, n, method = (
                _gap(subject.k, subject.n, control.k, control.n),
                subject.n + control.n,
                "score",
            )
        case Association(), Association():
            low, high = difference_interval(subject.k_with, subject.n, control.k_with, control.n, level)
            if float(p_values([subject], [control])[0]) > 1 - level:
                low = min(low, 0.0)
            value = _gap(subject.k_with, subject.n, control.k_with, control.n)
            n, method = subject.n + control.n, "score, and lift above the control's"
        case Sample(), Sample():
            value, low, high, _ = mean_difference(
                (subject.values, subject.clusters), (control.values, control.clusters), level
            )
            n, method = estimate(subject).n + estimate(control).n, "Welch between clusters"
        case _:
            raise TypeError(f"a {subject.kind} cannot be compared with a {control.kind}")
    return Estimate(value=value, low=low, high=high, level=level, n=n, method=method)


def p_values(
    subjects: Sequence[Statistic], controls: Sequence[Statistic] | None
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Returns the p of each pair; without controls, of what can be tested inside the subject (else 1)."""
    for s, c in zip(subjects, controls or [], strict=False):
        if s.kind != c.kind:
            raise TypeError(f"a {s.kind} cannot be compared with a {c.kind}")
    p = np.ones(len(subjects))
    kinds = np.array([s.kind for s in subjects])
    for kind, test in {"rate": _rate_p, "association": _association_p, "sample": _sample_p}.items():
        places = [int(i) for i in np.flatnonzero(kinds == kind)]
        if places:
            pairs = _Pairs(
                [subjects[i] for i in places], [controls[i] for i in places] if controls is not None else None
            )
            p[places] = test(pairs)
    return p


class _Pairs(NamedTuple):
    subjects: Sequence[Statistic]
    controls: Sequence[Statistic] | None


def _rate_p(pairs: _Pairs) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if pairs.controls is None:
        return np.ones(len(pairs.subjects))
    a, b = (np.array([(s.k, s.n) for s in side if isinstance(s, Rate)]) for side in pairs if side is not None)
    return difference_p(a[:, 0], a[:, 1], b[:, 0], b[:, 1])


def _association_p(pairs: _Pairs) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    tables = [
        AssociationTable(
            *np.array([(s.n, s.n_with, s.k, s.k_with) for s in side if isinstance(s, Association)]).T
        )
        for side in pairs
        if side is not None
    ]
    return association_p(tables[0], tables[1] if len(tables) == 2 else None)


def _sample_p(pairs: _Pairs) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if pairs.controls is None:
        return np.ones(len(pairs.subjects))
    return np.array(
        [
            mean_difference((s.values, s.clusters), (c.values, c.clusters))[3]
            for s, c in zip(pairs.subjects, pairs.controls, strict=True)
            if isinstance(s, Sample) and isinstance(c, Sample)
        ]
    )


def _gap(k1: int, n1: int, k2: int, n2: int) -> float:
    return (k1 / n1 if n1 else 0.0) - (k2 / n2 if n2 else 0.0)
