"""Commands that look and change nothing: report (renders again), diff, check, instruments, schema."""

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import click

__all__ = ["check", "diff", "instruments", "report", "schema"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def report(run: Path) -> int:
    """Render report.html of a run directory again, from its audit.json."""
    from theodolite.audit import read_audit
    from theodolite.errors import OutputError
    from theodolite.report import render_html

    audit = read_audit(run)
    page = (run if run.is_dir() else run.parent) / "report.html"
    try:
        page.write_text(render_html(audit), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"cannot write {str(page)!r} ({error.strerror})", "copy the audit elsewhere"
        ) from None
    click.echo(f"Report: {page}")
    return 0


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def diff(a: Path, b: Path, as_json: bool) -> int:
    """Say what changed from audit A to audit B."""
    from theodolite.audit import read_audit
    from theodolite.report import diff_audits, diff_text

    changes = diff_audits(read_audit(a), read_audit(b))
    if as_json:
        click.echo(changes.model_dump_json(indent=1))
    else:
        from rich.console import Console

        diff_text(changes, Console(file=sys.stdout))
    return 0


@click.command()
@click.argument("model", required=False)
@click.option("--data", metavar="F", help="Training data to look at as well.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def check(model: str | None, data: str | None, as_json: bool) -> int:
    """Say what can be audited here: this machine, a model, its data, and which instruments would run."""
    from theodolite.audit import open_target, plan
    from theodolite.core import AuditSpec

    facts: dict[str, object] = {"machine": _machine()}
    if model is not None or data is not None:
        opened = open_target(model, data, {}, seed=0)
        facts["target"] = opened.facts.model_dump(mode="json")
        facts["instruments"] = {
            p.name: "runs" if p.instrument is not None else p.reason
            for p in plan(AuditSpec(model=model, data=data), opened)
        }
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return 0
    for title, part in facts.items():
        click.echo(f"{title}:")
        _print_tree(part, "  ")
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def instruments(as_json: bool) -> int:
    """List the installed instruments: question and needs. A broken plug-in is one line."""
    from theodolite.core import installed, load

    rows: list[dict[str, object]] = []
    for plugin in installed().values():
        row: dict[str, object] = {"name": plugin.name, "from": plugin.distribution}
        try:
            cls = load(plugin)
            row |= {"question": cls.question, "needs": sorted(cls.needs), "margin": cls.margin}
        except Exception as error:
            row["broken"] = f"{type(error).__name__}: {error}"
        rows.append(row)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        said = row.get("question", f"not usable: {row.get('broken')}")
        needs = row.get("needs")
        suffix = f" (needs {', '.join(needs)})" if isinstance(needs, list) else ""
        click.echo(f"{row['name']}: {said}{suffix}")
    return 0


@click.command()
def schema() -> int:
    """Print the JSON Schema of audit.json."""
    from theodolite.core import Audit

    click.echo(json.dumps(Audit.model_json_schema(mode="serialization"), indent=1))
    return 0


def _machine() -> dict[str, object]:
    import torch

    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "theodolite": version("theodolite"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _print_tree(part: object, indent: str) -> None:
    if not isinstance(part, dict):
        click.echo(f"{indent}{part}")
        return
    for key, value in part.items():
        if isinstance(value, dict):
            click.echo(f"{indent}{key}:")
            _print_tree(value, indent + "  ")
        else:
            shown = ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
            click.echo(f"{indent}{key}: {shown}")
