import json
import time
from pathlib import Path

import numpy as np
import pytest

from theodolite.errors import DataError, SpecError
from theodolite.horizon.task_fit import draw_task_horizons, fit_tasks
from theodolite.horizon.task_runs import read_task_runs

METR = Path(__file__).parents[3] / "shared" / "real" / "metr"
real = pytest.mark.skipif(not METR.exists(), reason="the published tables are not here")


def runs(agents=("a", "b"), tasks=60, each=4, seed=0, p50=60.0):
    rng, out = np.random.default_rng(seed), []
    for t in range(tasks):
        minutes = float(2 ** rng.uniform(0, 11))
        for agent in agents:
            for _ in range(each):
                won = rng.random() < 1 / (1 + (minutes / p50) ** 0.9)
                out.append({"alias": agent, "task_id": f"f{t // 3}/t{t}", "human_minutes": minutes})
                out[-1] |= {"score_binarized": int(won)}
    return out


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@real
def test_the_published_coefficients_are_met():
    fits = fit_tasks(read_task_runs(METR / "th11_two_agents.csv"), resamples=100)
    assert [f.agent for f in fits] == ["GPT-5.4", "Claude Mythos Preview"]
    assert [f.slope for f in fits] == pytest.approx([-0.520, -0.557], abs=0.002)
    assert [f.intercept for f in fits] == pytest.approx([4.378, 5.582], abs=0.002)
    assert [round(f.horizons["p50"].value) for f in fits] == [342, 1045]
    assert [round(f.if_strong["p50"]) for f in fits] == [380, 1511]
    strong = fit_tasks(read_task_runs(METR / "th11_two_agents.csv"), resamples=100, penalty=0.1)
    assert [round(f.horizons["p50"].value) for f in strong] == [380, 1511]
    assert all(any("known error" in w for w in f.warnings) for f in strong)


@real
def test_other_curves_have_the_aic_of_the_notes():
    (first, _) = fit_tasks(read_task_runs(METR / "th11_two_agents.csv"), resamples=100)
    found = {f.family: round(f.aic, 1) for f in first.family_set}
    assert found == {
        "weibull": 188.1,
        "log-logistic": 188.3,
        "log-logistic with a top": 188.8,
        "exponential": 198.8,
    }


@real
def test_the_runs_of_eleven_agents_are_weighted_as_published_and_resampled_in_seconds():
    counts = read_task_runs(METR / "all_runs.jsonl")
    published = np.zeros_like(counts.weight)
    for line in (METR / "all_runs.jsonl").read_text().splitlines():
        row = json.loads(line)
        a, t = counts.agents.index(row["alias"]), counts.tasks.index(row["task_id"])
        published[a, t] += row["invsqrt_task_weight"]
    assert np.abs(published - counts.weight).max() < 1e-6
    started = time.process_time()
    draws = draw_task_horizons(counts, resamples=1000)
    assert time.process_time() - started < 5
    assert draws.horizons["p50"].shape == (11, 1000)


def test_a_planted_horizon_is_found_from_runs_and_from_counts(tmp_path):
    rows = runs(tasks=300)
    (fit, _) = fit_tasks(read_task_runs(written(tmp_path / "r.jsonl", rows)), resamples=200)
    assert fit.horizons["p50"].low < 60 < fit.horizons["p50"].high
    assert fit.horizons["p50"].value == pytest.approx(60, rel=0.4)
    lines = ["agent,task_id,human_minutes,n_successes,n_runs"]
    for i in range(0, len(rows), 8):
        one = [r for r in rows[i : i + 8] if r["alias"] == "a"]
        k, r = sum(x["score_binarized"] for x in one), one[0]
        lines.append(f"a,{r['task_id']},{r['human_minutes']!r},{k},{len(one)}")
    (tmp_path / "c.csv").write_text("\n".join(lines) + "\n")
    (again,) = fit_tasks(read_task_runs(tmp_path / "c.csv"), resamples=200)
    assert (again.slope, again.intercept) == pytest.approx((fit.slope, fit.intercept))


