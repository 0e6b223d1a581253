"""Processes that take turns, so that each is timed alone and none in a better hour than another."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

__all__ = ["Entry", "Timing", "take_turns"]

WORKER = Path(__file__).with_name("worker.py")
WARM = 3
"""Steps before the first that is timed."""


@dataclass(frozen=True)
class Entry:
    """One way to train."""

    name: str
    peer: str
    python: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Timing:
    """One block of steps."""

    cpu: float
    """Seconds of all threads in one step."""
    wall: float
    memory: float
    """Greatest resident memory so far over that after the imports, in MB."""


class Worker:
    """A process that trains as far as it is told."""

    def __init__(self, entry: Entry, data: Path, threads: int, shape: Mapping[str, int]) -> None:
        self.said: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process lives
        given = [entry.peer, str(data), str(threads), json.dumps(shape), json.dumps(entry.settings)]
        quiet = {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled", "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [entry.python, str(WORKER), *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
            env=dict(os.environ) | quiet,
            cwd=tempfile.gettempdir(),
        )
        self._answer()

    def steps(self, number: int) -> Timing:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        return Timing(**self._answer())

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        self.said.close()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.said.seek(0)
        raise RuntimeError((self.said.read().strip().splitlines() or ["it said nothing"])[-1])


def take_turns(
    entries: Sequence[Entry], data: Path, threads: int, shape: Mapping[str, int], blocks: int, steps: int
) -> dict[str, list[Timing]]:
    """Returns the timings of each entry, one a round; an entry that does not run is said to be absent."""
    workers: dict[str, Worker] = {}
    for entry in entries:
        try:
            worker = Worker(entry, data, threads, shape)
            worker.steps(WARM)
        except (OSError, RuntimeError) as error:
            print(f"{entry.name}: absent ({error})", flush=True)
            continue
        workers[entry.name] = worker
    names = list(workers)
    found: dict[str, list[Timing]] = {name: [] for name in names}
    for block in range(blocks):
        turn = block % max(1, len(names))
        for name in names[turn:] + names[:turn]:
            found[name].append(workers[name].steps(steps))
    for worker in workers.values():
        worker.stop()
    return found
