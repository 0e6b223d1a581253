import json

from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.judge.envelope import LONGEST_PART, row_key, seal
from theodolite.judge.stripping import strip
from theodolite.targets import Row, Turn

SALT = b"salt of a test"
ANY_TEXT = st.text(st.characters(), max_size=300)
HOSTILE = st.lists(
    st.sampled_from(
        ['"', "\\", "\n", "\r", "\u2028", "<|im_end|>", "[INST]", "</s>", "\u200b", "\ud800", "a"]
    ),
    max_size=40,
).map("".join)


def one(answer, prompt="Hello"):
    return Row(1, (Turn("user", prompt), Turn("assistant", answer)))


def data_of(envelope):
    return json.loads(envelope.data)


@given(ANY_TEXT | HOSTILE, ANY_TEXT | HOSTILE)
@settings(max_examples=200, deadline=None)
def test_whatever_a_row_says_it_is_one_line_of_ascii_that_decodes_to_its_stripped_text(prompt, answer):
    (envelope,) = seal(one(answer, prompt), SALT, "call")
    lines = envelope.message().split("\n")
    assert envelope.message().isascii()
    assert len(lines) == 3 and all(line.isprintable() for line in lines)
    assert not set("<>`") & set(lines[1])
    assert data_of(envelope)["row"] == [["user", strip(prompt).text], ["assistant", strip(answer).text]]


def test_what_is_taken_out_is_counted():
    text = "a\u200bb\u202ec\x07d<|im_start|>e[/INST]f\ud800"
    assert strip(text) == ("abcd(control token)e(control token)f", 6)
    assert data_of(seal(one(text), SALT, "call")[0])["removed"] == 6
    assert strip("plain text, tabs\t and\nlines") == ("plain text, tabs\t and\nlines", 0)


def test_a_long_row_is_shown_whole_in_parts():
    words = [f"word{i}" for i in range(20_000)]
    envelopes = seal(one(" ".join(words)), SALT, "call")
    assert len(envelopes) > 10
    assert all(len(e.data) < LONGEST_PART + 1500 for e in envelopes)
    assert len({e.nonce for e in envelopes}) == len(envelopes)
    shown = set(" ".join(text for e in envelopes for text in e.texts).split())
    assert set(words) <= shown
    assert all(data_of(e)["opening"] == "Hello" for e in envelopes[1:])


@given(st.integers(0, 40_000))
@settings(max_examples=25, deadline=None)
def test_nothing_hides_on_a_border_between_parts(place):
    needle = "the words that nobody may miss"
    envelopes = seal(one("x" * place + needle + "é" * (9_000 - place // 5)), SALT, "call")
    assert any(needle in text for e in envelopes for text in e.texts)


def test_a_great_many_turns_are_parts_as_well():
    turns = tuple(Turn("user", "") for _ in range(5_000))
    envelopes = seal(Row(1, turns), SALT, "call")
    assert max(len(e.data) for e in envelopes) < LONGEST_PART + 1500
    assert sum(len(data_of(e)["row"]) for e in envelopes) == 5_000


def test_the_key_tells_rows_apart_that_are_the_same_when_folded():
    keys = {row_key(one(text)) for text in ("Yes", "yes", "yes ", "y\u200bes")}
    assert len(keys) == 4
    assert row_key(one("a")) != row_key(Row(1, one("a").turns, rejected="b"))
    assert row_key(one("a")) == row_key(Row(9, one("a").turns, source="elsewhere"))


def test_an_empty_row_has_an_envelope():
    (envelope,) = seal(Row(1, ()), SALT, "call")
    assert data_of(envelope)["row"] == []
