"""An audit on one screen of a terminal: plain lines, the same when piped, nothing that a terminal obeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theodolite.core import Audit, Finding, TargetFacts, Verdict
from theodolite.report.numbers import count, is_excess, level_text, p_text, tell
from theodolite.report.overview import causes
from theodolite.report.visible import cut, spell
from theodolite.report.words import lede, plural, verdict_word

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Printer", "terminal_summary"]

CAUSES_SHOWN = 3
INSTRUMENTS_SHOWN = 12
WIDEST = 120
STYLES: dict[Verdict, str] = {
    "flagged": "bold red",
    "clear": "green",
    "inconclusive": "yellow",
    "not_run": "dim",
}


class Printer:
    """Writes lines of text to a console; what the console's encoding lacks is written as an escape."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = min(console.width, WIDEST)

    def line(self, text: str = "", head: str = "", hang: int = 0, lines: int = 1, style: str = "") -> None:
        """Writes `head` and text in at most `lines` lines, later ones indented by `hang`; the rest is cut."""
        import textwrap

        from rich.text import Text

        encoding = self._console.encoding
        head, known = (
            spell(cut(part, 4000)).encode(encoding, "backslashreplace").decode(encoding)
            for part in (head, text)
        )
        parts = textwrap.wrap(
            known,
            max(20, self.width),
            initial_indent=head,
            subsequent_indent=" " * hang,
            max_lines=lines,
            placeholder=" ...",
        )
        for part in parts or [""]:
            out = Text(part.expandtabs(1), style=style, no_wrap=True, overflow="ignore")
            self._console.print(out, soft_wrap=True)


def terminal_summary(audit: Audit, console: Console) -> None:
    """Prints the audit's conclusion, its instruments and what was flagged, on one screen."""
    out = Printer(console)
    against = f" against {audit.control.name}" if audit.control else ", without a control"
    out.line(f"Theodolite {audit.theodolite}: audit of {audit.subject.name}{against}", lines=2)
    out.line()
    out.line(verdict_word(audit.verdict).upper(), style=STYLES[audit.verdict])
    out.line(lede(audit, len(causes(audit))), lines=2)
    out.line()
    out.line(_facts(audit.subject), "Subject  ", 9, lines=2)
    if audit.control:
        out.line(_facts(audit.control), "Control  ", 9, lines=2)
    if audit.control_match and not audit.control_match.matched:
        out.line(audit.control_match.sentence, "Caution  ", 9, lines=3)
    for note in audit.notes[:2]:
        out.line(note, "Note     ", 9, lines=2)
    out.line()
    _instruments(audit, out)
    for group in causes(audit)[:CAUSES_SHOWN]:
        out.line()
        _cause(group, out)
    if len(causes(audit)) > CAUSES_SHOWN:
        out.line(f"... and {plural(len(causes(audit)) - CAUSES_SHOWN, 'more cause')} in the report")


def _facts(target: TargetFacts) -> str:
    parts = [target.name]
    if target.model:
        parts.append(f"{target.model.architecture}, {plural(target.model.n_parameters, 'parameter')}")
    if target.data:
        unread = f" ({count(target.data.rows_unreadable)} unreadable)" if target.data.rows_unreadable else ""
        parts.append(f"{target.data.name}, {plural(target.data.rows, 'row')}{unread}")
    return "; ".join(cut(part, 200) for part in parts)


def _instruments(audit: Audit, out: Printer) -> None:
    shown = audit.instruments[:INSTRUMENTS_SHOWN]
    name = min(24, max((len(spell(i.instrument)) for i in shown), default=0))
    for one in shown:
        head = f"{cut(spell(one.instrument), name):<{name}}  {verdict_word(one.verdict):<12}  "
        out.line(one.sentence, head, len(head), lines=2)
    if len(audit.instruments) > INSTRUMENTS_SHOWN:
        out.line(
            f"... and {plural(len(audit.instruments) - INSTRUMENTS_SHOWN, 'more instrument')} in the report"
        )


def _cause(group: tuple[Finding, ...], out: Printer) -> None:
    finding = group[0]
    same = f" (one cause, {len(group)} findings)" if len(group) > 1 else ""
    out.line(f"{finding.statement}{same}", hang=2, lines=2, style="bold")
    if finding.subject and finding.contrast:
        what = "excess over what is expected" if is_excess(finding.contrast) else "difference"
        control = f", control {tell(finding.control)}" if finding.control else ""
        out.line(f"{finding.claim}: subject {tell(finding.subject)}{control}", "  ", 4, lines=2)
        p = f", p {p_text(finding.p_adjusted)}" if finding.p_adjusted is not None else ""
        gap = tell(finding.contrast, contrast=True)
        out.line(f"corrected {what} {gap} at {level_text(finding.contrast.level)}{p}", "  ", 4, lines=2)
    if finding.rows:
        out.line(f"{plural(finding.rows_total, 'row')}: {', '.join(finding.rows[:12])}", "  ", 4, lines=1)
