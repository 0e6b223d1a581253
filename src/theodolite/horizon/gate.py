"""A threshold file: which horizon triggers which action, so that a policy can use it."""

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from theodolite.core import Record
from theodolite.errors import DataError, SpecError
from theodolite.horizon.margin import Margin
from theodolite.horizon.results import HorizonFit
from theodolite.horizon.task_fit import TaskFit

__all__ = [
    "Check",
    "Gate",
    "Measurement",
    "State",
    "Threshold",
    "check_thresholds",
    "measurements",
    "read_thresholds",
]

Name = Literal["H50", "H80", "H90", "H99", "rmst", "p50", "p80", "D50", "D80"]

State = Literal["met", "not_shown", "triggered"]
"""met: the whole interval is on the right side; triggered: on the wrong one; not_shown: spans the limit."""


class Threshold(Record):
    """One line of a policy."""

    name: str = Field(min_length=1)
    """What it is called."""
    measure: Name
    """H50, H80, H90, H99, rmst of trials; p50, p80 of task runs; D50, D80 for the margin between both."""
    at_least: float | None = Field(default=None, allow_inf_nan=False, strict=True)
    """Met where the lower limit reaches it."""
    at_most: float | None = Field(default=None, allow_inf_nan=False, strict=True)
    """Met where the upper limit does not exceed it."""
    unit: str | None = None
    """The unit the limit is meant in; another one in the table is an error."""
    model: str | None = None
    """Only this model or agent; by default each one."""
    arm: str | None = None
    """Only this arm; by default each one."""
    action: str = Field(min_length=1)
    """What follows where it is not met."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give one of at_least and at_most")
        return self


class Measurement(NamedTuple):
    """A number that a threshold can be held against."""

    measure: str
    """Its name."""
    model: str
    """Of which model."""
    arm: str | None
    """In which arm; none for task runs."""
    unit: str
    """Its unit."""
    value: float | None
    """The estimate; none or infinite where it was not reached."""
    low: float
    """Lower limit."""
    high: float
    """Upper limit."""


class Check(Record):
    """One threshold held against one measurement."""

    threshold: Threshold
    """The line of the policy."""
    model: str
    """Of which model."""
    arm: str | None
    """In which arm."""
    unit: str
    """Of the numbers."""
    value: float | None
    """The estimate."""
    low: float
    """Lower limit."""
    high: float
    """Upper limit."""
    state: State
    """Whether it is met."""


class Gate(Record):
    """A policy held against a table."""

    passed: bool
    """Whether nothing stands in the way."""
    checks: tuple[Check, ...]
    """Each threshold against each measurement that it names."""


def read_thresholds(path: str | Path) -> tuple[Threshold, ...]:
    """Returns the thresholds of a TOML file, each a `[[threshold]]`.

    Raises:
        SpecError: it cannot be read, holds none, or one of them says what cannot be.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"there is no file {str(path)!r}", "name a threshold file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{str(path)!r} cannot be read ({type(error).__name__})", "name a TOML file"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{str(path)!r} is not TOML ({error})", "correct it") from None
    lines = content.pop("threshold", None)
    if content:
        raise SpecError(f"{str(path)!r} has a key {next(iter(content))!r}", "it may hold [[threshold]] only")
    if not isinstance(lines, list) or not lines:
        raise SpecError(f"{str(path)!r} holds no [[threshold]]", "write one, with name, measure and action")
    return tuple(_threshold(line, number, path) for number, line in enumerate(lines, 1))


def measurements(fits: Iterable[HorizonFit | TaskFit | Margin]) -> tuple[Measurement, ...]:
    """Returns every number of fits that a threshold can name."""
    out: list[Measurement] = []
    for fit in fits:
        if isinstance(fit, TaskFit):
            out += [
                Measurement(n, fit.agent, None, fit.unit, h.value, h.low, h.high)
                for n, h in fit.horizons.items()
            ]
        elif isinstance(fit, Margin):
            out += [
                Measurement(c.name, fit.model, fit.arm, "doublings", c.value, c.low, c.high)
                for c in fit.margins
            ]
        else:
            who, inf = (fit.model, fit.arm, fit.unit), float("inf")
            out += [Measurement(h.name, *who, h.value, h.low, h.high) for h in fit.horizons]
            out.append(Measurement("H99", *who, None, fit.h99.at_least, inf))
            out.append(Measurement("rmst", *who, fit.rmst.value, fit.rmst.low, fit.rmst.high))
    return tuple(out)


def check_thresholds(thresholds: Sequence[Threshold], measured: Sequence[Measurement]) -> tuple[Check, ...]:
    """Returns each threshold against every measurement that it names.

    Raises:
        DataError: a threshold names nothing that was measured, or means another unit: a policy never passes
            because of a slip in a name.
    """
    out: list[Check] = []
    for threshold in thresholds:
        named = [m for m in measured if m.measure == threshold.measure]
        named = [m for m in named if threshold.model in (None, m.model) and threshold.arm in (None, m.arm)]
        if not named:
            there = sorted({m.measure for m in measured})
            who = sorted({m.model for m in measured})
            raise DataError(
                f"threshold {threshold.name!r} names a {threshold.measure} that the table does not give",
                f"it gives {', '.join(there)} of {', '.join(who[:8])}",
            )
        out += [_check(threshold, m) for m in named]
    return tuple(out)


def _check(threshold: Threshold, m: Measurement) -> Check:
    if threshold.unit not in (None, m.unit):
        raise DataError(
            f"threshold {threshold.name!r} is meant in {threshold.unit}, and the table gives {m.unit}",
            "fit on the clock that the policy means",
        )
    state: State = "not_shown"
    if threshold.at_least is not None:
        state = "met" if m.low >= threshold.at_least else state
        state = "triggered" if m.high < threshold.at_least else state
    elif threshold.at_most is not None:
        state = "met" if m.high <= threshold.at_most else state
        state = "triggered" if m.low > threshold.at_most else state
    return Check(
        threshold=threshold,
        model=m.model,
        arm=m.arm,
        unit=m.unit,
        value=m.value,
        low=m.low,
        high=m.high,
        state=state,
    )


def _threshold(line: object, number: int, path: Path) -> Threshold:
    try:
        return Threshold.model_validate(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = f", key {first['loc'][0]}" if first["loc"] else ""
        message = first["msg"].removeprefix("Value error, ")
        raise SpecError(
            f"threshold {number} of {str(path)!r}{key}: {message[0].lower()}{message[1:]}", "correct it"
        ) from None
