"""
Stages: databases in which a sale stands where many tests begin, made once for each worker.

A test begins there, does what it likes, and all of it is rolled back. Its people and its order are the same in every
test; to walk there anew for each of them took a fifth of the time of all tests.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Flask
from sqlalchemy import Connection, Engine, create_engine

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.orders.states import OrderState
from tests.factories import deals
from tests.factories.orders import Scene, make_order, make_scene
from tests.factories.rules import lay_out_document

if TYPE_CHECKING:
    from sqlite3 import Connection as Books

    from tests.factories.stripe import StripeDriver


@dataclass(frozen=True)
class Stage:
    """A database, who is who in it, and where something was ordered the order and what the local Stripe knows of it."""

    engine: Engine
    at: datetime
    scene: Scene
    order_id: UUID | None = None
    books: "Books | None" = None

    def is_of_this_hour(self) -> bool:
        """Say whether no hour began since, and so no day anywhere: a test may say that all of it happened today."""
        return self.at.replace(minute=0, second=0) == clock.now().replace(minute=0, second=0, microsecond=0)

    def enter(self) -> Scene:
        """Return the people and things of the scene as rows of the test's session, without asking for them."""
        return Scene(**{one.name: db.session.merge(getattr(self.scene, one.name), load=False) for one in fields(Scene)})


# On each of these the scene's order stands in the state of its name; no payment provider was asked.
STATES = (
    OrderState.AWAITING_PRACTITIONER,
    OrderState.AWAITING_PAYMENT,
    OrderState.FUNDS_HELD,
    OrderState.IN_TRANSIT,
    OrderState.UNDER_INSPECTION,
    OrderState.ACCEPTED,
)
# What happened in the local Stripe before a test begins.
DEALS: dict[str, Callable[..., UUID]] = {"held": deals.paid, "opened": deals.opened}
NAMES = (*DEALS, *STATES, "scene")


class Stages:
    """The stages of one worker, each built when a test first asks for it."""

    def __init__(self, app: Flask, fresh_database: Callable[[], str]) -> None:
        self._app = app
        self._fresh_database = fresh_database
        self._built: dict[str, Stage] = {}

    def asked_for(self, names: Collection[str], stripe: Callable[[], "StripeDriver"]) -> Stage | None:
        """Return the stage on which a test begins that asks for fixtures of these names; None: it begins with nothing."""
        name = next((one for one in NAMES if one in names), None)
        if name is None:
            return None
        built = self._built.get(name)
        if built is None or not built.is_of_this_hour():
            if built is not None:
                built.engine.dispose()
            built = self._built[name] = self._build(name, stripe)
        return built

    def _build(self, name: str, stripe: Callable[[], "StripeDriver"]) -> Stage:
        engine = create_engine(self._fresh_database(), **self._app.config["SQLALCHEMY_ENGINE_OPTIONS"])
        with self._app.app_context(), speaking_to(self._app, engine):
            lay_out_document()
            at = clock.now().replace(microsecond=0)
            scene, sale = make_scene(at), {}
            if name in DEALS:
                bank = stripe()
                bank.reset()
                bank.bind(self._app)
                sale = {"order_id": DEALS[name](scene, bank, at=at), "books": bank.books()}
            elif name in STATES:
                sale = {"order_id": make_order(name, scene, at=at).id}
            for one in fields(scene):
                db.session.refresh(getattr(scene, one.name))
            db.session.expunge_all()
        return Stage(engine, at, scene, **sale)

    def close(self) -> None:
        """Let go of every connection."""
        for stage in self._built.values():
            stage.engine.dispose()


@contextmanager
def speaking_to(app: Flask, database: Engine | Connection) -> Iterator[None]:
    """Let the app's sessions begun inside speak to that database."""
    engines = db._app_engines[app]
    own, engines[None] = engines[None], database
    try:
        yield
    finally:
        db.session.remove()
        engines[None] = own
