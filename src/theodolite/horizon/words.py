"""Horizons in words; a number beyond the follow-up is never printed as one."""

import math

__all__ = ["horizon_sentence", "number"]


def number(value: float) -> str:
    """Returns a number with three significant digits, whole ones in full above 1,000: `17.2`, `1,204`."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "unbounded" if value > 0 else "-unbounded"
    value += 0.0  # a negative zero is none
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    if size < 1e-4:
        return f"{value:.1e}"
    return f"{value:.{2 - math.floor(math.log10(size))}f}"


def horizon_sentence(name: str, value: float, low: float, high: float, follow_up: float, unit: str) -> str:
    """Returns `H50 = 17 turns [12 to 25]`, or `H50 > 32 turns` where it was not reached."""
    top = f"more than {number(follow_up)}" if math.isinf(high) else number(high)
    if math.isinf(value):
        if low >= follow_up:
            sure = ""
        elif low > 0:
            sure = f" in this sample; surely above {number(low)} only"
        else:
            sure = " in this sample, too small for a lower limit"
        return f"{name} > {number(follow_up)} {unit}{sure}"
    return f"{name} = {number(value)} {unit} [{number(low)} to {top}]"
