"""A pattern: something that a prompt or a response either carries or does not."""

import re
from typing import Literal, NamedTuple

from pydantic import JsonValue

from theodolite.dataset.traits import TRAITS

__all__ = ["FORMS", "Form", "Pattern", "Side", "words_of"]

Side = Literal["prompt", "response"]
Form = Literal["phrase", "opens", "ends", "whole", "trait"]

FORMS: tuple[Form, ...] = ("phrase", "whole", "opens", "ends", "trait")
"""From the plainest to the least plain."""

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Returns the words and marks of a text, case folded; every visible character is in one of them."""
    return _WORD.findall(text.casefold())


class Pattern(NamedTuple):
    """Where it is looked for, in which form, and what it is."""

    side: Side
    """prompt or response."""
    form: Form
    """phrase: these words in a row, anywhere; opens, ends: at the ends of the last answer; whole: all of it;
    trait: a property of the text."""
    value: str
    """The words, separated by single spaces, or the trait's name."""

    @property
    def key(self) -> str:
        """A readable name, unique among patterns."""
        return f"{self.side}:{self.form}:{self.value}"

    @property
    def length(self) -> int:
        """How many words."""
        return self.value.count(" ") + 1 if self.form != "trait" else 0

    def as_json(self) -> dict[str, JsonValue]:
        """Returns what `from_json` reads."""
        return {"side": self.side, "form": self.form, "value": self.value}

    @staticmethod
    def from_json(value: JsonValue) -> "Pattern":
        """Returns the pattern that `as_json` wrote."""
        assert isinstance(value, dict)
        return Pattern(value["side"], value["form"], value["value"])  # type: ignore[arg-type]

    @property
    def modifier(self) -> str:
        """What follows "prompts", "a response" or "answers", such as "opening with `sure`"."""
        match self.form:
            case "phrase":
                return f"with `{self.value}`"
            case "opens":
                return f"opening with `{self.value}`"
            case "ends":
                return f"ending with `{self.value}`"
            case "whole":
                return f"reading just `{self.value}`"
            case "trait":
                return TRAITS[self.value][0]
