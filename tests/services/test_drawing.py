"""Nobody chooses whom they verify: cases are drawn by lot among those who may look at them."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from marketplace import jobs
from marketplace.accounts.models import User
from marketplace.credentials import drawing, service
from marketplace.credentials.drawing import TURN, Lots
from marketplace.credentials.models import Credential
from marketplace.credentials.refusals import DrawnForAnother, SecondEyesNeeded
from marketplace.credentials.standards import standards
from marketplace.credentials.states import CredentialState
from marketplace.extensions import db
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member
from tests.factories.credentials import make_check, make_credential
from tests.support import assert_refused_by

S = CredentialState
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _drawn(app, monkeypatch):
    monkeypatch.setitem(app.extensions["second_light_ports"], Lots, Lots(drawn=True))


@pytest.fixture
def lot(monkeypatch):
    """What was in the urn each time, and a way to say on whom the lot falls next: on the first by name otherwise."""

    class Urn:
        falls_on = None

        def __init__(self):
            self.held = []

        def choice(self, there):
            self.held.append(set(there))
            return self.falls_on if self.falls_on in there else there[0]

    urn = Urn()
    monkeypatch.setattr(drawing.secrets, "choice", urn.choice)
    return urn


@pytest.fixture
def victor():
    return make_staff(name="A Victor")


@pytest.fixture
def vera():
    return make_staff(name="B Vera")


def back_in_the_queue(verifier, at) -> Credential:
    """Let a verifier put a case back: it is drawn for somebody then."""
    credential = make_credential(state="in_review", verifier=verifier, at=at)
    service.unclaim(credential_id=credential.id, actor_id=verifier.id, at=at)
    return credential


class TestDraw:
    def test_the_lot_falls_on_verifiers_at_work_who_may_look(self, now, lot, victor, vera):
        dana, clinic = make_user(), make_clinic()
        near = make_staff(name="C Near")
        for person in (dana, near):
            make_member(clinic=clinic, user=person)
        make_staff("moderator")
        make_staff(name="D Gone", disabled_at=now)
        credential = make_credential(holder=dana, state="submitted", at=now)
        drawing.draw(credential, at=now)

        assert lot.held == [{victor.id, vera.id}]
        assert (credential.drawn_for, credential.drawn_at) == (victor.id, now)

    def test_each_of_them_is_drawn_now_and_then(self, now, victor, vera):
        credential = make_credential(state="submitted")
        fell_on = set()
        for _ in range(64):  # Once in 2 to the 63 it falls on one of them alone.
            drawing.draw(credential, at=now)
            fell_on.add(credential.drawn_for)

        assert fell_on == {victor.id, vera.id}

    def test_where_nobody_may_look_it_waits_for_somebody_to_be_hired(self, now, lot):
        credential = make_credential(state="submitted")
        drawing.draw(credential, at=now)
        assert credential.drawn_for is None

        hired = make_staff()
        assert service.take_next(actor_id=hired.id, at=now) == credential.id
        assert (credential.state, credential.claimed_by) == (S.IN_REVIEW, hired.id)

    def test_where_cases_are_not_drawn_anybody_takes_them(self, app, now, monkeypatch, victor, vera):
        credential = make_credential(state="submitted", drawn_for=vera.id)
        monkeypatch.setitem(app.extensions["second_light_ports"], Lots, Lots(drawn=False))
        assert service.draw_again(at=now) == 0
        service.claim(credential_id=credential.id, actor_id=victor.id, at=now)

        assert (credential.claimed_by, credential.drawn_for) == (victor.id, None)
        service.unclaim(credential_id=credential.id, actor_id=victor.id, at=now)
        assert (credential.drawn_for, credential.drawn_at) == (None, None)


class TestClaim:
    def test_only_whom_it_was_drawn_for_takes_it(self, now, victor, vera):
        credential = make_credential(state="submitted", drawn_for=vera.id, drawn_at=now)
        with pytest.raises(DrawnForAnother):
            service.claim(credential_id=credential.id, actor_id=victor.id, at=now)
        assert (credential.state, credential.claimed_by) == (S.SUBMITTED, None)
        assert service.take_next(actor_id=victor.id, at=now) is None

        service.claim(credential_id=credential.id, actor_id=vera.id, at=now)
        assert credential.claimed_by == vera.id

    def test_the_next_case_is_one_that_was_drawn_for_the_verifier(self, now, victor, vera):
        make_credential(state="submitted", drawn_for=vera.id, drawn_at=now, at=now - timedelta(days=2))
        his = make_credential(state="submitted", drawn_for=victor.id, drawn_at=now, at=now - timedelta(days=1))

        assert service.take_next(actor_id=victor.id, at=now) == his.id

    def test_who_puts_a_case_back_does_not_get_it_again(self, now, lot, victor, vera):
        credential = back_in_the_queue(victor, now)

        assert (lot.held, credential.drawn_for) == ([{vera.id}], vera.id)
        assert service.take_next(actor_id=victor.id, at=now) is None

    def test_unless_there_is_nobody_else(self, now, victor):
        credential = back_in_the_queue(victor, now)

        assert credential.drawn_for == victor.id

    def test_the_second_is_drawn_among_the_others(self, now, lot, victor, vera):
        credential = make_credential(type_code="RN", state="in_review", verifier=victor)
        make_check(credential, verifier=victor, retrieved_at=now)
        service.verify(credential_id=credential.id, actor_id=victor.id, at=now)

        assert (credential.state, credential.drawn_for) == (S.AWAITING_SECOND, vera.id)
        assert lot.held == [{vera.id}]
        with pytest.raises(SecondEyesNeeded):
            service.claim(credential_id=credential.id, actor_id=victor.id, at=now)

    def test_the_database_lets_nobody_else_take_it(self, now, victor, vera):
        credential = make_credential(state="submitted", drawn_for=vera.id, drawn_at=now)
        with assert_refused_by("cases_go_where_the_lot_fell"):
            db.session.execute(
                update(Credential)
                .where(Credential.id == credential.id)
                .values(state="in_review", claimed_by=victor.id, claimed_at=now)
            )


class TestDrawAgain:
    def test_passes_on_what_waits_for_its_verifier_too_long(self, now, lot, victor, vera):
        credential = make_credential(state="submitted", drawn_for=vera.id, drawn_at=now)

        assert service.draw_again(at=now + TURN - SECOND) == 0
        assert credential.drawn_for == vera.id
        assert service.draw_again(at=now + TURN) == 1
        assert (credential.drawn_for, credential.drawn_at) == (victor.id, now + TURN)

    def test_passes_on_what_waits_for_somebody_who_is_not_at_work_any_more(self, now, victor, vera):
        credential = make_credential(state="submitted", drawn_for=vera.id, drawn_at=now)
        db.session.execute(update(User).where(User.id == vera.id).values(disabled_at=now))

        assert service.draw_again(at=now) == 1
        assert credential.drawn_for == victor.id

    def test_passes_on_once_what_lies_with_its_verifier_too_long_and_that_one_takes_it_over(self, now, victor, vera):
        credential = make_credential(state="in_review", verifier=vera, claimed_at=now, drawn_for=vera.id, drawn_at=now)
        late = now + timedelta(minutes=standards().claim_minutes) + SECOND
        assert service.draw_again(at=late - SECOND) == 0
        assert [service.draw_again(at=late) for _ in range(2)] == [1, 0]

        assert (credential.claimed_by, credential.drawn_for) == (vera.id, victor.id)
        service.claim(credential_id=credential.id, actor_id=victor.id, at=late)
        assert credential.claimed_by == victor.id

    def test_leaves_alone_what_nobody_has_to_look_at(self, now, victor):
        for state in ("needs_info", "verified", "rejected"):
            make_credential(state=state)

        assert service.draw_again(at=now) == 0

    def test_is_done_every_hour(self, now, monkeypatch, victor):
        credential = make_credential(state="submitted", at=now)
        monkeypatch.setattr(jobs.clock, "now", lambda: now)
        jobs.JOBS["draw_cases"]()

        assert credential.drawn_for == victor.id
