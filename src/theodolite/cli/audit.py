"""`theodolite audit`: the main job."""

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from theodolite.cli.options import judging_options, running_options
from theodolite.errors import SpecError

if TYPE_CHECKING:
    from theodolite.audit import Prepared
    from theodolite.core import AuditSpec

__all__ = ["audit", "columns_given", "run_and_show"]


@click.command()
@click.argument("model", required=False)
@click.option(
    "--data", metavar="F", help="The subject's training data: JSONL, JSON, CSV or Parquet, plain or .gz."
)
@click.option("--control", metavar="MODEL", help="A clean twin of the model.")
@click.option("--control-data", metavar="F", help="Clean training data from the same pipeline.")
@click.option(
    "--columns", multiple=True, metavar="OURS=THEIRS,...", help="Names of columns, such as prompt=question."
)
@click.option("--instruments", metavar="A,B", help="Which instruments to run [default: all].")
@judging_options
@running_options
@click.option(
    "--spec", "spec_file", type=click.Path(path_type=Path), metavar="FILE.toml", help="All of this as TOML."
)
@click.option("--plan", "plan_only", is_flag=True, help="Say what would run, and stop.")
@click.option("--strict", is_flag=True, default=None, help="End at the first instrument that fails.")
def audit(
    model: str | None,
    spec_file: Path | None,
    settings: tuple[str, ...],
    out: Path | None,
    plan_only: bool,
    fail_on: str | None,
    as_json: bool,
    **flags: Any,
) -> int:
    """Audit MODEL and its training data; without either, an embedded organism.

    MODEL is a Hugging Face folder, a hub name, or demo:NAME. Name the audit.json of an earlier audit to
    replay it.
    """
    spec = _spec(model, spec_file, settings, flags)
    return run_and_show(spec, out, plan_only=plan_only, fail_on=fail_on, as_json=as_json)


def run_and_show(
    spec: "AuditSpec", out: Path | None, *, plan_only: bool, fail_on: str | None, as_json: bool
) -> int:
    """Opens, plans, runs and prints an audit; returns the exit code."""
    from theodolite.audit import prepare, run_audit
    from theodolite.cli.progress import shown_progress
    from theodolite.report import render_html

    with shown_progress() as progress:
        progress("opening", 0.0)
        prepared = prepare(spec)
    if plan_only:
        _print_plan(prepared, as_json)
        return 0
    directory = out if out is not None else _default_directory(prepared.spec)
    with shown_progress() as progress:
        result = run_audit(prepared, directory, render_html, progress)
    if as_json:
        click.echo(result.model_dump_json(indent=1))
    else:
        from rich.console import Console

        from theodolite.report import terminal_summary

        terminal_summary(result, Console(file=sys.stdout))
        click.echo(f"Report: {directory / 'report.html'}")
    return 3 if fail_on == "flagged" and result.verdict == "flagged" else 0


def _spec(
    model: str | None, spec_file: Path | None, settings: tuple[str, ...], flags: dict[str, Any]
) -> "AuditSpec":
    """File first, then flags, then --set."""
    from theodolite.audit import build_spec, read_spec_file, set_value

    values: dict[str, Any] = read_spec_file(spec_file) if spec_file is not None else {}
    if model is not None and Path(model).name == "audit.json":
        values |= read_spec_file(Path(model))
        model = None
    flags["columns"] = columns_given(flags.pop("columns"))
    if flags["instruments"] is not None:
        named = [name.strip() for name in flags["instruments"].split(",") if name.strip()]
        if not named:
            raise SpecError(f"--instruments {flags['instruments']!r} names none", "write it as dataset,other")
        flags["instruments"] = named
    values |= {k: v for k, v in {"model": model, **flags}.items() if v is not None}
    for assignment in settings:
        set_value(values, assignment)
    return build_spec(values)


def columns_given(given: tuple[str, ...]) -> dict[str, str] | None:
    """Returns our names of columns to the file's, or None where none was given."""
    parts = [part for each in given for part in each.split(",")]
    return dict(_pair(part) for part in parts) if parts else None


def _pair(part: str) -> tuple[str, str]:
    ours, equals, theirs = part.partition("=")
    if not equals or not ours.strip() or not theirs.strip():
        raise SpecError(f"--columns {part!r} names no column", "write it as prompt=question,response=answer")
    return ours.strip(), theirs.strip()


def _default_directory(spec: "AuditSpec") -> Path:
    """A folder of this spec's own, so that the same command always resumes the same audit."""
    name = Path(spec.model or spec.data or "").name.replace("demo:", "").split(".")[0]
    digest = hashlib.blake2b(spec.model_dump_json().encode(), digest_size=4).hexdigest()
    return Path("theodolite-audits") / f"{name}-{digest}"


def _print_plan(prepared: "Prepared", as_json: bool) -> None:
    rows = [
        {"instrument": p.name, "runs": p.instrument is not None, "question": p.question, "reason": p.reason}
        for p in prepared.planned
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    control = prepared.control.facts.name if prepared.control is not None else "none"
    click.echo(f"subject: {prepared.subject.facts.name}\ncontrol: {control}")
    for row in rows:
        click.echo(f"{row['instrument']}: {'runs' if row['runs'] else 'not run, ' + str(row['reason'])}")
