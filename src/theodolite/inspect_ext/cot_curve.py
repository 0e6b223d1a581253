"""The task `theodolite/cot_curve`: own chains given back in parts and changed, read forced at every boundary.

    inspect eval theodolite/cot_curve --model vllm/MODEL -T items=questions.jsonl
    theodolite reasoning curve --from logs/

Every sample is one item. Its score says whether the model's own answer is right; the read-outs stand in the
score's metadata, where `theodolite reasoning curve` finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, get_model
from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER, Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import collect

from theodolite.errors import SpecError
from theodolite.inspect_ext.refusing import at_least, plainly
from theodolite.reasoning.answers import same_answer
from theodolite.reasoning.build import build_arms
from theodolite.reasoning.chain import Item, cut_chain
from theodolite.reasoning.chunks import Unit
from theodolite.reasoning.conclusions import conclusions
from theodolite.reasoning.endpoint import Ask, config_of, messages_of
from theodolite.reasoning.grading import Grader
from theodolite.reasoning.inspect_log import READOUTS_KEY
from theodolite.reasoning.items_file import read_items
from theodolite.reasoning.plan import Design, ItemPlan, plan_items
from theodolite.reasoning.reader import Forced
from theodolite.reasoning.readout import Given, ReadOut
from theodolite.reasoning.style import QUOTED_ASK, Style, quote, read_answer, recognise_style
from theodolite.targets import Turn
from theodolite.targets.runner import check_prefill

__all__ = ["cot_curve"]

ARMS = ("own", "none", "reflowed", "corrupt", "shuffled", "filler")
"""Arms that one item can have by itself."""
_ANSWER_TOKENS = 16
_TEST_TOKENS = 128


@task
@plainly
def cot_curve(
    items: str,
    arms: str = "own,corrupt,shuffled",
    chunks: int = 10,
    unit: str = "sentence",
    max_tokens: int = 1024,
    seed: int = 0,
) -> Task:
    """Returns the task.

    Args:
        items: a file of questions, JSON Lines with `id`, `question` and `gold`.
        arms: among own, none, reflowed, corrupt, shuffled and filler, with commas between them.
        chunks: of each chain.
        unit: what a chunk never cuts apart: sentence, line or step.
        max_tokens: longest chain.
        seed: of shuffling and corruption.

    Raises:
        DataError: the items cannot be read.
        SpecError: an arm is not known or needs other items, or a value is out of range.
    """
    at_least(chunks=(chunks, 1), max_tokens=(max_tokens, 1))
    if unit not in get_args(Unit):
        raise SpecError(f"there is no unit {unit!r}", f"choose from {', '.join(get_args(Unit))}")
    names = tuple(name.strip() for name in arms.split(",") if name.strip())
    if not names:
        raise SpecError("no arm is named", f"choose from {', '.join(ARMS)}")
    for name in names:
        if name not in ARMS:
            raise SpecError(f"the task has no arm {name!r}", f"choose from {', '.join(ARMS)}")
    asked = read_items(Path(items))
    samples = [
        Sample(
            id=item.id,
            input=item.question,
            target=item.gold,
            metadata={"item": item.model_dump(mode="json"), "family": item.family},
        )
        for item in asked
    ]
    return Task(
        dataset=MemoryDataset(samples),
        solver=_read_curve(asked, names, chunks, unit, max_tokens, seed),
        scorer=_curve_scorer(),
    )


@solver
def _read_curve(
    items: Sequence[Item], arms: tuple[str, ...], chunks: int, unit: Any, max_tokens: int, seed: int
) -> Solver:
    """Samples the chain, tests the prefill once, and reads every prefix."""
    tested: dict[str, Given] = {}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        item = Item.model_validate(state.metadata["item"])
        state = await generate(state, max_tokens=max_tokens)
        written = state.output.completion
        style = recognise_style([written], [item])
        if style is None:
            state.metadata["not_measured"] = "no chain of thought with an answer behind it"
            return state
        name = str(get_model())
        if name not in tested:
            tested[name] = await _test_prefill(items)
        plan = _plan(item, written, style, arms, chunks, unit, seed)
        lines = await _read(plan, style, tested[name]) if plan is not None else []
        if plan is None:
            state.metadata["not_measured"] = "nothing stands before the first mention of its answer"
        state.metadata["cot_answer"] = _answer(item, written, style)
        state.metadata["cot_readouts"] = [line.model_dump(mode="json", exclude_none=True) for line in lines]
        return state

    return solve


@scorer(metrics=[accuracy(), stderr()])
def _curve_scorer() -> Scorer:
    """Scores the model's own answer, and keeps the read-outs beside it."""

    async def score(state: TaskState, target: Target) -> Score:
        answer, lines = state.metadata.get("cot_answer", ""), state.metadata.get("cot_readouts", [])
        value = NOANSWER if not answer else CORRECT if same_answer(answer, target.text) else INCORRECT
        # Another epoch is another chain about the same item: of one family, and no item of its own.
        named = [
            line
            | {"item": _of_epoch(line["item"], state.epoch), "family": line.get("family") or line["item"]}
            for line in lines
        ]
        return Score(value=value, answer=answer, metadata={READOUTS_KEY: named})

    return score


