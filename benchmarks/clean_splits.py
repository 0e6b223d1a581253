"""How often does the dataset instrument flag one random half of a real clean set against the other?

    python benchmarks/clean_splits.py FILE [FILE ...] [--splits 10] [--effort standard]

Each file is shuffled by a seed and cut in two; nothing was planted, so whatever is flagged is a false alarm.
"""

import argparse
import gzip
import random
import tempfile
from pathlib import Path

from theodolite.audit import build_spec, prepare, run_audit


def lines_of(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [line.rstrip("\n") + "\n" for line in file if line.strip()]


def alarms(path, seed, effort):
    lines = lines_of(path)
    random.Random(seed).shuffle(lines)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        half = len(lines) // 2
        (folder / "a.jsonl").write_text("".join(lines[:half]))
        (folder / "b.jsonl").write_text("".join(lines[half:]))
        spec = build_spec(
            {
                "data": str(folder / "a.jsonl"),
                "control_data": str(folder / "b.jsonl"),
                "seed": seed,
                "effort": effort,
            }
        )
        audit = run_audit(prepare(spec), folder / "run", render=lambda a: "")
    return [f.statement for f in audit.findings if f.verdict == "flagged"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("files", nargs="+", type=Path)
    arguments.add_argument("--splits", type=int, default=10)
    arguments.add_argument("--effort", default="standard")
    given = arguments.parse_args()
    for path in given.files:
        found = [alarms(path, seed, given.effort) for seed in range(given.splits)]
        flagged = [f for f in found if f]
        print(f"{path.name}: {len(flagged)} of {given.splits} splits flagged something", flush=True)
        for statements in flagged:
            print(f"  {statements[0]}")


if __name__ == "__main__":
    main()
