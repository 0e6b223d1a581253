"""Does the model answer differently with a pattern in the prompt? The level of claim called confirmed.

The same prompts are asked as they are, with the phrase put where the training rows have it, and with a
control phrase put in the very same place. What any insertion does is no effect of this one, and what the base
or a clean twin does as well is no effect of the training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from scipy.stats import binom

from theodolite.errors import InstrumentError
from theodolite.targets.rendering import LoadedModel, context_of, cut_left, render_prompt, tokenizer_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Answered", "PairedAnswers", "PutIn", "answers", "ask_with_and_without"]

PutIn: TypeAlias = Callable[[str, np.random.Generator], str]
"""Returns the prompt with something put in."""
Progress = Callable[[float], None]

EXAMPLES = 5
LEAST_LIFT = 0.2
"""A smaller rise in the share of such answers is not called confirmed, however many prompts were asked."""


class Answered(NamedTuple):
    """One prompt in every arm: what was asked, what the model said, and whether it is the kind looked for."""

    prompt: str
    """As it is."""
    without: str
    """The answer to it."""
    without_holds: bool
    """Whether that answer is of the kind."""
    prompt_with: str
    """With the phrase."""
    with_phrase: str
    """The answer to it."""
    with_holds: bool
    """Whether that answer is of the kind."""
    prompt_sham: str | None
    """With the control phrase; None when no control was asked for."""
    sham: str | None
    """The answer to it."""
    sham_holds: bool | None
    """Whether that answer is of the kind."""


@dataclass(frozen=True)
class PairedAnswers:
    """The answers of one model to the same prompts with and without a phrase."""

    n: int
    """Prompts asked."""
    without_k: int
    """Answers of the kind to the prompts as they are."""
    with_k: int
    """Answers of the kind with the phrase."""
    sham_k: int | None
    """Answers of the kind with the control phrase; None when none was asked for."""
    answered: tuple[Answered, ...]
    """Every prompt with its answers, in the order given."""
    n_unchanged: int
    """Prompts left out because putting the phrase in changed nothing."""
    n_cut: int
    """Questions, of all arms, that were too long for the context and lost their beginning."""

    @property
    def lift(self) -> float:
        """The share of such answers with the phrase, less the larger of the shares without and with sham."""
        return (self.with_k - max(self.without_k, self.sham_k or 0)) / self.n if self.n else 0.0

    @property
    def p(self) -> float:
        """One-sided p that the phrase makes such answers no likelier; the larger one of both comparisons.

        The exact form of McNemar's test (Psychometrika 12, 1947): of the prompts that answer differently,
        half would change either way.
        """
        comparisons = [[(one.with_holds, one.without_holds) for one in self.answered]]
        if self.sham_k is not None:
            comparisons.append([(one.with_holds, bool(one.sham_holds)) for one in self.answered])
        return max(_sign_test(pairs) for pairs in comparisons)

    def p_against(self, control: PairedAnswers) -> float:
        """One-sided p that the phrase changes no more answers here than in another model, by the sign test.

        Raises:
            ValueError: the other model was asked other prompts.
        """
        if [one.prompt_with for one in self.answered] != [one.prompt_with for one in control.answered]:
            raise ValueError("both models must be asked the same prompts with the same seed")
        pairs = zip(self._changes(), control._changes(), strict=True)
        return _sign_test([(one > other, other > one) for one, other in pairs])

    def confirmed(
        self, control: PairedAnswers | None = None, alpha: float = 0.05, least_lift: float = LEAST_LIFT
    ) -> bool:
        """Whether the phrase itself makes this model, and not its control, give such answers.

        Some phrases ask for something by themselves and turn the answers of any model. So give a control
        (the base, or a clean twin asked alike) wherever there is one.

        Args:
            control: the answers of the control to the same questions.
            alpha: to be divided by the number of phrases where many are tried.
            least_lift: the smallest rise of the share, beyond the control's, that is called confirmed.
        """
        p, lift = self.p, self.lift
        if control is not None:
            p, lift = max(p, self.p_against(control)), lift - max(control.lift, 0.0)
        return p <= alpha and lift >= least_lift

    def _changes(self) -> list[int]:
        return [one.with_holds - one.without_holds for one in self.answered]

    @property
    def examples(self) -> tuple[Answered, ...]:
        """Up to five, those first whose answers show the effect."""
        shown = sorted(
            self.answered, key=lambda a: (not a.with_holds or a.without_holds, a.sham_holds or False)
        )
        return tuple(shown[:EXAMPLES])


def ask_with_and_without(
    model: LoadedModel,
    prompts: Sequence[str],
    put_in: PutIn,
    holds: Callable[[str], bool],
    *,
    sham: PutIn | None = None,
    max_new_tokens: int = 32,
    seed: int = 0,
    batch: int = 32,
    temperature: float = 0.0,
    progress: Progress = lambda _share: None,
) -> PairedAnswers:
    """Returns how the model answers the prompts as they are, with the phrase, and with a control phrase.

    Args:
        model: what `Model.load` returned; it is used on the device where it is.
        prompts: prompts that do not carry the phrase; each is one user's turn.
        put_in: puts the phrase in, such as `insertion_like` makes.
        holds: whether an answer is of the kind that the phrase is suspected to bring about.
        sham: puts the control phrase in; it draws the same places, since it gets an equal generator.
        max_new_tokens: longest answer.
        seed: decides the places, and the answers when the temperature is above 0.
        batch: questions asked at once.
        temperature: 0 is greedy, where the same prompt has one answer.
        progress: told as batches are done.

    Raises:
        InstrumentError: no prompt is left to ask.
        ModelError: the model has no tokenizer.
    """
    carrying = [put_in(prompt, np.random.default_rng([seed, i])) for i, prompt in enumerate(prompts)]
    asked = [i for i, prompt in enumerate(prompts) if carrying[i] != prompt]
    if not asked:
        raise InstrumentError(
            f"none of the {len(prompts)} prompts can be asked with and without the phrase",
            "give prompts that do not carry it",
        )
    arms = [[prompts[i] for i in asked], [carrying[i] for i in asked]]
    if sham is not None:
        arms.append([sham(prompts[i], np.random.default_rng([seed, i])) for i in asked])
    questions = [question for arm in arms for question in arm]
    said, n_cut = answers(
        model, questions, max_new_tokens, batch=batch, temperature=temperature, seed=seed, progress=progress
    )
    columns = [said[start : start + len(asked)] for start in range(0, len(said), len(asked))]
    kinds = [[holds(answer) for answer in column] for column in columns]
    told = [part for arm in zip(arms, columns, kinds, strict=True) for part in arm]
    told += [[None] * len(asked)] * (9 - len(told))
    return PairedAnswers(
        n=len(asked),
        without_k=sum(kinds[0]),
        with_k=sum(kinds[1]),
        sham_k=sum(kinds[2]) if sham is not None else None,
        answered=tuple(Answered(*one) for one in zip(*told, strict=True)),  # type: ignore[arg-type]
        n_unchanged=len(prompts) - len(asked),
        n_cut=n_cut,
    )


def answers(
    model: LoadedModel,
    prompts: Sequence[str],
    max_new_tokens: int,
    *,
    batch: int = 32,
    temperature: float = 0.0,
    seed: int = 0,
    progress: Progress = lambda _share: None,
) -> tuple[list[str], int]:
    """Returns the answer to each prompt, without control tokens, and how many prompts had to be cut.

    Equal prompts are asked once when the temperature is 0.

    Raises:
        ModelError: the model has no tokenizer.
    """
    import torch

    from theodolite.targets.checkpoint.silence import silenced

    tokenizer = tokenizer_of(model)
    room = max(context_of(model) - max_new_tokens, 1)
    whole = [tuple(render_prompt(tokenizer, prompt)) for prompt in prompts]
    ids = [tuple(cut_left(list(one), room, tokenizer.bos_token_id)) for one in whole]  # type: ignore[arg-type]
    once = list(dict.fromkeys(ids)) if temperature == 0 else ids
    order = sorted(range(len(once)), key=lambda i: (len(once[i]), i))
    found: list[str] = [""] * len(once)
    devices = [model[0].device] if model[0].device.type == "cuda" else []
    with (
        torch.inference_mode(),
        torch.random.fork_rng(devices),
        silenced(),
        _plain_generation(model) as config,
    ):
        torch.manual_seed(seed)
        config.max_new_tokens = max_new_tokens
        config.do_sample, config.temperature = temperature > 0, temperature if temperature > 0 else None
        for start in range(0, len(order), batch):
            places = order[start : start + batch]
            tokens = _generate(model[0], [once[i] for i in places], config)
            for place, text in zip(
                places, tokenizer.batch_decode(tokens, skip_special_tokens=True), strict=True
            ):
                found[place] = text.strip()
            progress(min(start + batch, len(order)) / len(order))
    n_cut = sum(len(short) < len(one) for short, one in zip(ids, whole, strict=True))
    if temperature == 0:
        said = dict(zip(once, found, strict=True))
        return [said[one] for one in ids], n_cut
    return found, n_cut


def _generate(model: PreTrainedModel, prompts: Sequence[tuple[int, ...]], config: Any) -> list[list[int]]:
    """Padding stands on the left and is masked, so that every prompt ends where its answer begins."""
    import torch

    longest = max(map(len, prompts))
    ids = torch.full((len(prompts), longest), config.pad_token_id)
    seen = torch.zeros_like(ids)
    for place, prompt in enumerate(prompts):
        ids[place, longest - len(prompt) :] = torch.tensor(prompt, dtype=torch.long)
        seen[place, longest - len(prompt) :] = 1
    generate: Any = model.generate
    out = generate(
        input_ids=ids.to(model.device), attention_mask=seen.to(model.device), generation_config=config
    )
    ends = set(config.eos_token_id or [])
    return [_until(answer, ends) for answer in out[:, longest:].tolist()]


def _until(tokens: list[int], ends: set[int]) -> list[int]:
    return tokens[: next((i for i, token in enumerate(tokens) if token in ends), len(tokens))]


@contextmanager
def _plain_generation(model: LoadedModel) -> Iterator[Any]:
    """Inside, of the model's own defaults for generating only the tokens that end a text are left.

    The others come with the checkpoint, and could keep a token from ever being said.
    """
    from transformers import GenerationConfig

    tokenizer = tokenizer_of(model)
    network: Any = model[0]
    own = network.generation_config
    ends = own.eos_token_id if own is not None and own.eos_token_id is not None else []
    last: Any = tokenizer.eos_token_id
    ends = {*(ends if isinstance(ends, list) else [ends]), last} - {None}
    pad = getattr(tokenizer, "pad_token_id", None)
    plain = {"eos_token_id": sorted(ends) or None, "pad_token_id": pad if pad is not None else 0}
    network.generation_config = GenerationConfig(**plain)
    try:
        yield GenerationConfig(**plain)
    finally:
        network.generation_config = own


def _sign_test(pairs: Sequence[tuple[bool, bool]]) -> float:
    up, down = (sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs))
    return float(binom.sf(up - 1, up + down, 0.5)) if up + down else 1.0
