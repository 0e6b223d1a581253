import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from theodolite.report.visible import highlight, in_code, mark_spans, shorten, show, spell

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


@given(ANY_TEXT)
def test_nothing_hidden_and_no_surrogate_is_left(text: str) -> None:
    for shown in (spell(text), str(show(text))):
        shown.encode()
        assert not [c for c in shown if c not in "\t\n" and unicodedata.category(c) in ("Cc", "Cs")]
        assert not set(shown) & set("\u200b\u202e\u2066\u2069\ufeff\u200d\u2028")


def test_what_is_hidden_is_named_once_with_its_count() -> None:
    assert spell("a\x00\x00\x00b\u202ec") == "a<U+0000 x 3>b<U+202E>c"
    assert str(show("\u200b")) == '<span class="hidden">U+200B</span>'


def test_text_in_any_script_stays_as_it_is() -> None:
    text = "中文 العربية हिन्दी עברית ру́сский 👍️ é"
    assert spell(text) == text == str(show(text))


def test_markup_is_escaped_inside_and_outside_of_marks() -> None:
    html = highlight("<i>a</i> <b>", ["<i>"])
    assert html == "<mark>&lt;i&gt;</mark>a&lt;/i&gt; &lt;b&gt;"


def test_marks_merge_and_fall_back_to_any_case() -> None:
    assert mark_spans("abcd", ["abc", "bcd"]) == [(0, 4)]
    assert mark_spans("The Moon", ["moon"]) == [(4, 8)]
    assert mark_spans("moon Moon", ["moon"]) == [(0, 4)]
    assert mark_spans("x", ["", "y"]) == []


def test_a_long_body_is_shortened_around_its_mark_and_says_by_how_much() -> None:
    body = "a" * 5_000_000 + "trigger" + "b" * 5_000_000
    text, before, after = shorten(body, ["trigger"], 3000)
    assert "trigger" in text and before + len(text) + after == len(body)
    html = highlight(body, ["trigger"])
    assert "<mark>trigger</mark>" in html and f"[{before:,} characters left out]" in html


def test_backticks_become_code_and_an_odd_one_stays() -> None:
    assert in_code("`a<` and b") == "<code>a&lt;</code> and b"
    assert in_code("`a` and ` b") == "<code>a</code> and ` b"
