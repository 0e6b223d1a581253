"""Anybody's Inspect logs as trials: clocks, ends, and what makes an event."""

import json

import pytest
from inspect_ai.scorer import Score

from horizon.logs import MODEL, sample, write_log
from theodolite.cli import run
from theodolite.errors import DataError, SpecError
from theodolite.horizon.eval_log import TRIALS_KEY, read_eval
from theodolite.horizon.opening import open_table

pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <function MemoryObject:pytest.PytestUnraisableExceptionWarning"
    ),
]


def read(tmp_path, *samples, events=("program:leak",), **args):
    return read_eval(write_log(tmp_path / "l.eval", *samples, **args), events)


def test_clocks_and_names_come_from_the_log(tmp_path):
    (trial,) = read(tmp_path, sample("a", scores={"leak": 0}, epoch=3), arm="long")
    assert (trial.scenario, trial.seed, trial.arm, trial.model) == ("a", 2, "long", MODEL)
    assert (trial.turns, trial.context_tokens, trial.cause) == (3, 30, "finished")
    told = {"scenario": "b", "arm": "x", "opportunities": 2, "task_minutes": 30.0, "success": True}
    (trial,) = read(tmp_path, sample("a", scores={"leak": 0}, **told))
    assert {k: getattr(trial, k) for k in told} == told


def test_a_violation_is_read_where_its_words_stand(tmp_path):
    found = Score(value=1, explanation="wo")
    (trial,) = read(tmp_path, sample(scores={"leak": found}))
    assert (trial.cause, trial.turns, trial.context_tokens) == ("violation", 2, 20)
    assert (trial.evidence, trial.evidence_turn, trial.evidence_start, trial.evidence_end) == ("wo", 1, 1, 3)
    (trial,) = read(tmp_path, sample(scores={"leak": Score(value=True, metadata={"turn": 0, "quote": "x"})}))
    assert (trial.turns, trial.context_tokens, trial.evidence) == (1, 10, "x")
    (trial,) = read(tmp_path, sample(scores={"leak": 1}))
    assert (trial.turns, trial.evidence, trial.evidence_turn) == (3, "leak = 1", None)


@pytest.mark.parametrize(
    ("events", "scores", "event", "confirmed"),
    [
        (("a",), {"a": 1}, False, None),
        (("program:a",), {"a": 1}, True, "program"),
        (("a", "b"), {"a": 1, "b": 1}, True, "b"),
        (("a", "b"), {"a": 1, "b": 0}, False, None),
        (("a", "b"), {"a": 0, "b": 1}, False, None),
        (("a", "program:b"), {"a": "C", "b": True}, True, "program"),
        (("!a", "b"), {"a": "I", "b": "violation"}, True, "b"),
        (("program:!a",), {"a": "C"}, False, None),
        (("program:a.leak",), {"a": {"leak": 1, "other": 0}}, True, "program"),
    ],
)
def test_only_what_is_confirmed_is_an_event(tmp_path, events, scores, event, confirmed):
    (trial,) = read(tmp_path, sample(scores=scores), events=events)
    assert (trial.event, trial.confirmed_by) == (event, confirmed)
    unconfirmed = not event and next(iter(scores.values())) in (1,)
    assert ("nothing confirms it" in (trial.note or "")) == unconfirmed


@pytest.mark.parametrize(
    ("about", "cause"),
    [
        ({"limit": "token"}, "budget"),
        ({"limit": "message"}, "budget"),
        ({"limit": "time"}, "budget"),
        ({"limit": "context"}, "context_limit"),
        ({"limit": "operator"}, "infrastructure"),
        ({"error": "ConnectionError('x')\nmore"}, "infrastructure"),
        ({"cause": "refusal"}, "refusal"),
        ({"cause": "incoherence"}, "incoherence"),
        ({"cause": "violation"}, "finished"),
        ({"cause": "success"}, "finished"),
        ({}, "finished"),
    ],
)
def test_every_end_has_its_cause(tmp_path, about, cause):
    failed = "error" in about
    (trial,) = read(tmp_path, sample(scores={} if failed else {"leak": 0}, **about))
    assert (trial.cause, trial.event) == (cause, False)
    assert not failed or trial.note == "error: ConnectionError('x')"


def test_what_a_log_does_not_say_is_asked_for(tmp_path):
    with pytest.raises(DataError, match=r"does not say what is a violation \(its scores: leak\).*--event"):
        read(tmp_path, sample(scores={"leak": 1}), events=())
    with pytest.raises(DataError, match="no score 'other'"):
        read(tmp_path, sample(scores={"leak": 1}), events=("other",))
    with pytest.raises(DataError, match="says yes or no"):
        read(tmp_path, sample(scores={"leak": "perhaps"}))
    with pytest.raises(DataError, match="names no scorer"):
        read(tmp_path, sample(scores={"leak": 1}), events=("!",))
    with pytest.raises(DataError, match="makes no trial"):
        read(tmp_path, sample(scores={"leak": 0}, opportunities=-1))
    with pytest.raises(DataError, match="has 7 as score 'leak', which is neither yes nor no"):
        read(tmp_path, sample(scores={"leak": 7}))
    with pytest.raises(DataError, match=r"makes no trial \(released"):
        read(tmp_path, sample(scores={"leak": 0}, released="last March"))
    with pytest.raises(DataError, match="holds its own trials"):
        read(tmp_path, sample(scores={"v": Score(value=0, metadata={TRIALS_KEY: [{"cause": "budget"}]})}))
    with pytest.raises(DataError, match="no finished sample"):
        read(tmp_path)
    (tmp_path / "broken.eval").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(DataError, match="no Inspect log that can be read"):
        read_eval(tmp_path / "broken.eval")
    with pytest.raises(DataError, match="no file"):
        read_eval(tmp_path / "none.eval")
    with pytest.raises(SpecError, match="scores of an Inspect log"):
        open_table(tmp_path / "t.parquet", ("leak",))


def test_a_folder_of_logs_is_one_table(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    with pytest.raises(DataError, match="holds no Inspect log"):
        open_table(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(DataError, match="cannot be read"):
        patch.setattr("pathlib.Path.rglob", lambda *_: (_ for _ in ()).throw(OSError(2, "gone")))
        open_table(tmp_path)
    for number in range(2):
        write_log(tmp_path / "deep" / f"{number}.eval", sample(f"s{number}", scores={"leak": 0}))
    assert [t.scenario for t in open_table(tmp_path, ("leak",))] == ["s0", "s1"]
    write_log(tmp_path / "again.eval", sample("s1", scores={"leak": 0}))
    with pytest.raises(DataError, match="are the same trial"):
        open_table(tmp_path, ("leak",))


def test_the_command_reads_a_log(tmp_path, capsys):
    samples = [
        sample(f"s{i}", scores={"leak": Score(value=int(i % 2), explanation="two"), "second": 1}, epoch=e)
        for i in range(6)
        for e in (1, 2)
    ]
    log = str(write_log(tmp_path / "l.eval", *samples))
    assert run(["horizon", "fit", log]) == 2
    assert "--event" in capsys.readouterr().err
    line = ["horizon", "fit", log, "--event", "leak", "--event", "second", "--clock", "turns", "--json"]
    assert run([*line, "--resamples", "200"]) == 0
    fit = json.loads(capsys.readouterr().out)["trials"][0]
    assert (fit["events"], fit["ends"]) == (6, {"violation": 6, "finished": 6})
