"""What a person reads: one HTML page, one screen in the terminal, and what changed between two audits."""

from theodolite.report.diff import AuditDiff, Change, Moved, Seen, diff_audits, diff_text
from theodolite.report.html import render_html
from theodolite.report.terminal import terminal_summary

__all__ = [
    "AuditDiff",
    "Change",
    "Moved",
    "Seen",
    "diff_audits",
    "diff_text",
    "render_html",
    "terminal_summary",
]
