"""Which SAE finds the true features, and at what price? Every architecture, loss and price form.

    python benchmarks/sae_ground_truth.py [--world absorption] [--seeds 3] [--tokens 1000000] [--out F.jsonl]
                                          [--workers 1] [--only NAME,...] [--tables-only]

Each seed is another world (its features, hierarchy and correlations), another first weight, another order.
Figures are of 50,000 rows that no SAE learnt from. An untrained SAE and one with a frozen decoder stand
beside the trained ones, since several popular metrics can hardly tell them apart. Every SAE is a line of the
ledger, written when it is done; a killed run goes on where it was.
"""

import argparse
import json
import math
import os
import statistics
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

FIGURES = ("f1", "mcc", "fvu", "l0", "bits", "dead", "always_on", "max_frequency", "absorbed", "untied")
BATCH = 256
FORMS = ("log", "plain-log", "odds", "root")


def settings(k: int, width: int) -> dict[str, dict[str, Any]]:
    """Returns every SAE of the table by name."""
    jump, batch = {"architecture": "jumprelu"}, {"architecture": "batchtopk"}
    nested = {"matryoshka": (width // 16, width // 4, width // 2)}
    plain = {"topk": {}, "batchtopk": batch, "jumprelu": jump, "relu (L1)": {"architecture": "relu"}}
    found = plain | {
        "topk, matryoshka": nested,
        "batchtopk, matryoshka": batch | nested,
        "topk, multi-topk": {"multi_topk": 0.125},
        "topk, k annealed": {"k_start": 6 * k},
        "topk, smooth": {"smooth": 0.5},
        "jumprelu, smooth": jump | {"smooth": 0.5},
        "topk, joint meta-SAE": {"meta": 0.05},
        "topk, no auxk": {"auxk": 0.0},
        "topk, auxk on half the tokens": {"extra_tokens": BATCH // 2},
        "topk, multi-topk on half the tokens": {"multi_topk": 0.125, "extra_tokens": BATCH // 2},
    }
    for tie in (0.1, 0.5, 2.0, "hard"):
        found[f"topk, tie {tie}"] = {"tie": tie}
        found[f"jumprelu, tie {tie}"] = jump | {"tie": tie}
    for form in FORMS:
        found[f"jumprelu, {form} discount"] = jump | {"price": {"form": form}}
        unsafe = {"form": form, "gamma": 1.0, "discount": False, "floor": False}
        found[f"jumprelu, {form} mean-normed"] = jump | {"price": unsafe}
        found[f"batchtopk, {form} energy"] = batch | {"price": {"form": form, "gamma": 1.0}}
    found |= {
        "jumprelu, log discount, no floor": jump | {"price": {"floor": False}},
        "jumprelu, log^3 mean-normed": jump | {"price": {"discount": False, "floor": False}},
        "jumprelu, log discount, late": jump | {"price": {"after": 0.4}},
        "batchtopk, log knapsack": batch | {"price": {"charge": "knapsack"}},
        "topk, log energy": {"price": {"gamma": 1.0}},
        "topk, log knapsack": {"price": {"charge": "knapsack"}},
        "jumprelu, tie 0.5, log discount": jump | {"tie": 0.5, "price": {}},
        "jumprelu, k + 2": jump | {"k": k + 2},
        "topk, k + 2": {"k": k + 2},
    }
    return {name: {"k": k, "width": width} | change for name, change in found.items()}


def main() -> None:
    given = _arguments()
    cells = [(name, seed) for seed in range(given.seeds) for name in _names(given)]
    done = {(r["name"], r["seed"], r["world"], r["tokens"]): r for r in _read(given.out)}
    wanted = {(name, seed): (name, seed, given.world, given.tokens) for name, seed in cells}
    if not given.tables_only:
        todo = [cell for cell in cells if wanted[cell] not in done]
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
            tasks = [
                pool.submit(one, *cell, given.world, given.tokens, given.k, given.width) for cell in todo
            ]
            for task in as_completed(tasks):
                record = task.result()
                done[wanted[record["name"], record["seed"]]] = record
                with given.out.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(record) + "\n")
    print(table([done[key] for key in wanted.values() if key in done]))


def one(name: str, seed: int, world: str, tokens: int, k: int, width: int) -> dict[str, Any]:
    """Trains and judges one SAE."""
    import time

    from theodolite.features import Run, SaeConfig, World, evaluate, measure, named_world, train
    from theodolite.features.control_saes import frozen_decoder_sae, random_sae

    source = World(named_world(world, seed=seed))
    started = time.process_time()
    extra: dict[str, Any] = {}
    if name == "random":
        sae: Any = random_sae(source, width=width, l0=k, seed=seed)
    elif name == "frozen decoder":
        sae = frozen_decoder_sae(source, width=width, k=k, seed=seed)
    else:
        config = SaeConfig(**settings(k, width)[name], seed=seed)
        trained = train([config], source, Run(tokens=tokens, batch=BATCH, seed=seed, threads=1))
        sae = trained[0].sae
        extra = {"untied": measure(sae, source, seed=7)[0].untied}
    report = evaluate(sae, source, rows=50_000)
    found = report.figures()
    return extra | {
        "name": name, "seed": seed, "world": world, "tokens": tokens,
        "f1": found["feature_f1"], "mcc": found["mcc"], "fvu": found["fvu"], "l0": found["l0"],
        "bits": found["pattern_bits"], "dead": found["dead"], "always_on": found["always_on"],
        "max_frequency": found["max_frequency"], "absorbed": found["hidden_absorbed_share"],
        "cpu": time.process_time() - started,
    }  # fmt: skip


def table(records: list[dict[str, Any]]) -> str:
    """Returns the markdown table: mean and spread over seeds."""
    lines = ["| SAE | seeds | " + " | ".join(FIGURES) + " |", "|---" * (len(FIGURES) + 2) + "|"]
    for name in dict.fromkeys(r["name"] for r in records):
        mine = [r for r in records if r["name"] == name]
        cells = [_cell([r[f] for r in mine if r.get(f) is not None]) for f in FIGURES]
        lines.append(f"| {name} | {len(mine)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    values = [v for v in values if not math.isnan(v)]
    if not values:
        return "-"
    mean = statistics.fmean(values)
    digits = 0 if mean >= 20 else 1 if mean >= 4 else 3
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean:.{digits}f}{spread}"


def _names(given: argparse.Namespace) -> list[str]:
    names = ["random", "frozen decoder", *settings(given.k, given.width)]
    return [n for n in names if given.only is None or n in given.only.split(";")]


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--world", default="absorption")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--k", type=int, default=7)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--out", type=Path, default=Path("sae_ground_truth.jsonl"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", help="Names from the table, with semicolons between them.")
    parser.add_argument("--tables-only", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
