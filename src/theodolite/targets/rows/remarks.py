"""What is noticed while rows are read, and the sentences made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

NOT_UNICODE = "hold bytes or escapes that are not valid Unicode, read as U+FFFD"
CONTROL = "hold control characters or NUL bytes"
NOT_TEXT = "hold parts that are not text, such as images, which were not read"
EMPTY = "hold no text"

_SHOWN = 3
_FIELDS_KEPT = 100


@dataclass
class Remarks:
    """Counts of what was noticed, each with the first rows it was noticed in; of bounded size."""

    shapes: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[int]] = field(default_factory=dict)
    fields: dict[str, bool] = field(default_factory=dict)  # name -> whether some row was read from it
    lists: list[str] = field(default_factory=list)

    def see(self, what: str, number: int) -> None:
        """Count `what` in row `number`."""
        self.counts[what] = self.counts.get(what, 0) + 1
        shown = self.examples.setdefault(what, [])
        if len(shown) < _SHOWN:
            shown.append(number)

    def see_fields(self, names: Sequence[str], read: Sequence[str]) -> None:
        """Remember which fields there are and which of them were read."""
        for name in names:
            if name in self.fields or len(self.fields) < _FIELDS_KEPT:
                self.fields[name] = self.fields.get(name, False) or name in read

    def see_list(self, name: str) -> None:
        """Remember a list that rows were read from."""
        if len(self.lists) < _FIELDS_KEPT:
            self.lists.append(name)

    def sentences(self) -> list[str]:
        """One sentence for each thing noticed."""
        said = []
        if len(self.shapes) > 1:
            parts = ", ".join(f"{n:,} {shape}" for shape, n in self.shapes.items())
            said.append(f"rows have mixed shapes: {parts}")
        if len(self.lists) > 1:
            said.append(f"the rows are those of several lists, one after the other: {quoted(self.lists)}")
        for what, n in self.counts.items():
            rows = "1 row" if n == 1 else f"{n:,} rows"
            verb = what.replace("hold", "holds", 1) if n == 1 else what
            said.append(f"{rows} {verb} ({numbers_of(self.examples[what], n)})")
        unread = [name for name, read in self.fields.items() if not read]
        if unread:
            said.append(f"fields not read: {quoted(unread)}")
        return said


def quoted(names: Sequence[str], shown: int = 12) -> str:
    """`'a', 'b' and 3 more`, each name shortened and with its control characters escaped."""
    listed = ", ".join(short(name) for name in names[:shown])
    return listed if len(names) <= shown else f"{listed} and {len(names) - shown:,} more"


def short(name: object) -> str:
    """`repr` of at most 40 characters."""
    text = repr(name[:60] if isinstance(name, str) else name)
    return text if len(text) <= 40 else text[:37] + "..."


def numbers_of(examples: Sequence[int], count: int) -> str:
    """`row 3`, `rows 3, 9` or `rows 3, 9, 12, ...`."""
    listed = ", ".join(f"{number:,}" for number in examples)
    return f"row{'s' if count > 1 else ''} {listed}{', ...' if count > len(examples) else ''}"
