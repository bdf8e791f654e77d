"""
Bring the database to the schema that the code expects, and say whether it is there.

Alembic is imported where it is used: a web process never migrates, and need not wait for it at its start.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text
from sqlalchemy.schema import MetaData, SchemaItem

from .extensions import Base

if TYPE_CHECKING:
    from alembic.config import Config

_ROOT = Path(__file__).resolve().parent.parent / "migrations"
_ROOMS = (
    "links", "notifications", "accounts", "clinics", "documents", "registers", "catalog", "recalls", "credentials",
    "eligibility", "listings", "sheets", "questions", "orders", "payments", "messages", "reviews", "wants",
    "watching", "leads", "inspections", "partners", "desks",
)  # fmt: skip
_MIGRATION_LOCK = 0x5EC0DE  # Two processes that start together must not migrate at the same time.


def metadata() -> MetaData:
    """Return the tables of every room."""
    import_module("marketplace.audit")
    import_module("marketplace.limits")
    for room in _ROOMS:
        import_module(f"marketplace.{room}.models")
    import_module("marketplace.credentials.findings")
    import_module("marketplace.listings.market")
    import_module("marketplace.listings.units")
    import_module("marketplace.orders.handovers")
    import_module("marketplace.payments.payee_totals")
    return Base.metadata


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate upwards to `revision`, all steps in one transaction."""
    from alembic import command

    with engine.begin() as connection:
        _prepare(connection)
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate downwards to `revision`, all steps in one transaction."""
    from alembic import command

    with engine.begin() as connection:
        _prepare(connection)
        command.downgrade(_config(connection), revision)


def is_current(connection: Connection) -> bool:
    """Say whether the database stands at the newest revision."""
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision() == head()


@cache
def head() -> str | None:
    """
    Return the newest revision.

    :raises alembic.util.CommandError: there are several
    """
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(Config(_ROOT / "alembic.ini")).get_current_head()


def differences(connection: Connection) -> list[object]:
    """Return what the models have and the database has not, or the other way round."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(
        connection, opts={"include_object": ours, "compare_type": True, "compare_server_default": False}
    )
    return list(compare_metadata(context, metadata()))


def ours(_object: SchemaItem, name: str | None, kind: str, _reflected: bool, _compared: SchemaItem | None) -> bool:  # noqa: FBT001  Alembic calls it so.
    """Say whether alembic should look at it: the queue's tables belong to procrastinate."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config(_ROOT / "alembic.ini")
    config.attributes["connection"] = connection
    return config


def _prepare(connection: Connection) -> None:
    connection.execute(text("SET LOCAL lock_timeout = '4s'"))
    connection.execute(text("SET LOCAL statement_timeout = '60s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
