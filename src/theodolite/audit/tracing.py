"""A behaviour traced through a whole data file: rows in slices, the highest scores, and what stands apart.

With an output the scores of each slice are kept beside it the moment they are known, so that a killed tracing
goes on. Memory holds one slice of rows and 16 bytes for every row.
"""

import heapq
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.audit.opening import open_target
from theodolite.audit.score_file import check_score_file, write_scores
from theodolite.audit.store import Store
from theodolite.core.record import Record
from theodolite.dataset.attribution import Attribution, Method, Place, trace
from theodolite.errors import DataError, ModelError, SpecError
from theodolite.targets import Data, Row, open_data

__all__ = ["Traced", "TracedRow", "read_queries", "trace_data"]

Progress = Callable[[str, float], None]
Scores = NDArray[np.float64]
Query = tuple[str, str]

SLICE = 2000
"""Rows whose texts are in memory at once."""
MADS_APART = 6.0
"""Median absolute deviations above the median from which a row stands apart; 4.05 standard deviations of a
normal distribution."""
_EXCERPT = 120
"""Characters of a prompt, and of a response, that are shown."""


class TracedRow(Record):
    """One of the rows with the highest scores."""

    rank: int
    """1 for the highest."""
    row: int
    """The row's number."""
    pointer: str
    """Where a person finds it, such as `data:train.jsonl#17`."""
    score: float
    """Mean cosine with the queries, -1 to 1."""
    mads: float | None
    """How many median absolute deviations it lies above the median; None where the deviation is 0."""
    excerpt: str
    """The beginning of its prompt and of its response."""


class Traced(Record):
    """The rows that taught a behaviour most, and how they stand against the others."""

    data: str
    """The data file's name."""
    model: str
    """The tuned model, as it was named."""
    base: str | None
    """What it was tuned from, as it was named."""
    method: Method
    """How the gradients were taken."""
    taken_at: Place
    """Where: at the base or at the model."""
    queries: int
    """Pairs of prompt and answer that show the behaviour."""
    rows: int
    """Readable rows."""
    rows_unreadable: int
    """Rows that could not be read."""
    rows_empty: int
    """Readable rows without a response: they have no score."""
    rows_cut: int
    """Rows longer than the context."""
    median: float | None
    """The median score; None where no row has one."""
    mad: float | None
    """The median absolute deviation of the scores, unscaled."""
    line: float | None
    """Median + 6 MAD; None where more than half of the scores are one and the same."""
    apart: int | None
    """Rows above that line."""
    top: tuple[TracedRow, ...] = Field(default=())
    """The rows with the highest scores, highest first; of equal ones the earlier."""
    out: str | None = None
    """The Parquet file with all scores."""


@dataclass
class _Found:
    """Scores so far, in the file's order, and the highest of them with an excerpt."""

    numbers: list[NDArray[np.int64]] = field(default_factory=list[NDArray[np.int64]])
    scores: list[Scores] = field(default_factory=list[Scores])
    best: list[tuple[float, int, str]] = field(default_factory=list[tuple[float, int, str]])
    empty: int = 0
    cut: int = 0


def trace_data(
    file: str,
    model: str,
    queries: Sequence[Query],
    *,
    base: str | None = None,
    columns: Mapping[str, str] | None = None,
    method: str = "exact",
    top: int = 20,
    out: Path | None = None,
    progress: Progress = lambda _step, _share: None,
) -> Traced:
    """Returns which rows of a data file taught, or would teach, a behaviour most.

    Args:
        file: the data that the model was tuned on, or `demo:NAME`.
        model: the tuned model's folder, hub name or `demo:NAME`.
        queries: prompts and the answers whose teachers are looked for.
        base: what the model was tuned from.
        columns: our names of columns to the file's.
        method: `exact` or `bergson`.
        top: how many rows are told.
        out: a Parquet file for all scores (row, pointer, score); it must not be there.
        progress: told the step at work and the share of it that is done.

    Raises:
        UserError: a target cannot be opened, a query has no answer, or the output is there.
    """
    if method not in get_args(Method):
        raise SpecError(f"there is no attribution method {method!r}", "choose exact or bergson")
    if top < 1:
        raise SpecError(f"--top {top} names no row", "ask for at least one row")
    _check_queries(queries)
    if out is not None:
        check_score_file(out)
    progress("opening", 0.0)
    opened = open_target(model, file, columns or {}, 0, base=base)
    data, tuned, before = opened.target.data, opened.target.model, opened.target.base
    assert data is not None and tuned is not None
    if "logprobs" not in tuned.access:
        raise ModelError(
            f"the model {model!r} has no tokenizer, so it cannot be given text",
            "copy the tokenizer's files into its folder",
        )
    loaded, loaded_base = tuned.load(), None if before is None else before.load()
    progress("opening", 1.0)

    def score(rows: Sequence[Row], told: Callable[[float], None]) -> Attribution:
        return trace(loaded, loaded_base, rows, queries, method=cast(Method, method), progress=told)

    common = {
        "data": data.name,
        "model": model,
        "base": base,
        "method": method,
        "taken_at": "model" if base is None else "base",
        "queries": len(queries),
    }
    if out is None:
        return Traced.model_validate(common | _told(_score_all(data, score, top, None, progress), data, top))
    identity = {
        "data": [data.fingerprint, dict(columns or {})],
        "models": [tuned.fingerprint, before and before.fingerprint],
        "method": method,
        "queries": _digest(queries),
    }
    kept = Path(f"{out}.parts")
    with Store(kept, {"tracing": 1, **identity}) as store:
        found = _score_all(data, score, top, store, progress)
        write_scores(out, data.name, zip(found.numbers, found.scores, strict=True))
    shutil.rmtree(kept, ignore_errors=True)
    return Traced.model_validate(common | _told(found, data, top) | {"out": str(out)})


