"""What newer registers say of people becomes a finding, and a person judges it."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace import audit
from marketplace.credentials import enumeration, exclusions, screening, service
from marketplace.credentials.exclusions import Excluded
from marketplace.credentials.findings import FINDING, FindingEvent, FindingKind, FindingState, RegisterFinding
from marketplace.credentials.refusals import NotYoursToReview
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.registers.normal import Strength
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member
from tests.factories.credentials import make_credential, make_type
from tests.factories.registers import make_exclusions, make_finding, make_mapping, make_snapshot
from tests.support import count_statements

LHR = "Laser Hair Removal Technician"
ENTRY = {"family_name": "REYES", "given_name": "DANA", "license_type": "NURSE", "status": "1128b4", "state": "TX"}
NPI, OTHER_NPI = "1234567893", "1770626038"


def findings():
    return db.session.scalars(select(RegisterFinding).order_by(RegisterFinding.kind)).all()


def answer(user):
    return exclusions.exclusions_of([user.id]).answers


class TestExclusionsOf:
    def test_nobody_looked_where_no_list_is_loaded(self, now):
        assert exclusions.exclusions_of([make_user().id]) == ({}, None)

    def test_a_list_counts_for_thirty_one_days(self, now):
        make_exclusions(retrieved_at=now)
        user = make_user()
        assert exclusions.exclusions_of([user.id]) == ({user.id: Excluded.NO}, now + timedelta(days=31))

    @pytest.mark.parametrize(
        ("name", "entry", "expected"),
        [
            ("Dana Reyes", {}, Excluded.PERHAPS),
            ("Dana M Reyes", {"middle_name": "MARIE"}, Excluded.PERHAPS),
            ("Dana L Reyes", {"middle_name": "MARIE"}, Excluded.NO),
            ("Diana Reyes", {}, Excluded.NO),
            ("Dana Soto", {}, Excluded.NO),
            ("Dana Reyes", {"given_name": "D"}, Excluded.NO),
        ],
    )
    def test_first_and_last_name_are_a_candidate_that_closes_until_somebody_judges(self, now, name, entry, expected):
        user = make_user(name=name)
        make_exclusions({**ENTRY, **entry})
        assert answer(user) == {user.id: expected}

    @pytest.mark.parametrize(
        ("stated", "listed", "expected"),
        [
            (NPI, NPI, Excluded.PERHAPS),
            (NPI, OTHER_NPI, Excluded.NO),
            (NPI, None, Excluded.PERHAPS),
            (None, NPI, Excluded.PERHAPS),
        ],
    )
    def test_two_numbers_that_differ_are_two_people(self, now, stated, listed, expected):
        user = make_user(name="Dana Reyes")
        if stated:
            service.state_npi(user_id=user.id, npi=stated, at=now)
        make_exclusions({**ENTRY, "npi": listed})
        assert answer(user) == {user.id: expected}

    def test_a_number_identifies_under_any_name(self, now):
        user = make_user(name="Somebody Else")
        service.state_npi(user_id=user.id, npi=NPI, at=now)
        make_exclusions({**ENTRY, "npi": NPI})

        [current] = exclusions.registers.current(["US:LEIE"]).values()
        assert [suspect.strength for suspect in exclusions.suspects([user.id], current)] == [Strength.IDENTIFIED]
        assert answer(user) == {user.id: Excluded.PERHAPS}

    def test_nobody_hides_behind_somebody_else_who_states_the_same_number(self, now):
        users = [make_user(name="Somebody Else"), make_user(name="Anybody Else")]
        for user in users:
            service.state_npi(user_id=user.id, npi=NPI, at=now)
        make_exclusions({**ENTRY, "npi": NPI})

        both = exclusions.exclusions_of([user.id for user in users]).answers
        assert both == dict.fromkeys([user.id for user in users], Excluded.PERHAPS)

    def test_what_was_judged_is_judged(self, now):
        user, verifier = make_user(name="Dana Reyes"), make_staff()
        make_exclusions(ENTRY)
        service.screen_everyone(at=now)
        [found] = findings()

        for event, expected in ((FindingEvent.CONFIRMED, Excluded.YES), (FindingEvent.DISMISSED, Excluded.NO)):
            service.resolve_finding(
                finding_id=found.id, event=event, actor_id=verifier.id, reason="Asked the office.", at=now
            )
            assert answer(user) == {user.id: expected}

    def test_a_new_entry_is_not_covered_by_an_old_dismissal(self, now):
        user, snapshot = make_user(name="Dana Reyes"), make_exclusions(ENTRY, {**ENTRY, "state": "FL"})
        dismissed = {"state": "dismissed", "resolved_by": make_staff().id, "resolved_at": now, "reason": "Not her."}
        [current] = exclusions.registers.current(["US:LEIE"]).values()
        first, second = exclusions.suspects([user.id], current)
        make_finding(snapshot, user_id=user.id, row_digest=first.entry.digest, **dismissed)
        assert answer(user) == {user.id: Excluded.PERHAPS}

        make_finding(snapshot, user_id=user.id, row_digest=second.entry.digest, **dismissed)
        assert answer(user) == {user.id: Excluded.NO}

    def test_what_is_open_stays_open_when_the_entry_is_gone(self, now):
        user = make_user(name="Dana Reyes")
        make_finding(make_exclusions(), user_id=user.id)
        assert answer(user) == {user.id: Excluded.PERHAPS}

    def test_asks_as_many_statements_for_many_as_for_one(self, now):
        users = [make_user(name=f"Dana {'R' * (n + 1)}").id for n in range(5)]
        make_exclusions(ENTRY)
        counts = []
        for some in (users[:1], users):
            with count_statements() as sent:
                exclusions.exclusions_of(some)
            counts.append(len(sent))
        assert counts == [4, 4]


class TestScreenEveryone:
    def test_notes_each_entry_once_with_its_strength(self, now):
        user = make_user(name="Dana Marie Reyes")
        make_user(name="Dana Reyes", disabled_at=now)
        make_staff(name="Dana Reyes")
        snapshot = make_exclusions({**ENTRY, "middle_name": "M", "issued_on": date(2020, 2, 20), "city": "TYLER"})

        assert service.screen_everyone(at=now) == 1
        assert service.screen_everyone(at=now) == 0

        [found] = findings()
        assert (found.kind, found.user_id, found.snapshot_id, found.state) == (
            FindingKind.EXCLUSION,
            user.id,
            snapshot.id,
            FindingState.OPEN,
        )
        assert found.strength == "Strong"
        assert found.shown == {
            "name": "DANA M REYES",
            "place": "TYLER, TX",
            "kind": "1128b4",
            "speciality": "NURSE",
            "since": "20 Feb 2020",
        }

    def test_without_any_register_finds_nothing(self, now):
        make_user()
        assert service.screen_everyone(at=now) == 0

    def test_goes_by_portions(self, now, monkeypatch):
        monkeypatch.setattr(screening, "PEOPLE_AT_ONCE", 2)
        monkeypatch.setattr(screening, "ROWS_AT_ONCE", 1)
        for _ in range(3):
            make_user(name="Dana Reyes")
        make_exclusions(ENTRY)
        assert service.screen_everyone(at=now) == 3


def row(**changes):
    return {
        "license_type": LHR,
        "number": "10442",
        "family_name": "REYES",
        "given_name": "DANA",
        "expires_on": date(2027, 8, 31),
        "status": "Active",
        **changes,
    }


@pytest.fixture
def licence():
    make_type("US-TX:TDLR:LHR")
    make_mapping("TX:TDLR", LHR, "US-TX:TDLR:LHR")
    return make_credential(holder=make_user(name="Dana Reyes"), number="10442", expires_on=date(2027, 8, 31))


class TestScreenARoster:
    def newer(self, now, before, after):
        make_snapshot("TX:TDLR", *before, state="replaced", retrieved_at=now - timedelta(days=2))
        make_snapshot("TX:TDLR", *after, retrieved_at=now - timedelta(days=1))
        service.screen(source_code="TX:TDLR", at=now)
        return [(found.kind, found.shown["before"], found.shown["now"]) for found in findings()]

    def test_who_is_missing_is_a_finding_and_loses_nothing(self, licence, now):
        assert self.newer(now, [row()], [row(number="9")]) == [(FindingKind.MISSING, "DANA REYES", None)]
        assert licence.state == "verified"

    def test_who_was_never_there_is_not_missing(self, licence, now):
        assert self.newer(now, [row(number="8")], [row(number="9")]) == []

    def test_a_row_of_another_name_is_not_the_person(self, licence, now):
        assert self.newer(now, [row()], [row(family_name="OTHER")]) == [(FindingKind.MISSING, "DANA REYES", None)]

    def test_every_change_is_a_finding(self, licence, now):
        after = row(status="Suspended", expires_on=date(2026, 1, 31), discipline="Order of suspension")
        assert self.newer(now, [row()], [after]) == [
            (FindingKind.DISCIPLINE, None, "Order of suspension"),
            (FindingKind.EXPIRY_CHANGED, "31 Aug 2027", "31 Jan 2026"),
            (FindingKind.STATUS_CHANGED, "Active", "Suspended"),
        ]

    def test_a_day_that_vanished_is_a_change(self, licence, now):
        assert self.newer(now, [row()], [row(expires_on=None)]) == [(FindingKind.EXPIRY_CHANGED, "31 Aug 2027", None)]

    def test_what_stayed_is_none(self, licence, now):
        same = row(discipline="Probation", expires_on=None)
        assert self.newer(now, [same], [same]) == []

    def test_a_first_file_is_compared_with_what_was_verified(self, licence, now):
        make_snapshot("TX:TDLR", row(expires_on=date(2026, 1, 31), discipline="Probation"))
        assert service.screen(source_code="TX:TDLR", at=now) == 2
        assert [(found.kind, found.shown["before"]) for found in findings()] == [
            (FindingKind.DISCIPLINE, None),
            (FindingKind.EXPIRY_CHANGED, "31 Aug 2027"),
        ]

    @pytest.mark.parametrize("changes", [{}, {"expires_on": None}])
    def test_a_first_file_that_says_the_same_or_less_is_no_finding(self, licence, now, changes):
        make_snapshot("TX:TDLR", row(**changes))
        assert service.screen(source_code="TX:TDLR", at=now) == 0

    def test_is_noted_once_for_a_file(self, licence, now):
        self.newer(now, [row()], [])
        assert service.screen_everyone(at=now) == 0

    def test_a_register_without_a_file_says_nothing(self, now):
        assert service.screen(source_code="TX:TMB", at=now) == 0


class TestResolveFinding:
    def test_a_confirmed_change_suspends_the_credential_in_the_same_breath(self, licence, now):
        found, verifier = make_finding(make_snapshot(), credential_id=licence.id), make_staff()

        service.resolve_finding(
            finding_id=found.id, event=FindingEvent.CONFIRMED, actor_id=verifier.id, reason=" Asked TDLR. ", at=now
        )

        assert (found.state, found.resolved_by, found.resolved_at, found.reason) == (
            FindingState.CONFIRMED,
            verifier.id,
            now,
            "Asked TDLR.",
        )
        assert (licence.state, licence.reason) == ("suspended", "Another status in the register: Asked TDLR.")
        events = [event.kind for event in audit.events_about("credential", licence.id)]
        assert events == ["credential:suspended", "register_finding:confirmed"]

    def test_dismissed_it_leaves_the_credential_alone(self, licence, now):
        found = make_finding(make_snapshot(), credential_id=licence.id)
        service.resolve_finding(
            finding_id=found.id,
            event=FindingEvent.DISMISSED,
            actor_id=make_staff().id,
            reason="A typing error.",
            at=now,
        )
        assert (found.state, licence.state) == (FindingState.DISMISSED, "verified")

    def test_what_is_suspended_already_stays_so(self, now):
        credential = make_credential(state="suspended")
        found = make_finding(make_snapshot(), credential_id=credential.id)
        service.resolve_finding(
            finding_id=found.id, event=FindingEvent.CONFIRMED, actor_id=make_staff().id, reason="Yes.", at=now
        )
        assert (found.state, credential.state) == (FindingState.CONFIRMED, "suspended")

    @pytest.mark.parametrize("reason", ["  ", "x" * 2_001])
    def test_asks_for_a_reason_that_can_be_read(self, licence, now, reason):
        found = make_finding(make_snapshot(), credential_id=licence.id)
        with pytest.raises(Invalid):
            service.resolve_finding(
                finding_id=found.id, event=FindingEvent.CONFIRMED, actor_id=make_staff().id, reason=reason, at=now
            )
        assert (found.state, licence.state) == (FindingState.OPEN, "verified")

    def test_of_nothing_is_nothing(self, now):
        with pytest.raises(NotFound):
            service.resolve_finding(
                finding_id=uuid4(), event=FindingEvent.DISMISSED, actor_id=make_staff().id, reason="None.", at=now
            )

    def test_nobody_judges_what_is_said_of_themselves(self, now):
        verifier = make_staff()
        found = make_finding(make_exclusions(), user_id=verifier.id)
        with pytest.raises(NotYoursToReview):
            service.resolve_finding(
                finding_id=found.id, event=FindingEvent.DISMISSED, actor_id=verifier.id, reason="Not me.", at=now
            )
        assert found.state is FindingState.OPEN

    @pytest.mark.parametrize("kind", ["credential", "person"])
    def test_nor_of_somebody_they_work_with(self, licence, now, kind):
        verifier, clinic = make_staff(), make_clinic()
        holder = db.session.get(type(verifier), licence.holder_id)
        for user in (verifier, holder):
            make_member(clinic=clinic, user=user)
        about = {"credential_id": licence.id} if kind == "credential" else {"user_id": holder.id}
        found = make_finding(make_snapshot(), **about)
        with pytest.raises(NotYoursToReview):
            service.resolve_finding(
                finding_id=found.id, event=FindingEvent.DISMISSED, actor_id=verifier.id, reason="Fine.", at=now
            )
        assert found.state is FindingState.OPEN

    def test_what_was_dismissed_is_over(self, licence, now):
        found = make_finding(
            make_snapshot(),
            credential_id=licence.id,
            state="dismissed",
            resolved_at=now,
            resolved_by=make_staff().id,
            reason="A typing error.",
        )
        with pytest.raises(IllegalMove):
            service.resolve_finding(
                finding_id=found.id, event=FindingEvent.CONFIRMED, actor_id=make_staff().id, reason="Yes.", at=now
            )


class TestStateNpi:
    def test_is_kept_changed_and_taken_back(self, now):
        user = make_user()
        for said, kept in (("", None), (" 1234 567893 ", NPI), (OTHER_NPI, OTHER_NPI), ("", None)):
            service.state_npi(user_id=user.id, npi=said, at=now)
            assert enumeration.npi_of(user.id) == kept

    def test_must_pass_its_check_digit(self, now):
        user = make_user()
        with pytest.raises(Invalid) as refused:
            service.state_npi(user_id=user.id, npi="1234567890", at=now)
        assert refused.value.field == "npi"
        assert enumeration.npi_of(user.id) is None


@pytest.mark.parametrize("state", FindingState)
@pytest.mark.parametrize("event", FindingEvent)
def test_a_judgement_is_listed_or_refused(state, event):
    if event in FINDING.events_from(state):
        assert FINDING.after(state, event).value == event.value
    else:
        with pytest.raises(IllegalMove):
            FINDING.after(state, event)


def test_every_kind_of_finding_has_its_words():
    assert len({kind.words for kind in FindingKind}) == len(FindingKind)
