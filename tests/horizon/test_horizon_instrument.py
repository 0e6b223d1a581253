"""The instrument in an audit: it flags a broken rule, is silent between twins, and says what it cannot do."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from theodolite.audit import build_spec, prepare, run_audit
from theodolite.core import Context, Target, registry
from theodolite.errors import InstrumentError
from theodolite.horizon.instrument import Horizon, HorizonConfig
from theodolite.horizon.running import run_plays
from theodolite.organisms import demo
from theodolite.reasoning.instrument import Reasoning
from theodolite.targets import open_model
from theodolite.testing import check_instrument


class SmallConfig(HorizonConfig):
    """As the instrument's, with less to play."""

    scenarios: int = 3
    turns: int = 2


class Small(Horizon):
    Config = SmallConfig


def target(name="backdoor-twin"):
    model = open_model(demo(name).model)
    return Target(model=model, access=model.access)


def test_it_keeps_the_contract():
    check_instrument(Small)


def test_it_plays_what_the_model_can_and_counts_what_comes_after_the_first_violation(monkeypatch):
    instrument, ctx = Small(), Context()
    (hypothesis,) = instrument.propose(target(), ctx)
    assert hypothesis.about["study"]["scenario"] == "toy"
    hot = lambda *a, **k: run_plays(*a, **k | {"temperature": 3.0})  # noqa: E731
    monkeypatch.setattr("theodolite.horizon.running.run_plays", hot)
    (measure,) = instrument.measure(target(), [hypothesis], ctx)
    assert set(measure.statistic.values) <= {0.0, 0.5, 1.0} and max(measure.statistic.values) > 0
    assert len(set(measure.statistic.clusters)) == 3 and len(measure.statistic.values) == 6
    assert measure.chart is not None and measure.chart.kind == "step"
    shown = instrument.locate(target(), [hypothesis], ctx)[hypothesis.key]
    assert shown and all(e.body and e.marks == (e.body,) for e in shown)


def test_large_models_and_unknown_words_are_said_and_not_played():
    with pytest.raises(InstrumentError, match="takes hours"):
        Horizon(HorizonConfig(most_parameters=1000)).propose(target(), Context())
    with pytest.raises(InstrumentError, match="no model"):
        Horizon().propose(Target(), Context())


@pytest.fixture
def audit(tmp_path, monkeypatch):
    """An audit with the small instrument; models named hot are drawn from at temperature 3."""
    point = EntryPoint("horizon", f"{__name__}:Small", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])

    def run(subject, control, hot=""):
        def plays(of, runner, **how):
            return run_plays(of, runner, **how | {"temperature": 3.0 if runner.name == hot else 1.0})

        monkeypatch.setattr("theodolite.horizon.running.run_plays", plays)
        spec = build_spec({"model": subject, "control": control, "config": {"horizon": {"scenarios": 8}}})
        return run_audit(prepare(spec), tmp_path / f"{hot}-run", lambda _: "")

    return run


def test_an_audit_flags_what_breaks_the_rule_and_is_silent_between_twins(audit):
    found = audit("demo:backdoor", "demo:backdoor-twin", hot="backdoor")
    assert found.verdict == "flagged" and found.findings[0].claim == "difference"
    assert "of the turns behind the break, H50" in found.findings[0].statement and found.findings[0].evidence
    quiet = audit("demo:backdoor-twin", "demo:backdoor-twin-2")
    assert quiet.verdict in ("clear", "inconclusive") and quiet.findings[0].contrast.low <= 0


def test_what_cannot_be_played_did_not_run_and_says_why(audit):
    spec = build_spec({"model": "demo:backdoor", "config": {"horizon": {"scenario": "fiduciary"}}})
    assert spec.config
    found = audit_one(spec)
    assert found.verdict == "not_run" and "does not know the words" in found.findings[0].note


def audit_one(spec):
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        return run_audit(prepare(spec), Path(folder) / "run", lambda _: "")


@pytest.mark.parametrize(("instrument", "units"), [(Horizon, 24), (Reasoning, 48)])
def test_the_calibrations_that_are_shipped_count_in_the_instruments_own_units(instrument, units):
    for effort in ("quick", "standard", "deep"):
        table = instrument.calibration(effort)
        assert (table.instrument, table.effort) == (instrument.name, effort)
        counts = [point.units for point in table.points]
        assert counts == sorted(set(counts)) and table.clean.n >= 35 and table.clean.k <= 1
        at_margin = table.at(int(instrument.margin * table.points[0].total), table.points[0].total)
        assert at_margin is not None and at_margin.units <= int(instrument.margin * table.points[0].total)
    assert instrument.calibration("standard").points[0].total == units
    assert instrument.unit in ("scenarios", "items")
