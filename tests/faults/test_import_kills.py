"""The worker is killed in the middle of an import: it is taken up again, and every device becomes a draft once."""

import subprocess
import sys
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace import queue
from marketplace.extensions import db, unit_of_work
from marketplace.kernel import clock
from marketplace.listings.models import Handpiece, Listing
from marketplace.sheets import queries, service
from tests.factories.accounts import make_user
from tests.factories.catalog import load_catalogue
from tests.factories.clinics import make_clinic
from tests.support import promised_jobs, run_jobs, worker_environment

pytestmark = pytest.mark.own_database

# A real worker that kills itself at its second few devices: before they are committed, or before the queue knows.
WORKER = """
import os, signal, sys
from marketplace import jobs
from marketplace.app import create_app
from marketplace.sheets import service

begin, write, taken = service.whole.begin_all, service.write, []

def die_if(moment):
    if len(taken) == 2 and sys.argv[1] == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def begin_and_die(**said):
    taken.append(said)
    made = begin(**said)
    die_if("before the commit")
    return made

def write_and_die(**given):
    write(**given)
    die_if("after the commit")

service.WRITTEN_AT_ONCE = 4
service.whole.begin_all, service.write = begin_and_die, write_and_die
app = create_app()
jobs.work(app, os.environ["DATABASE_URL"])
"""
DEVICES = 11


def _table() -> bytes:
    lines = ["unit,line,maker,model,city,state,serial,name,modality"]
    for number in range(DEVICES):
        lines += [f"{number},,Candela,GentleMax Pro,Austin,TX,SN-{number:02},,", f"{number},handpiece,,,,,,18 mm,ALEX"]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(("moment", "made"), [("before the commit", 4), ("after the commit", 8)])
def test_a_killed_worker_leaves_nothing_half_done_and_nothing_is_made_twice(own_app, stripe_alone, moment, made):
    with own_app.app_context():
        load_catalogue()
        seller = make_user()
        clinic = make_clinic(owner=seller, seller=True)
        import_id = service.receive(
            clinic_id=clinic.id, actor_id=seller.id, filename="stock.csv", content=_table(), form_key=uuid4(),
            at=clock.now(),
        )  # fmt: skip
        run_jobs(only="check_listing_import")
        service.start(import_id=import_id, actor_id=seller.id, at=clock.now())
        ended = subprocess.run(
            [sys.executable, "-c", WORKER, moment],
            env=worker_environment(own_app, stripe_alone),
            timeout=120,
            check=False,
        )
        assert ended.returncode == -9
        db.session.rollback()

        half = queries.one(import_id)
        assert (half.state, half.made, half.written_through) == ("writing", made, made)
        assert len(db.session.scalars(select(Listing.id)).all()) == made
        with unit_of_work():
            assert queue.take_up() == 0  # It may be slow: nobody knows yet that it is dead.
        with unit_of_work():
            queue.take_up(silent=0)
        assert ("write_listing_import", {"import_id": str(import_id)}) in promised_jobs()
        run_jobs(only="write_listing_import")

        whole = queries.one(import_id)
        assert (whole.state, whole.made, whole.wrong, whole.found) == ("done", DEVICES, 0, 0)
        serials = db.session.scalars(select(Listing.serial).order_by(Listing.serial)).all()
        assert serials == [f"SN-{number:02}" for number in range(DEVICES)]
        assert len(db.session.scalars(select(Handpiece.id)).all()) == DEVICES
