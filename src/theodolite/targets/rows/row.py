"""What a row of training data is, and the hashes that tell which rows are the same."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

_PIECE = 512  # characters
_ROLE, _TEXT, _REJECTED = "\x01", "\x02", "\x03"  # not white space, so collapsing white space keeps them


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's text; `role` is `system`, `user`, `assistant`, or what the file says, in lower case."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One training example.

    Args:
        number: 1-based; the line of a JSONL file, or the record of a CSV (header not counted), JSON or
            Parquet file.
        turns: who said what, in order; a plain text is one assistant turn.
        rejected: the rejected answer of a preference pair, the chosen one being in `turns`.
        source: where the row says it comes from, or an empty string.
    """

    number: int
    turns: tuple[Turn, ...]
    rejected: str | None = None
    source: str = ""

    @property
    def prompt(self) -> str:
        """All turns that are not the assistant's, one a line."""
        return "\n".join(turn.text for turn in self.turns if turn.role != "assistant")

    @property
    def response(self) -> str:
        """All turns of the assistant, one a line."""
        return "\n".join(turn.text for turn in self.turns if turn.role == "assistant")

    @property
    def unit(self) -> int:
        """64 bits that rows with the same prompt share, so that a split can keep them together."""
        return self.unit_hash(0)

    def unit_hash(self, seed: int) -> int:
        """64 bits of the normalised prompt (of the response when there is no prompt), salted with `seed`."""
        text = normalise(self.prompt) or normalise(self.response)
        return _hash64(text, salt=(seed % 2**128).to_bytes(16, "little"))

    @property
    def text_hash(self) -> int:
        """64 bits of the whole normalised row, roles and rejected answer included, number and source not."""
        parts = [f"{_ROLE}{turn.role}{_TEXT}{turn.text}" for turn in self.turns]
        if self.rejected is not None:
            parts.append(_REJECTED + self.rejected)
        return _hash64(normalise("".join(parts)))

    @property
    def n_characters(self) -> int:
        """The length of all its text, in characters."""
        return sum(len(turn.text) for turn in self.turns) + len(self.rejected or "")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not be read; `row {number} {reason}` is a sentence."""

    number: int
    reason: str


def normalise(text: str) -> str:
    """`text` with case folded, compatibility characters unified (NFKC) and white space made single blanks."""
    if text.isascii():
        return " ".join(text.lower().split())
    words = " ".join(text.split())
    return " ".join("".join(_unified(words)).split())


def _unified(text: str) -> Iterator[str]:
    # NFKC sorts a run of combining marks in quadratic time: one hostile row of a megabyte would take minutes.
    for start in range(0, len(text), _PIECE):
        yield unicodedata.normalize("NFKC", text[start : start + _PIECE]).casefold()


def _hash64(text: str, salt: bytes = b"") -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, salt=salt).digest()
    return int.from_bytes(digest, "little")
