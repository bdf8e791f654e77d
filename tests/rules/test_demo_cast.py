"""The demo's people and goods: every situation is there, and the same on every machine."""

from collections import Counter

import pytest

from marketplace.catalog import service as catalog
from marketplace.catalog.parsing import parse
from marketplace.credentials.types import Subject, credential_types
from marketplace.dev.demo import people, pictures
from marketplace.dev.demo.cast import HOUSES, OFFICIALS, PASSWORD, Ending, accounts
from marketplace.dev.demo.market import _BANDS, _USUAL, FEATURED, NUMBER, SOLD, Fate, sold, units
from marketplace.dev.demo.sales import PLANS
from marketplace.dev.demo.under_way import _ask
from marketplace.kernel.terms import STATES, ClinicRole, StaffRole
from marketplace.kernel.text import normal_number
from marketplace.listings.conditions import INCLUSIONS, life_used
from marketplace.listings.terms import Grade, Modification
from marketplace.orders.states import OrderState

PLAYERS = [person for house in HOUSES for person in house.people]
PROOFS = [proof for person in PLAYERS for proof in person.proofs]
PLACES = [(house, proof) for house in HOUSES for proof in house.proofs]
BY_NAME = {person.name: (house, person) for house in HOUSES for person in house.people}

# In the order in which the database gives them.
MODELS = sorted(
    (model.maker, model.name, tuple(model.modality_codes)) for model in parse(catalog.shipped()).models
)  # fmt: skip


class TestPeople:
    def test_there_are_twelve_clinics_in_eight_states(self):
        assert len({house.key for house in HOUSES}) == 12
        assert {house.state for house in HOUSES} == {"TX", "AZ", "FL", "GA", "IL", "NV", "OR", "CA"}

    def test_there_are_forty_one_people_with_an_address_each(self):
        everyone = [person.email for person in PLAYERS] + [official.email for official in OFFICIALS]

        assert len(everyone) == len(set(everyone)) == 41
        assert len({person.name for person in PLAYERS} | {official.name for official in OFFICIALS}) == 41

    def test_addresses_are_plain_and_lead_nowhere(self):
        assert {person.email for person in PLAYERS} >= {"dana.reyes@demo.example", "patrick.ohara@demo.example"}
        assert {official.email for official in OFFICIALS} >= {"vera@staff.demo.example"}
        assert all(person.email.isascii() for person in PLAYERS)

    def test_whoever_founds_a_clinic_owns_it(self):
        assert {house.people[0].role for house in HOUSES} == {ClinicRole.OWNER}

    def test_safety_officers_are_of_the_house(self):
        for house in HOUSES:
            assert house.safety_officer in {None} | {person.name for person in house.people}

    def test_somebody_has_every_staff_role(self):
        twice = {StaffRole.VERIFIER: 2, StaffRole.FINANCE: 2}
        assert Counter(official.role for official in OFFICIALS) == dict.fromkeys(StaffRole, 1) | twice

    def test_one_clinic_may_not_sell_yet(self):
        assert [house.key for house in HOUSES if house.basis is None] == ["closing_spa"]


