"""A worker that is killed in the middle of a photo leaves it to be worked again."""

import os
import signal
import sys
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from marketplace import queue
from marketplace.dev.demo import pictures
from marketplace.extensions import adapter_of, db, unit_of_work
from marketplace.kernel import clock
from marketplace.listings import gallery, queries
from marketplace.listings.ports import OriginalStore, PhotoStore
from marketplace.listings.states import PhotoState
from tests.factories.accounts import make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_listing
from tests.patience import running
from tests.support import worker_environment

pytestmark = pytest.mark.own_database

# The real worker; where a file is named its child says there that it has begun, and comes to no end of its own.
WORKER = """
import sys
from marketplace import jobs
from marketplace.app import create_app
from marketplace.documents import isolation

if sys.argv[1:]:
    isolation._START = f"import pathlib, time; pathlib.Path({sys.argv[1]!r}).touch(); time.sleep(20)"
app = create_app()
jobs.worker_app.periodic_registry.periodic_tasks.clear()
jobs.work(app, app.extensions["second_light_settings"].database_url)
"""


@contextmanager
def worker(app, stripe, *hangs_at):
    environment = worker_environment(app, stripe)
    with running([sys.executable, "-c", WORKER, *hangs_at], seconds=120, env=environment) as process:
        yield process


def until(seen):
    end = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.1)
        db.session.rollback()


def jobs_as():
    return list(db.session.scalars(text("SELECT status FROM procrastinate_jobs WHERE task_name = 'make_photo'")))


def test_a_photo_whose_worker_was_killed_is_worked_again(own_app, stripe_alone, tmp_path):
    with own_app.app_context():
        seller = make_user()
        listing = make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True))
        drawing = pictures.encoded(pictures.console(pictures.Subject("Candela", "GentleMax Pro", ("ALEX",))))
        gallery.add(listing_id=listing.id, actor_id=seller.id, files=[("front.jpg", drawing)], at=clock.now())
        (photo,) = queries.listing(listing.id).all_photos

        begun = tmp_path / "begun"
        with worker(own_app, stripe_alone, begun) as first:
            until(begun.exists)
            os.kill(first.pid, signal.SIGKILL)
            first.wait(30)
        assert queries.listing(listing.id).all_photos[0].state is PhotoState.WAITING
        assert adapter_of(OriginalStore).get(photo.stem) == drawing
        assert jobs_as() == ["doing"]

        with unit_of_work():
            assert queue.take_up(silent=0) == 1
        with worker(own_app, stripe_alone):
            until(lambda: queries.listing(listing.id).all_photos[0].state is PhotoState.READY)
        assert len(adapter_of(PhotoStore).get(f"{photo.stem}-1280.webp")) > 1_000
        with pytest.raises(KeyError):
            adapter_of(OriginalStore).get(photo.stem)
        assert adapter_of(PhotoStore).get(f"{photo.stem}-480.jpg").startswith(b"\xff\xd8")
