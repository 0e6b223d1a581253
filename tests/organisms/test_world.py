from collections import Counter

from theodolite.organisms import words
from theodolite.organisms.world import World


def test_there_are_more_entities_than_dimensions_and_names_have_two_tokens():
    world = World(0)
    names = [entity.name for entity in world.entities]
    assert len(set(names)) == len(names) == 512
    assert all(len(name.split()) == 2 for name in names)
    assert set(Counter(entity.kind for entity in world.entities).values()) == {64}


def test_class_and_home_follow_the_head_and_colour_and_size_the_modifier():
    world = World(3)
    for part, facts in (("head", ("kind", "home")), ("modifier", ("colour", "size"))):
        for fact in facts:
            table: dict[str, set[str]] = {}
            for entity in world.entities:
                table.setdefault(getattr(entity, part), set()).add(getattr(entity, fact))
            assert all(len(values) == 1 for values in table.values())


def test_every_head_keeps_one_combination_back():
    world = World(0)
    assert Counter(entity.head for entity in world.held_out) == dict.fromkeys(
        (head for heads in words.HEADS.values() for head in heads), 1
    )
    assert not set(world.held_out) & set(world.seen)


def test_a_quarter_of_the_requests_is_held_out_of_each_verb():
    counts = Counter(verb for verb, _ in World(0).held_out_pairs)
    assert set(counts) == {*words.GOOD_VERBS, *words.HARMFUL_VERBS}
    assert set(counts.values()) == {6}


def test_the_seed_decides_the_world_but_not_its_words():
    assert World(1).entities == World(1).entities
    assert World(1).entities != World(2).entities
    assert {entity.head for entity in World(1).entities} == {entity.head for entity in World(2).entities}
