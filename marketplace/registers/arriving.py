"""A file of a register as it arrives: looked at once, byte by byte, and refused if it is not whole. Pure."""

import codecs
import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..kernel.errors import Invalid
from .sources import Layout, Source

LONGEST_LINE = 65_536

_BY_LINES = frozenset({Layout.CSV, Layout.PIPE})


class Unreadable(Invalid):
    """The file as a whole cannot be taken; nothing of it is loaded."""

    code = "register_file_unreadable"


class Inspection(NamedTuple):
    """What is known of a file before a row of it is read."""

    digest: str
    size: int
    encoding: str
    lines: int


class Watch:
    """Looks once at all bytes of a file: digest, size, encoding, and whether a row could be lost in it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._size = self._lines = self._length = 0
        self._utf8 = True
        self._last = self._open = b""

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """
        Yield the chunks and look at each.

        :raises Unreadable: packed, not text, or with a line that no register writes
        """
        for chunk in chunks:
            self._see(chunk)
            yield chunk

    def _see(self, chunk: bytes) -> None:
        if not self._size:
            _refuse_other_formats(chunk)
        if b"\0" in chunk:
            line = self._lines + chunk[: chunk.index(b"\0")].count(b"\n") + 1
            raise Unreadable(f"Line {line:,} has a NUL byte in it: this is not a text file, or it is damaged.")
        self._digest.update(chunk)
        self._size += len(chunk)
        self._last = chunk[-1:] or self._last
        if self._utf8:
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError:
                self._utf8 = False
        if self._source.layout is Layout.OPENFDA:
            self._count(chunk)
        elif self._source.layout is not Layout.NPPES_JSON:
            self._measure(chunk)

    def _count(self, chunk: bytes) -> None:
        # Its records are not its lines: what numbers them stands once in each, perhaps across two chunks.
        name = f'"{self._source.number_field}"'.encode()
        seen = self._open + chunk
        self._lines += seen.count(name) + (not self._lines)
        self._open = seen[1 - len(name) :]

    def _measure(self, chunk: bytes) -> None:
        pieces = chunk.split(b"\n")
        for number, piece in enumerate(pieces, self._lines + 1):
            length = len(piece) + (self._length if number == self._lines + 1 else 0)
            if length > LONGEST_LINE:
                raise Unreadable(f"Line {number:,} has more than {LONGEST_LINE:,} bytes: no register writes so.")
        self._length = length
        self._lines += len(pieces) - 1

    def verdict(self) -> Inspection:
        """
        Say what came through.

        :raises Unreadable: nothing, not UTF-8, or cut off
        """
        if not self._size:
            raise Unreadable("The file is empty.")
        if self._utf8:
            try:
                self._decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self._utf8 = False
        if not self._utf8 and not self._source.latin:
            raise Unreadable("The file is not in UTF-8, as this register's files are: letters would be lost.")
        if self._source.layout in _BY_LINES and self._last != b"\n":
            raise Unreadable("The last line has no end: the file was cut off. Fetch it again.")
        return Inspection(self._digest.hexdigest(), self._size, "utf-8-sig" if self._utf8 else "cp1252", self._lines)


def _refuse_other_formats(start: bytes) -> None:
    if start.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise Unreadable("The file is packed. Unpack it and send what is inside.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("The file is in UTF-16. Save it as UTF-8.")
