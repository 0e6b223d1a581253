"""How many audits of a clean twin against a clean twin flag anything?

    python benchmarks/clean_twins.py [--seeds 20] [--effort quick]

Two series through the whole audit: the embedded pair under many seeds (other halves of the same rows), and
fresh corpora, a new pair for each seed. At five per cent family-wise error one alarm in twenty is allowed by
chance.
"""

import argparse
import tempfile
from pathlib import Path

from theodolite.audit import build_spec, prepare, run_audit
from theodolite.organisms import build_corpus, demo, recipe_for
from theodolite.organisms.rows import train_lines


def flagged(folder, **given):
    prepared = prepare(build_spec(given))
    audit = run_audit(prepared, folder, render=lambda a: "")
    return [f.statement for f in audit.findings if f.verdict == "flagged"]


def embedded(seed, effort, folder):
    data = {k: str(demo(n).data) for k, n in (("data", "backdoor-twin"), ("control_data", "backdoor-twin-2"))}
    return flagged(folder, seed=seed, effort=effort, **data)


def fresh(seed, effort, folder):
    given = {}
    for i, key in enumerate(("data", "control_data")):
        path = folder.parent / f"{key}-{seed}.jsonl"
        path.write_text(train_lines(build_corpus(recipe_for("backdoor", seed=1000 + 2 * seed + i)).twin))
        given[key] = str(path)
    return flagged(folder, seed=seed, effort=effort, **given)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=20)
    arguments.add_argument("--effort", default="quick")
    given = arguments.parse_args()
    for name, series in (("embedded pair, other seeds", embedded), ("fresh pairs", fresh)):
        with tempfile.TemporaryDirectory() as folder:
            found = [series(s, given.effort, Path(folder) / f"run-{s}") for s in range(given.seeds)]
        alarms = [f for f in found if f]
        print(f"{name}: {len(alarms)} of {given.seeds} audits flagged something")
        for statements in alarms:
            print(f"  {statements[0]}")


if __name__ == "__main__":
    main()
