"""`theodolite data`: what can be done with training data beside an audit."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from theodolite.cli.audit import columns_given, run_and_show
from theodolite.cli.options import judging_options, running_options

if TYPE_CHECKING:
    from theodolite.audit.cleaning import Cleaned

__all__ = ["data"]


@click.group()
def data() -> None:
    """Training data: look for poison, rank the rows, remove what was flagged."""


@data.command()
@click.argument("file")
@click.option("--control", metavar="F", help="Clean training data from the same pipeline.")
@click.option("--model", metavar="DIR", help="The model that was trained on FILE.")
@click.option(
    "--columns", multiple=True, metavar="OURS=THEIRS,...", help="Names of columns, such as prompt=question."
)
@judging_options
@running_options
def scan(
    file: str,
    control: str | None,
    model: str | None,
    columns: tuple[str, ...],
    settings: tuple[str, ...],
    out: Path | None,
    fail_on: str | None,
    as_json: bool,
    **flags: Any,
) -> int:
    """Look for poison in FILE without knowing what it is: the audit, with the dataset instrument alone."""
    from theodolite.audit import build_spec, set_value

    values: dict[str, Any] = {
        "data": file,
        "control_data": control,
        "model": model,
        "columns": columns_given(columns),
        "instruments": ["dataset"],
        **flags,
    }
    values = {k: v for k, v in values.items() if v is not None}
    for assignment in settings:
        set_value(values, assignment)
    return run_and_show(build_spec(values), out, plan_only=False, fail_on=fail_on, as_json=as_json)


@data.command()
@click.argument("file")
@click.option(
    "--audit",
    "run",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The run directory of the audit of FILE, or its audit.json.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE2",
    help="The file to write, in FILE's format; FILE2.removed.jsonl says what went and why.",
)
@click.option(
    "--claims",
    metavar="A,B",
    help="Claims that are followed: difference, association, confirmed [default: the last two].",
)
@click.option(
    "--finding",
    "findings",
    multiple=True,
    metavar="KEY",
    help="A single flagged finding to follow; may be repeated.",
)
@click.option("--all-names", is_flag=True, help="Follow every name of a cause, not only its leading one.")
@click.option("--dry-run", is_flag=True, help="Count, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def clean(
    file: str,
    run: Path,
    out: Path,
    claims: str | None,
    findings: tuple[str, ...],
    all_names: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Write FILE without the rows that its audit flagged; what stays is byte for byte what it was.

    Rows of associations and of confirmed findings go, of each cause those of its leading finding. That
    subject and control differ is no reason to remove anything, unless --claims says so.
    """
    from theodolite.audit.cleaning import clean_data
    from theodolite.cli.progress import shown_progress

    wanted = None if claims is None else [c.strip() for c in claims.split(",") if c.strip()]
    with shown_progress() as progress:
        cleaned = clean_data(
            file, run, out, wanted, findings, all_names=all_names, dry_run=dry_run, progress=progress
        )
    if as_json:
        click.echo(cleaned.model_dump_json(indent=1))
    else:
        _print_cleaned(cleaned)
    return 0


def _print_cleaned(cleaned: "Cleaned") -> None:
    from rich.console import Console

    from theodolite.report.terminal import Printer

    out = Printer(Console(file=sys.stdout))
    for sentence in _sentences(cleaned):
        out.line(sentence, hang=2, lines=4)
    if cleaned.dry_run:
        click.echo("Nothing was written.")
    else:
        click.echo(f"Kept: {cleaned.out}\nRemoved, and why: {cleaned.ledger}")


def _sentences(cleaned: "Cleaned") -> list[str]:
    from theodolite.report.numbers import p_text
    from theodolite.report.words import plural

    done = "would be" if cleaned.dry_run else "were"
    gone, stay = plural(cleaned.removed, "row"), f"{cleaned.rows_out:,} of {cleaned.rows_in:,}"
    said = [f"{gone} {done} removed, {stay} {done} kept."]
    for f in cleaned.findings:
        p = "" if f.p_adjusted is None else f", adjusted p {p_text(f.p_adjusted)}"
        said.append(f"- {plural(f.rows, 'row')}: {f.statement} ({f.claim}{p})")
    if cleaned.removed_for_related:
        said.append(
            f"{cleaned.removed_for_related:,} of these rows are named only by findings that share a cause "
            "with a stronger one and may be innocent; --finding KEY follows one alone."
        )
    if cleaned.other_names:
        names, add = plural(cleaned.other_names, "other name"), plural(cleaned.other_names_rows, "row")
        said.append(
            f"Left aside: {names} of the same causes, which would add {add} that may be innocent; "
            "--all-names follows them too."
        )
    if not cleaned.findings:
        said.append(
            f"No finding of that kind is flagged; the audit's verdict is {cleaned.audit_verdict}, "
            "and its report says what it could not have seen."
        )
    if any(not f.rows for f in cleaned.findings):
        said.append("A finding of 0 rows could not be traced to any: what it found stays in the file.")
    if cleaned.flagged_left:
        left = plural(cleaned.flagged_left, "other flagged finding")
        said.append(f"Not followed: {left}; --claims and --finding widen the choice.")
    if cleaned.repeats_kept:
        said.append(f"Kept although their text is that of a removed row: {cleaned.repeats_kept:,}.")
    if cleaned.rows_unreadable:
        said.append(f"Kept as found, because they could not be read: {cleaned.rows_unreadable:,}.")
    return said


from theodolite.cli.rows import rows  # noqa: E402
from theodolite.cli.trace import trace  # noqa: E402

data.add_command(rows)
data.add_command(trace)
