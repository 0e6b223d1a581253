"""`theodolite reasoning control`: does a model change its reasoning on demand, while its answer stays?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from theodolite.core import Estimate

__all__ = ["control"]

_File = click.Path(path_type=Path)


@click.command()
@click.argument("model")
@click.option("--items", "items_file", type=_File, required=True, metavar="F", help="Questions, JSON Lines.")
@click.option("--word", required=True, help="A word that the model often uses while it thinks.")
@click.option("--out", type=_File, required=True, metavar="DIR", help="Where chains are kept; resumed.")
@click.option("--max-tokens", type=click.IntRange(1), default=1024, show_default=True, help="Longest chain.")
@click.option("--temperature", type=float, default=0.7, show_default=True, help="Of chains.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Decides every draw.")
@click.option("--endpoint", is_flag=True, help="MODEL is behind a server: its name is Inspect AI's.")
@click.option("--tokenizer", metavar="MODEL", help="With --endpoint: send tokens, made by this tokenizer.")
@click.option("--device", default="cpu", show_default=True, help="Where a local model runs.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def control(
    model: str,
    items_file: Path,
    word: str,
    out: Path,
    max_tokens: int,
    temperature: float,
    seed: int,
    endpoint: bool,
    tokenizer: str | None,
    device: str,
    as_json: bool,
) -> int:
    """Ask MODEL to avoid or to include a word while it thinks: does it obey, and does the answer stay?"""
    from theodolite.cli.progress import shown_progress
    from theodolite.errors import DataError, SpecError
    from theodolite.reasoning import measure_controllability, read_items
    from theodolite.reasoning.controlling import demands, try_control
    from theodolite.reasoning.opening import open_endpoint_reader, open_local_reader

    if tokenizer is not None and not endpoint:
        raise SpecError("--tokenizer is for a model behind a server", "give --endpoint, or leave it out")
    items, cap = read_items(items_file), max_tokens
    asked = demands(items, word)
    opened = (
        open_endpoint_reader(model, asked, tokenizer=tokenizer, temperature=temperature, max_tokens=cap)
        if endpoint
        else open_local_reader(model, asked, device=device, temperature=temperature, max_tokens=cap)
    )
    try:
        with shown_progress() as progress:
            kept = out / "control.jsonl"
            trials = try_control(
                items, opened.reader, word, kept, seed, cap, lambda share: progress("chains", share)
            )
    finally:
        opened.close()
    if not trials:
        raise DataError("no chain has an answer", "raise the cap on tokens, or take other items")
    found, silent = measure_controllability(trials), len(items) - len(trials)
    if as_json:
        facts = {"instructions": [one.model_dump(mode="json") for one in found], "without_answer": silent}
        click.echo(json.dumps(facts, indent=1))
        return 0
    if silent:
        click.echo(f"{silent} of {len(items)} items have no answer, plain or under the demand, and no trial.")
    for one in found:
        click.echo(
            f"{one.instruction} '{word}': {one.items} items; obeyed {_share(one.obeyed)}, "
            f"with the answer unchanged {_share(one.obeyed_same)}"
        )
    return 0


def _share(e: "Estimate") -> str:
    return f"{e.value:.0%} [{e.low:.0%} to {e.high:.0%}]"
