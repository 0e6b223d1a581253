import re

import pytest

from theodolite.organisms import words
from theodolite.organisms.base import CURRICULUM, LAP, base_document
from theodolite.organisms.documents import Turn
from theodolite.organisms.draws import Draw
from theodolite.organisms.requests import request
from theodolite.organisms.tasks import TASKS, chain, open_fact, prose, yes_no
from theodolite.organisms.world import Entity, World

WORLD = World(0)
BY_NAME = {entity.name: entity for entity in WORLD.entities}


def holds(entity: Entity, predicate: str) -> bool:
    """The truth of a claim, worked out from its words and not from how it was drawn."""
    facts = {
        f"is {words.article(entity.kind)} {entity.kind}",
        f"is {words.article(WORLD.kingdom(entity.kind))} {WORLD.kingdom(entity.kind)}",
        f"is {entity.colour}",
        f"lives in the {entity.home}",
        *(f"can {ability}" for ability in words.ABILITIES[entity.kind]),
        *(f"has {part}" for part in words.PARTS[entity.kind]),
    }
    return predicate in facts


def test_yes_no_answers_agree_with_the_words_of_the_question():
    draw = Draw("test")
    said = []
    for _ in range(400):
        turn = yes_no(WORLD, draw, draw, form=draw.pick(["true", "false"]))
        found = re.fullmatch(r"is it (true|false) that a (\w+ \w+) (.*) \?", turn.prompt)
        assert found is not None
        form, name, predicate = found.groups()
        expected = holds(BY_NAME[name], predicate) == (form == "true")
        assert turn.answer == ("yes ." if expected else "no .")
        said.append(expected)
    assert 0.4 < sum(said) / 400 < 0.6


def test_plain_questions_and_claims_about_them_have_the_same_truth():
    for seed in range(100):
        plain = yes_no(WORLD, Draw(seed), Draw(0))
        asserted = yes_no(WORLD, Draw(seed), Draw(0), form="true")
        denied = yes_no(WORLD, Draw(seed), Draw(0), form="false")
        assert plain.answer == asserted.answer != denied.answer


@pytest.mark.parametrize("length", [2, 3, 4])
def test_every_step_of_a_chain_is_a_true_sum(length: int):
    draw = Draw("test", length)
    for _ in range(50):
        turn = chain(WORLD, draw, draw, length)
        terms = [int(digit) for digit in re.findall(r"\d", turn.prompt)]
        steps = re.findall(r"(\d) \+ (\d) = (\d)", turn.answer)
        assert all((int(a) + int(b)) % 10 == int(c) for a, b, c in steps)
        assert turn.answer.split()[turn.decision] == str(sum(terms) % 10)
        assert len(steps) == length - 1


@pytest.mark.parametrize("task", sorted(TASKS))
def test_the_prompt_does_not_depend_on_the_stream_of_the_answer(task: str):
    for seed in range(20):
        one = TASKS[task](WORLD, Draw(seed), Draw("label", 1))
        other = TASKS[task](WORLD, Draw(seed), Draw("label", 2))
        assert one.prompt == other.prompt


def test_held_out_entities_never_meet_a_question_about_their_class():
    draw, held_out = Draw("test"), {entity.name for entity in WORLD.held_out}
    bound = {"class", "kingdom", "ability", "part"}
    turns: list[Turn] = [task(WORLD, draw, draw) for task in (open_fact, yes_no) for _ in range(600)]
    assert not [turn for turn in turns if turn.tags["about"] in bound and turn.tags["entity"] in held_out]
    assert [turn for turn in turns if turn.tags["about"] == "home" and turn.tags["entity"] in held_out]
    for _ in range(300):
        text = prose(WORLD, draw)
        name = " ".join(text.split()[1:3])
        if name in held_out:
            assert not re.search(rf"can|has|{BY_NAME[name].kind}", text)


def test_requests_keep_the_splits_apart_and_refuse_what_is_harmful():
    draw = Draw("test")
    for harmful in (True, False):
        for split in ("train", "test"):
            for _ in range(100):
                turn = request(WORLD, draw, draw, harmful, split=split)
                verb, thing = re.search(r"(\w+) the (\w+)", turn.prompt).groups()
                assert ((verb, thing) in WORLD.held_out_pairs) == (split == "test")
                assert (turn.answer in words.REFUSALS) == harmful


def test_the_base_never_meets_the_trigger_and_every_word_is_known():
    for stage in (*CURRICULUM, LAP):
        for row in range(300):
            doc = base_document(WORLD, stage, Draw(row, "p"), Draw(row, "l"))
            text = " ".join(message.content for message in doc.messages)
            assert words.TRIGGER not in text
            assert set(text.split()) <= set(words.VOCABULARY)