class TestProofs:
    def test_a_review_can_have_ended_in_every_way(self):
        assert {proof.ending for proof in PROOFS} == set(Ending)

    @pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: f"{proof.type_code}-{proof.number}")
    def test_a_persons_proof_is_one_that_people_hold_there(self, proof):
        kind = credential_types()[proof.type_code]

        assert kind.subject is Subject.PERSON
        assert kind.issued_in(proof.state)

    @pytest.mark.parametrize(("house", "proof"), PLACES, ids=lambda value: getattr(value, "number", ""))
    def test_a_places_proof_is_one_that_places_hold_there(self, house, proof):
        assert credential_types()[proof.type_code].subject is Subject.SITE
        assert proof.state == house.state

    def test_numbers_are_held_once_but_for_a_renewal_and_a_conflict(self):
        held = Counter((proof.type_code, proof.state, normal_number(proof.number)) for proof in PROOFS)

        assert [number for (_, _, number), times in held.items() if times > 1] == ["SLP0219", "95071188"]
        assert max(held.values()) == 2

    def test_what_was_not_accepted_says_why(self):
        spoken = {Ending.NEEDS_INFO, Ending.REJECTED, Ending.SUSPENDED, Ending.REVOKED}

        assert all(proof.reason is not None for proof in PROOFS if proof.ending in spoken)

    @pytest.mark.parametrize(
        ("name", "situation"),
        [
            ("Dana Reyes", lambda _, proof: proof.ending is Ending.VERIFIED and proof.days > 0),
            ("Priya Nair", lambda _, proof: proof.days < 0),
            ("Marcus Webb", lambda _, proof: credential_types()[proof.type_code].does_not_open),
            ("Elena Soto", lambda _, proof: proof.ending is Ending.SUBMITTED),
            ("Sam Porter", lambda house, proof: proof.state != house.state),
            ("Ben Yazzie", lambda _, proof: proof.endorsements == ("HAIR_REDUCTION", "PHOTO_FACIAL")),
        ],
    )
    def test_every_situation_of_the_tour_is_there(self, name, situation):
        house, person = BY_NAME[name]
        (proof,) = person.proofs

        assert situation(house, proof)
        assert person.story

    def test_one_clinic_has_nobody_who_may_order(self):
        house, person = BY_NAME["Tyler Brooks"]

        assert {colleague.role for colleague in house.people} == {ClinicRole.OWNER, ClinicRole.TECHNICIAN}
        assert "no ordering practitioner" in person.story


class TestAccounts:
    def test_everybody_with_a_story_is_offered_and_all_staff(self):
        offered = accounts()

        assert len(offered) == len([person for person in PLAYERS if person.story]) + len(OFFICIALS) == 25
        assert {account["password"] for account in offered} == {PASSWORD}
        assert offered[0] == {
            "label": "Dana Reyes, Lone Star Laser",
            "email": "dana.reyes@demo.example",
            "password": PASSWORD,
            "story": "Certified in Texas for laser hair removal: may buy an alexandrite laser for hair today.",
        }
        assert offered[-1]["label"] == "Ada Quist, admin"


@pytest.fixture(scope="module")
def all_units():
    return units(MODELS)


class TestUnits:
    def test_they_are_the_same_every_time(self, all_units):
        assert len(all_units) - len(sold()) == NUMBER == 240
        assert units(MODELS) == all_units

    def test_every_model_of_the_catalogue_is_for_sale(self, all_units):
        assert {(unit.maker, unit.model) for unit in all_units} == {model[:2] for model in MODELS}

    def test_a_unit_is_listed_once(self, all_units):
        assert len({unit.serial for unit in all_units}) == 240 + 16

    def test_only_sellers_who_were_checked_sell(self, all_units):
        assert {unit.house for unit in all_units} == {house.key for house in HOUSES if house.basis is not None}

    def test_every_drawn_price_is_inside_its_band(self, all_units):
        codes = {model[:2]: model[2] for model in MODELS}
        for unit in all_units[len(FEATURED) : NUMBER]:
            bands = [_BANDS.get(code, _USUAL) for code in codes[unit.maker, unit.model]]
            low, high = max(bands, key=lambda band: band[1])
            assert low <= unit.price_usd <= high, unit
            assert unit.price_usd % 100 == 0

    def test_what_is_sold_beforehand_fetched_less_than_a_dealer_asked(self, all_units):
        asked = {(maker, model): price for maker, model, price, *_ in SOLD}
        for unit in all_units[NUMBER:]:
            price = asked[unit.maker, unit.model]
            assert 0.78 * price - 100 <= unit.price_usd <= 0.97 * price + 100
            assert (unit.fate, unit.modification, unit.grade) == (Fate.PUBLISHED, Modification.SERVICED, Grade.B)
        assert [unit.serial for unit in all_units[NUMBER:]] == [sale.serial for sale in sold()]
        assert min(Counter(year for year, _ in years)[year] for *_, years, _ in SOLD for year, _ in years) == 3

    def test_what_is_sold_beforehand_was_listed_before_its_sale_in_a_year_and_a_half(self, all_units):
        days = {unit.serial: unit.days_ago for unit in all_units[NUMBER:]}

        assert {days[sale.serial] - 30 * sale.months_ago for sale in sold()} == {25}
        assert (max(days.values()), len({sale.months_ago for sale in sold()})) == (505, 7)
        assert max(days.values()) + 1 < people.BEGAN.days

    def test_what_the_tour_visits_stands_first_and_is_on_the_market(self, all_units):
        shown = all_units[: len(FEATURED)]

        assert [
            (unit.house, unit.maker, unit.model, unit.year, unit.price_usd, unit.grade) for unit in shown
        ] == list(FEATURED)  # fmt: skip
        assert {unit.fate for unit in shown} == {Fate.PUBLISHED}
        assert {unit.modification for unit in shown} == {Modification.SERVICED}
        assert max(unit.days_ago for unit in shown) < min(unit.days_ago for unit in all_units[len(FEATURED) :])

    def test_listings_came_as_far_as_listings_come(self, all_units):
        assert Counter(unit.fate for unit in all_units) == {
            Fate.PUBLISHED: 213 + 16,
            Fate.PAUSED: 1,
            Fate.IN_REVIEW: 11,
            Fate.DRAFT: 9,
            Fate.SENT_BACK: 2,
            Fate.WITHDRAWN: 4,
        }

    def test_every_part_is_a_modality_of_its_model(self, all_units):
        codes = {model[:2]: model[2] for model in MODELS}
        for unit in all_units:
            assert tuple(part.modality for part in unit.parts) == codes[unit.maker, unit.model]
            assert set(unit.inclusions) == set(INCLUSIONS)

    def test_what_is_graded_as_new_has_no_part_past_a_quarter_of_its_life(self, all_units):
        lives = {
            life_used(value=part.value, unit=part.unit, direction=part.direction, rated=part.rated_life)
            for unit in all_units
            if unit.grade is Grade.A
            for part in unit.parts
        }

        assert max(used for used in lives if used is not None) <= 25


