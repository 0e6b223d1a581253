"""SAEs for the absorption benchmarks: trained once, kept in a folder, labelled by the truth of a world."""

import shutil

import torch

from theodolite.features import Run, SaeConfig, World, named_world, train
from theodolite.features.absorption.rates import LEAST_FIRINGS
from theodolite.features.absorption.tables import label_pairs
from theodolite.features.sae import Sae

ARCHITECTURES = ("topk", "batchtopk", "jumprelu")
TOKENS = 1_536_000


def plain(seed, width=256, k=7, architectures=ARCHITECTURES, **change):
    """The records of plain SAEs, by architecture."""
    return {
        a: SaeConfig.model_validate(
            {
                "architecture": a, "width": width, "k": k, "lr": 2e-3, "auxk": 0.25, "dead_after": 25_000,
                "seed": seed, "bandwidth": 0.1 if a == "jumprelu" else 0.03,
            } | change
        )
        for a in architectures
    }  # fmt: skip


def saes(folder, name, source, configs, *, seed, tokens=TOKENS, batch=256):
    """The SAEs of a source of activations, trained or read; a killed training goes on."""
    path = folder / f"{name}-{seed}.pt"
    if not path.exists():
        run = Run(tokens=tokens, batch=batch, seed=seed, threads=1)
        checkpoints = path.with_suffix(".training")
        found = train(list(configs.values()), source, run, folder=checkpoints, resume=True)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save([_tensors(t.sae, t.config) for t in found], path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
        shutil.rmtree(checkpoints, ignore_errors=True)
    return dict(zip(configs, map(_sae, torch.load(path)), strict=True))


def tables(folder, world, seeds, *, width=256, k=7, tokens=TOKENS, firings=LEAST_FIRINGS):
    """(seed, architecture, sae, world, labelled pairs) of plain SAEs on a world by its name."""
    for seed in seeds:
        opened = World(named_world(world, seed=seed))
        found = saes(folder, world, opened, plain(seed, width, k), seed=seed, tokens=tokens)
        for architecture, sae in found.items():
            yield seed, architecture, sae, opened, label_pairs(sae, opened, firings=firings)


def _tensors(sae, config):
    return {
        "config": config.model_dump(mode="json"), "enc": sae.encoder.detach(), "dec": sae.W_dec.detach(),
        "be": sae.b_enc.detach(), "bd": sae.b_dec.detach(), "th": sae.threshold.detach(),
    }  # fmt: skip


def _sae(d):
    return Sae(d["enc"], d["dec"], d["be"], d["bd"], d["config"]["architecture"], d["config"]["k"], d["th"])
