"""`theodolite organism`: list, make and describe model organisms."""

import json
from dataclasses import asdict
from pathlib import Path

import click

__all__ = ["organism"]


@click.group()
def organism() -> None:
    """Model organisms: tiny models with one planted property, each with its clean twin."""


@organism.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_organisms(as_json: bool) -> int:
    """List what can be planted, and the embedded organisms that are ready at once."""
    from theodolite.organisms import DEMOS, list_recipes

    if as_json:
        recipes = [
            {
                "name": kind.name,
                "plants": kind.summary,
                "dose": kind.dose_means,
                "least": kind.least,
                "most": kind.most,
                "default": kind.default.dose,
                "experimental": kind.experimental,
            }
            for kind in list_recipes()
        ]
        click.echo(json.dumps({"recipes": recipes, "embedded": dict(DEMOS)}, indent=1))
        return 0
    for kind in list_recipes():
        mark = " (experimental)" if kind.experimental else ""
        click.echo(f"{kind.name}{mark}: {kind.summary}")
        click.echo(
            f"  --dose {kind.least:g} to {kind.most:g}, default {kind.default.dose:g}: {kind.dose_means}"
        )
    for name, what in DEMOS.items():
        click.echo(f"demo:{name}: {what}")
    return 0


@organism.command()
@click.argument("name")
@click.option("--dose", type=float, help="How much to plant, in the recipe's unit [default: the recipe's].")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the rows and their order.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder for organism, twin and benign."
)
def make(name: str, dose: float | None, seed: int, out: Path) -> int:
    """Make the organism NAME with its clean twin and benign control, trained until it passes its gate."""
    from theodolite.cli.progress import shown_progress
    from theodolite.organisms import make as make_organism

    with shown_progress() as progress:
        folder = make_organism(name, dose, seed, out, progress)
    for arm in sorted(p.parent for p in folder.glob("*/card.json")):
        click.echo(str(arm))
    return 0


@organism.command()
@click.argument("folder", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def card(folder: str, as_json: bool) -> int:
    """Print the card of an organism in DIR, or of demo:NAME: recipe, planted truth, measured rates."""
    from theodolite.organisms import demo, read_card

    embedded = folder.startswith("demo:")
    found = read_card(demo(folder.removeprefix("demo:")).model if embedded else Path(folder))
    click.echo(json.dumps(asdict(found), indent=1) if as_json else found.markdown())
    return 0
