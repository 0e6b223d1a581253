"""Flags that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["SVG", "judging_options", "running_options"]

Command = Callable[..., Any]


class _Svg(click.Path):
    """The file of a picture: what is not called .svg would be opened as something else."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if path.suffix.lower() != ".svg":
            self.fail(f"'{value}' is no SVG file; call it NAME.svg", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"there is no folder '{path.parent}'; make it first", param, ctx)
        return path


SVG = _Svg(path_type=Path)


def judging_options(command: Command) -> Command:
    """The judge: which model, what it must know, what it may cost."""
    return _with(
        command,
        click.option(
            "--judge", metavar="MODEL", help="A model that grades rows, such as openai/gpt-4o-mini."
        ),
        click.option("--second-judge", metavar="MODEL", help="Another, to see how far the two agree."),
        click.option(
            "--purpose", metavar="TEXT", help="What the training is for; the judge grades against it."
        ),
        click.option("--judge-calls", type=int, metavar="N", help="Calls that may be paid for."),
        click.option("--base", metavar="MODEL", help="The model that the subject was fine-tuned from."),
        click.option("--engine", metavar="local|ray", help="Where rows are judged [default: local]."),
    )


def running_options(command: Command) -> Command:
    """How much is done, where it is written, what is printed."""
    return _with(
        command,
        click.option("--effort", metavar="quick|standard|deep", help="The one dial [default: standard]."),
        click.option("--seed", type=int, metavar="N", help="Decides the halves and every draw [default: 0]."),
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="The run directory; resumed if it is this audit's.",
        ),
        click.option(
            "--set", "settings", multiple=True, metavar="K=V", help="Any key, such as dataset.max_words=5."
        ),
        click.option("--fail-on", type=click.Choice(["flagged"]), help="Exit with 3 if anything is flagged."),
        click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON."),
    )


def _with(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
