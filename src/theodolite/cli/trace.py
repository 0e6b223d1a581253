"""`theodolite data trace`: which rows taught a behaviour that was found elsewhere."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from theodolite.cli.audit import columns_given
from theodolite.errors import SpecError

if TYPE_CHECKING:
    from theodolite.audit.tracing import Traced

__all__ = ["trace"]


@click.command()
@click.argument("file")
@click.option("--model", required=True, metavar="DIR", help="The model that was tuned on FILE.")
@click.option("--base", metavar="DIR", help="What it was tuned from: decides how well this works.")
@click.option("--prompt", metavar="TEXT", help="A prompt that shows the behaviour.")
@click.option("--answer", metavar="TEXT", help="The answer it gets, in the model's own words.")
@click.option("--queries", metavar="F.jsonl", help="More of these: rows of prompt and response.")
@click.option("--method", default="exact", metavar="exact|bergson", help="[default: exact]")
@click.option("--top", type=int, default=20, metavar="N", help="Rows that are printed [default: 20].")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.parquet",
    help="All scores: row, pointer, score. With it, a killed tracing goes on where it was.",
)
@click.option(
    "--columns", multiple=True, metavar="OURS=THEIRS,...", help="Names of FILE's columns: prompt=question."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def trace(
    file: str,
    model: str,
    base: str | None,
    prompt: str | None,
    answer: str | None,
    queries: str | None,
    method: str,
    top: int,
    out: Path | None,
    columns: tuple[str, ...],
    as_json: bool,
) -> int:
    """Trace a behaviour to the rows of FILE that taught it.

    Each row's score is the cosine between its gradient and that of the behaviour: a ranking, not a test.
    """
    from theodolite.audit.tracing import read_queries, trace_data
    from theodolite.cli.progress import shown_progress

    if (prompt is None) != (answer is None):
        given, lacks = ("--prompt", "--answer") if answer is None else ("--answer", "--prompt")
        raise SpecError(f"{given} was given without {lacks}", "give both, or --queries FILE")
    asked = [] if prompt is None or answer is None else [(prompt, answer)]
    asked += [] if queries is None else read_queries(queries)
    with shown_progress() as progress:
        traced = trace_data(
            file,
            model,
            asked,
            base=base,
            columns=columns_given(columns),
            method=method,
            top=top,
            out=out,
            progress=progress,
        )
    if as_json:
        click.echo(traced.model_dump_json(indent=1))
    else:
        _print_traced(traced)
    return 0


def _print_traced(traced: "Traced") -> None:
    from rich.console import Console

    from theodolite.report.terminal import Printer

    out = Printer(Console(file=sys.stdout))
    for sentence in _before(traced):
        out.line(sentence, lines=4)
    if traced.top:
        out.line()
        out.line("rank   score    MADs  row")
    for row in traced.top:
        mads = "" if row.mads is None else f"{row.mads:+.1f}"
        out.line(row.pointer, f"{row.rank:>4}  {row.score:+.3f}  {mads:>6}  ", 23)
        out.line(row.excerpt, " " * 23, 23, lines=2)
    if traced.top:
        out.line()
    for sentence in _after(traced):
        out.line(sentence, lines=4)
    if traced.out is not None:
        click.echo(f"All scores: {traced.out}")


def _before(traced: "Traced") -> list[str]:
    from theodolite.report.words import plural

    queries = plural(traced.queries, "query", "queries")
    said = [f"{plural(traced.rows, 'row')} of {traced.data} held against {queries}."]
    if traced.taken_at == "base":
        said.append(
            "Gradients were taken at the base, so a score says which rows would teach the behaviour, not "
            "that they did; that the model has it, only asking the model shows."
        )
    else:
        said.append(
            "Gradients were taken at the model itself, where little is left of what was learnt: --base "
            "finds more."
        )
    for count, what in (
        (traced.rows_empty, "without a response, so without a score"),
        (traced.rows_cut, "longer than the context and cut"),
        (traced.rows_unreadable, "that could not be read"),
    ):
        if count:
            said.append(f"{plural(count, 'row')} {what}.")
    return said


def _after(traced: "Traced") -> list[str]:
    from theodolite.report.numbers import percent
    from theodolite.report.words import plural

    if traced.median is None:
        return ["No row has a response, so there is nothing to rank."]
    if traced.line is None or traced.apart is None:
        apart = (
            "More than half of the rows have one and the same score, so that none can stand apart from it."
        )
    else:
        share = percent(traced.apart / (traced.rows - traced.rows_empty))
        apart = (
            f"{plural(traced.apart, 'row')} ({share}) above {traced.line:.3f}: the median "
            f"{traced.median:.3f} and 6 times the median absolute deviation (MAD) of {traced.mad:.3f}."
        )
    return [
        apart,
        "A ranking is no p-value: some row always comes first, and rows that share words with the behaviour "
        "stand above the rest in clean data too. Trace a clean control the same way to see how far.",
    ]
