"""
What a file truly is: told by its content, opened by one fixed parser, and refused when it carries more than a scan.

Hostile files are opened here, so this runs in a child process with limits of its own (`isolation`).
"""

import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_SIDE = 4_000  # Pixels kept along the longer side: a letter page at 360 dpi.
MAX_PAGES = 30
MAX_OBJECTS = 20_000
PAGE_WIDTH, PAGE_HEIGHT = 1_400, 4_000

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
_MAGIC = ((b"%PDF-", PDF), (b"\xff\xd8\xff", JPEG), (b"\x89PNG\r\n\x1a\n", PNG))
_FORMATS = {JPEG: "JPEG", PNG: "PNG"}

_ACTIVE_KEYS = {"/JS", "/JavaScript", "/XFA", "/EF", "/EmbeddedFiles", "/RichMediaContent"}
_ACTIVE_VALUES = {
    "/JavaScript", "/Launch", "/GoToR", "/GoToE", "/SubmitForm", "/ImportData", "/Rendition", "/RichMediaExecute",
    "/EmbeddedFile", "/FileAttachment", "/RichMedia", "/Movie", "/Sound", "/Screen", "/3D",
}  # fmt: skip
# Also where no cross-reference leads: a viewer that repairs the file would find it there.
_ACTIVE_BYTES = re.compile(rb"/(JavaScript|Launch|EmbeddedFile|RichMedia|SubmitForm|ImportData)\b")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")


class NotTaken(Exception):
    """The file is not taken. The words follow its name: "is empty"."""


@dataclass(frozen=True, slots=True)
class Clean:
    """What is kept of a file."""

    media_type: str
    content: bytes
    width: int | None = None
    height: int | None = None
    pages: int | None = None


def cleaned(content: bytes) -> Clean:
    """
    Return what is kept of a file: an image re-encoded without anything but its pixels, a PDF as it came.

    :raises NotTaken: it is not a harmless PDF, JPEG or PNG within the limits
    """
    if not content:
        raise NotTaken("is empty")
    if len(content) > MAX_BYTES:
        raise NotTaken("is larger than 10 MB")
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            try:
                return _pdf(content) if media_type == PDF else _image(content, media_type)
            except NotTaken:
                raise
            except Exception as trouble:
                # Parsers meet hostile bytes with whatever comes to hand; to the person it is one thing.
                raise NotTaken("is damaged or incomplete") from trouble
    raise NotTaken("is not a PDF, JPEG or PNG file")


def page_picture(content: bytes, number: int) -> bytes:
    """
    Draw page `number` (from 1) of a PDF as a JPEG: pixels only, nothing in it can act.

    :raises NotTaken: there is no such page, or it cannot be drawn
    """
    import pypdfium2

    try:
        page = pypdfium2.PdfDocument(content)[number - 1]
        width, height = page.get_size()
        drawn = page.render(scale=min(PAGE_WIDTH / width, PAGE_HEIGHT / height)).to_pil()
    except (pypdfium2.PdfiumError, IndexError, ZeroDivisionError) as trouble:
        raise NotTaken("has no such page") from trouble
    return _encoded(drawn.convert("RGB"), "JPEG")


def _image(content: bytes, media_type: str) -> Clean:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(BytesIO(content), formats=[_FORMATS[media_type]])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotTaken("has more than 40 million pixels") from None
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    image = ImageOps.exif_transpose(image)
    see_through = media_type == PNG and image.has_transparency_data
    image = image.convert("RGBA" if see_through else "RGB")
    # Pasted onto an empty one, so that no comment, profile or position travels along.
    bare = Image.new("RGB", image.size, "white")
    bare.paste(image, mask=image if see_through else None)
    kept = _encoded(bare, _FORMATS[media_type])
    if len(kept) > MAX_BYTES:
        # Only a photograph saved as PNG grows like this.
        media_type, kept = JPEG, _encoded(bare, "JPEG")
    return Clean(media_type, kept, width=bare.width, height=bare.height)


def _encoded(image: Any, kind: str) -> bytes:
    target = BytesIO()
    image.save(target, kind, **({"quality": 85} if kind == "JPEG" else {"compress_level": 4}))
    return target.getvalue()


def _pdf(content: bytes) -> Clean:
    import pypdfium2
    from pypdf import PdfReader

    if not content.rstrip(b"\0\t\n\f\r ").endswith(b"%%EOF") or zipfile.is_zipfile(BytesIO(content)):
        raise NotTaken("carries something behind its end")
    if _ACTIVE_BYTES.search(_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), content)):
        raise NotTaken("contains a script, a form or another file")
    reader = PdfReader(BytesIO(content), strict=True)
    if reader.is_encrypted:
        raise NotTaken("is protected with a password")
    if any(_is_active(entry) for entry in _objects(reader)):
        raise NotTaken("contains a script, a form or another file")
    pages = len(reader.pages)
    if pages > MAX_PAGES:
        raise NotTaken(f"has more than {MAX_PAGES} pages")
    # Two readers that see different pages are being shown different documents.
    if not pages or len(pypdfium2.PdfDocument(content)) != pages:
        raise NotTaken("is damaged or incomplete")
    return Clean(PDF, content, pages=pages)


def _objects(reader: Any) -> Iterator[Any]:
    from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

    listed = {(number, generation) for generation, table in reader.xref.items() for number in table}
    listed |= {(number, 0) for number in reader.xref_objStm}
    waiting: list[Any] = [reader.trailer]
    waiting.extend(IndirectObject(number, generation, reader) for number, generation in sorted(listed))
    seen = 0
    while waiting:
        entry = waiting.pop()
        seen += 1
        if seen > MAX_OBJECTS * 10 or len(listed) > MAX_OBJECTS:
            raise NotTaken("is too complicated for a scan")
        if isinstance(entry, IndirectObject):
            # Each is in the list itself; followed from there and nowhere else, so circles end.
            if (entry.idnum, entry.generation) not in listed:
                continue
            listed.discard((entry.idnum, entry.generation))
            entry = entry.get_object()
        if isinstance(entry, DictionaryObject):
            yield entry
            waiting.extend(entry.values())
        elif isinstance(entry, ArrayObject):
            waiting.extend(entry)


def _is_active(entry: Any) -> bool:
    return not _ACTIVE_KEYS.isdisjoint(entry) or any(
        str(entry.get(key)) in _ACTIVE_VALUES for key in ("/S", "/Type", "/Subtype")
    )
