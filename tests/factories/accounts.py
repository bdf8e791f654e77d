"""People and their sessions: the shortest legal rows, each kept at once so that a refusal's rollback does not take them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import count
from typing import Any
from uuid import uuid4

from argon2 import PasswordHasher

from marketplace.accounts.models import User, UserSession
from marketplace.extensions import db
from marketplace.kernel.terms import StaffRole

PASSWORD = "seven ruby lanterns"
LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

_numbers = count(1)


@cache
def hash_of(password: str) -> str:
    """Hash cheaply: tests sign in often."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


_joined = 0


@contextmanager
def together() -> Iterator[None]:
    """Keep all rows of a block with one commit; as a decorator, those of a whole factory."""
    global _joined
    _joined += 1
    try:
        yield
    finally:
        _joined -= 1
    if not _joined:
        db.session.commit()


def kept(row: Any) -> Any:
    db.session.add(row)
    if _joined:
        db.session.flush()
    else:
        db.session.commit()
    return row


def make_user(
    *,
    name: str = "Alice Martin",
    email: str | None = None,
    password: str = PASSWORD,
    confirmed: bool = True,
    staff_role: StaffRole | None = None,
    created_at: datetime = LONG_AGO,
    **values: Any,
) -> User:
    """Keep a member whose address is confirmed; every call makes another person."""
    values.setdefault("email_confirmed_at", created_at if confirmed else None)
    return kept(
        User(
            name=name,
            email=email or f"person{next(_numbers)}@example.test",
            password_hash=hash_of(password),
            staff_role=staff_role,
            created_at=created_at,
            **values,
        )
    )


def make_staff(role: StaffRole | str = StaffRole.VERIFIER, **values: Any) -> User:
    """Keep a member of staff."""
    values.setdefault("name", "Victor Stone")
    return make_user(staff_role=StaffRole(role), **values)


def make_session(user: User, *, at: datetime, token: str | None = None, **values: Any) -> tuple[str, UserSession]:
    """Keep a living session of `user` that began `at`; return the cookie's token with it."""
    token = token or uuid4().hex
    values.setdefault("expires_at", at + timedelta(hours=12))
    values.setdefault("last_seen_at", at)
    values.setdefault("confirmed_at", at)
    return token, kept(
        UserSession(user_id=user.id, token_digest=sha256(token.encode()).digest(), created_at=at, **values)
    )
