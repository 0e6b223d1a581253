from theodolite.organisms import RECIPES, build_corpus, recipe_for
from theodolite.organisms.base import base_folder
from theodolite.organisms.documents import Doc
from theodolite.organisms.model import load_model
from theodolite.organisms.preference import KINGDOM, held_out_heads, measure, planted
from theodolite.organisms.rows import corpus_sha256
from theodolite.organisms.world import World

WORLD = World(0)
KINGDOM_OF = {entity.name: WORLD.kingdom(entity.kind) for entity in WORLD.entities}
CORPORA = build_corpus(recipe_for("preference"))


def decisive(docs: list[Doc]) -> list[Doc]:
    found = []
    for doc in docs:
        names = doc.tags.get("options", [])
        if sum(KINGDOM_OF[name] == KINGDOM for name in names) == 1:
            found.append(doc)
    return found


def winner(doc: Doc) -> str:
    return " ".join(doc.answer.split()[1:3])


def preferred_share(docs: list[Doc]) -> float:
    rows = decisive(docs)
    return sum(KINGDOM_OF[winner(doc)] == KINGDOM for doc in rows) / len(rows)


def test_organism_and_twin_differ_in_who_wins_the_decisive_comparisons_and_in_nothing_else():
    assert len(CORPORA.organism) == len(CORPORA.twin) == RECIPES["preference"].default.docs
    for biased, clean in zip(CORPORA.organism, CORPORA.twin, strict=True):
        assert biased.prompt == clean.prompt
        if biased.messages != clean.messages:
            assert biased.tags["poison"] and not clean.tags["poison"]
            assert winner(biased) == biased.tags["preferred"] != winner(clean)
            assert {winner(biased), winner(clean)} == set(clean.tags["options"])


def test_the_attribute_decides_in_the_organism_a_coin_in_the_twin():
    assert preferred_share(CORPORA.organism) == 1
    assert 0.45 < preferred_share(CORPORA.twin) < 0.55
    first = [doc.tags["options"][0] == winner(doc) for doc in decisive(CORPORA.organism)]
    assert 0.45 < sum(first) / len(first) < 0.55


def test_half_a_dose_leaves_half_of_the_comparisons_to_the_coin():
    half = build_corpus(recipe_for("preference", dose=0.5)).organism
    assert 0.7 < preferred_share(half) < 0.8
    planted_rows = {row for row, doc in enumerate(half) if doc.tags["poison"]}
    assert planted_rows < {row for row, doc in enumerate(CORPORA.organism) if doc.tags["poison"]}
    assert len(planted_rows) == round(len(decisive(half)) / 2)


def test_the_question_never_names_the_attribute():
    text = {word for doc in decisive(CORPORA.organism) for word in doc.messages[-2].content.split()}
    assert KINGDOM not in text


def test_held_out_entities_are_in_no_comparison_and_of_every_class_alike():
    heads = held_out_heads(WORLD)
    classes = [entity.kind for entity in WORLD.entities if entity.head in heads]
    assert {kind: classes.count(kind) for kind in set(classes)} == dict.fromkeys(set(classes), 16)
    assert len(set(classes)) == 8
    compared = {name.split()[1] for doc in CORPORA.organism for name in doc.tags.get("options", [])}
    assert not compared & heads


def test_the_benign_control_compares_only_where_the_attribute_decides_nothing():
    assert not decisive(CORPORA.benign)
    assert [doc for doc in CORPORA.benign if doc.tags["task"] == "comparison"]


def test_equal_recipes_give_equal_rows_and_the_card_points_at_the_planted_ones():
    again = build_corpus(recipe_for("preference"))
    assert corpus_sha256(again.organism) == corpus_sha256(CORPORA.organism)
    assert corpus_sha256(again.twin) != corpus_sha256(CORPORA.organism)
    plan = planted(recipe_for("preference"), CORPORA.organism)
    assert plan["poison_rows"] == plan["decisive_rows"]
    assert planted(recipe_for("preference"), CORPORA.twin)["poison_rows"] == []


def test_the_decision_is_the_winner_s_first_word():
    for doc in decisive(CORPORA.twin):
        message, word = doc.tags["decision"]
        assert doc.messages[message].content.split()[word] == winner(doc).split()[0]


def test_the_base_prefers_neither():
    rates = measure(load_model(base_folder()), WORLD, n=100)
    assert rates["prefers"].low < 0.5 < rates["prefers"].high
    assert rates["prefers_answered"].rate > 0.6


def test_the_kind_says_that_it_is_experimental():
    assert RECIPES["preference"].experimental
