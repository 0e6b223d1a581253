"""`theodolite horizon`, as a person types it."""

import json

import pytest

from horizon.planted import planted, trial
from horizon.test_task_horizons import METR, real, runs, written
from theodolite.cli import run
from theodolite.horizon.table import write_trials


@pytest.fixture
def table(tmp_path):
    write_trials(tmp_path / "t.parquet", planted(20, 5, model="m\x1b[31m"))
    return str(tmp_path / "t.parquet")


def test_trials_are_fitted_and_drawn(table, tmp_path, capsys):
    plot = str(tmp_path / "p.svg")
    assert run(["horizon", "fit", table, "--resamples", "200", "--plot", plot]) == 0
    said, err = capsys.readouterr()
    assert "100 trials of 20 scenarios" in said and "H50 = " in said and f"Plot: {plot}" in said
    assert "\x1b" not in said and err == ""
    assert run(["horizon", "fit", table, "--resamples", "200", "--json", "--plot", plot]) == 0
    said, _ = capsys.readouterr()
    assert json.loads(said)["trials"][0]["horizons"][0]["name"] == "H50"


@real
def test_the_published_table_is_fitted(capsys):
    assert run(["horizon", "fit", str(METR / "th11_two_agents.csv"), "--json"]) == 0
    tasks = json.loads(capsys.readouterr().out)["tasks"]
    assert [round(t["horizons"]["p50"]["value"]) for t in tasks] == [342, 1045]
    assert run(["horizon", "fit", str(METR / "th11_two_agents.csv"), "--regularisation", "0.1"]) == 0
    assert "p50 = 1,511" in capsys.readouterr().out


def test_groups_agents_and_versions_are_compared(table, tmp_path, capsys):
    write_trials(tmp_path / "u.parquet", planted(20, 5, arm="clean", half_life=1e6))
    assert (
        run(["horizon", "compare", table, str(tmp_path / "u.parquet"), "--clean", "--resamples", "200"]) == 0
    )
    assert "ceiling of the instrument" in capsys.readouterr().out
    rows = [r for a, p50 in zip("abc", (4, 30, 200), strict=True) for r in runs(a, p50=p50)]
    agents = str(written(tmp_path / "r.jsonl", rows))
    assert run(["horizon", "compare", agents, "--against", "a", "--resamples", "200"]) == 0
    assert "b against a" in capsys.readouterr().out
    (tmp_path / "d.toml").write_text("a = 2024-01-01\nb = 2025-01-01\nc = 2026-01-01\n")
    dated = ["horizon", "compare", agents, "--dates", str(tmp_path / "d.toml"), "--resamples", "200"]
    assert run([*dated, "--json"]) == 0
    trend = json.loads(capsys.readouterr().out)["trends"][0]
    assert trend["of"] == "p50" and trend["per_year"]["low"] < 2.8 < trend["per_year"]["high"]


def test_the_gate_says_by_its_exit_code_whether_a_policy_holds(table, tmp_path, capsys):
    policy = tmp_path / "p.toml"
    line = '[[threshold]]\nname = "n"\nmeasure = "H50"\nunit = "tokens"\naction = "add a monitor"\n'
    command = ["horizon", "gate", table, "--thresholds", str(policy), "--resamples", "200"]
    for limit, code in (("at_least = 100", 0), ("at_least = 5000", 3), ("at_least = 1e6", 3)):
        policy.write_text(line + limit)
        assert run(command) == code
    said = capsys.readouterr().out
    assert "met " in said and "NOT SHOWN" in said and "TRIGGERED" in said and "add a monitor" in said
    policy.write_text(line + "at_least = 5000")
    assert run([*command, "--fail-on", "triggered", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["passed"] and answer["checks"][0]["state"] == "not_shown"


def test_a_plan_is_printed(capsys):
    assert run(["horizon", "plan", "--ratio", "2", "--repeats", "1"]) == 0
    assert "66 in both groups" in capsys.readouterr().out
    assert run(["horizon", "plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scenarios"] == 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fit", "none.parquet"], "there is no file"),
        (["fit", "none.eval"], "there is no file"),
        (["fit", "none.txt"], "is no table that is known"),
        (["fit", "TABLE", "--clock", "human_minutes"], "column human_minutes: there is no reading"),
        (["fit", "TABLE", "--regularisation", "1"], "--regularisation is for task runs"),
        (["fit", "TABLE", "--level", "2"], "no probability"),
        (["fit", "TABLE", "--resamples", "0"], "0 is not in the range"),
        (["fit", "TABLE", "--resamples", "1000000000000"], "is not in the range"),
        (["fit", "TABLE", "--seed", "-1"], "-1 is not in the range"),
        (["fit", "TABLE", "--plot", "/nowhere/p.svg"], "there is no folder '/nowhere'"),
        (["fit", "TABLE", "--plot", "p.png"], "is no SVG file"),
        (["compare", "TABLE", "--frontier"], "no dates are given"),
        (["plan", "--ratio", "inf"], "no difference"),
        (["run", "demo:backdoor", "--out", "d", "--arm", ""], "--arms"),
        (["run", "demo:backdoor", "--out", "d", "--batch", "0"], "0 is not in the range"),
        (["run", "demo:backdoor", "--out", "d", "--temperature", "inf"], "--temperature inf does not fit"),
        (["compare", "TABLE"], "1 groups of free runs"),
        (["compare", "TABLE", "--dates", "none.toml"], "there is no file"),
        (["gate", "TABLE", "--thresholds", "none.toml"], "there is no file"),
        (["gate", "TABLE"], "Missing option '--thresholds'"),
        (["plan", "--factor", "0.5"], "no precision"),
    ],
)
def test_what_a_user_can_fix_is_one_sentence_and_exit_2(table, arguments, said, capsys):
    assert run(["horizon", *(table if a == "TABLE" else a for a in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1


def test_a_table_of_nothing_but_clean_runs_is_answered(tmp_path, capsys):
    write_trials(tmp_path / "t.parquet", [trial(f"s{i}") for i in range(3)])
    assert run(["horizon", "fit", str(tmp_path / "t.parquet"), "--resamples", "100"]) == 0
    said = capsys.readouterr().out
    assert "H50 > 10 turns in this sample" in said and "There is no violation" in said


def test_probes_are_drawn_and_tables_of_one_name_told_apart(table, tmp_path, capsys):
    from horizon.test_comparing import probes

    asked, plot = str(tmp_path / "q.parquet"), str(tmp_path / "q.svg")
    write_trials(asked, probes(0.03))
    assert run(["horizon", "fit", asked, "--resamples", "100", "--plot", plot]) == 0
    assert "Probes that violate" in (tmp_path / "q.svg").read_text()
    capsys.readouterr()
    assert run(["horizon", "compare", table, table, "--resamples", "100"]) == 0
    assert "of the first table against" in capsys.readouterr().out
