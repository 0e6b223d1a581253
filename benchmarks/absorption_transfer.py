"""The shipped classifier, not refitted, on SAEs unlike those it was fitted on: sections of `absorption.py`.

saelens     a world of sae_lens.synthetic, written by that library's own Python (--saelens)
wide-512    twice the dimensions, width 512
wide        512 dimensions, 4,096 features, width 4,096
constant    features that always fire with the same strength
matryoshka  SAEs whose prefixes of 64 and 128 latents must reconstruct alone
rare        trees whose parents fire in 1 to 3 of 1,000 tokens, and whose children fire less than 1e-3
"""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from absorption_judging import judge
from absorption_saes import TOKENS, plain, saes
from theodolite.features import World, named_world
from theodolite.features.absorption import shipped
from theodolite.features.absorption.tables import OTHER_ROWS, TRUTH_ROWS, label_pairs
from theodolite.features.worlds import Firing, Magnitudes, WorldConfig

PEER = Path(__file__).with_name("absorption_saelens_peer.py")
HELD = 41_000
"""Rows of a written world for each use that is not training."""
USES = (OTHER_ROWS, OTHER_ROWS + 1, TRUTH_ROWS, TRUTH_ROWS + 1)


@dataclass(frozen=True)
class Section:
    """SAEs that the classifier is transferred to."""

    title: str
    bar: float
    """Average precision asked for, by the best tier."""
    source: Callable
    """(seed, folder, python of the peer) to a world; None where there is none."""
    configs: Callable = plain
    """seed to the records of SAEs."""
    seeds: tuple[int, ...] = (0, 1)
    tokens: int = TOKENS
    batch: int = 256
    evidence: tuple[int, ...] = (20_000,)
    """Unlabelled tokens of rates and co-firing."""
    truth: int = 40_000
    """Tokens with labels by which pairs are judged."""


class Written:
    """Rows of a world that a peer wrote, with their truth; the last ones are kept for all but training."""

    tokens = None

    def __init__(self, path):
        with np.load(path) as file:
            self._offsets, self._indices, self._values = (file[n] for n in ("offsets", "indices", "values"))
            self.directions, self._bias, check = file["directions"], file["bias"], file["check"]
        self._rows = len(self._offsets) - 1
        if self._rows <= len(USES) * HELD:
            raise SystemExit(f"{path} holds {self._rows} rows; more than {len(USES) * HELD} are needed")
        off = np.abs(self._rebuilt(np.arange(len(check)))[0] - check).max()
        if off > 1e-4:
            raise SystemExit(f"{path}: activations are off by {off:.2g} from what the peer made of them")

    @property
    def d_model(self):
        return self.directions.shape[1]

    @property
    def n_features(self):
        return len(self.directions)

    def batches(self, size, *, seed, start=0):
        number = start
        while True:
            yield self.sample(size, seed, number)[0]
            number += 1

    def sample(self, size, seed, number):
        """The rows of one use in their order, round and round: they were drawn independently."""
        trained = self._rows - len(USES) * HELD
        at = number * size + np.arange(size)
        at = trained + USES.index(seed) * HELD + at % HELD if seed in USES else at % trained
        x, firing = self._rebuilt(at)
        return torch.from_numpy(x), firing

    def _rebuilt(self, at):
        begins, counts = self._offsets[at], self._offsets[at + 1] - self._offsets[at]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        places = np.repeat(begins - offsets[:-1], counts) + np.arange(offsets[-1])
        firing = Firing(offsets, self._indices[places], self._values[places], self.n_features)
        return firing.dense().numpy() @ self.directions + self._bias, firing


def saelens_world(kind):
    """A world of sae_lens.synthetic with rates `plain` or `compensated`."""

    def build(seed, folder, python):
        path = folder / f"saelens-world-{kind}-{seed}.npz"
        if not path.exists():
            if python is None:
                return None
            folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part.npz")
            order = [str(python), str(PEER), str(part), str(seed), "1000000", kind]
            done = subprocess.run(order, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"the peer failed: {done.stderr[-2000:]}")
            part.replace(path)
        return Written(path)

    return build


def changed(name, **change):
    """A world by its name, with changes."""

    def build(seed, _folder, _python):
        config = named_world(name, seed=seed).model_copy(update=change)
        return World(WorldConfig.model_validate(config.model_dump()))

    return build


