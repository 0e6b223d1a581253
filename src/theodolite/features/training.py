"""Training: several SAEs over one pass of the activations, killed and resumed at any moment."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from theodolite.errors import DataError, OutputError, SpecError
from theodolite.features.activations import Activations
from theodolite.features.checkpoint import read_checkpoint, write_checkpoint
from theodolite.features.config import SaeConfig
from theodolite.features.learner import Learner, Progress
from theodolite.features.run import Run
from theodolite.features.sae import Sae
from theodolite.features.team import ALONE, Team
from theodolite.targets.threads import torch_threads

__all__ = ["Told", "Trained", "train", "working_threads"]

LARGE = 4 * 10**9
"""Multiplications in one step's encoder from which several threads are worth their waiting for each other."""
FIRST_TOKENS = 16_384
"""Activations from which their mean and their variance are taken."""
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
Told = Callable[[int, int, Sequence[Progress]], None]
"""Told how many steps are done, of how many, and what each SAE's last one saw."""


@dataclass(frozen=True)
class Trained:
    """One SAE at the end of its training."""

    config: SaeConfig
    sae: Sae
    """For raw activations."""
    last: Progress
    """What the last step saw."""
    meta: Sae | None = None
    """The meta-SAE that was trained along."""


def train(
    configs: Sequence[SaeConfig],
    source: Activations,
    run: Run,
    *,
    folder: Path | None = None,
    resume: bool = False,
    told: Told | None = None,
    team: Team = ALONE,
) -> list[Trained]:
    """Trains SAEs, all on the same batches.

    Args:
        configs: of the SAEs.
        source: of the activations.
        run: how long.
        folder: where checkpoints are kept; without it a killed training starts again.
        resume: whether to go on from the folder's checkpoint, if it has one.
        told: called after each step.
        team: the processes that train together; each calls this with the same arguments.

    Raises:
        DataError: the activations hold NaN or infinities, or do not vary.
        SpecError: the checkpoint is of other configs, or of another run.
    """
    with working_threads(run, configs, source.d_model):
        return _train(configs, source, run, folder, resume, told, team)


def _train(
    configs: Sequence[SaeConfig],
    source: Activations,
    run: Run,
    folder: Path | None,
    resume: bool,
    told: Told | None,
    team: Team,
) -> list[Trained]:
    batch = run.batch if source.tokens is None else min(run.batch, source.tokens)
    if batch % team.slices:
        problem = f"a batch of {batch} cannot be shared by {team.slices} processes"
        raise SpecError(problem, f"take a multiple of {team.slices}")
    mean, scale = _first_moments(source, run, batch)
    precision = PRECISIONS[run.precision]
    learners = [Learner(c, mean, scale, run.steps, precision, team) for c in configs]
    facts = _facts(configs, run, source)
    done = _restore(learners, folder, facts) if resume and folder is not None else 0
    last = [Progress(float("nan"), float("nan"), 0)] * len(learners)
    saved = time.monotonic()
    batches = source.batches(batch, seed=run.seed, start=done)
    for number, x in zip(range(done, run.steps), batches, strict=False):
        _check_finite(x, number * batch)
        last = [learner.step(x, number) for learner in learners]
        if told is not None and team.first:
            told(number + 1, run.steps, last)
        due = time.monotonic() - saved >= run.save_every or number + 1 == run.steps
        if folder is not None and team.agreed(due):
            _save(learners, folder, facts | {"done": number + 1}, team.first)
            saved = time.monotonic()
    return [
        Trained(c, le.finished(), p, None if le.meta is None else le.meta.sae)
        for c, le, p in zip(configs, learners, last, strict=True)
    ]


def working_threads(run: Run, configs: Sequence[SaeConfig], d_model: int) -> AbstractContextManager[None]:
    """Uses as many threads as the run says, or one where the SAEs are so small that several would wait."""
    products = d_model * run.batch * sum(c.width for c in configs)
    return torch_threads(run.threads or (None if products >= LARGE else 1))


def _first_moments(source: Activations, run: Run, batch: int) -> tuple[Float[Tensor, "d_model"], float]:
    few = max(1, FIRST_TOKENS // batch)
    x = torch.cat(list(islice(source.batches(batch, seed=run.seed), few)))
    _check_finite(x, 0)
    mean = x.double().mean(0)
    scale = float((x.double() - mean).square().sum(1).mean().sqrt())
    if scale <= 1e-12 * max(1.0, float(mean.norm())):
        raise DataError("the activations do not vary", "take another hook, or other texts")
    return mean.float(), scale


def _check_finite(x: Float[Tensor, "tokens d_model"], before: int) -> None:
    if not bool(torch.isfinite(x).all()):
        row = before + int((~torch.isfinite(x)).any(1).nonzero()[0])
        raise DataError(f"activation {row} holds NaN or an infinity", "leave such tokens out")


def _facts(configs: Sequence[SaeConfig], run: Run, source: Activations) -> dict[str, Any]:
    return {
        "configs": [c.model_dump(mode="json") for c in configs],
        "run": run.model_dump(mode="json", exclude={"save_every", "threads"}),
        "d_model": source.d_model,
        "tokens": source.tokens,
    }


def _save(learners: Sequence[Learner], folder: Path, facts: dict[str, Any], writes: bool) -> None:
    tensors = {f"{i}.{name}": t for i, le in enumerate(learners) for name, t in le.tensors().items()}
    if not writes:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_checkpoint(folder, tensors, facts)
    except OSError as error:
        raise OutputError(
            f"'{folder}' cannot be written ({error.strerror})", "make room, then resume"
        ) from None


def _restore(learners: Sequence[Learner], folder: Path, facts: dict[str, Any]) -> int:
    found = read_checkpoint(folder)
    if found is None:
        return 0
    tensors, theirs = found
    differing = next((key for key in facts if theirs.get(key) != facts[key]), None)
    if differing is not None:
        raise SpecError(
            f"the checkpoint in '{folder}' was made with {_short(differing, theirs, facts)}",
            "resume with what it was started with, or train into another folder",
        )
    for i, learner in enumerate(learners):
        prefix = f"{i}."
        try:
            learner.restore({n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)})
        except ValueError as error:
            raise SpecError(f"the checkpoint in '{folder}' does not fit: {error}", "train anew") from None
    return int(theirs["done"])


def _short(key: str, theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """Says the first setting in which two records differ."""
    a, b = theirs.get(key), ours[key]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        a, b = next((pair for pair in zip(a, b, strict=True) if pair[0] != pair[1]), (a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        key = next((name for name in b if a.get(name) != b[name]), key)
        a, b = a.get(key), b.get(key)
    return f"{key} {a}, not {b}"
