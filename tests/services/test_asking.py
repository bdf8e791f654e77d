"""Issuer, employer and medical director are asked by a mailed link; their answer is evidence, and no verdict."""

import hashlib
import json
from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, text

from marketplace import audit
from marketplace.accounts import addresses
from marketplace.accounts.policy import LONGEST_NAME
from marketplace.credentials import asking, desk, service
from marketplace.credentials.evidence import evidence_of
from marketplace.credentials.models import (
    CheckMethod,
    CheckOutcome,
    ConfirmationRequest,
    Credential,
    CredentialCheck,
)
from marketplace.credentials.policy import AddressFrom, Asked, Rejection
from marketplace.credentials.refusals import (
    AddressIsTheApplicants,
    AnswerIsAboutAnotherClaim,
    EvidenceMissing,
    NotAnswered,
    NotClaimed,
    NotYoursToReview,
)
from marketplace.credentials.states import CredentialState
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.kernel.shapes import write
from marketplace.links.models import LinkAnswer
from marketplace.links.service import LinkIsOver, LinkSpeaksOfAnother, NoSuchLink, Said
from marketplace.links.states import Answer, LinkPurpose, LinkState, Worth
from marketplace.notifications.models import Mail
from tests.factories.accounts import make_staff, make_user
from tests.factories.catalog import make_model
from tests.factories.clinics import make_clinic, make_member
from tests.factories.credentials import make_check, make_credential
from tests.factories.links import BOARD, YES, ask, ask_and_answer, make_link, the_link
from tests.support import assert_refused_by, count_statements, promised_jobs, promised_mails

NO = Said(Answer.NOT_CONFIRMED, "Carla Munoz", "licensing clerk", "It ended in May.")
DUNNO = Said(Answer.CANNOT_SAY, "Carla Munoz", "licensing clerk")
APPLICANTS = replace(BOARD, found=AddressFrom.APPLICANT, source="Printed on the certificate.")
HER_DAY = date(2027, 3, 31)


@pytest.fixture
def vera():
    return make_staff(name="Vera Lind", email="vera@staff.example")


@pytest.fixture
def taken(vera):
    """A case that Vera has taken."""
    return make_credential(
        holder=make_user(name="Dana Reyes", email="dana@clinic.example"), state="in_review", verifier=vera,
        number="LHR-10442", level="SENIOR_TECHNICIAN", expires_on=HER_DAY,
    )  # fmt: skip


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def mails(template):
    return db.session.scalars(select(Mail).where(Mail.template == template)).all()


