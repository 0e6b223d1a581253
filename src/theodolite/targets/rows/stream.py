"""The bytes of a data file, plain or compressed, read so that damage ends the reading and not the program."""

import gzip
import io
import os
import zlib
from pathlib import Path

from theodolite.errors import DataError

MAX_ROW_BYTES = 64 * 2**20
TOO_LONG = f"is longer than {MAX_ROW_BYTES // 2**20} MiB"
_GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
_FOREIGN = {
    b"\xff\xfe": ("UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it as UTF-8"),
    b"PK\x03\x04": ("a zip archive", "unpack it first"),
    b"BZh": ("compressed with bzip2", "unpack it, or compress it with gzip"),
    b"\xfd7zXZ": ("compressed with xz", "unpack it, or compress it with gzip"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "unpack it, or compress it with gzip"),
    b"ARROW1": ("an Arrow file", "convert it to Parquet"),
}


class ByteStream(io.RawIOBase):
    """The bytes of `path`, decompressed when they begin as gzip does.

    A read that fails ends the stream as its end would, and `failure` says why; what came before is not lost.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.compressed = self._file.peek(2)[:2] == _GZIP
        self._source = gzip.GzipFile(fileobj=self._file) if self.compressed else self._file
        self.failure: str | None = None

    @property
    def position(self) -> int:
        """Bytes of the file consumed so far, as they lie on the disk."""
        return self._file.tell()

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fill `buffer` as far as one read of the file goes; 0 at the end or at damage."""
        if self.failure:
            return 0
        try:
            # One read at a time: a longer one would throw away what it had when it meets the damage.
            data = self._source.read1(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.failure = "is where the compressed data break off, and what follows could not be read"
            return 0
        except OSError as error:
            self.failure = (
                f"is where the disk gave an error ({error.strerror}), and what follows could not be read"
            )
            return 0
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._source.close()
        self._file.close()
        super().close()


def open_bytes(path: Path) -> tuple[ByteStream, "io.BufferedReader[ByteStream]"]:
    """The stream of `path` and a buffered reader that stands behind its byte order mark, if it has one."""
    stream = ByteStream(path)
    reader = io.BufferedReader(stream, 2**18)
    if reader.peek(3)[:3] == _UTF8_MARK:
        reader.read(3)
    return stream, reader


def check_file(path: Path) -> None:
    """Raise `DataError` unless `path` is a regular file that can be read and is not empty."""
    if not path.exists():
        raise DataError(f"there is no file '{path}'", "check the path")
    if path.is_dir():
        raise DataError(f"'{path}' is a folder", "name one data file in it")
    if not path.is_file():
        raise DataError(f"'{path}' is not a regular file", "write the rows to a file first")
    if not os.access(path, os.R_OK):
        raise DataError(f"'{path}' may not be read", "ask for the permission to read it")
    if path.stat().st_size == 0:
        raise DataError(f"'{path}' is empty", "check how it was written")
    with path.open("rb") as file:
        start = file.read(8)
    for mark, (what, remedy) in _FOREIGN.items():
        if start.startswith(mark):
            raise DataError(f"'{path}' is {what}", remedy)
