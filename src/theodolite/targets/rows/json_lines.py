"""JSON Lines: one object a line."""

import io
import json
from collections.abc import Iterator

from theodolite.targets.rows.row import Unreadable
from theodolite.targets.rows.stream import MAX_ROW_BYTES, TOO_LONG, ByteStream

# Not strict: raw control characters inside strings are common, and are remarked upon instead.
DECODER = json.JSONDecoder(strict=False)


def json_lines(stream: ByteStream, reader: "io.BufferedReader[ByteStream]") -> Iterator[tuple[int, object]]:
    """Line numbers and values of the lines that are not blank, `Unreadable` where a line holds none."""
    number = 0
    while line := reader.readline(MAX_ROW_BYTES + 1):
        number += 1
        whole = line.endswith(b"\n")
        if len(line) > MAX_ROW_BYTES and not whole:
            _skip_line(reader)
            yield number, Unreadable(number, TOO_LONG)
        elif stream.failure and not whole:
            yield number, Unreadable(number, stream.failure)
            return
        elif not line.isspace():
            yield number, parse_json(number, line.decode("utf-8", "surrogateescape"))
    if stream.failure:
        yield number + 1, Unreadable(number + 1, stream.failure)


def parse_json(number: int, text: str) -> object:
    """The value that `text` holds, or an `Unreadable` with `number`."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        return Unreadable(number, f"is not valid JSON ({error.msg} at character {error.pos + 1:,})")
    except ValueError:
        return Unreadable(number, "holds a number of more digits than can be read")
    except RecursionError:
        return Unreadable(number, "is nested too deeply")


def _skip_line(reader: "io.BufferedReader[ByteStream]") -> None:
    while (piece := reader.readline(2**20)) and not piece.endswith(b"\n"):
        pass