class TestAsk:
    def test_mails_the_office_a_question_without_the_claim(self, taken, vera, now):
        link_id, token = ask(taken, vera.id, at=now)

        (mail,) = mails("claim_question")
        assert mail.to == "clerk@board.example"
        assert mail.context == {
            "office": "Board of Lasers", "asked": "issuer", "token": token, "until": mail.context["until"],
        }  # fmt: skip
        assert ("send_mail", {"mail_id": str(mail.id)}) in promised_jobs()
        link = the_link(link_id)
        assert (link.subject_id, link.sent_by, link.recipient_id) == (taken.id, vera.id, None)
        assert link.expires_at == now + timedelta(days=14)

    def test_keeps_where_the_address_was_found(self, taken, vera, now):
        link_id, token = ask(taken, vera.id, at=now, whom=replace(BOARD, email=" Clerk@Board.example ", office=" B "))

        request = db.session.get_one(ConfirmationRequest, link_id)
        assert (request.asked, request.office, request.address_from, request.address_source) == (
            Asked.ISSUER, "B", AddressFrom.OWN_PAGE, "https://board.example",
        )  # fmt: skip
        assert the_link(link_id).sent_to == "clerk@board.example"
        event = next(e for e in audit.events_about("credential", taken.id) if e.kind == "credential:source_asked")
        assert event.data == {"link": str(link_id), "asked": "issuer", "address_from": "own_page"}
        assert all(token not in str(one.data) for one in audit.events_about("credential", taken.id))

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("email", {"email": "clerk"}),
            ("email", {"email": "Dana@clinic.example"}),
            ("office", {"office": " "}),
            ("office", {"office": "x" * 201}),
            ("source", {"source": "\n"}),
            ("source", {"source": "x" * 2001}),
        ],
    )
    def test_refuses_what_will_not_do_and_sends_nothing(self, taken, vera, now, field, changes):
        with pytest.raises(Invalid) as refusal:
            ask(taken, vera.id, at=now, whom=replace(BOARD, **changes))
        assert refusal.value.field == field
        assert (count(ConfirmationRequest), mails("claim_question")) == (0, [])

    def test_an_address_that_the_applicant_once_had_is_still_their_own(self, taken, vera, now):
        dana = taken.holder_id
        addresses.ask(user_id=dana, email="dana@elsewhere.example", at=now)
        link = promised_mails(Mail.template == "email_change_link")[0].context["token"]
        addresses.move(token=link, user_id=dana, session_id=dana, at=now)

        for own in ("dana@clinic.example", "dana@elsewhere.example"):
            with pytest.raises(Invalid, match="the applicant's own address"):
                ask(taken, vera.id, at=now, whom=replace(BOARD, email=own))
        assert count(ConfirmationRequest) == 0

    def test_is_for_the_verifier_who_has_the_case(self, taken, now):
        with pytest.raises(NotClaimed):
            ask(taken, make_staff().id, at=now)

    def test_is_not_for_a_colleague_of_the_holder(self, taken, vera, now):
        clinic = make_clinic(owner=vera)
        make_member(clinic=clinic, user=db.session.get_one(type(vera), taken.holder_id))
        with pytest.raises(NotYoursToReview):
            ask(taken, vera.id, at=now)

    def test_a_standing_credential_can_be_asked_about_by_any_verifier(self, vera, now):
        assert ask(make_credential(), vera.id, at=now)

    def test_nothing_to_ask_about_is_not_found(self, vera, now):
        with pytest.raises(NotFound):
            service.ask_source(credential_id=uuid4(), actor_id=vera.id, whom=BOARD, at=now)

    def test_several_can_be_asked_about_one_claim(self, taken, vera, now):
        employer = replace(BOARD, asked=Asked.EMPLOYER, office="Lone Star Skin", email="boss@clinic.example")
        ids = {ask(taken, vera.id, at=now)[0], ask(taken, vera.id, at=now, whom=employer)[0]}

        assert {the_link(one).state for one in ids} == {LinkState.WAITING}

    def test_asking_again_ends_the_link_before(self, taken, vera, now):
        first, old = ask(taken, vera.id, at=now)
        at = now + timedelta(days=1)
        second = service.ask_source_again(credential_id=taken.id, link_id=first, actor_id=vera.id, at=at)

        with pytest.raises(LinkIsOver) as refusal:
            asking.question_behind(old, at=at)
        assert refusal.value.worth is Worth.REPLACED
        again = db.session.get_one(ConfirmationRequest, second)
        assert (again.office, again.address_from, the_link(second).sent_to) == (
            "Board of Lasers", AddressFrom.OWN_PAGE, "clerk@board.example",
        )  # fmt: skip

    def test_what_belongs_to_another_claim_is_not_asked_again(self, taken, vera, now):
        other = make_credential(state="in_review", verifier=vera)
        link_id, _ = ask(other, vera.id, at=now)
        for one in (link_id, uuid4()):
            with pytest.raises(NoSuchLink):
                service.ask_source_again(credential_id=taken.id, link_id=one, actor_id=vera.id, at=now)

    def test_is_withdrawn(self, taken, vera, now):
        link_id, token = ask(taken, vera.id, at=now)
        with pytest.raises(NotClaimed):
            service.withdraw_question(credential_id=taken.id, link_id=link_id, actor_id=make_staff().id, at=now)
        service.withdraw_question(credential_id=taken.id, link_id=link_id, actor_id=vera.id, at=now)

        for act in (
            lambda: asking.question_behind(token, at=now),
            lambda: service.read_question(token=token, at=now),
            lambda: service.answer_question(token=token, said=YES, at=now),
        ):
            with pytest.raises(LinkIsOver) as refusal:
                act()
            assert refusal.value.worth is Worth.WITHDRAWN
        assert count(LinkAnswer) == 0

    def test_a_claim_that_is_taken_back_or_rejected_is_asked_about_no_more(self, taken, vera, now):
        other = make_credential(state="in_review", verifier=vera)
        links = [ask(one, vera.id, at=now) for one in (taken, other)]
        service.withdraw(credential_id=taken.id, actor_id=taken.holder_id, at=now)
        service.reject(
            credential_id=other.id, actor_id=vera.id, because=Rejection.ALTERED, words="The seal is another.", at=now
        )

        for link_id, token in links:
            assert the_link(link_id).state is LinkState.WITHDRAWN
            with pytest.raises(LinkIsOver):
                asking.question_behind(token, at=now)

    def test_a_claim_that_is_verified_may_still_be_answered(self, taken, vera, now):
        link_id, _ = ask(taken, vera.id, at=now)
        make_check(taken, verifier=vera, retrieved_at=now)
        service.verify(credential_id=taken.id, actor_id=vera.id, at=now)

        assert the_link(link_id).state is LinkState.WAITING


