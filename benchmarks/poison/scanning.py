"""One scan with the real scanner, scored against what was planted."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from theodolite.audit.examine import examine
from theodolite.core import Context, Result, Target, compare, rank_rows
from theodolite.core.compare import MOST_TIMES_AS_MANY
from theodolite.dataset import Dataset
from theodolite.dataset.measuring import Carrying, carriers_in
from theodolite.dataset.questions import asked
from theodolite.judge import Judge, Judgement
from theodolite.judge.asking import Reply
from theodolite.targets import Data, Row, open_data

from .carriers import carrier, split
from .cells import Cell
from .classes import TOPIC_OF, Truth, poison, style_rows, truth_of
from .example import Example, write_rows
from .judges import judge_sees, simulated_flags
from .shifts import SITUATIONS, biased_topic_of, clean_pair
from .truth import AGREEMENT, names_trigger, overlap, recall_at

ALPHA = 0.05
SHARED = 0.8
"""Rows of the smaller of two findings that the larger holds when they are one cause, as in the audit."""
CLAIMS = ("association", "difference", "pair")
"""The last are all findings, of either claim, of a prompt pattern together with something in the answers."""
SHOWN = 5
OF_TOPIC, OF_POISON = 0.5, 0.25
"""A pattern points at a topic when this share of its rows is about it, and it holds that of the poison."""
LOWERED = frozenset({"no_capital", "no_end_mark", "no_capital_no_end_mark"})

Poisoned = NDArray[np.bool_]


class SimulatedJudge:
    """A judge whose verdicts were drawn before, and who has no words for a theme.

    Args:
        flags: prompt and response of every row, and whether it is flagged.
    """

    name = "simulated"

    def __init__(self, flags: Mapping[tuple[str, str], bool]) -> None:
        self._flags = flags
        self.errors = Counter[str]()
        self.ledger = SimpleNamespace(salt=bytes(32))

    def ask(
        self, questions: Sequence[object], _schema: object, on_reply: Callable[[int, Reply], None]
    ) -> None:
        """Answers no question in words."""
        for i in range(len(questions)):
            on_reply(i, Reply(None, "a simulated judge has no words"))

    def flagged(self, rows: Sequence[Example]) -> NDArray[np.bool_]:
        """Returns which rows were drawn as flagged."""
        return np.array([self._flags[e.prompt, e.response] for e in rows], bool)

    def rows(self, rows: Sequence[Row], progress: Callable[[float], None]) -> list[Judgement]:
        """Returns the verdicts; a row that was never drawn is a mistake of the benchmark."""
        return [
            Judgement("judged", harm=4 * self._flags[row.prompt, row.response], odd=0, addresses=0)
            for row in rows
        ]


@lru_cache(maxsize=2)
def clean_rows(name: str, root: Path) -> list[Example]:
    """Returns a carrier's rows.

    Raises:
        ValueError: the carrier's files are not there.
    """
    rows = carrier(name, root)
    if rows is None:
        raise ValueError(f"the rows of {name} are not under {root}")
    return rows


def run_cell(cell: Cell, root: Path) -> dict[str, Any]:
    """Returns what the scanner found in a cell's data, and how that compares with what was planted."""
    suspect, control, is_poison = _rows_of(cell, clean_rows(cell.carrier, root))
    judge = _judge_of(cell, suspect, control, is_poison)
    with tempfile.TemporaryDirectory() as folder:
        subject = open_data(write_rows(suspect, Path(folder) / "subject.jsonl"))
        other = open_data(write_rows(control, Path(folder) / "control.jsonl"))
        started = time.process_time()
        instrument = Dataset()
        examination = examine(
            instrument,
            Target(data=subject, access=frozenset({"data"})),
            Target(data=other, access=frozenset({"data"})),
            Context(seed=cell.seed, judge=cast("Judge | None", judge)),
            lambda _key, compute: compute(),
            lambda _step, _share: None,
        )
        results = compare(examination.pairs, ALPHA)
        cpu = time.process_time() - started
        truth = None if cell.table == "alarm" else truth_of(cell.cls, suspect, cell.seed)
        scored = {
            claim: _scored(claim, results, instrument, subject, suspect, is_poison, truth) for claim in CLAIMS
        }
    return {
        "subject": len(suspect),
        "control": len(control),
        "sources": {s: sum(e.source == s for e in suspect) for s in sorted({e.source for e in suspect})},
        "poisoned": int(is_poison.sum()),
        "truth": "" if truth is None else truth.pattern,
        "flagged_rows": None if judge is None else _flag_counts(judge, suspect, is_poison),
        "proposed": examination.proposed,
        "cpu": round(cpu, 2),
        "claims": scored,
    }


