"""Proof of possession: a code of the day, which a seller writes on paper and photographs beside the device. Pure."""

import hmac
from datetime import date, datetime, timedelta
from hashlib import sha256
from uuid import UUID

_SIGNS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""What nobody mistakes for something else on a photo."""
_LENGTH = 6
_A_DAY = timedelta(days=1)


def code_of(*, secret: str, listing_id: UUID, day: date) -> str:
    """
    Return the code of a listing for a day (UTC): "4K7-QM2". Only who knows our secret can know it before it is shown.

    The moderator's eye compares it with the photo; it proves that somebody stood before the device with it on that day.
    """
    digest = hmac.digest(secret.encode(), f"possession:{listing_id}:{day.isoformat()}".encode(), sha256)
    number = int.from_bytes(digest, "big")
    signs = []
    for _ in range(_LENGTH):
        number, rest = divmod(number, len(_SIGNS))
        signs.append(_SIGNS[rest])
    return f"{''.join(signs[:3])}-{''.join(signs[3:])}"


def code_at(*, secret: str, listing_id: UUID, at: datetime) -> str:
    """Return the code of the day of a moment."""
    return code_of(secret=secret, listing_id=listing_id, day=at.date())


def codes_for(*, secret: str, listing_id: UUID, at: datetime) -> tuple[str, str]:
    """
    Return what a photo that was sent at a moment may show: the code of that day, and that of the day before.

    The day (UTC) ends in the afternoon of those who sell: what they wrote on paper was right when they read it.
    """
    day = at.date()
    return (
        code_of(secret=secret, listing_id=listing_id, day=day),
        code_of(secret=secret, listing_id=listing_id, day=day - _A_DAY),
    )
