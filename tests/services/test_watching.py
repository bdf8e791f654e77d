"""Watched devices and saved searches: one mail for each event, never the same device twice, and an end by one link."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.kernel.errors import Gone, Invalid, NotFound
from marketplace.listings.models import Listing
from marketplace.listings.search import Sort, Wanted
from marketplace.watching import queries, service
from marketplace.watching.models import Cadence, SavedSearch, SearchHit, Watch
from tests.factories.accounts import kept, make_user
from tests.factories.catalog import real_model
from tests.factories.listings import make_listing
from tests.support import assert_refused_by, promised_jobs, promised_mails, run_jobs


@pytest.fixture
def person():
    return make_user(name="Dana Reyes")


@pytest.fixture
def unit():
    return make_listing(price_minor=4_250_000)


def change(unit, **values):
    listing = db.session.get_one(Listing, unit.id, populate_existing=True)
    for name, value in values.items():
        setattr(listing, name, value)
    db.session.commit()


def mails():
    return [(mail.to, mail.template, mail.context) for mail in promised_mails()]


def watched(person, unit, now):
    service.watch(user_id=person.id, listing_id=unit.id, at=now)


def save(person, now, wanted=None, **values):
    given = {"name": "Hair", "query": "q=x", "cadence": Cadence.INSTANT, **values}
    return service.save(user_id=person.id, wanted=wanted or Wanted(), at=now, **given)


def look(now, cadence=Cadence.INSTANT):
    return service.look_for_new(cadence=cadence, at=now)


class TestWatch:
    def test_twice_is_once(self, person, unit, now):
        watched(person, unit, now)
        watched(person, unit, now)

        (one,) = queries.watched_by(person.id)
        assert (one.listing_id, one.price.minor) == (unit.id, 4_250_000)
        assert queries.watches(person.id, unit.id)

    def test_only_what_is_on_display(self, person, now):
        draft = make_listing(state="draft")
        with pytest.raises(NotFound):
            watched(person, draft, now)
        assert queries.watched_by(person.id) == []

    def test_a_fall_in_price_is_told_once(self, person, unit, now):
        watched(person, unit, now)
        assert service.look_at_watched(at=now) == 0
        change(unit, price_minor=4_000_000)

        assert service.look_at_watched(at=now) == 1
        assert service.look_at_watched(at=now) == 0
        ((to, template, context),) = mails()
        assert (to, template) == (person.email, "watched")
        assert context["words"] == "Its price fell from $42,500 to $40,000."
        assert context["path"] == f"/devices/{unit.id}"
        assert [name for name, _ in promised_jobs()] == ["send_mail"]

    def test_a_rise_is_not_told_and_the_next_fall_counts_from_it(self, person, unit, now):
        watched(person, unit, now)
        change(unit, price_minor=5_000_000)
        assert service.look_at_watched(at=now) == 0
        change(unit, price_minor=4_900_000)
        assert service.look_at_watched(at=now) == 1
        assert mails()[0][2]["words"] == "Its price fell from $50,000 to $49,000."

    def test_a_sale_is_told_once(self, person, unit, now):
        watched(person, unit, now)
        change(unit, state="sold")

        assert service.look_at_watched(at=now) == 1
        assert service.look_at_watched(at=now) == 0
        assert mails()[0][2]["words"] == "It was sold."

    def test_what_was_sold_before_is_no_news(self, person, now):
        watched(person, make_listing(state="sold"), now)

        assert service.look_at_watched(at=now) == 0

    def test_a_closed_account_gets_no_mail(self, person, unit, now):
        watched(person, unit, now)
        person.disabled_at = now
        db.session.commit()
        change(unit, price_minor=4_000_000)

        assert service.look_at_watched(at=now) == 0

    def test_is_ended_by_its_person_alone(self, person, unit, now):
        watched(person, unit, now)
        service.unwatch(user_id=make_user().id, listing_id=unit.id)
        assert queries.watches(person.id, unit.id)
        service.unwatch(user_id=person.id, listing_id=unit.id)
        assert not queries.watches(person.id, unit.id)

    def test_what_left_the_market_is_not_listed(self, person, unit, now):
        watched(person, unit, now)
        change(unit, state="withdrawn")

        assert queries.watched_by(person.id) == []

    def test_stands_once_per_person_and_device_and_key(self, person, unit, now):
        watched(person, unit, now)
        known = db.session.scalars(select(Watch)).one()
        key, other = known.stop_key, make_listing()
        with assert_refused_by("one_watch_per_person_and_device"):
            kept(Watch(user_id=person.id, listing_id=unit.id, seen_minor=1, since=now))
        with assert_refused_by("uq_watches_stop_key"):
            kept(Watch(user_id=person.id, listing_id=other.id, seen_minor=1, since=now, stop_key=key))


class TestSave:
    def test_keeps_what_is_looked_for_and_not_from_where(self, person, now):
        wanted = Wanted(text="M22", chosen={"maker": ("Lumenis",)}, sort=Sort.CHEAPEST, units=(uuid4(),))
        save(person, now, wanted)

        kept_one = db.session.scalars(select(SavedSearch)).one()
        assert kept_one.wanted["chosen"] == {"maker": ["Lumenis"]}
        assert (kept_one.wanted["sort"], kept_one.wanted["units"]) == ("newest", [])

    def test_the_same_search_again_is_named_anew(self, person, now):
        first = save(person, now)
        assert save(person, now, name="Other", cadence=Cadence.DAILY) == first
        (one,) = queries.saved_by(person.id)
        assert (one.name, one.cadence) == ("Other", Cadence.DAILY)

    def test_refuses_one_without_a_name_and_too_many(self, person, now, monkeypatch):
        with pytest.raises(Invalid):
            save(person, now, name=" ")
        monkeypatch.setattr(service, "MOST_SEARCHES", 1)
        save(person, now)
        with pytest.raises(Invalid):
            save(person, now, query="q=y")
        assert len(queries.saved_by(person.id)) == 1

    def test_is_changed_and_forgotten_by_its_person_alone(self, person, now):
        search, stranger = save(person, now), make_user()
        with pytest.raises(NotFound):
            service.change_cadence(user_id=stranger.id, search_id=search, cadence=Cadence.PAUSED)
        with pytest.raises(NotFound):
            service.forget(user_id=stranger.id, search_id=search)
        with pytest.raises(NotFound):
            service.forget(user_id=person.id, search_id=uuid4())
        service.change_cadence(user_id=person.id, search_id=search, cadence=Cadence.PAUSED)
        assert queries.saved_by(person.id)[0].cadence is Cadence.PAUSED
        service.forget(user_id=person.id, search_id=search)
        assert queries.saved_by(person.id) == []

    def test_has_a_name_stands_once_and_has_a_key_of_its_own(self, person, now):
        search = db.session.get_one(SavedSearch, save(person, now))
        row = {"user_id": person.id, "wanted": {}, "cadence": Cadence.DAILY, "since": now}
        key = search.stop_key
        with assert_refused_by("saved_searches_saved_search_has_a_name"):
            kept(SavedSearch(name=" ", query="a", **row))
        with assert_refused_by("one_saved_search_per_person_and_query"):
            kept(SavedSearch(name="x", query="q=x", **row))
        with assert_refused_by("uq_saved_searches_stop_key"):
            kept(SavedSearch(name="x", query="b", stop_key=key, **row))


class TestLookForNew:
    def test_tells_what_is_new_once_in_one_mail(self, person, now):
        make_listing(published_at=now - timedelta(days=1))
        save(person, now)
        assert look(now) == 0
        units = [make_listing(published_at=now + timedelta(minutes=number)) for number in (1, 2)]

        assert look(now + timedelta(hours=1)) == 1
        assert look(now + timedelta(hours=2)) == 0
        ((to, template, context),) = mails()
        assert (to, template, context["search"]) == (person.email, "saved_search", "Hair")
        assert [device["path"] for device in context["devices"]] == [f"/devices/{unit.id}" for unit in reversed(units)]
        assert context["path"] == "/devices?q=x"
        assert len(db.session.scalars(select(SearchHit)).all()) == 2

    def test_a_device_that_comes_back_is_no_news(self, person, now):
        save(person, now)
        unit = make_listing(published_at=now + timedelta(minutes=1))
        assert look(now) == 1
        change(unit, published_at=now + timedelta(hours=5))

        assert look(now) == 0

    def test_only_what_the_search_finds(self, person, now):
        save(person, now, Wanted(chosen={"maker": ("Lumenis",)}), query="")
        make_listing(published_at=now + timedelta(minutes=1))
        assert look(now) == 0
        make_listing(model=real_model("Lumenis M22"), published_at=now + timedelta(minutes=1))
        assert look(now) == 1
        assert mails()[0][2]["path"] == "/devices"

    def test_looks_behind_the_first_page_and_not_for_ever(self, person, now, monkeypatch):
        monkeypatch.setattr("marketplace.listings.search.PAGE_SIZE", 2)
        monkeypatch.setattr(service, "MOST_PAGES", 2)
        save(person, now)
        for number in range(5):
            make_listing(published_at=now + timedelta(minutes=1 + number))

        assert look(now) == 1
        assert len(mails()[0][2]["devices"]) == 4

    def test_each_cadence_has_its_own_round(self, person, now):
        save(person, now, cadence=Cadence.DAILY)
        save(person, now, query="paused", cadence=Cadence.PAUSED)
        make_listing(published_at=now + timedelta(minutes=1))

        assert look(now) == 0
        assert look(now, Cadence.DAILY) == 1

    def test_a_closed_account_gets_none_and_a_forgotten_search_neither(self, person, now):
        save(person, now)
        make_listing(published_at=now + timedelta(minutes=1))
        person.disabled_at = now
        db.session.commit()

        assert look(now) == 0
        assert service._look_for(uuid4(), now) == 0


class TestStop:
    def test_ends_a_watch(self, person, unit, now):
        watched(person, unit, now)
        key = db.session.scalar(select(Watch.stop_key))

        assert queries.stoppable(key).words == f"mails about the {unit.title} that you watch"
        service.stop(stop_key=key)
        assert queries.watched_by(person.id) == []
        with pytest.raises(Gone):
            service.stop(stop_key=key)
        with pytest.raises(Gone):
            queries.stoppable(key)

    def test_keeps_a_search_without_mails(self, person, now):
        save(person, now)
        key = db.session.scalar(select(SavedSearch.stop_key))

        assert queries.stoppable(key).words == "mails about your search “Hair”"
        service.stop(stop_key=key)
        make_listing(published_at=now + timedelta(minutes=1))
        assert look(now) == 0
        assert queries.saved_by(person.id)[0].cadence is Cadence.PAUSED


def test_the_jobs_look(person, unit, now):
    from marketplace.jobs import JOBS

    watched(person, unit, now)
    save(person, now - timedelta(days=1))
    change(unit, price_minor=4_000_000)
    make_listing(published_at=now)
    for name in ("look_at_watched", "look_for_new_at_once", "look_for_new_daily"):
        JOBS[name]()

    assert sorted(template for _, template, _ in mails()) == ["saved_search", "watched"]
    run_jobs(only="none")
