"""A job promised inside the transaction: it exists if, and only if, the transaction does, and survives its worker."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from procrastinate import App, SyncPsycopgConnector
from sqlalchemy import text

from .extensions import db

# Promises never open this connector: they travel on the session's own connection. The worker brings its own.
procrastinate_app = App(connector=SyncPsycopgConnector())


def promise(
    job: str, *, not_before: datetime | None = None, lock: str | None = None, priority: int = 0, **arguments: Any
) -> None:
    """
    Queue `job` (a name in `marketplace.jobs`) as part of the current transaction.

    `arguments` must be JSON. Jobs that share a `lock` never run at the same time, and each waits for those before it,
    also for one that is to be tried again. Of what waits, the higher `priority` is done first.
    """
    connection = db.session.connection().connection.driver_connection
    procrastinate_app.configure_task(
        job, allow_unknown=True, schedule_at=not_before, lock=lock, priority=priority, connection=connection
    ).defer(**arguments)


def promise_each(job: str, each: Iterable[dict[str, Any]]) -> None:
    """Queue `job` once for each of the arguments, in one statement, as part of the current transaction."""
    connection = db.session.connection().connection.driver_connection
    procrastinate_app.configure_task(job, allow_unknown=True, connection=connection).batch_defer(*each)


MOST_TRIES = 10
_LEFT_LYING = text(
    "SELECT job.id FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id"
    # What is due by the clock is promised anew by the clock.
    " WHERE job.status = 'doing' AND job.queueing_lock IS NULL AND job.attempts < :most"
    " AND (worker.id IS NULL OR worker.last_heartbeat < clock_timestamp() - make_interval(secs => :silent))"
    " ORDER BY job.id FOR UPDATE OF job SKIP LOCKED"
)


def take_up(*, silent: float = 30) -> int:
    """
    Queue again what a worker was doing when it was killed, and return how much that is.

    A worker tells every ten seconds that it lives; one that was silent for so many seconds is taken to be dead. A step
    of the caller's work.
    """
    left = db.session.scalars(_LEFT_LYING, {"silent": silent, "most": MOST_TRIES}).all()
    for job_id in left:
        db.session.execute(
            text("SELECT procrastinate_retry_job_v2(:id, clock_timestamp(), NULL, NULL, NULL)"), {"id": job_id}
        )
    return len(left)
