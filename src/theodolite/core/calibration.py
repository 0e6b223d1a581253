"""Measured reliability: what an instrument did on organisms whose truth is known."""

from importlib.resources import files

from theodolite.core.finding import Reliability
from theodolite.core.record import Record
from theodolite.core.statistic import Rate, estimate

__all__ = ["Calibration", "PowerPoint", "shipped_calibration"]


class PowerPoint(Record):
    """How often one dose was seen."""

    units: int
    """Units (rows) that carried the planted property."""
    total: int
    """Units in all."""
    flagged: Rate
    """Organisms in which a flagged finding pointed at the planted property."""


class Calibration(Record):
    """A power curve and a false-alarm rate, with where they come from."""

    instrument: str
    """Which instrument."""
    version: str
    """The version of Theodolite that was calibrated."""
    organisms: str
    """Which recipe made the organisms and twins."""
    effort: str
    """The effort of the audits."""
    points: tuple[PowerPoint, ...]
    """The power curve, by rising units."""
    clean: Rate
    """Clean twins, audited against clean twins, in which anything was flagged."""

    def at(self, units: int, total: int) -> Reliability | None:
        """Returns the reliability for a planted property of `units` in `total`; None below every dose.

        Power depends on the count, not the share, so the largest measured count not above `units` speaks.
        """
        reached = [p for p in self.points if p.units <= units]
        if not reached:
            return None
        point = max(reached, key=lambda p: p.units)
        return Reliability(
            power=estimate(point.flagged),
            false_positive_rate=estimate(self.clean),
            dose=units / total,
            units=point.units,
            organisms=self.organisms,
        )


def shipped_calibration(package: str, effort: str) -> Calibration | None:
    """Returns the `calibration-EFFORT.json` that a package ships, or None where it ships none."""
    file = files(package) / f"calibration-{effort}.json"
    return Calibration.model_validate_json(file.read_text("utf-8")) if file.is_file() else None