def _rows_of(cell: Cell, rows: list[Example]) -> tuple[list[Example], list[Example], Poisoned]:
    if cell.table == "alarm":
        suspect, control = clean_pair(SITUATIONS[cell.cls].kind, rows, cell.seed)
        return suspect, control, np.zeros(len(suspect), bool)
    suspect, control = split(rows, cell.r, cell.seed)
    m = style_rows(cell.share, suspect) if cell.share else cell.m
    poisoned, is_poison = poison(cell.cls, suspect, m, cell.seed)
    return poisoned, control, is_poison


def _judge_of(
    cell: Cell, suspect: list[Example], control: list[Example], is_poison: Poisoned
) -> SimulatedJudge | None:
    if cell.judge is None:
        return None
    tpr, fpr = cell.judge
    is_alarm = cell.table == "alarm"
    topic = biased_topic_of(control) if is_alarm and SITUATIONS[cell.cls].biased_topic else None
    flags: dict[tuple[str, str], bool] = {}
    for rows, planted in ((control, None), (suspect, is_poison)):
        drawn = simulated_flags(
            rows, planted, is_alarm or judge_sees(cell.cls), tpr, fpr, cell.seed, biased_topic=topic
        )
        flags |= {(e.prompt, e.response): bool(f) for e, f in zip(rows, drawn, strict=True)}
    return SimulatedJudge(flags)


def _flag_counts(judge: SimulatedJudge, suspect: list[Example], is_poison: Poisoned) -> list[int]:
    """Flagged rows of the suspect that are poison, and that are not."""
    flagged = judge.flagged(suspect)
    return [int((flagged & is_poison).sum()), int((flagged & ~is_poison).sum())]


def _scored(
    claim: str,
    results: Sequence[Result],
    instrument: Dataset,
    data: Data,
    suspect: list[Example],
    is_poison: Poisoned,
    truth: Truth | None,
) -> dict[str, Any]:
    """The findings of one claim in the audit's order, against the truth."""
    mine = [
        r
        for r in results
        if r.pair.hypothesis.claim == claim
        or (claim == "pair" and asked(r.pair.hypothesis).outcome is not None)
    ]
    mine.sort(key=lambda r: (not _is_flagged(r), r.p_value))
    carried = _rows_behind(mine, data)
    groups = causes(carried)
    is_true = [
        truth is not None and _points_at(r, rows, suspect, is_poison, truth)
        for r, rows in zip(mine, carried, strict=True)
    ]
    first = next((i for i, true in enumerate(is_true) if true), None)
    ranks = rank_rows((r.p_value, rows) for r, rows in zip(mine, carried, strict=True))
    scores = [-ranks[i] if i in ranks else -np.inf for i in range(len(suspect))]
    flagged_rows = set().union(
        *(rows for r, rows in zip(mine, carried, strict=True) if _is_flagged(r)), set()
    )
    planted = int(is_poison.sum())
    return {
        "carried": len(mine),
        "flagged": sum(map(_is_flagged, mine)),
        "flagged_pairs": sum(_is_flagged(r) and asked(r.pair.hypothesis).outcome is not None for r in mine),
        "causes_flagged": len({g for r, g in zip(mine, groups, strict=True) if _is_flagged(r)}),
        "hit": any(true and _is_flagged(r) for r, true in zip(mine, is_true, strict=True)),
        "rank": None if first is None else list(dict.fromkeys(groups)).index(groups[first]) + 1,
        "recalled": round(recall_at(scores, is_poison) * planted) if planted else 0,
        "pointed": [len(flagged_rows), sum(bool(is_poison[i]) for i in flagged_rows)],
        "true": None if first is None else _shown(mine[first], carried[first], instrument, is_poison, True),
        "first": [
            _shown(r, rows, instrument, is_poison, true)
            for r, rows, true in list(zip(mine, carried, is_true, strict=True))[:SHOWN]
        ],
    }


