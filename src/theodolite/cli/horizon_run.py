"""`theodolite horizon run`: play scenarios with a model, and fit the trials."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from theodolite.cli.horizon_showing import draw_answer, show
from theodolite.cli.options import SVG

__all__ = ["play"]

SCENARIOS = "toy, fiduciary, drift, rule_keeping or secrecy"


@click.command("run")
@click.argument("model")
@click.option("--scenario", default="toy", show_default=True, metavar="NAME", help=f"{SCENARIOS}.")
@click.option(
    "--design",
    type=click.Choice(["free", "probe"]),
    default="free",
    show_default=True,
    help="free: until the first violation; probe: asked in forks at checkpoints, which are discarded.",
)
@click.option("--arm", "arms", multiple=True, metavar="NAME", help="A condition; may be repeated.")
@click.option("--scenarios", type=int, default=24, show_default=True, help="Situations: the units.")
@click.option("--seeds", type=int, default=3, show_default=True, help="Repeats of each scenario.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides every draw.")
@click.option("--turns", type=int, metavar="N", help="Turns after which a trial stops.")
@click.option("--budget", type=int, metavar="T", help="Tokens of context after which a trial stops.")
@click.option("--padding", type=int, default=0, metavar="T", help="Tokens of neutral reading before a turn.")
@click.option("--checkpoints", type=int, default=5, show_default=True, help="Of a probe study.")
@click.option("--temperature", type=float, default=1.0, show_default=True)
@click.option("--judge", metavar="MODEL", help="Reads what programs cannot; its claims need a second.")
@click.option("--second-judge", metavar="MODEL", help="Confirms the first judge's claims.")
@click.option("--device", default="cpu", show_default=True, metavar="cpu|cuda", help="Where the model runs.")
@click.option(
    "--batch", type=click.IntRange(1), default=32, show_default=True, help="Trials on their way at once."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Resumed if it is this study's.",
)
@click.option("--plot", type=SVG, metavar="FILE.svg", help="Draw the horizons.")
@click.option("--json", "as_json", is_flag=True, help="Print the fitted horizons as JSON.")
def play(model: str, out: Path, plot: Path | None, as_json: bool, **given: Any) -> int:
    """Play scenarios with MODEL (a folder, a hub name, demo:NAME), and fit the trials.

    Every reply is written down at once: the same command goes on where it was killed. The trials are
    DIR/trials.parquet.
    """
    from theodolite.cli.progress import shown_progress
    from theodolite.horizon.answers import answer_fit
    from theodolite.horizon.saying import say_fit
    from theodolite.horizon.table import write_trials

    study = _study(given)
    judges = [name for name in (given["judge"], given["second_judge"]) if name is not None]
    with shown_progress() as progress:
        trials = _play(model, study, out, judges, given["device"], given["batch"], progress)
    write_trials(out / "trials.parquet", trials)
    answer = answer_fit(trials, clock="turns" if study.scenario == "toy" else None)
    if plot is not None:
        draw_answer(plot, answer)
    show(answer.model_dump_json(indent=1) if as_json else say_fit(answer), plot, as_json)
    click.echo(f"Trials: {out / 'trials.parquet'}", err=as_json)
    return 0


def _study(given: dict[str, Any]) -> Any:
    """The study that the options describe; a wrong value names its option."""
    from theodolite.cli.settings import record_from
    from theodolite.errors import SpecError
    from theodolite.horizon.probing import PROBE_ARMS
    from theodolite.horizon.study import Study

    if given["second_judge"] is not None and given["judge"] is None:
        raise SpecError("a second judge was named but no first", "name it with --judge")
    arms = given["arms"] or (PROBE_ARMS if given["design"] == "probe" else ("task",))
    return record_from(Study, given | {"arms": ",".join(arms)})


def _play(
    model: str,
    study: Any,
    out: Path,
    judges: list[str],
    device: str,
    batch: int,
    progress: Callable[..., None],
) -> Any:
    from contextlib import ExitStack, closing

    from theodolite.horizon.journal import Journal
    from theodolite.horizon.running import check_playable, describe, run_plays
    from theodolite.horizon.study import planned_turns, plays_of
    from theodolite.judge.asking import Asker, Settings
    from theodolite.organisms import demo
    from theodolite.targets import open_model
    from theodolite.targets.runner import Runner

    folder = demo(model.removeprefix("demo:")).model if model.startswith("demo:") else model
    opened = open_model(folder)
    runner = Runner.open(opened, device=device, batch=batch)
    check_playable(runner, study)
    with ExitStack() as stack:
        about = describe(study, opened.fingerprint, judges)
        journal = stack.enter_context(Journal(out, about))
        askers = [stack.enter_context(closing(Asker(name, Settings()))) for name in judges]
        return run_plays(
            plays_of(study, model, judges=len(judges), salt=journal.salt),
            runner,
            temperature=study.temperature,
            seed=study.seed,
            journal=journal,
            judges=askers,
            batch=batch,
            turns=planned_turns(study),
            progress=lambda share: progress("playing", share),
        )
