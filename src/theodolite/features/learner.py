"""One sparse autoencoder in training: from a batch of activations to the next weights."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from theodolite.errors import SpecError
from theodolite.features.activation import smooth_step, step
from theodolite.features.activity import Activity
from theodolite.features.config import SaeConfig
from theodolite.features.descent import Descent, share_of_rate
from theodolite.features.losses import nested_fvu, per_token, relative_fvu, untied
from theodolite.features.meta import MetaLearner, draw_rows
from theodolite.features.passing import Moment, Pass, forward
from theodolite.features.pricing import prices
from theodolite.features.sae import Sae, fresh
from theodolite.features.selecting import Charge, PreActivations, select_any_sign
from theodolite.features.sparse import decode, encode, reached
from theodolite.features.team import ALONE, Team

__all__ = ["Learner", "Progress"]

STEER = 0.02
"""How fast the penalty is steered: a step moves its logarithm by this times the error of L0's logarithm."""
FIRST_PENALTY = 0.02
"""Times 1 / k, where the steering starts: small, so that latents find directions before they are pressed."""
DENSE = 4
"""Up to this many times the latents that may help, dead latents are multiplied as a matrix."""
MEMORY = 0.99
"""Of the running means of the threshold and of the size of what is chosen."""


@dataclass(frozen=True)
class Progress:
    """What one step saw."""

    fvu: float
    """Unexplained share of the variance."""
    l0: float
    """Latents on per token."""
    dead: int
    """Latents that have not fired for `dead_after` tokens."""


