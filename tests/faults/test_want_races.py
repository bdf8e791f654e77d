"""What buyers look for, by many hands at the same instant: each pair is told of once, each seller answers once."""

import threading

import pytest
from sqlalchemy import delete, func, select

from marketplace.extensions import db, unit_of_work
from marketplace.kernel import clock
from marketplace.kernel.terms import ClinicRole
from marketplace.listings import fitting
from marketplace.listings.record import of_seller
from marketplace.listings.search import Wanted
from marketplace.notifications.models import Mail
from marketplace.wants import matching, service
from marketplace.wants.models import ListingToMatch, WantAnswer, WantMatch
from marketplace.wants.service import AlreadyAnswered, Said
from tests.factories.accounts import make_user
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_listing

pytestmark = pytest.mark.own_database

HANDS = 4


@pytest.fixture
def waiting(own_app):
    """Four units that nobody held against three wants yet, of a seller whom four people run."""
    with own_app.app_context():
        now = clock.now()
        people = [make_user() for _ in range(HANDS)]
        clinic = make_clinic(owner=people[0], seller=True)
        for one in people[1:]:
            make_member(clinic=clinic, user=one, role=ClinicRole.MANAGER)
        said = Said("Alexandrite", "modality=ALEX", Wanted(chosen={"modality": ("ALEX",)}), "", now.date(), "TX")
        wants = [service.post(user_id=make_user().id, said=said, at=now) for _ in range(3)]
        units = [make_listing(clinic=clinic, handpieces=["ALEX"]).id for _ in range(4)]
        db.session.commit()
        managers = [one.id for one in people]
        db.session.remove()
    return now, wants, units, managers


def told() -> int:
    return db.session.scalar(select(func.count()).select_from(Mail).where(Mail.template == "want_news")) or 0


def test_many_rounds_at_once_tell_of_each_pair_once(own_app, at_once, waiting):
    now, wants, units, _ = waiting

    def rounds():
        return matching.match_changed(at=now)

    assert sum(at_once(*[rounds] * HANDS)) == len(units)
    with own_app.app_context():
        assert told() == len(wants) * len(units)
        assert db.session.scalar(select(func.count()).select_from(WantMatch)) == len(wants) * len(units)
        assert db.session.scalars(select(ListingToMatch)).all() == []


def test_a_want_and_the_units_that_fit_it_are_looked_at_side_by_side(own_app, at_once, waiting):
    now, wants, units, _ = waiting
    acts = [lambda: matching.match_changed(at=now)] + [
        lambda want_id=want_id: matching.match_want(want_id=want_id, at=now) for want_id in wants
    ]
    assert [one for one in at_once(*acts) if isinstance(one, Exception)] == []
    with own_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(WantMatch)) == len(wants) * len(units)
        # Whoever was first says whether it was news; nobody is told twice.
        assert told() <= len(wants) * len(units)
        unmarked = db.session.scalars(select(WantMatch).where(WantMatch.told_at.is_(None))).all()
        assert unmarked == []


def test_of_four_who_answer_for_one_seller_one_does(own_app, at_once, waiting):
    now, wants, units, managers = waiting
    with own_app.app_context():
        matching.match_changed(at=now)
        before = told()
    answers = at_once(
        *(
            lambda who=who, unit=unit: service.answer(want_id=wants[0], listing_id=unit, actor_id=who, at=now)
            for who, unit in zip(managers, units, strict=True)
        )
    )

    assert [type(one) for one in answers if one is not None] == [AlreadyAnswered] * (HANDS - 1)
    with own_app.app_context():
        assert len(db.session.scalars(select(WantAnswer)).all()) == 1
        assert told() == before + 1


def test_a_unit_that_is_changed_while_it_is_held_against_the_wants_waits_and_nobody_fails(
    own_app, at_once, waiting, monkeypatch
):
    now, wants, units, managers = waiting
    with own_app.app_context():
        db.session.execute(delete(ListingToMatch).where(ListingToMatch.listing_id != units[0]))
        db.session.commit()
    looking, held = threading.Event(), threading.Event()
    among = fitting.among

    def slowly(*args):
        looking.set()
        held.wait(timeout=1)
        return among(*args)

    def edit():
        looking.wait(timeout=10)
        with unit_of_work():
            unit = of_seller(units[0], managers[0])
            held.set()
            unit.description = "Its lamp is new."

    monkeypatch.setattr(fitting, "among", slowly)
    answers = at_once(lambda: matching.match_changed(at=now), edit)

    assert answers == [1, None]
    with own_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(WantMatch)) == len(wants)
        # What was changed meanwhile waits to be looked at again.
        assert db.session.scalars(select(ListingToMatch.listing_id)).all() == [units[0]]
