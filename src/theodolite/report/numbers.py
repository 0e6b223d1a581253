"""How does a number read? Enough digits to be true, never so few that a small rate becomes none."""

import math

from theodolite.core import Estimate

__all__ = [
    "as_value",
    "count",
    "interval_text",
    "is_excess",
    "is_share",
    "level_text",
    "p_text",
    "percent",
    "plain",
    "tell",
]

_SHARE_METHODS = ("Clopper-Pearson", "Wilson", "score", "exact")
"""How the estimates and contrasts of shares are made; all others are on a scale of their own."""
_EXCESS_METHODS = ("exact, inside", "exact, beyond")
"""How the contrasts of marks are made."""


def count(n: int) -> str:
    """Returns an integer with its thousands apart: `1,482`."""
    return f"{n:,}"


def percent(share: float, signed: bool = False, unit: str = " %", digits: int = 1) -> str:
    """Returns a share as a percentage: two digits if small, `digits` after the nines if large: `0.051 %`."""
    if not math.isfinite(share):
        return _beyond(share)
    p = 100 * share
    near = min(abs(p), abs(100 - abs(p)))
    if 1e-12 < near < 1e-6:
        return f"{p:.0e}{unit}" if abs(p) < 1 else f"{p:.9f}{unit}"
    kept = 2 if abs(p) < 50 else digits
    places = 0 if near <= 1e-12 else min(8, max(1, kept - 1 - math.floor(math.log10(near))))
    return f"{p:{'+' if signed and p else ''}.{places}f}{unit}"


def plain(value: float, signed: bool = False) -> str:
    """Returns a number with three significant digits, whole numbers in full: `0.0431`, `1,204`."""
    if not math.isfinite(value):
        return _beyond(value)
    sign = "+" if signed and value else ""
    size = abs(value)
    if size and not 1e-4 <= size < 1e6:
        return f"{value:{sign}.2e}"
    if value == int(value) or size >= 100:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.{2 - math.floor(math.log10(size))}f}"


def level_text(level: float) -> str:
    """Returns a confidence level, corrected ones with the digits that set them apart: `99.88 %`."""
    return percent(level, digits=2)


def p_text(p: float) -> str:
    """Returns a p value with two significant digits: `0.0031`, `3.2e-17`."""
    if p <= 0:
        return "below 1e-300"
    if p >= 0.9995:
        return "1"
    return f"{p:.2g}" if p >= 1e-4 else f"{p:.1e}"


def is_share(estimate: Estimate) -> bool:
    """Returns whether an estimate is a share, or a difference of shares."""
    return estimate.method.startswith(_SHARE_METHODS)


def is_excess(contrast: Estimate) -> bool:
    """Returns whether a contrast is held against the rate expected if a pattern meant nothing: that of marks.

    With a control that rate is learnt from it; without one, inside the subject.
    """
    return contrast.method.startswith(_EXCESS_METHODS)


def as_value(estimate: Estimate, value: float, contrast: bool = False) -> str:
    """Returns one of an estimate's numbers on its scale; differences of shares are in points."""
    if not is_share(estimate):
        return plain(value, signed=contrast)
    return percent(value, signed=contrast, unit=" points" if contrast else " %")


def interval_text(estimate: Estimate, contrast: bool = False) -> str:
    """Returns an estimate's interval: `3.1 % to 5.2 %`, `+2.7 to +5.6 points`."""
    low, high = (as_value(estimate, end, contrast) for end in (estimate.low, estimate.high))
    return f"{low.removesuffix(' points') if high.endswith(' points') else low} to {high}"


def tell(estimate: Estimate, contrast: bool = False) -> str:
    """Returns an estimate with its interval: `4.0 % [3.1 % to 5.2 %]`."""
    return f"{as_value(estimate, estimate.value, contrast)} [{interval_text(estimate, contrast)}]"


def _beyond(value: float) -> str:
    return "undefined" if math.isnan(value) else "unbounded"
