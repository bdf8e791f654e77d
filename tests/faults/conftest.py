"""What races share: deeds of several hands at the same instant."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from marketplace.extensions import db


@pytest.fixture
def at_once(own_app):
    """A function that does several things at the same instant, each on a connection of its own."""

    def run(*acts):
        barrier = threading.Barrier(len(acts))

        def do(act):
            with own_app.app_context():
                barrier.wait(timeout=30)
                try:
                    return act()
                except Exception as refusal:  # noqa: BLE001  What was raised is the answer.
                    return refusal
                finally:
                    db.session.remove()

        with ThreadPoolExecutor(len(acts)) as pool:
            return list(pool.map(do, acts))

    return run
