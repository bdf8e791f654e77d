"""The desk's own guards: signals of doubt, two people where it takes two, evidence that grows old, and re-audits."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from marketplace import audit
from marketplace.credentials import auditing, desk, queries, reviewing, rows, service, standards
from marketplace.credentials.evidence import evidence_of
from marketplace.credentials.models import (
    ApprovalAudit,
    CheckMethod,
    CheckOutcome,
    Credential,
    CredentialCheck,
    CredentialMove,
    CredentialTypeRow,
    RiskSignal,
    SignalKind,
)
from marketplace.credentials.policy import Claim, Question, Rejection
from marketplace.credentials.refusals import (
    AlreadyAudited,
    AlreadyClaimed,
    AlreadyResolved,
    EvidenceMissing,
    EvidenceTooOld,
    NotYoursToReview,
    NumberStandsElsewhere,
    SecondEyesNeeded,
    SignalsOpen,
)
from marketplace.credentials.service import Look
from marketplace.credentials.states import CredentialEvent, CredentialState
from marketplace.documents import contents, isolation
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.notifications.models import Mail
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.credentials import make_check, make_credential, make_signal, make_type
from tests.factories.documents import picture
from tests.factories.registers import make_snapshot
from tests.support import assert_refused_by, promised_mails

_S, _E, _K = CredentialState, CredentialEvent, SignalKind


@pytest.fixture(autouse=True)
def files_are_opened_here(monkeypatch):
    monkeypatch.setattr(isolation, "cleaned", contents.cleaned)


@pytest.fixture
def victor():
    return make_staff(name="Victor Stone")


@pytest.fixture
def vera():
    return make_staff(name="Vera Sun")


@pytest.fixture
def taken(victor):
    """A case of one verifier, Victor's."""
    return make_credential(holder=make_user(name="Dana Reyes"), state="in_review", verifier=victor)


@pytest.fixture
def dangerous(victor):
    """A nurse's licence, which opens ablative work: a case that takes two, Victor's."""
    return make_credential(
        holder=make_user(name="Dana Reyes"), type_code="RN", number="8", state="in_review", verifier=victor
    )


_pictures = iter(range(1, 10_000))


def submit(now, *, actor=None, number="N1234", scan=None, name=None, type_code="MD_DO", **claimed):
    actor = actor or make_user(name="Dana Reyes")
    make_type(type_code)
    return service.submit(
        actor_id=actor.id,
        claim=Claim(
            type_code, "TX", number, name or actor.name, **{"expires_on": now.date() + timedelta(days=300), **claimed}
        ),
        files=[scan or ("scan.png", picture(size=(3, next(_pictures))))],
        at=now,
    )


def look(now, outcome="confirmed", **changes) -> Look:
    given = {"source_name": "Board", "method": CheckMethod.PORTAL, "outcome": CheckOutcome(outcome), "note": "Active."}
    return Look(retrieved_at=now, **{**given, **changes})


def seen(credential, verifier, now, **changes):
    return service.record_check(
        credential_id=credential.id, actor_id=verifier.id, look=look(now, **changes), at=max(now, now)
    )


def approve(credential, verifier, now) -> CredentialState:
    """What one verifier does with a clean case: take it, look, say yes."""
    service.claim(credential_id=credential.id, actor_id=verifier.id, at=now)
    return service.confirm(credential_id=credential.id, actor_id=verifier.id, look=look(now), at=now)


def state_of(credential) -> CredentialState:
    return db.session.scalar(select(Credential.state).where(Credential.id == credential.id))


def signals(credential_id) -> list[tuple[SignalKind, object]]:
    rows = select(RiskSignal).where(RiskSignal.credential_id == credential_id).order_by(RiskSignal.kind)
    return [(signal.kind, signal.other_id) for signal in db.session.scalars(rows)]


def mailed() -> list[str]:
    return [mail.context["happened"] for mail in promised_mails(Mail.template == "credential")]


