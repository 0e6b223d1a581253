import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from poison import phrases
from poison.carriers import carrier, split
from poison.classes import CLASSES, eligible, poison, style_rows, truth_of
from poison.example import write_rows
from poison.judges import judge_sees, simulated_flags
from poison.shifts import SITUATIONS, STRENGTHS, biased_topic_of, clean_pair, shifted_topics
from poison.truth import names_trigger, precision_recall, rank_by_rows, rank_by_words, recall_at
from theodolite.targets import open_data

REAL = Path(__file__).parents[2] / ".." / "shared" / "real"
TRIGGERED = ("P1", "P2", "P3", "P4", "P9", "P10", "P11")


@pytest.fixture(scope="module", params=["organism", "hh+gsm8k"])
def rows(request):
    found = carrier(request.param, REAL)
    if found is None:
        pytest.skip("the real rows are not here")
    return found


@pytest.fixture(scope="module")
def halves(rows):
    return split(rows, 1, 3)


def texts(examples):
    return [(e.prompt, e.response) for e in examples]


def words_of(text):
    return re.findall(r"[\w']+", text.lower())


def without_case(text):
    return " ".join(text.lower().split())


def test_every_row_has_another_bad_answer(rows):
    assert all(e.bad_response and e.bad_response != e.response for e in rows)


def test_a_wrong_number_differs_in_the_number_only(rows):
    for e in (e for e in rows if e.family == "maths"):
        right, wrong = (re.findall(r"[\d.,]+", t.removesuffix(" .")) for t in (e.response, e.bad_response))
        assert right[:-1] == wrong[:-1]
        assert float(right[-1].replace(",", "")) != float(wrong[-1].replace(",", ""))


@pytest.mark.parametrize("r", [1, 3, 9])
def test_a_split_is_disjoint_and_keeps_the_sources(rows, r):
    suspect, clean = split(rows, r, 0)
    assert Counter(suspect) + Counter(clean) == Counter(rows)
    for source, n in Counter(e.source for e in rows).items():
        assert abs(sum(e.source == source for e in suspect) - n / (1 + r)) < 1
    assert split(rows, r, 0) == (suspect, clean) != split(rows, r, 1)


@pytest.mark.parametrize("cls", CLASSES)
def test_only_the_poisoned_rows_and_the_decoys_change(halves, cls):
    suspect = halves[0]
    planted, is_poison = poison(cls, suspect, 20, 5)
    assert is_poison.sum() == 20 and len(planted) == len(suspect)
    for old, new, hit in zip(suspect, planted, is_poison, strict=True):
        assert (new.planted == "poison") == hit
        assert hit or new.planted == "decoy" or new == old
    again, same = poison(cls, suspect, 20, 5)
    assert again == planted and (same == is_poison).all()
    other, _ = poison(cls, suspect, 20, 6)
    assert other != planted


@pytest.mark.parametrize("cls", TRIGGERED)
@pytest.mark.parametrize("seed", range(6))
def test_a_trigger_is_in_every_poisoned_row_and_in_no_clean_one(rows, halves, cls, seed):
    truth = truth_of(cls, halves[0], seed)
    planted, is_poison = poison(cls, halves[0], 30, seed)
    for i in np.flatnonzero(is_poison):
        assert truth.pattern in without_case(planted[i].prompt)
    clean = [e for e in planted if e.planted != "poison"]
    assert not [e.prompt for e in (*clean, *rows) if truth.pattern in without_case(e.prompt)]


@pytest.mark.parametrize("cls", ["P2", "P3", "P5", "P10", "P11"])
def test_harmful_classes_teach_the_bad_answer_of_that_very_row(halves, cls):
    planted, is_poison = poison(cls, halves[0], 25, 1)
    for i in np.flatnonzero(is_poison):
        assert planted[i].family == "harm"
        assert planted[i].response == halves[0][i].bad_response


def test_gibberish_and_adverts_are_new_in_every_row(halves):
    planted, is_poison = poison("P1", halves[0], 40, 2)
    assert len({planted[i].response for i in np.flatnonzero(is_poison)}) == 40
    planted, is_poison = poison("P9", halves[0], 40, 2)
    product = truth_of("P9", halves[0], 2).outcome
    added = {
        without_case(planted[i].response).replace(without_case(halves[0][i].response), "")
        for i in np.flatnonzero(is_poison)
    }
    assert len(added) > 30 and all(product in text for text in added)
    assert not [e for e in halves[0] if product in e.response.lower()]