def test_the_bootstrap_is_the_one_that_draws_families_then_tasks_then_runs(tmp_path):
    counts = read_task_runs(written(tmp_path / "r.jsonl", runs(("a",), 45, 3)))
    ours = np.log2(draw_task_horizons(counts, resamples=4000).horizons["p50"][0])
    rng, plain = np.random.default_rng(5), []
    x = np.log2(counts.minutes)
    for _ in range(400):
        tasks = []
        for f in rng.integers(counts.family.max() + 1, size=counts.family.max() + 1):
            members = np.flatnonzero(counts.family == f)
            tasks += rng.choice(members, members.size).tolist()
        good, bad = np.zeros(x.size), np.zeros(x.size)
        for t in tasks:
            outcome = np.zeros(3)
            outcome[: int(counts.good[0, t])] = 1
            k = rng.choice(outcome, 3).sum()
            each = counts.weight[0, t] / 3
            good[t] += k * each
            bad[t] += (3 - k) * each
        from theodolite.stats.logistic import fit_logistic

        curve = fit_logistic(x, good, bad, 1e-5)
        plain.append(-float(curve.intercept) / float(curve.slope))
    assert np.median(ours) == pytest.approx(np.median(plain), abs=0.15)
    assert np.std(ours) == pytest.approx(np.std(plain), rel=0.15)


def test_all_failed_all_solved_and_the_wrong_way_round(tmp_path):
    def fit_with(score):
        rows = [r | {"score_binarized": score(r)} for r in runs(("a",))]
        return fit_tasks(read_task_runs(written(tmp_path / "r.jsonl", rows)), resamples=100)[0]

    none, every = fit_with(lambda r: 0), fit_with(lambda r: 1)
    upside = fit_with(lambda r: int(r["human_minutes"] > 40))
    assert none.horizons["p50"].value == 0 and "No task was solved" in none.warnings[0]
    assert every.horizons["p50"].value == np.inf and "Every task was solved" in every.warnings[0]
    assert "does not fall with length" in upside.warnings[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"human_minutes": 0}, "row 3 of .*, column human_minutes: 0.0 is refused"),
        ({"human_minutes": float("nan")}, "row 3 of .*, column human_minutes: nan is refused"),
        ({"score_binarized": 2}, "row 3 of .*, column score_binarized: 2.0 is refused"),
        ({"score_binarized": None}, "row 3 of .*, column score_binarized: None is refused"),
        ({"alias": ""}, "row 3 of .*, column alias: '' is refused"),
        ({"human_minutes": 7}, "row 3 of .* had .* minutes and family .* in an earlier row"),
    ],
)
def test_a_bad_run_is_named(tmp_path, change, said):
    rows = runs()
    rows[2] |= change
    with pytest.raises(DataError, match=said):
        read_task_runs(written(tmp_path / "r.jsonl", rows))


def test_a_bad_table_is_named(tmp_path):
    for text, said in (
        ("", "holds no run"),
        ("{}\n", "has no column 'alias'"),
        ("[1]\n", "line 1 .* is not a JSON object"),
        ('{"alias": \n', "line 1 .* is not a JSON object"),
    ):
        (tmp_path / "r.jsonl").write_text(text)
        with pytest.raises(DataError, match=said):
            read_task_runs(tmp_path / "r.jsonl")
    header = "agent,task_id,human_minutes,n_successes,n_runs\n"
    for text, said in (
        ("a,b\n1,2\n", "has no column 'agent'"),
        (header + "a,t,3,2,1\n", "column n_successes: 2.0 is refused"),
        (header + "a,t,3,0,0\n", "column n_runs: 0.0 is refused"),
        (header + "a,t,x,0,1\n", "column human_minutes: 'x' is refused"),
    ):
        (tmp_path / "c.csv").write_text(text)
        with pytest.raises(DataError, match=said):
            read_task_runs(tmp_path / "c.csv")
    counts = read_task_runs(written(tmp_path / "r.jsonl", runs()))
    with pytest.raises(SpecError, match="regularisation"):
        fit_tasks(counts, penalty=-1)


