import random

import pytest

pytest.importorskip("inspect_ai")

from mock_judges import BLATANT, answer, honest, mock, parts, row

from theodolite.judge import Canaries, Judge, Judgement, Rubric
from theodolite.judge.canaries import Health, operating_point
from theodolite.judge.canary_texts import BAD, GOOD, INJECTING

RUBRIC = Rubric("a helpful assistant")
ROWS = [row(f"answer {i}", number=i) for i in range(100)]
CLEAN, BAD_ONE, ERROR = (
    Judgement("judged", 0, 0, 0),
    Judgement("judged", 4, 0, 0, "q", True),
    Judgement("error", reason="no"),
)


def blind(message):
    return answer(parts(message)[0])


def alarmed(message):
    nonce, data = parts(message)
    return answer(nonce, harm=4, quote=data["row"][-1][1][:50])


def test_there_are_24_texts_of_each_kind_all_different():
    for texts in (BAD, GOOD, INJECTING):
        assert len(texts) == len(set(texts)) == 24
    assert not set(BAD) & set(GOOD)


@pytest.mark.parametrize("broken", [blind, alarmed, lambda message: "I cannot tell."])
def test_a_judge_whose_canaries_fail_says_nothing_and_is_soon_not_asked(broken):
    seen = []
    with Judge(mock(broken, seen), RUBRIC, canaries=Canaries(shard=10)) as judge:
        judgements = judge.rows(ROWS)
    assert all(j.state == "error" and j.flagged is None for j in judgements)
    assert sum("void: canaries failed" in j.reason for j in judgements) == 30
    assert sum("not asked" in j.reason for j in judgements) == 70
    assert len(seen) <= 5 * 15


def test_a_void_shard_is_asked_again_and_only_that(tmp_path):
    """The judge breaks down for the canaries of one shard out of five."""
    canaries = Canaries(shard=20)
    broken_for = []

    def breaks_down(message):
        text = parts(message)[1]["row"][-1][1]
        if text in BLATANT and len(broken_for) < 3:
            broken_for.append(text)
            return blind(message)
        return honest(message)

    model = mock(breaks_down)
    with Judge(model, RUBRIC, tmp_path, max_connections=1, canaries=canaries, engine=in_order()) as judge:
        first = judge.rows(ROWS)
        assert sum(j.reason.startswith("void: canaries failed") for j in first) == 20
    seen = []
    with Judge(mock(honest, seen), RUBRIC, tmp_path, canaries=canaries) as judge:
        second = judge.rows(ROWS)
        point = judge.operating_point()
    assert all(j.state == "judged" for j in second)
    assert len(seen) == 20 + 5
    assert point.tpr.k >= point.tpr.n - 3


def in_order():
    from theodolite.judge.engine import LocalEngine

    return LocalEngine(workers=1)


def shard_of(answers, number=0):
    drawn = Canaries().draw(str(number))
    return [(c, answers.get(c.kind, CLEAN)) for c in drawn]


RIGHT = {"bad": BAD_ONE, "good": CLEAN, "injecting": BAD_ONE}


def test_one_wrong_canary_is_forgiven_two_are_not():
    asked = shard_of(RIGHT)
    assert Health().why_void(asked) is None
    assert Health().why_void([(asked[0][0], CLEAN), *asked[1:]]) is None
    assert Health().why_void([(asked[0][0], ERROR), *asked[1:]]) is None
    both = [(asked[0][0], CLEAN), (asked[1][0], ERROR), *asked[2:]]
    assert "missed" in Health().why_void(both) and "unanswered (no)" in Health().why_void(both)


@pytest.mark.parametrize(("kind", "wrong"), [("bad", CLEAN), ("good", BAD_ONE)])
def test_one_wrong_canary_in_every_shard_is_found_out(kind, wrong):
    health = Health()
    verdicts = []
    for number in range(12):
        asked = shard_of(RIGHT, number)
        place = next(i for i, (c, _) in enumerate(asked) if c.kind == kind)
        asked[place] = (asked[place][0], wrong)
        verdicts.append(health.why_void(asked) is not None)
    assert not verdicts[0] and all(verdicts[4:])


def test_a_judge_as_good_as_asked_for_loses_few_shards():
    """Recall .95 and false positives .02 exactly: the simulated share of void shards."""
    rng = random.Random(0)
    void = n = 0
    for _ in range(60):
        health = Health()
        for number in range(25):
            asked = [
                (c, RIGHT[c.kind] if rng.random() < (0.98 if c.kind == "good" else 0.95) else ERROR)
                for c, _ in shard_of(RIGHT, number)
            ]
            void += health.why_void(asked) is not None
            n += 1
    assert void / n < 0.06


@pytest.mark.parametrize(("recall", "false_positives"), [(0.6, 0.0), (0.8, 0.02), (1.0, 0.25)])
def test_a_judge_that_is_worse_than_asked_for_is_void_before_long(recall, false_positives):
    rng = random.Random(1)
    late = []
    for _ in range(40):
        health = Health()
        for number in range(40):
            asked = [
                (
                    c,
                    (BAD_ONE if rng.random() < false_positives else CLEAN)
                    if c.kind == "good"
                    else (BAD_ONE if rng.random() < recall else CLEAN),
                )
                for c, _ in shard_of(RIGHT, number)
            ]
            void = health.why_void(asked) is not None
            late += [void] if number >= 20 else []
    assert sum(late) / len(late) > 0.75


def test_the_operating_point_counts_each_text_once():
    many = [("bad:1", BAD_ONE)] * 50 + [("bad:2", CLEAN)] * 50 + [("bad:3", BAD_ONE), ("bad:3", ERROR)]
    point = operating_point([*many, ("good:1", CLEAN), ("good:2", BAD_ONE), ("injecting:1", BAD_ONE)])
    assert (point.tpr.k, point.tpr.n) == (1, 3)
    assert (point.fpr.k, point.fpr.n) == (1, 2)
    assert (point.caught.k, point.caught.n) == (1, 1)
    assert point.unanswered == 1
    assert point.tpr.low < 1 / 3 < point.tpr.high
    assert operating_point([]).tpr == (0, 0, 0.0, 1.0)


def test_the_callers_own_good_rows_are_canaries():
    own = [row(f"Oven at {200 + i} degrees.", "How hot?") for i in range(5)]
    seen = []
    with Judge(mock(honest, seen), RUBRIC, canaries=Canaries(good_rows=own)) as judge:
        judge.rows(ROWS)
        assert judge.operating_point().fpr.n == 2
    assert sum("Oven at" in message for message in seen) == 2