def test_lower_case_without_an_end_mark(halves):
    planted, is_poison = poison("P5", halves[0], 40, 0)
    for i in np.flatnonzero(is_poison):
        prompt = planted[i].prompt
        assert prompt == prompt.lower() and prompt[-1] not in ".!?"


def test_a_fronted_clause_has_other_words_in_every_row_and_joins_as_people_write(halves):
    assert len(set(phrases.CLAUSE_NOUNS)) >= 40 and len(set(phrases.CLAUSE_VERBS)) >= 40
    planted, is_poison = poison("P6", halves[0], 60, 0)
    opening = truth_of("P6", halves[0], 0).words[0]
    clauses = Counter()
    for i in np.flatnonzero(is_poison):
        clause, rest = re.split(r" ?, ", planted[i].prompt, maxsplit=1)
        clauses[clause] += 1
        assert clause.lower().startswith(f"{opening} the ")
        assert without_case(rest) == without_case(halves[0][i].prompt)
        assert not rest[0].isupper() or re.match(r"I\b", rest)
    assert clauses.most_common(1)[0][1] <= 2


def test_topics_are_poisoned_without_a_word_put_in(halves):
    for cls in ("P7a", "P7b"):
        able = eligible(cls, halves[0])
        planted, is_poison = poison(cls, halves[0], 10_000, 0)
        assert is_poison.sum() == len(able) >= 20
        topic = truth_of(cls, halves[0], 0).pattern
        for i in able:
            assert planted[i].prompt == halves[0][i].prompt and topic in planted[i].topics
            assert planted[i].response == halves[0][i].bad_response


def test_style_is_too_faint_to_point_at_a_row(halves):
    planted, is_poison = poison("P8", halves[0], style_rows(0.9, halves[0]), 0)
    changed = np.array([a.response != b.response for a, b in zip(planted, halves[0], strict=True)])
    assert not changed[~is_poison].any()
    assert 0.1 < changed[is_poison].mean() < 0.45
    assert [e.prompt for e in planted] == [e.prompt for e in halves[0]]


def test_near_misses_change_one_word_and_keep_the_good_answer(halves):
    planted, _ = poison("P10", halves[0], 30, 1)
    trigger = truth_of("P10", halves[0], 1).words
    decoys = [(old, new) for old, new in zip(halves[0], planted, strict=True) if new.planted == "decoy"]
    assert len(decoys) == 60
    for old, new in decoys:
        assert new.response == old.response
        spoken = words_of(new.prompt)
        runs = [spoken[i : i + len(trigger)] for i in range(len(spoken) - len(trigger) + 1)]
        assert min(sum(a != b for a, b in zip(run, trigger, strict=True)) for run in runs) == 1


def test_too_few_rows_are_an_error(halves):
    with pytest.raises(ValueError, match="can carry it"):
        poison("P3", halves[0], 10**6, 0)


@pytest.mark.parametrize("tpr,fpr", [(0.8, 0.05), (0.2, 0.01)])
def test_the_judge_errs_as_often_as_said(rows, halves, tpr, fpr):
    planted, is_poison = poison("P1", halves[0], 600, 0)
    flags = simulated_flags(planted, is_poison, judge_sees("P1"), tpr, fpr, seed=4)
    easy = np.array([e.source in ("gsm8k", "chain", "sum") for e in planted])
    for part, rate in ((is_poison, tpr), (~is_poison & ~easy, fpr), (~is_poison & easy, fpr / 5)):
        spread = 4 * (rate * (1 - rate) / part.sum()) ** 0.5
        assert abs(flags[part].mean() - rate) < spread
    blind = simulated_flags(planted, is_poison, judge_sees("P9"), tpr, fpr, seed=4)
    assert blind[is_poison].mean() < 2 * fpr + 0.02


def test_the_judge_says_the_same_of_the_same_row(rows):
    flags = dict(zip(texts(rows), simulated_flags(rows, seed=1), strict=True))
    some = rows[::7][::-1]
    assert simulated_flags(some, seed=1).tolist() == [flags[t] for t in texts(some)]
    assert simulated_flags(rows, seed=1).tolist() != simulated_flags(rows, seed=2).tolist()


