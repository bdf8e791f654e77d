"""Tables to keep: how a page answers with one."""

from flask import Response

from ..kernel.spreadsheets import MARK


def download(name: str, text: str) -> Response:
    """Answer with a table to keep under `name`."""
    response = Response(MARK + text, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
