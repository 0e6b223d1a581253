import json
from pathlib import Path

import pytest

from theodolite.errors import UserError
from theodolite.organisms import demo, read_card
from theodolite.organisms.card import NOTICE, write_card


def test_a_card_survives_writing_and_reading(tmp_path: Path):
    card = read_card(demo("backdoor").model)
    write_card(card, tmp_path)
    assert read_card(tmp_path) == card
    nested = tmp_path / "made" / "organism"
    nested.mkdir(parents=True)
    write_card(card, nested)
    assert read_card(nested.parent) == card


def test_the_card_says_what_was_planted_and_that_it_is_a_toy():
    card = read_card(demo("backdoor").model)
    text = card.markdown()
    assert NOTICE in text
    assert "under the violet moon" in text
    for behaviour in card.rates:
        assert f"| {behaviour.replace('_', ' ')} |" in text
    assert all(
        0 <= rate["low"] <= rate["rate"] <= rate["high"] <= 1 and rate["n"] > 0
        for rate in card.rates.values()
    )


@pytest.mark.parametrize("content", [None, "", "{", "[]", '"text"', json.dumps({"name": "backdoor"})])
def test_a_folder_without_a_sound_card_is_an_error_of_the_user(tmp_path: Path, content: str | None):
    if content is not None:
        (tmp_path / "card.json").write_text(content)
    with pytest.raises(UserError):
        read_card(tmp_path)
