"""Audited text, made safe to show: escaped, shortened, and with nothing in it that hides or reorders.

What is audited is hostile until shown otherwise. A character that a reader cannot see (a NUL, an escape, a
bidirectional override, a zero-width space, a tag) is shown by its code point, because it may be what the
finding is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["cut", "highlight", "in_code", "mark_spans", "shorten", "show", "spell"]

_HIDDEN = re.compile(
    "(["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, save for tab and newline
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners, fillers
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, separators, bidirectional controls
    "\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"  # blanks, variations, non-characters
    "\ud800-\udfff"  # lone surrogates
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # musical controls, tags, variations
    "])\\1*"
)
MARKS_SHOWN = 200
"""Highlights drawn in one body; more would cost time and help nobody."""


def spell(text: str) -> str:
    """Returns the text with each run of hidden characters spelled out: `<U+200B>`, `<U+0000 x 12>`."""
    return _HIDDEN.sub(lambda run: f"<{_code(run)}>", text)


def show(text: str) -> Markup:
    """Returns the text as HTML: escaped, hidden characters as boxed code points."""
    from markupsafe import Markup, escape

    return Markup("").join(
        Markup('<span class="hidden">{}</span>').format(_code(found)) if found else escape(between)
        for between, found in _pieces(text)
    )


def highlight(body: str, marks: Sequence[str], limit: int = 3000) -> Markup:
    """Returns a body as HTML, shortened around its first mark, every mark highlighted."""
    from markupsafe import Markup

    text, before, after = shorten(body, marks, limit)
    html, end = Markup(""), 0
    for start, stop in mark_spans(text, marks):
        html += show(text[end:start]) + Markup("<mark>{}</mark>").format(show(text[start:stop]))
        end = stop
    html += show(text[end:])
    left_out = Markup('<span class="left-out">[{:,} characters left out]</span>')
    head = left_out.format(before) + " " if before else Markup("")
    return head + html + (" " + left_out.format(after) if after else Markup(""))


def in_code(text: str, limit: int = 1000) -> Markup:
    """Returns a sentence as HTML, with what stands in `backticks` set as code."""
    from markupsafe import Markup

    parts = cut(text, limit).split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = ["`".join(parts[-2:])]
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(show(p)) if i % 2 else show(p) for i, p in enumerate(parts))


def mark_spans(text: str, marks: Sequence[str]) -> list[tuple[int, int]]:
    """Returns where the marks are, in order and merged; a mark that is nowhere is sought in any case."""
    spans: list[tuple[int, int]] = []
    for mark in dict.fromkeys(m for m in marks if m):
        for flags in (re.NOFLAG, re.IGNORECASE):
            found = [m.span() for m in islice(re.finditer(re.escape(mark), text, flags), MARKS_SHOWN)]
            spans += found
            if found:
                break
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans)[:MARKS_SHOWN]:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def shorten(text: str, marks: Sequence[str], limit: int) -> tuple[str, int, int]:
    """Returns at most `limit` characters around the first mark, and how many are left out on each side."""
    if len(text) <= limit:
        return text, 0, 0
    places = [at for mark in marks if mark and (at := text.find(mark)) >= 0]
    start = max(0, min(min(places, default=0) - limit // 3, len(text) - limit))
    return text[start : start + limit], start, len(text) - start - limit


def cut(text: str, limit: int) -> str:
    """Returns the text, ended with an ellipsis if it is longer than `limit`."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _pieces(text: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    end = 0
    for found in _HIDDEN.finditer(text):
        if found.start() > end:
            yield text[end : found.start()], None
        yield "", found
        end = found.end()
    if end < len(text):
        yield text[end:], None


def _code(run: re.Match[str]) -> str:
    times = len(run[0])
    return f"U+{ord(run[1]):04X}" + (f" x {times:,}" if times > 1 else "")
