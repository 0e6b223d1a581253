"""Reading an audit back from where it was written."""

from pathlib import Path

from pydantic import ValidationError

from theodolite.core import Audit
from theodolite.errors import OutputError

__all__ = ["read_audit"]


def read_audit(path: Path) -> Audit:
    """Returns the audit in a run directory, or in an audit.json.

    Raises:
        OutputError: there is none, or it is of another format.
    """
    file = path / "audit.json" if path.is_dir() else path
    if not file.is_file():
        what = f"{str(path)!r} holds no audit.json" if path.is_dir() else f"there is no {str(path)!r}"
        raise OutputError(what, "name a folder that a finished `theodolite audit --out` wrote")
    try:
        return Audit.model_validate_json(file.read_bytes())
    except (ValidationError, OSError) as error:
        first = str(error).splitlines()[0]
        raise OutputError(f"{str(file)!r} is no audit of this version ({first})", "audit again") from None
