"""Counts for the rate limits in PostgreSQL, because several web processes must share them. Fails closed."""

from datetime import datetime, timedelta

from limits.storage import Storage
from sqlalchemy import ColumnElement, case, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from .extensions import Base, db
from .kernel import clock

SCHEME = "postgres-counts"


class RateLimit(Base):
    """How often something happened within a window. The table is unlogged: after a crash counting begins anew."""

    __tablename__ = "rate_limits"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012  SQLAlchemy reads it from the class.

    key: Mapped[str] = mapped_column(primary_key=True)
    hits: Mapped[int]
    expires_at: Mapped[datetime]


class PostgresStorage(Storage):
    """
    Counts in `rate_limits`, each in one statement of its own that no request's rollback takes back.

    Registered under its scheme by being imported.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012  The library's own contract.

    @property
    def base_exceptions(self) -> type[Exception]:
        """The errors of this storage; they surface as they are, and the request is not let through."""
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` more within a window of `expiry` seconds and return the count."""
        now = clock.now()
        first = insert(RateLimit).values(key=key, hits=amount, expires_at=now + timedelta(seconds=expiry))
        is_over = RateLimit.expires_at <= now
        count = first.on_conflict_do_update(
            index_elements=[RateLimit.key],
            set_={
                "hits": case((is_over, amount), else_=RateLimit.hits + amount),
                "expires_at": case((is_over, first.excluded.expires_at), else_=RateLimit.expires_at),
            },
        ).returning(RateLimit.hits)
        with db.engine.begin() as connection:
            return int(connection.execute(count).scalar_one())

    def get(self, key: str) -> int:
        """Return the count of the present window."""
        with db.engine.connect() as connection:
            return connection.scalar(select(RateLimit.hits).where(_current(key))) or 0

    def get_expiry(self, key: str) -> float:
        """Return when the present window ends, in seconds of the epoch."""
        with db.engine.connect() as connection:
            end = connection.scalar(select(RateLimit.expires_at).where(_current(key)))
        return (end or clock.now()).timestamp()

    def check(self) -> bool:
        """Say whether the counts can be read."""
        with db.engine.connect() as connection:
            connection.scalar(select(func.now()))
        return True

    def reset(self) -> int | None:
        """Forget every count; return how many there were."""
        with db.engine.begin() as connection:
            return connection.execute(delete(RateLimit)).rowcount

    def clear(self, key: str) -> None:
        """Forget one count."""
        with db.engine.begin() as connection:
            connection.execute(delete(RateLimit).where(RateLimit.key == key))


def sweep() -> None:
    """Remove the counts of windows that are over."""
    with db.engine.begin() as connection:
        connection.execute(delete(RateLimit).where(RateLimit.expires_at <= clock.now()))


def _current(key: str) -> ColumnElement[bool]:
    return (RateLimit.key == key) & (RateLimit.expires_at > clock.now())
