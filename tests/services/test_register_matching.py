"""Credentials found in registers: offered with their strength, never more."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace import audit
from marketplace.credentials import matching, service
from marketplace.credentials.findings import RegisterTypeMapping
from marketplace.credentials.models import CheckMethod, CheckOutcome, CredentialCheck
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.registers import queries
from marketplace.registers.normal import Strength
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_site
from tests.factories.credentials import make_credential, make_type
from tests.factories.registers import make_mapping, make_snapshot
from tests.support import count_statements

LHR = "Laser Hair Removal Technician"
UNTIL = date(2027, 8, 31)


def row(**changes):
    return {
        "license_type": LHR,
        "number": "10442",
        "family_name": "REYES",
        "given_name": "DANA",
        "expires_on": UNTIL,
        **changes,
    }


def licence(**changes):
    holder = changes.pop("holder", None) or make_user(name="Dana Reyes")
    return make_credential(**{"holder": holder, "number": "0010442", "expires_on": UNTIL, **changes})


@pytest.fixture
def mapped():
    make_type("US-TX:TDLR:LHR")
    make_mapping("TX:TDLR", LHR, "US-TX:TDLR:LHR")


class TestIsClean:
    """One step from a yes stands only what the row says in every claim, in words that nobody has to weigh."""

    @pytest.mark.parametrize(
        ("claimed", "shown", "clean"),
        [
            ({}, {}, True),
            ({"level": "TECHNICIAN"}, {}, True),
            ({"level": "TECHNICIAN"}, {"status": "ACTIVE · Active"}, True),
            ({"level": "PROFESSIONAL"}, {}, False),
            ({"level": "SENIOR_TECHNICIAN"}, {}, False),
            ({"level": "TECHNICIAN", "endorsements": ["EYES"]}, {}, False),
            ({}, {"status": "Revoked"}, False),
            ({}, {"status": "Active · Probation"}, False),
            ({}, {"discipline": "Probation"}, False),
            ({}, {"given_name": "D"}, False),
            ({}, {"family_name": "STONE"}, False),
            ({}, {"expires_on": None}, False),
            ({}, {"expires_on": date(2027, 8, 30)}, False),
            ({"expires_on": None}, {"expires_on": None}, False),
        ],
    )
    def test_says_whether_every_claim_is_confirmed(self, mapped, claimed, shown, clean):
        credential = licence(**claimed)
        make_snapshot("TX:TDLR", row(**shown))

        [offer] = matching.offers_for(credential.id)

        assert offer.is_clean is clean

    def test_a_name_alone_never_is(self, mapped):
        credential = licence(number="999")
        make_snapshot("TX:TDLR", row())

        [offer] = matching.offers_for(credential.id)

        assert (offer.by_number, offer.is_clean) == (False, False)


class TestOffersFor:
    def test_a_register_of_another_state_is_not_asked(self, mapped):
        make_mapping("FL:MQA", LHR, "US-TX:TDLR:LHR")
        texan, floridian = make_snapshot("TX:TDLR", row()), make_snapshot("FL:MQA", row())
        current = queries.current(["TX:TDLR", "FL:MQA"])

        found = matching.matches([matching.Wanted.of(licence())], list(current.values()), names=True)

        assert [offer.snapshot.id for offers in found.values() for offer in offers] == [texan.id]
        assert floridian.id in {snapshot.id for snapshot in current.values()}

    def test_a_number_and_a_name_are_strong(self, mapped):
        credential = licence()
        snapshot = make_snapshot("TX:TDLR", row())

        [offer] = matching.offers_for(credential.id)

        assert (offer.snapshot.id, offer.strength, offer.score, offer.agrees) == (
            snapshot.id,
            Strength.STRONG,
            82,
            True,
        )
        assert [(field.name, field.claimed, field.shown, field.agrees) for field in offer.fields] == [
            ("name", "Dana Reyes", "DANA REYES", True),
            ("number", "0010442", "10442", True),
            ("level", "–", LHR, None),
            ("expires_on", "31 Aug 2027", "31 Aug 2027", True),
            ("standing", "–", None, None),
        ]

    @pytest.mark.parametrize(
        ("changes", "strength", "agrees"),
        [
            ({"number": "0010442"}, Strength.STRONG, True),
            ({"given_name": "D"}, Strength.FAIR, False),
            ({"family_name": "OTHER"}, Strength.WEAK, False),
            ({"expires_on": date(2027, 9, 1)}, Strength.STRONG, False),
            ({"expires_on": None, "flaw": "expires_on '2922'"}, Strength.STRONG, True),
            ({"status": "Active"}, Strength.STRONG, True),
            ({"discipline": "Probation"}, Strength.STRONG, False),
            ({"number": "10443"}, Strength.WEAK, False),
            ({"number": None}, Strength.WEAK, False),
        ],
    )
    def test_what_else_it_shows_makes_it_weaker_or_speaks_against_it(self, mapped, changes, strength, agrees):
        credential = licence()
        make_snapshot("TX:TDLR", row(**changes))

        [offer] = matching.offers_for(credential.id)

        assert (offer.strength, offer.agrees) == (strength, agrees)

    def test_a_whole_name_without_the_number_is_a_fair_candidate(self, mapped):
        credential = licence(holder=make_user(name="Dana Marie Reyes"))
        make_snapshot("TX:TDLR", row(number="777", middle_name="M"), row(number="778", family_name="REYES-SOTO"))

        offers = matching.offers_for(credential.id)

        assert [(offer.strength, offer.entry.number, offer.by_number) for offer in offers] == [
            (Strength.FAIR, "777", False),
            (Strength.WEAK, "778", False),
        ]

    def test_a_name_is_not_looked_for_where_the_number_finds_somebody(self, mapped):
        credential = licence()
        make_snapshot("TX:TDLR", row(family_name="OTHER"), row(number="777"))

        assert [offer.entry.number for offer in matching.offers_for(credential.id)] == ["10442"]

    def test_another_name_without_the_number_is_nobody(self, mapped):
        credential = licence()
        make_snapshot("TX:TDLR", row(number="777", given_name="DIANA"))
        assert matching.offers_for(credential.id) == []

    def test_the_same_number_of_another_type_of_licence_is_nobody(self, mapped):
        credential = licence()
        make_snapshot("TX:TDLR", row(license_type="A/C Contractor"))
        assert matching.offers_for(credential.id) == []

    def test_words_that_nobody_has_given_a_meaning_match_nothing(self):
        credential = licence()
        snapshot = make_snapshot("TX:TDLR", row())

        assert matching.offers_for(credential.id) == []
        [view] = matching.registers.current(["TX:TDLR"]).values()
        assert view.id == snapshot.id
        assert matching.license_types_without_meaning([view]) == {"TX:TDLR": [LHR]}

    def test_a_file_that_does_not_count_is_not_looked_into(self, mapped):
        credential = licence()
        make_snapshot("TX:TDLR", row(), state="replaced")
        assert matching.offers_for(credential.id) == []

    def test_a_number_that_is_a_placeholder_finds_nobody(self, mapped):
        credential = licence(number="000")
        make_snapshot("TX:TDLR", row(number="000", given_name="NILS"))
        assert matching.offers_for(credential.id) == []

    @pytest.mark.parametrize(
        ("name", "strength"),
        [
            ("LONE STAR LASER PLLC", Strength.STRONG),
            ("LONE STAR LASER", Strength.FAIR),
            ("OTHER SPA", Strength.WEAK),
            (None, Strength.WEAK),
        ],
    )
    def test_a_site_is_compared_by_the_name_of_the_firm(self, name, strength):
        make_type("US-TX:TDLR:LHR_FACILITY")
        make_mapping("TX:TDLR", "LHR Facility", "US-TX:TDLR:LHR_FACILITY")
        clinic = make_clinic(legal_name="Lone Star Laser, PLLC")
        credential = make_credential(
            site=make_site(clinic=clinic), type_code="US-TX:TDLR:LHR_FACILITY", number="F-20811"
        )
        make_snapshot(
            "TX:TDLR", {"license_type": "LHR Facility", "number": "20811", "business_name": name, "family_name": "X"}
        )

        assert [offer.strength for offer in matching.offers_for(credential.id)] == [strength]

    def test_a_site_is_not_looked_for_by_name(self):
        make_type("US-TX:TDLR:LHR_FACILITY")
        make_mapping("TX:TDLR", "LHR Facility", "US-TX:TDLR:LHR_FACILITY")
        credential = make_credential(site=make_site(), type_code="US-TX:TDLR:LHR_FACILITY", number="F-1")
        make_snapshot("TX:TDLR", {"license_type": "LHR Facility", "number": "2", "business_name": "Anything"})
        assert matching.offers_for(credential.id) == []

    def test_shows_the_best_five(self, mapped):
        credential = licence()
        make_snapshot("TX:TDLR", *(row(given_name="DANA" if n == 5 else "D") for n in range(7)))

        offers = matching.offers_for(credential.id)

        assert [offer.entry.position for offer in offers] == [6, 1, 2, 3, 4]

    def test_of_no_credential_is_nothing(self):
        with pytest.raises(NotFound):
            matching.offers_for(uuid4())

    def test_many_are_matched_in_as_many_statements_as_one(self, mapped):
        credentials = [
            licence(number=str(20_000 + n), holder=make_user(name=f"Dana {'A' * (n + 1)}")) for n in range(6)
        ]
        make_snapshot("TX:TDLR", *(row(number=str(20_000 + n), family_name="A" * (n + 1)) for n in range(6)))
        snapshots = list(matching.registers.current(["TX:TDLR"]).values())
        wanted = [matching.Wanted.of(one) for one in credentials]

        with count_statements() as sent:
            found = matching.matches(wanted, snapshots, names=False)

        assert len(sent) == 2
        assert {key: offers[0].strength for key, offers in found.items()} == {
            one.id: Strength.STRONG for one in credentials
        }


class TestAccepting:
    def test_a_row_becomes_the_look_that_a_verifier_records(self, mapped, now):
        verifier = make_staff()
        credential = licence(state="in_review", verifier=verifier, at=now - timedelta(days=1))
        snapshot = make_snapshot("TX:TDLR", row(), retrieved_at=now - timedelta(days=3))
        [offer] = matching.offers_for(credential.id)
        again = matching.offer_of(credential.id, snapshot_id=snapshot.id, position=1)
        assert again == offer

        look = again.look(outcome=CheckOutcome.CONFIRMED, note="Same person.")
        service.record_check(credential_id=credential.id, actor_id=verifier.id, look=look, at=now)

        check = db.session.scalars(select(CredentialCheck)).one()
        assert (check.method, check.snapshot_id, check.row_digest) == (
            CheckMethod.REGISTER_FILE,
            snapshot.id,
            offer.entry.digest,
        )
        assert check.retrieved_at == now - timedelta(days=3)
        assert check.note == "Row 1 of list.csv. Same person."
        assert (check.score, check.file_digest) == (82, snapshot.file_digest)
        assert check.matched["number"] == "10442"
        assert credential.state == "in_review"

    def test_a_row_that_is_not_offered_any_more_is_not_accepted(self, mapped):
        credential = licence()
        snapshot = make_snapshot("TX:TDLR", row())
        for snapshot_id, position in ((snapshot.id, 2), (uuid4(), 1)):
            with pytest.raises(NotFound):
                matching.offer_of(credential.id, snapshot_id=snapshot_id, position=position)


class TestMapTypes:
    def test_is_decided_by_staff_and_may_be_decided_anew(self, now):
        make_type("US-TX:TDLR:LHR")
        verifier = make_staff()
        for meaning in ("US-TX:TDLR:LHR", None):
            service.map_types(source_code="TX:TDLR", meanings={LHR: meaning}, actor_id=verifier.id, at=now)
            assert matching.type_mappings(["TX:TDLR"]) == {"TX:TDLR": {LHR: meaning}}
        assert db.session.scalars(select(RegisterTypeMapping.decided_by)).one() == verifier.id
        assert "register:types_mapped" in audit.extent().kinds

    def test_of_nothing_is_not_recorded(self, now):
        service.map_types(source_code="TX:TDLR", meanings={}, actor_id=None, at=now)
        assert audit.extent().events == 0

    @pytest.mark.parametrize(
        ("source", "meaning"),
        [("TX:TDLR", "US-FL:DOH:ELECTROLOGIST"), ("TX:TDLR", "NO_SUCH_TYPE"), ("US:LEIE", "MD_DO")],
    )
    def test_refuses_what_the_state_does_not_issue(self, now, source, meaning):
        with pytest.raises(Invalid):
            service.map_types(source_code=source, meanings={LHR: meaning}, actor_id=None, at=now)
        assert matching.type_mappings([source]) == {}

    def test_knows_no_other_registers(self, now):
        with pytest.raises(NotFound):
            service.map_types(source_code="ZZ:NONE", meanings={}, actor_id=None, at=now)
