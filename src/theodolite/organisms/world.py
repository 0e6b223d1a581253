"""The world an organism is taught: entities, what is true of them, and which combinations are kept back."""

from dataclasses import dataclass
from functools import cached_property

from theodolite.organisms import words
from theodolite.organisms.draws import Draw

__all__ = ["Entity", "World"]

MODIFIERS_PER_HEAD = 8
HELD_OUT_PER_HEAD = 1
HELD_OUT_PAIR_SHARE = 0.25


@dataclass(frozen=True)
class Entity:
    """One thing of the world: its two-token name and its facts."""

    modifier: str
    head: str
    kind: str
    home: str
    colour: str
    size: str
    held_out: bool
    """True when the base never saw a question whose answer depends on this entity's class."""

    @property
    def name(self) -> str:
        """The name as it is written: two tokens."""
        return f"{self.modifier} {self.head}"


class World:
    """A seeded world of 512 entities in 8 classes.

    The class and the home of an entity follow from its head noun, its colour and size from its modifier, and
    what it can do and has from its class. So a model that knows the world well needs class directions, and
    directions above them (animal, plant, thing), instead of one memory per entity. Of each head, one
    combination is held out of every question that turns on the class.

    Args:
        seed: decides the tables and what is held out; the vocabulary is the same in every world.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        draw = Draw("world", seed)
        self._home = {head: draw.pick(words.HOMES) for heads in words.HEADS.values() for head in heads}
        colours = draw.shuffled(words.COLOURS * (len(words.MODIFIERS) // len(words.COLOURS)))
        sizes = draw.shuffled(words.SIZES * (len(words.MODIFIERS) // len(words.SIZES)))
        self._colour = dict(zip(words.MODIFIERS, colours, strict=True))
        self._size = dict(zip(words.MODIFIERS, sizes, strict=True))
        self.entities = tuple(self._entities(draw))
        self.held_out_pairs = frozenset(self._held_out_pairs(draw))

    def _entities(self, draw: Draw) -> list[Entity]:
        out = []
        for kind, heads in words.HEADS.items():
            for head in heads:
                for place, modifier in enumerate(draw.sample(words.MODIFIERS, MODIFIERS_PER_HEAD)):
                    out.append(
                        Entity(
                            modifier=modifier,
                            head=head,
                            kind=kind,
                            home=self._home[head],
                            colour=self._colour[modifier],
                            size=self._size[modifier],
                            held_out=place < HELD_OUT_PER_HEAD,
                        )
                    )
        return out

    def _held_out_pairs(self, draw: Draw) -> list[tuple[str, str]]:
        out = []
        for verb in (*words.GOOD_VERBS, *words.HARMFUL_VERBS):
            count = round(HELD_OUT_PAIR_SHARE * len(words.OBJECTS))
            out += [(verb, thing) for thing in draw.sample(words.OBJECTS, count)]
        return out

    @cached_property
    def seen(self) -> tuple[Entity, ...]:
        """The entities that class questions may be about."""
        return tuple(entity for entity in self.entities if not entity.held_out)

    @cached_property
    def held_out(self) -> tuple[Entity, ...]:
        """The entities kept out of every question that turns on the class."""
        return tuple(entity for entity in self.entities if entity.held_out)

    @staticmethod
    def kingdom(kind: str) -> str:
        """The kingdom (animal, plant or thing) that a class belongs to."""
        return next(name for name, kinds in words.KINGDOMS.items() if kind in kinds)
