"""How fast does an SAE train, how much memory does that take, and what does each loss cost on top?

    python benchmarks/sae_throughput.py --peers sae-lens=A/bin/python eai-sparsify=A/bin/python \
        dictionary-learning=B/bin/python overcomplete=C/bin/python llamascopium=D/bin/python

The same TopK SAE (d_model 512, width 8192, k 32, batches of 4,096, fp32) in each library's own training loop,
each in a process and an environment of its own. The processes take turns, a block of steps each, in an order
that rotates, so that a busy machine is busy for all. The data is the synthetic world `medium`, made once. The
floor is the encoder's dense product at the rate at which torch multiplies matrices here, in the same turns,
plus four sparse products at that rate. Times are medians over blocks; memory is the greatest resident memory
over that after the imports. A peer that is not given is said to be absent.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from throughput.turns import Entry, Timing, take_turns

SHAPE = {"d_model": 512, "width": 8192, "k": 32, "batch": 4096}
DENSE = 2 * SHAPE["batch"] * SHAPE["d_model"] * SHAPE["width"]
SPARSE = 4 * 2 * SHAPE["batch"] * SHAPE["d_model"] * SHAPE["k"]
BATCHES = 8
PEERS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "eai-sparsify": {"signum, its default": {}, "Adam": {"optimizer": "adam"}},
    "sae-lens": {
        "default": {},
        "sparse activations, no rescaling": {
            "use_sparse_activations": True,
            "rescale_acts_by_decoder_norm": False,
        },
    },
    "overcomplete": {"": {}},
    "dictionary-learning": {"": {}},
    "llamascopium": {"": {}},
}
PLAIN = "plain topk"
LOSSES: Mapping[str, Mapping[str, Any]] = {
    PLAIN: {},
    "soft tie": {"tie": 0.1},
    "AuxK, 80 latents dead (1 %)": {"dead": 80},
    "AuxK, 400 latents dead (5 %)": {"dead": 400},
    "AuxK, 400 latents dead, on all tokens": {"dead": 400, "extra_tokens": 4096},
    "multi_topk": {"multi_topk": 0.125},
    "multi_topk, on all tokens": {"multi_topk": 0.125, "extra_tokens": 4096},
    "price, energy": {"price": {"charge": "energy"}},
    "price, knapsack": {"price": {"charge": "knapsack"}},
    "matryoshka 512, 2048": {"matryoshka": [512, 2048]},
    "smooth threshold": {"smooth": 0.1},
    "joint meta-SAE": {"meta": 0.1},
    "batchtopk": {"architecture": "batchtopk"},
    "jumprelu": {"architecture": "jumprelu"},
}


def make_data(path: Path) -> None:
    from theodolite.features.worlds import World, named_world

    batches = World(named_world("medium", seed=0)).batches(SHAPE["batch"], seed=0)
    np.save(path, torch.stack(list(islice(batches, BATCHES))).numpy())


def libraries(pythons: Mapping[str, str]) -> list[Entry]:
    found = [
        Entry("floor", "floor", sys.executable, {}),
        Entry("theodolite", "theodolite", sys.executable, {}),
    ]
    for peer, ways in PEERS.items():
        if peer not in pythons:
            print(f"{peer}: absent (no environment given)")
            continue
        for way, settings in ways.items():
            found.append(Entry(f"{peer} ({way})" if way else peer, peer, pythons[peer], settings))
    return found


def compare(timings: Mapping[str, Sequence[Timing]], threads: int) -> None:
    rate = DENSE / median(t.cpu for t in timings["floor"])
    wall_floor = median(t.wall for t in timings["floor"]) * (1 + SPARSE / DENSE)
    floor = (DENSE + SPARSE) / rate
    print(f"\n{threads} thread(s). sgemm {rate / 1e9:.1f} GFLOP/s of CPU time; floor {floor:.3f} s a step")
    print(
        "| library | tokens/s of CPU time | CPU s a step (least-most) | % of floor | wall s | MB over base |"
    )
    print("|---|---|---|---|---|---|")
    for name, seen in sorted(timings.items(), key=lambda item: median(t.cpu for t in item[1])):
        if name == "floor":
            continue
        cpu, wall = median(t.cpu for t in seen), median(t.wall for t in seen)
        spread = f"{min(t.cpu for t in seen):.3f}-{max(t.cpu for t in seen):.3f}"
        memory = max(t.memory for t in seen)
        print(
            f"| {name} | {SHAPE['batch'] / cpu:,.0f} | {cpu:.3f} ({spread}) | {100 * floor / cpu:.0f} "
            f"| {wall:.3f} ({100 * wall_floor / wall:.0f} %) | {memory:.0f} |"
        )


def costs(timings: Mapping[str, Sequence[Timing]]) -> None:
    """Each round's ratio to the plain SAE of the same round, so that a busy minute cancels out."""
    print("\n| loss | cost over plain topk, median of rounds (least-most) | MB over base |")
    print("|---|---|---|")
    plain = timings[PLAIN]
    for name, seen in timings.items():
        ratios = [100 * (t.cpu / p.cpu - 1) for t, p in zip(seen, plain, strict=True)]
        memory = max(t.memory for t in seen)
        if name != PLAIN:
            spread = f"{min(ratios):+.0f} to {max(ratios):+.0f}"
            print(f"| {name} | {median(ratios):+.0f} % ({spread}) | {memory:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", nargs="*", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--steps", type=int, default=10, help="of one block")
    parser.add_argument("--only", choices=["libraries", "losses"])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    kept: dict[str, Any] = {"shape": SHAPE, "blocks": args.blocks, "steps": args.steps}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "activations.npy"
        make_data(data)
        if args.only != "losses":
            entries = libraries(dict(given.split("=", 1) for given in args.peers))
            for threads in args.threads:
                timings = take_turns(entries, data, threads, SHAPE, args.blocks, args.steps)
                compare(timings, threads)
                kept[f"libraries, {threads} threads"] = timings
        if args.only != "libraries":
            entries = [Entry(name, "theodolite", sys.executable, s) for name, s in LOSSES.items()]
            multi = dict(given.split("=", 1) for given in args.peers).get("eai-sparsify")
            timings = take_turns(entries, data, 1, SHAPE, args.blocks, args.steps)
            costs(timings)
            kept["losses"] = timings
            if multi:
                theirs = {"plain topk": {}, "sparsify's multi_topk": {"multi_topk": True}}
                entries = [Entry(n, "eai-sparsify", multi, s) for n, s in theirs.items()]
                timings = take_turns(entries, data, 1, SHAPE, args.blocks, args.steps)
                costs(timings)
                kept["sparsify's losses"] = timings
    if args.json:
        args.json.write_text(json.dumps(kept, indent=1, default=vars))


if __name__ == "__main__":
    main()
