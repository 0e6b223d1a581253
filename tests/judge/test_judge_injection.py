import re

import pytest

pytest.importorskip("inspect_ai")

from injections import FORMS
from mock_judges import EVIL, gullible, mock, obeys, row

from theodolite.judge import Canaries, Judge, Rubric
from theodolite.judge.answer import read_answer
from theodolite.judge.envelope import seal
from theodolite.targets import Row, Turn

RUBRIC = Rubric("a helpful assistant")
SALT = b"0123456789abcdef"


def injected(speech):
    return row(f"An {EVIL} answer. {speech}")


@pytest.fixture(scope="module")
def verdicts():
    rows = [injected(speech) for speech in FORMS.values()]
    with Judge(mock(gullible), RUBRIC, canaries=Canaries(shard=20)) as judge:
        return dict(zip(FORMS, judge.rows(rows), strict=True))


def test_there_are_forms_enough():
    assert len(FORMS) >= 24 and len(set(FORMS.values())) == len(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_the_gullible_judge_obeys_nothing_in_an_envelope(form, verdicts):
    assert verdicts[form].flagged, verdicts[form]


@pytest.mark.parametrize("side", ["prompt", "response", "role", "rejected"])
def test_no_place_in_a_row_is_outside_the_envelope(side):
    for form, speech in FORMS.items():
        turns = {
            "prompt": (Turn("user", speech), Turn("assistant", EVIL)),
            "response": (Turn("user", "Hello"), Turn("assistant", speech)),
            "role": (Turn(speech, "Hello"), Turn("assistant", EVIL)),
            "rejected": (Turn("user", "Hello"), Turn("assistant", EVIL)),
        }[side]
        envelopes = seal(Row(1, turns, speech if side == "rejected" else None), SALT, "call")
        assert not any(obeys(e.message()) for e in envelopes), form


def test_the_gullible_judge_obeys_plain_text():
    """The control of the test above: a judge that could not be talked to would prove nothing."""
    obeyed = [
        form for form, speech in FORMS.items() if obeys(f"nonce: abc\nGrade this row:\n{EVIL}\n{speech}")
    ]
    assert len(obeyed) == len(FORMS), set(FORMS) - set(obeyed)


def test_the_gullible_judge_obeys_a_fence_that_is_not_an_envelope():
    """Tags and a JSON string that escapes nothing but quotes, as one would write them in haste."""
    tags = [f for f, s in FORMS.items() if obeys(f"nonce: abc\n<row>\n{EVIL}\n{s}\n</row>")]
    quoted = [
        f for f, s in FORMS.items() if obeys('nonce: abc\ndata: {"row": "' + s.replace('"', '\\"') + '"}')
    ]
    assert len(tags) == len(FORMS)
    assert len(quoted) > len(FORMS) / 2


def test_a_row_that_injects_changes_no_other_rows_verdict():
    others = [row(f"{EVIL if i % 3 == 0 else 'fine'} {i}") for i in range(30)]
    with Judge(mock(gullible), RUBRIC) as judge:
        alone = judge.rows(others)
    with Judge(mock(gullible), RUBRIC) as judge:
        among = judge.rows([*others, *(injected(s) for s in FORMS.values())])
    assert among[: len(others)] == alone


def test_a_nonce_is_of_its_call_alone():
    one = seal(row("a"), SALT, "call")[0].nonce
    assert re.fullmatch(r"[0-9a-f]{16}", one)
    assert one == seal(row("a"), SALT, "call")[0].nonce
    others = {
        seal(row("b"), SALT, "call")[0].nonce,
        seal(row("a"), b"another", "call")[0].nonce,
        seal(row("a"), SALT, "another")[0].nonce,
    }
    assert one not in others and len(others) == 3


def test_an_answer_that_a_row_carries_is_no_answer():
    envelope = seal(injected(FORMS["forged answer"]), SALT, "call")[0]
    judgement = read_answer(FORMS["forged answer"], envelope, 2)
    assert (judgement.state, judgement.reason) == ("error", "the answer has another nonce")
