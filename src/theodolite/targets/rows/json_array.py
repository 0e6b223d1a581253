"""One JSON array of objects, or an object that holds such lists, read element by element."""

import codecs
import io
import re
from collections import deque
from collections.abc import Iterator

from theodolite.targets.rows.json_lines import DECODER, parse_json
from theodolite.targets.rows.remarks import Remarks
from theodolite.targets.rows.row import Unreadable
from theodolite.targets.rows.stream import MAX_ROW_BYTES, TOO_LONG, ByteStream

_CHUNK = 2**18
_BLANK = re.compile(r"[ \t\n\r]*")
_BREAKS_OFF = "is where the file breaks off"
_BRACKETS = "is where the brackets stop matching, and what follows could not be read"
_PUNCTUATION = re.compile(r'["\[\]{},]')
_STRING_END = re.compile(r'["\\]')


class _Broken(Exception):
    """Nothing behind this place can be read; its text says why."""


class _Text:
    """The text of a stream, of which only the part still to be read is kept."""

    def __init__(self, stream: ByteStream, reader: "io.BufferedReader[ByteStream]") -> None:
        self._stream, self._reader = stream, reader
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.buffer, self.at, self.ended = "", 0, False

    def more(self) -> bool:
        """Read on; False at the end."""
        data = self._reader.read1(_CHUNK)
        self.buffer = self.buffer[self.at :] + self._decoder.decode(data, final=not data)
        self.at, self.ended = 0, not data
        return not self.ended

    def peek(self) -> str:
        """The next character that is not blank, or an empty string at the end."""
        while True:
            match = _BLANK.match(self.buffer, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def broken(self) -> _Broken:
        """Why the text does not go on here."""
        if self.peek():
            return _Broken(_BRACKETS)
        return _Broken(self._stream.failure or _BREAKS_OFF)

    def check_end(self) -> None:
        """Raise `_Broken` when something follows, or the stream failed."""
        if self.peek() or self._stream.failure:
            raise _Broken(self._stream.failure or "is text behind the end of the JSON value")

    def value(self) -> str | None:
        """The text of the next value, up to the comma or bracket behind it; None when it is too long to keep.

        Only brackets and strings are followed, so that a value that is not valid JSON still has an end.
        """
        depth, in_string, too_long, scanned = 0, False, False, self.at
        while True:
            match = (_STRING_END if in_string else _PUNCTUATION).search(self.buffer, scanned)
            if match is None or (match[0] == "\\" and match.end() == len(self.buffer)):
                scanned = (match.start() if match else len(self.buffer)) - self.at
                if scanned > MAX_ROW_BYTES:
                    too_long, self.at, scanned = True, self.at + scanned, 0
                if not self.more():
                    rest, self.at = self.buffer[self.at :], len(self.buffer)
                    if depth or in_string or too_long:
                        raise self.broken()
                    return rest
                continue
            mark, scanned = match[0], match.end()
            if in_string:
                in_string = mark == "\\"
                scanned += in_string  # the character behind a backslash is part of the string
            elif mark == '"':
                in_string = True
            elif depth == 0 and mark in ",]}":
                start, self.at = self.at, match.start()
                return None if too_long else self.buffer[start : self.at]
            elif mark != ",":
                depth += 1 if mark in "[{" else -1


def json_array(
    stream: ByteStream, reader: "io.BufferedReader[ByteStream]", remarks: Remarks
) -> Iterator[tuple[int, object]]:
    """Numbers and values of the elements; an `Unreadable` stands for a value that is none."""
    text = _Text(stream, reader)
    number = 0
    try:
        for value in _all_elements(text, remarks):
            number += 1
            yield number, _parsed(value, number)
    except _Broken as broken:
        yield number + 1, Unreadable(number + 1, str(broken))


def _all_elements(text: _Text, remarks: Remarks) -> Iterator[object]:
    opening = text.peek()
    text.at += 1
    yield from _elements(text) if opening == "[" else _elements_of_lists(text, remarks)
    text.check_end()


def _elements(text: _Text) -> Iterator[object]:
    """The elements of the array whose bracket was just read, values, or `_Source` where there is none."""
    while (mark := text.peek()) != "]":
        if mark == ",":
            text.at += 1
        elif mark in ("", "}"):
            raise text.broken()
        else:
            yield _element(text)
    text.at += 1


def _elements_of_lists(text: _Text, remarks: Remarks) -> Iterator[object]:
    """The elements of every list of objects in the object whose bracket was just read."""
    while (mark := text.peek()) != "}":
        if mark == ",":
            text.at += 1
            continue
        name = _name(text)
        if text.peek() == "[":
            text.at += 1
            if text.peek() == "{":
                remarks.see_list(name)
                yield from _elements(text)
            else:  # a list of labels or numbers beside the rows
                deque(_elements(text), maxlen=0)
        else:
            text.value()
    text.at += 1


class _Source(str):
    """An element that could not be read at once, as it stands in the file."""

    __slots__ = ()


_TOO_LONG = object()


def _element(text: _Text) -> object:
    try:
        value, end = DECODER.raw_decode(text.buffer, text.at)
        if text.buffer[end : end + 1] in (",", "]"):  # else a number could go on, or the value is damaged
            text.at = end
            return value
    except (ValueError, RecursionError):
        pass
    source = text.value()
    return _TOO_LONG if source is None else _Source(source.strip())


def _parsed(value: object, number: int) -> object:
    if value is _TOO_LONG:
        return Unreadable(number, TOO_LONG)
    return parse_json(number, value) if isinstance(value, _Source) else value


def _name(text: _Text) -> str:
    name, end = None, 0
    while True:
        try:
            name, end = DECODER.raw_decode(text.buffer, text.at)
            break
        except (ValueError, RecursionError):
            if len(text.buffer) - text.at > _CHUNK or not text.more():
                break
    if not isinstance(name, str):
        raise _Broken(_BRACKETS if text.buffer[text.at :] else _BREAKS_OFF)
    text.at = end
    if text.peek() != ":":
        raise text.broken()
    text.at += 1
    return name
