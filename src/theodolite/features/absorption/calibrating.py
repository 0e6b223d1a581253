"""The pair classifier refitted on synthetic worlds like the SAE, and how good it is on others.

A classifier that was fitted elsewhere may be wrong by as much as the SAEs differ. So SAEs of the same
architecture, shape and L0 are trained on worlds whose absorbed pairs are known: on some the classifier is
fitted, on others it is judged, and on worlds without any hierarchy its false alarms are counted.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.core.record import Record
from theodolite.features.absorption.classifier import Classifier, fit
from theodolite.features.absorption.columns import TIERS, Tier
from theodolite.features.absorption.rates import LEAST_FIRINGS
from theodolite.features.absorption.scoring import threshold_for
from theodolite.features.absorption.tables import Labelled, label_pairs
from theodolite.features.absorption.verdicts import flags
from theodolite.features.config import Architecture, SaeConfig
from theodolite.features.run import Run
from theodolite.features.sae import Sae
from theodolite.features.training import train
from theodolite.features.worlds import World, WorldConfig, named_world

__all__ = ["Calibrated", "Like", "TierScore", "calibrate", "control_world", "world_like"]

PRECISION: dict[Tier, float] = {"weights": 0.9, "rates": 0.97, "tokens": 0.95}
"""Asked of the flags on the worlds that are fitted on, those on parents without a feature counted as wrong;
held-out worlds give a little less. Of weights alone .95 would cost a third of the recall. By rates, on the
fitted seeds left out in turn, .95 flags 3 of 273 similar pairs that exclude each other, .97 flags 1."""
FIRINGS_TO_LEARN = 50
"""Firings of both latents of a pair that is learnt from; more than a pair needs that is judged, because rates
of few firings teach their noise."""
CONTROL_FLAGS = 0.5
"""Wrong flags per 1,000 live latents that are allowed on the controls that are fitted on."""
MOST_WIDTH = 1024
"""Latents of the largest SAE that is trained; larger ones are scaled down, d_model with them."""
HELD_OUT = 500
"""Added to the seeds of held-out worlds."""


class Like(Record):
    """The SAE that a calibration is for."""

    architecture: Architecture = "batchtopk"
    """What decides that a latent is on."""
    d_model: int = Field(96, ge=16)
    """Numbers in an activation."""
    width: int = Field(256, ge=32)
    """Latents."""
    l0: float = Field(7.0, gt=0)
    """Latents on per token."""

    @property
    def scaled(self) -> "Like":
        """Itself, or for an SAE that is too large a smaller one with as many latents a dimension."""
        if self.width <= MOST_WIDTH:
            return self
        factor = MOST_WIDTH / self.width
        d_model = max(32, round(self.d_model * factor))
        return Like(
            architecture=self.architecture,
            d_model=d_model,
            width=MOST_WIDTH,
            l0=max(3.0, min(self.l0, d_model / 8)),
        )


class TierScore(Record):
    """How good one tier is on held-out worlds."""

    tier: Tier
    """The evidence."""
    average_precision: float
    """Mean over the SAEs."""
    precision: float
    """Of all flags."""
    recall: float
    """Of all absorbed pairs."""
    control_flags: float
    """Flags on pairs that are not absorbed, per 1,000 live latents, without any hierarchy."""


class Calibrated(Record):
    """A classifier with what it is worth."""

    like: Like
    """The SAEs that were trained."""
    classifier: Classifier
    """Fitted."""
    scores: tuple[TierScore, ...]
    """Of each tier, on held-out worlds."""
    held_out: tuple[int, ...]
    """Seeds of the held-out worlds."""
    positives: int
    """Absorbed pairs in them."""
    remarks: tuple[str, ...] = ()
    """What to weigh it with."""


def world_like(like: Like, seed: int) -> WorldConfig:
    """Returns a world with hierarchies and hard negatives, for SAEs of that shape."""
    template = named_world("absorption")
    share = like.width / template.n_features
    sizes = {"d_model": like.d_model, "n_features": like.width, "l0": like.l0 * 10 / 7}
    # All rates follow L0 and the number of features, or a few trees and pairs would be all of it.
    factor = sizes["l0"] / template.l0 / share

    def rates(low: float, high: float) -> tuple[float, float]:
        return min(0.1, low * factor), min(0.25, high * factor)

    forest = [
        t.model_copy(update={"count": max(2, round(t.count * share)), "root_rate": rates(0.04, 0.12)})
        for t in template.forest
    ]
    pairs = [
        p.model_copy(update={"count": max(2, round(p.count * share)), "rate": rates(*p.rate)})
        for p in template.pairs
    ]
    update = sizes | {"forest": tuple(forest), "pairs": tuple(pairs), "seed": seed}
    if like.width > 512:
        update["coherence_steps"] = 20
    return WorldConfig.model_validate(template.model_copy(update=update).model_dump())


def control_world(like: Like, seed: int) -> WorldConfig:
    """Returns the same world without hierarchies; of its correlated pairs SAEs absorb a few even so."""
    world = world_like(like, seed).model_copy(update={"forest": (), "rates": (1e-3, 0.12)})
    return WorldConfig.model_validate(world.model_dump())


def calibrate(
    like: Like,
    *,
    seeds: int = 2,
    tokens: int = 1_500_000,
    seed: int = 0,
    told: Callable[[str], None] = lambda _sentence: None,
    folder: Path | None = None,
) -> Calibrated:
    """Returns a classifier for SAEs of that kind; takes `2 seeds + 2` trainings.

    Args:
        like: the SAE that it is for.
        seeds: worlds to fit on, and as many others to judge by.
        tokens: of each training; absorption grows with training.
        seed: of the first world.
        told: told what is done.
        folder: keeps what is done, so that a killed calibration goes on.

    Raises:
        DataError: no pair was absorbed on any world that was fitted on.
    """
    small = like.scaled
    fitted, judged = [seed + i for i in range(seeds)], [seed + HELD_OUT + i for i in range(seeds)]

    def table(s: int, world: WorldConfig, kind: str, firings: int = LEAST_FIRINGS) -> Labelled:
        told(f"{kind}, seed {s}")
        opened = World(world)
        place = None if folder is None else folder / f"{kind}-{s}"
        return label_pairs(train_on(small, opened, tokens, s, place), opened, seed=seed, firings=firings)

    learned = [table(s, world_like(small, s), "world to fit on", FIRINGS_TO_LEARN) for s in fitted]
    where = f"{small.architecture} SAEs of width {small.width}, d_model {small.d_model}, L0 {small.l0:g}"
    calm = table(fitted[0], control_world(small, fitted[0]), "control to fit on", FIRINGS_TO_LEARN)
    classifier = fit_tables(learned, f"{where} on worlds {fitted} and control {fitted[0]}", [calm])
    others = [table(s, world_like(small, s), "held-out world") for s in judged]
    control = table(judged[0], control_world(small, judged[0]), "control")
    remarks = [] if small == like else [f"fitted on smaller ones: {where}"]
    if classifier.positives < 20:
        remarks.append(f"only {classifier.positives} absorbed pairs were fitted on: give more seeds")
    return Calibrated(
        like=small,
        classifier=classifier,
        scores=tuple(score_tier(classifier, tier, others, [control]) for tier in TIERS),
        held_out=tuple(judged),
        positives=sum(t.positives for t in others),
        remarks=tuple(remarks),
    )


def train_on(like: Like, world: World, tokens: int, seed: int, folder: Path | None = None) -> Sae:
    """Returns an SAE of that kind, trained on the world."""
    settings = {
        "architecture": like.architecture,
        "width": like.width,
        "k": max(1, round(like.l0)),
        "lr": 2e-3,
        "auxk": 0.25,
        "dead_after": 25_000,
        "bandwidth": 0.1,
        "seed": seed,
    }
    config = SaeConfig.model_validate(settings)
    run = Run.model_validate({"tokens": tokens, "batch": 256, "seed": seed, "threads": 1})
    return train([config], world, run, folder=folder, resume=True)[0].sae


def fit_tables(tables: Sequence[Labelled], provenance: str, controls: Sequence[Labelled] = ()) -> Classifier:
    """Returns the classifier of labelled tables, with thresholds for `PRECISION` and `CONTROL_FLAGS` on them.

    Args:
        tables: of SAEs on worlds with hierarchies, their pairs' latents with `FIRINGS_TO_LEARN` firings.
        provenance: what all of them are.
        controls: of SAEs on worlds without; their pairs are learnt from too.
    """
    every = [*tables, *controls]
    first = fit([(t.statistics, t.taught) for t in every], TIERS, provenance=provenance)
    taught = np.concatenate([t.taught for t in tables])
    live = sum(int(t.truth.live.sum()) for t in controls)
    thresholds: dict[Tier, float] = {}
    for tier in TIERS:
        score = np.concatenate([_confirmed(first, t, tier) for t in tables])
        thresholds[tier] = threshold_for(score, taught, PRECISION[tier])
        if controls:
            wrong = np.concatenate([_confirmed(first, t, tier)[t.wrong] for t in controls])
            allowed = int(CONTROL_FLAGS * live / 1000)
            thresholds[tier] = max(thresholds[tier], _above(wrong, allowed))
    return first.with_thresholds(thresholds)


def _above(score: NDArray[np.float64], allowed: int) -> float:
    """Returns the least threshold, of four digits, that at most `allowed` scores reach."""
    ranked = np.sort(score[np.isfinite(score)])[::-1]
    return 0.0 if len(ranked) <= allowed else min(1.0, float(f"{ranked[allowed] * 1.001 + 1e-4:.4g}"))


def _confirmed(classifier: Classifier, table: Labelled, tier: Tier) -> NDArray[np.float64]:
    """Probabilities; nan where the tier's second stage would not confirm them."""
    probability = classifier.probability(table.statistics, tier)
    able = flags(table.statistics, np.ones(len(probability)), 0.0, tier)
    return np.where(able, probability, np.nan)


