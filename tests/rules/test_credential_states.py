"""What may happen to a credential, what it is worth on a day, and what may be claimed of one."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest

from marketplace.credentials.policy import (
    REMINDERS,
    Claim,
    Rejection,
    Standing,
    checked,
    reminder_due,
    standing_of,
)
from marketplace.credentials.standards import review_is_due
from marketplace.credentials.states import (
    CREDENTIAL,
    OPEN,
    PENDING,
    STANDING,
    TAKEN,
    WAITING,
    CredentialEvent,
    CredentialState,
)
from marketplace.credentials.types import credential_types
from marketplace.kernel.errors import Invalid
from marketplace.kernel.machine import IllegalMove

_S, _E = CredentialState, CredentialEvent

TABLE = {
    (_S.SUBMITTED, _E.CLAIMED): _S.IN_REVIEW,
    (_S.SUBMITTED, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.IN_REVIEW, _E.TAKEN_OVER): _S.IN_REVIEW,
    (_S.IN_REVIEW, _E.VERIFIED): _S.VERIFIED,
    (_S.IN_REVIEW, _E.FIRST_APPROVED): _S.AWAITING_SECOND,
    (_S.IN_REVIEW, _E.REJECTED): _S.REJECTED,
    (_S.IN_REVIEW, _E.INFO_ASKED): _S.NEEDS_INFO,
    (_S.IN_REVIEW, _E.UNCLAIMED): _S.SUBMITTED,
    (_S.IN_REVIEW, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.AWAITING_SECOND, _E.CLAIMED): _S.IN_SECOND_REVIEW,
    (_S.AWAITING_SECOND, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.IN_SECOND_REVIEW, _E.TAKEN_OVER): _S.IN_SECOND_REVIEW,
    (_S.IN_SECOND_REVIEW, _E.VERIFIED): _S.VERIFIED,
    (_S.IN_SECOND_REVIEW, _E.FIRST_APPROVED): _S.AWAITING_SECOND,
    (_S.IN_SECOND_REVIEW, _E.REJECTED): _S.REJECTED,
    (_S.IN_SECOND_REVIEW, _E.INFO_ASKED): _S.NEEDS_INFO,
    (_S.IN_SECOND_REVIEW, _E.UNCLAIMED): _S.AWAITING_SECOND,
    (_S.IN_SECOND_REVIEW, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.NEEDS_INFO, _E.RESUBMITTED): _S.SUBMITTED,
    (_S.NEEDS_INFO, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.VERIFIED, _E.RECONFIRMED): _S.VERIFIED,
    (_S.VERIFIED, _E.SUSPENDED): _S.SUSPENDED,
    (_S.VERIFIED, _E.REVOKED): _S.REVOKED,
    (_S.VERIFIED, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.SUSPENDED, _E.REINSTATED): _S.VERIFIED,
    (_S.SUSPENDED, _E.REVOKED): _S.REVOKED,
}


@pytest.mark.parametrize(("state", "event"), list(product(CredentialState, CredentialEvent)))
def test_a_move_is_listed_or_refused(state, event):
    if (state, event) in TABLE:
        assert CREDENTIAL.after(state, event) is TABLE[state, event]
        assert event in CREDENTIAL.events_from(state)
    else:
        assert not CREDENTIAL.allows(state, event)
        with pytest.raises(IllegalMove):
            CREDENTIAL.after(state, event)


def test_nothing_is_verified_but_out_of_a_review_or_a_suspension():
    ways = {state for (state, event), after in TABLE.items() if after is _S.VERIFIED and state is not _S.VERIFIED}
    assert ways == {_S.IN_REVIEW, _S.IN_SECOND_REVIEW, _S.SUSPENDED}


def test_a_state_is_pending_standing_or_over():
    over = {state for state in CredentialState if not CREDENTIAL.events_from(state)}
    assert over == {_S.REJECTED, _S.REVOKED, _S.SUPERSEDED, _S.WITHDRAWN}
    assert PENDING | STANDING | over == set(CredentialState)
    assert PENDING.isdisjoint(STANDING)


def test_an_open_case_waits_or_is_taken():
    assert OPEN == WAITING | TAKEN == PENDING - {_S.NEEDS_INFO}
    assert WAITING.isdisjoint(TAKEN)
    assert all(CREDENTIAL.allows(state, _E.CLAIMED) is (state in WAITING) for state in CredentialState)
    assert all(CREDENTIAL.allows(state, _E.TAKEN_OVER) is (state in TAKEN) for state in CredentialState)


class TestStandingOf:
    DAY = date(2026, 6, 30)
    SEEN = datetime(2026, 1, 1, tzinfo=UTC)

    def standing(self, at, **values):
        given = {"state": _S.VERIFIED, "issued_on": None, "expires_on": None, "verified_at": self.SEEN}
        return standing_of(**{**given, **values}, at=at, zone="America/Chicago")

    @pytest.mark.parametrize("state", [state for state in CredentialState if state is not _S.VERIFIED])
    def test_is_the_state_where_it_is_not_verified(self, state):
        assert self.standing(self.SEEN, state=state, expires_on=date(2020, 1, 1)) == state.value

    def test_holds_through_the_last_second_of_its_day_where_it_is_used(self):
        midnight_in_texas = datetime(2026, 7, 1, 5, tzinfo=UTC)
        last = midnight_in_texas - timedelta(microseconds=1)
        assert self.standing(last, expires_on=self.DAY) is Standing.VERIFIED
        assert self.standing(midnight_in_texas, expires_on=self.DAY) is Standing.EXPIRED

    def test_begins_with_its_day_where_it_is_used(self):
        midnight_in_texas = datetime(2026, 6, 30, 5, tzinfo=UTC)
        before = midnight_in_texas - timedelta(microseconds=1)
        assert self.standing(before, issued_on=self.DAY) is Standing.NOT_YET_VALID
        assert self.standing(midnight_in_texas, issued_on=self.DAY) is Standing.VERIFIED

    def test_grows_stale_one_moment_after_its_time(self):
        end = self.SEEN + timedelta(days=120)
        kept = {"fresh_for": timedelta(days=120)}
        assert (
            standing_of(
                state=_S.VERIFIED, issued_on=None, expires_on=None, verified_at=self.SEEN, at=end, zone="UTC", **kept
            )
            is Standing.VERIFIED
        )
        assert self.standing(end + timedelta(microseconds=1), **kept) is Standing.STALE

    def test_never_grows_stale_where_no_time_is_set(self):
        assert self.standing(self.SEEN + timedelta(days=9999)) is Standing.VERIFIED

    def test_says_expired_before_stale(self):
        at = self.SEEN + timedelta(days=500)
        assert self.standing(at, expires_on=self.DAY, fresh_for=timedelta(1)) is Standing.EXPIRED


TODAY = date(2026, 6, 1)
LHR = Claim(
    "US-TX:TDLR:LHR", "TX", "LHR-10442", "Dana Reyes", level="PROFESSIONAL",
    issued_on=date(2025, 6, 1), expires_on=date(2027, 6, 1),
)  # fmt: skip


def check(claim, **changes):
    claim = replace(claim, **changes)
    return checked(claim, credential_types()[claim.type_code], today=TODAY)


def refused(claim, **changes) -> str | None:
    with pytest.raises(Invalid) as refusal:
        check(claim, **changes)
    return refusal.value.field


class TestChecked:
    def test_keeps_what_its_type_asks_for(self):
        assert check(LHR) == LHR

    def test_drops_what_its_type_does_not_ask_for(self):
        said = Claim("RN", "TX", " 123 456 ", " Ann ", level="X", device_model_id=uuid4(), expires_on=TODAY)
        assert check(said) == Claim("RN", "TX", "123 456", "Ann", expires_on=TODAY)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"jurisdiction": "AZ"}, "jurisdiction"),
            ({"jurisdiction": "ZZ"}, "jurisdiction"),
            ({"jurisdiction": ""}, "jurisdiction"),
            ({"number": " -/ "}, "number"),
            ({"number": ""}, "number"),
            ({"number": "9" * 65}, "number"),
            ({"number": "LH\N{CYRILLIC CAPITAL LETTER ER}-10442"}, "number"),
            ({"name_on_credential": "  "}, "name_on_credential"),
            ({"name_on_credential": "x" * 201}, "name_on_credential"),
            ({"level": None}, "level"),
            ({"level": "MASTER"}, "level"),
            ({"endorsements": ("HAIR_REDUCTION",)}, "endorsements"),
            ({"issued_on": TODAY + timedelta(days=1)}, "issued_on"),
            ({"expires_on": None}, "expires_on"),
            ({"expires_on": TODAY - timedelta(days=1)}, "expires_on"),
            ({"issued_on": TODAY, "expires_on": TODAY - timedelta(days=1)}, "expires_on"),
        ],
    )
    def test_names_the_field_that_cannot_be_so(self, changes, field):
        assert refused(LHR, **changes) == field

    def test_what_any_state_issues_no_other_place_does(self):
        training = Claim("MODEL_TRAINING", "TX", "", "Dana Reyes", device_model_id=uuid4())
        assert check(training, jurisdiction="WY").jurisdiction == "WY"
        for nowhere in ("ZZ", "", "tx"):
            assert refused(training, jurisdiction=nowhere) == "jurisdiction"

    def test_takes_what_lies_on_the_boundary(self):
        assert check(LHR, issued_on=TODAY, expires_on=TODAY).expires_on == TODAY
        assert check(LHR, number="9" * 64).number == "9" * 64
        assert check(LHR, name_on_credential="x" * 200).name_on_credential == "x" * 200

    def test_orders_endorsements_and_takes_only_listed_ones(self):
        arizona = Claim("US-AZ:ADHS:LASER_TECHNICIAN", "AZ", "1", "Dana Reyes")
        assert check(arizona, endorsements=("TATTOO_REMOVAL", "HAIR_REDUCTION", "TATTOO_REMOVAL")).endorsements == (
            "HAIR_REDUCTION",
            "TATTOO_REMOVAL",
        )
        assert refused(arizona, endorsements=("SURGERY",)) == "endorsements"

    def test_needs_no_number_where_the_paper_carries_none(self):
        assert check(Claim("PHYSICIAN_DELEGATION", "TX", "7", "Dana Reyes")).number == ""
        assert check(Claim("MAKER:IN_SERVICE", "TX", "", "Dana Reyes")).number == ""
        assert check(Claim("MAKER:IN_SERVICE", "TX", "A-7", "Dana Reyes")).number == "A-7"

    def test_asks_for_the_model_of_a_training(self):
        training = Claim("MODEL_TRAINING", "TX", "", "Dana Reyes")
        assert refused(training) == "device_model_id"
        model_id = uuid4()
        assert check(training, device_model_id=model_id).device_model_id == model_id

    def test_leaves_the_model_open_where_the_paper_may_list_kinds_of_device(self):
        assert check(Claim("US-IA:BBCAS:PRESCRIBED_PRACTICE_CERTIFICATION", "IA", "1", "D")).device_model_id is None


@pytest.mark.parametrize(
    ("submitted", "due"),
    [
        ("2026-06-01T09:00", "2026-06-03T09:00"),  # Monday
        ("2026-06-04T15:00", "2026-06-08T15:00"),  # Thursday
        ("2026-06-05T15:00", "2026-06-09T15:00"),  # Friday
        ("2026-06-06T15:00", "2026-06-09T15:00"),  # Saturday
        ("2026-06-07T23:59", "2026-06-09T23:59"),  # Sunday
        ("2026-11-24T15:00", "2026-11-27T15:00"),  # Tuesday, before Thanksgiving
    ],
)
def test_a_review_is_due_after_two_working_days(submitted, due):
    assert review_is_due(datetime.fromisoformat(submitted)) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("left", "due"), [(61, None), (60, 60), (31, 60), (30, 30), (8, 30), (7, 7), (1, 7), (0, 0), (-1, None)]
)
def test_a_reminder_is_due_from_its_day_until_the_next(left, due):
    assert reminder_due(TODAY + timedelta(days=left), today=TODAY) == due
    assert REMINDERS == (60, 30, 7, 0)


@pytest.mark.parametrize("because", Rejection)
def test_a_rejection_has_words_and_says_whether_the_source_must_show_it(because):
    assert because.words.endswith(".")
    assert because.rests_on_the_source is (because in {"not_found", "differs", "not_in_force"})
