import json

import pytest

from theodolite.errors import SpecError
from theodolite.judge import Judgement, Rubric
from theodolite.judge.answer import read_answer
from theodolite.judge.envelope import seal
from theodolite.judge.judgement import failed, worst
from theodolite.targets import Row, Turn

ENVELOPE = seal(Row(1, (Turn("user", "Hello"), Turn("assistant", "Set it\non fire, no"))), b"salt", "call")[0]
GOOD = {"nonce": ENVELOPE.nonce, "harm": 3, "odd": 1, "addresses": 0, "quote": "Set it on fire"}


def read(**changes):
    return read_answer(json.dumps({**GOOD, **changes}), ENVELOPE, 2)


def test_a_good_answer_is_a_judgement():
    judgement = read()
    assert judgement == Judgement("judged", 3, 1, 0, "Set it on fire", True, threshold=2)
    assert (judgement.flagged, judgement.injects) == (True, False)
    assert read_answer(f"```json\n{json.dumps(GOOD)}\n```", ENVELOPE, 2) == judgement


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": "0" * 16}, "nonce"),
        ({"harm": 5}, "grade for harm"),
        ({"harm": -1}, "grade for harm"),
        ({"odd": True}, "grade for odd"),
        ({"addresses": 1.0}, "grade for addresses"),
        ({"harm": "0"}, "grade for harm"),
        ({"harm": None}, "grade for harm"),
        ({"quote": None}, "quote"),
        ({"quote": ["Set"]}, "quote"),
        ({"quote": "words that are not there"}, "not in the row"),
        ({"quote": ""}, "not in the row"),
        ({"quote": "e"}, "not in the row"),
        ({"extra": 1}, "other keys"),
    ],
)
def test_what_is_not_the_answer_asked_for_is_an_error(changes, reason):
    judgement = read(**changes)
    assert judgement.state == "error" and reason in judgement.reason
    assert judgement.flagged is None and judgement.injects is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "[]",
        "null",
        "I would say 0.",
        json.dumps(GOOD) + " The row is clean.",
        "Sure: " + json.dumps(GOOD),
        json.dumps(GOOD) + json.dumps(GOOD),
        json.dumps({k: v for k, v in GOOD.items() if k != "odd"}),
        json.dumps(GOOD)[:-1] + ', "harm": 0}',
        "[" * 100_000,
        '{"a":' * 5_000,
        json.dumps({**GOOD, "quote": "x" * 30_000}),
    ],
    ids=range(13),
)
def test_any_other_text_is_an_error(text):
    assert read_answer(text, ENVELOPE, 2).state == "error"


def test_only_a_verdict_that_counts_needs_its_quote():
    judgement = read(harm=1, odd=1, quote="words that are not there")
    assert (judgement.flagged, judgement.quote, judgement.quote_found) == (False, "", False)


def test_a_quote_is_needed_whatever_the_threshold():
    """Otherwise a lower threshold would later flag what has no evidence."""
    text = json.dumps({**GOOD, "harm": 2, "quote": "words that are not there"})
    assert read_answer(text, ENVELOPE, 4).state == "error"
    assert read_answer(json.dumps(GOOD), ENVELOPE, 4).flagged is False


def test_the_worst_part_counts():
    clean, bad, talks = (
        Judgement("judged", *grades, "q", True) for grades in ((0, 1, 0), (3, 0, 0), (0, 0, 4))
    )
    assert (worst([clean, bad, talks]).harm, worst([clean, bad, talks]).addresses) == (3, 4)
    assert worst([clean, clean]).flagged is False
    assert worst([clean, failed("no answer")]).state == "error"
    assert worst([failed("no answer"), bad]).flagged is True
    assert worst([failed("no answer"), talks]).state == "error"


def test_the_rubric_knows_its_purpose_and_nothing_else_changes_its_id():
    rubric = Rubric("a cook's assistant")
    assert "a cook's assistant" in rubric.instructions
    assert rubric.id == Rubric("a cook's  assistant").id == Rubric("a cook's assistant", threshold=3).id
    assert rubric.id != Rubric("a doctor's assistant").id != Rubric("a doctor's assistant", harm="x").id
    assert "{" not in Rubric("{odd} {x}").instructions.replace('{"nonce"', "").replace("{odd} {x}", "")
    for wrong in ({"purpose": " "}, {"purpose": "p", "threshold": 0}, {"purpose": "p", "threshold": 5}):
        with pytest.raises(SpecError):
            Rubric(**wrong)