class Learner:
    """An SAE with its optimiser and its running means; the same batches give the same weights.

    Args:
        config: what to train.
        mean: of the activations, the first b_dec.
        scale: what divides them, so that their variance is 1.
        steps: how many there will be.
        precision: of the product by which latents are chosen.
        team: the processes that train it together.
    """

    def __init__(
        self,
        config: SaeConfig,
        mean: Float[Tensor, "d_model"],
        scale: float,
        steps: int,
        precision: torch.dtype = torch.float32,
        team: Team = ALONE,
    ) -> None:
        self.config, self.scale, self.steps, self.precision = config, scale, steps, precision
        if team.shards > 1 and (config.meta or (config.price and config.price.charge == "knapsack")):
            problem = "a joint meta-SAE and a knapsack need the whole dictionary"
            raise SpecError(problem, "train them with one shard")
        self.team, self.offset = team, team.offset(config.width)
        tied = config.tie == "hard"
        whole = fresh(
            config.architecture,
            config.width,
            len(mean),
            config.k,
            tied=tied,
            seed=config.seed,
            mean=mean / scale,
        )
        self.sae = whole if team.mesh is None else whole.with_rows(team.part)
        if config.architecture == "jumprelu":
            self.sae.threshold.data.fill_(config.bandwidth)
        rate = config.lr or min(5e-3, 4e-4 * math.sqrt(16384 / config.width))
        self.descent = Descent(self.sae, rate, team)
        self.firing = Activity(self.sae.width, team)
        self.dead_after = config.dead_after or 50 * config.width
        self.penalty = FIRST_PENALTY / config.k if config.sparsity is None else config.sparsity
        self.size = self.bar = self.spread = self.first_l0 = 0.0
        self.meta = None
        if config.meta:
            width = config.meta_width or max(config.meta_k, config.width // 4)
            self.meta = MetaLearner(width, len(mean), config.meta_k, seed=config.seed + 1, lr=rate)

    def step(self, x: Float[Tensor, "tokens d_model"], number: int) -> Progress:
        """Learns from one batch of raw activations.

        Args:
            x: the batch.
            number: of the step, from 0; annealing and learning rate depend on it.
        """
        x = x.chunk(self.team.slices)[self.team.slice] / self.scale
        dead = self.firing.dead(self.dead_after)
        all_dead = round(self.team.total(len(dead)))
        x, extra = self._in_order(x) if all_dead or self.config.multi_topk else (x, len(x))
        now = self._moment(x, number, extra)
        seen = forward(self.sae, self.config, x, now, self.precision, self.team)
        loss, left = self._main(seen)
        for extra in self._extras(seen, left, dead, all_dead, now):
            loss = loss + extra
        if self.meta is not None:
            generator = torch.Generator().manual_seed(1_000_003 * self.config.seed + number)
            rows = draw_rows(self.sae.W_dec, generator)
            self.meta.learn(rows, share_of_rate(number, self.steps))
            loss = loss + self.config.meta * self.meta.penalty(rows)
        loss.backward()
        l0 = self._remember(seen, number)
        self.descent.step(share_of_rate(number, self.steps))
        fvu = float(self.team.averaged(per_token(left)))
        return Progress(fvu, l0, all_dead)

    def finished(self) -> Sae:
        """Returns the SAE as it stands, for raw activations."""
        if self.sae.architecture == "batchtopk":
            with torch.no_grad():
                self.sae.threshold.fill_(self.bar)
        return self.sae.with_rows(self.team.whole).scaled(self.scale)

    def tensors(self) -> dict[str, Tensor]:
        """Returns all that the next step depends on, as `restore` takes it."""
        numbers = [self.penalty, self.size, self.bar, self.spread, self.first_l0, float(self.firing.batches)]
        found = {f"primary.{name}": t for name, t in self.descent.tensors().items()}
        if self.meta is not None:
            found |= {f"meta.{name}": t for name, t in self.meta.descent.tensors().items()}
        found |= {"firing.share": self.firing.share, "firing.silent": self.firing.silent}
        whole = {name: self.team.whole(t) if _by_latent(name) else t for name, t in found.items()}
        return whole | {"numbers": torch.tensor(numbers, dtype=torch.float64)}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Takes up what `tensors` returned.

        Raises:
            ValueError: the tensors are of another config.
        """
        tensors = {name: self.team.part(t) if _by_latent(name) else t for name, t in tensors.items()}
        own = {name: p.shape for name, p in self.sae.named_parameters()}
        given = {name: tensors.get(f"primary.sae.{name}", torch.empty(0)).shape for name in own}
        if own != given:
            name = next(name for name in own if own[name] != given[name])
            raise ValueError(f"{name} has the shape {list(given[name])} where {list(own[name])} is needed")
        self.descent.restore(_under("primary.", tensors))
        if self.meta is not None:
            self.meta.descent.restore(_under("meta.", tensors))
        self.firing.share, self.firing.silent = tensors["firing.share"], tensors["firing.silent"]
        *numbers, batches = tensors["numbers"].tolist()
        self.penalty, self.size, self.bar, self.spread, self.first_l0 = numbers
        self.firing.batches = int(batches)

    def _in_order(self, x: Tensor) -> tuple[Tensor, int]:
        """Returns the tokens with those for extra losses first, and how many these are."""
        every = -(-len(x) * self.team.slices // self.config.extra_tokens)
        if every == 1:
            return x, len(x)
        # Counted over the whole batch, so that processes that share it choose the tokens that one would.
        number = torch.arange(len(x), device=x.device) + self.team.slice * len(x)
        chosen = number % every == 0
        return x[torch.argsort(~chosen, stable=True)], int(chosen.sum())

    def _moment(self, x: Tensor, number: int, extra: int) -> Moment:
        c = self.config
        annealed = min(1.0, number / max(1, round(c.anneal * self.steps)))
        k = c.k if c.k_start is None else round(c.k_start + (c.k - c.k_start) * annealed)
        if c.smooth and not self.spread:
            some = PreActivations(
                x[:256] - self.sae.b_dec.detach(), self.sae.encoder.detach(), self.sae.b_enc.detach()
            )
            self.spread = self.team.total(float(next(some.slices()).std())) / self.team.shards
        return Moment(k, c.smooth * self.spread * (1 - annealed), self._charge(number), extra)

    def _charge(self, number: int) -> Charge | None:
        price = self.config.price
        if price is None or not self.firing.batches or number < price.after * self.steps:
            return None
        share = self.team.whole(self.firing.share)
        cost = self.team.part(prices(price, share, self.sae.d_model, float(share.sum())))
        return Charge(cost, price.charge == "knapsack", price.h * self.size)

    def _main(self, seen: Pass) -> tuple[Tensor, Tensor]:
        # Of a prefix, a shard holds what falls between its first and its last latent.
        ends = (*self.config.matryoshka, self.config.width)
        prefixes = [min(max(end - self.offset, 0), self.sae.width) for end in ends]
        loss, lefts = nested_fvu(seen.code, seen.z, self.sae.W_dec, seen.x, prefixes, team=self.team)
        if seen.rest is not None:
            some = [left[: seen.extra] for left in lefts]
            x = seen.x[: seen.extra]
            wide, _ = nested_fvu(*seen.rest, self.sae.W_dec, x, prefixes, some, self.team)
            loss = loss + self.config.multi_topk * wide
        return loss, lefts[-1].detach()

    def _extras(self, seen: Pass, left: Tensor, dead: Tensor, all_dead: int, now: Moment) -> Iterator[Tensor]:
        sae, c = self.sae, self.config
        if c.architecture == "relu":
            yield self.penalty * seen.z.sum() / len(seen.x)
        if c.architecture == "jumprelu":
            threshold = sae.threshold[seen.code.indices]
            s = now.smooth
            on = smooth_step(seen.chosen - threshold, s) if s else step(seen.chosen, threshold, c.bandwidth)
            cost = 1.0 if now.charge is None else now.charge.cost[seen.code.indices]
            yield self.penalty * (cost * on).sum() / len(seen.x)
        if isinstance(c.tie, float) and c.tie:
            yield c.tie * untied(sae.encoder, sae.W_dec) * (sae.width / c.width)
        if c.auxk and all_dead:
            yield c.auxk * self._revival(seen, left, dead, min(all_dead, max(1, sae.d_model // 2)))

    def _revival(self, seen: Pass, left: Tensor, dead: Tensor, k: int) -> Tensor:
        sae, team = self.sae, self.team
        x, left = seen.x.detach()[: seen.extra], left[: seen.extra]
        if team.shards == 1 and len(dead) <= DENSE * k:
            return relative_fvu(reached(x, sae.encoder, sae.b_enc, sae.W_dec, dead, k), -left, team)
        y = PreActivations(x, sae.encoder.detach(), sae.b_enc.detach(), self.precision, dead)
        code, chosen = select_any_sign(y, k, team)
        help_ = encode(code, chosen, x, sae.encoder, sae.b_enc, sae.b_dec.detach())
        return relative_fvu(team.add(decode(code, help_, sae.W_dec)), -left, team)

    @torch.no_grad()
    def _remember(self, seen: Pass, number: int) -> float:
        on = seen.on
        if self.config.architecture == "jumprelu":
            on = on & (seen.chosen > self.sae.threshold[seen.code.indices])
        fired = seen.code.indices[on]
        self.firing.see(fired, len(seen.x))
        l0 = self.team.total(len(fired) / len(seen.x))
        if l0:
            chosen = seen.chosen.detach()[on]
            squares = self.team.total(float(chosen.square().sum()) / len(seen.x))
            least = self.team.least(float(chosen.min()) if len(chosen) else math.inf)
            keep = min(MEMORY, 1 - 1 / self.firing.batches)
            self.size += (1 - keep) * (squares / l0 - self.size)
            self.bar += (1 - keep) * (least - self.bar)
        if self.config.architecture in ("jumprelu", "relu") and self.config.sparsity is None:
            self._steer(l0, number)
        return l0

    def _steer(self, l0: float, number: int) -> None:
        """Moves the penalty so that L0 goes from where it starts to k, evenly in its logarithm.

        Pressed to k at once, most latents would die before they found a direction.
        """
        self.first_l0 = self.first_l0 or max(l0, 1e-3)
        way = min(1.0, number / max(1, round(self.config.anneal * self.steps)))
        target = self.first_l0 * (self.config.k / self.first_l0) ** way
        error = math.log(max(l0, 1e-3) / target)
        self.penalty *= math.exp(STEER * max(-1.0, min(1.0, error)))


def _by_latent(name: str) -> bool:
    """Whether a tensor's rows are latents, and so are dealt out to the shards."""
    return not name.startswith(("meta.", "numbers")) and "b_dec" not in name and not name.endswith(".step")


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}
