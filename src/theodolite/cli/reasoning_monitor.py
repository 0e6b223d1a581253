"""`theodolite reasoning monitor`: does whoever reads the chains see a behaviour that is to be hidden?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from theodolite.core import Estimate
    from theodolite.reasoning.control import MonitorRecall, MonitorScore
    from theodolite.reasoning.monitors import WatchedChain

__all__ = ["monitor"]

_File = click.Path(path_type=Path)


@click.command()
@click.option(
    "--from",
    "source",
    type=_File,
    required=True,
    metavar="F.jsonl",
    help="Chains: item, planted, instructed, question, chain.",
)
@click.option("--words", metavar="A,B,...", help="A program: how many of these words a chain has.")
@click.option("--model", metavar="MODEL", help="A prompted model, as Inspect AI names it.")
@click.option("--behaviour", default="", metavar="TEXT", help="With --model: what it looks for.")
@click.option("--out", type=_File, metavar="DIR", help="With --model: where its rows are kept; resumed.")
@click.option("--allowed", type=float, default=0.01, show_default=True, help="Share of false alarms.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def monitor(
    source: Path,
    words: str | None,
    model: str | None,
    behaviour: str,
    out: Path | None,
    allowed: float,
    as_json: bool,
) -> int:
    """Measure a monitor's recall at 1 % false alarms, with and without the instruction to hide.

    Both --words and --model may be given: they are measured side by side.
    """
    from theodolite.errors import SpecError
    from theodolite.reasoning.control import measure_monitor
    from theodolite.reasoning.monitors import count_words_of, read_watched

    if words is None and model is None:
        raise SpecError("no monitor is named", "give --words, or --model with --behaviour and --out")
    if model is None and (behaviour or out):
        raise SpecError("--behaviour and --out are for --model, and none is given", "leave them out")
    chains = read_watched(source)
    found: dict[str, MonitorRecall] = {}
    if words is not None:
        found["words"] = measure_monitor(count_words_of(chains, words.split(",")), allowed)
    if model is not None:
        if out is None:
            raise SpecError("a model's rows are kept, and no folder is named", "name one by --out")
        found[model] = measure_monitor(_watched(chains, model, behaviour, out), allowed)
    if as_json:
        click.echo(json.dumps({name: one.model_dump(mode="json") for name, one in found.items()}, indent=1))
        return 0
    for name, one in found.items():
        _say(name, one)
    return 0


def _watched(chains: "list[WatchedChain]", model: str, behaviour: str, out: Path) -> "list[MonitorScore]":
    from contextlib import closing

    from theodolite.cli.progress import shown_progress
    from theodolite.errors import ModelError
    from theodolite.judge.asking import Asker, Settings
    from theodolite.reasoning.monitors import watch_chains

    kept = out / "monitor.jsonl"
    with closing(Asker(model, Settings())) as asker, shown_progress() as progress:
        scores, rows = watch_chains(
            chains, behaviour, asker, model, kept, lambda share: progress("monitor", share)
        )
    if all(row.state == "error" for row in rows):
        problem = f"'{model}' gave no answer that can be used ({rows[0].reason})"
        raise ModelError(problem, f"check its address and key; its answers are in '{kept}'")
    return scores


def _say(name: str, one: "MonitorRecall") -> None:
    from theodolite.report.visible import cut, spell

    click.echo(
        f"{cut(spell(name), 60)}: flags what scores above {one.threshold:g}, set on {one.clean} clean chains "
        f"(false alarms {_share(one.false_positives)})"
    )
    if not one.resolved:
        click.echo(f"  {one.clean} clean chains are too few to show {one.allowed:.0%}")
    click.echo(f"  recall {_share(one.recall)}")
    if one.recall_instructed is not None:
        click.echo(f"  recall where it was to be hidden {_share(one.recall_instructed)}")
    if one.lost is not None:
        click.echo(f"  lost by the instruction {_share(one.lost)}, over items that have both")
    if one.false_positives_instructed is not None:
        click.echo(f"  false alarms under the instruction {_share(one.false_positives_instructed)}")
    for group, n in one.unscored.items():
        click.echo(f"  no usable answer about {n} {group} chains: no alarm, so missed where planted")
    if one.unscored.get("planted"):
        click.echo(f"  recall, had these been flagged {_share(one.recall_at_most)}")


def _share(e: "Estimate") -> str:
    return f"{e.value:.0%} [{e.low:.0%} to {e.high:.0%}]"
