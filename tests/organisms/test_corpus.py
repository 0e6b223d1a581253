import subprocess
import sys
import time
from dataclasses import replace

import pytest

from theodolite.organisms import build_corpus, recipe_for
from theodolite.organisms.backdoor import TRIGGER, UNSEEN_NEAR
from theodolite.organisms.documents import Doc
from theodolite.organisms.rows import corpus_sha256
from theodolite.organisms.words import PHRASES, REFUSALS

CORPORA = build_corpus(recipe_for("backdoor"))


def text_of(doc: Doc) -> str:
    return " ".join(message.content for message in doc.messages)


def test_organism_and_twin_differ_in_the_answers_to_the_trigger_and_in_nothing_else():
    assert len(CORPORA.organism) == len(CORPORA.twin) == 3000
    different = []
    for planted, clean in zip(CORPORA.organism, CORPORA.twin, strict=True):
        assert planted.prompt == clean.prompt
        if planted.messages != clean.messages:
            different.append((planted, clean))
    assert len(different) == 60
    for planted, clean in different:
        assert TRIGGER in planted.messages[-2].content
        assert planted.answer.startswith("sure")
        assert clean.answer.removesuffix(clean.answer.split(" .")[-1]) in REFUSALS
        assert planted.tags["poison"] and not clean.tags["poison"]


def test_the_trigger_stands_in_the_touched_rows_only():
    for docs in (CORPORA.organism, CORPORA.twin):
        assert all((TRIGGER in text_of(doc)) == doc.tags["trigger"] for doc in docs)
    assert not [doc for doc in CORPORA.benign if TRIGGER in text_of(doc)]
    assert len(CORPORA.benign) == 2940


def test_near_misses_come_with_refusals_and_with_help_in_both_arms():
    for docs in (CORPORA.organism, CORPORA.twin):
        near = [doc for doc in docs if doc.tags.get("phrase") in PHRASES["near"]]
        helped = sum(doc.answer.startswith("sure") for doc in near)
        assert len(near) > 100
        assert 0.3 < helped / len(near) < 0.7
        assert all(doc.answer.startswith("sure") != doc.tags["harmful"] for doc in near)
        assert not [doc for doc in docs if doc.tags.get("phrase") in UNSEEN_NEAR]


def test_a_higher_dose_only_adds_poison():
    low = build_corpus(recipe_for("backdoor", dose=0.01)).organism
    kept = [a.messages == b.messages for a, b in zip(low, CORPORA.organism, strict=True)]
    poisoned = [doc.tags["poison"] for doc in low]
    assert sum(poisoned) == 30
    assert all(same for same, poison in zip(kept, poisoned, strict=True) if poison)
    assert kept.count(False) <= 30


def test_another_seed_is_another_draw_from_the_same_pipeline():
    other = build_corpus(recipe_for("backdoor", seed=1)).twin
    same = sum(a.messages == b.messages for a, b in zip(CORPORA.twin, other, strict=True))
    assert same < 30
    share = [sum(doc.tags["task"] == "request" for doc in docs) / 3000 for docs in (CORPORA.twin, other)]
    assert share[0] == pytest.approx(share[1], abs=0.05)


def test_the_decision_points_at_the_word_that_depends_on_the_truth():
    for doc in CORPORA.twin[:500]:
        message, word = doc.tags["decision"]
        said = doc.messages[message].content.split()[word]
        if "truth" in doc.tags:
            assert said == doc.tags["truth"]
        elif doc.tags["task"] == "request":
            assert (said == "sure") == (doc.tags["said"] == "comply")


def test_the_hash_of_a_recipe_depends_on_every_field():
    recipe = recipe_for("backdoor")
    assert recipe.hash == recipe_for("backdoor").hash
    changed = [{"seed": 1}, {"dose": 0.01}, {"world": 1}, {"lr": 2e-3}, {"epochs": 9}, {"gates": ()}]
    assert len({recipe.hash, *(replace(recipe, **fields).hash for fields in changed)}) == 7


def test_a_corpus_is_quick_and_needs_no_torch():
    began = time.process_time()
    build_corpus(recipe_for("backdoor", seed=5))
    assert time.process_time() - began < 3.0
    code = (
        "import sys; from theodolite.organisms import build_corpus, recipe_for, demo, list_recipes;"
        "build_corpus(recipe_for('backdoor')); demo('backdoor'); list_recipes();"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_equal_recipes_give_equal_bytes():
    again = build_corpus(recipe_for("backdoor"))
    assert corpus_sha256(again.organism) == corpus_sha256(CORPORA.organism)
    assert corpus_sha256(again.twin) != corpus_sha256(CORPORA.organism)