class TestQuestion:
    def test_shows_nothing_of_the_claim_before_somebody_pressed_to_read_it(self, taken, vera, now):
        link_id, token = ask(taken, vera.id, at=now)

        question = asking.question_behind(token, at=now)
        assert (question.opened, dict(question.claim), question.office) == (False, {}, "Board of Lasers")
        assert the_link(link_id).opened_at is None
        service.read_question(token=token, at=now + timedelta(minutes=1))
        question = asking.question_behind(token, at=now + timedelta(minutes=2))
        assert question.opened
        assert dict(question.claim) == {
            "kind": "Texas laser hair removal certificate (TDLR)", "state": "Texas", "name": "Dana Reyes", "number": "LHR-10442",
            "level": "Senior technician", "expires_on": "31 Mar 2027",
        }  # fmt: skip
        assert the_link(link_id).opened_at == now + timedelta(minutes=1)

    @pytest.mark.parametrize("asked", [Asked.EMPLOYER, Asked.MEDICAL_DIRECTOR])
    def test_the_number_is_for_the_issuer_alone(self, taken, asked):
        assert "number" in asking.claim_shown_to(Asked.ISSUER, taken)
        assert "number" not in asking.claim_shown_to(asked, taken)

    @pytest.mark.parametrize(
        ("type_code", "number"), [("US-TX:TDLR:LHR", "SL-0123456789AB"), ("MODEL_TRAINING", "whatever")]
    )
    def test_a_reference_of_ours_is_nobodys_number(self, vera, type_code, number):
        model = make_model() if type_code == "MODEL_TRAINING" else None
        claim = make_credential(type_code=type_code, number=number, device_model_id=model.id if model else None)

        shown = asking.claim_shown_to(Asked.ISSUER, claim)
        assert "number" not in shown
        assert ("device" in shown) is (model is not None)

    def test_names_procedures_and_the_day_of_issue(self):
        claim = make_credential(
            type_code="US-AZ:ADHS:LASER_TECHNICIAN", jurisdiction="AZ", endorsements=["HAIR", "ODD"],
            issued_on=date(2026, 1, 5),
        )  # fmt: skip
        shown = asking.claim_shown_to(Asked.ISSUER, claim)
        assert shown["procedures"].endswith(", ODD")
        assert shown["issued_on"]

    def test_a_link_that_signs_an_order_asks_no_question(self, now):
        issued = make_link(at=now, purpose=LinkPurpose.SIGN_ORDER, recipient_id=make_user().id)
        for act in (
            lambda: asking.question_behind(issued.token, at=now),
            lambda: service.read_question(token=issued.token, at=now),
            lambda: service.answer_question(token=issued.token, said=YES, at=now),
        ):
            with pytest.raises(NoSuchLink):
                act()
        assert the_link(issued.id).state is LinkState.WAITING


