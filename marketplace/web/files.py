"""Take private files in, and give them out so that nothing in them can act in our origin."""

from io import BytesIO

from flask import Response, send_file
from werkzeug.datastructures import FileStorage

from ..documents.models import MediaType
from ..documents.service import KeptFile
from ..kernel.errors import Invalid

CONTENT_POLICY = "sandbox; default-src 'none'"


def sent(file: KeptFile) -> Response:
    """Return the file: an image to be looked at, anything else to be saved."""
    return _answer(file.content, file.media_type, file.filename, save=file.media_type is MediaType.PDF)


def drawn(picture: bytes) -> Response:
    """Return a JPEG that we drew ourselves."""
    return _answer(picture, MediaType.JPEG, "page.jpg", save=False)


def received(sent: FileStorage | None, *, most: int) -> tuple[str, bytes]:
    """
    Return the name and the bytes of a paper that a form brought, one byte more than `most` at the utmost.

    :raises Invalid: it brought none
    """
    if sent is None or not sent.filename:
        raise Invalid("Choose the file of the paper.", field="file")
    return sent.filename, sent.stream.read(most + 1)


def _answer(content: bytes, media_type: MediaType, name: str, *, save: bool) -> Response:
    answer = send_file(
        BytesIO(content), mimetype=media_type.value, as_attachment=save, download_name=name, etag=False, max_age=0
    )
    answer.headers["Content-Security-Policy"] = CONTENT_POLICY
    answer.headers["Cache-Control"] = "no-store"
    return answer
