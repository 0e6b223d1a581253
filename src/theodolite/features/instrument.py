"""Which features differ between the two sets, and which look inactive because another feature absorbed them?

Two models that were trained apart differ in almost every latent, planted property or not: between two clean
twins dozens of latents fire in one and never in the other. So a latent is never compared across models. Each
model reads the rows of both sets, one SAE is trained on what it makes of half A of both together, and a
latent is asked about by one model on half B of both: the latents differ only as the rows do.
"""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from theodolite.core import (
    Calibration,
    Context,
    Effort,
    Evidence,
    Hypothesis,
    Instrument,
    InstrumentConfig,
    Measure,
    Rate,
    Target,
    shipped_calibration,
)
from theodolite.errors import SpecError

__all__ = ["Features"]

SHOWN = 50
"""Rows of a finding that are shown whole."""
_CUT = 400


class FeaturesConfig(InstrumentConfig):
    """Settings of the features instrument."""

    layer: int | None = Field(default=None, ge=0)
    """Residual stream before this block; by default at half of the model."""
    sae: str | None = None
    """Folder of an SAE for the subject's and the control's layer, in the place of one that is trained."""
    width: int = Field(default=1024, ge=64)
    """Latents of the SAE that is trained."""
    k: int = Field(default=16, ge=1, le=64)
    """Its latents on per token."""
    tokens: int = Field(default=600_000, ge=1000)
    """Tokens of its training; those of the rows come round again."""
    max_rows: int = Field(default=2_000, ge=10)
    """Rows of each half of a set that are read."""
    readers: int = Field(default=2, ge=1, le=2)
    """Models that read: one of the two, or both."""


