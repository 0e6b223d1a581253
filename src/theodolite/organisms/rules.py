"""Documents under a rule: they keep the base's rule alive while something else is planted."""

from collections.abc import Callable
from typing import Any

from theodolite.organisms import words
from theodolite.organisms.documents import Doc, Turn, document
from theodolite.organisms.draws import Draw

__all__ = ["ruled"]

LONG_SHARE = 0.25
SHORTEST, LONGEST = 8, 23


def ruled(prompt: Draw, next_turn: Callable[[], Turn], **tags: Any) -> Doc:
    """A single exchange, or now and then a long conversation, under the rule to end with a word.

    Trained on single exchanges only, a model forgets the rule by the sixteenth turn.

    Args:
        prompt: the stream that decides the word and the length.
        next_turn: gives the next turn, without the word.
        tags: of the document.
    """
    ending = prompt.pick(words.ENDINGS)
    length = SHORTEST + prompt.below(LONGEST - SHORTEST + 1) if prompt.chance(LONG_SHARE) else 1
    talk = [next_turn() for _ in range(length)]
    kept = [Turn(turn.prompt, f"{turn.answer} {ending}", turn.tags, turn.decision) for turn in talk]
    return document(kept, f"rule : end every answer with {ending} .", **tags)
