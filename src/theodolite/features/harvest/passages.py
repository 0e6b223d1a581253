"""What a model is to read: rows as token ids, cut into windows that fit its context."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from theodolite.errors import DataError, SpecError
from theodolite.targets import Data, Row, Turn, open_data
from theodolite.targets.rendering import render_rows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Passages", "Readable", "read_passages"]

Readable: TypeAlias = "Data | str | Path | Iterable[Row | str]"
"""Opened data, the path of a file, rows, or texts."""

_CHUNK = 512
_UNCUT = 10**9
"""Tokens of a row before windows are cut from it."""
_PLAIN = {".txt", ".text", ".md"}


@dataclass(frozen=True, eq=False)
class Passages:
    """Token ids in pieces that are read at once; about 5 bytes a token."""

    ids: Int[np.ndarray, " tokens"]
    """All tokens, one passage after the other."""
    offsets: Int[np.ndarray, " passages+1"]
    """Where each passage begins."""
    row: Int[np.ndarray, " passages"]
    """The row that each is of."""
    start: Int[np.ndarray, " passages"]
    """Where in the row it begins, in tokens."""
    headed: Bool[np.ndarray, " passages"]
    """Whether the row's first token is repeated in front of it."""
    name: str
    """What the data is called."""
    fingerprint: str
    """BLAKE2b of the tokens, rows and cuts."""

    def __len__(self) -> int:
        return len(self.row)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens in each passage."""
        return np.diff(self.offsets)

    def positions(self, passage: int) -> NDArray[np.int64]:
        """Returns where in its row each token of a passage stands."""
        n = int(self.offsets[passage + 1] - self.offsets[passage])
        if not self.headed[passage]:
            return self.start[passage] + np.arange(n)
        return np.concatenate([[0], self.start[passage] + np.arange(n - 1)])


def read_passages(
    tokenizer: PreTrainedTokenizerBase, source: Readable, context: int, tokens: int | None = None
) -> Passages:
    """Returns the tokens of the rows, rendered as they were most likely trained on.

    A row longer than the context is cut into windows that follow each other; a first token that begins every
    text begins each of them. A plain text file (.txt, .md) is read as one row for each paragraph, numbered
    from 1; all other files as rows of training data.

    Args:
        tokenizer: the model's.
        source: opened data, the path of a file, rows, or texts (numbered from 1).
        context: tokens in a window.
        tokens: stop once so many are read; the last row is read to its end.

    Raises:
        DataError: the source cannot be read, or holds no token.
        SpecError: the context is below 2.
    """
    if context < 2:
        raise SpecError(f"a context of {context} tokens shows a model nothing", "give at least 2")
    name, rows = _rows(source)
    pieces, starts, numbers, headed = [], [], [], []
    done = 0
    while chunk := list(islice(rows, _CHUNK)):
        rendered = render_rows(tokenizer, chunk, _UNCUT)
        for row, ids in zip(chunk, (list(one.ids) for one in rendered), strict=True):
            for start, head, window in _windows(ids, context, tokenizer.bos_token_id):
                pieces.append(np.asarray(window, np.int32))
                starts.append(start)
                numbers.append(row.number)
                headed.append(head)
            done += len(ids)
            if tokens is not None and done >= tokens:
                rows = iter(())
                break
    if not pieces:
        raise DataError(f"'{name}' holds no token", "give rows with text")
    ids = np.concatenate(pieces)
    offsets = np.cumsum([0, *(len(piece) for piece in pieces)], dtype=np.int64)
    row, start = np.array(numbers, np.int64), np.array(starts, np.int64)
    digest = blake2b(digest_size=16)
    for array in (ids, offsets, row, start):
        digest.update(array.tobytes())
    return Passages(ids, offsets, row, start, np.array(headed, bool), name, digest.hexdigest())


def _rows(source: Readable) -> tuple[str, Iterator[Row]]:
    if isinstance(source, str | Path):
        path = Path(source)
        if path.suffix.lower() in _PLAIN:
            return path.name, _paragraphs(path)
        source = open_data(path)
    if isinstance(source, Data):
        return source.name, source.rows()
    return "rows", (
        one if isinstance(one, Row) else _plain(number, one) for number, one in enumerate(source, start=1)
    )


def _plain(number: int, text: str) -> Row:
    return Row(number, (Turn("assistant", text),))


def _paragraphs(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8") as file:
            lines: list[str] = []
            number = 0
            for line in chain(file, "\n"):
                if line.strip():
                    lines.append(line.rstrip("\n"))
                elif lines:
                    number += 1
                    yield _plain(number, "\n".join(lines))
                    lines = []
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read ({error.strerror or error})", "check the file and the disk"
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"'{path}' is no text in UTF-8", "save it as UTF-8") from None


def _windows(ids: list[int], context: int, bos: object) -> Iterator[tuple[int, bool, list[int]]]:
    if ids:
        yield 0, False, ids[:context]
    head = ids[:1] if ids and ids[0] == bos else []
    step = context - len(head)
    for start in range(context, len(ids), step):
        yield start, bool(head), head + ids[start : start + step]
