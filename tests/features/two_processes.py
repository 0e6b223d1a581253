"""Trains in a team and alone, and writes how far the weights are apart; run by test_team.py."""

import json
import sys
from pathlib import Path

import torch

from theodolite.features import Run, SaeConfig, World, named_world, train
from theodolite.features.price import Price
from theodolite.features.team import joined_team

CONFIGS = {
    "topk": SaeConfig(width=96, k=6, tie=0.3, dead_after=3000),
    "topk, everything": SaeConfig(
        width=96, k=6, multi_topk=0.125, matryoshka=(20, 60), price=Price(gamma=1.0), extra_tokens=100
    ),
    "batchtopk": SaeConfig(width=96, k=6, architecture="batchtopk"),
    "jumprelu": SaeConfig(width=96, k=6, architecture="jumprelu", price=Price()),
    "hard tied": SaeConfig(width=96, k=6, tie="hard"),
}


def main() -> None:
    shards, out, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    torch.set_num_threads(1)
    world, run = World(named_world("small")), Run(tokens=7_680, batch=256, threads=1, save_every=0.0)
    with joined_team(shards) as team:
        together = train(list(CONFIGS.values()), world, run, team=team)
        if shards > 1:
            train([CONFIGS["topk"]], world, run, folder=Path(folder), team=team)
        first = team.first
    if not first:
        return
    alone = train(list(CONFIGS.values()), world, run)
    apart = {}
    for name, a, b in zip(CONFIGS, together, alone, strict=True):
        pairs = zip(a.sae.parameters(), b.sae.parameters(), strict=True)
        apart[name] = max(float((p - q).norm() / q.norm().clamp_min(1e-9)) for p, q in pairs)
        apart[f"{name}, fvu"] = abs(a.last.fvu - b.last.fvu) / b.last.fvu
    Path(out).write_text(json.dumps(apart), encoding="utf-8")


if __name__ == "__main__":
    main()