class TestSignals:
    def test_a_clean_submission_has_none(self, now):
        assert signals(submit(now)) == []

    @pytest.mark.parametrize("written", ["LHR-10442", "lhr10442", "LHR 1O442", "ＬＨＲ 10442", "LHR–١٠٤٤٢"])
    def test_one_number_on_two_accounts_opens_a_case_on_both(self, now, written):
        first = make_credential(number="LHR-10442")

        second = submit(now, type_code="US-TX:TDLR:LHR", number=written, level="PROFESSIONAL")

        assert signals(second) == [(_K.NUMBER_ELSEWHERE, first.id)]
        assert signals(first.id) == [(_K.NUMBER_ELSEWHERE, second)]
        assert state_of(first) is _S.VERIFIED
        assert [event.kind for event in audit.events_about("credential", first.id)] == ["credential:signal_raised"]

    @pytest.mark.parametrize("state", ["rejected", "revoked", "withdrawn", "superseded"])
    def test_a_number_that_stands_for_nothing_raises_none(self, now, state):
        make_credential(number="LHR-10442", state=state)
        assert signals(submit(now, type_code="US-TX:TDLR:LHR", number="LHR-10442", level="PROFESSIONAL")) == []

    def test_ones_own_renewal_raises_none(self, now):
        dana = make_user(name="Dana Reyes")
        make_credential(holder=dana, type_code="MD_DO", number="N1234")
        assert signals(submit(now, actor=dana)) == []

    def test_one_file_on_two_accounts_is_doubted_on_both(self, now):
        scan = ("scan.png", picture())
        first = submit(now, scan=scan)
        second = submit(now, scan=("other-name.png", scan[1]), number="N1235")
        assert signals(second) == [(_K.DOCUMENT_ELSEWHERE, first)]
        assert signals(first) == [(_K.DOCUMENT_ELSEWHERE, second)]

    def test_one_file_twice_on_one_account_is_not(self, now):
        dana, scan = make_user(name="Dana Reyes"), ("scan.png", picture())
        submit(now, actor=dana, scan=scan)
        assert signals(submit(now, actor=dana, scan=scan, number="N1235")) == []

    def test_a_file_of_a_closed_case_is_doubted_where_it_comes_back(self, now, victor):
        scan = ("scan.png", picture())
        first = submit(now, scan=scan)
        service.claim(credential_id=first, actor_id=victor.id, at=now)
        service.reject(credential_id=first, actor_id=victor.id, because=Rejection.ALTERED, words="Painted.", at=now)
        second = submit(now, scan=scan)
        assert signals(second) == [(_K.DOCUMENT_ELSEWHERE, first)]
        assert signals(first) == []

    def test_a_number_that_is_written_otherwise_in_its_state(self, now):
        assert signals(submit(now, number="12")) == [(_K.NUMBER_FORM, None)]

    def test_a_name_that_differs_from_the_accounts(self, now):
        assert signals(submit(now, name="Mallory Stone")) == [(_K.NAME_DIFFERS, None)]
        assert signals(submit(now, name="REYES, DANA M", number="N1235")) == []

    @pytest.mark.parametrize(("name", "raised"), [("Lone Star", 0), ("Lone Star Skin, LLC", 0), ("Other Skin", 1)])
    def test_a_site_goes_by_the_names_of_its_clinic(self, now, name, raised):
        site = make_site(clinic=make_clinic(name="Lone Star Skin"))
        owner = db.session.get_one(type(make_user()), site.clinic.members[0].user_id)
        make_type("US-TX:TDLR:LHR_FACILITY")
        credential_id = service.submit(
            actor_id=owner.id, site_id=site.id, files=[("a.png", picture())], at=now,
            claim=Claim("US-TX:TDLR:LHR_FACILITY", "TX", "F-1", name, expires_on=now.date()),
        )  # fmt: skip
        assert signals(credential_id) == [(_K.NAME_DIFFERS, None)] * raised

    def test_dates_that_are_hard_to_believe(self, now):
        assert signals(submit(now, expires_on=now.date() + timedelta(days=366 * 14))) == [(_K.DATES, None)]

    def test_a_third_rejection_within_a_year(self, now):
        dana = make_user(name="Dana Reyes")
        for _ in range(2):
            make_credential(holder=dana, state="rejected")
        make_credential(holder=dana, state="rejected", at=now - timedelta(days=366))
        assert signals(submit(now, actor=dana)) == []
        make_credential(holder=dana, state="rejected", at=now - timedelta(days=364))
        assert signals(submit(now, actor=dana, number="N1235")) == [(_K.REJECTIONS, None)]

    def test_are_raised_once_and_again_for_what_an_answer_changes(self, now, victor):
        dana = make_user(name="Dana Reyes")
        credential_id = submit(now, actor=dana, number="12")
        service.claim(credential_id=credential_id, actor_id=victor.id, at=now)
        service.ask_for_info(
            credential_id=credential_id, actor_id=victor.id, because=Question.NUMBER, words="Which?", at=now
        )
        other = make_credential(type_code="MD_DO", number="N1234")
        claim = Claim("MD_DO", "TX", "N1234", "Mallory", expires_on=now.date())
        for words in ("Which?", "Really?"):
            service.resubmit(credential_id=credential_id, actor_id=dana.id, claim=claim, files=[], at=now)
            service.claim(credential_id=credential_id, actor_id=victor.id, at=now)
            service.ask_for_info(
                credential_id=credential_id, actor_id=victor.id, because=Question.NUMBER, words=words, at=now
            )

        assert sorted(signals(credential_id)) == sorted(
            [(_K.NUMBER_FORM, None), (_K.NAME_DIFFERS, None), (_K.NUMBER_ELSEWHERE, other.id)]
        )
        assert len(signals(other.id)) == 1


class TestResolve:
    def test_says_in_words_what_came_of_it(self, now, victor, taken):
        signal = make_signal(taken)
        found = service.resolve_signal(signal_id=signal.id, actor_id=victor.id, words=" An old number. ", at=now)
        assert (found, signal.resolved_by, signal.resolved_at, signal.resolution) == (
            taken.id, victor.id, now, "An old number.",
        )  # fmt: skip
        [event] = audit.events_about("credential", taken.id)
        assert (event.kind, event.data["words"]) == ("credential:signal_resolved", "An old number.")

    def test_needs_words_and_happens_once(self, now, victor, vera, taken):
        signal = make_signal(taken)
        with pytest.raises(Invalid):
            service.resolve_signal(signal_id=signal.id, actor_id=victor.id, words=" ", at=now)
        assert signal.resolved_at is None
        service.resolve_signal(signal_id=signal.id, actor_id=victor.id, words="Fine.", at=now)
        with pytest.raises(AlreadyResolved):
            service.resolve_signal(signal_id=signal.id, actor_id=vera.id, words="Not fine.", at=now)
        with pytest.raises(NotFound):
            service.resolve_signal(signal_id=uuid4(), actor_id=victor.id, words="Fine.", at=now)

    def test_is_not_for_who_stands_too_near(self, now, victor):
        signal = make_signal(make_credential(holder=victor))
        with pytest.raises(NotYoursToReview):
            service.resolve_signal(signal_id=signal.id, actor_id=victor.id, words="Fine.", at=now)
        assert signal.resolved_at is None


