"""
What README says of copies is so: the database and the files, given back into an empty house, are the same house.

A copy counts for nothing before somebody has lived in what was made of it.
"""

import shutil
import subprocess

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from marketplace import audit, database
from marketplace.app import create_app
from marketplace.dev import postgres_programs
from marketplace.documents import service as documents
from marketplace.extensions import db, unit_of_work
from marketplace.kernel import clock
from marketplace.orders import service as orders
from marketplace.orders.models import Order
from tests.conftest import settings_for
from tests.factories import deals
from tests.factories.documents import picture
from tests.factories.orders import make_scene, the_order

pytestmark = pytest.mark.own_database


def run(program: str, *arguments: object) -> None:
    command = [postgres_programs.find().directory / program, *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def told(app, *command: str) -> tuple[int, str]:
    said = app.test_cli_runner().invoke(args=list(command))
    return said.exit_code, said.output.splitlines()[-1]


def test_a_house_that_is_given_back_from_its_copy_has_lost_nothing_and_goes_on(
    own_app, fresh_database, stripe_alone, tmp_path
):
    now = clock.now().replace(microsecond=0)
    with own_app.app_context():
        stripe_alone.bind(own_app)
        scene = make_scene(now)
        order_id = deals.paid(scene, stripe_alone, at=now)
        deals.delivered(order_id, scene, at=now)
        scan = documents.examine(filename="scan.png", content=picture())
        with unit_of_work():
            document_id = documents.receive(owner_id=scene.buyer.id, file=scan, at=now)
        content = documents.content_of(document_id).content
        events, buyer_id = audit.extent().events, scene.buyer.id
        settings = own_app.extensions["second_light_settings"]

    run("pg_dump", "--format=custom", "--file", tmp_path / "house.dump", plain(settings.database_url))
    shutil.copytree(settings.data_dir, tmp_path / "copy", ignore=shutil.ignore_patterns("copy", "house.dump"))
    empty = fresh_database("template0")
    run("pg_restore", "--exit-on-error", "--dbname", plain(empty), tmp_path / "house.dump")

    again = create_app(settings_for(empty, tmp_path / "copy"))
    stripe_alone.bind(again)
    with again.app_context():
        assert database.is_current(db.session.connection())
        assert told(again, "payments", "verify") == (0, "Nothing is lost.")
        assert told(again, "documents", "check") == (0, "Every document is there, and nothing else.")
        assert list(audit.broken_links()) == []
        assert audit.extent().events == events
        assert documents.content_of(document_id).content == content
        # And it goes on where it stood.
        orders.accept(order_id=order_id, actor_id=buyer_id, at=now)
        assert the_order(order_id).state == "accepted"
        assert db.session.scalar(select(func.count()).select_from(Order)) == 1
        db.session.commit()

        # A copy of the database without its files is seen at once.
        shutil.rmtree(tmp_path / "copy")
        assert told(again, "documents", "check")[0] == 1
        db.session.remove()
        db.engine.dispose()