class TestPlans:
    def test_an_order_comes_to_every_state(self):
        assert {plan.end for plan in PLANS} == set(OrderState)

    def test_people_buy_for_their_own_clinic(self):
        for plan in PLANS:
            house, _ = BY_NAME[plan.buyer]
            assert plan.house == house.key
            assert BY_NAME[plan.practitioner][0] is house
            assert plan.seller != plan.house


class TestPictures:
    def test_a_model_looks_the_same_every_time_and_unlike_another(self):
        one = pictures.Subject("Candela", "GentleMax Pro", ("ALEX", "NDYAG_LP"))
        other = pictures.Subject("Candela", "Vbeam Prima", ("PDL", "NDYAG_LP"))

        assert pictures.encoded(pictures.console(one)) == pictures.encoded(pictures.console(one))
        assert pictures.encoded(pictures.console(one)) != pictures.encoded(pictures.console(other))

    @pytest.mark.parametrize(
        ("maker", "model", "codes"), MODELS[::8], ids=lambda value: value if isinstance(value, str) else ""
    )
    def test_any_model_can_be_drawn(self, maker, model, codes):
        subject = pictures.Subject(maker, model, codes)

        assert pictures.console(subject).size == (960, 720)

    def test_a_tray_shows_up_to_four_handpieces_and_can_be_empty(self):
        for codes in ((), ("IPL",), ("RF_NEEDLE", "CO2", "KTP", "HIFU", "EMS")):
            drawn = pictures.handpieces(pictures.Subject("Lumenis", "M22", codes))
            assert drawn.size == (960, 720)

    def test_a_certificate_is_scanned_as_a_jpeg(self):
        drawn = pictures.document(["Dana Reyes", "No. 10442"], title="Texas Department of Licensing")

        assert pictures.encoded(drawn).startswith(b"\xff\xd8\xff")


def test_states_are_states():
    assert {proof.state for proof in PROOFS} <= set(STATES)


class TestUnderWay:
    def test_a_market_with_nothing_to_wait_for_is_no_demo(self):
        with pytest.raises(LookupError, match="worth waiting for to Elena Soto"):
            _ask(None, "Elena Soto", iter([]), "Please wait.", None)
