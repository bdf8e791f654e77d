"""The page of a device is drawn once for strangers, in one statement, and is never another than a new one would be."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from marketplace.accounts.models import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.models import DeviceModel, Maker, Modality
from marketplace.clinics.models import Clinic
from marketplace.documents.models import Document
from marketplace.eligibility import publishing
from marketplace.eligibility.devices import device_known, devices_of
from marketplace.eligibility.models import PolicyVersion
from marketplace.extensions import db
from marketplace.guides import showing
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.listings import passport, queries, views
from marketplace.listings.models import ConsoleCounter, Handpiece, Listing, Paper, Photo, PriceSet, ViewsOfDay
from marketplace.listings.units import UnitEvent, UnitReading
from marketplace.orders import reserving
from marketplace.orders.models import Reservation
from marketplace.questions import service as questions
from marketplace.questions.models import Question, QuestionAnswer
from marketplace.recalls import queries as recalls
from marketplace.recalls.models import Recall, RecallMatch
from marketplace.recalls.states import MatchState
from marketplace.registers.models import RegisterSnapshot
from marketplace.web import freshness
from tests.factories.accounts import LONG_AGO, kept
from tests.factories.documents import make_document
from tests.factories.listings import make_counter, make_photo
from tests.factories.recalls import make_recall
from tests.support import count_statements, forget_pieces, sign_in

SPEAKING = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)


@pytest.fixture
def scene(scene, now):
    """A unit about which there is something to say in every place of its page."""
    unit = scene.listing
    unit.counters.append(make_counter())
    unit.photos.append(make_photo())
    db.session.flush()
    of_unit = {"maker_id": unit.maker_id, "serial_normal": unit.serial_normal, "listing_id": unit.id, "at": LONG_AGO}
    for value, day in ((300, date(2025, 1, 2)), (200, date(2026, 1, 2))):
        kept(UnitReading(part="Lamp", value=value, unit="shots", direction="up", read_on=day, **of_unit))
    kept(UnitEvent(kind="service", happened_on=day, words="Mirror cleaned", stated_by=scene.seller.id, **of_unit))
    kept(UnitEvent(kind="sold_here", happened_on=day, words="Sold on Second Light", **of_unit))
    paper = make_document(owner=scene.seller)
    kept(Paper(listing_id=unit.id, document_id=paper.id, kind="service", words="Service 2025", added_at=LONG_AGO))
    for minor in (4_500_000, 4_250_000):
        kept(PriceSet(listing_id=unit.id, price_minor=minor, currency="usd", at=SPEAKING + timedelta(minor // 100_000)))
    make_recall(unit.model_id, number="Z-7-2026", state=MatchState.CONFIRMED, started_on=day, reason="Burns")
    make_recall(unit.model_id, number="Z-8-2026", state=MatchState.CLOSED)
    question = questions.ask(listing_id=unit.id, asker_id=scene.buyer.id, words="Which pulse widths?", at=LONG_AGO)
    questions.answer(question_id=question, actor_id=scene.seller.id, words="3 to 100 ms.", at=SPEAKING)
    kept(
        Reservation(
            listing_id=unit.id, buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, message="Soon", state="granted",
            asked_at=now, decided_at=now, decided_by=scene.seller.id, held_until=now + timedelta(days=3),
        )
    )  # fmt: skip
    return scene


def changed(kind, **values):
    """Return a change of every row of a kind."""
    return lambda _: db.session.execute(update(kind).values(**values))


def of_unit(**values):
    return lambda unit: db.session.execute(update(Listing).where(Listing.id == unit).values(**values))


def added(row):
    db.session.add(row)
    db.session.flush()


def another_price(unit):
    added(PriceSet(listing_id=unit, price_minor=4_000_000, currency="usd", at=SPEAKING + timedelta(days=400)))


def another_reading(unit):
    added(
        _of_passport(unit, UnitReading, part="Lamp", value=100, unit="shots", direction="up", read_on=date(2026, 2, 2))
    )


def another_event(unit):
    added(_of_passport(unit, UnitEvent, kind="repair", happened_on=date(2026, 2, 2), words="New cable"))


def _of_passport(unit, row, /, **values):
    listing = db.session.get(Listing, unit)
    return row(maker_id=listing.maker_id, serial_normal=listing.serial_normal, listing_id=unit, at=LONG_AGO, **values)


def another_photo(unit):
    added(make_photo(listing_id=unit, position=9))


def one_more_answer(unit):
    question = db.session.scalars(select(Question).where(Question.listing_id == unit)).one()
    added(QuestionAnswer(question_id=question.id, number=2, words="300 ms", answered_by=question.asker_id, at=SPEAKING))


def other_modality(_):
    """The catalogue is loaded anew, which this process knows."""
    db.session.execute(
        update(Modality).where(Modality.code == "DIODE_HR").values(name="Diode, anew", bands=[[700, 701]])
    )
    catalog.forget()


CHANGES = {
    "words": of_unit(description="Else"),
    "price": of_unit(price_minor=1_000_000),
    "year": of_unit(year=2020),
    "grade": of_unit(grade="C"),
    "title": of_unit(title="Another title"),
    "place": of_unit(city="Reno", state_code="NV"),
    "serial": of_unit(serial="OTHER-9999", serial_normal="OTHER9999"),
    "state": of_unit(state="sold"),
    "paused": of_unit(state="paused"),
    "labels": of_unit(rx_label_present=False, id_label_present=False),
    "modification": of_unit(modification="serviced"),
    "recertification": of_unit(recertification="yes", recertification_minor=700_000),
    "warranty": of_unit(warranty="seller", warranty_months=3, warranty_transferable=True, warranty_provider="Acme"),
    "training": of_unit(training_included=True),
    "service": of_unit(last_service_on=date(2026, 5, 6)),
    "particulars": of_unit(particulars={}),
    "inclusions": of_unit(inclusions={"keys": "included"}),
    "seller": changed(Clinic, name="Another Clinic", created_at=SPEAKING),
    "standing": changed(Clinic, seller_standing="suspended", seller_reason="asked"),
    "handpiece": changed(Handpiece, name="Another head", counter_value=1, rated_life=10, rated_life_source="Maker"),
    "particulars of a handpiece": changed(Handpiece, particulars={}),
    "handpiece's modality": changed(Handpiece, modality_code="CO2"),
    "counter": changed(ConsoleCounter, value=7, part="Tube"),
    "no counter": lambda _: db.session.execute(delete(ConsoleCounter)),
    "photo": changed(Photo, alternative_text="From behind"),
    "no photo": lambda _: db.session.execute(delete(Photo)),
    "one more photo": another_photo,
    "paper": changed(Paper, words="Service 2026"),
    "one more price": another_price,
    "reading": another_reading,
    "event": another_event,
    "maker": changed(Maker, name=func.concat("New ", Maker.name)),
    "model": changed(DeviceModel, note="Known well", k_numbers=["K123456"], product_code="GEX", bands=[[500, 510]]),
    "address of the model": changed(DeviceModel, slug=func.concat("new-", DeviceModel.slug)),
    "modality": other_modality,
    "recall": changed(Recall, reason="Sparks", firm="Other"),
    "recall's end": changed(RecallMatch, state="closed"),
    "file of recalls": changed(RegisterSnapshot, retrieved_at=SPEAKING),
    "one more answer": one_more_answer,
    "a question hidden": changed(
        Question, hidden_at=SPEAKING, hidden_because="Rude", hidden_by=select(User.id).limit(1).scalar_subquery()
    ),
    "end of the wait": changed(Reservation, state="given_up", ended_at=SPEAKING),
}
ADDRESSES = ("", "?state=TX", "?state=NV&cost_freight=500")


def addresses(unit):
    return [f"/devices/{unit}{query}" for query in ADDRESSES]


def drawn_anew(client, address, monkeypatch):
    """Return the page as it is drawn where nothing is kept."""
    with monkeypatch.context() as patched:
        patched.setattr(freshness, "_pages", {})
        forget_pieces()
        return client.get(address).get_data(as_text=True)


@pytest.fixture(autouse=True)
def _catalogue():
    catalog.forget()
    yield
    catalog.forget()


class TestNeverWrong:
    @pytest.mark.parametrize("change", CHANGES)
    def test_a_change_of_what_it_shows_is_shown_at_once_and_only_while_it_is_so(
        self, client, scene, change, monkeypatch
    ):
        address = f"/devices/{scene.listing.id}?state=TX"
        before = client.get(address)
        with db.session.begin_nested() as done:
            CHANGES[change](scene.listing.id)
            db.session.flush()
            after = client.get(address, headers={"If-None-Match": before.headers["ETag"]})
            assert after.status_code == 200
            assert after.text != before.text
            assert after.text == drawn_anew(client, address, monkeypatch)
            done.rollback()
        catalog.forget()
        db.session.expire_all()

        assert client.get(address).text == before.text
        assert client.get(address, headers={"If-None-Match": before.headers["ETag"]}).status_code == 304

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=5, unique=True))
    def test_after_any_changes_what_is_kept_is_what_a_new_page_would_be(self, client, scene, several):
        unit = scene.listing.id
        with db.session.begin_nested() as done, pytest.MonkeyPatch.context() as patch:
            for change in several:
                CHANGES[change](unit)
                db.session.flush()
                for address in addresses(unit):
                    first = client.get(address)
                    named = {"If-None-Match": first.headers["ETag"]}
                    assert client.get(address, headers=named).status_code == 304
                    assert first.text == client.get(address).text == drawn_anew(client, address, patch)
            done.rollback()
        catalog.forget()
        db.session.expire_all()

    def test_a_wait_that_is_over_is_not_shown_though_nobody_changed_anything(self, client, scene, monkeypatch, now):
        address = f"/devices/{scene.listing.id}"
        assert "It is reserved for another buyer" in client.get(address).text
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=3))

        assert "It is reserved for another buyer" not in client.get(address).text

    def test_without_rules_it_says_so(self, client, scene):
        address = f"/devices/{scene.listing.id}?state=TX"
        assert "16 TAC" in client.get(address).text
        db.session.execute(text("ALTER TABLE policy_versions DISABLE TRIGGER USER"))
        db.session.execute(update(PolicyVersion).values(state="retired"))

        assert "No rules are published yet" in client.get(address).text

    def test_another_theme_mode_or_address_of_the_house_is_another_page(self, client, app, scene, monkeypatch):
        address = f"/devices/{scene.listing.id}"
        names = [client.get(address).headers["ETag"]]
        client.set_cookie("theme", "dark")
        names.append(client.get(address).headers["ETag"])
        house = app.extensions["second_light_settings"]
        for field, value in (("base_url", "https://other.example"), ("mode", "demo")):
            monkeypatch.setitem(app.extensions, "second_light_settings", replaced(house, field, value))
            names.append(client.get(address).headers["ETag"])

        assert len(set(names)) == 4


def replaced(settings_, field, value):
    return replace(settings_, **{field: type(getattr(settings_, field))(value)})


class TestKept:
    def test_a_kept_page_takes_one_statement_and_so_does_a_new_one(self, client, scene):
        catalog.modalities()
        publishing.in_force()  # Rules are read once a process.
        taken = []
        for address in addresses(scene.listing.id) * 2:
            with count_statements() as sent:
                assert client.get(address).status_code == 200
            taken.append(len(sent))

        assert taken == [1, 1, 1, 1, 1, 1]

    def test_looks_at_a_kept_page_are_counted_and_remembered_by_the_browser(self, client, app, scene):
        unit, address = scene.listing.id, f"/devices/{scene.listing.id}"
        views.write()
        first = client.get(address)
        other = app.test_client()
        again = other.get(address)
        told = app.test_client().get(address, headers={"If-None-Match": first.headers["ETag"]})
        views.write()

        assert again.text == first.text
        assert told.status_code == 304
        for answer in (first, again, told):
            assert f"seen={unit.hex}" in answer.headers["Set-Cookie"]
        assert db.session.scalars(select(ViewsOfDay.number)).all() == [3]

    def test_looks_of_its_seller_are_not_counted(self, client, scene):
        views.write()
        sign_in(client, scene.seller)
        client.get(f"/devices/{scene.listing.id}")
        views.write()

        assert db.session.scalars(select(ViewsOfDay.number)).all() == []

    def test_a_refusal_is_not_kept(self, app, monkeypatch):
        monkeypatch.setattr(freshness, "_pages", {})
        with app.test_request_context("/devices"):
            assert freshness.once("told", lambda: ("No.", 404)).status_code == 404
            assert freshness._pages == {}
            assert freshness.once("told", lambda: "Yes.").status_code == 200
            assert len(freshness._pages) == 1

    def test_what_somebody_is_shown_is_not_kept(self, client, app, scene):
        address = f"/devices/{scene.listing.id}"
        sign_in(client, scene.buyer)
        mine = client.get(address)
        stranger = app.test_client().get(address)

        assert "reserved for you" in mine.text
        assert "ETag" not in mine.headers
        assert "reserved for you" not in stranger.text
        assert "Sign in to buy" in stranger.text

    def test_the_buyers_page_takes_three_statements(self, client, scene):
        sign_in(client, scene.buyer)
        address = f"/devices/{scene.listing.id}"
        client.get(address)
        with count_statements() as sent:
            client.get(address)

        # The unit, who is there, and what stands around them: the verdict, of each handpiece too, follows from these.
        assert len(sent) == 3


class TestTold:
    """What one statement tells as text is what the rooms say one by one."""

    def test_is_what_each_room_says(self, scene, now):
        unit = scene.listing
        shown = showing.shown(showing.told(unit.id, at=now))

        assert shown.listing == queries.listing(unit.id)
        assert shown.listing.model == catalog.model(unit.model_id)
        sale = shown.listing.sale
        assert device_known(sale, shown.known) == devices_of([sale])[unit.id]
        assert shown.known.seller is scene.seller_clinic.seller_standing
        assert shown.prices == queries.price_history(unit.id)
        assert [price for price, _ in shown.prices] == [Money(4_250_000), Money(4_500_000)]
        assert shown.passport == passport.of_unit(maker_id=unit.maker_id, serial_normal=unit.serial_normal)
        assert [one.before.value for one in shown.passport.rollbacks] == [300]
        assert [(one.words, one.stated) for one in sorted(shown.passport.events, key=lambda one: one.words)] == [
            ("Mirror cleaned", True),
            ("Sold on Second Light", False),
        ]
        assert shown.recalls == recalls.shown_for([unit.model_id])[unit.model_id]
        assert [(one.number, one.is_open) for one in shown.recalls] == [("Z-7-2026", True), ("Z-8-2026", False)]
        assert shown.kept == reserving.kept(unit.id, at=now)
        assert shown.kept.buyer_id == scene.buyer.id
        assert shown.policy_id == db.session.scalar(select(PolicyVersion.id))

    def test_a_listing_is_what_its_rows_say(self, scene):
        unit, told = scene.listing, queries.listing(scene.listing.id)
        part, counter, photo = unit.handpieces[0], unit.counters[0], unit.photos[0]

        for name in (
            "state", "clinic_id", "created_by", "title", "serial", "serial_normal", "year", "grade", "city", "state_code",
            "description", "modification", "recertification", "warranty", "particulars", "inclusions", "configuration",
            "created_at", "submitted_at", "published_at", "last_service_on", "postal_code", "life_used_percent",
        ):  # fmt: skip
            assert getattr(told, name) == getattr(unit, name), name
        for name in ("name", "modality_code", "counter_unit", "counter_direction", "counter_read_on", "particulars"):
            assert getattr(told.handpieces[0], name) == getattr(part, name), name
        for name in ("id", "part", "value", "unit", "direction", "read_on", "rated_life", "rated_life_source"):
            assert getattr(told.counters[0], name) == getattr(counter, name), name
        for name in ("id", "alternative_text", "digest", "added_at"):
            assert getattr(told.photos[0], name) == getattr(photo, name), name
        assert told.photos[0].shows == tuple(photo.shows)
        paper = db.session.scalars(select(Paper)).one()
        assert [(one.id, one.kind, one.words) for one in told.papers] == [(paper.id, paper.kind, paper.words)]
        assert told.papers[0].digest == db.session.scalars(select(Document.digest)).one()

    def test_a_unit_without_a_number_has_an_empty_passport(self, scene, now):
        scene.listing.serial_normal = ""
        db.session.flush()

        assert showing.shown(showing.told(scene.listing.id, at=now)).passport == passport.Passport((), ())

    def test_asks_in_words_that_the_driver_reads_once(self):
        assert len(showing._ASKED) <= 4096

    def test_what_is_not_told_is_nothing(self, scene, now):
        db.session.execute(delete(Reservation))
        known = json.loads(showing.told(scene.listing.id, at=now))

        assert known["kept"] is None
        assert showing.shown(json.dumps({**known, "policy": None})).policy_id is None

    def test_another_knowledge_of_modalities_is_another_name(self, scene, monkeypatch):
        first = showing.named("told")
        assert showing.named("told") == first
        catalog.forget()
        assert showing.named("told") == first
        other_modality(scene.listing.id)

        assert showing.named("told") != first
        assert first != showing.named("else")

    def test_nobody_is_told_of_what_is_not_on_display(self, client, scene):
        scene.listing.state = "paused"
        db.session.flush()
        assert client.get(f"/devices/{scene.listing.id}").status_code == 200
        scene.listing.state = "withdrawn"
        db.session.flush()

        assert client.get(f"/devices/{scene.listing.id}").status_code == 404
        assert client.get(f"/devices/{uuid4()}").status_code == 404