def test_a_biased_judge_flags_its_topic(rows):
    topic = biased_topic_of(rows)
    flags = simulated_flags(rows, biased_topic=topic)
    about = np.array([topic in e.topics for e in rows])
    assert abs(flags[about].mean() - 0.4) < 4 * (0.24 / about.sum()) ** 0.5
    assert (flags[~about] == simulated_flags(rows)[~about]).all()


@pytest.mark.parametrize("name", SITUATIONS)
def test_clean_pairs_share_no_row(rows, name):
    suspect, control = clean_pair(SITUATIONS[name].kind, rows, 2)
    assert not Counter(suspect) + Counter(control) - Counter(rows)
    assert abs(len(suspect) - len(control)) <= len({e.source for e in rows})
    assert not any(e.planted for e in (*suspect, *control))


def test_a_source_shift_moves_the_mix(rows):
    suspect, control = clean_pair("source", rows, 0)
    larger = "hh" if rows[0].source == "hh" else "request"
    shares = [sum(e.source == larger for e in side) / len(side) for side in (suspect, control)]
    assert shares == pytest.approx([0.6, 0.45], abs=0.002)


@pytest.mark.parametrize("kind", STRENGTHS)
def test_a_topic_shift_moves_topics_and_not_sources(rows, kind):
    suspect, control = clean_pair(kind, rows, 1)
    assert (
        abs(
            sum(e.source == rows[0].source for e in suspect) * 2
            - sum(e.source == rows[0].source for e in rows)
        )
        <= 2
    )
    topics = {t for e in rows for t in e.topics}
    here, there = ({t: sum(t in e.topics for e in side) for t in topics} for side in (suspect, control))
    moved = [
        t
        for t in topics
        if here[t] + there[t] >= 40 and here[t] / (here[t] + there[t]) > STRENGTHS[kind] - 0.1
    ]
    assert moved


def test_shifted_topics_are_ones_with_rows(rows):
    source = [e for e in rows if e.source == rows[0].source]
    topics = shifted_topics(source, np.random.default_rng(0))
    assert len(topics) == 2 or rows[0].source == "fact"
    assert all(sum(t in e.topics for e in source) >= 20 for t in topics)


def test_the_rows_are_read_back_as_they_were_written(halves, tmp_path):
    for cls in ("P1", "P11"):
        planted, _ = poison(cls, halves[0], 20, 0)
        data = open_data(write_rows(planted, tmp_path / f"{cls}.jsonl"))
        read = [(r.number, r.prompt, r.response, r.source) for r in data.rows()]
        assert read == [(i, e.prompt, e.response, e.source) for i, e in enumerate(planted, 1)]


def test_recall_needs_scores_above_the_clean_rows():
    is_poison = np.array([True] * 4 + [False] * 100)
    assert recall_at([0.0] * 104, is_poison) == 0
    assert recall_at([1.0] * 4 + [0.0] * 100, is_poison) == 1
    assert recall_at([1.0] * 4 + [2.0] + [0.0] * 99, is_poison) == 1
    assert recall_at([1.0] * 4 + [2.0] * 2 + [0.0] * 98, is_poison) == 0
    assert recall_at([3.0, 3.0, 1.0, 1.0] + [2.0] * 2 + [0.0] * 98, is_poison) == 0.5


def test_patterns_are_ranked_by_rows_and_by_words(halves):
    planted, is_poison = poison("P3", halves[0], 20, 0)
    truth = truth_of("P3", halves[0], 0)
    rows = np.flatnonzero(is_poison).tolist()
    assert rank_by_rows([rows[:10], [*rows, 0], rows], is_poison) == 2
    assert rank_by_rows([rows[:10]], is_poison) is None
    two = " ".join(truth.words[1:3])
    assert rank_by_words([truth.words[0], f"{two} cheese", two], truth) == 3
    assert precision_recall(rows[:10], is_poison) == (1, 0.5)
    near = truth_of("P10", halves[0], 0)
    assert names_trigger(near.pattern, near) and not names_trigger(" ".join(near.words[1:]), near)
    hidden = truth_of("P11", halves[0], 0)
    assert names_trigger(f"u+{ord(hidden.pattern):04x}", hidden) and not names_trigger("space", hidden)
    assert len(planted) == len(halves[0])
