"""The database, the unit of work, and the registry of ports that app.py fills with adapters."""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import psycopg
from flask import Flask, Request, Response, current_app, g, request
from flask import session as brought
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Connection,
    DateTime,
    Engine,
    Enum,
    Identity,
    MetaData,
    Text,
    Uuid,
    event,
)
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError, InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from . import silence

T = TypeVar("T")

# Constraints are named as facts: "orders_price_is_positive".
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


class Base(DeclarativeBase):
    """
    The common ground of all models.

    Enums are stored as their values under a CHECK, moments are aware, free text is `text`, JSON is `jsonb`.
    """

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy reads it from the class.
        UUID: Uuid(),
        str: Text(),
        datetime: DateTime(timezone=True),
        StrEnum: Enum(StrEnum, native_enum=False, create_constraint=True, length=40, values_callable=_values),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


class Keyed:
    """Rows known by a random key that is safe to show in an address."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, sort_order=-10)


class Sequenced(Keyed):
    """Rows that followed each other, also within one moment: by `position` they are read as they were written."""

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))


class Doorman(LoginManager):
    """Flask-Login without its remember-me cookie: sessions are rows, and end when the row says so."""

    def _update_remember_cookie(self, response: Response) -> Response:
        # To look for a cookie that we never set would mark every answer, also of files, as different for everybody.
        return response

    def _load_user(self) -> None:
        # A browser that brings nothing along is nobody: there is no need to work out what it would be known again by.
        if brought:
            super()._load_user()
        else:
            self._update_request_context_with_user()


class Cookies(SecureCookieSessionInterface):
    """Flask's sessions; a browser that brings none is given an empty one without making ready to verify it."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if not request.cookies.get(self.get_cookie_name(app)):
            return self.session_class()
        return super().open_session(app, request)


class Counting(Limiter):
    """
    Flask-Limiter, which counts where a view says so.

    Before every other view it would look whether something applies to the whole house. That is only how often somebody
    may send something: nobody who merely reads is counted, nor the provider's news, which are signed.
    """

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:  # noqa: FBT001, FBT002  Its own.
        if not in_middleware or (request.method == "POST" and request.blueprint != "webhooks"):
            super()._check_request_limit(callable_name, in_middleware)


db = SQLAlchemy(metadata=Base.metadata, disable_autonaming=True)
login_manager = Doorman()
csrf = CSRFProtect()
limiter = Counting(key_func=get_remote_address, application_limits=[lambda: MOST_SENT])

MOST_SENT = "600 per 5 minutes"
"""Forms that one address may send us, whatever they say: two a second is more than hands do, and less than a script."""

ASKED_AFTER = 5.0
"""Seconds. A connection that was used since, and of which nothing was heard, is taken to be there."""


class Pool(QueuePool):
    """
    Connections that are there when they are given out.

    A server that ends a connection says so: then, and after some idleness, it is asked. To ask each time costs a page
    a third of its way to the database.
    """


@event.listens_for(Pool, "checkin")
def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used"] = time.monotonic()


@event.listens_for(Pool, "checkout")
def _ask(connection: psycopg.Connection, record: ConnectionPoolEntry, _proxy: Any) -> None:
    silence.may_ask()
    used = record.info.get("used")
    if used is None:
        return  # It was made for this.
    try:
        heard = select.poll()
        heard.register(connection.fileno(), select.POLLIN)
        if heard.poll(0) or time.monotonic() - used >= ASKED_AFTER:
            connection.execute("")
            connection.rollback()
    except psycopg.Error:
        raise InvalidatePoolError from None


@event.listens_for(Engine, "do_connect")
def _connect(_dialect: Any, _record: Any, arguments: Any, named: dict[str, Any]) -> silence.Patient:
    return silence.connect(*arguments, **named)


ENGINE_OPTIONS: dict[str, Any] = {
    "poolclass": Pool,
    "pool_size": 4,
    "max_overflow": 4,
    "pool_timeout": 2,
    "hide_parameters": True,  # An error's text goes to the log; what people wrote and were mailed does not.
    "connect_args": {
        "connect_timeout": 3,
        "application_name": "second-light",
        "options": "-c statement_timeout=5000 -c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000",
    },
}


class UnitsOfWorkDoNotNest(RuntimeError):
    """A use-case was called inside another use-case; call its step instead."""


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """
    Do a whole business operation or nothing: commit at the end, roll back on any exception.

    The only place that commits.

    :raises UnitsOfWorkDoNotNest: one is already open in this context
    """
    session = db.session()
    if session.info.get("in_unit_of_work"):
        raise UnitsOfWorkDoNotNest
    session.info["in_unit_of_work"] = True
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop("in_unit_of_work", None)


@contextmanager
def reading() -> Iterator[Connection]:
    """
    Give a connection for statements that only read.

    Where nothing was begun each statement stands alone, without a BEGIN and a ROLLBACK around it, which cost a page
    more than its statements do; inside a transaction it is the transaction's own. Nests.
    """
    kept: Connection | None = g.get("reading")
    if kept is not None:
        yield kept
    elif _begun():
        yield db.session().connection()
    else:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            g.reading = connection
            try:
                yield connection
            finally:
                del g.reading


def _begun() -> bool:
    """Say whether what is asked now belongs to a transaction; without asking for a session that nobody has needed."""
    bound: Any = db.engine  # Within a test's transaction it is the connection itself.
    return isinstance(bound, Connection) or (db.session.registry.has() and db.session().in_transaction())


def as_text(statement: ClauseElement) -> str:
    """Return a statement as text, with its values written out: a part of a larger one that asks much at once."""
    dialect = registry.load("postgresql.psycopg")()
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def broken_rule(refusal: IntegrityError) -> str | None:
    """Return the name of the rule by which the database refused."""
    assert isinstance(refusal.orig, psycopg.Error)  # There is one driver.
    return refusal.orig.diag.constraint_name


def bind(app: Flask, port: type[T], adapter: T) -> None:
    """Let `adapter` answer for `port` in this app."""
    app.extensions.setdefault("second_light_ports", {})[port] = adapter


def adapter_of(port: type[T]) -> T:
    """
    Return what answers for `port` in the current app.

    :raises KeyError: app.py bound nothing to it
    """
    return cast("T", current_app.extensions["second_light_ports"][port])
