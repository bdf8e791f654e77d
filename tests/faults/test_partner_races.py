"""A question and the end of what it rests on at the same instant: whoever is first is whole, and nothing hangs."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from marketplace.app import create_app
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.errors import Refusal
from marketplace.partners import asking, service, sharing
from marketplace.partners.asked import Question
from marketplace.partners.models import PartnerAnswer, SharingCode
from tests.conftest import settings_for
from tests.factories.orders import make_scene
from tests.factories.partners import make_partner, share

pytestmark = pytest.mark.own_database


@pytest.fixture
def own_app(fresh_database, tmp_path):
    app = create_app(settings_for(fresh_database(), tmp_path))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def around(own_app):
    """A partner's key, a code, who gave it and about which model: plain values."""
    with own_app.app_context():
        now = clock.now().replace(microsecond=0)
        scene = make_scene(now)
        partner_id, key = make_partner(at=now)
        code = share(scene, partner_id, at=now)
        found = {
            "key": key, "person_id": scene.buyer.id, "question": Question(code, str(scene.listing.model_id)), "at": now,
            "sharing_id": db.session.scalars(select(SharingCode.id)).one(),
        }  # fmt: skip
        db.session.remove()
    return found


def together(app, *acts) -> list[object]:
    """Do all of it at the same instant, each on a connection of its own; return what came of each."""
    start = Barrier(len(acts))

    def one(act):
        with app.app_context():
            try:
                start.wait(10)
                return act()
            except Refusal as refusal:
                return type(refusal)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result(30) for done in [pool.submit(one, act) for act in acts]]


def asks(around):
    return asking.ask(
        holder=service.holder_of(around["key"], at=around["at"]), question=around["question"], at=clock.now()
    )


def kept(app) -> int:
    with app.app_context():
        number = len(db.session.scalars(select(PartnerAnswer.id)).all())
        db.session.remove()
    return number


def test_questions_of_many_hands_are_all_answered(own_app, around):
    answers = together(own_app, *[lambda: asks(around)] * 4)

    assert len(set(answers)) == kept(own_app) == 4


@pytest.mark.parametrize("end", ["code", "key", "partner"])
def test_what_is_taken_back_meanwhile_is_asked_before_or_not_at_all(own_app, around, end):
    ends = {
        "code": lambda: sharing.revoke(sharing_id=around["sharing_id"], person_id=around["person_id"], at=clock.now()),
        "key": lambda: service.revoke_key(prefix=around["key"].split("_")[1], at=clock.now()),
        "partner": lambda: service.end_partner(name="Resale House", at=clock.now()),
    }[end]
    *answers, ended = together(own_app, lambda: asks(around), lambda: asks(around), ends)

    given = [one for one in answers if one not in {service.UnknownKey, sharing.UnknownCode}]
    assert ended is None
    assert len(given) == kept(own_app)
    with pytest.raises(Refusal), own_app.app_context():
        asks(around)


def test_who_asks_holds_the_code_and_the_key(own_app, around):
    """Without a barrier: what the question has begun to rest on cannot be taken back until it is answered."""
    with own_app.app_context():
        holder = service.holder_of(around["key"], at=around["at"])
        service.hold(holder)
        sharing.consent_behind(around["question"].code, partner_id=holder.partner_id, at=around["at"])
        with db.engine.connect() as other:
            for table in ("sharing_codes", "partner_keys", "partners"):
                locked = other.execute(text(f"SELECT id FROM {table} FOR NO KEY UPDATE SKIP LOCKED")).all()
                assert locked == [], table
        db.session.remove()


def test_a_persons_codes_are_counted_one_after_the_other(own_app, around):
    with own_app.app_context():
        row = db.session.scalars(select(SharingCode)).one()
        wanted = {"person_id": row.person_id, "partner_id": row.partner_id, "site_id": row.site_id}
        db.session.remove()
        with db.engine.begin() as other:
            other.execute(text("SELECT id FROM users WHERE id = :id FOR NO KEY UPDATE"), {"id": wanted["person_id"]})
            with pytest.raises(OperationalError, match="lock timeout"):
                sharing.give(**wanted, days=7, at=around["at"])
        db.session.remove()
