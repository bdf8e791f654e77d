"""Photos as they arrive and as pages need them: told by content, turned upright, stripped and made again."""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from ..kernel.errors import Invalid

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
SIZES = (480, 1280)
"""Widths in pixels. A photo is made large enough to fill a 4:3 frame of this width, and never enlarged."""
FORMATS = {"webp": "WEBP", "jpg": "JPEG"}

_TAKEN = ("JPEG", "PNG", "WEBP")
_QUALITY = {"webp": {"quality": 80, "method": 1}, "jpg": {"quality": 84}}


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


def prepare(content: bytes, *, filename: str) -> Prepared:
    """
    Make the sizes and formats that pages need out of a JPEG, PNG or WebP. What else was in the file stays behind.

    :raises PhotoRefused: it is none of these, too large, or damaged; `filename` is named in the sentence
    """
    if len(content) > MAX_BYTES:
        raise PhotoRefused(f"{filename} is larger than {MAX_BYTES // 1024 // 1024} MB.", field="photos")
    try:
        with Image.open(io.BytesIO(content), formats=_TAKEN) as picture:
            # The header alone was read so far: a picture that would not fit into memory is never unpacked.
            if picture.width * picture.height > MAX_PIXELS:
                raise _too_large(filename)
            picture.draft("RGB", (SIZES[-1] * 2, SIZES[-1] * 2))  # JPEG unpacks at a fraction where that is enough.
            upright = _opaque(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError:
        raise PhotoRefused(f"{filename} is not a JPEG, PNG or WebP picture.", field="photos") from None
    except Image.DecompressionBombError:
        raise _too_large(filename) from None  # So large that the library itself will not go on.
    except (OSError, SyntaxError, ValueError):
        raise PhotoRefused(f"{filename} is damaged and cannot be read.", field="photos") from None
    sized = {size: _covering(upright, size) for size in SIZES}
    largest = sized[SIZES[-1]]
    files = {f"-{size}.{suffix}": _encoded(picture, suffix) for size, picture in sized.items() for suffix in FORMATS}
    digest = hashlib.sha256(files[f"-{SIZES[-1]}.jpg"]).hexdigest()
    return Prepared(largest.width, largest.height, digest, files)


def _too_large(filename: str) -> PhotoRefused:
    return PhotoRefused(f"{filename} has more than {MAX_PIXELS // 1_000_000} million pixels.", field="photos")


def _opaque(picture: Image.Image) -> Image.Image:
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB")


def _covering(picture: Image.Image, width: int) -> Image.Image:
    scale = min(1.0, max(width / picture.width, width * 3 / 4 / picture.height))
    if scale == 1.0:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Halved as far as leaves thrice the size first: nobody sees the difference, and it takes a quarter of the time.
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _encoded(picture: Image.Image, suffix: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, FORMATS[suffix], **_QUALITY[suffix])
    return out.getvalue()