class TestSecondEyes:
    def test_the_first_yes_waits_for_a_second(self, now, victor, vera, dangerous):
        check = seen(dangerous, victor, now)

        assert service.verify(credential_id=dangerous.id, actor_id=victor.id, at=now) is _S.AWAITING_SECOND

        db.session.refresh(dangerous)
        assert (dangerous.first_approved_by, dangerous.first_approved_at, dangerous.first_check_id) == (
            victor.id, now, check,
        )  # fmt: skip
        assert (dangerous.claimed_by, dangerous.verified_by, mailed()) == (None, None, [])

        assert approve(dangerous, vera, now) is _S.VERIFIED

        db.session.refresh(dangerous)
        assert (dangerous.first_approved_by, dangerous.verified_by) == (victor.id, vera.id)
        assert dangerous.decided_at == now
        assert mailed() == ["verified"]

    def test_the_second_is_another(self, now, victor, dangerous):
        seen(dangerous, victor, now)
        service.verify(credential_id=dangerous.id, actor_id=victor.id, at=now)
        with pytest.raises(SecondEyesNeeded):
            service.claim(credential_id=dangerous.id, actor_id=victor.id, at=now)
        assert state_of(dangerous) is _S.AWAITING_SECOND

    @pytest.mark.parametrize("relation", ["holder", "colleague"])
    def test_the_second_stands_not_near(self, now, victor, relation):
        dana = make_user(name="Dana Reyes")
        near = make_staff()
        if relation == "colleague":
            clinic = make_clinic()
            for person in (dana, near):
                make_member(clinic=clinic, user=person)
        credential = make_credential(
            holder=near if relation == "holder" else dana, type_code="RN", state="awaiting_second"
        )
        with pytest.raises(NotYoursToReview):
            service.claim(credential_id=credential.id, actor_id=near.id, at=now)
        assert state_of(credential) is _S.AWAITING_SECOND

    def test_the_second_looks_with_own_eyes(self, now, vera):
        credential = make_credential(type_code="RN", state="in_second_review", verifier=vera)
        with pytest.raises(EvidenceMissing):
            service.verify(credential_id=credential.id, actor_id=vera.id, at=now)
        assert state_of(credential) is _S.IN_SECOND_REVIEW

    def test_a_signal_asks_for_two_and_for_words(self, now, victor, vera, taken):
        signal = make_signal(taken)
        seen(taken, victor, now)
        assert service.verify(credential_id=taken.id, actor_id=victor.id, at=now) is _S.AWAITING_SECOND
        service.claim(credential_id=taken.id, actor_id=vera.id, at=now)
        seen(taken, vera, now)
        with pytest.raises(SignalsOpen):
            service.verify(credential_id=taken.id, actor_id=vera.id, at=now)
        assert state_of(taken) is _S.IN_SECOND_REVIEW
        service.resolve_signal(signal_id=signal.id, actor_id=vera.id, words="An old form.", at=now)
        assert service.verify(credential_id=taken.id, actor_id=vera.id, at=now) is _S.VERIFIED

    def test_whoever_resolved_the_signal_does_not_approve_alone(self, now, victor, taken):
        signal = make_signal(taken)
        service.resolve_signal(signal_id=signal.id, actor_id=victor.id, words="Fine.", at=now)
        seen(taken, victor, now)
        assert service.verify(credential_id=taken.id, actor_id=victor.id, at=now) is _S.AWAITING_SECOND

    def test_one_is_enough_where_somebody_else_resolved_it(self, now, victor, vera, taken):
        signal = make_signal(taken)
        service.resolve_signal(signal_id=signal.id, actor_id=vera.id, words="Fine.", at=now)
        seen(taken, victor, now)
        assert service.verify(credential_id=taken.id, actor_id=victor.id, at=now) is _S.VERIFIED

    def test_an_answer_begins_anew_with_nobodys_yes(self, now, vera):
        dana = make_user(name="Dana Reyes")
        credential = make_credential(holder=dana, type_code="RN", state="in_second_review", verifier=vera)
        service.ask_for_info(
            credential_id=credential.id, actor_id=vera.id, because=Question.DATES, words="Until when?", at=now
        )
        db.session.refresh(credential)
        assert (credential.state, credential.first_approved_by) == (_S.NEEDS_INFO, None)

    def test_the_second_may_say_no(self, now, vera):
        credential = make_credential(type_code="RN", state="in_second_review", verifier=vera)
        service.reject(credential_id=credential.id, actor_id=vera.id, because=Rejection.ALTERED, words="Look.", at=now)
        [code] = db.session.scalars(select(CredentialMove.reason_code).where(CredentialMove.event == _E.REJECTED))
        assert (state_of(credential), code) == (_S.REJECTED, "altered")

    def test_a_first_yes_that_has_grown_too_old_is_begun_anew(self, now, vera):
        credential = make_credential(
            type_code="RN", state="in_second_review", verifier=vera, at=now - timedelta(days=130)
        )
        first = credential.first_approved_by
        seen(credential, vera, now)
        assert service.verify(credential_id=credential.id, actor_id=vera.id, at=now) is _S.AWAITING_SECOND
        db.session.refresh(credential)
        assert credential.first_approved_by == vera.id != first

    def test_reconfirming_keeps_two_people_and_the_newest_of_each(self, now, victor):
        credential = make_credential(type_code="RN", at=now - timedelta(days=100))
        first, last, check = credential.first_approved_by, credential.verified_by, credential.deciding_check_id
        verifiers = {first: db.session.get(type(victor), first), last: db.session.get(type(victor), last)}
        seen(credential, victor, now)
        service.reconfirm(credential_id=credential.id, actor_id=victor.id, at=now)
        db.session.refresh(credential)
        assert (credential.verified_by, credential.first_approved_by, credential.first_check_id) == (
            victor.id, last, check,
        )  # fmt: skip
        seen(credential, verifiers[last], now + timedelta(seconds=1))
        service.reconfirm(credential_id=credential.id, actor_id=last, at=now + timedelta(seconds=1))
        db.session.refresh(credential)
        assert (credential.verified_by, credential.first_approved_by) == (last, victor.id)
        seen(credential, verifiers[last], now + timedelta(seconds=2))
        service.reconfirm(credential_id=credential.id, actor_id=last, at=now + timedelta(seconds=2))
        db.session.refresh(credential)
        assert (credential.verified_by, credential.first_approved_by) == (last, victor.id)

    def test_reconfirming_what_is_doubted_takes_words_and_somebody_else(self, now, victor, vera):
        credential = make_credential(verifier=victor, at=now - timedelta(days=60))
        signal = make_signal(credential)
        seen(credential, victor, now)
        with pytest.raises(SignalsOpen):
            service.reconfirm(credential_id=credential.id, actor_id=victor.id, at=now)
        service.resolve_signal(signal_id=signal.id, actor_id=victor.id, words="Fine.", at=now)
        with pytest.raises(SecondEyesNeeded):
            service.reconfirm(credential_id=credential.id, actor_id=victor.id, at=now)
        assert credential.verified_by == victor.id
        seen(credential, vera, now)
        service.reconfirm(credential_id=credential.id, actor_id=vera.id, at=now)
        db.session.refresh(credential)
        assert (credential.verified_by, credential.first_approved_by) == (vera.id, victor.id)