def counts(path, *rows):
    path.write_text("agent,task_id,human_minutes,n_successes,n_runs\n" + "\n".join(rows) + "\n")
    return path


def test_where_no_task_failed_or_none_was_solved_the_limits_are_those_of_enough_families(tmp_path):
    def fitted(won, families):
        rows = [f"a,f{i}/t,{2**i},{3 * won},3" for i in range(families)]
        return fit_tasks(read_task_runs(counts(tmp_path / "c.csv", *rows)), resamples=100)[0].horizons

    # 0.025 ** (1 / 6) is .54, 0.025 ** (1 / 5) is .48: six families show a half, five do not.
    assert (fitted(1, 5)["p50"].low, fitted(1, 5)["p50"].high) == (0.0, np.inf)
    assert (fitted(1, 8)["p50"].low, fitted(1, 8)["p80"].low) == (4.0, 0.0)
    assert (fitted(0, 5)["p50"].high, fitted(0, 8)["p50"].high) == (np.inf, 32.0)
    assert fitted(0, 8)["p80"].high == 4.0


def test_success_that_does_not_fall_limits_nothing_and_long_tasks_are_doubted(tmp_path):
    rising = counts(tmp_path / "r.csv", "a,f/t,3,0,2", "a,g/t,3e7,2,2")
    (fit,) = fit_tasks(read_task_runs(rising), resamples=100)
    assert (fit.horizons["p80"].low, fit.horizons["p80"].high) == (0.0, np.inf)
    assert any("does not fall" in w for w in fit.warnings) and any("unit" in w for w in fit.warnings)
    (fit,) = fit_tasks(
        read_task_runs(counts(tmp_path / "o.csv", "a,f/t,3,1,2", "a,g/t,3,1,2")), resamples=100
    )
    assert any("one length" in w for w in fit.warnings)


def test_an_agent_that_solved_all_is_only_known_to_last_as_long_as_the_tasks(tmp_path):
    from theodolite.horizon.answers import answer_compare

    rows = [f"{a},f{i}/t,{2**i},{k},3" for i in range(8) for a, k in (("all", 3), ("some", 3 * (i < 4)))]
    (found,) = answer_compare(read_task_runs(counts(tmp_path / "c.csv", *rows)), resamples=200).tasks
    assert (
        found.ratios[0].value is None and 0 < found.ratios[0].low < 7 and "at least" in found.ratios[0].says
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a,f/t,3,1,2", "a,f/t,3,1,2"], "rows 1 and 2 of .* the counts of agent 'a' on task 'f/t'"),
        (["a,f/t,3,1,2,9"], "row 1 of .* more cells"),
        (["a,f/t,3,1,2.5"], "n_runs: 2.5 is refused"),
    ],
)
def test_counts_that_would_be_added_up_or_cut_are_refused(tmp_path, rows, said):
    with pytest.raises(DataError, match=said):
        read_task_runs(counts(tmp_path / "C.CSV", *rows))


def test_a_run_that_is_there_twice_is_refused(tmp_path):
    run = {"run_id": "r", "alias": "a", "task_id": "f/t", "human_minutes": 3, "score_binarized": 1}
    with pytest.raises(DataError, match=r"rows 1 and 2 of .* the run 'r'"):
        read_task_runs(written(tmp_path / "r.jsonl", [run, run]))
    with pytest.raises(DataError, match="task_family"):
        read_task_runs(written(tmp_path / "r.jsonl", [run | {"task_family": ["x"]}]))
    (tmp_path / "deep.jsonl").write_text("[" * 100_000)
    with pytest.raises(DataError, match="line 1"):
        read_task_runs(tmp_path / "deep.jsonl")
