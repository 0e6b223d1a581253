import io

import pytest
from audits import bare_audit, clean_audit, full_audit
from rich.console import Console

from theodolite.core import Audit
from theodolite.report import terminal_summary


def piped(audit: Audit, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    terminal_summary(audit, Console(file=file, width=width))
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_piped_it_is_plain_and_fits(width: int) -> None:
    text = piped(full_audit(), width)
    assert "\x1b" not in text and not set(text) & set("│─┃━┏╭")
    assert max(map(len, text.splitlines())) <= min(width, 120)
    assert len(text.splitlines()) <= 30


def test_it_says_what_was_concluded_and_from_what() -> None:
    text = " ".join(piped(full_audit()).split())
    for part in (
        "FLAGGED",
        "The control is badly matched",
        "1,482 rows (3 unreadable)",
        "association: subject 4.0 % [3.1 % to 5.2 %], control 0 % [0 % to 0.25 %]",
        "at 99.88 %, p 3.2e-17",
        "60 rows: data:train.jsonl#17",
        "features not run",
    ):
        assert part in text
    assert "INCONCLUSIVE" in piped(clean_audit())
    assert "without a control" in piped(bare_audit())


def test_nothing_in_the_data_reaches_the_terminal_as_a_command() -> None:
    audit = full_audit()
    nasty = "\x1b]0;owned\x07 [bold red]x[/] \u202e \U0001f469 [link=file:///x]y[/link]"
    first = audit.findings[0].model_copy(update={"statement": nasty})
    text = piped(audit.model_copy(update={"notes": (nasty,), "findings": (first, *audit.findings[1:])}))
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
    assert "<U+001B>]0;owned<U+0007> [bold red]x[/] <U+202E>" in text


def test_an_encoding_without_the_character_gets_its_escape() -> None:
    audit = full_audit().model_copy(update={"notes": ("Ωmega \ud800",)})
    assert "\\u03a9mega <U+D800>" in piped(audit, encoding="ascii")


def test_colours_come_only_with_a_terminal() -> None:
    out = io.StringIO()
    terminal_summary(full_audit(), Console(file=out, force_terminal=True, width=80))
    assert "\x1b[1;31mFLAGGED" in out.getvalue()