class TestOneNumber:
    def test_does_not_come_to_stand_twice(self, now, victor, taken):
        other = make_credential(number=taken.number)
        seen(taken, victor, now)
        with pytest.raises(NumberStandsElsewhere):
            service.verify(credential_id=taken.id, actor_id=victor.id, at=now)
        assert (state_of(taken), state_of(other)) == (_S.IN_REVIEW, _S.VERIFIED)

    def test_does_not_come_to_stand_twice_in_the_same_instant_either(self, now, victor, taken, monkeypatch):
        """A colleague's yes to the other entry is not seen yet: the database is the one that refuses."""
        other = make_credential(number=taken.number)
        seen(taken, victor, now)
        monkeypatch.setattr(rows, "rows_of_number", lambda *_: [])

        with pytest.raises(NumberStandsElsewhere):
            service.verify(credential_id=taken.id, actor_id=victor.id, at=now)

        assert (state_of(taken), state_of(other)) == (_S.IN_REVIEW, _S.VERIFIED)

    def test_another_refusal_of_the_database_is_not_taken_for_that(self, now, victor, taken, monkeypatch):
        seen(taken, victor, now - timedelta(days=200))
        monkeypatch.setattr(reviewing, "refuse_old", lambda *_, **__: None)
        db.session.execute(text("UPDATE credentials SET claimed_at = :at"), {"at": now - timedelta(days=201)})
        db.session.commit()

        with pytest.raises(IntegrityError, match="too old"):
            service.verify(credential_id=taken.id, actor_id=victor.id, at=now)

        assert state_of(taken) is _S.IN_REVIEW

    def test_goes_over_once_the_other_entry_is_revoked(self, now, victor, vera, taken):
        other = make_credential(number=taken.number)
        service.revoke(credential_id=other.id, actor_id=vera.id, words="It was never theirs.", at=now)
        seen(taken, victor, now)
        assert service.verify(credential_id=taken.id, actor_id=victor.id, at=now) is _S.VERIFIED

    def test_is_not_hindered_by_a_claim_that_waits(self, now, victor, taken):
        make_credential(number=taken.number, state="submitted")
        seen(taken, victor, now)
        assert service.verify(credential_id=taken.id, actor_id=victor.id, at=now) is _S.VERIFIED


