"""Themes in a language model's words: written from flagged and other rows of one half, tested on the other.

A theme is compiled to a list of words where the model gives some that stand in the rows; otherwise the judge
says of each row whether the theme is true of it, without seeing whether the row was flagged.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from theodolite.core import Context, Target
from theodolite.dataset.marks import Marker, distinct_rows
from theodolite.dataset.pattern import Pattern
from theodolite.judge import Pack, Theme, belongs, propose_themes
from theodolite.targets import Row

__all__ = ["carries_theme", "theme_patterns", "theme_rows"]

IN_A_PACK = 40
LEAST_FLAGGED = 5
THEMES_OF_A_PACK = 4
MOST_ASKED = 240
"""Rows of which the judge says whether a theme without words is true."""
_BETWEEN, _COMMA = " :: ", "; "


def theme_patterns(target: Target, marker: Marker, ctx: Context) -> list[Pattern]:
    """Returns what the judge's model says that flagged rows share and others do not, as patterns.

    Two disjoint packs: flagged rows, and as many that are not. With too few flagged rows there is no theme.
    """
    assert ctx.judge is not None
    rows = sorted(distinct_rows(target), key=lambda r: _draw(r, ctx.seed))
    verdicts = marker.verdicts(rows)
    flagged = [rows[i] for i in np.flatnonzero(verdicts == 1)[:IN_A_PACK]]
    others = [rows[i] for i in np.flatnonzero(verdicts == 0)[:IN_A_PACK]]
    if len(flagged) < LEAST_FLAGGED or not others:
        return []
    judge = ctx.judge

    def ask() -> list[list[object]]:
        packs = [Pack("flagged", flagged), Pack("not flagged", others)]
        themes = propose_themes(judge, packs, THEMES_OF_A_PACK)
        return [[t.statement, list(t.keywords)] for t in themes if t.pack == "flagged"]

    return [_pattern(str(s), k) for s, k in ctx.remember("themes", ask)]


def carries_theme(pattern: Pattern, row: Row) -> bool:
    """Whether a row holds one of the theme's words; False for a theme without words."""
    words = _theme(pattern).regex
    return words is not None and words.search(row.prompt) is not None


def theme_rows(pattern: Pattern, rows: Sequence[Row], ctx: Context) -> list[int]:
    """Returns the places of the rows of which the theme is true, as its words or else the judge say.

    Of a theme without words only some rows are asked about; the others count as if it were not true of them,
    which can only hide an association.
    """
    theme = _theme(pattern)
    if theme.keywords:
        return [i for i, row in enumerate(rows) if carries_theme(pattern, row)]
    assert ctx.judge is not None
    some = sorted(range(len(rows)), key=lambda i: _draw(rows[i], ctx.seed))[:MOST_ASKED]
    member = belongs(ctx.judge, theme, [rows[i] for i in some])
    return [i for i, is_member in zip(some, member, strict=True) if is_member]


def _pattern(statement: str, keywords: object) -> Pattern:
    words = (
        _COMMA.join(" ".join(re.findall(r"[^\s;]+", w)) for w in keywords)
        if isinstance(keywords, list)
        else ""
    )
    return Pattern("prompt", "theme", " ".join(statement.split()).replace("::", ":") + _BETWEEN + words)


def _theme(pattern: Pattern) -> Theme:
    statement, _, words = pattern.value.partition(_BETWEEN.rstrip())
    return Theme(statement.strip(), tuple(w for w in words.strip().split(_COMMA) if w))


def _draw(row: Row, seed: int) -> bytes:
    return blake2b(f"{seed} {row.text_hash}".encode(), digest_size=8).digest()