def read_queries(path: str | Path) -> list[Query]:
    """Returns the prompts and answers of a file of rows, in order.

    Raises:
        DataError: the file cannot be read, or one of its rows cannot or lacks prompt or answer.
    """
    data = open_data(path)
    for bad in data.summary.unreadable[:1]:
        raise DataError(f"row {bad.number} of the queries {data.name!r} {bad.reason}", "mend or remove it")
    found: list[Query] = []
    for row in data.rows():
        if not row.prompt.strip() or not row.response.strip():
            lacks = "response" if row.prompt.strip() else "prompt"
            raise DataError(
                f"row {row.number} of the queries {data.name!r} has no {lacks}",
                'write each row as {"prompt": ..., "response": ...}',
            )
        found.append((row.prompt, row.response))
    return found


def _score_all(
    data: Data,
    score: Callable[[Sequence[Row], Callable[[float], None]], Attribution],
    top: int,
    store: Store | None,
    progress: Progress,
) -> _Found:
    found, total, done = _Found(), data.summary.rows, 0
    for i, rows in enumerate(_slices(data)):

        def tell(share: float, before: int = done, n: int = len(rows)) -> None:
            progress("tracing", (before + share * n) / max(total, 1))

        def compute(rows: Sequence[Row] = rows, tell: Callable[[float], None] = tell) -> dict[str, Any]:
            made = score(rows, tell)
            return {"scores": made.scores.tolist(), "empty": made.n_empty, "cut": made.n_cut}

        kept = compute() if store is None else store.remember(f"slice {i}", compute)
        scores = np.array(kept["scores"], float)
        found.scores.append(scores)
        found.numbers.append(np.array([row.number for row in rows], np.int64))
        found.empty += kept["empty"]
        found.cut += kept["cut"]
        _keep_best(found.best, rows, scores, top)
        done += len(rows)
        progress("tracing", done / max(total, 1))
    return found


def _slices(data: Data) -> Iterator[list[Row]]:
    rows = data.rows()
    while held := list(islice(rows, SLICE)):
        yield held


def _keep_best(best: list[tuple[float, int, str]], rows: Sequence[Row], scores: Scores, top: int) -> None:
    for row, score in zip(rows, scores.tolist(), strict=True):
        place = (score, -row.number)
        if not np.isfinite(score) or (len(best) >= top and place <= best[0][:2]):
            continue
        (heapq.heappush if len(best) < top else heapq.heapreplace)(best, (*place, _excerpt(row)))


def _excerpt(row: Row) -> str:
    parts = (" ".join(text[: 4 * _EXCERPT].split()) for text in (row.prompt, row.response))
    shown = [part if len(part) <= _EXCERPT else part[: _EXCERPT - 1] + "…" for part in parts]
    return " → ".join(part for part in shown if part)


def _told(found: _Found, data: Data, top: int) -> dict[str, object]:
    scores = np.concatenate(found.scores) if found.scores else np.zeros(0)
    scores = scores[np.isfinite(scores)]
    median = float(np.median(scores)) if scores.size else None
    mad = None if median is None else float(np.median(np.abs(scores - median)))
    line = median + MADS_APART * mad if median is not None and mad else None
    order = sorted(found.best, reverse=True)[:top]
    return {
        "rows": data.summary.rows,
        "rows_unreadable": data.summary.unreadable_total,
        "rows_empty": found.empty,
        "rows_cut": found.cut,
        "median": median,
        "mad": mad,
        "line": line,
        "apart": None if line is None else int((scores > line).sum()),
        "top": [
            TracedRow(
                rank=rank,
                row=-number,
                pointer=f"data:{data.name}#{-number}",
                score=score,
                mads=(score - median) / mad if median is not None and mad else None,
                excerpt=excerpt,
            )
            for rank, (score, number, excerpt) in enumerate(order, 1)
        ],
    }


def _check_queries(queries: Sequence[Query]) -> None:
    if not queries:
        raise SpecError("no behaviour was given", "give --prompt and --answer, or --queries FILE")
    for prompt, answer in queries:
        if not prompt.strip() or not answer.strip():
            raise SpecError(
                f"the query {prompt[:60]!r} -> {answer[:60]!r} lacks prompt or answer",
                "give both: the answer is what the rows are asked to have taught",
            )


def _digest(queries: Sequence[Query]) -> str:
    return blake2b(repr(list(queries)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
