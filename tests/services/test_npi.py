"""A stated NPI beside NPPES: a match with its strength, doubts on cases that wait, findings on licences that stand."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.credentials import enumeration, screening, service
from marketplace.credentials.findings import FindingKind, FindingState, PersonNpi, RegisterFinding
from marketplace.credentials.models import Credential, RiskSignal, SignalKind
from marketplace.credentials.policy import Claim
from marketplace.credentials.signals import raise_signals
from marketplace.extensions import db, unit_of_work
from marketplace.kernel.days import written
from marketplace.kernel.errors import NotFound
from marketplace.registers.normal import Strength
from tests.factories.accounts import kept, make_user
from tests.factories.clinics import make_site
from tests.factories.credentials import make_credential
from tests.factories.registers import make_snapshot
from tests.support import count_statements

NPI, OTHER_NPI = "1234567893", "1770626038"
ROW = {
    "number": NPI,
    "npi": NPI,
    "family_name": "KHAN",
    "given_name": "AMIR",
    "license_type": "Dermatology, licence K1234 of TX",
    "status": "A",
    "city": "AUSTIN",
    "state": "TX",
}


def not_there(fetched):
    return (
        f"NPI {NPI} is not in the full file of NPPES that was fetched on {written(fetched.date())}: it was never given to"
        " anybody, or was given since. Look it up."
    )


@pytest.fixture
def doctor():
    return make_user(name="Amir Khan")


def stated(user, now, npi=NPI):
    kept(PersonNpi(user_id=user.id, npi=npi, stated_at=now))


def licence(user, state="submitted", **values):
    return make_credential(type_code="MD_DO", holder=user, state=state, **values)


def load(now, *rows, source="US:NPPES:FULL", **values):
    return make_snapshot(source, *rows, **{"retrieved_at": now - timedelta(hours=1), **values})


def causes(credential):
    found = select(RiskSignal.cause).where(RiskSignal.credential_id == credential.id, RiskSignal.kind == SignalKind.NPI)
    return list(db.session.scalars(found.order_by(RiskSignal.raised_at, RiskSignal.cause)))


def findings():
    rows = db.session.scalars(select(RegisterFinding).order_by(RegisterFinding.found_at))
    return [(row.credential_id, row.kind, row.shown) for row in rows]


class TestLook:
    def test_the_row_stands_beside_what_is_claimed(self, doctor, now):
        credential = licence(doctor, number="K1234")
        stated(doctor, now)
        current = load(now, ROW)

        look = enumeration.npi_look(credential.id)

        assert (look.npi, look.snapshot.id) == (NPI, current.id)
        assert (look.offer.strength, look.offer.score, look.offer.agrees) == (Strength.STRONG, 92, True)
        assert [(each.name, each.claimed, each.shown, each.agrees) for each in look.offer.fields] == [
            ("name", "Amir Khan", "AMIR KHAN", True),
            ("npi", NPI, NPI, True),
            ("taxonomy", "Physician's licence (MD or DO), K1234", "Dermatology, licence K1234 of TX", None),
            ("state", "TX", "TX", True),
            ("standing", "active", "active", True),
        ]

    @pytest.mark.parametrize(
        ("row", "strength", "speaks_against"),
        [
            ({"given_name": "A"}, Strength.FAIR, {"name"}),
            ({"family_name": "STONE", "given_name": "VERA"}, Strength.WEAK, {"name"}),
            ({"status": "D"}, Strength.STRONG, {"standing"}),
            ({"status": None}, Strength.STRONG, {"standing"}),
            ({"state": "NM"}, Strength.STRONG, set()),
        ],
    )
    def test_what_does_not_fit_is_told_and_is_no_verdict(self, doctor, now, row, strength, speaks_against):
        credential = licence(doctor)
        stated(doctor, now)
        load(now, {**ROW, **row})

        offer = enumeration.npi_look(credential.id).offer

        assert offer.strength is strength
        assert {each.name for each in offer.fields if each.agrees is False} == speaks_against
        assert offer.agrees is (not speaks_against)

    def test_without_a_row_or_a_file_the_number_is_all_there_is(self, doctor, now):
        credential = licence(doctor)
        stated(doctor, now)
        assert enumeration.npi_look(credential.id) == enumeration.NpiLook(NPI, None, None, any_loaded=False)

        current = load(now, {**ROW, "npi": OTHER_NPI, "number": OTHER_NPI})

        look = enumeration.npi_look(credential.id)
        assert (look.snapshot.id, look.offer) == (current.id, None)

    def test_only_a_stated_number_of_a_practitioner_is_compared(self, doctor, now):
        load(now, ROW)
        unstated = licence(doctor)
        technician = make_user()
        stated(technician, now)
        lone = make_credential(type_code="US-TX:TDLR:LHR", holder=technician, state="submitted", level="TECHNICIAN")
        of_site = make_credential(type_code="US-TX:TDLR:LHR_FACILITY", site=make_site(), state="submitted")

        assert [enumeration.npi_look(one.id) for one in (unstated, lone, of_site)] == [None, None, None]
        with pytest.raises(NotFound):
            enumeration.npi_look(doctor.id)


class TestDoubts:
    @pytest.mark.parametrize(
        ("row", "cause"),
        [
            ({"status": "D"}, f"NPPES does not call NPI {NPI} active: its status is D."),
            ({"status": None}, f"NPPES does not call NPI {NPI} active: its status is not told."),
            ({"family_name": "STONE"}, f"NPPES has NPI {NPI} as that of AMIR STONE."),
            (
                {"family_name": None, "given_name": None, "business_name": "KHAN SKIN PA"},
                f"NPI {NPI} is that of an organisation, KHAN SKIN PA.",
            ),
        ],
    )
    def test_what_nppes_has_against_it_is_raised_when_it_is_handed_in(self, doctor, now, row, cause):
        stated(doctor, now)
        load(now, {**ROW, **row})
        credential = licence(doctor)

        with unit_of_work():
            raise_signals(db.session.get(Credential, credential.id), at=now)
            raise_signals(db.session.get(Credential, credential.id), at=now)

        assert causes(credential) == [cause]

    @pytest.mark.parametrize("row", [{}, {"given_name": "AMEER", "family_name": "KHAN"}])
    def test_a_sound_number_raises_nothing_nor_does_one_that_nobody_can_compare(self, doctor, now, row):
        stated(doctor, now)
        credential = licence(doctor)
        with unit_of_work():
            raise_signals(db.session.get(Credential, credential.id), at=now)
        load(now, {**ROW, "given_name": "AMIR"})
        with unit_of_work():
            raise_signals(db.session.get(Credential, credential.id), at=now)

        assert causes(credential) == []

    def test_a_file_that_is_too_old_proves_no_absence_but_tells_what_it_says(self, doctor, now):
        stated(doctor, now)
        credential = licence(doctor)
        old = load(now, {**ROW, "npi": OTHER_NPI}, retrieved_at=now - timedelta(days=45, seconds=1))
        absent = [not_there(old.retrieved_at)]
        assert list(enumeration.doubts_about(credential, at=now)) == []
        assert list(enumeration.doubts_about(credential, at=old.retrieved_at + timedelta(days=45))) == absent

        stated(other := make_user(name="Olga Lind"), now, OTHER_NPI)
        second = licence(other)

        assert list(enumeration.doubts_about(second, at=now)) == [f"NPPES has NPI {OTHER_NPI} as that of AMIR KHAN."]

    def test_they_are_raised_on_open_cases_as_soon_as_a_number_is_stated(self, doctor, now):
        load(now, {**ROW, "status": "D"})
        waiting, standing = licence(doctor), licence(doctor, "verified", number="K2")

        service.state_npi(user_id=doctor.id, npi=NPI, at=now)

        assert causes(waiting) == [f"NPPES does not call NPI {NPI} active: its status is D."]
        assert causes(standing) == []
        shown = {"npi": NPI, "before": None, "now": "D"}
        assert findings() == [(standing.id, FindingKind.STATUS_CHANGED, shown)]

    def test_taken_back_nothing_is_compared(self, doctor, now):
        load(now, {**ROW, "status": "D"})
        waiting = licence(doctor)

        service.state_npi(user_id=doctor.id, npi="", at=now)

        assert causes(waiting) == []


PARTIAL = ("US:NPPES", "US:NPPES:WEEKLY", "US:NPPES:DEACTIVATED")


class TestFiles:
    """A full file tells who has a number; a week's changes, saved answers and deactivations tell of whom they name."""

    @pytest.mark.parametrize("source", PARTIAL)
    def test_who_is_not_in_a_partial_file_is_in_no_doubt(self, doctor, now, source):
        stated(doctor, now)
        credential, standing = licence(doctor), licence(doctor, "verified", number="K2")
        load(now, ROW, source=source, state="replaced", retrieved_at=now - timedelta(days=9))
        load(now, {**ROW, "npi": OTHER_NPI}, source=source)

        assert screening.screen(source_code=source, at=now) == 0
        assert (causes(credential), findings()) == ([], [])
        look = enumeration.npi_look(standing.id)
        assert look == enumeration.NpiLook(NPI, None, None, any_loaded=True)

    @pytest.mark.parametrize("source", PARTIAL)
    def test_a_newer_partial_file_tells_of_whom_the_full_one_does_not_know_yet(self, doctor, now, source):
        stated(doctor, now)
        credential = licence(doctor)
        full = load(now, {**ROW, "npi": OTHER_NPI}, retrieved_at=now - timedelta(days=20))
        assert list(enumeration.doubts_about(credential, at=now)) == [not_there(full.retrieved_at)]

        load(now, ROW, source=source)

        assert list(enumeration.doubts_about(credential, at=now)) == []

    @pytest.mark.parametrize("days", [19, 21])
    def test_the_newest_file_that_has_a_number_tells_of_it(self, doctor, now, days):
        stated(doctor, now)
        waiting, standing = licence(doctor), licence(doctor, "verified", number="K2")
        load(now, ROW, retrieved_at=now - timedelta(days=20))
        gone = {"npi": NPI, "number": None, "family_name": None, "status": "D"}
        named = load(now, gone, source="US:NPPES:DEACTIVATED", retrieved_at=now - timedelta(days=days))

        new = screening.screen(source_code="US:NPPES:DEACTIVATED", at=now)

        newer = days == 19
        deactivated = [f"NPPES does not call NPI {NPI} active: its status is D."]
        assert causes(waiting) == (deactivated if newer else [])
        shown = {"npi": NPI, "before": None, "now": "D"}
        assert findings() == ([(standing.id, FindingKind.STATUS_CHANGED, shown)] if newer else [])
        assert new == int(newer)
        assert (enumeration.npi_look(waiting.id).snapshot.id == named.id) is newer

    def test_all_files_are_asked_in_one_statement(self, doctor, now):
        stated(doctor, now)
        load(now, ROW)
        with count_statements() as one:
            enumeration.Nppes([NPI, OTHER_NPI])
        for source in PARTIAL:
            load(now, ROW, source=source)
        with count_statements() as four:
            enumeration.Nppes([NPI, OTHER_NPI])

        assert len(one) == len(four) == 2