class TestAnswer:
    def test_is_kept_and_the_verifier_is_told(self, taken, vera, now):
        link_id, token = ask(taken, vera.id, at=now)
        service.read_question(token=token, at=now)
        said = Said(Answer.CONFIRMED, " Carla Munoz ", " licensing clerk", " In force. ")
        service.answer_question(token=token, said=said, at=now + timedelta(hours=1))

        row = db.session.get_one(LinkAnswer, link_id)
        assert (row.answer, row.name, row.role, row.words) == (
            Answer.CONFIRMED, "Carla Munoz", "licensing clerk", "In force.",
        )  # fmt: skip
        (mail,) = mails("claim_answered")
        assert (mail.to, mail.context["office"]) == ("vera@staff.example", "Board of Lasers")
        assert "Dana Reyes" not in str(mail.context)
        db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    def test_decides_nothing(self, taken, vera, now):
        ask_and_answer(taken, vera.id, at=now)

        assert db.session.get_one(Credential, taken.id, populate_existing=True).state is CredentialState.IN_REVIEW
        assert count(CredentialCheck) == 0

    def test_is_given_once(self, taken, vera, now):
        _, token = ask(taken, vera.id, at=now)
        service.read_question(token=token, at=now)
        service.answer_question(token=token, said=YES, at=now)

        with pytest.raises(LinkIsOver) as refusal:
            service.answer_question(token=token, said=NO, at=now)
        assert refusal.value.worth is Worth.USED
        assert db.session.scalars(select(LinkAnswer.answer)).all() == [Answer.CONFIRMED]
        assert len(mails("claim_answered")) == 1

    def test_is_not_given_unread(self, taken, vera, now):
        link_id, token = ask(taken, vera.id, at=now)
        with pytest.raises(Invalid):
            service.answer_question(token=token, said=YES, at=now)
        assert (the_link(link_id).state, count(LinkAnswer)) == (LinkState.WAITING, 0)

    def test_comes_in_time(self, taken, vera, now):
        _, token = ask(taken, vera.id, at=now)
        service.read_question(token=token, at=now)
        end = now + timedelta(days=14)
        with pytest.raises(LinkIsOver):
            service.answer_question(token=token, said=YES, at=end)
        assert count(LinkAnswer) == 0
        service.answer_question(token=token, said=YES, at=end - timedelta(microseconds=1))
        assert count(LinkAnswer) == 1

    @pytest.mark.parametrize(
        ("field", "said"),
        [
            ("name", replace(YES, name=" ")),
            ("name", replace(YES, name="x" * 201)),
            ("role", replace(YES, role="")),
            ("role", replace(YES, role="x" * 201)),
            ("words", replace(YES, words="x" * 2001)),
        ],
    )
    def test_says_who_answers_and_not_too_much(self, taken, vera, now, field, said):
        _, token = ask(taken, vera.id, at=now)
        service.read_question(token=token, at=now)
        with pytest.raises(Invalid) as refusal:
            service.answer_question(token=token, said=said, at=now)
        assert refusal.value.field == field
        assert count(LinkAnswer) == 0

    def test_the_longest_words_fit_and_no_longer_ones(self, taken, vera, now):
        name, words = "n" * LONGEST_NAME, "w" * 2000
        with pytest.raises(Invalid):
            ask(taken, vera.id, at=now, whom=replace(BOARD, office=f"{name}n"))
        _, token = ask(taken, vera.id, at=now, whom=replace(BOARD, office=name, source=words))
        service.read_question(token=token, at=now)
        for field in ("name", "role"):
            with pytest.raises(Invalid):
                service.answer_question(token=token, said=replace(YES, **{field: f"{name}n"}), at=now)
        service.answer_question(token=token, said=replace(YES, name=name, role=name, words=words), at=now)

        request, answer = db.session.query(ConfirmationRequest).one(), db.session.query(LinkAnswer).one()
        assert (request.office, request.address_source) == (name, words)
        assert (answer.name, answer.role, answer.words) == (name, name, words)

    def test_a_claim_that_was_corrected_since_is_not_answered(self, taken, vera, now):
        link_id, token = ask(taken, vera.id, at=now)
        service.read_question(token=token, at=now)
        taken.name_on_credential = "Dana Reyes-Ortiz"
        db.session.commit()

        with pytest.raises(LinkSpeaksOfAnother):
            service.answer_question(token=token, said=YES, at=now)
        assert (the_link(link_id).state, count(LinkAnswer)) == (LinkState.WAITING, 0)


