"""
Stages: databases in which a sale stands where many tests begin, made once for each worker.

A test begins there, does what it likes, and all of it is rolled back. Its people and its order are the same in every
test; to walk there anew for each of them took a fifth of the time of all tests.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Flask
from sqlalchemy import Connection, Engine, create_engine

from marketplace.extensions import db
from marketplace.kernel import clock
from tests.factories import deals
from tests.factories.orders import Scene, make_scene
from tests.factories.rules import lay_out_document

if TYPE_CHECKING:
    from sqlite3 import Connection as Books

    from tests.factories.stripe import StripeDriver


@dataclass(frozen=True)
class Stage:
    """A database, who is who in it, and for a sale that was paid its order and what the local Stripe knows of it."""

    engine: Engine
    scene: Scene
    order_id: UUID | None = None
    books: "Books | None" = None

    def enter(self) -> Scene:
        """Return the people and things of the scene as rows of the test's session, without asking for them."""
        return Scene(**{one.name: db.session.merge(getattr(self.scene, one.name), load=False) for one in fields(Scene)})


class Stages:
    """The stages of one worker, each built when a test first asks for it."""

    def __init__(self, app: Flask, fresh_database: Callable[[], str]) -> None:
        self._app = app
        self._fresh_database = fresh_database
        self._built: dict[str, Stage] = {}

    def scene(self) -> Stage:
        """Return the one on which a unit is for sale, and a clinic is cleared for it."""
        return self._built.get("scene") or self._build("scene", None)

    def held(self, stripe: "StripeDriver") -> Stage:
        """Return the one on which the unit was ordered and paid for by card, and its money is held."""
        return self._built.get("held") or self._build("held", stripe)

    def _build(self, name: str, stripe: "StripeDriver | None") -> Stage:
        engine = create_engine(self._fresh_database(), **self._app.config["SQLALCHEMY_ENGINE_OPTIONS"])
        with self._app.app_context(), speaking_to(self._app, engine):
            lay_out_document()
            at = clock.now().replace(microsecond=0)
            scene, sale = make_scene(at), {}
            if stripe:
                stripe.reset()
                stripe.bind(self._app)
                sale = {"order_id": deals.paid(scene, stripe, at=at), "books": stripe.books()}
            for one in fields(scene):
                db.session.refresh(getattr(scene, one.name))
            db.session.expunge_all()
        self._built[name] = Stage(engine, scene, **sale)
        return self._built[name]

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
