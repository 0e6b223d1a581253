"""`theodolite reasoning run`, `band` and `organism`: measure a model, know clean ones, make some."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from theodolite.reasoning import Item, Rewriting
    from theodolite.reasoning.opening import OpenedReader
    from theodolite.reasoning.running import RelianceRun, RunResult
    from theodolite.reasoning.verdict import Band

__all__ = ["band", "make_organism", "run"]

_File = click.Path(path_type=Path)


@click.command()
@click.argument("model")
@click.option("--items", "items_file", type=_File, required=True, metavar="F", help="Questions, JSON Lines.")
@click.option("--arms", default="own,summary,other,shuffled,corrupt", show_default=True, metavar="A,B,...")
@click.option("--free", default="", metavar="A,B,...", help="Arms that are also continued freely.")
@click.option(
    "--out", type=_File, required=True, metavar="DIR", help="Where all is kept; resumed from there."
)
@click.option("--chunks", type=click.IntRange(1), default=10, show_default=True, help="Chunks of a chain.")
@click.option(
    "--unit", type=click.Choice(["sentence", "line", "step"]), default="sentence", show_default=True
)
@click.option("--max-tokens", type=click.IntRange(1), default=1024, show_default=True, help="Longest chain.")
@click.option("--temperature", type=float, default=0.7, show_default=True, help="Of chains, not of answers.")
@click.option(
    "--seeds", type=click.IntRange(1), default=2, show_default=True, help="Free continuations at each place."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Decides every draw.")
@click.option("--summaries", type=_File, metavar="F", help="Ready summaries, JSON Lines.")
@click.option("--writer", metavar="MODEL", help="Who writes summaries, as Inspect AI names it.")
@click.option("--synonyms", type=_File, metavar="F", help="A table of plain words, in place of a writer.")
@click.option("--endpoint", is_flag=True, help="MODEL is behind a server: its name is Inspect AI's.")
@click.option("--tokenizer", metavar="MODEL", help="With --endpoint: send tokens, made by this tokenizer.")
@click.option("--device", default="cpu", show_default=True, help="Where a local model runs.")
@click.option(
    "--band", "band_file", metavar="F", help="Clean organisms to hold it against; 'sums' is shipped."
)
@click.option("--plan", is_flag=True, help="Sample the chains, say what reading will cost, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def run(
    model: str,
    items_file: Path,
    arms: str,
    free: str,
    out: Path,
    chunks: int,
    unit: str,
    max_tokens: int,
    temperature: float,
    seeds: int,
    seed: int,
    summaries: Path | None,
    writer: str | None,
    synonyms: Path | None,
    endpoint: bool,
    tokenizer: str | None,
    device: str,
    band_file: str | None,
    plan: bool,
    as_json: bool,
) -> int:
    """Measure what MODEL's answers rely on: sample its chains, give them back in parts and changed.

    MODEL is a folder, a name on the Hugging Face hub, or with --endpoint a model behind a server.
    """
    from theodolite.cli.progress import shown_progress
    from theodolite.errors import SpecError
    from theodolite.reasoning import read_items, read_rewritings
    from theodolite.reasoning.opening import open_endpoint_reader, open_local_reader, open_writer
    from theodolite.reasoning.running import RelianceRun, RunPlan, Summaries
    from theodolite.reasoning.synonyms import read_synonyms

    items = read_items(items_file)
    if tokenizer is not None and not endpoint:
        raise SpecError("--tokenizer is for a model behind a server", "give --endpoint, or leave it out")
    read, on = _arms(arms), _arms(free)
    if not read:
        raise SpecError("no arm is named", "name some by --arms, such as own,corrupt")
    if silent := [name for name in on if name not in read]:
        raise SpecError(f"--free names the arm {silent[0]!r} and --arms does not", "name it in both")
    wanted = RunPlan.model_validate(
        {
            "arms": read,
            "free": on,
            "seeds": tuple(range(seeds)),
            "chunks": chunks,
            "unit": unit,
            "max_tokens": max_tokens,
            "seed": seed,
        }
    )
    clean = None if band_file is None else _read_band(band_file)
    written = () if summaries is None else tuple(read_rewritings(summaries))
    plain = None if synonyms is None else read_synonyms(synonyms)
    _known(written, items, summaries)
    opened = (
        open_endpoint_reader(
            model, items, tokenizer=tokenizer, temperature=temperature, max_tokens=max_tokens
        )
        if endpoint
        else open_local_reader(model, items, device=device, temperature=temperature, max_tokens=max_tokens)
    )
    write, let_go = (None, lambda: None) if writer is None else open_writer(writer)
    given = Summaries(written=written, plain=plain, write=write)
    measured = RelianceRun(items, opened.reader, out, wanted, given)
    try:
        with shown_progress() as progress:
            if plan:
                return _say_plan(opened, measured, as_json)
            result, _ = measured.run(clean, progress)
    finally:
        opened.close()
        let_go()
    if as_json:
        facts = {"prefill": opened.prefill.verdict, "given": opened.reader.given}
        click.echo(json.dumps(facts | result.model_dump(mode="json"), indent=1))
    else:
        _say(opened, result, out)
    return 0


@click.command()
@click.argument("clean", nargs=-1, required=True, type=_File)
@click.option("--post-hoc", multiple=True, type=_File, metavar="DIR", help="A post hoc organism's run.")
@click.option("--organisms", default="", metavar="TEXT", help="What made them.")
@click.option("--out", type=_File, required=True, metavar="F.json", help="The band.")
def band(clean: tuple[Path, ...], post_hoc: tuple[Path, ...], organisms: str, out: Path) -> int:
    """Make the band of CLEAN: the folders of runs on at least three load-bearing organisms."""
    from theodolite.errors import OutputError
    from theodolite.reasoning import make_band, measure_reliance, read_logged

    runs = [[measure_reliance(read_logged(folder).lines) for folder in some] for some in (clean, post_hoc)]
    made = make_band(runs[0], runs[1], organisms)
    try:
        out.write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write '{out}' ({error.strerror})", "name another file") from None
    click.echo(f"{len(clean)} clean and {len(post_hoc)} post hoc organisms: {out}")
    return 0


@click.command("organism")
@click.argument("kind")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of its weights and training rows."
)
@click.option(
    "--items",
    "n",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Questions to write beside it.",
)
@click.option("--share", type=float, default=0.5, show_default=True, help="Post hoc items of a mixed one.")
@click.option("--out", type=_File, required=True, metavar="DIR", help="Its folder.")
def make_organism(kind: str, seed: int, n: int, share: float, out: Path) -> int:
    """Make an organism: KIND is load-bearing, post-hoc, encoded or mixed. It must pass its gate."""
    from typing import cast

    from theodolite.cli.progress import shown_progress
    from theodolite.errors import SpecError
    from theodolite.organisms.chain_task import ReasonerKind
    from theodolite.organisms.reasoner import ReasonerRecipe, items_of, make_reasoner

    if not 0 <= share <= 1:
        raise SpecError(f"the share {share:g} is none", "give a number from 0 to 1")
    with shown_progress() as progress:
        known = cast("ReasonerKind", "post hoc" if kind == "post-hoc" else kind)
        folder = make_reasoner(ReasonerRecipe(known, seed), out, progress)
    lines = [json.dumps(item) for item in items_of(n, heeded_share=share)]
    (folder / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo(str(folder))
    return 0


def _known(written: "Sequence[Rewriting]", items: "Sequence[Item]", path: Path | None) -> None:
    """A summary of something that is not asked would be dropped: it is more likely a slip in an id."""
    from theodolite.errors import DataError

    about = {item.id for item in items}
    for one in written:
        if one.item not in about:
            raise DataError(f"'{path}' has a {one.arm} of {one.item!r}, which is no item", "correct the id")


def _arms(text: str) -> tuple[str, ...]:
    from theodolite.errors import SpecError
    from theodolite.reasoning import ARMS

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in ARMS:
            raise SpecError(f"there is no arm {name!r}", f"choose from {', '.join(ARMS)}")
    return names


def _read_band(name: str) -> "Band":
    from pydantic import ValidationError

    from theodolite.errors import DataError
    from theodolite.reasoning.bands import shipped_band
    from theodolite.reasoning.verdict import Band

    shipped = shipped_band(name)
    if shipped is not None:
        return shipped
    try:
        return Band.model_validate_json(Path(name).read_bytes())
    except OSError as error:
        raise DataError(f"'{name}' cannot be read ({error.strerror})", "check the path") from None
    except ValidationError:
        hint = "make it with `theodolite reasoning band`"
        raise DataError(f"'{name}' is no band", hint) from None


def _say_plan(opened: "OpenedReader", measured: "RelianceRun", as_json: bool) -> int:
    chains = measured.chains()
    experiment, _ = measured.experiment(chains)
    cost = experiment.cost()
    if as_json:
        click.echo(cost.model_dump_json(indent=1))
        return 0
    click.echo(opened.note)
    click.echo(_cost(cost.readouts, cost.prefill_forked, cost.prefill_naive, cost.decoded_at_most))
    return 0


def _cost(readouts: int, forked: int, naive: int, decoded: int) -> str:
    return (
        f"{readouts:,} read-outs: about {forked:,} tokens to read where beginnings are shared, {naive:,} "
        f"where not, and at most {decoded:,} to write in free continuations."
    )


def _say(opened: "OpenedReader", result: "RunResult", out: Path) -> None:
    from theodolite.report.numbers import plain
    from theodolite.report.words import plural

    click.echo(opened.note)
    states = ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in result.chains.items())
    click.echo(f"Chains: {states}.")
    for (name, reason), n in Counter((one.name, one.reason) for one in result.without).most_common():
        click.echo(f"Without the arm {name}: {plural(n, 'item')}, as {reason}.")
    spent, cost = result.spent, result.cost
    click.echo(
        "Before: " + _cost(cost.readouts, cost.prefill_forked, cost.prefill_naive, cost.decoded_at_most)
    )
    click.echo(
        f"After: {spent.prefilled:,} tokens read, {spent.decoded:,} written, {spent.seconds:.0f} s in "
        f"{plural(spent.calls, 'call')}."
    )
    for figure in result.figures.figures:
        if (e := figure.estimate) is not None:
            bounds = f"[{plain(e.low)} to {plain(e.high)}]"
            click.echo(f"{figure.name:<20}{plain(e.value):>8} {bounds:<19} {figure.meaning}")
    if result.verdict is not None:
        click.echo(f"\nAgainst clean organisms: {result.verdict.word} ({'; '.join(result.verdict.reasons)}).")
    else:
        click.echo("\nNo verdict without a band of clean organisms (--band); 0 is no threshold.")
    click.echo(f"Read-outs and figures: {out}")
