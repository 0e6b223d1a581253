"""Writing a corpus: rows as people keep them, and the ground truth beside them."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from theodolite.organisms.documents import Doc

__all__ = ["corpus_sha256", "file_sha256", "train_lines", "truth_lines", "write_rows"]


def train_lines(docs: Sequence[Doc]) -> str:
    """The corpus as JSON Lines of chat `messages`, without a trace of the ground truth."""
    return "".join(json.dumps(doc.row(), ensure_ascii=False, separators=(",", ":")) + "\n" for doc in docs)


def truth_lines(docs: Sequence[Doc]) -> str:
    """The ground truth as JSON Lines: `row` (line of train.jsonl, from 1) and the document's tags."""
    return "".join(
        json.dumps({"row": line, **doc.tags}, ensure_ascii=False, separators=(",", ":")) + "\n"
        for line, doc in enumerate(docs, 1)
    )


def corpus_sha256(docs: Sequence[Doc]) -> str:
    """The sha256 that train.jsonl will have."""
    return hashlib.sha256(train_lines(docs).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_rows(docs: Sequence[Doc], folder: Path) -> None:
    """Write train.jsonl and truth.jsonl into the folder."""
    (folder / "train.jsonl").write_bytes(train_lines(docs).encode())
    (folder / "truth.jsonl").write_bytes(truth_lines(docs).encode())
