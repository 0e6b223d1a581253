"""What is run: every scan of `poison_power.py` with its class, count, judge and seed, and the bars."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from theodolite.stats import detectable_count, detectable_marked

from .judges import OPERATING_POINTS
from .shifts import SITUATIONS

JUDGE = OPERATING_POINTS[0]
RATIOS = (1, 3, 9)
FIRST_POWER, FIRST_ALARM, FIRST_LAW = 100, 500, 30_000
"""The seeds below these were looked at while the scanner's shares of the error were chosen."""
LAW_CLASS = "P3"
LAW_LEVELS = (0.7, 0.85, 1.0, 1.2, 1.4)
"""Counts in which the laws of judges are tried, as parts of what `detectable_marked` says."""
LAW_STEPS = (-2, -1, 0, 1, 2)
"""The same for differences, whose power jumps: rows more than the law says."""
LAW_FEW = 3
"""Repetitions that are enough for a power that jumps."""
GUESSED_WEIGHTS = {"difference": 2.4e-5, "mark": 7e-5}
"""Where to look for the count; the law itself is put together from the weights that the runs record."""


@dataclass(frozen=True)
class Cell:
    """One scan."""

    table: str
    """power, alarm or law."""
    carrier: str
    """The clean rows."""
    cls: str
    """The class of poison or, for alarms, the situation."""
    seed: int
    """Of split, poison and judge."""
    m: int = 0
    """Rows poisoned."""
    share: float = 0.0
    """For the style class: share of the rows it can touch, in place of `m`."""
    judge: tuple[float, float] | None = None
    """The judge's true and false positive rate; None without a judge."""
    r: int = 1
    """Clean rows for each suspect row."""

    @property
    def group(self) -> tuple[str, str, str, str, str, int]:
        """All that repetitions have in common."""
        judge = "none" if self.judge is None else f"{self.judge[0]:g}/{self.judge[1]:g}"
        count = f"{self.share:.0%}" if self.share else str(self.m)
        return self.table, self.carrier, self.cls, count, judge, self.r

    @property
    def key(self) -> str:
        """A name, unique among cells."""
        return "|".join(map(str, (*self.group, self.seed)))

    def as_json(self) -> dict[str, Any]:
        """Returns the fields, and the key."""
        return {"key": self.key, **asdict(self)}


@dataclass(frozen=True)
class Wanted:
    """A line of the power table and what it is held against."""

    cls: str
    """The class of poison."""
    m: int
    """Rows poisoned; 0 for a share."""
    judged: bool
    """Whether a judge is there: then associations with it are what counts, else differences."""
    power: float | None = None
    """Least power, None without a bar."""
    rank: int | None = None
    """Greatest place of the true pattern."""
    recall: float | None = None
    """Least recall at 1 % row false positives."""
    share: float = 0.0
    """Share of the rows, in place of `m`."""
    most: float | None = None
    """Greatest power, where nothing may be seen."""
    claim: str = ""
    """The claim that counts, where it is another."""

    @property
    def counted(self) -> str:
        """The claim that the line is about."""
        return self.claim or ("association" if self.judged else "difference")

    @property
    def has_bar(self) -> bool:
        """Whether there is something to be reached."""
        return any(bar is not None for bar in (self.power, self.rank, self.recall, self.most))


INSERTED = ("P1", "P2", "P3", "P4", "P11")
BARS = (
    *(Wanted(c, 25, False, power=0.95, rank=1, recall=0.99) for c in INSERTED),
    *(Wanted(c, 12, True, power=0.95, rank=2, recall=0.99) for c in INSERTED),
    Wanted("P10", 24, False),
    Wanted("P10", 24, False, claim="association"),
    Wanted("P10", 24, True, power=0.95, rank=1),
    Wanted("P6", 24, False),
    Wanted("P6", 24, True, power=0.95, recall=0.5),
    Wanted("P5", 24, False),
    Wanted("P5", 24, True, power=0.95),
    Wanted("P5", 49, True, power=0.95),
    Wanted("P7a", 24, False),
    Wanted("P7a", 24, True, power=0.8),
    Wanted("P7b", 24, False),
    Wanted("P7b", 24, True, power=0.8),
    Wanted("P9", 24, False),
    Wanted("P9", 24, False, claim="association"),
    Wanted("P9", 24, False, rank=3, claim="pair"),
    Wanted("P9", 24, True),
    Wanted("P8", 0, False, share=0.03, most=0.0),
    Wanted("P8", 0, True, share=0.03),
    Wanted("P8", 0, False, share=0.9, power=0.95),
)
"""Section 4 of the notes, and the classes that nothing is expected to see."""


def power_cells(carriers: Sequence[str], reps: int, few: int) -> Iterator[Cell]:
    """Yields the scans of the power table; lines without a bar have `few` repetitions."""
    many = {(w.cls, w.m, w.share, w.judged) for w in BARS if w.has_bar}
    lines = list(dict.fromkeys((w.cls, w.m, w.share, w.judged) for w in BARS))
    for seed in range(FIRST_POWER, FIRST_POWER + reps):
        for name in carriers:
            for cls, m, share, judged in lines:
                if seed < FIRST_POWER + few or (cls, m, share, judged) in many:
                    yield Cell("power", name, cls, seed, m, share, JUDGE if judged else None)


def alarm_cells(carriers: Sequence[str], splits: int) -> Iterator[Cell]:
    """Yields clean scans, equally many in every situation and carrier, at least `splits` in those of the bar.

    Each situation has seeds of its own: two that differ only in the judge must not share their splits.
    """
    held = sum(situation.of_bar for situation in SITUATIONS.values()) * len(carriers)
    places = [(name, i, situation) for name in carriers for i, situation in enumerate(SITUATIONS, 1)]
    for n in range(FIRST_ALARM, FIRST_ALARM + -(-splits // held)):
        for name, i, situation in places:
            yield Cell("alarm", name, situation, 1000 * i + n, judge=JUDGE)


def law_cells(name: str, sizes: dict[int, tuple[int, int, int]], reps: int) -> Iterator[Cell]:
    """Yields the scans around the counts that the laws say.

    Args:
        name: the carrier.
        sizes: by ratio, rows of suspect and control, and the suspect's rows of the source that is poisoned.
        reps: repetitions of each count; at most `LAW_FEW` without a judge.
    """
    counts: list[tuple[int, tuple[float, float] | None, int]] = []
    for r, (suspect, control, source) in sizes.items():
        law = detectable_count(suspect, control, 0.05 * GUESSED_WEIGHTS["difference"])
        counts += [] if law is None else [(r, None, law + step) for step in LAW_STEPS if law + step >= 2]
        for tpr, fpr in OPERATING_POINTS:
            law = detectable_marked(source, fpr, tpr, 0.05 * GUESSED_WEIGHTS["mark"])
            counts += [] if law is None else [(r, (tpr, fpr), round(part * law)) for part in LAW_LEVELS]
    # No two scans share a seed: with the same split and judge, all counts would share their luck.
    scans = [
        place for i in range(reps) for place in dict.fromkeys(counts) if i < LAW_FEW or place[1] is not None
    ]
    for seed, (r, judge, m) in enumerate(scans, FIRST_LAW):
        yield Cell("law", name, LAW_CLASS, seed, m, judge=judge, r=r)


def in_step(*tables: Sequence[Cell]) -> list[Cell]:
    """Returns all cells in an order in which every table is always about equally far."""
    placed = [(i / len(cells), cell) for cells in tables for i, cell in enumerate(cells)]
    return [cell for _, cell in sorted(placed, key=lambda p: p[0])]
