"""What is held about a person, out of the tables of all rooms. Whoever calls has made sure that it is them."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, Table, func, literal, select, union_all

from ..accounts.models import User
from ..audit import AuditEvent
from ..database import metadata
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.spreadsheets import MARK, csv_of
from .columns import Column, Group, about, groups

BY_ADDRESS = frozenset({"mails.to", "clinic_invitations.email"})
"""Columns that name a person by their address."""

NOT_HERE = (
    "Passwords, codes and tokens: most are kept as digests, which nobody can read, you included.",
    "Things of others that name you as whoever did something: what you did is listed, each act with its time.",
    "What we found about you in registers: it is looked into first, and you are told what comes of it.",
)
"""What is held and not handed over, and why."""


def overview(user_id: UUID) -> list[tuple[Group, list[tuple[str, int]]]]:
    """
    Return what is held about a person, in groups: each kind of which there is anything, and how many entries.

    :raises NotFound: there is no such person
    """
    email = _email(user_id)
    counts = [
        select(literal(one.key), func.count()).where(_table(one).c[one.name] == _named(one, user_id, email))
        for one in about()
    ]
    found = {row[0]: row[1] for row in db.session.execute(union_all(*counts))}
    return [
        (group, holdings)
        for group in groups()
        if (holdings := [(one.words, found[one.key]) for one in about() if one.group == group.code and found[one.key]])
    ]


def as_values(user_id: UUID, *, at: datetime) -> dict[str, Any]:
    """
    Return everything as values for JSON: what is about them, what they did, and what is not here.

    :raises NotFound: there is no such person
    """
    email = _email(user_id)
    return {
        "person": {"id": str(user_id), "email": email},
        "taken_at": at.isoformat(),
        "held": [
            {"table": one.table, "by": one.name, "words": one.words, "rows": rows}
            for one in about()
            if (rows := [_plain(row) for row in _rows(one, user_id, email)])
        ],
        "done": [_plain(row) for row in _done(user_id)],
        "not_here": list(NOT_HERE),
    }


def packed(values: Mapping[str, Any]) -> bytes:
    """Return what `as_values` gave as tables for a spreadsheet, one for each kind, in a ZIP file."""
    sheets = {f"{one['table']}-{one['by']}": one["rows"] for one in values["held"]} | {"done": values["done"]}
    pack = io.BytesIO()
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as files:
        for name, rows in sheets.items():
            if rows:
                cells = ([_cell(one) for one in row.values()] for row in rows)
                files.writestr(f"{name}.csv", MARK + csv_of(rows[0], cells))
        files.writestr("not-here.txt", "\n\n".join(values["not_here"]) + "\n")
    return pack.getvalue()


def _email(user_id: UUID) -> str:
    email = db.session.scalar(select(User.email).where(User.id == user_id))
    if email is None:
        raise NotFound("There is no such person.")
    return email


@cache  # To name the tables of every room takes longer than to ask one of them.
def _table(one: Column) -> Table:
    return metadata().tables[one.table]


def _named(one: Column, user_id: UUID, email: str) -> UUID | str:
    return email if one.key in BY_ADDRESS else user_id


def _rows(one: Column, user_id: UUID, email: str) -> Iterator[RowMapping]:
    table = _table(one)
    kept = [column for column in table.columns if column.name not in one.without]
    asked: Select[Any] = select(*kept).where(table.c[one.name] == _named(one, user_id, email))
    yield from db.session.execute(asked.order_by(*table.primary_key.columns)).mappings()


def _done(user_id: UUID) -> Iterator[RowMapping]:
    asked = select(AuditEvent.at, AuditEvent.kind, AuditEvent.subject_type, AuditEvent.subject_id)
    by = asked.where(AuditEvent.actor_id == user_id).order_by(AuditEvent.position)
    yield from db.session.execute(by).mappings()


def _plain(row: RowMapping) -> dict[str, Any]:
    return {str(name): _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, date):  # A moment is one as well.
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
