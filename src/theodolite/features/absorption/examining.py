"""An SAE in a folder, looked at with all the evidence there is."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.errors import SpecError
from theodolite.features.absorption.calibrating import Calibrated, Like, calibrate
from theodolite.features.absorption.classifier import shipped
from theodolite.features.absorption.columns import TIERS
from theodolite.features.absorption.effective_rates import EffectiveRates, effective_rates
from theodolite.features.absorption.l0_check import L0Curve, l0_curve
from theodolite.features.absorption.latents import LatentFigures, latent_figures
from theodolite.features.absorption.rates import firings_needed
from theodolite.features.absorption.search import find_pairs, rates_over
from theodolite.features.absorption.table import Pairs
from theodolite.features.activations import Activations
from theodolite.features.config import SaeConfig
from theodolite.features.saving import load_sae, load_training

__all__ = ["Examined", "examine_sae"]

Told = Callable[[str, float], None]
_BATCH = 2048
TIED = 0.01
"""Mean of 1 - cos(encoder, decoder) below which the evidence in the weights is gone."""
_LATENTS = 100


@dataclass(frozen=True, eq=False)
class Examined:
    """What was found."""

    name: str
    """The folder."""
    width: int
    d_model: int
    tier: str
    """The best evidence there was."""
    pairs: Pairs
    latents: LatentFigures
    rates: EffectiveRates | None
    """How often latents act; None without activations."""
    calibrated: Calibrated | None
    """If the classifier was fitted anew."""
    curve: L0Curve | None
    """If k was checked."""
    remarks: tuple[str, ...]
    """What a reader must know."""

    def as_json(self) -> dict[str, Any]:
        """Returns flagged pairs, figures of the most hidden latents and all remarks, as JSON values."""
        flagged = self.pairs.where(self.pairs.flagged)
        return {
            "sae": self.name,
            "width": self.width,
            "d_model": self.d_model,
            "tier": self.tier,
            "pairs": len(self.pairs),
            "flagged": [_plain(vars(flagged[i])) for i in range(len(flagged))],
            "latents": [self._latent(i) for i in np.argsort(-self.latents.carried)[:_LATENTS].tolist()],
            "calibration": None if self.calibrated is None else self.calibrated.model_dump(mode="json"),
            "l0_curve": None if self.curve is None else self.curve.model_dump(mode="json"),
            "remarks": list(self.remarks),
        }

    def _latent(self, i: int) -> dict[str, Any]:
        figures = {name: getattr(self.latents, name)[i].item() for name in vars(self.latents)}
        if self.rates is not None:
            figures |= {"own_rate": float(self.rates.own[i]), "effective_rate": float(self.rates.total[i])}
        return _plain({"latent": i, **figures})


def examine_sae(
    folder: Path,
    activations: Activations | None = None,
    *,
    tokens: int = 20_000,
    seed: int = 0,
    refit: bool = False,
    check_l0: bool = False,
    told: Told = lambda _step, _share: None,
) -> Examined:
    """Returns what an SAE hides, by activations, by firing rates beside it, or by its weights alone.

    Args:
        folder: of an SAE in any known format.
        activations: that it is for.
        tokens: how many are looked at.
        seed: of their order.
        refit: whether the classifier is fitted on worlds like the SAE.
        check_l0: whether SAEs of other k are trained on the activations.
        told: told which step is at work, and its share that is done.

    Raises:
        ModelError: the folder holds no SAE.
        SpecError: the activations are of another size, or there are none to check L0 on.
    """
    sae, weights = load_sae(folder)
    if activations is not None and activations.d_model != sae.d_model:
        raise SpecError(
            f"the activations have {activations.d_model} numbers, the SAE is for {sae.d_model}",
            "name the model and the layer that it was trained on",
        )
    if check_l0 and activations is None:
        raise SpecError(
            "there is nothing to train SAEs of other k on", "name MODEL and --data with --check-l0"
        )
    kept = load_training(folder)
    rates = kept[1] if kept is not None and activations is None else None
    if activations is not None:
        rates = rates_over(sae, activations, tokens, seed)
    l0 = float(rates.share.sum()) if rates is not None else float(weights.l0 or weights.k or 32)
    calibrated = None
    if refit:
        like = Like(architecture=sae.architecture, d_model=sae.d_model, width=sae.width, l0=l0)
        calibrated = calibrate(like, seed=seed, told=lambda step: told(f"calibrating: {step}", 0.0))
    classifier = shipped() if calibrated is None else calibrated.classifier
    pairs = find_pairs(
        sae, rates=rates, activations=activations, tokens=tokens, seed=seed,
        classifier=classifier, progress=lambda share: told("looking at pairs", share),
    )  # fmt: skip
    acting = None
    if activations is not None and rates is not None:
        batches = activations.batches(min(_BATCH, activations.tokens or _BATCH), seed=seed + 2)
        some = islice(batches, max(1, min(tokens, activations.tokens or tokens) // _BATCH))
        acting = effective_rates(sae, pairs, rates.mean_activation, some)
    curve = None
    if check_l0 and activations is not None:
        config = SaeConfig.model_validate(
            {"architecture": "batchtopk", "width": min(sae.width, 1024), "k": max(1, round(l0))}
        )
        curve = l0_curve(activations, config, seed=seed, told=lambda share: told("checking L0", share))
    latents = latent_figures(sae, pairs, rates)
    tier = "tokens" if activations is not None else "rates" if rates is not None else "weights"
    return Examined(
        name=str(folder), width=sae.width, d_model=sae.d_model, tier=tier, pairs=pairs,
        latents=latents, rates=acting, calibrated=calibrated, curve=curve,
        remarks=tuple(_remarks(latents, rates, calibrated, curve, l0, tier)),
    )  # fmt: skip


def _remarks(
    latents: LatentFigures,
    rates: Any,
    calibrated: Calibrated | None,
    curve: L0Curve | None,
    l0: float,
    tier: str,
) -> list[str]:
    found = []
    if float(np.mean(latents.untied)) < TIED:
        found.append(
            f"encoder and decoder are all but tied (mean 1 - cos {np.mean(latents.untied):.4f}): pairs "
            "that are absorbed nevertheless cannot be seen in the weights"
        )
    if tier == "weights":
        found.append("weights alone cannot tell absorption from two similar features that exclude each other")
    if rates is not None:
        least = firings_needed(rates.tokens)
        rare = int((rates.fired < least).sum())
        if rare > len(latents.untied) / 10:
            found.append(
                f"{rare:,} latents fired fewer than {math.ceil(least):,} times: their pairs are judged by "
                "weights alone"
            )
    if curve is not None and (warning := curve.warning(l0)) is not None:
        found.append(warning)
    if calibrated is None:
        found.append(
            "calibrated on synthetic worlds of the package, not on worlds like this SAE: --calibrate"
        )
        return found
    for score in sorted(calibrated.scores, key=lambda s: TIERS.index(s.tier)):
        found.append(
            f"{score.tier}: on held-out worlds average precision {score.average_precision:.2f}, precision "
            f"{score.precision:.2f} at recall {score.recall:.2f}; without hierarchy "
            f"{score.control_flags:.1f} wrong flags per 1,000 live latents"
        )
    return found + list(calibrated.remarks)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no nan."""
    return {
        k: _plain(v) if isinstance(v, dict) else None if isinstance(v, float) and not math.isfinite(v) else v
        for k, v in values.items()
    }