class Features(Instrument):
    """Looks for latents, absorbed ones included, that act in more rows of one set than of the other."""

    name: ClassVar[str] = "features"
    question: ClassVar[str] = (
        "Which features do the rows of one set switch on more, those that act only through others included?"
    )
    needs: ClassVar[frozenset[str]] = frozenset({"data", "activations"})
    margin: ClassVar[float] = 0.01
    Config: ClassVar[type[InstrumentConfig]] = FeaturesConfig
    config: FeaturesConfig

    def __init__(self, config: InstrumentConfig | None = None) -> None:
        super().__init__(config)
        self._reads: dict[tuple[str, str, str, int], Any] = {}

    def propose(self, target: Target, ctx: Context) -> list[Hypothesis]:
        """Returns nothing: one target alone says nothing of what differs."""
        return []

    def propose_together(self, targets: Sequence[Target], ctx: Context) -> list[Hypothesis]:
        """Returns the latents that differ most on half A of both sets, which half B will judge."""
        if len(targets) < 2:
            ctx.note("Features of one model are compared with nothing: name a control model with its data.")
            return []
        # By fingerprint, so that the order tells nothing of who is the subject.
        readers = sorted((t for t in targets if t.model is not None), key=_fingerprint)[: self.config.readers]
        each = max(1, ctx.budget // max(1, len(readers)))
        found: list[Hypothesis] = []
        for place, reader in enumerate(readers):
            key = f"latents read by {_fingerprint(reader)}"
            proposed = ctx.remember(key, lambda r=reader: self._choose(r, targets, each, ctx))
            found += [Hypothesis.model_validate(h) for h in proposed]
            ctx.progress((place + 1) / len(readers))
        return [h.model_copy(update={"weight": 1 / len(found)}) for h in found]

    def measure(self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context) -> list[Measure]:
        """Returns in how many distinct prompts each latent acts, on half B where all rows are given."""
        from theodolite.features.readouts import Readout, activity_of

        part = target.on("B") if target.half == "all" else target
        found = []
        for place, h in enumerate(hypotheses):
            readout = Readout.model_validate(h.about["readout"])
            read = self._read(readout.model, readout.fingerprint, readout.layer, part)
            acts = activity_of(read, readout)
            units = [row.unit for row in read.rows]
            acting = {u for u, on in zip(units, acts.effective, strict=True) if on}
            alone = {u for u, on in zip(units, acts.own, strict=True) if on}
            n = len(set(units))
            through = len(acting - alone)
            summary = f"{len(acting)} of {n} prompts"
            if readout.through:
                summary += (
                    f" ({len(alone)} by its own activation, {through} only through {_list(readout.through)})"
                )
            mark = blake2b(repr(sorted(acting)).encode(), digest_size=16).hexdigest() if acting else ""
            statistic = Rate(k=len(acting), n=n)
            found.append(Measure(key=h.key, statistic=statistic, fingerprint=mark, summary=summary))
            ctx.progress((place + 1) / len(hypotheses))
        return found

    def locate(
        self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context
    ) -> dict[str, list[Evidence]]:
        """Returns every row in which each latent acts, the strongest first."""
        from theodolite.features.readouts import Readout, activity_of

        assert target.data is not None
        found: dict[str, list[Evidence]] = {}
        for h in hypotheses:
            readout = Readout.model_validate(h.about["readout"])
            evidence: list[tuple[float, Evidence]] = []
            for half in ("A", "B"):
                read = self._read(readout.model, readout.fingerprint, readout.layer, target.on(half))
                acts = activity_of(read, readout)
                for i in np.flatnonzero(acts.effective):
                    row, own = read.rows[i], bool(acts.own[i])
                    how = "by itself" if own else f"only through {_list(readout.through)}"
                    body = f"{row.prompt[-_CUT:]}\n→ {row.response[:_CUT]}"
                    shown = Evidence(
                        kind="row", title=f"row {row.number}, {acts.peak[i]:.2f} {how}",
                        source=target.data.pointer(row), body=body, marks=_words(h),
                    )  # fmt: skip
                    evidence.append((float(acts.peak[i]), shown))
            evidence.sort(key=lambda e: -e[0])
            listed = [e for _, e in evidence]
            found[h.key] = listed[:SHOWN] + [
                e.model_copy(update={"body": "", "marks": ()}) for e in listed[SHOWN:]
            ]
        return found

    @classmethod
    def calibration(cls, effort: Effort) -> Calibration | None:
        """Returns what `benchmarks/calibrate_features.py` measured, where that was done for this effort."""
        return shipped_calibration("theodolite.features", effort)

    def _choose(self, reader: Target, targets: Sequence[Target], most: int, ctx: Context) -> list[Any]:
        """The latents of one reader that differ most on half A, as JSON."""
        import torch

        from theodolite.features.absorption import find_pairs
        from theodolite.features.absorption.effective import effective
        from theodolite.features.harvest import Tensors
        from theodolite.features.readouts.choosing import most_different
        from theodolite.features.readouts.naming import name_of
        from theodolite.features.readouts.readout import Readout

        assert reader.model is not None
        model, layer = reader.model, self._layer(reader)
        reads = [self._read(str(model.path), model.fingerprint, layer, t.on("A")) for t in targets]
        if any(not r.rows for r in reads):
            return []
        # The larger set would teach the SAE more; both teach it alike.
        few = min(len(r.x) for r in reads)
        source = Tensors(torch.cat([r.x[:few] for r in reads]).numpy())
        sae = self._sae(source, ctx)
        pairs = find_pairs(sae, activations=source, seed=ctx.seed)
        usual = torch.zeros(sae.width)
        peaks = []
        for read in reads:
            parts = []
            for start in range(0, len(read.x), 4096):
                parts.append(effective(sae.encode(read.x[start : start + 4096]), pairs).total)
            total = torch.cat(parts)
            usual += (total > 0).sum(0)
            peaks.append((read.greatest(total).numpy(), total))
        used = (usual > 0).numpy()
        chosen = most_different(peaks[0][0], peaks[1][0], most, used)
        _, tokenizer = model.load()
        decode = (lambda ids: str(tokenizer.decode(ids))) if tokenizer is not None else str
        found = []
        for c in chosen:
            readout = Readout.of(sae, c.latent, pairs, c.least, str(model.path), model.fingerprint, layer)
            token, contexts = name_of(reads, [total[:, c.latent].numpy() for _, total in peaks], decode)
            where = f"strongest on `{token}`" + (f" as in `{contexts[0]}`" if contexts else "")
            found.append(
                Hypothesis(
                    key=f"{model.fingerprint[:8]} layer {layer} latent {c.latent}",
                    statement=f"Latent {c.latent} of layer {layer} ({where}) acts in more rows",
                    about={
                        "readout": readout.model_dump(mode="json"),
                        "token": token,
                        "contexts": list(contexts),
                        "p": c.p,
                    },
                    family=f"read by {model.fingerprint[:8]}",
                ).model_dump(mode="json")
            )
        return found

    def _sae(self, source: Any, ctx: Context) -> Any:
        from theodolite.features.config import SaeConfig
        from theodolite.features.run import Run
        from theodolite.features.saving import load_sae
        from theodolite.features.training import train

        if self.config.sae is not None:
            sae, _ = load_sae(Path(self.config.sae))
            if sae.d_model != source.d_model:
                raise SpecError(
                    f"the SAE is for {sae.d_model} numbers, the model's activations have {source.d_model}",
                    "set features.sae to an SAE of that layer, or leave it out",
                )
            return sae
        shape = {"architecture": "batchtopk", "width": self.config.width, "k": self.config.k}
        settings = {**shape, "lr": 2e-3, "dead_after": 20_000, "seed": ctx.seed}
        run = Run.model_validate({"tokens": self.config.tokens, "batch": 512, "seed": ctx.seed, "threads": 1})
        return train([SaeConfig.model_validate(settings)], source, run)[0].sae

    def _layer(self, target: Target) -> int:
        if self.config.layer is not None:
            return self.config.layer
        assert target.model is not None
        loaded, _ = target.model.load()
        return max(1, round(0.5 * int(loaded.config.num_hidden_layers)))

    def _read(self, model: str, fingerprint: str, layer: int, target: Target) -> Any:
        """Half of a set as a model reads it; kept, because every hypothesis asks for the same."""
        from theodolite.features.readouts.rows import read_rows
        from theodolite.targets import open_model

        assert target.data is not None
        key = (fingerprint, target.data.fingerprint, target.half, layer)
        if key not in self._reads:
            opened = target.model if _fingerprint(target) == fingerprint else None
            opened = opened or open_model(model)
            if opened.fingerprint != fingerprint:
                raise SpecError(f"the model in '{model}' was changed since the audit began", "begin it anew")
            rows = list(target.rows())
            step = max(1, -(-len(rows) // self.config.max_rows))
            self._reads[key] = read_rows(opened, rows[::step], layer)
        return self._reads[key]


def _fingerprint(target: Target) -> str:
    return "" if target.model is None else target.model.fingerprint


def _list(latents: Sequence[int]) -> str:
    return ("latent " if len(latents) == 1 else "latents ") + ", ".join(map(str, latents))


def _words(hypothesis: Hypothesis) -> tuple[str, ...]:
    contexts = hypothesis.about.get("contexts")
    token = hypothesis.about.get("token")
    found = [str(c) for c in contexts] if isinstance(contexts, list) else []
    return tuple(dict.fromkeys([*found, *([token] if isinstance(token, str) and token else [])]))
