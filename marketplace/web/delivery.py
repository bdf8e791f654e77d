"""How answers travel: packed where the browser can unpack; files kept for ever under the address of their version."""

import gzip
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, g, request
from werkzeug.security import safe_join

PACKABLE = frozenset({"text/html", "text/css", "text/javascript", "image/svg+xml", "text/plain"})
FILES = frozenset({"static", "bootstrap.static"})
SMALLEST = 512  # Below this the packing is larger than what it saves.
# A file is packed once and well, a page every time and fast: in half the time of level 4, a tenth larger.
BEST, FAST = 9, 1
FOR_EVER = "public, max-age=31536000, immutable"
FOR_A_DAY = "public, max-age=86400"


def name_the_version(endpoint: str, values: dict[str, Any]) -> None:
    """Let the address of a file of ours change with its content, so that a browser may keep what it once fetched."""
    if endpoint == "static":
        values["v"] = version_of(values["filename"])


def version_of(filename: str) -> str | None:
    """Return a few letters that change when the file in the static folder does; None if there is no such file."""
    path = safe_join(current_app.static_folder or "", filename)
    if path is None or not Path(path).is_file():
        return None
    return _digest(path, Path(path).stat().st_mtime_ns)


def keep(response: Response) -> Response:
    """Say how long the file may be kept: for ever under the address that names its version."""
    if request.endpoint == "static" and response.status_code in {200, 304}:
        version = request.args.get("v")
        if version is not None and version == version_of((request.view_args or {})["filename"]):
            response.headers["Cache-Control"] = FOR_EVER
    elif request.endpoint == "bootstrap.static":
        # It comes with an installed package, and our style sheet names it without a version.
        response.headers["Cache-Control"] = FOR_A_DAY
    return response


def pack(response: Response) -> Response:
    """Compress text for browsers that can read it."""
    if response.status_code != 200 or response.mimetype not in PACKABLE or _holds_a_secret():
        return response
    if response.is_streamed and not response.direct_passthrough:
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip") <= 0 or (response.content_length or SMALLEST) < SMALLEST:
        return response
    response.direct_passthrough = False
    etag, _ = response.get_etag()
    body = response.get_data()
    if etag is None:
        response.set_data(gzip.compress(body, compresslevel=FAST, mtime=0))
    else:
        response.set_data(_packed(etag, body) if request.endpoint in FILES else _packed_page(etag, body))
    response.content_encoding = "gzip"
    if etag:
        response.set_etag(etag, weak=True)
    return response


def register(app: Flask) -> None:
    """Let every answer of the app travel so."""
    app.url_defaults(name_the_version)
    app.after_request(pack)
    app.after_request(keep)


def _holds_a_secret() -> bool:
    # Packed together with words that an address can choose, the length of a page would tell its secrets (BREACH).
    return "csrf_token" in g


@lru_cache(maxsize=128)
def _packed(_etag: str, body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=BEST, mtime=0)


@lru_cache(maxsize=128)
def _packed_page(_etag: str, body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=FAST, mtime=0)


@lru_cache(maxsize=512)
def _digest(path: str, _changed: int) -> str:
    return sha256(Path(path).read_bytes()).hexdigest()[:12]
