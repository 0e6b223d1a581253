"""`theodolite horizon`: how long a model stays aligned, and whether that is longer than what it can do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from theodolite.cli.horizon_run import play
from theodolite.cli.horizon_showing import draw_answer, show
from theodolite.cli.options import SVG

__all__ = ["horizon"]

Command = Callable[..., Any]
CLOCKS = ("context_tokens", "turns", "opportunities", "human_minutes")


def _fitting(command: Command) -> Command:
    """Options of every command that reads a table."""
    for option in reversed(
        (
            click.option("--clock", type=click.Choice(CLOCKS), help="What time is counted in."),
            click.option("--level", type=float, default=0.95, show_default=True, help="Of the intervals."),
            click.option(
                "--resamples",
                type=click.IntRange(100, 100_000),
                metavar="N",
                help="[default: 2000; 1000 of task runs]",
            ),
            click.option("--seed", type=click.IntRange(0), default=0, help="Decides the resamples."),
            click.option(
                "--event",
                "events",
                multiple=True,
                metavar="SCORER",
                help="Of an Inspect log: a score that tells of a violation (!SCORER: a low one; "
                "program:SCORER: a program's, which needs no second); a second --event confirms it.",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
        )
    ):
        command = option(command)
    return command


@click.group()
def horizon() -> None:
    """How long does a model stay aligned, and is that longer than the tasks it can do?

    TABLE is a trial table (.parquet), an Inspect log (.eval) or a folder of them, runs of tasks (.jsonl:
    alias, task_id, human_minutes, score_binarized) or counts by task (.csv: agent, task_id, human_minutes,
    n_successes, n_runs).
    """


horizon.add_command(play)


@horizon.command()
@click.argument("table")
@_fitting
@click.option(
    "--regularisation", type=float, metavar="X", help="Ridge on the slope of task runs [default: 0.00001]."
)
@click.option("--plot", type=SVG, metavar="FILE.svg", help="Draw it.")
def fit(
    table: str,
    clock: Any,
    level: float,
    resamples: int | None,
    seed: int,
    events: tuple[str, ...],
    as_json: bool,
    regularisation: float | None,
    plot: Path | None,
) -> int:
    """Fit horizons to TABLE: of trials by model and arm, of task runs by agent."""
    from theodolite.horizon.answers import answer_fit
    from theodolite.horizon.opening import open_table
    from theodolite.horizon.saying import say_fit
    from theodolite.horizon.task_fit import PENALTY

    opened = open_table(table, events)
    _meant_for(opened, clock, regularisation)
    answer = answer_fit(
        opened,
        clock=clock,
        level=level,
        resamples=resamples,
        seed=seed,
        penalty=PENALTY if regularisation is None else regularisation,
    )
    if plot is not None:
        draw_answer(plot, answer)
    return show(answer.model_dump_json(indent=1) if as_json else say_fit(answer), plot, as_json)


@horizon.command()
@click.argument("table")
@click.argument("other", required=False)
@_fitting
@click.option("--against", metavar="NAME", help="The arm, model or agent that the others are held against.")
@click.option("--clean", is_flag=True, help="What they are held against is known to be clean: the ceiling.")
@click.option(
    "--dates", metavar="FILE.toml", help="Dates of release, a model a line, for the trend over versions."
)
@click.option("--frontier", is_flag=True, help="Of versions, only those better than all before them.")
def compare(
    table: str,
    other: str | None,
    clock: Any,
    level: float,
    resamples: int | None,
    seed: int,
    events: tuple[str, ...],
    as_json: bool,
    against: str | None,
    clean: bool,
    dates: str | None,
    frontier: bool,
) -> int:
    """Hold groups of TABLE against each other, or against OTHER; with --dates, follow versions of a model."""
    from theodolite.errors import SpecError
    from theodolite.horizon.answers import CompareAnswer, answer_compare, follow_versions
    from theodolite.horizon.opening import open_table, read_dates
    from theodolite.horizon.saying import say_compare
    from theodolite.horizon.task_runs import TaskCounts

    opened = open_table(table, events)
    if frontier and dates is None:
        raise SpecError("--frontier is about versions, and no dates are given", "name them by --dates")
    if clean and (isinstance(opened, TaskCounts) or (dates and against is None and other is None)):
        raise SpecError("--clean is about two groups of trials, and none are compared", "leave it out")
    second = None if other is None else open_table(other, _of_log(events, other))
    _meant_for(opened, clock, None)
    how: dict[str, Any] = {"level": level, "resamples": resamples, "seed": seed}
    if dates is None or against is not None or other is not None:
        answer = answer_compare(opened, second, against=against, clean=clean, clock=clock, **how)
    else:
        answer = CompareAnswer(kind="tasks" if isinstance(opened, TaskCounts) else "trials")
    if dates is not None:
        trends = follow_versions(opened, read_dates(dates), frontier=frontier, **how)
        answer = answer.model_copy(update={"trends": trends})
    return show(answer.model_dump_json(indent=1) if as_json else say_compare(answer), None, as_json)


@horizon.command()
@click.argument("table")
@click.option("--thresholds", metavar="FILE.toml", required=True, help="Levels that trigger an action.")
@_fitting
@click.option(
    "--fail-on",
    type=click.Choice(["not_shown", "triggered"]),
    default="not_shown",
    show_default=True,
    help="triggered: a threshold that is neither met nor surely missed lets pass.",
)
def gate(
    table: str,
    thresholds: str,
    clock: Any,
    level: float,
    resamples: int | None,
    seed: int,
    events: tuple[str, ...],
    as_json: bool,
    fail_on: str,
) -> int:
    """Hold TABLE against a threshold file; exit with 3 if a threshold is not met."""
    from theodolite.horizon.answers import answer_fit
    from theodolite.horizon.gate import Gate, check_thresholds, measurements, read_thresholds
    from theodolite.horizon.opening import open_table
    from theodolite.horizon.saying import say_checks

    policy = read_thresholds(thresholds)
    opened = open_table(table, events)
    _meant_for(opened, clock, None)
    answer = answer_fit(opened, clock=clock, level=level, resamples=resamples, seed=seed)
    measured = measurements((*answer.trials, *answer.margins, *answer.tasks))
    failing = ("triggered",) if fail_on == "triggered" else ("triggered", "not_shown")
    checks = check_thresholds(policy, measured)
    passed = not any(check.state in failing for check in checks)
    said = Gate(passed=passed, checks=checks).model_dump_json(indent=1) if as_json else say_checks(checks)
    show(said, None, as_json)
    return 0 if passed else 3


@horizon.command()
@click.option("--factor", type=float, metavar="X", help="Limits of H within this factor [default: 1.5].")
@click.option("--ratio", type=float, metavar="X", help="Tell two groups apart whose hazards differ so.")
@click.option("--repeats", type=int, default=5, show_default=True, help="Trials of each scenario.")
@click.option("--correlation", type=float, default=0.2, show_default=True, help="Inside a scenario.")
@click.option(
    "--follow-up",
    type=float,
    default=1.0,
    show_default=True,
    help="Length of a trial, in multiples of the expected H50.",
)
@click.option("--power", type=float, default=0.8, show_default=True, help="Of the comparison.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Of the intervals.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(as_json: bool, **how: Any) -> int:
    """Say how many trials of how many scenarios a study takes."""
    from theodolite.horizon.planning import plan_trials
    from theodolite.horizon.saying import say_plan

    made = plan_trials(**how)
    return show(made.model_dump_json(indent=1) if as_json else say_plan(made), None, as_json)


def _of_log(events: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Scores are of logs: a second table that is none has no use for them."""
    return events if name.lower().endswith(".eval") or Path(name).is_dir() else ()


def _meant_for(opened: object, clock: str | None, regularisation: float | None) -> None:
    """Refuses an option that a table of this kind would leave unheard."""
    from theodolite.errors import SpecError
    from theodolite.horizon.task_runs import TaskCounts

    if isinstance(opened, TaskCounts) and clock is not None:
        raise SpecError("task runs have no --clock but human minutes", "leave it out")
    if not isinstance(opened, TaskCounts) and regularisation is not None:
        raise SpecError("--regularisation is for task runs, and this table holds trials", "leave it out")
