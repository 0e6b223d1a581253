"""What the commands of `theodolite horizon` print and draw."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from theodolite.horizon.answers import FitAnswer

__all__ = ["draw_answer", "show"]


def draw_answer(path: Path, answer: "FitAnswer") -> None:
    """Draws what was fitted."""
    from theodolite.horizon.drawing import draw_tasks, draw_trials

    if answer.tasks:
        draw_tasks(path, answer.tasks)
    else:
        draw_trials(path, answer.trials, answer.margins, answer.probes)


def show(said: str | Iterable[str], plot: Path | None, as_json: bool) -> int:
    """Prints an answer and where its picture is; the exit code is 0."""
    click.echo(said if isinstance(said, str) else "\n".join(said))
    if plot is not None:
        click.echo(f"Plot: {plot}", err=as_json)
    return 0