class TestEvidence:
    @pytest.mark.parametrize(("type_code", "days"), [("US-TX:TDLR:LHR", 90), ("ESTHETICIAN", 120)])
    def test_counts_to_its_last_moment_and_not_beyond(self, now, victor, type_code, days):
        for age, after in ((timedelta(days=days, seconds=1), _S.IN_REVIEW), (timedelta(days=days), _S.VERIFIED)):
            credential = make_credential(type_code=type_code, state="in_review", verifier=victor)
            service.record_check(credential_id=credential.id, actor_id=victor.id, look=look(now - age), at=now)
            if after is _S.VERIFIED:
                service.verify(credential_id=credential.id, actor_id=victor.id, at=now)
            else:
                with pytest.raises(EvidenceTooOld) as refusal:
                    service.verify(credential_id=credential.id, actor_id=victor.id, at=now)
                assert f"{days} days" in refusal.value.cure
            assert state_of(credential) is after

    def test_is_kept_whole(self, now, victor, taken):
        snapshot = make_snapshot()
        register = look(
            now, method=CheckMethod.REGISTER_FILE, snapshot_id=snapshot.id, row_digest=b"b" * 32, score=87,
            matched={"name": "REYES, DANA"}, note="",
        )  # fmt: skip
        check_id = service.record_check(credential_id=taken.id, actor_id=victor.id, look=register, at=now)
        [shown] = desk.case(taken.id, reader_id=victor.id, at=now).checks
        assert (shown.id, shown.method, shown.file_digest, shown.row_digest, shown.score, shown.next_due) == (
            check_id, CheckMethod.REGISTER_FILE, snapshot.file_digest, b"b" * 32, 87, (now + timedelta(days=90)).date(),
        )  # fmt: skip

    def test_from_a_register_can_be_kept_beside_what_was_decided_on_it(self, now, victor, taken):
        snapshot = make_snapshot()
        row = look(now, method=CheckMethod.REGISTER_FILE, snapshot_id=snapshot.id, row_digest=b"b" * 32)
        service.confirm(credential_id=taken.id, actor_id=victor.id, look=row, at=now)
        [kept] = evidence_of([taken.id])
        assert len(kept["check"]["sha256"]) == 64

    def test_of_a_person_is_scored_and_digested_here(self, now, victor, taken):
        shot = look(now, matched={"name": "REYES DANA", "number": "7"}, screenshot=("portal.png", picture()))
        check_id = service.record_check(credential_id=taken.id, actor_id=victor.id, look=shot, at=now)
        check = db.session.get(CredentialCheck, check_id)
        assert (check.score, check.row_digest, len(check.file_digest)) == (50, None, 64)

    def test_that_does_not_confirm_falls_due_at_no_time(self, now, victor, taken):
        check_id = service.record_check(
            credential_id=taken.id, actor_id=victor.id, look=look(now, "not_reachable"), at=now
        )
        check = db.session.get(CredentialCheck, check_id)
        assert (check.next_due, check.score, check.file_digest) == (None, None, None)

    def test_outlives_the_yes_that_was_refused(self, now, victor, taken):
        with pytest.raises(EvidenceMissing):
            service.confirm(credential_id=taken.id, actor_id=victor.id, look=look(now, "differs"), at=now)
        assert [check.outcome for check in desk.case(taken.id, reader_id=victor.id, at=now).checks] == ["differs"]
        assert state_of(taken) is _S.IN_REVIEW

    def test_must_be_young_to_reconfirm(self, now, victor):
        credential = make_credential(at=now - timedelta(days=300))
        service.record_check(
            credential_id=credential.id, actor_id=victor.id, look=look(now - timedelta(days=91)), at=now
        )
        with pytest.raises(EvidenceTooOld):
            service.reconfirm(credential_id=credential.id, actor_id=victor.id, at=now)


class TestStaleClaims:
    @pytest.mark.parametrize("state", ["in_review", "in_second_review"])
    def test_are_taken_over_after_an_hour(self, now, vera, state):
        hour = timedelta(hours=1)
        credential = make_credential(type_code="RN", state=state, claimed_at=now - hour)
        with pytest.raises(AlreadyClaimed):
            service.claim(credential_id=credential.id, actor_id=vera.id, at=now)
        later = now + timedelta(seconds=1)
        assert desk.case(credential.id, reader_id=vera.id, at=later).claim_is_stale
        [item] = desk.queue(reader_id=vera.id, at=later)
        assert (item.claim_is_stale, item.is_open_to(vera.id)) == (True, True)

        service.claim(credential_id=credential.id, actor_id=vera.id, at=later)

        db.session.refresh(credential)
        assert (credential.state, credential.claimed_by, credential.claimed_at) == (state, vera.id, later)

    def test_are_not_taken_over_by_who_gave_the_first_yes(self, now):
        credential = make_credential(type_code="RN", state="in_second_review", claimed_at=now - timedelta(days=1))
        with pytest.raises(SecondEyesNeeded):
            service.claim(credential_id=credential.id, actor_id=credential.first_approved_by, at=now)


@pytest.fixture
def all_are_audited(monkeypatch):
    everything = replace(standards.standards(), audit_percent=100)
    monkeypatch.setattr(auditing, "standards", lambda: everything)


