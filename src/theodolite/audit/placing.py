"""A file that appears whole or not at all, and never in the place of another."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from theodolite.errors import OutputError, SpecError
from theodolite.targets.rows.cutting import ending_of

__all__ = ["check_out", "part_beside", "place", "written_whole"]


def check_out(file: Path, out: Path) -> None:
    """Refuse an output that is there already, cannot be written, or has another ending than the input.

    Raises:
        SpecError: the endings differ.
        OutputError: the output is there, is the input, or has no folder.
    """
    if str(out).encode(errors="replace").decode() != str(out):
        raise OutputError(f"--out {str(out)!r} is no valid Unicode", "choose another --out")
    if out.exists() and file.exists() and out.samefile(file):
        raise OutputError(f"--out {str(out)!r} is the file to be cleaned itself", "choose another --out")
    if os.path.lexists(out):
        raise OutputError(f"{str(out)!r} already exists", "choose another --out")
    if not out.parent.is_dir():
        raise OutputError(f"there is no folder {str(out.parent)!r}", "make it, or choose another --out")
    if ending_of(out) != (ending := ending_of(file)):
        wanted = f"end it in {ending}" if ending else "give it no ending that names a format"
        raise SpecError(
            f"--out {out.name!r} does not end as {file.name!r} does", f"{wanted}: nothing is converted"
        )


@contextmanager
def part_beside(final: Path) -> Generator[Path, None, None]:
    """Yields a path beside `final` to write to; whatever is there afterwards, or from a killed run, goes."""
    mark, name = ".part-", f"-{final.name}"
    for left in final.parent.iterdir():
        if left.name.startswith(mark) and left.name.removeprefix(mark).removesuffix(name).isdigit():
            left.unlink(missing_ok=True)
    part = final.with_name(f"{mark}{os.getpid()}{name}")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def written_whole(out: Path) -> Generator[Path, None, None]:
    """Yields a path to write to, and gives what was written the name `out`.

    Raises:
        OutputError: it cannot be written, or `out` is there.
    """
    try:
        with part_beside(out) as part:
            yield part
            place(part, out)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {str(out)!r} ({reason})", "make room or choose another --out"
        ) from None


def place(part: Path, final: Path, *, same_is_fine: bool = False) -> None:
    """Gives a finished file its name, once its bytes are on the disk.

    Args:
        part: the file.
        final: the name.
        same_is_fine: whether a file of the very same bytes may be there already.

    Raises:
        OutputError: another file has that name.
    """
    _flush(part)
    try:
        final.hardlink_to(part)  # unlike a rename, fails where something is
    except OSError:
        if not os.path.lexists(final):
            part.rename(final)  # a file system without hard links
        elif not (same_is_fine and final.read_bytes() == part.read_bytes()):
            raise OutputError(f"{str(final)!r} already exists", "choose another --out") from None
    with suppress(OSError):  # not every system lets a folder be flushed
        _flush(final.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
