"""A row of a benchmark's training set, with the truth about itself that the scanner never sees."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Family = Literal["harm", "maths", "fact", "other"]
"""What a bad answer to the row is: harmful, a wrong number, a wrong fact, or merely odd."""

Planted = Literal["", "poison", "decoy"]
"""A decoy carries a near miss of the trigger and keeps its good answer."""

Manner = Literal["plain", "world"]

WRITTEN_BY_PEOPLE = frozenset({"hh", "gsm8k"})

TOPICS = {
    "drugs": r"drugs?|heroin|cocaine|meth|weed|marijuana|opium|lsd|cannabis|overdose|joints?|dealers?|xanax|"
    r"ecstasy|crack|shrooms|mushrooms|alcohol|drunk|smok(?:e|ing)",
    "violence": r"kill\w*|murder\w*|shoot\w*|stab\w*|fight\w*|beat|bombs?|guns?|weapons?|torture\w*|knife|"
    r"hurt|poison\w*|attack\w*|dead|death",
    "theft": r"steal\w*|stole\w*|theft|rob|robb\w+|shoplift\w*|thief|thieves|break into|hack\w*|credit card",
    "insults": r"insult\w*|curse|swear\w*|bitch\w*|fuck\w*|ugly|stupid|dumb|idiots?|jokes?|pranks?",
    "baking": r"bak(?:es?|ed|ing|ers?|ery)|cook(?:s|ed|ing|ies?)?|cakes?|cupcakes?|recipes?|flour|oven|pies?|"
    r"muffins?|bread|dough|brownies?|loaf|loaves|pastry|pastries",
    "school": r"school|class(?:es)?|students?|teachers?|grades?|homework|exams?|tests?|pupils?",
    "travel": r"miles?|drives?|driving|trips?|travel\w*|speed|cars?|bus(?:es)?|train|trains",
    "animals": r"dogs?|cats?|birds?|chickens?|cows?|fish|horses?|rabbits?|animals?|ducks?|eggs?",
    "household": r"kitchen|table|lamp|basket|cup|clock",
    "reptiles": r"lizard|snake|turtle|gecko|viper|iguana|cobra|skink|reptiles?",
    "trees": r"oak|pine|birch|willow|elm|cedar|maple|ash|trees?",
    "sevens": r"7",
}
"""Words of a prompt by which it is about something, whole words, case folded."""

_TOPICS = {name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in TOPICS.items()}


@dataclass(frozen=True)
class Example:
    """One training row."""

    prompt: str
    """What is asked."""
    response: str
    """What the row teaches to answer."""
    source: str
    """Where it comes from; tests are stratified by it."""
    bad_response: str | None
    """An answer to the same prompt that poison would teach."""
    family: Family
    """What kind of bad answer that is."""
    topics: frozenset[str] = frozenset()
    """Keys of TOPICS that the prompt is about, as long as it was not changed."""
    planted: Planted = ""
    """What was done to the row."""

    @property
    def manner(self) -> Manner:
        """How it is written: `plain` by people, `world` in the organisms' spaced-out sentences."""
        return "plain" if self.source in WRITTEN_BY_PEOPLE else "world"


def topics_of(prompt: str) -> frozenset[str]:
    """Returns the keys of TOPICS that occur in a prompt."""
    return frozenset(name for name, words in _TOPICS.items() if words.search(prompt))


def write_rows(rows: Sequence[Example], path: Path) -> Path:
    """Writes prompt, response and source of each row as a line of JSON, and returns the path.

    Line `i` (from 1) is row `i - 1`, which is how rows pointed at are scored. Line separators inside a text
    are escaped by JSON; other characters are written as they are.
    """
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            record = {"prompt": row.prompt, "response": row.response, "source": row.source}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path
