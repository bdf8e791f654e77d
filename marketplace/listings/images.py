"""Photos as pages need them: turned upright, stripped and made again from their pixels alone, in a process apart."""

import hashlib
import io
import itertools
from dataclasses import dataclass
from typing import Any

from ..documents.contents import NotTaken
from ..kernel.errors import Invalid
from . import headers
from .headers import Header

SIZES = (480, 1280)
"""Widths in pixels. A photo is made large enough to fill a 4:3 frame of this width, and never enlarged."""
FORMATS = {"webp": "WEBP", "jpg": "JPEG"}
ENDINGS = tuple(f"-{size}.{suffix}" for size in SIZES for suffix in FORMATS)
"""What follows the stem in the names of a photo's files."""

_LARGEST = f"-{SIZES[-1]}.jpg"
_QUALITY = {"webp": {"quality": 80, "method": 1}, "jpg": {"quality": 84}}
_BEGINS = {"webp": b"RIFF", "jpg": b"\xff\xd8\xff"}


class PhotoRefused(Invalid):
    """The file cannot be used as a photo."""

    code = "photo_refused"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo made anew. `files` by what follows the stem, "-480.webp"; width and height are those of the largest."""

    width: int
    height: int
    digest: str
    files: dict[str, bytes]


def prepare(content: bytes) -> Prepared:
    """
    Make the sizes and formats that pages need out of a JPEG, PNG or WebP. What else was in the file stays behind.

    Hostile files are opened here: call it from a process apart (`apart`), or with pictures of our own.

    :raises NotTaken: it is none of these, too large, damaged, or carries another file; the words follow its name
    """
    from PIL import Image, ImageOps  # Only where a picture is opened: the web server never does.

    header = headers.look(content)
    headers.require_nothing_else(content)
    try:
        with Image.open(io.BytesIO(content), formats=[header.kind]) as picture:
            _require_size(picture, header)
            picture.draft("RGB", (SIZES[-1] * 2, SIZES[-1] * 2))  # JPEG unpacks at a fraction where that is enough.
            upright = _opaque(ImageOps.exif_transpose(picture))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise NotTaken("is damaged and cannot be read") from None
    sized = {size: _covering(upright, size) for size in SIZES}
    largest = sized[SIZES[-1]]
    files = {f"-{size}.{suffix}": _encoded(picture, suffix) for size, picture in sized.items() for suffix in FORMATS}
    return Prepared(largest.width, largest.height, hashlib.sha256(files[_LARGEST]).hexdigest(), files)


def told(content: bytes) -> tuple[dict[str, Any], bytes]:
    """
    Be asked in a process apart: prepare a photo, and return what can be told of it, with its files one behind another.

    :raises NotTaken: as `prepare` does
    """
    made = prepare(content)
    lengths = [len(made.files[ending]) for ending in ENDINGS]
    said = {"width": made.width, "height": made.height, "lengths": lengths}
    return said, b"".join(made.files[ending] for ending in ENDINGS)


def understood(said: dict[str, Any], kept: bytes) -> Prepared:
    """
    Return what a process apart told of a photo. Whatever took it over could tell anything: it is believed nothing.

    :raises ValueError: what it told is not a photo's files
    """
    width, height, lengths = said.get("width"), said.get("height"), said.get("lengths")
    if not (_is_number(width) and _is_number(height) and isinstance(lengths, list) and len(lengths) == len(ENDINGS)):
        raise ValueError(said)
    if not all(map(_is_number, lengths)) or sum(lengths) != len(kept):
        raise ValueError(said)
    ends = [0, *itertools.accumulate(lengths)]
    files = {ending: kept[begin:end] for ending, begin, end in zip(ENDINGS, ends, ends[1:], strict=False)}
    if not all(content.startswith(_BEGINS[ending.partition(".")[2]]) for ending, content in files.items()):
        raise ValueError(said)
    return Prepared(int(str(width)), int(str(height)), hashlib.sha256(files[_LARGEST]).hexdigest(), files)


def _require_size(picture: Any, header: Header) -> None:
    # Two readers that see different pictures: one of them is lied to.
    if picture.size != (header.width, header.height):
        raise ValueError(picture.size)


def _is_number(told: object) -> bool:
    return isinstance(told, int) and told > 0


def _opaque(picture: Any) -> Any:
    from PIL import Image

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    ground = Image.new("RGB", layer.size, "white")
    ground.paste(layer, mask=layer)
    return ground


def _covering(picture: Any, width: int) -> Any:
    from PIL import Image

    scale = min(1.0, max(width / picture.width, width * 3 / 4 / picture.height))
    if scale == 1.0:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Halved as far as leaves thrice the size first: nobody sees the difference, and it takes a quarter of the time.
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _encoded(picture: Any, suffix: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, FORMATS[suffix], **_QUALITY[suffix])
    return out.getvalue()