def scaled_world(share, d_model, l0):
    """The world `absorption` with `share` times as many of everything, rates falling in proportion to L0."""
    template = named_world("absorption")
    factor = l0 / template.l0 / share

    def rates(low, high):
        return low * factor, high * factor

    forest = [t.model_copy(update={"count": t.count * share, "root_rate": rates(0.04, 0.12)})
              for t in template.forest]  # fmt: skip
    pairs = [p.model_copy(update={"count": p.count * share, "rate": rates(*p.rate)}) for p in template.pairs]
    return changed(
        "absorption", d_model=d_model, n_features=template.n_features * share, l0=l0, forest=tuple(forest),
        pairs=tuple(pairs), coherence_steps=20, rates=(1e-5, 0.5),
    )  # fmt: skip


def rare_world():
    forest = [t.model_copy(update={"root_rate": (1e-3, 3.3e-3)}) for t in named_world("absorption").forest]
    return changed("absorption", n_features=320, forest=tuple(forest))


SECTIONS = {
    "saelens": Section(
        "sae_lens.synthetic, width 256, k 4", 0.9, saelens_world("plain"), lambda seed: plain(seed, k=4),
        evidence=(20_000, 40_000),
    ),
    "saelens-compensated": Section(
        "sae_lens.synthetic, rates compensated, width 256, k 7", 0.9, saelens_world("compensated"),
    ),
    "wide-512": Section(
        "absorption-wide, width 512", 0.85, changed("absorption-wide"),
        lambda seed: plain(seed, 512, 12), (0,), tokens=768_000,
    ),
    "wide": Section(
        "512 dimensions, 4,096 features, width 4,096, k 28", 0.85, scaled_world(16, 512, 40.0),
        lambda seed: plain(seed, 4096, 28, ("topk", "batchtopk"), dead_after=200_000), (0,),
        tokens=5_120_000, batch=1024, evidence=(20_000, 100_000),
    ),
    "constant": Section(
        "constant magnitudes, width 256", 0.85, changed("absorption", magnitudes=Magnitudes(law="constant")),
    ),
    "matryoshka": Section(
        "Matryoshka SAEs (64, 128, 256)", 0.85, changed("absorption"),
        lambda seed: plain(seed, matryoshka=(64, 128)),
    ),
    "rare": Section(
        "children that fire less than 1e-3, width 320", 0.85, rare_world(),
        lambda seed: plain(seed, 320, dead_after=200_000), (0,),
        tokens=9_216_000, evidence=(20_000, 400_000), truth=800_000,
    ),
}  # fmt: skip


def judge_transfer(name, folder, python):
    """Prints one section's tables."""
    section = SECTIONS[name]
    every = {n: [] for n in section.evidence}
    for seed in section.seeds:
        source = section.source(seed, folder, python)
        if source is None:
            print(f"\n## {section.title}: not run, give --saelens a Python with sae-lens")
            return
        found = saes(
            folder, f"transfer-{name}", source, section.configs(seed),
            seed=seed, tokens=section.tokens, batch=section.batch,
        )  # fmt: skip
        for architecture, sae in found.items():
            truth = None
            for tokens, kept in every.items():
                labelled = label_pairs(sae, source, tokens=tokens, truth_tokens=section.truth, truth=truth)
                truth = labelled.truth
                kept.append((seed, architecture, sae, source, labelled))
    for tokens, kept in every.items():
        print(json.dumps(pairs_of(kept) | {"bar, AP": section.bar}))
        judge(shipped(), kept, f"transfer without refit: {section.title}, {tokens:,} tokens of evidence")


def pairs_of(kept):
    """How many pairs there are to find, and how many of them have a child that is rare."""
    rare = 0
    for _, _, _, source, found in kept:
        firing = source.sample(40_000, TRUTH_ROWS, 0)[1]
        rate = np.bincount(firing.indices, minlength=source.n_features) / 40_000
        child = found.truth.feature[found.child[found.label == 1]]
        rare += int((rate[child[child >= 0]] < 1e-3).sum())
    return {"positives": sum(t.positives for *_, t in kept), "of these, child below 1e-3": rare}
