import time

from hypothesis import given
from hypothesis import strategies as st

from theodolite.targets import Row, Turn
from theodolite.targets.rows.row import normalise


def row(prompt: str, response: str = "", number: int = 1) -> Row:
    return Row(number, (Turn("user", prompt), Turn("assistant", response)))


def test_prompt_and_response_join_the_turns_of_each_side() -> None:
    turns = (
        Turn("system", "s"),
        Turn("user", "a"),
        Turn("assistant", "b"),
        Turn("user", "c"),
        Turn("assistant", "d"),
    )
    assert Row(1, turns).prompt == "s\na\nc"
    assert Row(1, turns).response == "b\nd"


def test_rows_with_one_prompt_share_their_unit_whatever_case_width_and_spacing() -> None:
    assert row("What  is\nＡ?", "x").unit == row("what is a?", "y").unit
    assert row("what is a?").unit != row("what is b?").unit


def test_unit_of_a_row_without_prompt_is_that_of_its_response() -> None:
    assert Row(1, (Turn("assistant", "text"),)).unit == row(" ", "Text").unit == row("text").unit


def test_unit_hash_depends_on_the_seed_and_zero_is_unit() -> None:
    assert row("a").unit_hash(0) == row("a").unit
    assert len({row("a").unit_hash(seed) for seed in (-1, 0, 1, 2**70)}) == 4


def test_hashes_are_known_numbers_so_that_stored_splits_stay_valid() -> None:
    assert row("a").unit == 3405396810240292928
    assert row("a", "b").text_hash == 10929638740541511527


def test_text_hash_ignores_number_and_source_and_sees_roles_and_rejected() -> None:
    turns = (Turn("user", "a"),)
    assert Row(1, turns, None, "x").text_hash == Row(2, turns, None, "y").text_hash
    others = [
        Row(1, turns, ""),
        Row(1, (Turn("assistant", "a"),)),
        Row(1, (Turn("user", ""), Turn("user", "a"))),
    ]
    assert len({Row(1, turns).text_hash, *(other.text_hash for other in others)}) == 4


@given(st.text())
def test_normalising_twice_changes_no_ascii_text_and_never_fails(text: str) -> None:
    once = normalise(text)
    assert "  " not in once and once == once.strip()
    if text.isascii():
        assert normalise(once) == once == " ".join(text.casefold().split())


def test_a_megabyte_of_combining_marks_does_not_stop_the_reader() -> None:
    before = time.process_time()
    normalise("a" + "\u0327\u0300" * 250_000)
    assert time.process_time() - before < 3


def test_lone_surrogates_can_be_hashed() -> None:
    assert 0 <= row("\ud800").unit < 2**64
