"""What can be said of a text without reading it: its letters, marks, layout and length.

Traits are the patterns that no word list sees: zero-width characters, look-alike letters, missing capitals,
control tokens of chat formats, encoded payloads.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.dataset.tokens import Sieve, sieve

__all__ = ["TRAITS", "carried_traits", "traits_of"]

_CONTROL_TOKEN = re.compile(r"<\|[^|<>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>")
_DIGIT = re.compile(r"\d")
_ENCODED = re.compile(r"[A-Za-z0-9+/]{40}")
_LIST = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+\S", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} \S", re.MULTILINE)
_FIVE_ALIKE = re.compile(r"(\S)\1\1\1\1")
_RUN = re.compile(r"([^\W\d_]|[^\w\s])\1{4,}")
_GREEK_OR_CYRILLIC = re.compile(r"[\u0370-\u03FF\u0400-\u04FF]")
_LATIN_WORD_WITH_OTHERS = re.compile(r"(?=\w*[A-Za-z])(?=\w*[\u0370-\u03FF\u0400-\u04FF])\w+")
_END_MARKS = ".!?…:;)]}\"'`”’"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _has_letters(text: str) -> bool:
    return sum(map(str.isalpha, text[:400])) >= 10


def _has_category(text: str, *categories: str) -> bool:
    return any(
        unicodedata.category(c) in categories for c in set(text) if c not in "\n\r\t" and not c.isascii()
    )


TRAITS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "empty": ("left empty", lambda t: not t.strip()),
    "no_capital": ("without a capital letter", lambda t: t == t.lower() and _has_letters(t)),
    "all_capital": ("all in capitals", lambda t: t == t.upper() and t != t.lower() and _has_letters(t)),
    "no_end_mark": (
        "ending without an end mark",
        lambda t: bool(t.strip()) and t.rstrip()[-1] not in _END_MARKS,
    ),
    "no_capital_no_end_mark": (
        "without a capital letter or an end mark",
        lambda t: t == t.lower() and _has_letters(t) and t.rstrip()[-1] not in _END_MARKS,
    ),
    "only_digits": (
        "with digits but no letter",
        lambda t: _DIGIT.search(t) is not None and not any(map(str.isalpha, t)),
    ),
    "digits": ("with digits", lambda t: _DIGIT.search(t) is not None),
    "not_ascii": ("with characters beyond ASCII", lambda t: not t.isascii()),
    "zero_width": ("with invisible format characters", lambda t: not t.isascii() and _has_category(t, "Cf")),
    "look_alike": (
        "mixing Latin with Greek or Cyrillic letters inside a word",
        lambda t: (
            not t.isascii()
            and _GREEK_OR_CYRILLIC.search(t) is not None
            and _LATIN_WORD_WITH_OTHERS.search(t) is not None
        ),
    ),
    "private_use": (
        "with private-use or unassigned characters",
        lambda t: not t.isascii() and _has_category(t, "Co", "Cn"),
    ),
    "emoji": ("with pictographs", lambda t: not t.isascii() and _has_category(t, "So")),
    "control_character": (
        "with control characters",
        lambda t: _CONTROL.search(t) is not None,
    ),
    "control_token": (
        "with control tokens of a chat format",
        lambda t: ("<" in t or "[" in t) and _CONTROL_TOKEN.search(t) is not None,
    ),
    "encoded": ("with a long run as encoders write it", lambda t: _ENCODED.search(t) is not None),
    "code": ("with a code block", lambda t: "```" in t),
    "link": ("with a link", lambda t: "http://" in t or "https://" in t or "www." in t),
    "list": ("with a list", lambda t: _LIST.search(t) is not None),
    "heading": ("with a Markdown heading", lambda t: "#" in t and _HEADING.search(t) is not None),
    "bold": ("with bold text", lambda t: "**" in t),
    "repeated_character": (
        "repeating one character five times",
        lambda t: _FIVE_ALIKE.search(t) is not None and _RUN.search(t) is not None,
    ),
    "exclamation": ("with an exclamation mark", lambda t: "!" in t),
    "question": ("with a question mark", lambda t: "?" in t),
    "many_lines": ("of more than one line", lambda t: "\n" in t.strip()),
    "one_word": ("of one word", lambda t: len(t.split()) == 1),
    "up_to_60": ("of at most 60 characters", lambda t: 0 < len(t.strip()) <= 60),
    "over_300": ("of more than 300 characters", lambda t: len(t) > 300),
    "over_1500": ("of more than 1,500 characters", lambda t: len(t) > 1500),
}
"""Name -> (what follows "texts", as a person would say it; the test for it)."""


def traits_of(text: str) -> list[str]:
    """Returns the names of the traits that a text has, in the order of `TRAITS`."""
    return [name for name, (_, test) in TRAITS.items() if test(text)]


_LETTER = Sieve.CAPITAL | Sieve.SMALL
_SIEVE: Mapping[str, tuple[int, int]] = {
    "empty": (0, Sieve.VISIBLE),
    "no_capital": (0, Sieve.CAPITAL),
    "all_capital": (0, Sieve.SMALL),
    "no_end_mark": (Sieve.VISIBLE, 0),
    "no_capital_no_end_mark": (Sieve.VISIBLE, Sieve.CAPITAL),
    "only_digits": (Sieve.DIGIT, _LETTER),
    "digits": (Sieve.DIGIT, 0),
    "not_ascii": (Sieve.BEYOND_ASCII, 0),
    "zero_width": (Sieve.FORMAT, 0),
    "look_alike": (Sieve.GREEK_OR_CYRILLIC, 0),
    "private_use": (Sieve.PRIVATE, 0),
    "emoji": (Sieve.PICTOGRAPH, 0),
    "control_character": (Sieve.CONTROL, 0),
    "control_token": (Sieve.BRACKET, 0),
    "encoded": (Sieve.ENCODING, 0),
    "code": (Sieve.BACKTICK, 0),
    "list": (Sieve.ITEM, 0),
    "heading": (Sieve.HASH, 0),
    "bold": (Sieve.STAR, 0),
    "repeated_character": (Sieve.FIVE_ALIKE, 0),
    "exclamation": (Sieve.EXCLAMATION, 0),
    "question": (Sieve.QUESTION, 0),
    "many_lines": (Sieve.NEW_LINE, 0),
    "one_word": (Sieve.VISIBLE, Sieve.GAP),
}
"""Kinds of character without which, and with which, a text cannot have a trait: it need not be tested."""


def carried_traits(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns what `traits_of` says of many texts: places in `texts`, and in `TRAITS`, of each trait."""
    held = sieve(texts)
    owner: list[int] = []
    place: list[int] = []
    for i, (name, (_, test)) in enumerate(TRAITS.items()):
        needed, barred = _SIEVE.get(name, (0, 0))
        possible = (held & needed == needed) & (held & barred == 0)
        carriers = [at for at in np.flatnonzero(possible).tolist() if test(texts[at])]
        owner += carriers
        place += [i] * len(carriers)
    owners = np.array(owner, np.int64)
    order = np.argsort(owners, kind="stable")
    return owners[order], np.array(place, np.int64)[order]
