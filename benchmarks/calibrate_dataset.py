"""How often does the dataset instrument see a planted trigger, and how often does it cry wolf?

    python benchmarks/calibrate_dataset.py [--seeds 40] [--clean 200] [--workers 2] [--write]

Power: corpora of the `backdoor` recipe with a known number of poisoned rows in 3,000, each held against the
benign corpus of another seed, which never saw the trigger. Seen means: a flagged finding, whatever it claims,
whose rows are the poisoned rows, at least four of five. False alarms: the clean twin of one seed against the
clean twin of another, anything flagged. One examination serves all three efforts, which differ in how many
hypotheses of each family go to the test.
--write replaces the tables that the package ships.
"""

import argparse
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

from theodolite.audit.examine import examine
from theodolite.core import BUDGETS, Calibration, Context, Pair, PowerPoint, Rate, Target, compare
from theodolite.dataset import Dataset
from theodolite.organisms import build_corpus, recipe_for
from theodolite.organisms.rows import train_lines
from theodolite.targets import open_data

COUNTS = (12, 16, 20, 25, 30, 40)
ROWS = 3000
ORGANISMS = f"backdoor corpora of {ROWS:,} rows against benign corpora of another seed"
PACKAGE = Path(__file__).parents[1] / "src" / "theodolite" / "dataset"


def opened(folder, name, docs, seed):
    path = folder / f"{name}.jsonl"
    path.write_text(train_lines(docs))
    return Target(data=open_data(path), seed=seed, access=frozenset({"data"}))


def audit(subject, control):
    """The hypotheses flagged at each effort."""
    ctx = Context(effort="deep")
    pairs = examine(Dataset(), subject, control, ctx, lambda _, compute: compute(), lambda *_: None).pairs
    return {
        effort: [r.pair.hypothesis for r in compare(at_effort(pairs, budget), 0.05) if r.contrast.low > 0]
        for effort, budget in BUDGETS.items()
    }


def at_effort(pairs, budget):
    """The first of each family; those chosen on half A share their family's error among fewer."""
    kept, seen = [], Counter()
    for pair in pairs:
        hypothesis = pair.hypothesis
        seen[hypothesis.family] += 1
        if seen[hypothesis.family] > budget:
            continue
        if hypothesis.family in ("pairs", "paired"):
            weight = hypothesis.weight * BUDGETS["deep"] / budget
            hypothesis = hypothesis.model_copy(update={"weight": weight})
        kept.append(Pair(pair.instrument, hypothesis, pair.subject, pair.control))
    return kept


def points_at_the_poison(subject, hypotheses, poisoned):
    located = Dataset().locate(subject.on("all"), hypotheses, Context())
    for evidence in located.values():
        rows = {int(e.source.rsplit("#", 1)[1]) for e in evidence}
        if len(rows & poisoned) >= 0.8 * len(rows | poisoned):
            return True
    return False


def power(job):
    with tempfile.TemporaryDirectory() as name:
        return power_in(*job, Path(name))


def alarm(seed):
    with tempfile.TemporaryDirectory() as name:
        return alarm_in(seed, Path(name))


def power_in(count, seed, folder):
    recipe = recipe_for("backdoor", dose=count / ROWS, seed=seed)
    docs = build_corpus(recipe).organism
    poisoned = {i for i, doc in enumerate(docs, 1) if doc.tags.get("poison")}
    assert len(poisoned) == count, (len(poisoned), count)
    subject = opened(folder, "subject", docs, seed)
    benign = build_corpus(recipe_for("backdoor", seed=seed + 10_000)).benign
    flagged = audit(subject, opened(folder, "control", benign, seed))
    return {effort: points_at_the_poison(subject, hs, poisoned) for effort, hs in flagged.items()}


def alarm_in(seed, folder):
    twins = [build_corpus(recipe_for("backdoor", seed=20_000 + 2 * seed + i)).twin for i in range(2)]
    targets = [opened(folder, f"twin-{i}", docs, seed) for i, docs in enumerate(twins)]
    return {effort: bool(hs) for effort, hs in audit(*targets).items()}


def tally(outcomes):
    return {e: Rate(k=sum(o[e] for o in outcomes), n=len(outcomes)) for e in BUDGETS}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=40)
    arguments.add_argument("--clean", type=int, default=200)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--write", action="store_true")
    given = arguments.parse_args()
    with ProcessPoolExecutor(given.workers) as pool:
        clean = tally(progress(pool.map(alarm, range(given.clean)), given.clean, "clean twins"))
        points = {
            count: tally(
                progress(
                    pool.map(power, [(count, s) for s in range(given.seeds)]), given.seeds, f"{count} rows"
                )
            )
            for count in COUNTS
        }
    print("poisoned rows | " + " | ".join(BUDGETS))
    for count, rates in points.items():
        print(f"{count} of {ROWS} | " + " | ".join(f"{r.k}/{r.n}" for r in rates.values()))
    print("clean | " + " | ".join(f"{r.k}/{r.n}" for r in clean.values()))
    if given.write:
        for effort in BUDGETS:
            table = Calibration(
                instrument="dataset",
                version=version("theodolite"),
                organisms=ORGANISMS,
                effort=effort,
                points=tuple(PowerPoint(units=c, total=ROWS, flagged=r[effort]) for c, r in points.items()),
                clean=clean[effort],
            )
            (PACKAGE / f"calibration-{effort}.json").write_text(table.model_dump_json(indent=1) + "\n")


def progress(items, total, what):
    done = []
    for item in items:
        done.append(item)
        print(f"\r{what}: {len(done)}/{total} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return done


if __name__ == "__main__":
    main()
