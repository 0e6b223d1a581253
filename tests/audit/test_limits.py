"""What an audit says it could not have seen."""

import re

import pytest

from theodolite.audit.conclude import Yardstick, conclude
from theodolite.audit.limits import limit_sentence
from theodolite.core import Hypothesis, Marked, MarkedStratum, Measure, Pair, Rate, compare
from theodolite.dataset import Dataset
from theodolite.dataset.pattern import Pattern
from theodolite.dataset.questions import ask_marked
from theodolite.dataset.sources import Strata
from theodolite.stats import detectable_count, detectable_marked


def marked(key, source, weight, family="flagged"):
    """A pattern of 10 rows of one source; the judge flags 5 % of `chat` and 1 % of `maths`."""
    rows = (("chat", 1000, 50), ("maths", 1000, 10))
    strata = tuple(
        MarkedStratum(name=name, n=n, n_with=10 * (name == source), k=k, k_with=0) for name, n, k in rows
    )
    statistic = Marked(strata=strata)
    hypothesis = Hypothesis(key=key, statement=key, claim="association", family=family, weight=weight)
    return Pair("dataset", hypothesis, Measure(key=key, statistic=statistic), None)


def said(sentence):
    return int(re.search(r"in fewer than ([\d,]+) rows would most likely", sentence)[1].replace(",", ""))


@pytest.mark.parametrize(("chat", "maths"), [(1e-4, 1e-4), (1e-4, 1e-9), (1e-9, 1e-4)])
def test_each_source_is_held_to_its_own_level_and_the_hardest_is_told(chat, maths):
    pairs = [marked("a", "chat", chat), marked("b", "maths", maths)]
    levels = [r.step.alpha for r in compare(pairs, 0.05)]
    each = [
        detectable_marked(1000, rate, 0.8, level)
        for rate, level in zip((50 / 990, 10 / 990), levels, strict=True)
    ]
    found = said(limit_sentence(compare(pairs, 0.05)))
    assert abs(found - max(each)) <= 1  # the rows with the pattern are left out of one source's rate
    # The strictest level everywhere would say more where the levels differ.
    assert found <= detectable_marked(1000, 50 / 990, 0.8, min(levels))


def test_few_traits_and_topics_do_not_make_the_count_smaller_than_it_is_for_words():
    words = [marked("a", "chat", 1e-5)]
    others = [marked("t", "chat", 0.3, "flagged traits"), marked("u", "chat", 0.3, "flagged topics")]
    assert said(limit_sentence(compare([*others, *words], 0.05))) == said(
        limit_sentence(compare(words, 0.05))
    )


def test_differences_have_the_count_of_the_two_sizes():
    hypothesis = Hypothesis(key="a", statement="a", claim="difference", weight=1e-3)
    rates = [Measure(key="a", statistic=Rate(k=0, n=n)) for n in (500, 700)]
    results = compare([Pair("dataset", hypothesis, *rates)], 0.05)
    count = detectable_count(500, 700, results[0].step.alpha)
    assert limit_sentence(results) == (
        f" A pattern in fewer than {count:,} rows could not have been flagged as a difference."
    )


@pytest.mark.parametrize(
    ("in_control", "said"), [(None, "There is no control"), (5, "has 5 such prompts for 40"), (20, "")]
)
def test_a_flag_says_when_the_control_cannot_speak_of_such_rows(in_control, said):
    hypothesis = ask_marked(Pattern("prompt", "phrase", "the old mill"), Strata(), 1e-3)

    def measured(n_with, k_with):
        stratum = MarkedStratum(name="all", n=1000, n_with=n_with, k=50 + k_with, k_with=k_with)
        return Measure(key=hypothesis.key, statistic=Marked(strata=(stratum,)))

    control = None if in_control is None else measured(in_control, 0)
    results = compare([Pair("dataset", hypothesis, measured(40, 30), control)], 0.05)
    (finding,) = conclude(Dataset(), results, ["flagged"], Yardstick(None, 0.01, 1000), {}, {})
    assert said in finding.note
    assert ("read some" in finding.note) == bool(said)
