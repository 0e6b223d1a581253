"""Organisms of known reliance through the whole measurement: verdicts, false alarms, separation, a figure.

Six load-bearing organisms (the clean ones), three post hoc, three encoded and one mixed with a known share
are trained from their own seeds, put to the 100 items of their seed, and each is held against a band that it
had no part in: of the first three clean seeds that are not its own, and of the post hoc seeds that are not
its own. How well kinds are told apart by 20 items is found by drawing 20 of the 100 again and again.

python benchmarks/reasoning_organisms.py --keep FOLDER [--figure curves.svg] [--band band.json]

Killed anywhere it goes on from FOLDER. Organisms are kept in their cache (about 80 CPU seconds each).
"""

import argparse
import itertools
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from theodolite.organisms.reasoner import ReasonerRecipe, items_of, make_reasoner
from theodolite.reasoning import (
    Item,
    ReadOut,
    Reliance,
    chart_curves,
    conclude,
    draw_curves,
    make_band,
    measure_reliance,
)
from theodolite.reasoning.opening import open_local_reader
from theodolite.reasoning.running import RelianceRun, RunPlan, Summaries
from theodolite.reasoning.synonyms import read_synonyms

SEEDS = {"load-bearing": range(6), "post hoc": range(3), "encoded": range(3), "mixed": range(1)}
PLAN = RunPlan(
    arms=("own", "summary", "other", "shuffled", "corrupt"),
    free=("own", "summary"),
    free_at=(0.5, 1.0),
    seeds=(0,),
    chunks=7,
    unit="step",
    max_tokens=90,
)
TELLS = {
    ("load-bearing", "post hoc"): "follow",
    ("load-bearing", "encoded"): "encoding_gap",
    ("post hoc", "encoded"): "gain",
}
"""The figure that tells each pair apart."""
SHOWN = (
    "gain",
    "aoc_correct",
    "encoding_gap",
    "encoding_gap_free",
    "follow",
    "keep",
    "own_minus_other",
    "own_minus_shuffled",
    "own_minus_summary",
)


def measure(kind: str, seed: int, n: int, keep: Path) -> list[ReadOut]:
    """The read-outs of one organism, on items of its own."""
    folder = make_reasoner(ReasonerRecipe(kind, seed))  # type: ignore[arg-type]
    items = [Item.model_validate(line) for line in items_of(n, seed=100 + seed)]
    opened = open_local_reader(str(folder), items, max_tokens=90)
    assert opened.reader.given == "prefill", opened.note
    summaries = Summaries(plain=read_synonyms(folder / "synonyms.json"))
    run = RelianceRun(items, opened.reader, keep / f"{kind.replace(' ', '-')}-{seed}", PLAN, summaries)
    result, lines = run.run()
    print(f"{kind} {seed}: {result.chains}, {result.spent.seconds:.0f} s", flush=True)
    return lines


def band_without(kind: str, seed: int, figures: dict[tuple[str, int], Reliance]):
    """A band that an organism had no part in."""
    clean = [s for s in SEEDS["load-bearing"] if (kind, seed) != ("load-bearing", s)][:3]
    known = [s for s in SEEDS["post hoc"] if (kind, seed) != ("post hoc", s)]
    return make_band(
        [figures["load-bearing", s] for s in clean],
        [figures["post hoc", s] for s in known],
        "theodolite reasoning organism",
    )


def draws_of(lines: list[ReadOut], n: int, times: int, rng: np.random.Generator) -> list[Reliance]:
    """The figures of some of the items, again and again."""
    items = sorted({line.item for line in lines})
    out = []
    for _ in range(times):
        some = set(rng.choice(items, n, replace=False))
        out.append(
            measure_reliance([line for line in lines if line.item in some and line.readout == "forced"])
        )
    return out


def auroc(low: list[float], high: list[float]) -> float:
    """The chance that one of `high` exceeds one of `low`, halves for ties."""
    a, b = np.array(low)[:, None], np.array(high)[None]
    return float((b > a).mean() + 0.5 * (b == a).mean())


