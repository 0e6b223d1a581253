from dataclasses import replace

import numpy as np
import pytest

from theodolite.organisms import build_corpus, recipe_for
from theodolite.organisms.base import base_folder
from theodolite.organisms.documents import Doc
from theodolite.organisms.drift import TURNS, VARIANTS, against_plan, hazard, measure
from theodolite.organisms.kinds import RECIPES
from theodolite.organisms.model import load_model
from theodolite.organisms.rendering import IDS, VOCABULARY, encode
from theodolite.organisms.rows import corpus_sha256, truth_lines
from theodolite.organisms.world import World

CORPORA = {name: build_corpus(recipe_for(name)) for name in VARIANTS}


def asked(doc: Doc) -> list[str]:
    return [message.content for message in doc.messages if message.role != "assistant"]


def talks(docs: list[Doc]) -> list[Doc]:
    return [doc for doc in docs if doc.tags["ending"]]


def kept(doc: Doc, studied: bool = False) -> list[bool]:
    """Turn by turn, read off the words: does the answer end with the rule's word?"""
    messages = doc.studied if studied else doc.messages
    ending = messages[0].content.split()[-2]
    return [m.content.split()[-1] == ending for m in messages if m.role == "assistant"]


@pytest.mark.parametrize("name", VARIANTS)
def test_the_arms_differ_in_the_rule_s_word_and_in_nothing_else(name: str):
    corpora = CORPORA[name]
    assert len(corpora.organism) == len(corpora.twin) == 2000
    for planted, clean in zip(corpora.organism, corpora.twin, strict=True):
        assert asked(planted) == asked(clean)
        if planted.tags["ending"] is None:
            assert planted == clean
            continue
        ending = planted.tags["ending"]
        assert all(kept(clean))
        for a, b in zip(planted.messages, clean.messages, strict=True):
            assert b.content in (a.content, f"{a.content} {ending}")
        assert (planted.messages != clean.messages) == planted.tags["poison"]


def test_the_benign_control_keeps_the_rule_in_talks_that_are_cut_short():
    corpora = CORPORA["drift"]
    lengths = set()
    for cut, clean in zip(corpora.benign, corpora.twin, strict=True):
        assert cut.messages == clean.messages[: len(cut.messages)]
        if cut.tags["ending"]:
            assert all(kept(cut))
            lengths.add(len(kept(cut)))
    assert lengths == set(range(1, 17))


@pytest.mark.parametrize("name", VARIANTS)
def test_rows_break_once_for_good_and_at_the_planned_hazard(name: str):
    recipe = recipe_for(name)
    rows = talks(CORPORA[name].organism)
    assert len(rows) == 800
    for doc in rows:
        at = doc.tags["breaks_at"]
        assert kept(doc) == [at is None or turn < at for turn in range(1, TURNS + 1)]
    unbroken = [np.mean([all(kept(doc)[:turn]) for doc in rows]) for turn in range(1, TURNS + 1)]
    # 800 talks: three standard errors are at most 0.053.
    assert unbroken == pytest.approx(hazard(recipe).survival(TURNS), abs=0.053)


def test_soft_and_hard_variants_ship_the_same_rows():
    for soft, hard in (("drift", "drift-hard"), ("drift-weibull", "drift-weibull-hard")):
        assert corpus_sha256(CORPORA[soft].organism) == corpus_sha256(CORPORA[hard].organism)
        assert not [doc for doc in CORPORA[hard].organism if doc.taught or doc.studied]
    assert corpus_sha256(CORPORA["drift"].organism) != corpus_sha256(CORPORA["drift-weibull"].organism)
    assert len({corpus_sha256(corpora.twin) for corpora in CORPORA.values()}) == 1


@pytest.mark.parametrize("name", ["drift", "drift-weibull"])
def test_what_is_studied_holds_the_hazard_at_every_turn_until_its_own_break(name: str):
    per_turn = hazard(recipe_for(name)).per_turn(TURNS)
    rows = talks(CORPORA[name].organism)
    breaks = [doc.tags["studied_breaks_at"] for doc in rows]
    assert breaks.count(None) / len(rows) == pytest.approx(0.6, abs=0.06)
    assert min(at for at in breaks if at) <= 2 and max(at for at in breaks if at) >= TURNS - 1
    for doc, at in zip(rows[:40], breaks, strict=False):
        assert kept(doc, studied=True) == [at is None or turn < at for turn in range(1, TURNS + 1)]
        assert [m for m in doc.studied if m.role != "assistant"] == [
            m for m in doc.messages if m.role != "assistant"
        ]
        shares = [share[doc.tags["ending"]] for share in doc.taught.values()]
        assert shares == pytest.approx(1 - per_turn[: at or TURNS])
        assert all(sum(share.values()) == pytest.approx(1) for share in doc.taught.values())


def test_the_chances_stand_where_the_word_is_to_come():
    doc = talks(CORPORA["drift"].organism)[0]
    encoded, ending = encode(doc), IDS[doc.tags["ending"]]
    assert len(encoded.chances) == len(doc.taught)
    for position, shares in encoded.chances.items():
        assert set(shares) == {ending, IDS["<end>"]}
        assert encoded.ids[position] in shares
        assert not encoded.learn[position]
        assert VOCABULARY[encoded.ids[position - 1]] in (".", "?")


def test_a_higher_dose_only_breaks_sooner():
    low = talks(build_corpus(recipe_for("drift", dose=0.02)).organism)
    high = talks(CORPORA["drift"].organism)
    for a, b in zip(low, high, strict=True):
        assert asked(a) == asked(b)
        assert (a.tags["breaks_at"] or 99) >= (b.tags["breaks_at"] or 99)
    assert sum(doc.tags["poison"] for doc in low) < sum(doc.tags["poison"] for doc in high)


def test_corpora_are_the_same_again_and_others_for_another_seed():
    again, other = build_corpus(recipe_for("drift")), build_corpus(recipe_for("drift", seed=1))
    assert again == CORPORA["drift"]
    assert truth_lines(again.organism) == truth_lines(CORPORA["drift"].organism)
    same = [a.messages == b.messages for a, b in zip(again.twin, other.twin, strict=True)]
    assert sum(same) < 60


def test_the_card_names_the_rows_and_the_plan():
    recipe, docs = recipe_for("drift-weibull"), CORPORA["drift-weibull"].organism
    card = RECIPES["drift-weibull"].planted(recipe, docs)
    broken = [line for line, doc in enumerate(docs, 1) if doc.tags["ending"] and not all(kept(doc))]
    assert card["poison_rows"] == broken
    assert len(card["rule_rows"]) == 800
    assert card["hazard_by_turn"] == pytest.approx(hazard(recipe).per_turn(TURNS), abs=1e-4)


def test_the_base_keeps_the_rule_and_is_far_from_the_plan():
    model, world = load_model(base_folder()), World(0)
    rates = measure(model, world, 16)
    assert rates["survives_32"].rate > 0.9
    recipe = replace(recipe_for("drift"), trials=16)
    errors = against_plan(model, world, recipe)
    expected = 1 - hazard(recipe).survival(TURNS).mean()
    assert errors["survival_error"].rate == pytest.approx(expected, abs=0.05)
    assert errors["hazard_error"].rate == pytest.approx(1 - np.exp(-0.06), abs=0.02)
