"""From what a person typed to a folder on this disk."""

import re
from pathlib import Path

from theodolite.errors import ModelError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]


def local_folder(path_or_name: str | Path) -> tuple[Path, str]:
    """Folder and name of a checkpoint; one of the hub is downloaded, without anything that could be run."""
    path = Path(path_or_name).expanduser()
    if path.is_dir():
        return path, path.resolve().name
    if path.exists():
        raise ModelError(f"'{path}' is a file, not a model folder", "name the folder with config.json in it")
    if not (isinstance(path_or_name, str) and _NAME.fullmatch(path_or_name)):
        raise ModelError(f"there is no model folder '{path}'", "check the path")
    return _downloaded(path_or_name), path_or_name


def _downloaded(name: str) -> Path:
    import huggingface_hub

    from theodolite.targets.checkpoint.silence import silenced

    try:
        with silenced():
            return Path(
                huggingface_hub.snapshot_download(name, allow_patterns=_FILES, ignore_patterns=["*/*"])
            )
    except Exception as error:  # whatever went wrong out there, the person's next step is the same
        reason = type(error).__name__
        raise ModelError(
            f"there is no model folder '{name}', and the Hugging Face hub could not give one ({reason})",
            "check the name and the connection, or name a folder",
        ) from None
