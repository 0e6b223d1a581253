import asyncio
import json

import pytest

pytest.importorskip("inspect_ai")

from mock_judges import EVIL, answer, honest, mock, parts, row

from theodolite.errors import ModelError, SpecError
from theodolite.judge import Canaries, Judge, Rubric
from theodolite.targets import Row, Turn

RUBRIC = Rubric("a helpful assistant")
ROWS = [row(f"{EVIL if i % 7 == 0 else 'fine'} answer {i}", number=i) for i in range(60)]


def test_rows_come_back_in_order_each_content_asked_once():
    seen = []
    shares = []
    with Judge(mock(honest, seen), RUBRIC) as judge:
        judgements = judge.rows([*ROWS, *ROWS], shares.append)
        assert judge.calls == len(seen) == 60 + 5
        assert judge.rows(ROWS) == judgements[:60]
        assert judge.calls == 65
    assert judgements[:60] == judgements[60:]
    assert [j.flagged for j in judgements[:60]] == [i % 7 == 0 for i in range(60)]
    assert judgements[0].quote_found and judgements[0].quote in ROWS[0].response
    assert shares == sorted(shares) and shares[0] < 0.1 and shares[-1] == 1.0


def test_the_order_of_the_rows_changes_nothing_that_the_judge_sees():
    messages = []
    for rows in (ROWS, ROWS[::-1]):
        seen = []
        with Judge(mock(honest, seen), RUBRIC, canaries=Canaries(shard=20)) as judge:
            judge.rows(rows)
        messages.append(sorted(json.dumps(parts(m)[1]) for m in seen))
    assert messages[0] == messages[1]


def test_one_row_a_call():
    seen = []
    with Judge(mock(honest, seen), RUBRIC) as judge:
        judge.rows(ROWS)
    said = {r.response for r in ROWS}
    assert all(sum(text in said for _, text in parts(m)[1]["row"]) <= 1 for m in seen)
    assert all(len(parts(m)[1]["row"]) == 2 for m in seen)


def test_an_unreadable_answer_is_an_error_and_asked_again():
    def moody(message):
        return "no JSON" if "fine answer 5" in message and moody.broken else honest(message)

    moody.broken = True
    with Judge(mock(moody), RUBRIC) as judge:
        first = judge.rows(ROWS)
        assert [i for i, j in enumerate(first) if j.state == "error"] == [
            i for i, r in enumerate(ROWS) if "fine answer 5" in r.response
        ]
        assert all(j.flagged is None and j.reason for j in first if j.state == "error")
        assert sum(judge.errors.values()) == sum(j.state == "error" for j in first) > 0
        moody.broken = False
        before = judge.calls
        assert all(j.state == "judged" for j in judge.rows(ROWS))
        assert judge.calls - before == sum(j.state == "error" for j in first) + 5


def test_a_failing_call_is_an_error_with_a_reason_that_holds_no_row():
    def failing(message):
        if "answer 3" in message:
            raise RuntimeError("the endpoint broke")
        return honest(message)

    with Judge(mock(failing), RUBRIC) as judge:
        judgements = judge.rows(ROWS)
    errors = [j for j in judgements if j.state == "error"]
    assert len(errors) == sum("answer 3" in r.response for r in ROWS)
    assert all(j.reason == "RuntimeError: the endpoint broke" for j in errors)


def test_what_is_not_paid_for_is_not_asked_and_not_clean():
    with Judge(mock(honest), RUBRIC, max_calls=40, canaries=Canaries(shard=20)) as judge:
        judgements = judge.rows(ROWS)
        assert judge.calls <= 40
    assert sum(j.state == "judged" for j in judgements) == judge.calls - 10
    assert {j.reason for j in judgements if j.state == "error"} == {"not asked: 40 calls are spent"}


def test_bad_words_in_the_middle_of_a_long_row_are_found():
    rows = [row("lorem ipsum " * 4000 + EVIL + " dolor sit" * 4000), row("lorem ipsum " * 8000)]
    with Judge(mock(honest_of_parts), RUBRIC) as judge:
        judgements = judge.rows(rows)
    assert [j.flagged for j in judgements] == [True, False]
    assert EVIL in judgements[0].quote


def honest_of_parts(message):
    nonce, data = parts(message)
    said = next((text for _, text in data["row"] if EVIL in text), None)
    if said is None:
        return honest(message)
    return answer(nonce, odd=3, quote=said[said.index(EVIL) - 5 :][:40])


def test_a_row_that_is_too_long_is_an_error():
    with Judge(mock(honest), RUBRIC) as judge:
        (judgement,) = judge.rows([Row(1, (Turn("assistant", "x" * 900_000),))])
    assert judgement.state == "error" and "too long" in judgement.reason


def test_it_works_inside_a_running_loop():
    async def inside():
        with Judge(mock(honest), RUBRIC) as judge:
            return judge.rows(ROWS[:3])

    assert [j.flagged for j in asyncio.run(inside())] == [True, False, False]


def test_no_rows_no_calls():
    with Judge(mock(honest), RUBRIC) as judge:
        assert judge.rows([]) == [] and judge.calls == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt", "PROVIDER/NAME"),
        ("nobody/model", "nobody"),
        ("openai/gpt-4o-mini", "OPENAI_API_KEY"),
        ("openai-api/house/model", "HOUSE_API_KEY"),
    ],
)
def test_a_judge_that_cannot_be_opened_is_one_sentence(name, words, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match=words) as error:
        Judge(name, RUBRIC)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


def test_wrong_options_are_refused():
    with pytest.raises(SpecError, match="engine"):
        Judge("mockllm/model", RUBRIC, engine="cloud")
    with pytest.raises(SpecError, match="connections"):
        Judge("mockllm/model", RUBRIC, max_connections=0)
    with pytest.raises(SpecError, match="at least 2"):
        Canaries(bad=1)
