from xml.etree import ElementTree

import pytest

from horizon.planted import able, planted, trial
from horizon.test_task_horizons import runs, written
from theodolite.errors import OutputError
from theodolite.horizon.answers import answer_fit
from theodolite.horizon.drawing import draw_tasks, draw_trials
from theodolite.horizon.task_fit import fit_tasks
from theodolite.horizon.task_runs import read_task_runs


def texts(path):
    return " ".join("".join(e.itertext()) for e in ElementTree.parse(path).iter() if e.tag.endswith("}text"))


def test_three_panels_with_hostile_names_drawn_as_they_are(tmp_path):
    name = "_$x_1$ <script>&\x1b[31m"
    answer = answer_fit([*able(30, 3, model=name), *able(30, 3, model="b", seed=1)], resamples=100)
    draw_trials(tmp_path / "p.svg", answer.trials, answer.margins)
    said = texts(tmp_path / "p.svg")
    assert "$x_1$ <script>&" in said and "alignment against task" in said and "Hazard" in said
    assert "\x1b" not in (tmp_path / "p.svg").read_text()
    first = (tmp_path / "p.svg").read_bytes()
    draw_trials(tmp_path / "p.svg", answer.trials, answer.margins)
    assert (tmp_path / "p.svg").read_bytes() == first


def test_what_has_no_violation_or_one_scenario_is_drawn(tmp_path):
    for trials in (
        [trial(f"s{i}") for i in range(5)],
        [trial("s", i, "violation", turns=i) for i in range(12)],
        planted(3, 1),
    ):
        draw_trials(tmp_path / "p.svg", answer_fit(trials, resamples=100).trials)
        assert "H50" in texts(tmp_path / "p.svg")


def test_agents_are_drawn(tmp_path):
    fits = fit_tasks(read_task_runs(written(tmp_path / "r.jsonl", runs("abcdef"))), resamples=100)
    draw_tasks(tmp_path / "p.svg", fits)
    assert "a: p50" in texts(tmp_path / "p.svg") and "longer than" in texts(tmp_path / "p.svg")
    with pytest.raises(OutputError, match="cannot write"):
        draw_tasks(tmp_path / "none" / "p.svg", fits)


@pytest.mark.parametrize("success", [True, False])
def test_what_has_no_horizon_is_drawn(tmp_path, success):
    trials = [t.model_copy(update={"success": success, "model": "m" * 300}) for t in able(8, 2)]
    answer = answer_fit(trials, resamples=100)
    draw_trials(tmp_path / "p.svg", answer.trials, answer.margins)
    said = texts(tmp_path / "p.svg")
    apart = "D50: how far apart is not known" if success else "D50: at least 5.10 doublings"
    assert apart in said and "H50 > 10 turns" in said and "too few violations" in said
    assert "m" * 100 not in said
    still = [trial(f"s{i}", turns=0) for i in range(4)]
    draw_trials(tmp_path / "p.svg", answer_fit(still, resamples=100).trials)
    said = texts(tmp_path / "p.svg")
    assert "m: H50 > 0 turns" in said and "too few violations" in said and "D50" not in said


def corners(path, number):
    """Left, right, top and bottom of a panel in points."""
    (panel,) = (e for e in ElementTree.parse(path).iter() if e.get("id") == f"axes_{number}")
    outline = next(e for e in panel.iter() if e.tag.endswith("}path")).get("d").split()
    x, y = ([float(v) for v in outline[first::3]] for first in (1, 2))
    return min(x), max(x), min(y), max(y)


def test_long_names_press_no_panel_together_and_legends_stand_below(tmp_path):
    names = [f"some-organisation/model-of-version-{i}-instruct-with-a-long-name" for i in range(9)]
    fits = answer_fit([t for m in names for t in planted(5, 2, model=m)], resamples=100).trials
    draw_trials(tmp_path / "p.svg", fits)
    left, right, _, bottom = corners(tmp_path / "p.svg", 1)
    assert right - left > 300 and corners(tmp_path / "p.svg", 2)[:2] == (left, right)
    legend = next(e for e in ElementTree.parse(tmp_path / "p.svg").iter() if e.get("id") == "legend_1")
    lines = [e for e in legend.iter() if e.tag.endswith("}text")]
    assert len(lines) == 9 and all("H50" in "".join(e.itertext()) for e in lines)
    places = [float(e.get("y") or e.get("transform").split()[-1].rstrip(")")) for e in lines]
    assert min(places) > bottom and max(places) < corners(tmp_path / "p.svg", 2)[2]
