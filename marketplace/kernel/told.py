"""Reads values that came as JSON. Nothing stays nothing."""

from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from .money import Money

E = TypeVar("E", bound=StrEnum)


def day(written: str | None) -> date | None:
    """Read a day."""
    return None if written is None else date.fromisoformat(written)


def moment(written: str | None) -> datetime | None:
    """Read a moment with its distance from UTC."""
    return None if written is None else datetime.fromisoformat(written)


def key(written: str | None) -> UUID | None:
    """Read the key of a row."""
    return None if written is None else UUID(written)


def money(minor: int | None, currency: str) -> Money | None:
    """Read an amount in minor units."""
    return None if minor is None else Money(minor, currency)


def octets(written: str) -> bytes:
    """Read octets as the database writes them: a backslash, an x, and two hexadecimal digits for each."""
    return bytes.fromhex(written[2:])


def one_of(kind: type[E], written: str | None) -> E | None:
    """Read a member of an enumeration by its value."""
    return None if written is None else kind(written)