class TestScreening:
    def test_a_newer_file_that_deactivates_it_is_found_once(self, doctor, now):
        stated(doctor, now)
        standing, waiting = licence(doctor, "verified"), licence(doctor, number="K2")
        load(now, ROW, state="replaced", retrieved_at=now - timedelta(days=9))
        load(now, {**ROW, "status": "D"})

        assert screening.screen(source_code="US:NPPES:FULL", at=now) == 1
        assert screening.screen_everyone(at=now) == 0

        assert findings() == [(standing.id, FindingKind.STATUS_CHANGED, {"npi": NPI, "before": "A", "now": "D"})]
        (found,) = db.session.scalars(select(RegisterFinding))
        assert (found.state, found.strength, len(found.row_digest)) == (FindingState.OPEN, Strength.STRONG.words, 32)
        assert causes(waiting) == [f"NPPES does not call NPI {NPI} active: its status is D."]
        assert db.session.get(Credential, standing.id).state == "verified"

    def test_who_is_no_longer_answered_for_is_missing(self, doctor, now):
        stated(doctor, now)
        standing = licence(doctor, "verified")
        load(now, ROW, state="replaced", retrieved_at=now - timedelta(days=9))
        load(now, {**ROW, "npi": OTHER_NPI})

        assert screening.screen(source_code="US:NPPES:FULL", at=now) == 1

        shown = {"npi": NPI, "before": "AMIR KHAN", "now": None}
        assert findings() == [(standing.id, FindingKind.MISSING, shown)]

    @pytest.mark.parametrize(
        ("before", "after", "new"),
        [
            (None, ROW, 0),
            (None, {**ROW, "npi": OTHER_NPI}, 0),
            (None, {**ROW, "status": "D"}, 1),
            (ROW, ROW, 0),
            ({**ROW, "status": "D"}, {**ROW, "status": "D"}, 0),
            ({**ROW, "status": "D"}, ROW, 1),
        ],
    )
    def test_what_is_new_is_found(self, doctor, now, before, after, new):
        stated(doctor, now)
        licence(doctor, "verified")
        if before:
            load(now, before, state="replaced", retrieved_at=now - timedelta(days=9))
        load(now, after)

        assert screening.screen(source_code="US:NPPES:FULL", at=now) == new

    def test_takes_as_many_statements_for_five_people_as_for_one(self, now):
        load(now, ROW, state="replaced", retrieved_at=now - timedelta(days=9))
        load(now, ROW)
        counted = []
        for _ in range(2):
            for _ in range(3):
                stated(person := make_user(name="Amir Khan"), now)
                licence(person, "verified")
                licence(person)
            with count_statements() as sent:
                screening.screen(source_code="US:NPPES:FULL", at=now)
            counted.append(len(sent))

        assert counted[0] == counted[1]

    def test_a_claim_handed_in_by_the_front_door_is_compared(self, doctor, now, monkeypatch):
        stated(doctor, now)
        load(now, {**ROW, "family_name": "STONE"})
        credential = licence(doctor, "needs_info", number="K1234")
        claim = Claim(type_code="MD_DO", jurisdiction="TX", number="K1234", name_on_credential="Amir Khan",
                      issued_on=None, expires_on=(now + timedelta(days=90)).date())  # fmt: skip
        monkeypatch.setattr("marketplace.credentials.submitting._examined", lambda *_files, **_held: [])

        service.resubmit(credential_id=credential.id, actor_id=doctor.id, claim=claim, files=[], at=now)

        assert causes(credential) == [f"NPPES has NPI {NPI} as that of AMIR STONE."]
