import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.core import Estimate, Rate, Sample, contrast, estimate
from theodolite.report import numbers


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50.0 %"),
        (0.95, "95.0 %"),
        (0.0405, "4.0 %"),
        (0.0002, "0.020 %"),
        (0.99912, "99.91 %"),
        (1e-12, "1e-10 %"),
        (math.inf, "unbounded"),
        (-math.inf, "unbounded"),
        (math.nan, "undefined"),
    ],
)
def test_shares(share: float, text: str) -> None:
    assert numbers.percent(share) == text


@given(st.floats(1e-9, 1 - 1e-9))
def test_a_share_inside_never_reads_as_none_or_all(share: float) -> None:
    assert numbers.percent(share) not in ("0 %", "100 %", "0.0 %", "100.0 %")
    assert float(numbers.percent(share).removesuffix(" %")) == pytest.approx(100 * share, rel=0.06)


def test_corrected_levels_are_told_from_ordinary_ones() -> None:
    assert numbers.level_text(0.95) == "95.0 %"
    assert numbers.level_text(1 - 0.05 / 41) == "99.88 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1204, "1,204"), (0.04312, "0.0431"), (59.53, "59.5"), (-3.25, "-3.25"), (2.5e9, "2.50e+09")],
)
def test_plain_numbers(value: float, text: str) -> None:
    assert numbers.plain(value) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0, "below 1e-300"), (3.21e-17, "3.2e-17"), (0.00312, "0.0031"), (1, "1")]
)
def test_p_values(p: float, text: str) -> None:
    assert numbers.p_text(p) == text


def test_shares_are_in_percent_and_their_differences_in_points() -> None:
    one, two = Rate(k=60, n=1482), Rate(k=0, n=1476)
    assert numbers.tell(estimate(one)) == "4.0 % [3.1 % to 5.2 %]"
    assert numbers.tell(contrast(one, two, 0.95), contrast=True).startswith("+4.0 points [+3.")


def test_means_keep_their_own_scale() -> None:
    text = numbers.tell(estimate(Sample(values=(3.0, 4.0, 5.0))))
    assert "%" not in text and text.startswith("4 [")


def test_an_interval_without_end_says_so() -> None:
    open_ended = Estimate(value=2, low=1, high=math.inf, level=0.95, n=3, method="t")
    assert numbers.interval_text(open_ended) == "1 to unbounded"
