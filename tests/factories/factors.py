"""Second factors as people set them up."""

from dataclasses import dataclass
from datetime import datetime

import pyotp

from marketplace.accounts import factors
from marketplace.accounts.models import User


@dataclass
class Telephone:
    """What a person keeps of their second factor."""

    secret: str
    codes: list[str]


def code_of(secret: str, at: datetime) -> str:
    return pyotp.TOTP(secret).at(at)


def with_second_factor(user: User, *, at: datetime) -> Telephone:
    """Turn a second factor on for the person; the code of that moment is used up."""
    secret = factors.begin(user_id=user.id, at=at).secret
    return Telephone(secret, factors.turn_on(user_id=user.id, code=code_of(secret, at), at=at))