class TestCite:
    def cite(self, credential, link_id, verifier, now):
        return service.cite_answer(credential_id=credential.id, link_id=link_id, actor_id=verifier.id, at=now)

    @pytest.mark.parametrize(
        ("said", "outcome"),
        [(YES, CheckOutcome.CONFIRMED), (NO, CheckOutcome.DIFFERS), (DUNNO, CheckOutcome.NOT_REACHABLE)],
    )
    def test_the_look_says_what_was_answered_when_and_by_whom(self, taken, vera, now, said, outcome):
        link_id = ask_and_answer(taken, vera.id, at=now, said=said)
        check_id = self.cite(taken, link_id, vera, now + timedelta(days=2))

        check = db.session.get_one(CredentialCheck, check_id)
        assert (check.method, check.outcome, check.retrieved_at) == (CheckMethod.ISSUER_LINK, outcome, now)
        assert check.source_name == "Board of Lasers: Carla Munoz, licensing clerk"
        assert (check.link_id, check.file_digest) == (link_id, db.session.get_one(LinkAnswer, link_id).digest)
        assert check.note.endswith("Address from: https://board.example")
        matched = {"name": "Dana Reyes", "number": "LHR-10442"}
        assert {name: check.matched.get(name) for name in matched} == (
            matched if said is YES else dict.fromkeys(matched)
        )
        assert check.score == (100 if said is YES else None)

    def test_what_was_confirmed_can_be_verified_by_a_person(self, taken, vera, now):
        self.cite(taken, ask_and_answer(taken, vera.id, at=now), vera, now)

        assert service.verify(credential_id=taken.id, actor_id=vera.id, at=now) is CredentialState.VERIFIED
        [kept] = evidence_of([taken.id])
        assert (kept["check"]["method"], kept["check"]["outcome"]) == ("issuer_link", "confirmed")

    @pytest.mark.parametrize("said", [NO, DUNNO])
    def test_nothing_is_verified_on_another_answer(self, taken, vera, now, said):
        self.cite(taken, ask_and_answer(taken, vera.id, at=now, said=said), vera, now)
        with pytest.raises(EvidenceMissing):
            service.verify(credential_id=taken.id, actor_id=vera.id, at=now)
        assert db.session.get_one(Credential, taken.id, populate_existing=True).state is CredentialState.IN_REVIEW

    def test_the_answer_grows_old_like_any_look(self, taken, vera, now):
        self.cite(taken, ask_and_answer(taken, vera.id, at=now - timedelta(days=200)), vera, now)
        with pytest.raises(EvidenceMissing):
            service.verify(credential_id=taken.id, actor_id=vera.id, at=now)

    def test_a_yes_from_an_address_that_the_applicant_gave_confirms_nothing(self, taken, vera, now):
        link_id = ask_and_answer(taken, vera.id, at=now, whom=APPLICANTS)
        with pytest.raises(AddressIsTheApplicants):
            self.cite(taken, link_id, vera, now)
        assert count(CredentialCheck) == 0

    def test_a_no_from_there_is_a_look_all_the_same(self, taken, vera, now):
        link_id = ask_and_answer(taken, vera.id, at=now, whom=APPLICANTS, said=NO)
        self.cite(taken, link_id, vera, now)
        assert db.session.scalars(select(CredentialCheck.outcome)).all() == [CheckOutcome.DIFFERS]

    def test_what_nobody_answered_is_no_look(self, taken, vera, now):
        link_id, _ = ask(taken, vera.id, at=now)
        with pytest.raises(NotAnswered):
            self.cite(taken, link_id, vera, now)

    def test_an_answer_about_what_is_not_claimed_any_more_is_no_look(self, taken, vera, now):
        link_id = ask_and_answer(taken, vera.id, at=now)
        taken.expires_on = HER_DAY + timedelta(days=365)
        db.session.commit()
        with pytest.raises(AnswerIsAboutAnotherClaim):
            self.cite(taken, link_id, vera, now)
        assert count(CredentialCheck) == 0

    def test_of_another_claim_it_is_no_look(self, taken, vera, now):
        other = make_credential(state="in_review", verifier=vera)
        link_id = ask_and_answer(other, vera.id, at=now)
        with pytest.raises(NoSuchLink):
            self.cite(taken, link_id, vera, now)

    def test_is_for_the_verifier_who_has_the_case(self, taken, vera, now):
        link_id = ask_and_answer(taken, vera.id, at=now)
        with pytest.raises(NotClaimed):
            self.cite(taken, link_id, make_staff(), now)


