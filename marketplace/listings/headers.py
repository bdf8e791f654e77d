"""
What the first bytes of a picture say of it, and what it carries beside its pixels: read without any decoder. Pure.

A decoder is what a hostile file attacks; here bytes are counted and compared, and nothing is unpacked.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Literal

from ..documents.contents import NotTaken

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_SIDE = 16_000
"""Beyond it a WebP cannot be written, and it is no photo."""

_MOST_PARTS = 20_000
"""An ordinary PNG of ten megabytes has some 1,300 parts, of 8 kB each."""
_SIZES_OF_JPEG = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PIXELS_OF_PNG = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_PIXELS_OF_WEBP = {b"VP8 ", b"VP8L", b"ALPH"}
_FOREIGN = re.compile(
    rb"%PDF-\d|<script[\s>]|<svg[\s>]|<html[\s>]|<!doctype|<\?php|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x7fELF\x02",
    re.IGNORECASE,
)


class Kind(StrEnum):
    """What is taken as a photo, by the name that the decoder gives it."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture says of itself."""

    kind: Kind
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Part:
    name: bytes
    begin: int
    end: int


def look(content: bytes) -> Header:
    """
    Return what the file says that it is, if that can be taken.

    :raises NotTaken: it is no JPEG, PNG or WebP, is too large, moves, or has a printer's colours; the words follow its
        name
    """
    if len(content) > MAX_BYTES:
        raise NotTaken(f"is larger than {MAX_BYTES // 1024 // 1024} MB")
    kind = _kind(content)
    try:
        width, height = {Kind.JPEG: _of_jpeg, Kind.PNG: _of_png, Kind.WEBP: _of_webp}[kind](content)
    except IndexError:
        raise NotTaken("is damaged and cannot be read") from None
    if not width or not height:
        raise NotTaken("is damaged and cannot be read")
    if width * height > MAX_PIXELS:
        raise NotTaken(f"has more than {MAX_PIXELS // 1_000_000} million pixels")
    if max(width, height) > MAX_SIDE:
        raise NotTaken(f"is longer than {MAX_SIDE:,} pixels on one side")
    return Header(kind, width, height)


def require_nothing_else(content: bytes) -> None:
    """
    Let a picture through that carries no second file, neither in its notes nor behind its end.

    What telephones add (a smaller picture, a map of brightness, a second of film) is let through here, and left behind
    when the picture is made anew.

    :raises NotTaken: it carries one
    """
    kind = _kind(content)
    pixels = {Kind.JPEG: {b"pixels"}, Kind.PNG: _PIXELS_OF_PNG, Kind.WEBP: _PIXELS_OF_WEBP}[kind]
    try:
        beside = [part for part in _parts(kind, content) if part.name not in pixels]
    except IndexError:
        raise NotTaken("is damaged and cannot be read") from None
    if any(_FOREIGN.search(content, part.begin, part.end) for part in beside) or zipfile.is_zipfile(BytesIO(content)):
        raise NotTaken("carries another file inside it")


def _kind(content: bytes) -> Kind:
    if content.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Kind.WEBP
    raise NotTaken("is not a JPEG, PNG or WebP picture")


def _of_jpeg(content: bytes) -> tuple[int, int]:
    for part in _parts(Kind.JPEG, content):
        if part.name == b"\xda":
            break  # The pixels begin, and nobody has said how many there are.
        if part.name[0] in _SIZES_OF_JPEG:
            if content[part.begin + 5] == 4:
                raise NotTaken("is in a printer’s colours (CMYK)")
            return _big(content, part.begin + 3), _big(content, part.begin + 1)
    raise IndexError


def _of_png(content: bytes) -> tuple[int, int]:
    for part in _parts(Kind.PNG, content):
        if part.name == b"acTL":
            raise NotTaken("is a moving picture")
        if part.name == b"IDAT":
            break
    return _big(content, 16, 4), _big(content, 20, 4)


def _of_webp(content: bytes) -> tuple[int, int]:
    first = next(_parts(Kind.WEBP, content))
    begin = first.begin
    if first.name == b"VP8X":
        if content[begin] & 2:
            raise NotTaken("is a moving picture")
        return _little(content, begin + 4, 3) + 1, _little(content, begin + 7, 3) + 1
    if first.name == b"VP8L":
        packed = _little(content, begin + 1, 4)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    if first.name != b"VP8 ":
        raise IndexError
    return _little(content, begin + 6, 2) & 0x3FFF, _little(content, begin + 8, 2) & 0x3FFF


def _parts(kind: Kind, content: bytes) -> Iterator[_Part]:
    """Yield the parts of a picture, and as the last what stands behind its end."""
    walk = {Kind.JPEG: _segments, Kind.PNG: _chunks, Kind.WEBP: _pieces}[kind]
    for number, part in enumerate(walk(content)):
        if number == _MOST_PARTS:
            raise NotTaken("is damaged and cannot be read")
        yield part


def _segments(content: bytes) -> Iterator[_Part]:
    at = 2
    while at < len(content) - 1:
        marker = content[at + 1]
        if content[at] != 0xFF:
            raise IndexError
        if marker == 0xFF:  # Filling.
            at += 1
        elif marker == 0xD9:
            yield _Part(b"behind", at + 2, len(content))
            return
        else:
            end = at + 2 + _big(content, at + 2)
            yield _Part(bytes([marker]), at + 4, end)
            at = end
            if marker == 0xDA:
                at = _next_marker(content, end)
                yield _Part(b"pixels", end, at)


def _next_marker(content: bytes, at: int) -> int:
    """Return where the pixels that begin here end: at a mark that is neither a pixel nor a place to begin anew."""
    while (at := content.find(b"\xff", at)) >= 0:
        follows = content[at + 1 : at + 2]
        if follows not in _WITHIN and follows != b"\xff":
            return at
        at += 1
    return len(content)


_WITHIN = {b"\x00", *(bytes([number]) for number in range(0xD0, 0xD8))}


def _chunks(content: bytes) -> Iterator[_Part]:
    at = 8
    while at + 8 <= len(content):
        name, end = content[at + 4 : at + 8], at + 12 + _big(content, at, 4)
        yield _Part(name, at + 8, end - 4)
        at = end
        if name == b"IEND":
            break
    yield _Part(b"behind", at, len(content))


def _pieces(content: bytes) -> Iterator[_Part]:
    at, whole = 12, 8 + _little(content, 4, 4)
    while at + 8 <= min(whole, len(content)):
        length = _little(content, at + 4, 4)
        yield _Part(content[at : at + 4], at + 8, at + 8 + length)
        at += 8 + length + length % 2
    yield _Part(b"behind", whole, len(content))


def _big(content: bytes, at: int, size: int = 2) -> int:
    return _number(content, at, size, "big")


def _little(content: bytes, at: int, size: int) -> int:
    return _number(content, at, size, "little")


def _number(content: bytes, at: int, size: int, order: Literal["big", "little"]) -> int:
    if at + size > len(content):
        raise IndexError
    return int.from_bytes(content[at : at + size], order)
