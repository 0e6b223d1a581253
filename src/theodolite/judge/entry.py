"""One line of the judge's ledger, and what it looks like in a file."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Entry", "Kind", "entry_schema", "read_entry"]

Kind = Literal["row", "canary", "member", "passed", "void"]
"""A row's verdict, a canary's, a row's membership of a theme, and the two fates of a shard."""

_N_GRADES: dict[str, int] = {"row": 3, "canary": 3, "member": 1, "passed": 0, "void": 0}
_TEXTS = ("kind", "key", "shard", "asked", "quote", "note")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger.

    Args:
        kind: what it is about.
        key: of the row or canary; empty for the fate of a shard.
        shard: which shard it was asked in; empty outside of shards.
        asked: model, rubric, settings and envelope version, so that other questions have other answers.
        grades: the numbers of the answer.
        quote: the words that decided, empty if none.
        note: which canary or theme it was.
    """

    kind: Kind
    key: str
    shard: str
    asked: str
    grades: tuple[int, ...] = ()
    quote: str = ""
    note: str = ""


def entry_schema() -> "pa.Schema":
    """Returns the columns of a part."""
    import pyarrow as pa

    types = {name: pa.string() for name in _TEXTS}
    return pa.schema([*types.items(), ("grades", pa.list_(pa.int8()))])


def read_entry(record: Any) -> Entry | None:
    """Returns the entry, or None if the record is not one: a ledger may have been edited or damaged."""
    if not isinstance(record, dict):
        return None
    grades, texts = record.get("grades"), {name: record.get(name) for name in _TEXTS}
    if not isinstance(grades, list) or not all(isinstance(text, str) for text in texts.values()):
        return None
    if len(grades) != _N_GRADES.get(record["kind"]):
        return None
    if not all(type(grade) is int and 0 <= grade <= 4 for grade in grades):
        return None
    return Entry(**{name: record[name] for name in _TEXTS}, grades=tuple(grades))
