"""The mailbox of the demo: takes every mail over SMTP and shows it as its reader would see it."""

import argparse
import re
import signal
import sys
from collections.abc import Sequence
from datetime import UTC
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]")
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ max-width: 48rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }}
li {{ margin: .75rem 0 }} ul {{ list-style: none; padding: 0 }} .said {{ white-space: pre-wrap }}
</style></head><body><main>{body}</main></body></html>
"""
# A mail may bring pictures and styles along, and nothing else: no scripts, and nothing fetched from elsewhere.
_LIMITS: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'"


class Letters:
    """The mails in a directory, one file each, so that they survive a restart."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._lock = Lock()
        self._numbers = count(1 + max((int(path.stem) for path in directory.glob("*.eml")), default=0))

    def keep(self, content: bytes) -> None:
        """Add a mail; it appears whole or not at all."""
        with self._lock:
            path = self._directory / f"{next(self._numbers):06}.eml"
            unfinished = path.with_suffix(".unfinished")
            unfinished.write_bytes(content)
            unfinished.rename(path)

    def names(self) -> list[str]:
        """Return the names of all mails, newest first."""
        return sorted((path.stem for path in self._directory.glob("*.eml")), reverse=True)

    def read(self, name: str) -> EmailMessage:
        """:raises KeyError: there is no such mail"""
        if name not in self.names():
            raise KeyError(name)
        return message_from_bytes((self._directory / f"{name}.eml").read_bytes(), policy=policy.default)


class Receiver:
    """What aiosmtpd calls for each mail."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802  The name that aiosmtpd calls.
        """Keep the mail."""
        content = envelope.content
        assert isinstance(content, bytes), "aiosmtpd decodes only where it is told to"
        self._letters.keep(content)
        return "250 Kept in the demo's mailbox"


class Reader(BaseHTTPRequestHandler):
    """The pages: all mails, one mail, and the same mail in its formatted version."""

    letters: Letters

    def do_GET(self) -> None:
        """Answer with the page of this path."""
        try:
            page = self._page(*self.path.strip("/").split("/"))
        except KeyError:
            self._answer(HTTPStatus.NOT_FOUND, _PAGE.format(title="No such mail", body="<h1>No such mail</h1>"))
            return
        self._answer(HTTPStatus.OK, page)

    def _page(self, name: str, *more: str) -> str:
        if not name:
            return _list(self.letters)
        mail = self.letters.read(name)
        return {(): _letter(name, mail), ("formatted",): _body(mail, "html")}[more]

    def _answer(self, status: HTTPStatus, page: str) -> None:
        content = page.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", _LIMITS)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  The name that http.server gives.
        """Say nothing: who reads which mail is of no interest."""


def _list(letters: Letters) -> str:
    rows = []
    for name in letters.names():
        mail = letters.read(name)
        rows.append(
            f'<li><a href="/{name}">{escape(str(mail["Subject"] or "(no subject)"))}</a>'
            f"<br>to {escape(str(mail['To']))}{_when(mail)}</li>"
        )
    listed = f"<ul>{''.join(rows)}</ul>" if rows else "<p>No mail yet.</p>"
    return _PAGE.format(title="Mailbox", body=f"<h1>Mailbox</h1><p>Nothing here left this machine.</p>{listed}")


def _letter(name: str, mail: EmailMessage) -> str:
    said = escape(_body(mail, "plain"))
    linked = _ADDRESS.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', said)
    formatted = f'<p><a href="/{name}/formatted">Formatted version</a></p>' if _body(mail, "html") else ""
    subject = escape(str(mail["Subject"] or "(no subject)"))
    return _PAGE.format(
        title=subject,
        body=f'<p><a href="/">All mail</a></p><h1>{subject}</h1>'
        f"<p>from {escape(str(mail['From']))}<br>to {escape(str(mail['To']))}{_when(mail)}</p>"
        f'<div class="said">{linked}</div>{formatted}',
    )


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return "" if part is None else str(part.get_content())


def _when(mail: EmailMessage) -> str:
    if mail["Date"] is None:
        return ""
    return parsedate_to_datetime(mail["Date"]).astimezone(UTC).strftime("<br>%d %b %Y, %H:%M UTC")


def main(arguments: Sequence[str] | None = None) -> int:
    """Take and show mail until SIGTERM; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m marketplace.dev.mailbox", description=__doc__)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--web-port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    given = parser.parse_args(arguments)
    letters = Letters(given.directory)
    reader = type("ReaderOfThese", (Reader,), {"letters": letters})
    try:
        with ThreadingHTTPServer(("127.0.0.1", given.web_port), reader) as web:
            _serve(web, Controller(Receiver(letters), hostname="127.0.0.1", port=given.smtp_port))
    except OSError as problem:
        print(f"The mailbox cannot listen: {problem.strerror}.", file=sys.stderr)
        return 1
    return 0


def _serve(web: ThreadingHTTPServer, receiver: Controller) -> None:
    try:
        receiver.start()
        signal.signal(signal.SIGTERM, _end)
        web.serve_forever()
    except KeyboardInterrupt:
        receiver.stop()
    finally:
        # A receiver that could not start leaves its loop to us.
        receiver.loop.close()


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
