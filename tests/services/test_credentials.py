"""Credentials from submission to the last word: who may do what, on which evidence, and what is left behind."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, literal_column, select, text, update

from marketplace import audit, jobs
from marketplace.credentials import asking, desk, queries, rows, service
from marketplace.credentials.desk import Show
from marketplace.credentials.models import (
    CheckMethod,
    CheckOutcome,
    Credential,
    CredentialCheck,
    CredentialDocument,
    CredentialMove,
    CredentialTypeRow,
)
from marketplace.credentials.policy import Asked, Claim, Question, Rejection
from marketplace.credentials.refusals import (
    AlreadyClaimed,
    AlreadySubmitted,
    EarlierIsSuspended,
    EvidenceMissing,
    MovedMeanwhile,
    NotClaimed,
    NotYoursToReview,
)
from marketplace.credentials.replies import Reply
from marketplace.credentials.service import Look
from marketplace.credentials.states import CredentialEvent, CredentialState
from marketplace.credentials.types import credential_types
from marketplace.documents import contents, isolation
from marketplace.documents.models import Document
from marketplace.documents.service import FileNotTaken
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid, NotFound, Refused
from marketplace.kernel.machine import IllegalMove
from marketplace.notifications.models import Mail
from tests.factories.accounts import kept, make_staff, make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.credentials import make_check, make_credential, make_type
from tests.factories.documents import make_document, pdf, picture
from tests.factories.links import BOARD, ask, ask_and_answer
from tests.support import assert_refused_by, count_statements, promised_jobs, promised_mails

_S, _E = CredentialState, CredentialEvent
SCAN = ("scan.png", picture())


@pytest.fixture(autouse=True)
def files_are_opened_here(monkeypatch):
    """Spare these tests a process for each file; test_documents.py looks at that."""
    monkeypatch.setattr(isolation, "cleaned", contents.cleaned)
    monkeypatch.setattr(isolation, "page_picture", contents.page_picture)


def lhr(now, **changes) -> Claim:
    given = {
        "type_code": "US-TX:TDLR:LHR",
        "jurisdiction": "TX",
        "number": "LHR 10442",
        "name_on_credential": "Dana Reyes",
        "level": "PROFESSIONAL",
        "expires_on": now.date() + timedelta(days=400),
    }
    return Claim(**{**given, **changes})


def submit(actor, now, *, files=(SCAN,), site=None, **changes):
    make_type("US-TX:TDLR:LHR")
    return service.submit(
        actor_id=actor.id, claim=lhr(now, **changes), files=files, at=now, site_id=site.id if site else None
    )


def look(now, outcome="confirmed", **changes) -> Look:
    given = {
        "source_name": "TDLR licence search",
        "method": CheckMethod.PORTAL,
        "outcome": CheckOutcome(outcome),
        "retrieved_at": now,
        "note": "Active, Dana Reyes, Professional.",
    }
    return Look(**{**given, **changes})


def state_of(credential_id) -> CredentialState:
    return db.session.scalar(select(Credential.state).where(Credential.id == credential_id))


def moves_of(credential_id) -> list:
    return list(
        db.session.execute(
            select(CredentialMove.event, CredentialMove.state, CredentialMove.actor_id)
            .where(CredentialMove.credential_id == credential_id)
            .order_by(CredentialMove.position)
        )
    )


def mails() -> list[tuple[str, str]]:
    return [(mail.to, mail.context["happened"]) for mail in promised_mails(Mail.template == "credential")]


def kinds(credential_id) -> list[str]:
    return [event.kind for event in audit.events_about("credential", credential_id)]


class TestSubmit:
    def test_keeps_the_claim_its_documents_and_its_first_move(self, now):
        dana = make_user(name="Dana Reyes")

        credential_id = submit(dana, now, files=[SCAN, ("back.pdf", pdf(2))])

        row = db.session.get(Credential, credential_id)
        assert (row.holder_id, row.site_id, row.submitted_by) == (dana.id, None, dana.id)
        assert (row.number, row.number_normal, row.level) == ("LHR 10442", "LHR10442", "PROFESSIONAL")
        assert row.state is _S.SUBMITTED
        assert [paper.filename for paper in queries.own(credential_id, user_id=dana.id).papers] == [
            "scan.png",
            "back.pdf",
        ]
        assert moves_of(credential_id) == [(None, _S.SUBMITTED, dana.id)]
        assert kinds(credential_id) == ["credential:submitted"]
        assert mails() == [(dana.email, "submitted")]
        assert [name for name, _ in promised_jobs()] == ["send_mail"]

    def test_takes_six_documents_and_refuses_none_and_seven(self, now):
        for count in (0, 7):
            with pytest.raises(Invalid) as refusal:
                submit(make_user(), now, files=[SCAN] * count)
            assert refusal.value.field == "documents"
        assert db.session.scalars(select(Credential)).all() == []
        assert submit(make_user(), now, files=[SCAN] * 6)

    def test_refuses_a_bad_file_and_keeps_nothing(self, now):
        with pytest.raises(FileNotTaken):
            submit(make_user(), now, files=[SCAN, ("notes.pdf", b"hello")])

        assert db.session.scalars(select(Credential)).all() == []
        assert db.session.scalars(select(Document)).all() == []
        assert promised_jobs() == []

    @pytest.mark.parametrize("code", ["", "US-TX:TDLR", "US-TX:TDLR:LHR_FACILITY"])
    def test_refuses_a_kind_that_is_unknown_or_not_a_persons(self, now, code):
        with pytest.raises(Invalid) as refusal:
            submit(make_user(), now, type_code=code)
        assert refusal.value.field == "type_code"

    def test_gives_a_paper_without_a_number_a_reference_of_ours(self, now):
        make_type("PHYSICIAN_DELEGATION")
        ids = [submit(make_user(), now, type_code="PHYSICIAN_DELEGATION", number="1") for _ in range(2)]
        numbers = {db.session.get(Credential, credential_id).number for credential_id in ids}
        assert len(numbers) == 2
        assert all(number.startswith("SL-") for number in numbers)

    def test_refuses_a_model_that_the_catalogue_does_not_know(self, now):
        make_type("MODEL_TRAINING")
        with pytest.raises(Invalid) as refusal:
            submit(make_user(), now, type_code="MODEL_TRAINING", device_model_id=uuid4())
        assert refusal.value.field == "device_model_id"

    def test_takes_the_number_of_somebody_elses_once_it_stands_for_nothing(self, now):
        make_credential(number="LHR-10442", state="revoked")
        assert submit(make_user(), now)

    def test_takes_the_same_number_in_another_state_or_kind(self, now):
        make_type("RN")
        make_credential(type_code="RN", jurisdiction="AZ", number="10442")
        assert submit(make_user(), now, type_code="RN", jurisdiction="TX", number="10442")

    def test_refuses_ones_own_number_while_it_waits(self, now):
        dana = make_user()
        first = submit(dana, now)

        with pytest.raises(AlreadySubmitted):
            submit(dana, now)

        assert db.session.scalars(select(Credential.id)).all() == [first]

    def test_an_answer_is_not_given_with_a_number_that_waits_already(self, now):
        dana = make_user()
        submit(dana, now)
        asked = make_credential(holder=dana, number="LHR-7", state="needs_info")

        with pytest.raises(AlreadySubmitted):
            service.resubmit(credential_id=asked.id, actor_id=dana.id, claim=lhr(now), files=[SCAN], at=now)

        assert db.session.get(Credential, asked.id, populate_existing=True).number == "LHR-7"

    def test_does_not_swallow_other_refusals_of_the_database(self, now):
        from sqlalchemy.exc import IntegrityError

        with pytest.raises(IntegrityError):
            service.submit(actor_id=make_user().id, claim=lhr(now), files=[SCAN], at=now)  # no such type in the table


class TestSubmitForASite:
    FACILITY = "US-TX:TDLR:LHR_FACILITY"

    @pytest.mark.parametrize("role", ["owner", "manager"])
    def test_is_for_those_who_run_the_clinic(self, now, role):
        make_type(self.FACILITY)
        site = make_site()
        alice = make_user()
        make_member(clinic=site.clinic, user=alice, role=role)

        credential_id = submit(alice, now, site=site, type_code=self.FACILITY, jurisdiction="NV", level=None)

        row = db.session.get(Credential, credential_id)
        assert (row.holder_id, row.site_id, row.submitted_by, row.jurisdiction) == (None, site.id, alice.id, "TX")
        assert mails() == [(alice.email, "submitted")]

    @pytest.mark.parametrize("role", ["technician", "practitioner"])
    def test_refuses_those_who_do_not(self, now, role):
        site = make_site()
        alice = make_user()
        make_member(clinic=site.clinic, user=alice, role=role)
        with pytest.raises(Refused):
            submit(alice, now, site=site, type_code=self.FACILITY)

    def test_strangers_learn_nothing(self, now):
        with pytest.raises(NotFound):
            submit(make_user(), now, site=make_site(), type_code=self.FACILITY)

    def test_refuses_a_persons_licence_for_a_site(self, now):
        site = make_site()
        alice = make_user()
        make_member(clinic=site.clinic, user=alice, role="owner")
        with pytest.raises(Invalid):
            submit(alice, now, site=site)
        assert db.session.scalars(select(Credential)).all() == []


class TestResubmit:
    def asked(self, **values):
        dana = make_user(name="Dana Reyes")
        return dana, make_credential(holder=dana, state="needs_info", level="TECHNICIAN", **values)

    def test_corrects_and_adds_and_goes_back_to_the_queue(self, now):
        dana, credential = self.asked()

        service.resubmit(credential_id=credential.id, actor_id=dana.id, claim=lhr(now), files=[SCAN], at=now)

        view = queries.own(credential.id, user_id=dana.id)
        assert (view.state, view.number, view.level, view.reason) == (_S.SUBMITTED, "LHR 10442", "PROFESSIONAL", None)
        assert (view.submitted_at, len(view.papers)) == (now, 1)

    def test_keeps_its_kind_and_place(self, now):
        dana, credential = self.asked()
        claim = lhr(now, type_code="RN", jurisdiction="AZ")
        service.resubmit(credential_id=credential.id, actor_id=dana.id, claim=claim, files=[SCAN], at=now)
        db.session.refresh(credential)
        assert (credential.type_code, credential.jurisdiction) == ("US-TX:TDLR:LHR", "TX")

    def test_needs_no_new_document_where_there_is_one(self, now):
        dana = make_user()
        credential_id = submit(dana, now)
        victor = make_staff()
        service.claim(credential_id=credential_id, actor_id=victor.id, at=now)
        service.ask_for_info(
            credential_id=credential_id, actor_id=victor.id, because=Question.SCOPE, words="Which level?", at=now
        )

        service.resubmit(credential_id=credential_id, actor_id=dana.id, claim=lhr(now), files=[], at=now)

        assert state_of(credential_id) is _S.SUBMITTED

    def test_is_the_holders_alone(self, now):
        _, credential = self.asked()
        with pytest.raises(NotFound):
            service.resubmit(credential_id=credential.id, actor_id=make_user().id, claim=lhr(now), files=[SCAN], at=now)
        assert state_of(credential.id) is _S.NEEDS_INFO

    def test_refuses_where_nothing_was_asked(self, now):
        dana = make_user()
        credential = make_credential(holder=dana, state="rejected")
        with pytest.raises(IllegalMove):
            service.resubmit(credential_id=credential.id, actor_id=dana.id, claim=lhr(now), files=[SCAN], at=now)

    def test_is_the_managers_for_a_site(self, now):
        site = make_site()
        alice = make_user()
        make_member(clinic=site.clinic, user=alice, role="manager")
        facility = "US-TX:TDLR:LHR_FACILITY"
        credential = make_credential(site=site, type_code=facility, state="needs_info")
        service.resubmit(
            credential_id=credential.id, actor_id=alice.id, claim=lhr(now, level=None), files=[SCAN], at=now
        )
        assert state_of(credential.id) is _S.SUBMITTED


class TestWithdraw:
    @pytest.mark.parametrize("state", ["submitted", "in_review", "needs_info"])
    def test_takes_back_what_is_not_decided(self, now, state):
        dana = make_user()
        credential = make_credential(holder=dana, state=state)
        service.withdraw(credential_id=credential.id, actor_id=dana.id, at=now)
        assert state_of(credential.id) is _S.WITHDRAWN

    @pytest.mark.parametrize("state", ["verified", "rejected", "suspended", "revoked", "superseded", "withdrawn"])
    def test_refuses_what_is(self, now, state):
        dana = make_user()
        credential = make_credential(holder=dana, state=state)
        with pytest.raises(IllegalMove):
            service.withdraw(credential_id=credential.id, actor_id=dana.id, at=now)
        assert state_of(credential.id) == state

    def test_is_the_holders_alone(self, now):
        credential = make_credential(state="submitted")
        with pytest.raises(NotFound):
            service.withdraw(credential_id=credential.id, actor_id=make_user().id, at=now)


class TestClaim:
    def test_takes_the_case(self, now):
        victor, credential = make_staff(), make_credential(state="submitted")
        service.claim(credential_id=credential.id, actor_id=victor.id, at=now)
        db.session.refresh(credential)
        assert (credential.state, credential.claimed_by, credential.claimed_at) == (_S.IN_REVIEW, victor.id, now)
        assert moves_of(credential.id)[-1] == (_E.CLAIMED, _S.IN_REVIEW, victor.id)

    def test_again_by_the_same_changes_nothing(self, now):
        victor = make_staff()
        credential = make_credential(state="in_review", verifier=victor)
        before = moves_of(credential.id)
        service.claim(credential_id=credential.id, actor_id=victor.id, at=now)
        assert moves_of(credential.id) == before

    def test_refuses_a_second_verifier(self, now):
        victor = make_staff()
        credential = make_credential(state="in_review", verifier=victor)
        with pytest.raises(AlreadyClaimed):
            service.claim(credential_id=credential.id, actor_id=make_staff().id, at=now)
        db.session.refresh(credential)
        assert credential.claimed_by == victor.id

    def test_refuses_a_decided_one(self, now):
        with pytest.raises(IllegalMove):
            service.claim(credential_id=make_credential().id, actor_id=make_staff().id, at=now)

    def test_knows_no_unknown_case(self, now):
        with pytest.raises(NotFound):
            service.claim(credential_id=uuid4(), actor_id=make_staff().id, at=now)

    def test_loses_to_whoever_was_faster(self, now, monkeypatch):
        victor, credential = make_staff(), make_credential(state="submitted")
        found = rows.row(credential.id)

        def stale(credential_id):
            # Between the look and the act the holder takes it back.
            db.session.execute(text("UPDATE credentials SET state = 'withdrawn' WHERE id = :id"), {"id": credential_id})
            return found

        monkeypatch.setattr(rows, "row", stale)
        with pytest.raises(MovedMeanwhile):
            service.claim(credential_id=credential.id, actor_id=victor.id, at=now)


class TestNobodyReviewsTheirOwn:
    def near(self, relation):
        """A verifier who stands too near to a credential, and the credential."""
        victor = make_staff()
        if relation == "holder":
            return victor, make_credential(holder=victor, state="submitted")
        if relation == "submitter":
            site = make_site()
            return victor, make_credential(
                site=site, type_code="US-TX:TDLR:LHR_FACILITY", state="submitted", submitted_by=victor.id
            )
        site = make_site()
        make_member(clinic=site.clinic, user=victor)
        if relation == "site":
            return victor, make_credential(site=site, type_code="US-TX:TDLR:LHR_FACILITY", state="submitted")
        dana = make_user()
        make_member(clinic=site.clinic, user=dana)
        return victor, make_credential(holder=dana, state="submitted")

    @pytest.mark.parametrize("relation", ["holder", "submitter", "site", "colleague"])
    def test_cannot_take_the_case_nor_see_it(self, now, relation):
        victor, credential = self.near(relation)
        with pytest.raises(NotYoursToReview):
            service.claim(credential_id=credential.id, actor_id=victor.id, at=now)
        with pytest.raises(NotFound):
            desk.case(credential.id, reader_id=victor.id, at=now)
        assert state_of(credential.id) is _S.SUBMITTED

    @pytest.mark.parametrize("act", [service.suspend, service.revoke, service.reinstate, service.reconfirm])
    def test_cannot_touch_it_later(self, now, act):
        victor = make_staff()
        credential = make_credential(holder=victor)
        words = {"words": "Because."} if act in {service.suspend, service.revoke} else {}
        with pytest.raises(NotYoursToReview):
            act(credential_id=credential.id, actor_id=victor.id, at=now, **words)
        assert state_of(credential.id) is _S.VERIFIED

    def test_cannot_decide_when_they_join_the_clinic_during_the_review(self, now):
        victor, dana, clinic = make_staff(), make_user(), make_clinic()
        make_member(clinic=clinic, user=dana)
        credential = make_credential(holder=dana, state="in_review", verifier=victor)
        make_check(credential, verifier=victor, retrieved_at=now)
        make_member(clinic=clinic, user=victor)
        with pytest.raises(NotYoursToReview):
            service.verify(credential_id=credential.id, actor_id=victor.id, at=now)
        assert state_of(credential.id) is _S.IN_REVIEW

    @pytest.mark.parametrize("who_left", ["verifier", "holder", "both"])
    def test_nor_can_a_former_colleague(self, now, who_left):
        victor, dana, clinic = make_staff(), make_user(), make_clinic()
        make_member(clinic=clinic, user=dana, left_at=None if who_left == "verifier" else now)
        make_member(clinic=clinic, user=victor, left_at=None if who_left == "holder" else now)
        credential = make_credential(holder=dana, state="submitted")
        with pytest.raises(NotYoursToReview):
            service.claim(credential_id=credential.id, actor_id=victor.id, at=now)
        assert state_of(credential.id) is _S.SUBMITTED

    def test_who_came_from_another_clinic_can(self, now):
        victor, dana = make_staff(), make_user()
        make_member(clinic=make_clinic(), user=dana)
        make_member(clinic=make_clinic(), user=victor)
        credential = make_credential(holder=dana, state="submitted")
        service.claim(credential_id=credential.id, actor_id=victor.id, at=now)
        assert state_of(credential.id) is _S.IN_REVIEW


class TestUnclaim:
    def test_puts_the_case_back(self, now):
        victor = make_staff()
        credential = make_credential(state="in_review", verifier=victor)
        service.unclaim(credential_id=credential.id, actor_id=victor.id, at=now)
        db.session.refresh(credential)
        assert (credential.state, credential.claimed_by, credential.claimed_at) == (_S.SUBMITTED, None, None)

    def test_is_for_who_took_it(self, now):
        credential = make_credential(state="in_review")
        with pytest.raises(NotClaimed):
            service.unclaim(credential_id=credential.id, actor_id=make_staff().id, at=now)


@pytest.fixture
def victor():
    return make_staff()


@pytest.fixture
def taken(victor):
    """A case that Victor has taken."""
    return make_credential(holder=make_user(name="Dana Reyes"), state="in_review", verifier=victor)


class TestRecordCheck:
    def test_keeps_what_was_seen(self, now, victor, taken):
        matched = {"name": "REYES, DANA M", "expires": "", "number": "10442"}
        check_id = service.record_check(
            credential_id=taken.id,
            actor_id=victor.id,
            look=look(
                now,
                matched=matched,
                note="  Active.  ",
                screenshot=("portal.png", picture()),
                source_url="https://x.test/",
            ),
            at=now,
        )
        check = db.session.get(CredentialCheck, check_id)
        assert (check.verifier_id, check.outcome, check.note) == (victor.id, CheckOutcome.CONFIRMED, "Active.")
        assert check.matched == {"name": "REYES, DANA M", "number": "10442"}
        assert db.session.get(Document, check.document_id).filename == "portal.png"
        assert kinds(taken.id) == ["credential:checked"]
        assert state_of(taken.id) is _S.IN_REVIEW

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"source_name": "  "}, "source_name"),
            ({"note": "  "}, "note"),
            ({"screenshot": ("x.png", b"")}, "screenshot"),
        ],
    )
    def test_refuses_half_evidence(self, now, victor, taken, changes, field):
        with pytest.raises(Invalid) as refusal:
            service.record_check(credential_id=taken.id, actor_id=victor.id, look=look(now, **changes), at=now)
        assert refusal.value.field == field
        assert db.session.scalars(select(CredentialCheck)).all() == []

    @pytest.mark.parametrize(
        "shown", [{"note": "Active."}, {"matched": {"number": "10442"}}, {"screenshot": ("portal.png", picture())}]
    )
    def test_one_thing_that_was_seen_is_enough(self, now, victor, taken, shown):
        seen = look(now, **{"note": "", **shown})
        check_id = service.record_check(credential_id=taken.id, actor_id=victor.id, look=seen, at=now)

        check = db.session.get_one(CredentialCheck, check_id)
        assert (check.outcome, check.note, check.matched) == (
            CheckOutcome.CONFIRMED, shown.get("note", ""), shown.get("matched", {}),
        )  # fmt: skip
        assert (check.document_id is not None) is ("screenshot" in shown)

    def test_refuses_a_look_into_the_future(self, now, victor, taken):
        seen = look(now + timedelta(seconds=1))
        with pytest.raises(Invalid) as refusal:
            service.record_check(credential_id=taken.id, actor_id=victor.id, look=seen, at=now)
        assert refusal.value.field == "retrieved_at"

    def test_needs_no_note_where_nothing_was_confirmed(self, now, victor, taken):
        assert service.record_check(
            credential_id=taken.id, actor_id=victor.id, look=look(now, "not_reachable", note=""), at=now
        )

    def test_is_for_who_took_the_case(self, now, taken):
        with pytest.raises(NotClaimed):
            service.record_check(credential_id=taken.id, actor_id=make_staff().id, look=look(now), at=now)

    @pytest.mark.parametrize("state", ["verified", "suspended"])
    def test_is_for_any_verifier_once_it_stands(self, now, state):
        credential = make_credential(state=state)
        assert service.record_check(credential_id=credential.id, actor_id=make_staff().id, look=look(now), at=now)


class TestVerify:
    def test_says_yes_on_the_look(self, now, victor, taken):
        check_id = service.record_check(
            credential_id=taken.id, actor_id=victor.id, look=look(now - timedelta(minutes=2)), at=now
        )

        service.verify(credential_id=taken.id, actor_id=victor.id, at=now)

        db.session.refresh(taken)
        assert (taken.state, taken.verified_by, taken.deciding_check_id) == (_S.VERIFIED, victor.id, check_id)
        assert taken.verified_at == now - timedelta(minutes=2)
        assert (taken.claimed_by, taken.claimed_at) == (None, None)
        assert mails()[-1][1] == "verified"
        assert kinds(taken.id)[-1] == "credential:verified"

    def test_needs_a_look(self, now, victor, taken):
        with pytest.raises(EvidenceMissing):
            service.verify(credential_id=taken.id, actor_id=victor.id, at=now)
        assert state_of(taken.id) is _S.IN_REVIEW
        assert mails() == []

    @pytest.mark.parametrize("outcome", ["differs", "not_found", "not_reachable"])
    def test_needs_the_last_look_to_confirm_it(self, now, victor, taken, outcome):
        make_check(taken, verifier=victor, retrieved_at=now - timedelta(minutes=2))
        make_check(taken, verifier=victor, outcome=outcome, retrieved_at=now - timedelta(minutes=1))
        with pytest.raises(EvidenceMissing):
            service.verify(credential_id=taken.id, actor_id=victor.id, at=now)
        assert state_of(taken.id) is _S.IN_REVIEW

    def test_needs_a_look_of_the_verifiers_own_in_this_review(self, now, victor, taken):
        make_check(taken, verifier=make_staff(), retrieved_at=now)
        make_check(taken, verifier=victor, retrieved_at=taken.claimed_at - timedelta(seconds=1))
        with pytest.raises(EvidenceMissing):
            service.verify(credential_id=taken.id, actor_id=victor.id, at=now)

    def test_is_for_who_took_the_case(self, now, taken):
        with pytest.raises(NotClaimed):
            service.verify(credential_id=taken.id, actor_id=make_staff().id, at=now)

    def test_takes_the_place_of_what_it_renews(self, now, victor):
        dana = make_user(name="Dana Reyes")
        earlier = make_credential(holder=dana, number="LHR-10442", at=now - timedelta(days=700))
        renewal = submit(dana, now)
        service.claim(credential_id=renewal, actor_id=victor.id, at=now)
        service.record_check(credential_id=renewal, actor_id=victor.id, look=look(now), at=now)
        assert state_of(earlier.id) is _S.VERIFIED

        service.verify(credential_id=renewal, actor_id=victor.id, at=now)

        assert (state_of(earlier.id), state_of(renewal)) == (_S.SUPERSEDED, _S.VERIFIED)
        assert [happened for _, happened in mails()] == ["submitted", "verified"]

    def test_does_not_lift_a_suspension_unseen(self, now, victor):
        dana = make_user(name="Dana Reyes")
        earlier = make_credential(holder=dana, number="LHR-10442", state="suspended")
        renewal = submit(dana, now)
        service.claim(credential_id=renewal, actor_id=victor.id, at=now)
        service.record_check(credential_id=renewal, actor_id=victor.id, look=look(now), at=now)

        with pytest.raises(EarlierIsSuspended):
            service.verify(credential_id=renewal, actor_id=victor.id, at=now)

        assert (state_of(earlier.id), state_of(renewal)) == (_S.SUSPENDED, _S.IN_REVIEW)


class TestReject:
    @pytest.mark.parametrize("because", [because for because in Rejection if because.rests_on_the_source])
    @pytest.mark.parametrize("outcome", [None, "confirmed", "not_reachable"])
    def test_needs_a_source_that_says_so(self, now, victor, taken, because, outcome):
        if outcome:
            make_check(taken, verifier=victor, outcome=outcome, retrieved_at=now)
        with pytest.raises(EvidenceMissing):
            service.reject(credential_id=taken.id, actor_id=victor.id, because=because, words="No.", at=now)
        assert state_of(taken.id) is _S.IN_REVIEW

    @pytest.mark.parametrize("outcome", ["differs", "not_found"])
    def test_says_why(self, now, victor, taken, outcome):
        make_check(taken, verifier=victor, outcome=outcome, retrieved_at=now)
        service.reject(
            credential_id=taken.id,
            actor_id=victor.id,
            because=Rejection.NOT_IN_FORCE,
            words=" It lapsed in May. ",
            at=now,
        )
        db.session.refresh(taken)
        assert taken.state is _S.REJECTED
        assert taken.reason == "The issuer's register shows that it is not in force. It lapsed in May."
        assert mails()[-1][1] == "rejected"

    @pytest.mark.parametrize("because", [because for because in Rejection if not because.rests_on_the_source])
    def test_needs_no_source_for_what_the_document_shows(self, now, victor, taken, because):
        service.reject(credential_id=taken.id, actor_id=victor.id, because=because, words="Look.", at=now)
        assert state_of(taken.id) is _S.REJECTED

    @pytest.mark.parametrize("words", ["", "  ", "x" * 2001])
    def test_needs_words_and_not_a_book(self, now, victor, taken, words):
        with pytest.raises(Invalid) as refusal:
            service.reject(credential_id=taken.id, actor_id=victor.id, because=Rejection.ALTERED, words=words, at=now)
        assert refusal.value.field == "words"
        assert state_of(taken.id) is _S.IN_REVIEW

    def test_is_for_who_took_the_case(self, now, taken):
        with pytest.raises(NotClaimed):
            service.reject(
                credential_id=taken.id, actor_id=make_staff().id, because=Rejection.ALTERED, words="No.", at=now
            )


class TestAskForInfo:
    def test_asks_and_waits(self, now, victor, taken):
        service.ask_for_info(
            credential_id=taken.id, actor_id=victor.id, because=Question.NAME, words="x" * 2000, at=now
        )
        db.session.refresh(taken)
        assert (taken.state, taken.reason, taken.claimed_by) == (
            _S.NEEDS_INFO,
            f"The name on it is not the one of your account. {'x' * 2000}",
            None,
        )
        assert mails()[-1][1] == "info_asked"

    def test_is_for_who_took_the_case(self, now, taken):
        with pytest.raises(NotClaimed):
            service.ask_for_info(
                credential_id=taken.id, actor_id=make_staff().id, because=Question.DATES, words="Which?", at=now
            )


class TestSuspendAndRevoke:
    @pytest.mark.parametrize(("act", "state"), [(service.suspend, _S.SUSPENDED), (service.revoke, _S.REVOKED)])
    def test_says_why_and_to_whom(self, now, victor, act, state):
        dana = make_user()
        credential = make_credential(holder=dana)
        act(credential_id=credential.id, actor_id=victor.id, words="The board's order of May.", at=now)
        db.session.refresh(credential)
        assert (credential.state, credential.reason) == (state, "The board's order of May.")
        assert mails() == [(dana.email, state.value)]

    @pytest.mark.parametrize("act", [service.suspend, service.revoke])
    def test_needs_words(self, now, victor, act):
        credential = make_credential()
        with pytest.raises(Invalid):
            act(credential_id=credential.id, actor_id=victor.id, words=" ", at=now)
        assert state_of(credential.id) is _S.VERIFIED

    @pytest.mark.parametrize("state", ["submitted", "rejected", "revoked", "superseded"])
    def test_refuse_what_does_not_stand(self, now, victor, state):
        credential = make_credential(state=state)
        for act in (service.suspend, service.revoke):
            with pytest.raises(IllegalMove):
                act(credential_id=credential.id, actor_id=victor.id, words="No.", at=now)
        assert state_of(credential.id) == state


class TestReinstateAndReconfirm:
    @pytest.mark.parametrize(
        ("act", "state", "happened"),
        [(service.reinstate, "suspended", "reinstated"), (service.reconfirm, "verified", None)],
    )
    def test_rest_on_a_look_made_since(self, now, victor, act, state, happened):
        credential = make_credential(state=state, at=now - timedelta(days=200))
        with pytest.raises(EvidenceMissing):
            act(credential_id=credential.id, actor_id=victor.id, at=now)
        check_id = service.record_check(credential_id=credential.id, actor_id=victor.id, look=look(now), at=now)

        act(credential_id=credential.id, actor_id=victor.id, at=now)

        db.session.refresh(credential)
        assert (credential.state, credential.reason) == (_S.VERIFIED, None)
        assert (credential.deciding_check_id, credential.verified_at, credential.verified_by) == (
            check_id,
            now,
            victor.id,
        )
        assert [kind for _, kind in mails()] == ([happened] if happened else [])

    @pytest.mark.parametrize(("act", "state"), [(service.reinstate, "suspended"), (service.reconfirm, "verified")])
    def test_refuse_a_source_that_does_not_confirm(self, now, victor, act, state):
        credential = make_credential(state=state, at=now - timedelta(days=200))
        service.record_check(credential_id=credential.id, actor_id=victor.id, look=look(now, "not_found"), at=now)
        with pytest.raises(EvidenceMissing):
            act(credential_id=credential.id, actor_id=victor.id, at=now)
        assert state_of(credential.id) == state

    def test_do_not_rest_twice_on_the_same_look(self, now, victor):
        credential = make_credential(at=now - timedelta(days=200))
        service.record_check(credential_id=credential.id, actor_id=victor.id, look=look(now), at=now)
        service.reconfirm(credential_id=credential.id, actor_id=victor.id, at=now)
        with pytest.raises(EvidenceMissing):
            service.reconfirm(credential_id=credential.id, actor_id=victor.id, at=now)


class TestDocuments:
    def submitted(self, now):
        dana = make_user()
        credential_id = submit(dana, now, files=[SCAN, ("back.pdf", pdf(2))])
        scan, back = queries.own(credential_id, user_id=dana.id).papers
        return dana, credential_id, scan.id, back.id

    def test_are_the_holders_to_see(self, now):
        dana, credential_id, scan, _ = self.submitted(now)
        file = service.own_document(credential_id=credential_id, document_id=scan, reader_id=dana.id)
        assert file.filename == "scan.png"

    def test_are_not_there_for_strangers_nor_through_another_credential(self, now):
        dana, credential_id, scan, _ = self.submitted(now)
        other = make_credential(holder=dana)
        for reader, case in ((make_user().id, credential_id), (dana.id, other.id), (dana.id, uuid4())):
            with pytest.raises(NotFound):
                service.own_document(credential_id=case, document_id=scan, reader_id=reader)

    def test_are_the_verifiers_while_they_have_the_case_and_every_view_is_kept(self, now, victor):
        _, credential_id, scan, back = self.submitted(now)
        service.claim(credential_id=credential_id, actor_id=victor.id, at=now)

        asked = {"credential_id": credential_id, "reader_id": victor.id, "at": now}
        assert service.case_document(document_id=scan, **asked).filename == "scan.png"
        assert service.case_page(document_id=back, number=2, **asked).startswith(b"\xff\xd8\xff")

        views = [event for event in audit.events_about("credential", credential_id) if event.kind == "document:viewed"]
        why = {"reason": "review", "taken_at": str(now)}
        assert [(event.actor_id, event.data) for event in views] == [
            (victor.id, {"document_id": str(scan), **why}),
            (victor.id, {"document_id": str(back), **why}),
        ]

    def test_tell_the_second_verifiers_view_from_the_first(self, now):
        second = make_staff()
        case = make_credential(state="in_second_review", verifier=second)
        paper = make_document()
        kept(CredentialDocument(credential_id=case.id, document_id=paper.id, position=0))

        service.case_document(credential_id=case.id, document_id=paper.id, reader_id=second.id, at=now)

        (view,) = audit.events_about("credential", case.id)
        assert (view.data["reason"], view.data["taken_at"]) == ("second_review", str(case.claimed_at))

    def test_are_not_there_for_staff_without_the_case(self, now, victor):
        dana, credential_id, scan, back = self.submitted(now)
        foreign = make_credential(state="in_review", verifier=victor)
        for case, reader in ((credential_id, victor.id), (credential_id, dana.id), (foreign.id, victor.id)):
            with pytest.raises(NotFound):
                service.case_document(credential_id=case, document_id=scan, reader_id=reader, at=now)
            with pytest.raises(NotFound):
                service.case_page(credential_id=case, document_id=back, number=1, reader_id=reader, at=now)
        assert "document:viewed" not in kinds(credential_id)

    def test_are_closed_again_with_the_decision(self, now, victor):
        _, credential_id, scan, _ = self.submitted(now)
        service.claim(credential_id=credential_id, actor_id=victor.id, at=now)
        service.record_check(credential_id=credential_id, actor_id=victor.id, look=look(now), at=now)
        service.verify(credential_id=credential_id, actor_id=victor.id, at=now)
        with pytest.raises(NotFound):
            service.case_document(credential_id=credential_id, document_id=scan, reader_id=victor.id, at=now)

    def test_a_screenshot_is_the_verifiers_and_never_the_holders(self, now, victor):
        dana, credential_id, _, _ = self.submitted(now)
        service.claim(credential_id=credential_id, actor_id=victor.id, at=now)
        seen = look(now, screenshot=("portal.png", picture()))
        check_id = service.record_check(credential_id=credential_id, actor_id=victor.id, look=seen, at=now)
        shot = db.session.get(CredentialCheck, check_id).document_id
        asked = {"credential_id": credential_id, "document_id": shot}
        assert service.case_document(**asked, reader_id=victor.id, at=now).filename == "portal.png"
        with pytest.raises(NotFound):
            service.own_document(**asked, reader_id=dana.id)


class TestRemindOfExpiry:
    def test_reminds_at_60_30_and_7_days_and_on_the_last_once_each(self, now):
        dana = make_user()
        today = now.date()
        make_credential(holder=dana, expires_on=today + timedelta(days=62), at=now - timedelta(days=90))
        told = [service.remind_of_expiry(at=now + timedelta(days=day)) for day in range(66)]
        assert sum(told) == 4
        assert set(mails()) == {(dana.email, "expiring")}

    def test_the_day_is_that_of_the_site(self):
        site = make_site(time_zone="America/New_York")
        make_credential(site=site, type_code="US-TX:TDLR:LHR_FACILITY", expires_on=date(2026, 6, 8))
        midnight = datetime(2026, 6, 1, 4, tzinfo=UTC)

        assert service.remind_of_expiry(at=midnight - timedelta(seconds=1)) == 1  # 8 days are left: the reminder of 30.
        assert service.remind_of_expiry(at=midnight) == 1

    @pytest.mark.parametrize("state", ["suspended", "superseded", "submitted"])
    def test_reminds_of_nothing_that_does_not_stand(self, now, state):
        make_credential(state=state, expires_on=now.date() + timedelta(days=7))
        assert service.remind_of_expiry(at=now) == 0

    def test_looks_up_in_one_statement_who_was_reminded_already(self, now):
        for number in range(3):
            make_credential(number=f"LHR-{number}", expires_on=now.date() + timedelta(days=20))
        assert service.remind_of_expiry(at=now) == 3

        with count_statements() as sent:
            assert service.remind_of_expiry(at=now) == 0
        assert len(sent) == 2

    def test_reminds_of_nothing_without_an_end(self, now):
        make_credential(expires_on=None)
        assert service.remind_of_expiry(at=now) == 0


class TestLoadTypes:
    def test_brings_the_table_to_what_ships(self):
        make_type("RN").name = "something old"
        assert service.load_types() == len(credential_types())
        db.session.expire_all()
        assert db.session.get(CredentialTypeRow, "RN").name == "Registered nurse's licence"
        assert service.load_types() == len(db.session.scalars(select(CredentialTypeRow)).all())


class TestBackground:
    def test_the_jobs_call_their_use_cases(self, now):
        make_credential(expires_on=now.date() + timedelta(days=6))
        jobs.JOBS["remind_of_expiry"]()
        jobs.JOBS["sweep_documents"]()
        assert [happened for _, happened in mails()] == ["expiring"]

    def test_a_command_loads_the_types(self, app):
        said = app.test_cli_runner().invoke(args=["reference", "load"])
        assert said.exit_code == 0
        assert f"{len(credential_types())} credential types" in said.output


class TestQueries:
    def test_held_by_groups_by_holder_in_one_statement(self, now):
        dana, ann = make_user(), make_user()
        first = make_credential(holder=dana, state="verified", endorsements=["A"])
        second = make_credential(holder=dana, state="rejected", at=now)
        make_credential()
        ids = {dana.id, ann.id}
        with count_statements() as sent:
            held = queries.held_by(ids)
        assert {key: [row.id for row in rows] for key, rows in held.items()} == {dana.id: [first.id, second.id]}
        assert held[dana.id][0].endorsements == ("A",)
        assert held[dana.id][0].verified_at == first.verified_at
        assert len(sent) == 1

    def test_held_by_sites(self):
        site = make_site()
        credential = make_credential(site=site, type_code="US-TX:TDLR:LHR_FACILITY")
        assert [row.id for row in queries.held_by_sites([site.id])[site.id]] == [credential.id]
        assert queries.held_by_sites([]) == {}

    def test_mine_are_my_own_and_those_of_sites_i_run_also_closed_ones(self, now):
        site = make_site(closed_at=now)
        owner = site.clinic.members[0].user_id
        facility = make_credential(site=site, type_code="US-TX:TDLR:LHR_FACILITY", at=now)
        technician = make_user()
        make_member(clinic=site.clinic, user=technician)
        own = make_credential(holder=technician)

        assert [view.id for view in queries.mine(owner)] == [facility.id]
        assert [view.id for view in queries.mine(technician.id)] == [own.id]
        assert queries.mine(owner)[0].site.clinic_name == site.clinic.name
        with pytest.raises(NotFound):
            queries.own(facility.id, user_id=technician.id)
        assert queries.own(facility.id, user_id=owner).zone == site.time_zone

    def test_mine_takes_as_many_statements_for_ten_as_for_one(self):
        dana = make_user()
        make_credential(holder=dana)
        with count_statements() as for_one:
            queries.mine(dana.id)
        for _ in range(9):
            make_credential(holder=dana)
        db.session.expire_all()
        with count_statements() as for_ten:
            queries.mine(dana.id)
        assert len(for_ten) == len(for_one)

    def test_a_view_speaks_as_people_do(self, now):
        dana = make_user()
        make_credential(holder=dana, level="SENIOR_TECHNICIAN", expires_on=date(2020, 1, 1))
        view = queries.mine(dana.id)[0]
        assert (view.place, view.level_name, view.zone) == ("Texas", "Senior technician", "America/Chicago")
        assert view.standing(now) == "expired"
        assert view.allows(_E.SUSPENDED)
        assert not view.allows(_E.CLAIMED)
        arizona = make_credential(
            holder=dana, type_code="US-AZ:ADHS:LASER_TECHNICIAN", jurisdiction="AZ", endorsements=["TATTOO_REMOVAL"]
        )
        assert queries.own(arizona.id, user_id=dana.id).endorsement_names == ("Tattoo removal",)

    def test_the_queue_has_the_longest_waiting_first_and_not_ones_own(self, now, victor):
        late = make_credential(state="submitted", at=now - timedelta(days=9))
        new = make_credential(state="submitted", at=now - timedelta(hours=1))
        taken = make_credential(state="in_review", verifier=victor, at=now - timedelta(days=2))
        site = make_site()
        facility = make_credential(
            site=site, type_code="US-TX:TDLR:LHR_FACILITY", state="submitted", at=now - timedelta(minutes=1)
        )
        make_credential(state="verified")
        make_credential(holder=victor, state="submitted")

        found = desk.queue(reader_id=victor.id, at=now)

        assert [item.id for item in found] == [late.id, taken.id, new.id, facility.id]
        assert [item.claimed_by_name for item in found] == [None, victor.name, None, None]
        assert found[0].due_at < now < found[2].due_at
        assert found[3].holder == f"{site.clinic.name}, {site.name}"

    def test_the_queue_takes_as_many_statements_for_ten_as_for_one(self, now, victor):
        make_credential(state="submitted")
        with count_statements() as for_one:
            desk.queue(reader_id=victor.id, at=now)
        for _ in range(9):
            make_credential(state="submitted")
        db.session.expire_all()
        with count_statements() as for_ten:
            assert len(desk.queue(reader_id=victor.id, at=now)) == 10
        assert len(for_ten) == len(for_one)

    def test_the_queue_marks_who_answered_until_it_is_heard(self, now, victor):
        asked = make_credential(state="in_review", verifier=victor, at=now - timedelta(days=3))
        silent = make_credential(state="in_review", verifier=victor, at=now - timedelta(days=2))
        links = [
            ask_and_answer(asked, victor.id, at=now, whom=replace(BOARD, asked=whom, email=f"{whom}@office.example"))
            for whom in (Asked.MEDICAL_DIRECTOR, Asked.ISSUER, Asked.EMPLOYER)
        ]
        ask(silent, victor.id, at=now)

        replies = {item.id: item.replies for item in desk.queue(reader_id=victor.id, at=now)}
        assert replies == {asked.id: (Reply.ISSUER, Reply.EMPLOYER, Reply.MEDICAL_DIRECTOR), silent.id: ()}
        found = desk.narrowed(desk.queue(reader_id=victor.id, at=now), Show.ANSWERED, reader_id=victor.id, at=now)
        assert [item.id for item in found] == [asked.id]

        for link_id in links[:2]:
            asking.cite(credential_id=asked.id, link_id=link_id, actor_id=victor.id, at=now)

        assert desk.queue(reader_id=victor.id, at=now)[0].replies == (Reply.EMPLOYER,)

    def test_the_queue_marks_an_applicant_who_answered_until_somebody_has_the_case(self, now, victor):
        answered = make_credential(state="submitted")
        kept(
            CredentialMove(
                credential_id=answered.id, event=CredentialEvent.RESUBMITTED, state=CredentialState.SUBMITTED,
                actor_id=answered.holder_id, at=now,
            )
        )  # fmt: skip
        make_credential(state="submitted")

        found = {item.id: item.replies for item in desk.queue(reader_id=victor.id, at=now)}
        assert found[answered.id] == (Reply.APPLICANT,)
        assert sorted(map(len, found.values())) == [0, 1]

        service.claim(credential_id=answered.id, actor_id=victor.id, at=now)

        assert {item.replies for item in desk.queue(reader_id=victor.id, at=now)} == {()}

    def test_the_queue_marks_a_renewal(self, now, victor):
        dana = make_user()
        make_credential(holder=dana, number="LHR-7")
        make_credential(holder=dana, number="LHR 7", state="submitted")
        assert [item.renews for item in desk.queue(reader_id=victor.id, at=now)] == [True]

    def test_a_case_has_all_that_is_needed(self, now, victor):
        dana = make_user(name="Dana Reyes")
        earlier = make_credential(holder=dana, number="LHR-10442", at=now - timedelta(days=700))
        credential = make_credential(holder=dana, number="LHR-10442", state="in_review", verifier=victor)
        seen = look(now, screenshot=("portal.png", picture()))
        service.record_check(credential_id=credential.id, actor_id=victor.id, look=seen, at=now)

        case = desk.case(credential.id, reader_id=victor.id, at=now)

        assert (case.holder, case.submitted_by, case.claimed_by_name) == ("Dana Reyes", "Dana Reyes", victor.name)
        assert [(check.verifier, check.screenshot.filename) for check in case.checks] == [(victor.name, "portal.png")]
        assert case.renews.id == earlier.id

    def test_a_case_without_history_has_none(self, victor, now):
        site = make_site()
        credential = make_credential(site=site, type_code="US-TX:TDLR:LHR_FACILITY", state="submitted")
        case = desk.case(credential.id, reader_id=victor.id, at=now)
        assert (case.checks, case.signals, case.renews, case.claimed_by_name) == ((), (), None, None)
        assert case.holder == f"{site.clinic.name}, {site.name}"

    def test_a_case_that_does_not_exist(self, victor, now):
        with pytest.raises(NotFound):
            desk.case(uuid4(), reader_id=victor.id, at=now)


def changed(credential, **values):
    db.session.execute(update(Credential).where(Credential.id == credential.id).values(**values))


class TestConstraints:
    @pytest.mark.parametrize("owner", ["neither", "both"])
    def test_belongs_to_a_person_or_a_site(self, owner):
        credential = make_credential(state="submitted")
        values = {"holder_id": None} if owner == "neither" else {"site_id": make_site().id}
        with assert_refused_by("credentials_belongs_to_a_person_or_a_site"):
            changed(credential, **values)

    @pytest.mark.parametrize("place", ["tx", "USA", ""])
    def test_jurisdiction_is_a_postal_code(self, place):
        credential = make_credential()
        with assert_refused_by("credentials_jurisdiction_is_a_postal_code"):
            changed(credential, jurisdiction=place)

    def test_number_is_given(self):
        credential = make_credential()
        with assert_refused_by("credentials_number_is_given"):
            changed(credential, number_normal="")

    def test_expiry_follows_issue(self):
        day = date(2026, 1, 1)
        credential = make_credential()
        changed(credential, issued_on=day, expires_on=day)
        with assert_refused_by("credentials_expiry_follows_issue"):
            changed(credential, issued_on=day, expires_on=day - timedelta(days=1))

    @pytest.mark.parametrize("missing", ["deciding_check_id", "verified_at", "verified_by"])
    @pytest.mark.parametrize("state", ["suspended", "revoked", "superseded"])
    def test_verified_rests_on_a_check(self, state, missing):
        credential = make_credential(state=state)
        with assert_refused_by("credentials_verified_rests_on_a_check"):
            changed(credential, **{missing: None})

    def test_nobody_verifies_their_own(self):
        credential = make_credential()
        with assert_refused_by("credentials_nobody_verifies_their_own"):
            make_own_check_decide(credential, credential.holder_id)

    def test_nobody_verifies_what_they_handed_in(self):
        site = make_site()
        credential = make_credential(site=site, type_code="US-TX:TDLR:LHR_FACILITY")
        with assert_refused_by("credentials_nobody_verifies_their_own"):
            make_own_check_decide(credential, credential.submitted_by)

    def test_review_has_a_reviewer(self):
        credential = make_credential(state="in_review")
        with assert_refused_by("credentials_review_has_a_reviewer"):
            changed(credential, claimed_by=None)
        credential, victor = make_credential(state="submitted"), make_staff()
        with assert_refused_by("credentials_review_has_a_reviewer"):
            changed(credential, claimed_by=victor.id)

    @pytest.mark.parametrize("state", ["rejected", "needs_info", "suspended", "revoked"])
    def test_a_no_has_a_reason(self, state):
        credential = make_credential(state=state)
        for nothing in ("  ", None):
            with assert_refused_by("credentials_a_no_has_a_reason"):
                changed(credential, reason=nothing)

    def test_deciding_check_is_of_this_credential(self):
        credential, other = make_credential(), make_credential(state="suspended")
        with assert_refused_by("deciding_check_is_of_this_credential"):
            changed(other, deciding_check_id=credential.deciding_check_id)

    @pytest.mark.parametrize("state", ["submitted", "in_review", "needs_info"])
    def test_one_pending_credential_per_number(self, state):
        dana = make_user()
        make_credential(holder=dana, state=state, number="1")
        credential = make_credential(holder=dana, state="submitted", number="2")
        with assert_refused_by("one_pending_credential_per_number"):
            changed(credential, number_normal="1")

    @pytest.mark.parametrize("state", ["verified", "suspended"])
    def test_one_standing_credential_per_number(self, state):
        dana = make_user()
        make_credential(holder=dana, state=state, number="1")
        credential = make_credential(holder=dana, number="2")
        with assert_refused_by("one_standing_credential_per_number"):
            changed(credential, number_normal="1")

    def test_one_pending_credential_per_number_of_a_site(self):
        site = make_site()
        for number in ("1", "2"):
            credential = make_credential(
                site=site, type_code="US-TX:TDLR:LHR_FACILITY", state="submitted", number=number
            )
        with assert_refused_by("one_pending_credential_per_number_of_a_site"):
            changed(credential, number_normal="1")

    @pytest.mark.parametrize(("theirs", "mine"), [("verified", "suspended"), ("suspended", "verified")])
    def test_a_number_does_not_stand_with_two(self, theirs, mine):
        make_credential(state=theirs, number="1")
        credential = make_credential(state=mine, number="2")
        with assert_refused_by("one_standing_credential_per_number"):
            changed(credential, number_normal="1")

    @pytest.mark.parametrize("state", ["rejected", "revoked", "superseded", "withdrawn"])
    def test_what_stands_for_nothing_does_not_hold_a_number(self, state):
        make_credential(state=state, number="1")
        assert make_credential(number="1")

    def test_a_state_that_does_not_exist(self):
        credential = make_credential()
        with assert_refused_by("credentials_credentialstate"):
            changed(credential, state=literal_column("'expired'"))

    def test_a_subject_that_does_not_exist(self):
        make_type()
        with assert_refused_by("credential_types_subject_is_person_or_site"):
            db.session.execute(update(CredentialTypeRow).values(subject="device"))


def make_own_check_decide(credential, verifier_id):
    check_id = uuid4()
    db.session.execute(
        insert(CredentialCheck).values(
            id=check_id, credential_id=credential.id, source_name="x", method="portal", outcome="confirmed",
            retrieved_at=credential.verified_at, recorded_at=credential.verified_at, verifier_id=verifier_id,
            matched={}, note="x", next_due=credential.verified_at.date(),
        )
    )  # fmt: skip
    changed(credential, deciding_check_id=check_id, verified_by=verifier_id)


@pytest.fixture
def another():
    """A function that keeps one more check of a verified credential by direct SQL."""
    credential = make_credential()
    given = {
        "id": uuid4(), "credential_id": credential.id, "source_name": "x", "method": "portal", "outcome": "confirmed",
        "retrieved_at": credential.verified_at, "recorded_at": credential.verified_at,
        "verifier_id": credential.verified_by, "matched": {}, "note": "x", "next_due": credential.verified_at.date(),
    }  # fmt: skip
    return lambda **values: db.session.execute(insert(CredentialCheck).values(**{**given, **values}))


class TestChecksInTheDatabase:
    def test_source_is_named(self, another):
        with assert_refused_by("credential_checks_source_is_named"):
            another(source_name=" ")

    def test_confirmation_shows_what_was_seen(self, another):
        another(note=" ", outcome="differs")
        with assert_refused_by("credential_checks_confirmation_shows_what_was_seen"):
            another(id=uuid4(), note=" ")

    def test_seen_before_it_was_recorded(self, another, now):
        with assert_refused_by("credential_checks_seen_before_it_was_recorded"):
            another(retrieved_at=now + timedelta(seconds=1), recorded_at=now)

    @pytest.mark.parametrize(("column", "value"), [("method", "guess"), ("outcome", "maybe")])
    def test_a_word_that_does_not_exist(self, another, column, value):
        with assert_refused_by(f"credential_checks_check{column}"):
            another(**{column: literal_column(f"'{value}'")})

    def test_check_belongs_to_one_credential(self, another):
        check = db.session.scalar(select(CredentialCheck))
        # The primary key would answer first.
        db.session.execute(text("ALTER TABLE credential_checks DROP CONSTRAINT pk_credential_checks CASCADE"))
        with assert_refused_by("check_belongs_to_one_credential"):
            another(id=check.id, credential_id=check.credential_id)

    @pytest.mark.parametrize("outcome", ["differs", "not_found", "not_reachable"])
    def test_verified_is_confirmed_by_its_source(self, now, outcome):
        credential = make_credential()
        check = make_check(credential, verifier=make_staff(), outcome=outcome, retrieved_at=now)
        with assert_refused_by("verified_is_confirmed_by_its_source"):
            changed(credential, deciding_check_id=check.id, verified_by=check.verifier_id, decided_at=now)

    def test_verified_is_confirmed_by_its_own_verifier(self):
        credential, victor = make_credential(), make_staff()
        with assert_refused_by("verified_is_confirmed_by_its_source"):
            changed(credential, verified_by=victor.id)

    @pytest.mark.parametrize("model", [CredentialCheck, CredentialMove])
    def test_what_was_written_stays(self, model):
        make_credential()
        name = f"{model.__tablename__}_is_append_only"
        with assert_refused_by(name):
            db.session.execute(update(model).values({"reason" if model is CredentialMove else "note": "other"}))
        with assert_refused_by(name):
            db.session.execute(delete(model))
        with assert_refused_by(name):
            db.session.execute(text(f"TRUNCATE {model.__tablename__} CASCADE"))

    def test_an_event_that_does_not_exist(self):
        credential = make_credential()
        with assert_refused_by("credential_moves_credentialevent"):
            db.session.execute(
                text(
                    "INSERT INTO credential_moves (id, credential_id, event, state, at)"
                    " VALUES (gen_random_uuid(), :id, 'approved', 'verified', now())"
                ),
                {"id": credential.id},
            )
