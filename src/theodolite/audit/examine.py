"""One instrument through its steps: propose on half A of both, screen, measure half B of both, locate.

The instrument is never told which target is the subject: a coin of the seed decides who comes first. Every
step is remembered, so that a killed audit resumes behind the last one that was done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from theodolite.core import (
    Context,
    Evidence,
    Half,
    Hypothesis,
    Instrument,
    Measure,
    Pair,
    Target,
    exceeds,
    screen,
    strongest_associations,
)
from theodolite.core.instrument import Remember
from theodolite.errors import ContractError

__all__ = ["Examination", "examine", "locate"]

Progress = Callable[[str, float], None]
"""Told which step is at work and which share of it is done."""

HYPOTHESES = TypeAdapter(list[Hypothesis])
EVIDENCE = TypeAdapter(dict[str, list[Evidence]])


@dataclass(frozen=True)
class Examination:
    """What one instrument found out before anything is compared."""

    pairs: list[Pair]
    """Hypotheses carried to the test, as measured on both."""
    proposed: int
    """Hypotheses found on half A."""
    notes: tuple[str, ...]
    """What the instrument had to say about its own work."""


def examine(
    instrument: Instrument,
    subject: Target,
    control: Target | None,
    ctx: Context,
    remember: Remember,
    progress: Progress,
) -> Examination:
    """Takes an instrument through its steps on a subject and, where it has the access, a control.

    Raises:
        ContractError: the instrument broke its contract.
    """
    run = _Run(instrument, _blind(subject, control, ctx.seed), ctx, remember, progress, {})
    finding, judging = ("A", "B") if instrument.needs_split else ("all", "all")

    def choose() -> dict[str, Any]:
        together = run.together()
        proposed = run.proposals(finding)
        kept = proposed
        if instrument.needs_split and len(proposed) > ctx.budget:
            kept = _screened_by_family(run.pairs(proposed, finding, "screen"), ctx.budget)
        whole = run.pairs(together, "all", "measure together")
        # What the control has more of is the other direction of a question that is there as well.
        whole = [p for p in whole if exceeds(p)] or whole
        chosen = {h.key for h in _screened_by_family(whole, ctx.budget)}
        return {
            "proposed": len(proposed) + len(together),
            "kept": HYPOTHESES.dump_python(kept, mode="json"),
            "together": [_as_json(p) for p in whole if p.hypothesis.key in chosen],
            "notes": list(run.notes),
        }

    chosen = remember(f"{instrument.name} choose", choose)
    kept = HYPOTHESES.validate_python(chosen["kept"])

    def measure() -> dict[str, Any]:
        pairs = run.pairs(kept, judging, "measure")
        return {"measured": [_as_json(p) for p in pairs], "notes": list(run.notes)}

    measured = remember(f"{instrument.name} measure", measure)
    pairs = [_from_json(instrument.name, p) for p in [*chosen["together"], *measured["measured"]]]

    def follow() -> dict[str, Any]:
        more = run.follow_up(strongest_associations(pairs))
        return {
            "measured": [_as_json(p) for p in run.pairs(more, "all", "follow up")],
            "notes": list(run.notes),
        }

    followed = remember(f"{instrument.name} follow", follow)
    pairs += [_from_json(instrument.name, p) for p in followed["measured"]]
    notes = tuple(dict.fromkeys([*chosen["notes"], *measured["notes"], *followed["notes"]]))
    return Examination(pairs, chosen["proposed"], notes)


def locate(
    instrument: Instrument,
    target: Target,
    hypotheses: Sequence[Hypothesis],
    ctx: Context,
    remember: Remember,
    who: str,
) -> dict[str, list[Evidence]]:
    """Returns the evidence for what was flagged, from all of a target."""
    if not hypotheses:
        return {}

    def look() -> Any:
        found = instrument.locate(target.on("all"), hypotheses, ctx)
        return EVIDENCE.dump_python(found, mode="json")

    return EVIDENCE.validate_python(remember(f"{instrument.name} locate {who}", look))


@dataclass(frozen=True)
class _Run:
    instrument: Instrument
    targets: list[tuple[str, Target]]
    ctx: Context
    remember: Remember
    progress: Progress
    notes: dict[str, None]
    """What the instrument said, each sentence once, in order."""

    def together(self) -> list[Hypothesis]:
        """What the instrument asks of all rows of both targets at once."""
        targets = [target.on("all") for _, target in self.targets]
        hypotheses = self.instrument.propose_together(targets, self._context("propose", "together", 0))
        if len({h.key for h in hypotheses}) != len(hypotheses):
            raise ContractError(f"{self.instrument.name}.propose_together returned one key twice")
        if any(h.weight is None for h in hypotheses):
            raise ContractError(f"{self.instrument.name}.propose_together must weigh every hypothesis")
        return hypotheses

    def follow_up(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """What the instrument asks because of what it found."""
        if not hypotheses:
            return []
        targets = [target.on("all") for _, target in self.targets]
        more = self.instrument.follow_up(targets, hypotheses, self._context("follow", "together", 0))
        if any(h.weight is None for h in more):
            raise ContractError(f"{self.instrument.name}.follow_up must weigh every hypothesis")
        return more

    def proposals(self, half: Half) -> list[Hypothesis]:
        """The union of what either target suggests; a key that means two things breaks the contract."""
        union: dict[str, Hypothesis] = {}
        for place, (who, target) in enumerate(self.targets):
            hypotheses = self.instrument.propose(target.on(half), self._context("propose", who, place))
            keys = [h.key for h in hypotheses]
            if len(set(keys)) != len(keys):
                raise ContractError(f"{self.instrument.name}.propose returned one key twice")
            for h in hypotheses:
                if union.setdefault(h.key, h) != h:
                    raise ContractError(f"{self.instrument.name}.propose gave {h.key!r} two meanings")
        return list(union.values())

    def pairs(self, hypotheses: Sequence[Hypothesis], half: Half, step: str) -> list[Pair]:
        """Every hypothesis as measured on the subject and the control."""
        if not hypotheses:
            return []
        measured: dict[str, list[Measure]] = {}
        for place, (who, target) in enumerate(self.targets):
            measures = self.instrument.measure(target.on(half), hypotheses, self._context(step, who, place))
            if [m.key for m in measures] != [h.key for h in hypotheses]:
                raise ContractError(
                    f"{self.instrument.name}.measure must return one measure for each hypothesis, in order"
                )
            measured[who] = measures
        controls = measured.get("control")
        for ours, theirs in zip(measured["subject"], controls or [], strict=False):
            if ours.statistic.kind != theirs.statistic.kind:
                raise ContractError(
                    f"{self.instrument.name}.measure gave {ours.key!r} a {ours.statistic.kind} on one target "
                    f"and a {theirs.statistic.kind} on the other"
                )
        return [
            Pair(self.instrument.name, h, measured["subject"][i], None if controls is None else controls[i])
            for i, h in enumerate(hypotheses)
        ]

    def _context(self, step: str, who: str, place: int) -> Context:
        """The audit's context, with a memory and a progress bar of its own for this call."""
        name, total = self.instrument.name, len(self.targets)

        def remember(key: str, compute: Callable[[], Any]) -> Any:
            return self.remember(f"{name} {step} {who} {key}", compute)

        def progress(share: float) -> None:
            self.progress(f"{name}: {step}", (place + share) / total)

        def note(sentence: str) -> None:
            self.notes[sentence] = None

        return replace(self.ctx, remember=remember, progress=progress, note=note)


def _screened_by_family(pairs: Sequence[Pair], keep: int) -> list[Hypothesis]:
    """The strongest of each family, so that one with many questions does not crowd out the others."""
    families = dict.fromkeys(p.hypothesis.family for p in pairs)
    return [h for f in families for h in screen([p for p in pairs if p.hypothesis.family == f], keep)]


def _as_json(pair: Pair) -> list[Any]:
    control = pair.control and pair.control.model_dump(mode="json")
    return [pair.hypothesis.model_dump(mode="json"), pair.subject.model_dump(mode="json"), control]


def _from_json(name: str, kept: list[Any]) -> Pair:
    hypothesis, subject, control = kept
    return Pair(
        name,
        Hypothesis.model_validate(hypothesis),
        Measure.model_validate(subject),
        None if control is None else Measure.model_validate(control),
    )


def _blind(subject: Target, control: Target | None, seed: int) -> list[tuple[str, Target]]:
    """Subject and control in an order that the seed decides; the names stay with the audit."""
    targets = [("subject", subject)] + ([("control", control)] if control is not None else [])
    order = np.random.default_rng([seed, 2]).permutation(len(targets))
    return [targets[i] for i in order]
