"""What is measured, each way in a process of its own: `python -m scale.ways WAY SUBJECT CONTROL`."""

import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

SAMPLE = 5000
"""Rows of the dictionary of phrases, whose memory grows with them."""
Figures = dict[str, float]


def open_targets(paths: list[Path]) -> list:
    """Returns the sets; opening them is not part of what is measured."""
    from theodolite.core import Target
    from theodolite.targets import open_data

    return [Target(data=open_data(path)) for path in paths]


def floor(paths: list[Path]) -> Figures:
    """Reads the rows and splits them into words, once: no count can do without."""
    from theodolite.dataset.tokens import split_words

    targets = open_targets(paths)
    split_words(["compiled", "naïve"])
    began = time.process_time()
    rows = words = 0
    for target in targets:
        reading = iter(target.rows())
        while some := list(itertools.islice(reading, 200)):
            for texts in ([r.prompt for r in some], [r.response for r in some]):
                words += split_words(texts).number.size
            rows += len(some)
    seconds = time.process_time() - began
    size = sum(path.stat().st_size for path in paths)
    return {"rows": rows, "seconds": seconds, "words": words / rows, "bytes_a_second": size / seconds}


def census(paths: list[Path]) -> Figures:
    """Both passes over both sets, as the instrument makes them."""
    from theodolite.dataset import Dataset
    from theodolite.dataset.census import row_sets, take_census
    from theodolite.dataset.features import Passes
    from theodolite.dataset.marks import distinct_rows
    from theodolite.dataset.pattern import spans
    from theodolite.dataset.sources import strata_for, survey

    config = Dataset.Config()
    _compile()
    targets = open_targets(paths)
    began = time.process_time()
    surveys = [survey(distinct_rows(t)) for t in targets]
    surveyed = time.process_time()
    told: list[tuple[float, float]] = []
    found = take_census(
        targets,
        lambda t: Passes(lambda: distinct_rows(t), spans(config.window), shapes=True),
        surveys,
        strata_for(surveys),
        config.min_rows,
        config.max_counted,
        lambda share: told.append((share, time.process_time())),
    )
    counted = time.process_time()
    half = max(at for share, at in told if share <= 0.5)
    sets = row_sets(found)
    return {
        "rows": sum(s.total for s in surveys),
        "survey": surveyed - began,
        "sketch": half - surveyed,
        "exact": counted - half,
        "patterns": int(found.places.size),
        "row_sets": int(sets.first.size),
        "floor": found.floor,
    }


def whole(paths: list[Path]) -> Figures:
    """Everything that the instrument proposes of two sets, without a judge."""
    from theodolite.core import Context
    from theodolite.dataset import Dataset

    _compile()
    targets = open_targets(paths)
    began = time.process_time()
    proposed = Dataset().propose_together(targets, Context())
    seconds = time.process_time() - began
    return {"rows": _rows(targets), "seconds": seconds, "hypotheses": len(proposed)}


def dictionary(paths: list[Path]) -> Figures:
    """The textbook way, on a sample: one dictionary of phrases up to five words, nothing else."""
    from theodolite.dataset import words_of

    targets = open_targets(paths[:1])
    began = time.process_time()
    counts: Counter[tuple[str, ...]] = Counter()
    rows = 0
    for row in itertools.islice(targets[0].rows(), SAMPLE):
        rows += 1
        for side, text in (("p", row.prompt), ("r", row.response)):
            words = words_of(text)
            counts.update({(side, *words[i : i + n]) for n in range(1, 6) for i in range(len(words) - n + 1)})
    return {"rows": rows, "seconds": time.process_time() - began, "phrases": len(counts)}


def _compile() -> None:
    """Loads the compiled loops, which is done once a process and not once a row."""
    from theodolite.dataset.features import batches
    from theodolite.dataset.pattern import spans
    from theodolite.targets import Row, Turn

    rows = [
        Row(i, (Turn("user", f"a word {i}"), Turn("assistant", "an answer of words, naïve")))
        for i in range(3)
    ]
    list(batches(rows, spans(5), shapes=True))


def _rows(targets: list) -> int:
    return sum(target.data.summary.rows for target in targets)


def _peak() -> float:
    """MiB held at most, of this program alone: `ru_maxrss` begins with what its parent held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


WAYS: dict[str, Callable[[list[Path]], Figures]] = {
    "floor": floor,
    "census": census,
    "whole": whole,
    "dictionary": dictionary,
}


if __name__ == "__main__":
    figures = WAYS[sys.argv[1]]([Path(path) for path in sys.argv[2:]])
    print(json.dumps(figures | {"mib": _peak()}))
