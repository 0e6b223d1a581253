"""How fast and in how much memory does the dataset instrument count, and how far is that from the floor?

    python benchmarks/count_speed.py [--rows 20000 80000]

Each figure comes from a process of its own. Rows are synthetic (Zipf words, 62 a row, 4-word phrases).
    floor     reading the file and splitting it into words once: no count can do without
    ours      proposing: three passes, hashed counters, exact counts, pairs with kinds of answer
    Counter   the textbook way: one dictionary of phrase strings, no pairs; its memory grows with the rows
Ratios are of one run; the machine's speed cancels.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np


def write_rows(path, n):
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"w{i}" for i in range(30_000)])
    with path.open("w") as file:
        for _ in range(n):
            words = vocabulary[np.minimum(rng.zipf(1.2, 62), 30_000) - 1]
            row = {"prompt": " ".join(words[:24]), "completion": " ".join(words[24:])}
            file.write(json.dumps(row) + "\n")


def floor(data):
    from theodolite.dataset import words_of

    return sum(len(words_of(r.prompt)) + len(words_of(r.response)) for r in data.rows())


def ours(data):
    from theodolite.core import Context, Target
    from theodolite.dataset import Dataset

    return len(Dataset().propose(Target(data=data), Context()))


def counter(data):
    from theodolite.dataset import words_of

    counts = Counter()
    for row in data.rows():
        for side, text in (("p", row.prompt), ("r", row.response)):
            words = words_of(text)
            counts.update({(side, *words[i : i + n]) for n in range(1, 5) for i in range(len(words) - n + 1)})
    return len(counts)


WAYS = {"floor": floor, "ours": ours, "Counter": counter}


def one(way, path):
    from theodolite.targets import open_data

    data = open_data(path)
    began = time.process_time()
    WAYS[way](data)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.process_time() - began, "mib": memory}))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rows", type=int, nargs="+", default=[20_000, 80_000])
    arguments.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        return one(*given.one)
    print("rows | way | rows per CPU second | of the floor's speed | peak MiB")
    with tempfile.TemporaryDirectory() as folder:
        for n in given.rows:
            path = Path(folder) / f"{n}.jsonl"
            write_rows(path, n)
            base = None
            for way in WAYS:
                command = [sys.executable, __file__, "--one", way, str(path)]
                run = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                base = base or run["seconds"]
                share = base / run["seconds"]
                print(f"{n:,} | {way} | {n / run['seconds']:,.0f} | {share:.3f} | {run['mib']:.0f}")
    return None


if __name__ == "__main__":
    main()