class TestRequests:
    def test_stand_newest_first_with_what_came_of_them(self, taken, vera, now):
        first = ask_and_answer(taken, vera.id, at=now)
        second, _ = ask(taken, vera.id, at=now + timedelta(days=1), whom=replace(APPLICANTS, email="a@b.example"))

        newest, oldest = asking.requests_about(taken.id, at=now + timedelta(days=2))

        assert (newest.id, newest.worth, newest.answered, newest.opened_at) == (second, Worth.WAITING, None, None)
        assert (newest.address, newest.found, newest.may_confirm) == ("a@b.example", AddressFrom.APPLICANT, False)
        assert (oldest.id, oldest.worth, oldest.opened_at, oldest.sent_by) == (first, Worth.USED, now, "Vera Lind")
        assert (oldest.answered.answer, oldest.answered.at, oldest.may_confirm) == (Answer.CONFIRMED, now, True)
        assert asking.requests_about(make_credential().id, at=now) == []

    def test_take_two_statements_however_many(self, taken, vera, now):
        for name in ("a", "b", "c"):
            ask(taken, vera.id, at=now, whom=replace(BOARD, email=f"{name}@b.example"))
        credential_id = taken.id
        with count_statements() as sent:
            assert len(asking.requests_about(credential_id, at=now)) == 3
        assert len([one for one in sent if one.startswith("SELECT")]) == 2