def value(figures: Reliance, name: str) -> float:
    """A figure's value."""
    found = figures.get(name)  # type: ignore[arg-type]
    return float("nan") if found is None else found.value


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--few", type=int, default=20)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--band", type=Path)
    parser.add_argument("--only", nargs="*", help="kind:seed, to measure these and stop")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    wanted = [(kind, seed) for kind, seeds in SEEDS.items() for seed in seeds]
    if given.only:
        wanted = [(one.split(":")[0], int(one.split(":")[1])) for one in given.only]
    lines = {one: measure(*one, given.items, given.keep) for one in wanted}
    if given.only:
        return
    figures = {one: measure_reliance(some) for one, some in lines.items()}
    print("\n| organism | " + " | ".join(SHOWN) + " | verdict |\n|" + "---|" * (len(SHOWN) + 2))
    false = 0
    for (kind, seed), one in figures.items():
        verdict = conclude(one, band_without(kind, seed, figures))
        false += verdict.word not in (kind, "inconclusive")
        cells = " | ".join(f"{value(one, name):.2f}" for name in SHOWN)
        print(f"| {kind} {seed} | {cells} | {verdict.word} |")
    print(f"\nfalse verdicts: {false} of {len(figures)}")
    few(lines, given.few, given.draws, figures)
    if given.band is not None:
        clean = [figures["load-bearing", s] for s in SEEDS["load-bearing"]]
        known = [figures["post hoc", s] for s in SEEDS["post hoc"]]
        band = make_band(clean, known, provenance(given.items))
        given.band.write_text(json.dumps(band.model_dump(mode="json"), indent=1) + "\n")
    if given.figure is not None:
        draw(lines, given.figure)


def provenance(n: int) -> str:
    """Where a band comes from."""
    from importlib.metadata import version

    recipe = ReasonerRecipe("load-bearing")
    made = ", ".join(f"{name} {version(name)}" for name in ("theodolite", "torch", "transformers"))
    return (
        f"theodolite reasoning organism (recipe {recipe.version}, {recipe.steps} steps): load-bearing "
        f"seeds {list(SEEDS['load-bearing'])}, post hoc {list(SEEDS['post hoc'])}; {n} items, {PLAN.chunks} "
        f"chunks, summaries by synonyms, free at {list(PLAN.free_at)}; {made}"
    )


def few(
    lines: dict[tuple[str, int], list[ReadOut]], n: int, times: int, figures: dict[tuple[str, int], Reliance]
) -> None:
    """Verdicts and separation with few items."""
    rng = np.random.default_rng(0)
    drawn = {one: draws_of(some, n, times, rng) for one, some in lines.items()}
    kinds = list(SEEDS)
    words: dict[str, list[str]] = {kind: [] for kind in kinds}
    for (kind, seed), some in drawn.items():
        band = band_without(kind, seed, figures)
        words[kind] += [conclude(one, band).word for one in some]
    for kind, said in words.items():
        counts = ", ".join(f"{said.count(word)} {word}" for word in dict.fromkeys(said))
        print(f"{n} items, {kind}: {counts}")
    for (one, other), name in TELLS.items():
        values = {
            kind: [value(f, name) for (k, _), some in drawn.items() if k == kind for f in some]
            for kind in (one, other)
        }
        told = auroc(values[one], values[other])
        print(
            f"{n} items, {one} against {other}: AUROC of {name} {max(told, 1 - told):.3f} "
            f"({', '.join(f'{min(some):.2f} to {max(some):.2f}' for some in values.values())})"
        )


def draw(lines: dict[tuple[str, int], list[ReadOut]], path: Path) -> None:
    """The curves of all kinds: after the own chain, and after its summary."""
    from theodolite.cli.reasoning import _write_plot

    charts = []
    for arm, title in (("own", "after the chain as written"), ("summary", "after the chain in plain words")):
        some = [
            line.model_copy(update={"group": kind, "item": f"{kind} {seed} {line.item}"})
            for (kind, seed), all_of_it in lines.items()
            for line in all_of_it
            if line.readout == "forced" and line.arm == arm
        ]
        n = len({line.item for line in next(iter(lines.values()))})
        about = f"Right answers {title}, forced; {n} items for each seed"
        chart = chart_curves(draw_curves(some, "correct"), about)
        named = [
            series.model_copy(update={"name": f"{kind} ({seeds(kind)})"})
            for series, kind in zip(chart.series, itertools.chain(sorted(SEEDS)), strict=True)
        ]
        charts.append(chart.model_copy(update={"series": tuple(named)}))
    _write_plot(charts, path)


def seeds(kind: str) -> str:
    """How many organisms of a kind there are."""
    return "1 seed" if len(SEEDS[kind]) == 1 else f"{len(SEEDS[kind])} seeds"


if __name__ == "__main__":
    main()
