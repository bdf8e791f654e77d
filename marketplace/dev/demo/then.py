"""Lets the demo live through its past: the house, its database and the local Stripe are at another moment together."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from urllib.request import Request, urlopen

from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session

from ... import jobs
from ...config import Settings
from ...extensions import db
from ...kernel import clock

# The guards of the database ask what time it is, and refuse an order that rests on an answer of another day. They are
# all there while the past is played: to what they call now() there is, in these transactions alone, another answer.
_CALLED_NOW = """
    CREATE SCHEMA demo_time;
    CREATE FUNCTION demo_time.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT current_setting('demo_time.moment')::timestamptz $$
"""
_IN_THIS_TRANSACTION = text(
    "SELECT set_config('search_path', 'demo_time, public, pg_catalog', true),"
    " set_config('demo_time.moment', :moment, true)"
)


class Calendar:
    """What time it is in the demo: the clock's time, or a moment of its past."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._then: datetime | None = None

    def now(self) -> datetime:
        """Return the moment at which the demo is."""
        return self._then or clock.now()

    @contextmanager
    def past(self, begins: datetime) -> Iterator[None]:
        """Be at a moment of the past, from where others can be gone to; afterwards it is today again."""
        with db.engine.begin() as connection:
            connection.execute(text(_CALLED_NOW))
        self.go_to(begins)
        event.listen(Session, "after_begin", self._begin)
        try:
            with patch.object(jobs, "clock", self):  # What is promised then is done then as well.
                yield
        finally:
            event.remove(Session, "after_begin", self._begin)
            self._then = None
            db.session.rollback()
            with db.engine.begin() as connection:
                connection.execute(text("DROP SCHEMA demo_time CASCADE"))
            self._set_stripe()

    def go_to(self, moment: datetime) -> None:
        """Be at that moment, everywhere."""
        db.session.rollback()
        self._then = moment
        self._set_stripe()

    def let_pass(self, days: int) -> None:
        """Let days pass, where the past is played; today nobody waits."""
        if self._then is not None:
            self.go_to(self._then + timedelta(days=days))

    def ask_stripe(self, path: str, **fields: object) -> Any:
        """Do what a button of the local Stripe does."""
        request = Request(
            f"{self._settings.stripe_api_base}{path}",
            data=json.dumps(fields).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._settings.stripe_api_key}"},
        )
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def _set_stripe(self) -> None:
        # Ours is read first: nothing there may be of a second that has not come here.
        here = int(self.now().timestamp())
        there = self.ask_stripe("/_sim/clock", seconds=0)["now"]
        self.ask_stripe("/_sim/clock", seconds=here - there)

    def _begin(self, _session: Session, _transaction: object, connection: Connection) -> None:
        connection.execute(_IN_THIS_TRANSACTION, {"moment": self.now().isoformat()})
