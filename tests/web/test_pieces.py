"""Pieces of pages that are kept drawn: never other than they would be if they were drawn now."""

from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import update

from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Maker, Modality
from marketplace.extensions import Counting, db
from marketplace.listings.models import Listing, Photo
from marketplace.web import fragments, freshness
from tests.factories.catalog import real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_handpiece, make_listing
from tests.support import forget_pieces

ADDRESSES = (
    "/",
    "/devices",
    "/devices?zip=78701&sort=distance",
    "/devices?modality=IPL&life=30&within=40",
    "/devices?q=m22",
)


@pytest.fixture
def unit():
    return make_listing(
        model=real_model("Lumenis M22"), handpieces=[make_handpiece("IPL")], photos=1, postal_code="78704"
    )


def shown(client):
    return [client.get(address).get_data(as_text=True) for address in ADDRESSES]


def of_unit(**values):
    return lambda unit: db.session.execute(update(Listing).where(Listing.id == unit.id).values(**values))


class TestNeverWrong:
    @pytest.mark.parametrize(
        "change",
        [
            of_unit(title="Another M22"),
            of_unit(year=2001),
            of_unit(price_minor=7_777_700),
            of_unit(beyond_minor=123_400),
            of_unit(grade="C"),
            of_unit(city="Waco"),
            of_unit(state_code="AZ"),
            of_unit(life_used_percent=7),
            of_unit(latitude=40.0, longitude=-75.0),
            of_unit(state="paused"),
            lambda unit: db.session.execute(
                update(Photo).where(Photo.listing_id == unit.id).values(storage_key=f"ff/{uuid4()}")
            ),
            lambda unit: db.session.execute(
                update(Photo).where(Photo.listing_id == unit.id).values(alternative_text="From behind")
            ),
            lambda _: db.session.execute(update(Maker).values(name=Maker.name + " Ltd")),
            lambda _: make_listing(clinic=make_clinic(seller=True)),
        ],
    )
    def test_a_list_after_a_change_is_what_a_new_process_would_draw(self, client, unit, change):
        before = shown(client)
        change(unit)
        db.session.flush()
        after = shown(client)
        forget_pieces()

        assert after == shown(client)
        assert after != before

    def test_filters_say_what_modalities_are_called_now(self, client, unit):
        before = shown(client)
        db.session.execute(update(Modality).where(Modality.code == "IPL").values(name="Bright flashes"))
        catalog.forget()
        after = shown(client)
        forget_pieces()

        assert "Bright flashes" in after[1]
        assert "Bright flashes" not in before[1]
        assert after == shown(client)
        db.session.rollback()
        catalog.forget()

    def test_a_piece_that_shows_the_same_is_drawn_once(self, client, unit, monkeypatch):
        forget_pieces()
        first = shown(client)
        freshness.forget()
        monkeypatch.setattr(fragments, "drawn", None)

        assert shown(client) == first


class TestCounting:
    """What applies to the whole house is asked before what is sent, and not before what is merely read."""

    @pytest.mark.parametrize(("method", "answers"), [("GET", [200, 200]), ("POST", [200, 429])])
    def test_who_reads_is_not_counted(self, method, answers):
        app = Flask("counting")
        Counting(lambda: "everybody", app=app, storage_uri="memory://", application_limits=["1/hour"])
        app.add_url_rule("/", "index", lambda: "here", methods=["GET", "POST"])
        client = app.test_client()

        assert [client.open("/", method=method).status_code for _ in answers] == answers