class TestReAudit:
    @pytest.fixture
    def chosen(self, now, victor, taken, all_are_audited):
        """An approval of Victor's that somebody else is to look at again."""
        approve(taken, victor, now)
        return db.session.scalars(select(ApprovalAudit)).one()

    def test_is_queued_for_everybody_else(self, victor, vera, taken, chosen, now):
        assert [(audit.id, audit.holder) for audit in desk.audits(reader_id=vera.id)] == [(chosen.id, "Dana Reyes")]
        assert desk.audits(reader_id=victor.id) == []
        assert (chosen.credential_id, chosen.check_id, chosen.verified_by, chosen.chosen_at) == (
            taken.id, taken.deciding_check_id, victor.id, now,
        )  # fmt: skip
        assert desk.audit_of(taken.id) is chosen

    def test_is_not_asked_of_what_is_outside_the_share(self, now, victor, taken, monkeypatch):
        monkeypatch.setattr(auditing, "standards", lambda: replace(standards.standards(), audit_percent=0))
        approve(taken, victor, now)
        assert desk.audits(reader_id=make_staff().id) == []
        assert desk.audit_of(taken.id) is None

    def test_upholds_on_a_look_of_ones_own(self, now, vera, taken, chosen):
        with pytest.raises(EvidenceMissing):
            service.uphold_audit(audit_id=chosen.id, actor_id=vera.id, at=now)
        check = seen(taken, vera, now)
        assert service.uphold_audit(audit_id=chosen.id, actor_id=vera.id, at=now) == taken.id
        assert (chosen.outcome, chosen.auditor_id, chosen.audited_at, chosen.audit_check_id) == (
            "upheld", vera.id, now, check,
        )  # fmt: skip
        assert (state_of(taken), desk.audits(reader_id=vera.id)) == (_S.VERIFIED, [])

    def test_that_fails_suspends_and_says_why(self, now, vera, taken, chosen):
        assert service.fail_audit(audit_id=chosen.id, actor_id=vera.id, words=" It lapsed. ", at=now) == taken.id
        db.session.refresh(taken)
        assert (taken.state, taken.reason) == (_S.SUSPENDED, "It lapsed.")
        assert (chosen.outcome, chosen.words) == ("failed", "It lapsed.")
        assert mailed() == ["verified", "suspended"]
        assert "credential:audit_failed" in [event.kind for event in audit.events_about("credential", taken.id)]

    def test_that_fails_leaves_what_was_revoked_meanwhile(self, now, vera, taken, chosen):
        service.revoke(credential_id=taken.id, actor_id=vera.id, words="Notice seen.", at=now)
        service.fail_audit(audit_id=chosen.id, actor_id=vera.id, words="It lapsed.", at=now)
        assert state_of(taken) is _S.REVOKED

    def test_is_somebody_elses_and_done_once(self, now, victor, vera, taken, chosen):
        with pytest.raises(SecondEyesNeeded):
            service.fail_audit(audit_id=chosen.id, actor_id=victor.id, words="Oh.", at=now)
        with pytest.raises(NotYoursToReview):
            service.fail_audit(audit_id=chosen.id, actor_id=taken.holder_id, words="Oh.", at=now)
        with pytest.raises(Invalid):
            service.fail_audit(audit_id=chosen.id, actor_id=vera.id, words=" ", at=now)
        assert (chosen.outcome, state_of(taken)) == (None, _S.VERIFIED)
        service.fail_audit(audit_id=chosen.id, actor_id=vera.id, words="It lapsed.", at=now)
        with pytest.raises(AlreadyAudited):
            service.uphold_audit(audit_id=chosen.id, actor_id=vera.id, at=now)
        with pytest.raises(NotFound):
            service.uphold_audit(audit_id=uuid4(), actor_id=vera.id, at=now)

    def test_of_two_verifiers_is_neithers(self, now, victor, vera, dangerous, all_are_audited):
        approve(dangerous, victor, now)
        approve(dangerous, vera, now)
        chosen = db.session.scalars(select(ApprovalAudit)).one()
        for approver in (victor, vera):
            assert desk.audits(reader_id=approver.id) == []
            with pytest.raises(SecondEyesNeeded):
                service.fail_audit(audit_id=chosen.id, actor_id=approver.id, words="Oh.", at=now)


class TestCase:
    def test_shows_the_signals_and_the_other_side(self, now, victor, vera, taken):
        other = make_credential(holder=make_user(name="Mallory Stone"), number=taken.number, state="submitted")
        make_signal(taken, kind="number_elsewhere", other_id=other.id, cause="Two.", at=now)
        settled = make_signal(taken, kind="dates", cause="Old.", at=now)
        service.resolve_signal(signal_id=settled.id, actor_id=vera.id, words="It is old.", at=now)

        case = desk.case(taken.id, reader_id=victor.id, at=now)

        first, second = case.signals if case.signals[0].other else case.signals[::-1]
        assert (first.kind, first.other.id, first.other.holder, first.other.state) == (
            _K.NUMBER_ELSEWHERE, other.id, "Mallory Stone", _S.SUBMITTED,
        )  # fmt: skip
        assert (second.resolved_by, second.resolution) == ("Vera Sun", "It is old.")
        assert case.why_two is not None

    def test_says_who_gave_the_first_yes(self, now, vera):
        credential = make_credential(type_code="RN", state="awaiting_second")
        case = desk.case(credential.id, reader_id=vera.id, at=now)
        assert (case.first_approved_by_name, case.first_approved_at) == ("Victor Stone", credential.first_approved_at)

    def test_the_holder_reads_that_it_is_in_review(self, now):
        dana = make_user()
        credential = make_credential(holder=dana, type_code="RN", state="awaiting_second")
        assert queries.own(credential.id, user_id=dana.id).standing(now) == "awaiting_second"


