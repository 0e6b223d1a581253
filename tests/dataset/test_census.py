"""Counts over both sets against a brute-force reading; the family that the correction must count."""

import json
import random
from collections import Counter

import numpy as np
import pytest

from theodolite.core import Context, Target
from theodolite.dataset import Dataset, spans, words_of
from theodolite.dataset.census import least_testable, name_groups, row_sets, take_census
from theodolite.dataset.features import Passes
from theodolite.dataset.marks import distinct_rows
from theodolite.dataset.pattern import GAP, Pattern
from theodolite.dataset.sources import Strata, keys_of, strata_for, survey
from theodolite.targets import Row, Turn, open_data

SYLLABLES = [a + b for a in "bdfgk" for b in "aeiou"]


def written(path, n, seed, sources=("x", "y")):
    rng = random.Random(seed)
    lines = [
        {
            "prompt": " ".join(rng.choices(SYLLABLES, k=rng.randint(3, 9))),
            "response": " ".join(rng.choices(SYLLABLES, k=4)),
            "source": rng.choice(sources),
        }
        for _ in range(n)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Target(data=open_data(path), access=frozenset({"data"}))


def census_of(parts, strata, floor=6):
    surveys = [survey(distinct_rows(p)) for p in parts]
    return take_census(
        parts,
        lambda part: Passes(lambda: distinct_rows(part), spans(3)),
        surveys,
        strata,
        floor,
        10**6,
        lambda _: None,
    )


def brute_force(target, strata):
    """Distinct (prompt, source) units that carry each phrase of a window of three, by stratum."""
    carried = {}
    for row in target.rows():
        words = words_of(row.prompt)
        for i in range(len(words)):
            for places in ((0,), (0, 1), (0, 2), (0, 1, 2)):
                if i + places[-1] < len(words):
                    said = " ".join(words[i + j] if j in places else GAP for j in range(places[-1] + 1))
                    form = "phrase" if GAP not in said else "skip"
                    column = int(strata.columns([row])[0])
                    carried.setdefault(Pattern("prompt", form, said), set()).add(
                        (column, int(keys_of([row])[0]))
                    )
    return {p: Counter(c for c, _ in units) for p, units in carried.items()}


def test_counts_by_set_and_source_agree_with_brute_force(tmp_path):
    parts = [written(tmp_path / f"{i}.jsonl", 150, i) for i in range(2)]
    strata = strata_for([survey(distinct_rows(p)) for p in parts])
    assert set(strata.names) == {"x", "y"}
    census = census_of(parts, strata)
    expected = [brute_force(p, strata) for p in parts]
    frequent = {
        p
        for p in expected[0] | expected[1]
        if sum(sum(e.get(p, {}).values()) for e in expected) >= census.floor
    }
    sets = row_sets(census)
    named = name_groups(census, sets, np.arange(sets.first.size))
    found = {p: g for g, patterns in enumerate(named) for p in patterns if p.side == "prompt"}
    assert {p for p in found if p.form in ("phrase", "skip")} == frequent
    for pattern in frequent:
        counts = sets.counts[found[pattern]]
        for part, e in enumerate(expected):
            assert [e.get(pattern, {}).get(s, 0) for s in range(2)] == counts[part].tolist()


def test_patterns_of_one_group_are_carried_by_the_same_rows(tmp_path):
    parts = [written(tmp_path / f"{i}.jsonl", 120, 10 + i) for i in range(2)]
    census = census_of(parts, Strata())
    sets = row_sets(census)
    for patterns in name_groups(census, sets, np.arange(sets.first.size)):
        carriers = {
            frozenset(
                (part, r.number)
                for part, t in enumerate(parts)
                for r in t.rows()
                if f" {p.value} " in f" {' '.join(words_of(r.prompt if p.side == 'prompt' else r.response))} "
            )
            for p in patterns
            if p.form == "phrase"
        }
        assert len(carriers) <= 1


def test_too_many_patterns_raise_the_floor(tmp_path):
    parts = [written(tmp_path / f"{i}.jsonl", 200, 20 + i) for i in range(2)]
    surveys = [survey(distinct_rows(p)) for p in parts]
    read = lambda part: Passes(lambda: distinct_rows(part), spans(3))  # noqa: E731
    census = take_census(parts, read, surveys, Strata(), 2, 300, lambda _: None)
    assert census.floor > 2
    assert 0 < census.places.size <= 300


@pytest.mark.parametrize(
    ("counts", "chance", "alpha", "expected"), [([5] * 10, 0.5, 1e-6, None), ([30] * 100, 0.5, 0.01, 14)]
)
def test_only_patterns_that_could_reach_the_level_are_counted(counts, chance, alpha, expected):
    least = least_testable(np.array(counts), chance, alpha)
    if expected is None:
        assert least == 6  # one more than any has: none could ever be significant
    else:
        assert least == expected
        assert len(counts) * chance**least <= alpha < len(counts) * chance ** (least - 1)


def test_a_source_of_one_side_only_is_still_compared():
    def rows(names):
        return [Row(i, (Turn("user", f"q{i}{n}"),), None, n) for i, n in enumerate(names)]

    one, other = survey(rows(["a"] * 60 + ["new"] * 40)), survey(rows(["a"] * 100))
    strata = strata_for([one, other])
    assert strata.names == ("a",)
    assert strata.units(one).tolist() == [100]
    assert strata_for([survey(rows([""] * 50))] * 2) == Strata()


def test_another_mix_of_sources_is_no_difference(tmp_path):
    rng = random.Random(3)

    def lines(n, share):
        for i in range(n):
            kind = rng.random() < share
            words = rng.choices(SYLLABLES[:12] if kind else SYLLABLES[12:], k=8)
            yield {"prompt": " ".join(words) + f" {i}", "response": words[0], "source": "xy"[kind]}

    targets = []
    for name, share in (("s", 0.65), ("c", 0.4)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(x) + "\n" for x in lines(1500, share)))
        targets.append(Target(data=open_data(path), access=frozenset({"data"})))
    instrument, ctx = Dataset(), Context(effort="quick")
    asks = [h for h in instrument.propose_together(targets, ctx) if not h.about.get("absent")]
    from theodolite.core import Pair, compare

    def results(asks):
        measured = [instrument.measure(t, asks, ctx) for t in targets]
        return compare([Pair("dataset", h, s, c) for h, s, c in zip(asks, *measured, strict=True)], 0.05)

    assert not [r for r in results(asks) if r.contrast.low > 0]
    unstratified = [h.model_copy(update={"about": h.about | {"strata": Strata().as_json()}}) for h in asks]
    assert [r for r in results(unstratified) if r.contrast.low > 0]
