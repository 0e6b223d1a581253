"""A ledger that ends with the process, for a judge without a folder."""

import secrets
from collections.abc import Collection, Iterator

from theodolite.judge.entry import Entry, Kind

__all__ = ["UnsavedLedger"]


class UnsavedLedger:
    """What `Ledger` is, in memory."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.salt = secrets.token_bytes(32)
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Keep one entry."""
        self._entries.append(entry)

    def find(self, asked: str, keys: Collection[str], kinds: Collection[Kind]) -> Iterator[Entry]:
        """Yields what `Ledger.find` would."""
        wanted = frozenset(keys) | {""}
        return (e for e in list(self._entries) if e.asked == asked and e.key in wanted and e.kind in kinds)

    def every(self, asked: str, kind: Kind) -> Iterator[Entry]:
        """Yields what `Ledger.every` would."""
        return (e for e in list(self._entries) if e.asked == asked and e.kind == kind)

    def close(self) -> None:
        """Nothing is open."""