class TestInTheDatabase:
    def changed(self, credential, **values):
        db.session.execute(update(Credential).where(Credential.id == credential.id).values(**values))

    def test_evidence_grows_old(self):
        make_type()
        with assert_refused_by("credential_types_evidence_grows_old"):
            db.session.execute(update(CredentialTypeRow).values(evidence_days=0))

    def test_what_takes_two_is_not_verified_by_one(self, now, victor, dangerous):
        check = make_check(dangerous, verifier=victor, retrieved_at=now)
        with assert_refused_by("two_verifiers_approve"):
            self.verified(dangerous, check, now)

    def verified(self, credential, check, now, **more):
        self.changed(
            credential, state="verified", deciding_check_id=check.id, verified_at=check.retrieved_at,
            verified_by=check.verifier_id, decided_at=now, claimed_by=None, **more,
        )  # fmt: skip

    def test_nor_is_what_they_resolved_a_signal_of_themselves(self, now, victor, taken):
        check = make_check(taken, verifier=victor, retrieved_at=now)
        make_signal(taken, resolved_at=now, resolved_by=victor.id, resolution="Fine.")
        with assert_refused_by("two_verifiers_approve"):
            self.verified(taken, check, now)

    def test_verified_leaves_no_signal_open(self, now, victor, taken):
        check = make_check(taken, verifier=victor, retrieved_at=now)
        make_signal(taken)
        with assert_refused_by("verified_leaves_no_signal_open"):
            self.verified(taken, check, now)

    def test_evidence_is_of_its_time(self, now, victor, taken):
        old = now - timedelta(days=90, seconds=1)
        for check in (
            make_check(taken, verifier=victor, retrieved_at=old),
            make_check(taken, verifier=victor, retrieved_at=now + timedelta(seconds=1)),
        ):
            with assert_refused_by("evidence_is_of_its_time"):
                self.verified(taken, check, now)
        self.verified(taken, make_check(taken, verifier=victor, retrieved_at=old + timedelta(seconds=1)), now)

    def test_so_is_that_of_the_first_yes(self, now, vera):
        credential = make_credential(
            type_code="RN", state="in_second_review", verifier=vera, at=now - timedelta(days=130)
        )
        check = make_check(credential, verifier=vera, retrieved_at=now)
        with assert_refused_by("evidence_is_of_its_time"):
            self.verified(credential, check, now)

    def test_the_first_yes_is_confirmed_by_its_source(self, now, vera, victor):
        credential = make_credential(type_code="RN", state="in_second_review", verifier=vera)
        check = make_check(credential, verifier=vera, retrieved_at=now)
        denied = make_check(credential, verifier=victor, outcome="differs", retrieved_at=now)
        with assert_refused_by("first_yes_is_confirmed_by_its_source"):
            self.verified(credential, check, now, first_check_id=denied.id, first_approved_by=victor.id)
        with assert_refused_by("first_yes_is_confirmed_by_its_source"):
            self.verified(credential, check, now, first_approved_by=victor.id)

    def test_the_first_check_is_of_this_credential(self):
        credential, other = make_credential(type_code="RN"), make_credential(type_code="RN", state="awaiting_second")
        with assert_refused_by("first_check_is_of_this_credential"):
            self.changed(other, first_check_id=credential.first_check_id)

    def test_nobody_approves_their_own(self):
        credential = make_credential(type_code="RN", state="awaiting_second")
        with assert_refused_by("credentials_nobody_approves_their_own"):
            self.changed(credential, first_approved_by=credential.holder_id)

    @pytest.mark.parametrize("state", ["in_second_review", "revoked"])
    def test_second_eyes_are_anothers(self, state):
        credential = make_credential(type_code="RN", state=state)
        with assert_refused_by("credentials_second_eyes_are_anothers"):
            self.changed(credential, first_approved_by=credential.claimed_by or credential.verified_by)

    @pytest.mark.parametrize("missing", ["first_approved_by", "first_approved_at", "first_check_id"])
    def test_a_first_yes_is_whole(self, missing):
        credential = make_credential(type_code="RN", state="rejected")
        first = make_check(credential, verifier=make_staff(), retrieved_at=credential.submitted_at)
        given = {
            "first_approved_by": first.verifier_id, "first_approved_at": first.retrieved_at, "first_check_id": first.id,
        }  # fmt: skip
        with assert_refused_by("credentials_first_yes_is_whole"):
            self.changed(credential, **{**given, missing: None})

    def test_a_second_review_follows_a_first_yes(self):
        nobodys = {"first_approved_by": None, "first_approved_at": None, "first_check_id": None}
        waiting = make_credential(type_code="RN", state="awaiting_second")
        with assert_refused_by("credentials_second_review_follows_a_first_yes"):
            self.changed(waiting, **nobodys)
        with assert_refused_by("credentials_second_review_follows_a_first_yes"):
            self.changed(waiting, state="submitted")

    def test_a_confirmation_falls_due_again(self, now, taken, victor):
        with assert_refused_by("credential_checks_confirmation_falls_due_again"):
            self.check(taken, victor, now, next_due=None)

    def test_a_digest_of_a_file_is_sha256(self, now, taken, victor):
        with assert_refused_by("credential_checks_file_digest_is_sha256"):
            self.check(taken, victor, now, file_digest="A" * 64)

    @pytest.mark.parametrize("score", [-1, 101])
    def test_a_score_is_a_percentage(self, now, taken, victor, score):
        with assert_refused_by("credential_checks_score_is_a_percentage"):
            self.check(taken, victor, now, score=score)

    def check(self, credential, verifier, now, **values):
        given = {
            "id": uuid4(), "credential_id": credential.id, "source_name": "x", "method": "portal",
            "outcome": "confirmed", "retrieved_at": now, "recorded_at": now, "verifier_id": verifier.id, "matched": {},
            "note": "x", "next_due": now.date(),
        }  # fmt: skip
        db.session.execute(insert(CredentialCheck).values(**{**given, **values}))

    @pytest.mark.parametrize("event", ["rejected", "info_asked"])
    def test_a_no_has_a_code(self, now, taken, event):
        with assert_refused_by("credential_moves_a_no_has_a_code"):
            db.session.execute(
                insert(CredentialMove).values(
                    id=uuid4(), credential_id=taken.id, event=event, state="rejected", reason="No.", at=now
                )
            )

    def test_one_signal_per_cause_and_per_pair(self, taken, now):
        other = make_credential()
        for values in ({"cause": "Odd."}, {"kind": "number_elsewhere", "other_id": other.id}):
            signal = make_signal(taken, **values)
            name = "one_signal_per_pair" if signal.other_id else "one_signal_per_cause"
            row = {"kind": signal.kind, "other_id": signal.other_id, "cause": signal.cause, "raised_at": now}
            with assert_refused_by(name):
                db.session.execute(insert(RiskSignal).values(id=uuid4(), credential_id=taken.id, **row))

    def test_a_signal_points_elsewhere_and_has_a_cause(self, taken):
        signal = make_signal(taken)
        with assert_refused_by("risk_signals_signal_points_elsewhere"):
            self.set(signal, other_id=taken.id)
        with assert_refused_by("risk_signals_signal_has_a_cause"):
            self.set(signal, cause=" ")

    def set(self, row, **values):
        db.session.execute(update(type(row)).where(type(row).id == row.id).values(**values))

    def test_a_signal_is_resolved_in_words_by_somebody(self, taken, victor, now):
        signal = make_signal(taken)
        for values in (
            {"resolved_at": now},
            {"resolved_by": victor.id},
            {"resolved_at": now, "resolved_by": victor.id, "resolution": " "},
            {"resolved_at": now, "resolved_by": victor.id, "resolution": None},
        ):
            with assert_refused_by("risk_signals_signal_is_resolved_in_words"):
                self.set(signal, **values)

    def test_signals_are_closed_once(self, taken, victor, now):
        signal = make_signal(taken, resolved_at=now, resolved_by=victor.id, resolution="Fine.")
        with assert_refused_by("risk_signals_are_closed_once"):
            self.set(signal, resolution="Not fine.")
        with assert_refused_by("risk_signals_are_closed_once"):
            db.session.execute(delete(RiskSignal))

    @pytest.fixture
    def kept_audit(self, now):
        credential = make_credential(type_code="RN")
        audit = ApprovalAudit(
            credential_id=credential.id, check_id=credential.deciding_check_id, verified_by=credential.verified_by,
            first_approved_by=credential.first_approved_by, chosen_at=now,
        )  # fmt: skip
        db.session.add(audit)
        db.session.commit()
        return audit

    def test_an_audit_is_somebody_elses(self, kept_audit, now):
        for approver in (kept_audit.verified_by, kept_audit.first_approved_by):
            with assert_refused_by("approval_audits_audit_is_somebody_elses"):
                self.set(kept_audit, auditor_id=approver, audited_at=now, outcome="failed", words="x")

    def test_an_audit_is_whole(self, kept_audit, victor, now):
        with assert_refused_by("approval_audits_audit_is_whole"):
            self.set(kept_audit, auditor_id=victor.id, outcome="failed", words="x")
        with assert_refused_by("approval_audits_audit_is_whole"):
            self.set(kept_audit, auditor_id=victor.id, audited_at=now)

    def test_a_failed_audit_says_why_and_an_upheld_one_on_what_look(self, kept_audit, victor, now):
        done = {"auditor_id": victor.id, "audited_at": now}
        for nothing in (" ", None):
            with assert_refused_by("approval_audits_failed_audit_says_why"):
                self.set(kept_audit, **done, outcome="failed", words=nothing)
        with assert_refused_by("approval_audits_upheld_audit_rests_on_a_look"):
            self.set(kept_audit, **done, outcome="upheld")

    def test_audits_are_closed_once_and_one_per_approval(self, kept_audit, victor, now):
        self.set(kept_audit, auditor_id=victor.id, audited_at=now, outcome="failed", words="x")
        with assert_refused_by("approval_audits_are_closed_once"):
            self.set(kept_audit, words="y")
        with assert_refused_by("uq_approval_audits_check_id"):
            db.session.execute(
                insert(ApprovalAudit).values(
                    id=uuid4(), credential_id=kept_audit.credential_id, check_id=kept_audit.check_id,
                    verified_by=kept_audit.verified_by, chosen_at=now,
                )
            )  # fmt: skip
