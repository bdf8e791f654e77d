"""Write the audit trail out, sign its head, and keep the head where whoever changes the database cannot reach it."""

import base64
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from ..audit import AuditEvent
from ..extensions import db, reading, unit_of_work
from ..kernel.errors import Unavailable
from ..notifications.service import promise_mail
from .chain import FORMAT, GENESIS, signed_words, written

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

AT_ONCE = 1_000


class NoAuditKey(Unavailable):
    """Nothing here can be signed: the house was given no key."""

    code = "no_audit_key"

    def __init__(self) -> None:
        super().__init__(
            "The trail cannot be signed here: no key is set.",
            cure="Whoever runs the house makes one with `flask audit key` and sets SECOND_LIGHT_AUDIT_KEY.",
        )


def export(*, key: str | None, at: datetime) -> Iterator[str]:
    """
    Yield the whole trail as it is now, line by line, with the signed head last.

    Read in pieces, each in a statement of its own: a slow reader holds no transaction, and memory stays small.

    :raises NoAuditKey: before the first line
    """
    if key is None:
        raise NoAuditKey
    return _lines(key, at)


def keep_head(*, key: str | None, file: Path | None, to: str | None, at: datetime) -> str | None:
    """
    Sign the head of the trail, append it to a file and mail it; return the line.

    None: there is no key or no place for it, or no event yet.

    What it says can only be contradicted by who can change the database *and* what is kept there.
    """
    if key is None or (file is None and to is None):
        return None
    with reading() as connection:
        events = connection.execute(select(func.count()).select_from(AuditEvent)).scalar_one()
        newest = select(AuditEvent.hash).order_by(AuditEvent.position)
        # Of as many as were counted: others may be written in between.
        last = connection.execute(newest.offset(events - 1).limit(1)).scalar() if events else None
    if last is None:
        return None
    line = _signed(events, last, key, at)
    if file is not None:
        with file.open("a", encoding="ascii") as heads:
            heads.write(f"{line}\n")
            heads.flush()
            os.fsync(heads.fileno())
    if to is not None:
        with unit_of_work():
            promise_mail(
                to=to, template="audit_head", context={"events": events, "line": line, "key": public_half(key)}, at=at
            )
    return line


def new_key() -> str:
    """Make a key, in base64; it is kept nowhere here."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_half(key: str) -> str:
    """Return the public half of a key, in base64: what the trail is verified by."""
    return base64.b64encode(_private(key).public_key().public_bytes_raw()).decode()


def _private(key: str) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # Not when the house starts.

    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(key, validate=True))


def _signed(events: int, last: str, key: str, at: datetime) -> str:
    head: dict[str, Any] = {"events": events, "hash": last, "at": at.astimezone(UTC).isoformat()}
    signature = base64.b64encode(_private(key).sign(signed_words(head))).decode()
    return written({"head": head, "signature": signature})


def _lines(key: str, at: datetime) -> Iterator[str]:
    db.session.rollback()  # Whoever asked was looked up in a transaction that would stay open while they read.
    table = AuditEvent.__table__
    with reading() as connection:
        end = connection.execute(select(func.max(table.c.position))).scalar() or 0
    number, position, last = 0, 0, GENESIS
    yield f"{written({'format': FORMAT, 'genesis': GENESIS})}\n"
    while True:
        with reading() as connection:
            rows = connection.execute(
                select(table)
                .where(table.c.position > position, table.c.position <= end)
                .order_by(table.c.position)
                .limit(AT_ONCE)
            ).all()
        for row in rows:
            number, position, last = number + 1, row.position, row.hash
            yield f"{written(_event(number, row))}\n"
        if len(rows) < AT_ONCE:
            break
    yield f"{_signed(number, last, key, at)}\n"


def _event(number: int, row: Any) -> dict[str, Any]:
    return {
        "number": number,
        "kind": row.kind,
        "actor_id": None if row.actor_id is None else str(row.actor_id),
        "subject_type": row.subject_type,
        "subject_id": str(row.subject_id),
        "at": row.at.astimezone(UTC).isoformat(),
        "data": row.data,
        "previous_hash": row.previous_hash,
        "hash": row.hash,
    }
