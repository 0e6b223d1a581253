"""Where finished organisms are kept, so that each is made once."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from theodolite.errors import OutputError
from theodolite.organisms.recipe import library_versions

__all__ = ["cache_folder", "cached", "fill", "refuse_taken"]


def cache_folder() -> Path:
    """`$THEODOLITE_CACHE`/organisms, or the same under ~/.cache/theodolite."""
    chosen = os.environ.get("THEODOLITE_CACHE")
    root = Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "theodolite"
    return root / "organisms"


def cached(key: str, build: Callable[[Path], None]) -> Path:
    """The folder of what a recipe makes, built on first use.

    Two processes that want the same recipe build it once: the second waits for the first. A build that is
    killed leaves nothing under the final name.

    Args:
        key: names the content, together with the library versions.
        build: fills an empty folder.

    Raises:
        OutputError: the cache folder cannot be written.
    """
    text = json.dumps([key, library_versions()], sort_keys=True)
    folder = cache_folder() / hashlib.sha256(text.encode()).hexdigest()[:32]
    if not folder.is_dir():
        with _locked(folder):
            # Another process may have built it while this one waited.
            if not folder.is_dir():
                fill(folder, build)
    return folder


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    from filelock import FileLock

    lock = FileLock(folder.with_suffix(".lock"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        problem = f"the cache folder {folder.parent} cannot be written"
        raise OutputError(problem, "set THEODOLITE_CACHE to a folder you own") from error
    try:
        yield
    finally:
        lock.release()


def fill(folder: Path, build: Callable[[Path], None]) -> None:
    """Make `folder` in one step: build next to it under another name, then rename.

    Raises:
        OutputError: the folder exists already and is not empty, or cannot be written.
    """
    refuse_taken(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise OutputError(f"{folder} cannot be written", "name a folder in a place you own") from error
    try:
        draft.chmod(0o755)
        build(draft)
        # On every platform a rename onto an existing empty folder is not allowed.
        if folder.exists():
            folder.rmdir()
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def refuse_taken(folder: Path) -> None:
    """Do nothing when the folder is free to be made.

    Raises:
        OutputError: there is a file, or a folder with something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists already", "name a folder that does not exist yet")
