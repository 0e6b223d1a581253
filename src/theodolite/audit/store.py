"""The run directory: what was measured is kept the moment it is known, so that a killed audit goes on.

    DIR/audit.json      the result, written last
    DIR/report.html     the same for people
    DIR/store/          identity.json: which audit this is; one JSON file for each step that is done

Every file appears whole or not at all (written aside, flushed, renamed), and one process at a time may write.
"""

import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from filelock import FileLock, Timeout

from theodolite.errors import OutputError

__all__ = ["Store"]


class Store(AbstractContextManager["Store"]):
    """One audit's run directory, locked while it is open.

    Args:
        directory: where the audit writes; made if it is not there.
        identity: what makes this audit this one; a directory with another identity is refused.

    Raises:
        OutputError: the directory cannot be written, belongs to another audit, or is in use.
    """

    def __init__(self, directory: Path, identity: dict[str, Any]) -> None:
        self.directory = directory
        self._steps = directory / "store"
        try:
            self._open(identity)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(
                f"cannot write to {str(directory)!r} ({reason})", "choose another --out"
            ) from None

    def _open(self, identity: dict[str, Any]) -> None:
        known = self._steps / "identity.json"
        if not known.is_file():
            ours = [n for n in ("audit.json", "report.html", "store") if (self.directory / n).exists()]
            if ours and not (ours == ["store"] and _is_unfinished(self._steps)):
                raise OutputError(
                    f"{str(self.directory)!r} already holds {' and '.join(ours)} of something else",
                    "choose another --out",
                )
        elif (differing := _differences(_read(known), identity)) is not None:
            raise OutputError(
                f"{str(self.directory)!r} belongs to another audit (its {differing} differs)",
                "choose another --out, or remove that folder",
            )
        self._steps.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._steps / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise OutputError(
                f"{str(self.directory)!r} is being written by another audit", "wait, or choose another --out"
            ) from None
        for left in self._steps.glob("*.part"):
            left.unlink()
        if not known.is_file():
            self._write(known, json.dumps(identity, indent=1))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def remember(self, key: str, compute: Callable[[], Any]) -> Any:
        """Returns the JSON value kept under `key`, or computes and keeps it."""
        path = self._steps / f"{_file_name(key)}.json"
        if path.is_file():
            kept = _read(path)
            if kept is not None and "value" in kept:
                return kept["value"]
        value = compute()
        self._write(path, json.dumps({"key": key, "value": value}))
        # What goes on from here is what a resumed audit would read, to the digit.
        return json.loads(json.dumps(value))

    def finish(self, name: str, text: str) -> Path:
        """Writes a result into the directory and returns its path."""
        path = self.directory / name
        self._write(path, text)
        return path

    def _write(self, path: Path, text: str) -> None:
        part = self._steps / f"{path.name}.{os.getpid()}.part"
        try:
            with part.open("w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(
                f"cannot write {str(path)!r} ({reason})", "make room or choose another --out"
            ) from None


def _read(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where it holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _is_unfinished(steps: Path) -> bool:
    """Whether an audit was killed before it could say which one it is."""
    return all(p.name == "lock" or p.suffix == ".part" for p in steps.iterdir())


def _differences(known: dict[str, Any] | None, identity: dict[str, Any]) -> str | None:
    """The first part in which two identities differ; None when they are one."""
    if known is None:
        return "identity"
    return next((k for k in identity if known.get(k) != json.loads(json.dumps(identity[k]))), None)


def _file_name(key: str) -> str:
    """A name that any file system takes, readable and without collisions."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", key)[:60]
    return f"{readable}-{blake2b(key.encode(), digest_size=6).hexdigest()}"