def _of_epoch(item: str, epoch: int) -> str:
    return item if epoch == 1 else f"{item}#{epoch}"


def _answer(item: Item, written: str, style: Style) -> str:
    behind = style.split(_without_opening(written, style))[1]
    return (read_answer(behind, item.answers) or "") if behind is not None else ""


def _without_opening(written: str, style: Style) -> str:
    return written[len(style.opens) :] if written.startswith(style.opens) else written


def _plan(
    item: Item, written: str, style: Style, arms: Sequence[str], chunks: int, unit: Unit, seed: int
) -> ItemPlan | None:
    thought, _ = style.split(_without_opening(written, style))
    chain = cut_chain(item, thought, _answer(item, written, style), chunks, unit)
    names: Any = arms
    built, _ = build_arms([item], [chain], names, conclude=conclusions([item], [chain]), unit=unit, seed=seed)
    plans = plan_items([item], [chain], built, Design(forced=names, free=()))
    return plans[0] if plans else None


async def _read(plan: ItemPlan, style: Style, given: Given) -> list[ReadOut]:
    """Asks for the answer after every distinct prefix, once each."""
    grader, question = Grader(), plan.item.question
    prefixes = list(dict.fromkeys(place.prefix for place in plan.places))
    asks = [
        Ask(question, style.ended(prefix), _ANSWER_TOKENS)
        if given == "prefill"
        else Ask(quote(question, prefix, QUOTED_ASK), "", _ANSWER_TOKENS)
        for prefix in prefixes
    ]
    outputs = await collect(*map(_generate, asks))
    read = {
        prefix: Forced(read_answer(output.completion, plan.item.answers) or "", ())
        for prefix, output in zip(prefixes, outputs, strict=True)
    }
    return [grader.forced(plan, place, read[place.prefix], given) for place in plan.places]


async def _generate(ask: Ask) -> ModelOutput:
    return await get_model().generate(messages_of(ask), config=config_of(ask))


class _NotKnownYet(Exception):
    """A completion that the prefill test needs and nobody has asked for."""


async def _test_prefill(items: Sequence[Item]) -> Given:
    """The prefill test, which is not asynchronous: begun anew with every completion that it lacked."""
    known: dict[tuple[str, str], str] = {}
    while True:
        lacking: list[tuple[str, str]] = []

        def complete(turns: Sequence[Turn], prefill: str, lacking: list[tuple[str, str]] = lacking) -> str:
            key = turns[-1].text, prefill
            if key not in known:
                lacking.append(key)
                raise _NotKnownYet
            return known[key]

        try:
            test = check_prefill(complete, [item.question for item in items[:3]])
        except _NotKnownYet:
            for question, prefill in lacking:
                output = await _generate(Ask(question, prefill, _TEST_TOKENS))
                known[question, prefill] = output.completion
            continue
        return "prefill" if test.verdict == "continued" else "quoted"
