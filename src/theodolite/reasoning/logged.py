"""Curves that somebody else measured: from plain JSON lines, thought-anchors folders, or Inspect logs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from theodolite.errors import DataError
from theodolite.reasoning.arms import ARMS
from theodolite.reasoning.experiment import HEAD_FILE, READOUTS_FILE
from theodolite.reasoning.inspect_log import read_inspect_logs
from theodolite.reasoning.reading_lines import read_lines
from theodolite.reasoning.readout import ReadOut
from theodolite.reasoning.thought_anchors import CHUNKS_FILE, read_thought_anchors

__all__ = ["Logged", "read_logged"]

_NOT_MEASURED = {
    "no_answer": "chains were left out because their answer was never found",
    "no_chunks": "chains were left out because nothing stands before the first mention of their answer",
}
_HINT = "write one read-out a line, with the keys that docs/reasoning.md names"


class Logged(NamedTuple):
    """Read-outs from a file or folder."""

    lines: list[ReadOut]
    """The read-outs."""
    layout: str
    """What was recognised."""
    notes: tuple[str, ...]
    """What was left out, and how often."""


def read_logged(path: Path) -> Logged:
    """Returns the read-outs of a file or folder, in whichever of the known layouts it is.

    A folder may be one of thought-anchors, one of Inspect logs, the folder of an experiment, or one of plain
    files that end in `.jsonl`.

    Raises:
        DataError: there is nothing to read, a line is no read-out, or an arm has an unknown name.
        InstrumentError: Inspect logs are to be read, and inspect_ai is not installed.
    """
    layout, read, files = _recognised(path)
    lines, notes = read(files)
    for line in lines:
        if line.arm not in ARMS:
            problem = f"item {line.item!r} has the unknown arm {line.arm!r}"
            raise DataError(problem, f"choose from {', '.join(ARMS)}")
    if not lines:
        said = f" ({notes[0]})" if notes else ""
        raise DataError(f"'{path}' has no read-out{said}", "check how it was written")
    return Logged(lines, layout, tuple(notes))


_Read = Callable[[list[Path]], tuple[list[ReadOut], list[str]]]


def _recognised(path: Path) -> tuple[str, _Read, list[Path]]:
    if not path.exists():
        raise DataError(f"there is no '{path}'", "check the path")
    if path.is_file():
        if path.suffix == ".eval":
            return "Inspect log", read_inspect_logs, [path]
        return "JSON lines", _plain, [path]
    if (path / READOUTS_FILE).is_file():
        return "an experiment's read-outs", _experiment, [path / READOUTS_FILE]
    try:
        chunks, logs = (sorted(path.rglob(name)) for name in (CHUNKS_FILE, "*.eval"))
    except OSError as error:
        problem = f"the folder '{path}' cannot be read ({error.strerror})"
        raise DataError(problem, "name one that holds curves and nothing that changes") from None
    if chunks:
        return "thought-anchors", lambda files: read_thought_anchors(path, files), chunks
    if logs:
        return "Inspect logs", read_inspect_logs, logs
    plain = sorted(path.glob("*.jsonl"))
    if plain:
        return "JSON lines", _plain, plain
    hint = f"give a .jsonl file, an .eval log, or a folder with {CHUNKS_FILE} files in it"
    raise DataError(f"the folder '{path}' holds no curves", hint)


def _experiment(files: list[Path]) -> tuple[list[ReadOut], list[str]]:
    """The read-outs, and how many chains there were none of."""
    lines, _ = _plain(files)
    try:
        states = json.loads((files[0].parent / HEAD_FILE).read_bytes())["chains"]
        counts = {state: int(states.get(state, 0)) for state in _NOT_MEASURED}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return lines, ["how many chains could not be measured is not known"]
    return lines, [f"{count:,} {_NOT_MEASURED[state]}" for state, count in counts.items() if count]


def _plain(files: list[Path]) -> tuple[list[ReadOut], list[str]]:
    return [line for file in files for _, line in read_lines(file, ReadOut, _HINT)], []
