"""A job promised inside the transaction: it exists if, and only if, the transaction does."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from procrastinate import App, SyncPsycopgConnector

from .extensions import db

# Promises never open this connector: they travel on the session's own connection. The worker brings its own.
procrastinate_app = App(connector=SyncPsycopgConnector())


def promise(job: str, *, not_before: datetime | None = None, lock: str | None = None, **arguments: Any) -> None:
    """
    Queue `job` (a name in `marketplace.jobs`) as part of the current transaction.

    `arguments` must be JSON. Jobs that share a `lock` never run at the same time.
    """
    connection = db.session.connection().connection.driver_connection
    procrastinate_app.configure_task(
        job, allow_unknown=True, schedule_at=not_before, lock=lock, connection=connection
    ).defer(**arguments)


def promise_each(job: str, each: Iterable[dict[str, Any]]) -> None:
    """Queue `job` once for each of the arguments, in one statement, as part of the current transaction."""
    connection = db.session.connection().connection.driver_connection
    procrastinate_app.configure_task(job, allow_unknown=True, connection=connection).batch_defer(*each)
