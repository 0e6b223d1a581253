"""What has been asked and answered, on disk, so that no call is paid for twice.

A folder of append-only Parquet parts. An answer is first written as a line of this process's journal, which
a killed process leaves behind complete up to the call in flight; journals become parts when they are full,
when the ledger closes, or when a later ledger finds them without an owner. A part appears whole or not at
all. A row's verdict is final once its shard has a `passed` entry, and withdrawn by a `void` one.
"""

import json
import os
import secrets
import threading
import time
import weakref
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from theodolite.errors import OutputError
from theodolite.judge.entry import Entry, Kind, entry_schema, read_entry

if TYPE_CHECKING:
    from filelock import FileLock

__all__ = ["Ledger"]

JOURNAL_LINES = 2048
"""Answers after which a journal becomes a part."""

MOST_PARTS = 32
"""Parts that are let be; more are joined into one when the ledger opens."""

_SYNC_EVERY = 2.0  # seconds: only a power cut can lose what is not synced, a killed process cannot


class Ledger:
    """A folder of answers. Several processes may write to one folder at the same time.

    Args:
        folder: made if it is not there.

    Raises:
        OutputError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self._lock = threading.Lock()
        self._journal: BinaryIO | None = None
        self._owned: FileLock | None = None
        self._lines = 0
        self._synced = 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.salt = _salt(folder / "salt")
            self._adopt_orphans()
            self._join_parts()
        except OSError as error:
            problem = f"the judge's ledger {folder} cannot be written ({error.strerror})"
            raise OutputError(problem, "name a folder in a place you own") from error

    def add(self, entry: Entry) -> None:
        """Write one line; it survives whatever happens to this process after the call returns.

        Raises:
            OutputError: the disk is full or the folder gone.
        """
        line = json.dumps(asdict(entry)) + "\n"
        try:
            with self._lock:
                journal = self._journal if self._journal is not None else self._open_journal()
                journal.write(line.encode())
                journal.flush()
                self._lines += 1
                if time.monotonic() - self._synced > _SYNC_EVERY:
                    os.fsync(journal.fileno())
                    self._synced = time.monotonic()
                if self._lines >= JOURNAL_LINES:
                    self._close_journal()
        except OSError as error:
            problem = f"the judge's ledger {self.folder} cannot be written ({error.strerror})"
            raise OutputError(problem, "make room on the disk and run the same command again") from error

    def find(self, asked: str, keys: Collection[str], kinds: Collection[Kind]) -> Iterator[Entry]:
        """Yields the entries of these kinds that were asked like this; of rows, canaries and members by key.

        Memory does not grow with the ledger. The fates of shards come whatever `keys` says.
        """
        # The fate of a shard has an empty key.
        entries = self._entries(asked, frozenset(keys) | {""})
        return (entry for entry in entries if entry.kind in kinds)

    def every(self, asked: str, kind: Kind) -> Iterator[Entry]:
        """Yields all entries of one kind that were asked like this."""
        return (entry for entry in self._entries(asked) if entry.kind == kind)

    def close(self) -> None:
        """Turn the journal into a part."""
        with self._lock:
            self._close_journal()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _entries(self, asked: str, keys: frozenset[str] | None = None) -> Iterator[Entry]:
        # Journals before parts, and parts until no new one has come: what another process turns or joins
        # into a part meanwhile is read twice, never missed.
        for journal in sorted(self.folder.glob("journal-*.jsonl")):
            yield from (e for e in self._journal_entries(journal) if e.asked == asked and _in(keys, e))
        seen: set[Path] = set()
        while unseen := sorted(set(self.folder.glob("part-*.parquet")) - seen):
            for part in unseen:
                yield from self._part_entries(part, asked, keys)
            seen.update(unseen)

    def _part_entries(
        self, part: Path, asked: str | None = None, keys: frozenset[str] | None = None
    ) -> Iterator[Entry]:
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        wanted = None if keys is None else pa.array(keys, pa.string())
        try:
            with pq.ParquetFile(part, memory_map=False, pre_buffer=False) as file:
                for batch in file.iter_batches(8192, use_threads=False):
                    # Filtered before anything becomes a Python object: a ledger may hold millions.
                    if asked is not None:
                        batch = batch.filter(pc.field("asked") == asked)
                    if wanted is not None:
                        batch = batch.filter(pc.field("key").isin(wanted))
                    for record in batch.to_pylist():
                        entry = read_entry(record)
                        if entry is None:
                            self._note(f"{part.name} holds an entry that is none, which is asked again")
                        else:
                            yield entry
        except FileNotFoundError:
            return  # joined into another part meanwhile
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            self._note(
                f"{part.name} of the judge's ledger cannot be read ({reason}): its rows are asked again"
            )

    def _journal_entries(self, journal: Path) -> Iterator[Entry]:
        try:
            data = journal.read_bytes()
        except FileNotFoundError:
            return
        complete, _, torn = data.rpartition(b"\n")
        for line in complete.splitlines():
            try:
                entry = read_entry(json.loads(line))
            except ValueError:
                entry = None
            if entry is not None:
                yield entry
            else:
                self._note(f"{journal.name} has a damaged line, which is asked again")
        if torn and self._journal_path() != journal:
            self._note(f"{journal.name} ends in the middle of a line, which is asked again")

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _journal_path(self) -> Path | None:
        return None if self._journal is None else Path(self._journal.name)

    def _open_journal(self) -> BinaryIO:
        path = self.folder / f"journal-{time.time_ns():020d}-{secrets.token_hex(4)}.jsonl"
        self._owned = _file_lock(path)
        self._owned.acquire(blocking=False)
        self._journal = path.open("ab")
        weakref.finalize(self, self._journal.close)
        self._lines = 0
        return self._journal

    def _close_journal(self) -> None:
        if self._journal is None:
            return
        path = Path(self._journal.name)
        os.fsync(self._journal.fileno())
        self._journal.close()
        self._journal = None
        assert self._owned is not None
        self._roll(path, self._owned)
        self._owned = None

    def _adopt_orphans(self) -> None:
        from filelock import Timeout

        for path in sorted(self.folder.glob("journal-*.jsonl")):
            lock = _file_lock(path)
            with suppress(Timeout):
                lock.acquire(blocking=False)
                self._roll(path, lock)

    def _roll(self, journal: Path, lock: "FileLock") -> None:
        """Turn a journal whose lock is held into a part."""
        try:
            entries = list(self._journal_entries(journal))
            if entries:
                self._write_part(entries)
            journal.unlink(missing_ok=True)
        finally:
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)

    def _join_parts(self) -> None:
        from filelock import FileLock, Timeout

        if len(list(self.folder.glob("part-*.parquet"))) <= MOST_PARTS:
            return
        with suppress(Timeout), FileLock(self.folder / "joining.lock", blocking=False):
            readable: list[Path] = []
            joined: list[Entry] = []
            for part in sorted(self.folder.glob("part-*.parquet")):
                before = len(self.notes)
                entries = list(self._part_entries(part))
                # A damaged part stays where it is, for a person to look at.
                if len(self.notes) == before:
                    readable.append(part)
                    joined += entries
            self._write_part(dict.fromkeys(joined))
            for part in readable:
                part.unlink(missing_ok=True)

    def _write_part(self, entries: Iterable[Entry]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pylist([asdict(e) for e in entries], schema=entry_schema())
        final = self.folder / f"part-{time.time_ns():020d}-{secrets.token_hex(4)}.parquet"
        draft = final.with_suffix(".draft")
        with draft.open("wb") as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(final)
        _sync_folder(self.folder)


def _in(keys: frozenset[str] | None, entry: Entry) -> bool:
    return keys is None or entry.key in keys


def _file_lock(journal: Path) -> "FileLock":
    from filelock import FileLock

    return FileLock(journal.with_suffix(".lock"), thread_local=False)


def _salt(path: Path) -> bytes:
    """32 secret bytes, made once: whoever wrote the rows cannot foresee a nonce."""
    if not path.exists():
        draft = path.with_name(f"salt-{secrets.token_hex(4)}.draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link fails where the name is taken: two processes that start at once get one salt.
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:
            draft.replace(path)  # a file system without links
        draft.unlink(missing_ok=True)
    salt = path.read_bytes()
    if len(salt) != 32:
        raise OutputError(f"{path} is not a ledger's salt", "remove it, and a new one is made")
    return salt


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # a folder cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