def score_tier(
    classifier: Classifier, tier: Tier, tables: Sequence[Labelled], controls: Sequence[Labelled]
) -> TierScore:
    """Returns how good a tier is: mean average precision, pooled precision and recall, alarms on controls."""
    threshold = classifier.threshold(tier)

    def judge(t: Labelled):
        probability = classifier.probability(t.statistics, tier)
        return probability, flags(t.statistics, probability, threshold, tier)

    scores = [t.score(*judge(t)) for t in tables]
    ap = [s.average_precision for s in scores if np.isfinite(s.average_precision)]
    flagged = [judge(t)[1] for t in tables]
    hits = sum(int((f & (t.label == 1)).sum()) for f, t in zip(flagged, tables, strict=True))
    flagged_in_all = sum(int((f & (t.label >= 0)).sum()) for f, t in zip(flagged, tables, strict=True))
    alarms = sum(int((judge(t)[1] & t.wrong).sum()) for t in controls)
    live = sum(int(t.truth.live.sum()) for t in controls)
    return TierScore(
        tier=tier,
        average_precision=float(np.mean(ap)) if ap else float("nan"),
        precision=hits / flagged_in_all if flagged_in_all else float("nan"),
        recall=hits / max(1, sum(t.positives for t in tables)),
        control_flags=1000 * alarms / max(1, live),
    )
