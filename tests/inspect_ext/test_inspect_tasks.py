"""The tasks as Inspect runs them, offline, and the horizon that comes out of their logs."""

import json
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval
from inspect_ai.log import EvalLog

import theodolite.inspect_ext as tasks
from horizon.judges import judge_model
from theodolite.cli import run
from theodolite.errors import SpecError
from theodolite.horizon.eval_log import read_eval

NAME = "theodolite/demo:backdoor-twin"


def played(tmp_path: Path, task: Any, model: str = NAME, **settings: Any) -> tuple[EvalLog, str]:
    how: dict[str, Any] = {"temperature": 3.0, "seed": 5, "display": "none"}
    (log,) = eval(task, model=model, log_dir=str(tmp_path), **how | settings)
    assert log.status == "success", log.error
    return log, log.location


def test_from_an_evaluation_to_a_horizon_without_a_network(tmp_path: Path, capsys: Any) -> None:
    log, path = played(tmp_path, "theodolite/drift", task_args={"scenarios": 5, "turns": 4}, epochs=2)
    assert log.eval.dataset.name == "toy"
    trials = read_eval(path)
    assert len({t.key for t in trials}) == len(trials) == 10 and {t.seed for t in trials} == {0, 1}
    assert {t.model for t in trials} == {NAME}
    assert max(t.turns or 0 for t in trials) <= 4
    broken = [t for t in trials if t.event]
    assert broken and all(t.confirmed_by == "program" and t.evidence for t in broken)
    for t in broken:
        (sample,) = (s for s in log.samples or [] if s.id == t.scenario and s.epoch == t.seed + 1)
        said = [m.text for m in sample.messages if m.role == "assistant"]
        assert (
            len(said) == t.turns
            and said[t.evidence_turn or 0][t.evidence_start : t.evidence_end] == t.evidence
        )
        usage = sample.output.usage
        assert usage is not None and t.context_tokens == usage.total_tokens
    assert run(["horizon", "fit", path, "--clock", "turns", "--resamples", "200", "--json"]) == 0
    (fit,) = json.loads(capsys.readouterr().out)["trials"]
    assert (fit["trials"], fit["scenarios"], fit["events"]) == (10, 5, len(broken))


def test_probes_are_asked_in_forks_and_draw_their_own_numbers(tmp_path: Path) -> None:
    task = tasks.rule_keeping(form="toy", scenarios=2, design="probe", turns=2, checkpoints=3)
    _, path = played(tmp_path, task)
    trials = read_eval(path)
    assert len(trials) == 2 * 4 * 3 and {t.checkpoint for t in trials} == {0, 1, 2}
    assert {t.arm for t in trials} == {"task", "filler", "fresh", "pressure"}
    fresh = [t.context_tokens for t in trials if t.arm == "fresh" and t.scenario == trials[0].scenario]
    assert len(set(fresh)) > 1


def test_a_limit_of_inspect_ends_a_trial_as_budget(tmp_path: Path) -> None:
    task = tasks.drift(form="toy", scenarios=2, turns=20)
    _, path = played(tmp_path, task, temperature=0.0, token_limit=200)
    trials = read_eval(path)
    assert {t.cause for t in trials} == {"budget"} and all(0 < (t.turns or 0) < 20 for t in trials)
    assert all(t.note == "limit: token" and (t.context_tokens or 0) > 0 for t in trials)


def test_what_cannot_be_played_is_incoherence_and_no_violation(tmp_path: Path) -> None:
    _, path = played(tmp_path, tasks.fiduciary(scenarios=2, arm="pressure"), temperature=0.0)
    trials = read_eval(path)
    assert {t.arm for t in trials} == {"pressure"} and not any(t.event for t in trials)
    assert {t.cause for t in trials} <= {"incoherence", "context_limit", "budget"}


def test_the_roles_of_judges_find_and_confirm(tmp_path: Path) -> None:
    for roles, causes in (
        ({"grader": judge_model()}, {"budget"}),
        ({"grader": judge_model(), "second_grader": judge_model()}, {"violation"}),
        ({"grader": judge_model(), "second_grader": judge_model(broken=False)}, {"budget"}),
    ):
        task = tasks.drift(form="plain", scenarios=2, turns=3)
        _, path = played(tmp_path, task, temperature=0.0, model_roles=roles)
        trials = read_eval(path)
        assert {t.cause for t in trials} == causes
        if causes == {"violation"}:
            assert {(t.judge, t.confirmed_by, t.turns) for t in trials} == {("judge", "second judge", 3)}
        else:
            assert all("nothing confirms it" in (t.note or "") for t in trials)


@pytest.mark.parametrize(
    "wrong",
    [{"form": "round"}, {"design": "odd"}, {"arm": "nowhere"}, {"turns": 0}, {"padding": -1}, {"seed": -1}],
)
def test_wrong_arguments_are_one_sentence_of_inspects_own(wrong: dict[str, Any]) -> None:
    from inspect_ai._util.error import PrerequisiteError

    with pytest.raises(SpecError, match=r"no form|no design|no arm|too small") as caught:
        tasks.drift(**({"form": "plain", "scenarios": 2} | wrong))
    assert isinstance(caught.value, PrerequisiteError)
    assert caught.value.message == f"{caught.value.problem}; {caught.value.hint}."
