"""What many tests say: refused by this constraint, this many statements, these promised jobs and mails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import ColumnElement, event, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from marketplace.extensions import db
from marketplace.listings import views
from marketplace.notifications.models import Mail
from marketplace.web import narrowing

if TYPE_CHECKING:
    from marketplace.payments.books import Finding


@contextmanager
def assert_refused_by(constraint: str) -> Iterator[None]:
    """Claim that the database refuses what happens inside, by the constraint or trigger of that name."""
    with pytest.raises(DBAPIError) as refusal, db.session.begin_nested():
        yield
    assert refusal.value.orig.diag.constraint_name == constraint


@contextmanager
def count_statements() -> Iterator[list[str]]:
    """Collect the SQL statements sent inside, without the savepoints of the test itself."""
    sent: list[str] = []

    def remember(_connection, _cursor, statement, _parameters, _context, _many) -> None:
        if not statement.startswith(("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")):
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", remember)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", remember)


def promised_jobs() -> list[tuple[str, dict[str, Any]]]:
    """Return the name and arguments of every job that waits, in the order of promising."""
    rows = db.session.execute(text("SELECT task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id"))
    return [(name, arguments) for name, arguments in rows]


def promised_mails(*about: ColumnElement[bool]) -> list[Mail]:
    """
    Return the mails that meet `about`, in the order of promising.

    That order is known by their jobs: mails of one moment share `promised_at`, and their ids are random.
    """
    promised = text("(SELECT job.id FROM procrastinate_jobs job WHERE job.args ->> 'mail_id' = mails.id::text)")
    return list(db.session.scalars(select(Mail).where(*about).order_by(promised)))


def run_jobs(*, only: str | None = None) -> list[str]:
    """Do the promised jobs in order, also those they promise, until none waits; return their names."""
    from marketplace.jobs import JOBS

    done = []
    while True:
        # What a real worker does before a job runs: it is taken.
        row = db.session.execute(
            text(
                "DELETE FROM procrastinate_jobs WHERE id = (SELECT id FROM procrastinate_jobs WHERE status = 'todo'"
                " AND (CAST(:only AS text) IS NULL OR task_name = :only) ORDER BY id LIMIT 1) RETURNING task_name, args"
            ),
            {"only": only},
        ).one_or_none()
        if row is None:
            return done
        db.session.commit()
        JOBS[row.task_name](**row.args)
        done.append(row.task_name)


def findings(*, orders_too: bool = True) -> "list[Finding]":
    """Return what our books, our orders and the provider's own books do not agree on, without any grace."""
    from marketplace.kernel import clock
    from marketplace.orders import service as orders
    from marketplace.payments import service as payments

    at = clock.now()
    found = payments.verify(at=at, grace=timedelta(0))
    return found + orders.verify(at=at, grace=timedelta(0)) if orders_too else found


def assert_nothing_lost() -> None:
    """Claim that they agree to the cent."""
    assert [str(finding) for finding in findings()] == []


def worker_environment(app, stripe) -> dict[str, str]:
    """Return the environment in which another process works on the same database with the same local Stripe."""
    settings = app.extensions["second_light_settings"]
    return {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "DATABASE_URL": settings.database_url,
        "SECOND_LIGHT_MODE": "test",
        "SECOND_LIGHT_SECRET_KEY": settings.secret_key,
        "SECOND_LIGHT_BASE_URL": settings.base_url,
        "SECOND_LIGHT_DATA_DIR": str(settings.data_dir),
        "SECOND_LIGHT_STRIPE_API_KEY": stripe.api_key,
        "SECOND_LIGHT_STRIPE_WEBHOOK_SECRETS": stripe.secret,
        "SECOND_LIGHT_STRIPE_API_BASE": stripe.base_url,
        "SECOND_LIGHT_CARD_CAP_MINOR": str(settings.card_cap_minor),
        "SECOND_LIGHT_MAIL_HOST": "127.0.0.1",
        "SECOND_LIGHT_MAIL_FROM": "post@second-light.example",
    }


def sign_in(client, user) -> None:
    """Sign the person in by the front door."""
    from tests.factories.accounts import PASSWORD

    answer = client.post("/sign-in", data={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 303, answer.get_data(as_text=True)


def let_confirmations_lapse() -> None:
    """Let a quarter of an hour pass since anybody showed that it is them; they stay signed in."""
    db.session.execute(
        text(
            "UPDATE user_sessions SET created_at = created_at - interval '1 day',"
            " confirmed_at = confirmed_at - interval '15 minutes'"
        )
    )
    db.session.commit()


def forget_looks() -> None:
    """Forget how often units were looked at since it was written last."""
    views._waiting.clear()
    views._since.clear()


def forget_pieces():
    """Let every page and every piece of one be drawn anew."""
    from marketplace.web import fragments, freshness, landing, language, stepping

    freshness.forget()
    for kept in (
        fragments.card,
        fragments.once,
        narrowing._filter,
        landing._policy,
        landing._drawn,
        stepping._piece,
        stepping._of_step,
        language._marked,
    ):
        kept.cache_clear()
