"""Runs of tasks of known human length: METR's table of runs (JSON lines) and of counts by task (CSV)."""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theodolite.errors import DataError

__all__ = ["TaskCounts", "read_task_runs"]

FloatArray = NDArray[np.float64]

RUN_COLUMNS = ("alias", "task_id", "human_minutes", "score_binarized")
COUNT_COLUMNS = ("agent", "task_id", "human_minutes", "n_successes", "n_runs")


class TaskCounts(NamedTuple):
    """Successes and runs of agents on tasks."""

    agents: tuple[str, ...]
    """In the order of their first rows."""
    tasks: tuple[str, ...]
    """Sorted."""
    family: NDArray[np.int64]
    """Number of each task's family: shape (tasks,)."""
    minutes: FloatArray
    """How long a person needs for each task: shape (tasks,)."""
    good: FloatArray
    """Successes, fractions of one where scores are: shape (agents, tasks)."""
    runs: FloatArray
    """Runs: the same shape."""
    weight: FloatArray
    """What all runs of a task together weigh; each agent's weights sum to one: the same shape."""
    weighted_by: str
    """Where the weights come from."""


class _Row(NamedTuple):
    agent: str
    task: str
    family: str
    minutes: float
    good: float
    runs: float
    weight: float | None


def read_task_runs(path: str | Path) -> TaskCounts:
    """Returns the counts behind a table of runs or of counts; which of the two is told by its columns.

    Runs (JSON lines): `alias` (the agent), `task_id`, `task_family`, `human_minutes` (minutes),
    `score_binarized` (0 to 1), and `run_id` if there is one, which no two rows share. Counts (CSV): `agent`,
    `task_id`, `human_minutes`, `n_successes`, `n_runs`, and `task_weight` if there is one; one row for each
    agent and task. Without weights a task weighs 1 / sqrt(tasks in its family), shared among its runs. A
    family is `task_family`, or what stands before the slash of `task_id`.

    Raises:
        DataError: it cannot be read, lacks a column, or a row says what cannot be; the sentence names it.
    """
    path = Path(path)
    rows: list[_Row] = []
    seen: dict[str, int] = {}
    for number, (kind, row) in enumerate(_rows(path), 1):
        rows.append(_run(row, number, path) if kind == "runs" else _count(row, number, path))
        _once(_key(kind, row), number, seen, path)
    if not rows:
        raise DataError(f"{str(path)!r} holds no run", "name a table with at least one row")
    return _tabulate(rows, path)


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() == ".csv":
                reader = csv.DictReader(file)
                _need(COUNT_COLUMNS, reader.fieldnames or (), path)
                for number, row in enumerate(reader, 1):
                    if None in row:
                        raise DataError(
                            f"row {number} of {str(path)!r} has more cells than there are columns",
                            "put what holds a comma into quotes",
                        )
                    yield "counts", row
                return
            for number, line in enumerate(file, 1):
                if line.strip():
                    row = _json(line, number, path)
                    _need(RUN_COLUMNS, row, path, number)
                    yield "runs", row
    except FileNotFoundError:
        raise DataError(f"there is no file {str(path)!r}", "name a table of runs") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{str(path)!r} cannot be read ({type(error).__name__})", "name a table of runs"
        ) from None


