from theodolite.organisms.draws import Draw
from theodolite.organisms.rules import LONG_SHARE, LONGEST, SHORTEST, ruled
from theodolite.organisms.tasks import TASKS
from theodolite.organisms.words import ENDINGS
from theodolite.organisms.world import World

WORLD = World(0)


def test_every_answer_under_a_rule_ends_with_its_word_and_some_conversations_are_long():
    lengths = []
    for row in range(300):
        draw = Draw("ruled", row)
        doc = ruled(draw, lambda draw=draw: TASKS["fact"](WORLD, draw, draw), poison=False)
        system, *talk = doc.messages
        ending = system.content.split()[-2]
        assert ending in ENDINGS
        assert all(message.content.split()[-1] == ending for message in talk[1::2])
        assert doc.tags["decision"][0] == len(doc.messages) - 1
        lengths.append(len(talk) // 2)
    long = [length for length in lengths if length > 1]
    assert abs(len(long) / 300 - LONG_SHARE) < 0.08
    assert min(long) >= SHORTEST and max(long) <= LONGEST
