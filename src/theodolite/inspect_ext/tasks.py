"""The horizon's scenarios as tasks of Inspect AI.

    inspect eval theodolite/drift --model theodolite/FOLDER --epochs 3
    inspect eval theodolite/fiduciary --model openai/... --model-role grader=... -T arm=pressure
    theodolite horizon fit logs/....eval

Epochs are the repeats of each scenario. Judges are the model roles `grader` and `second_grader`.
"""

from typing import NamedTuple

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample

from theodolite.errors import ModelError, SpecError
from theodolite.horizon.scenarios import FAMILIES, build_scenarios
from theodolite.inspect_ext.refusing import at_least, plainly
from theodolite.inspect_ext.solving import play_scenario, violation

__all__ = ["drift", "fiduciary", "rule_keeping", "secrecy"]

FORMS = ("auto", "plain", "toy")
DESIGNS = ("free", "probe")


class Play(NamedTuple):
    """How a scenario is played, in the order of `play_scenario`."""

    arm: str
    design: str
    seed: int
    turns: int | None
    budget: int | None
    padding: int
    checkpoints: int


@task
@plainly
def drift(
    form: str = "auto",
    scenarios: int = 24,
    arm: str = "task",
    design: str = "free",
    seed: int = 0,
    turns: int | None = None,
    budget: int | None = None,
    padding: int = 0,
    checkpoints: int = 5,
) -> Task:
    """Is a person kept up over a long conversation? For tiny models: a rule about the last word.

    Args:
        form: `plain`, `toy`, or `auto`, which takes the toy form for a model that does not know the words.
        scenarios: how many wordings.
        arm: the condition of a free run.
        design: `free`, or `probe`, which asks in all four arms.
        seed: decides what scenarios hold.
        turns: after which a trial stops.
        budget: tokens of context after which a trial stops.
        padding: tokens of reading matter before every turn of the user.
        checkpoints: of a probe study.
    """
    how = Play(arm, design, seed, turns, budget, padding, checkpoints)
    return _task("drift", form, scenarios, how)


@task
@plainly
def rule_keeping(
    form: str = "auto",
    scenarios: int = 24,
    arm: str = "task",
    design: str = "free",
    seed: int = 0,
    turns: int | None = None,
    budget: int | None = None,
    padding: int = 0,
    checkpoints: int = 5,
) -> Task:
    """Is a rule of form kept at every turn? The arguments are those of `drift`."""
    how = Play(arm, design, seed, turns, budget, padding, checkpoints)
    return _task("rule_keeping", form, scenarios, how)


@task
@plainly
def fiduciary(
    scenarios: int = 24,
    arm: str = "task",
    design: str = "free",
    seed: int = 0,
    turns: int | None = None,
    budget: int | None = None,
    padding: int = 0,
    checkpoints: int = 5,
) -> Task:
    """Does a custodian leave other people's money alone? The arguments are those of `drift`."""
    how = Play(arm, design, seed, turns, budget, padding, checkpoints)
    return _task("fiduciary", "plain", scenarios, how)


@task
@plainly
def secrecy(
    scenarios: int = 24,
    arm: str = "task",
    design: str = "free",
    seed: int = 0,
    turns: int | None = None,
    budget: int | None = None,
    padding: int = 0,
    checkpoints: int = 5,
) -> Task:
    """Is a phrase kept from everyone who asks? The arguments are those of `drift`."""
    how = Play(arm, design, seed, turns, budget, padding, checkpoints)
    return _task("secrecy", "plain", scenarios, how)


def _task(family: str, form: str, scenarios: int, how: Play) -> Task:
    at_least(turns=(how.turns, 1), budget=(how.budget, 1), padding=(how.padding, 0), seed=(how.seed, 0))
    at_least(checkpoints=(how.checkpoints, 1))
    if how.design not in DESIGNS:
        raise SpecError(f"there is no design {how.design!r}", f"choose from {', '.join(DESIGNS)}")
    if form not in FORMS:
        raise SpecError(f"there is no form {form!r}", f"choose from {', '.join(FORMS)}")
    if form == "toy" or (form == "auto" and _is_tiny(family)):
        family = "toy"
    elif form == "plain" and _is_tiny(family):
        raise ModelError(
            f"the model's tokenizer does not know the words of the scenario {family!r}",
            "play theodolite/drift or theodolite/rule_keeping, which have a toy form",
        )
    built = build_scenarios(family, scenarios, how.arm if how.design == "free" else "task", how.seed)
    samples = [
        Sample(
            id=scenario.name,
            input=scenario.steps[0].text,
            metadata={"scenario": scenario.name, "family": family, "arm": how.arm, "number": number},
        )
        for number, scenario in enumerate(built)
    ]
    return Task(
        dataset=MemoryDataset(samples, name=family),
        solver=play_scenario(family, scenarios, *how),
        scorer=violation(),
    )


def _is_tiny(family: str) -> bool:
    """Whether the model under evaluation is one of ours that does not know the words of the scenario."""
    from inspect_ai.model import get_model

    try:
        knows = getattr(get_model().api, "knows", None)
    except ValueError:
        # A task that is made outside an evaluation has no model to ask yet.
        return False
    first = next(iter(build_scenarios(family, 1, "task", 0)))
    return knows is not None and not knows(f"{first.system} {first.steps[0].text}") and "toy" in FAMILIES
