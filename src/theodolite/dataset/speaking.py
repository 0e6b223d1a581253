"""Rows that speak to whoever audits them: a finding in itself, and no judge is needed to see it."""

from collections.abc import Sequence

from theodolite.core import Context, Target
from theodolite.judge import speaks_to_a_judge

__all__ = ["note_rows_that_speak_to_a_judge"]

MOST_NAMED = 5


def note_rows_that_speak_to_a_judge(parts: Sequence[Target], ctx: Context) -> None:
    """Says which rows address an evaluator, and with which words."""
    for part in parts:
        assert part.data is not None
        named: list[str] = []
        total = 0
        for row in part.rows():
            words = speaks_to_a_judge(row.prompt) or speaks_to_a_judge(row.response)
            if words is None:
                continue
            total += 1
            if total <= MOST_NAMED:
                named.append(f"{part.data.pointer(row)} ({' '.join(words.split())[:60]!r})")
        if total:
            more = "" if total <= MOST_NAMED else f" and {total - MOST_NAMED:,} more"
            verb = "row speaks" if total == 1 else "rows speak"
            ctx.note(f"{total:,} {verb} to an evaluator: {', '.join(named)}{more}")
