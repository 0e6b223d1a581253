"""`theodolite data rows`: which rows to look at first."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from theodolite.audit.suspects import Suspect
    from theodolite.core import Audit

__all__ = ["rows"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--claims", metavar="A,B", help="Claims that count: difference, association, confirmed [default: all]."
)
@click.option("--top", type=click.IntRange(min=0), default=20, metavar="N", help="Rows that are printed.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE.parquet", help="All rows that are named."
)
@click.option("--json", "as_json", is_flag=True, help="Print all rows as JSON.")
def rows(run: Path, claims: str | None, top: int, out: Path | None, as_json: bool) -> int:
    """Rank the rows that the flagged findings of the audit in DIR name, the most suspect first.

    Rows are compared by the strongest finding that names them, those that tie by the next strongest. It is
    an order for reading, not a verdict on any row.
    """
    from theodolite.audit.reading import read_audit
    from theodolite.audit.score_file import check_score_file
    from theodolite.audit.suspects import suspects, write_suspects

    if out is not None:
        check_score_file(out)
    audit = read_audit(run)
    wanted = None if claims is None else [c.strip() for c in claims.split(",") if c.strip()]
    found = suspects(audit, wanted)
    if out is not None:
        write_suspects(out, found)
    if as_json:
        click.echo(json.dumps([row.model_dump(mode="json") for row in found], indent=1))
    else:
        _print(audit, found, top)
        if out is not None:
            click.echo(f"All rows: {out}")
    return 0


def _print(audit: "Audit", found: list["Suspect"], top: int) -> None:
    from rich.console import Console

    from theodolite.report.numbers import p_text
    from theodolite.report.terminal import Printer
    from theodolite.report.words import plural

    out = Printer(Console(file=sys.stdout))
    statements = {f.id: f.statement for f in audit.findings}
    out.line(
        f"{plural(len(found), 'row')} named by flagged findings; the audit's verdict is {audit.verdict}.",
        lines=2,
    )
    if found[:top]:
        out.line()
        out.line("place  p         findings  row")
    told: set[str] = set()
    for row in found[:top]:
        head = f"{row.place:>5}  {p_text(row.p_value):<8}  {row.findings:>8}  "
        out.line(row.pointer, head, len(head))
        if row.leading not in told:
            told.add(row.leading)
            out.line(f"{row.claim}: {statements[row.leading]}", " " * len(head), len(head), lines=3)
    if found[top:]:
        out.line(f"{len(found) - top:,} more: --top N shows them, --out FILE.parquet writes them all.")