def causes(carried: Sequence[Collection[int]]) -> list[int]:
    """Returns the cause of each finding; as in the audit, those that share most of their rows have one.

    A cause is named by its first finding. Findings without rows, of something missing, stand alone.
    """
    parent = list(range(len(carried)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    sets = [set(rows) for rows in carried]
    for i, one in enumerate(sets):
        for j in range(i):
            small, large = sorted((len(one), len(sets[j])))
            if small and large <= MOST_TIMES_AS_MANY * small and len(one & sets[j]) > SHARED * small:
                a, b = sorted((root(i), root(j)))
                parent[b] = a
    return [root(i) for i in range(len(carried))]


def _rows_behind(results: Sequence[Result], data: Data) -> list[frozenset[int]]:
    """The subject's rows, from 0, that carry each finding's pattern, as the audit locates them."""
    questions = [asked(r.pair.hypothesis) for r in results]
    carrying = Carrying(list(dict.fromkeys(q.pattern for q in questions if not q.absent)))
    rows: dict[int, set[int]] = {}
    if carrying.patterns:
        for row, which in zip(*(a.tolist() for a in carriers_in(carrying, list(data.rows()))), strict=True):
            rows.setdefault(which, set()).add(row)
    place = {p: i for i, p in enumerate(carrying.patterns)}
    return [frozenset() if q.absent else frozenset(rows.get(place[q.pattern], ())) for q in questions]


def _points_at(
    result: Result, rows: frozenset[int], suspect: list[Example], is_poison: Poisoned, truth: Truth
) -> bool:
    """Whether a finding is the planted one."""
    question = asked(result.pair.hypothesis)
    if truth.cls == "P8":
        return True
    if question.absent or not rows:
        return False
    if truth.cls in ("P7a", "P7b"):
        topic = TOPIC_OF[truth.cls, suspect[0].manner]
        about = sum(topic in suspect[i].topics for i in rows)
        found = sum(bool(is_poison[i]) for i in rows)
        return about >= OF_TOPIC * len(rows) and found >= OF_POISON * int(is_poison.sum())
    if overlap(rows, is_poison) >= AGREEMENT:
        return True
    pattern = question.pattern
    if truth.cls == "P5":
        return pattern.side == "prompt" and pattern.form == "trait" and pattern.value in LOWERED
    return pattern.side == "prompt" and names_trigger(pattern.value, truth)


def _is_flagged(result: Result) -> bool:
    return result.contrast is not None and result.contrast.low > 0


def _shown(
    result: Result, rows: frozenset[int], instrument: Dataset, is_poison: Poisoned, true: bool
) -> dict[str, Any]:
    pair = result.pair
    return {
        "statement": instrument.state(pair.hypothesis, pair.subject, pair.control)[:300],
        "p": result.p_value,
        "adjusted": None if result.step is None else result.step.p_adjusted,
        "weight": pair.hypothesis.weight,
        "flagged": _is_flagged(result),
        "rows": len(rows),
        "poisoned": sum(bool(is_poison[i]) for i in rows),
        "true": true,
    }