def _json(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise DataError(f"line {number} of {str(path)!r} is not a JSON object", "correct or remove the line")
    return row


def _need(columns: tuple[str, ...], there: Any, path: Path, number: int | None = None) -> None:
    missing = [c for c in columns if c not in there]
    if missing:
        where = str(path) if number is None else f"{path}, row {number},"
        raise DataError(
            f"{where} has no column {missing[0]!r}",
            f"such a table needs {', '.join(columns)}",
        )


def _key(kind: str, row: Mapping[str, Any]) -> str | None:
    """What no two rows share: the id of a run, agent and task of a count."""
    if kind == "counts":
        return f"the counts of agent {row['agent']!r} on task {row['task_id']!r}"
    return f"the run {row['run_id']!r}" if row.get("run_id") else None


def _once(key: str | None, number: int, seen: dict[str, int], path: Path) -> None:
    if key is not None and (first := seen.setdefault(key, number)) != number:
        raise DataError(
            f"rows {first} and {number} of {str(path)!r} are both {key}", "keep one, or add the counts up"
        )


def _run(row: Mapping[str, Any], number: int, path: Path) -> _Row:
    score = _number(row, "score_binarized", number, path)
    if not 0 <= score <= 1:
        raise _refused(number, path, "score_binarized", score, "a score lies between 0 and 1")
    return _Row(*_names(row, "alias", number, path), _minutes(row, number, path), score, 1.0, None)


def _count(row: Mapping[str, Any], number: int, path: Path) -> _Row:
    good, runs = (_number(row, column, number, path) for column in ("n_successes", "n_runs"))
    if runs <= 0 or runs != int(runs):
        raise _refused(number, path, "n_runs", runs, "give a whole number, and leave out what was not run")
    if not 0 <= good <= runs:
        raise _refused(number, path, "n_successes", good, f"it must lie between 0 and n_runs, {runs:g}")
    weight = _number(row, "task_weight", number, path) if row.get("task_weight") else None
    if weight is not None and weight <= 0:
        raise _refused(number, path, "task_weight", weight, "a weight is above 0")
    return _Row(*_names(row, "agent", number, path), _minutes(row, number, path), good, runs, weight)


def _names(row: Mapping[str, Any], agent: str, number: int, path: Path) -> tuple[str, str, str]:
    for column in (agent, "task_id"):
        if not isinstance(row[column], str) or not row[column]:
            raise _refused(number, path, column, row[column], "give it a name")
    family = row.get("task_family") or row["task_id"].partition("/")[0]
    if not isinstance(family, str):
        raise _refused(number, path, "task_family", family, "give it a name")
    return row[agent], row["task_id"], family


def _minutes(row: Mapping[str, Any], number: int, path: Path) -> float:
    minutes = _number(row, "human_minutes", number, path)
    if minutes <= 0:
        raise _refused(number, path, "human_minutes", minutes, "a task takes a person some time")
    return minutes


def _number(row: Mapping[str, Any], column: str, number: int, path: Path) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise _refused(number, path, column, row[column], "give a finite number")
    return value


def _refused(number: int, path: Path, column: str, value: object, hint: str) -> DataError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return DataError(f"row {number} of {str(path)!r}, column {column}: {shown} is refused", hint)


def _tabulate(rows: list[_Row], path: Path) -> TaskCounts:
    agents = tuple(dict.fromkeys(row.agent for row in rows))
    tasks = tuple(sorted({row.task for row in rows}))
    agent_at, task_at = ({n: i for i, n in enumerate(names)} for names in (agents, tasks))
    shape = (len(agents), len(tasks))
    good, runs, weight = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    minutes, family = np.zeros(len(tasks)), [""] * len(tasks)
    for number, row in enumerate(rows, 1):
        a, t = agent_at[row.agent], task_at[row.task]
        if family[t] and (minutes[t] != row.minutes or family[t] != row.family):
            known = f"task {row.task!r} had {minutes[t]:g} minutes and family {family[t]!r} in an earlier row"
            raise _refused(number, path, "human_minutes", row.minutes, known)
        minutes[t], family[t] = row.minutes, row.family
        good[a, t] += row.good
        runs[a, t] += row.runs
        weight[a, t] += row.weight or 0.0
    given = all(row.weight is not None for row in rows)
    if not given and any(row.weight is not None for row in rows):
        raise DataError(f"{str(path)!r} has a task_weight on some rows only", "give all of them, or none")
    place = {name: i for i, name in enumerate(dict.fromkeys(sorted(family)))}
    index = np.array([place[name] for name in family])
    if not given:
        sizes = np.stack([np.bincount(index[run > 0], minlength=len(place)) for run in runs])
        weight = np.where(runs > 0, 1 / np.sqrt(np.maximum(sizes[:, index], 1)), 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    source = "column task_weight" if given else "1 / sqrt(tasks in the family), shared among a task's runs"
    return TaskCounts(agents, tasks, index, minutes, good, runs, weight, source)