class TestDatabase:
    """What it refuses, whoever writes to it."""

    def request(self, link_id, credential_id, **changes):
        given = {
            "link_id": link_id, "purpose": LinkPurpose.CONFIRM_CLAIM, "credential_id": credential_id,
            "asked": Asked.ISSUER, "office": "Board", "address_from": AddressFrom.CALL, "address_source": "555-0100",
        }  # fmt: skip
        return insert(ConfirmationRequest).values({**given, **changes})

    @pytest.mark.parametrize(
        ("constraint", "changes"),
        [
            ("confirmation_requests_office_is_named", {"office": " "}),
            ("confirmation_requests_source_of_the_address_is_named", {"address_source": ""}),
            ("confirmation_requests_request_asks_for_a_confirmation", {"purpose": LinkPurpose.SIGN_ORDER}),
        ],
    )
    def test_a_request_that_lies(self, taken, now, constraint, changes):
        link_id = make_link(at=now, subject_id=taken.id).id
        with assert_refused_by(constraint):
            db.session.execute(self.request(link_id, taken.id, **changes))

    def test_a_request_asks_what_its_link_asks(self, taken, now):
        link_id = make_link(at=now).id
        with assert_refused_by("request_is_what_its_link_asks"):
            db.session.execute(self.request(link_id, taken.id))

    def test_a_link_asks_one_thing(self, taken, vera, now):
        link_id, _ = ask(taken, vera.id, at=now)
        with assert_refused_by("pk_confirmation_requests"):
            db.session.execute(self.request(link_id, taken.id))
        # The wider key is there to be pointed at.
        wide = "SELECT contype FROM pg_constraint WHERE conname = 'request_is_about_one_credential'"
        assert db.session.scalar(text(wide)) == "u"

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE confirmation_requests SET address_from = 'own_page'",
            "DELETE FROM confirmation_requests",
            "TRUNCATE confirmation_requests CASCADE",
        ],
    )
    def test_where_an_address_came_from_stays(self, taken, vera, now, statement):
        ask(taken, vera.id, at=now, whom=APPLICANTS)
        with assert_refused_by("confirmation_requests_is_append_only"):
            db.session.execute(text(statement))

    def look(self, credential, verifier, through, at, **changes):
        digest = db.session.scalar(select(LinkAnswer.digest).where(LinkAnswer.link_id == through))
        given = {
            "method": CheckMethod.ISSUER_LINK, "link_id": through, "file_digest": digest, "retrieved_at": at,
            "recorded_at": at + timedelta(days=1), "outcome": CheckOutcome.CONFIRMED,
        }  # fmt: skip
        make_check(credential, verifier=verifier, **{**given, **changes})

    @pytest.mark.parametrize(
        "changes",
        [
            {"outcome": CheckOutcome.DIFFERS},
            {"file_digest": "0" * 64},
            {"link_id": None},
            {"retrieved_at": "later"},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_a_look_says_what_was_answered(self, taken, vera, now, changes):
        link_id = ask_and_answer(taken, vera.id, at=now)
        if "retrieved_at" in changes:
            changes = {"retrieved_at": now + timedelta(hours=1)}
        with assert_refused_by("looks_say_what_was_answered"):
            self.look(taken, vera, link_id, now, **changes)

    @pytest.mark.parametrize("said", [NO, DUNNO])
    def test_no_look_confirms_what_was_not_confirmed(self, taken, vera, now, said):
        link_id = ask_and_answer(taken, vera.id, at=now, said=said)
        with assert_refused_by("looks_say_what_was_answered"):
            self.look(taken, vera, link_id, now)

    def test_no_look_rests_on_an_address_that_the_applicant_gave(self, taken, vera, now):
        link_id = ask_and_answer(taken, vera.id, at=now, whom=APPLICANTS)
        with assert_refused_by("looks_say_what_was_answered"):
            self.look(taken, vera, link_id, now)

    def test_a_look_through_a_link_says_so(self, taken, vera, now):
        link_id = ask_and_answer(taken, vera.id, at=now)
        with assert_refused_by("credential_checks_an_answer_came_through_a_link"):
            self.look(taken, vera, link_id, now, method=CheckMethod.LETTER)

    def test_an_answer_is_about_one_credential(self, taken, vera, now):
        other = make_credential(state="in_review", verifier=vera)
        link_id = ask_and_answer(other, vera.id, at=now)
        with assert_refused_by("answer_is_about_this_credential"):
            self.look(taken, vera, link_id, now)


def test_the_digest_of_a_look_without_a_link_is_what_it_was(taken, vera, now):
    """Receipts keep these digests: a column that came later must not change them."""
    credential = make_credential(verifier=vera)
    check = db.session.get_one(CredentialCheck, credential.deciding_check_id)
    columns = [column.name for column in CredentialCheck.__table__.columns if column.name != "link_id"]
    before = json.dumps({name: write(getattr(check, name)) for name in columns}, sort_keys=True, separators=(",", ":"))

    [kept] = evidence_of([credential.id])

    assert kept["check"]["sha256"] == hashlib.sha256(before.encode()).hexdigest()


def test_the_case_is_shown_with_an_answer_as_its_look(taken, vera, now):
    link_id = ask_and_answer(taken, vera.id, at=now)
    service.cite_answer(credential_id=taken.id, link_id=link_id, actor_id=vera.id, at=now)

    (check,) = desk.case(taken.id, reader_id=vera.id, at=now).checks
    assert (check.method, check.file_digest) == (
        CheckMethod.ISSUER_LINK, db.session.get_one(LinkAnswer, link_id).digest,
    )  # fmt: skip
