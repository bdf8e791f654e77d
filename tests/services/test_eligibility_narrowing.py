"""Answers for many units are given for the uses that are open; never by leaving out what must be asked."""

from dataclasses import replace

import pytest

from marketplace.eligibility import service
from marketplace.eligibility.reasons import ReasonCode
from marketplace.eligibility.sale import Purchase
from marketplace.kernel.terms import ProcedureClass
from marketplace.listings import queries as listings
from tests.factories.accounts import make_user
from tests.factories.catalog import load_modalities
from tests.factories.clinics import make_member, make_site
from tests.factories.credentials import make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.support import count_statements

HAIR = ProcedureClass.HAIR_NONABLATIVE
VASCULAR = ProcedureClass.VASCULAR_PIGMENT
FRACTIONAL = ProcedureClass.FRACTIONAL_NONABLATIVE


@pytest.fixture
def purchase(scene):
    """Of a technician whom Texas clears for hair, and for nothing else."""
    return Purchase(
        buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, site_id=scene.site.id, operator_id=scene.buyer.id
    )


@pytest.fixture
def sold_with(scene):
    def sold_with(*modalities):
        parts = [make_handpiece(code, position=number) for number, code in enumerate(modalities, start=1)]
        return listings.sale_of(make_listing(clinic=scene.seller_clinic, handpieces=parts).id)

    return sold_with


def both(sale, purchase, at):
    """The answer to exactly this purchase, and the one for the uses that are open."""
    (narrowed,) = service.previews(sales=[sale], purchase=purchase, at=at)
    return service.preview(sale=sale, purchase=purchase, at=at), narrowed


def codes(verdict):
    return [objection.code for objection in verdict.objections]


class TestNarrowing:
    def test_a_shared_wavelength_is_narrowed_to_what_is_open(self, sold_with, purchase, now):
        whole, narrowed = both(sold_with("ALEX", "NDYAG_LP"), purchase, now)

        assert codes(whole) == [ReasonCode.NO_RULE]
        assert narrowed.cleared
        assert (narrowed.restriction.uses, narrowed.restriction.left_out) == ((HAIR,), (VASCULAR,))

    def test_what_is_open_whole_is_not_narrowed(self, sold_with, purchase, now):
        whole, narrowed = both(sold_with("DIODE_HR"), purchase, now)

        assert narrowed == whole
        assert narrowed.restriction is None

    @pytest.mark.parametrize("code", ["CO2", "RF_NEEDLE", "ER_GLASS_FRAC"])
    def test_a_handpiece_that_serves_nothing_open_is_asked_for_whole(self, sold_with, purchase, now, code):
        whole, narrowed = both(sold_with("DIODE_HR", code), purchase, now)

        assert narrowed == whole
        assert codes(narrowed) == [ReasonCode.NO_RULE]
        assert narrowed.restriction is None

    def test_light_that_burns_is_never_narrowed_away(self, scene, sold_with, purchase, now):
        # An Arizona technician for non-ablative resurfacing, before a laser that also does the ablative kind.
        operator = make_user(name="Nora Castillo")
        make_member(clinic=scene.clinic, user=operator)
        phoenix = make_site(clinic=scene.clinic, state="AZ")
        make_credential(
            type_code="US-AZ:ADHS:LASER_TECHNICIAN",
            jurisdiction="AZ",
            holder=operator,
            endorsements=("NONABLATIVE_RESURFACING",),
            at=now,
            expires_on=now.date().replace(year=now.year + 1, day=1),
        )
        there = replace(purchase, buyer_id=operator.id, operator_id=operator.id, site_id=phoenix.id)

        whole, narrowed = both(sold_with("HYBRID_FRAC"), there, now)

        assert ReasonCode.NO_RULE in codes(whole)
        assert narrowed == whole

    def test_it_stands_only_where_less_stands_against_it(self, sold_with, purchase, now):
        # Narrowed to hair, the tattoo laser would serve none of the declared uses: one objection for another.
        whole, narrowed = both(sold_with("DIODE_HR", "NDYAG_QS"), purchase, now)

        assert narrowed == whole

    def test_what_is_nobodys_is_not_narrowed(self, scene, sold_with, purchase, now):
        stranger = make_user()
        make_member(clinic=scene.clinic, user=stranger)
        theirs = replace(purchase, buyer_id=stranger.id, operator_id=stranger.id)

        whole, narrowed = both(sold_with("ALEX"), theirs, now)

        assert narrowed == whole
        assert codes(narrowed) == [ReasonCode.NO_CREDENTIAL, ReasonCode.NO_RULE]

    @pytest.mark.parametrize("uses", [{VASCULAR}, {HAIR, VASCULAR}, {FRACTIONAL}])
    def test_declared_uses_are_left_alone(self, sold_with, purchase, now, uses):
        declared = replace(purchase, declared_uses=frozenset(uses))

        whole, narrowed = both(sold_with("ALEX"), declared, now)

        assert narrowed == whole
        assert not narrowed.cleared

    def test_what_stands_against_the_purchase_itself_stays(self, scene, sold_with, purchase, now):
        operator = make_user(name="Tyler Brooks")
        make_member(clinic=scene.seller_clinic, user=operator)
        site = make_site(clinic=scene.seller_clinic)
        theirs = Purchase(
            buyer_id=operator.id, clinic_id=scene.seller_clinic.id, site_id=site.id, operator_id=scene.buyer.id
        )

        _, narrowed = both(sold_with("ALEX"), theirs, now)

        assert ReasonCode.OPERATOR_NOT_MEMBER in codes(narrowed)
        assert ReasonCode.NO_PRACTITIONER in codes(narrowed)


class TestCapacity:
    def test_answers_for_every_use_of_every_modality(self, purchase, now):
        answers = service.capacity(purchase=purchase, at=now)

        assert len(answers) > 30
        assert {use for (_, use), verdict in answers.items() if verdict.cleared} == {HAIR}

    def test_asks_as_if_each_use_were_all_that_is_meant(self, purchase, now):
        answers = service.capacity(purchase=purchase, at=now)

        assert answers["ALEX", HAIR].cleared
        assert answers["ALEX", HAIR].restriction.left_out == (VASCULAR,)
        assert codes(answers["ALEX", VASCULAR]) == [ReasonCode.NO_RULE]

    def test_nothing_is_said_of_the_unit_or_its_seller(self, purchase, now):
        keys = {
            objection.key
            for verdict in service.capacity(purchase=purchase, at=now).values()
            for objection in verdict.objections
        }

        assert {key.value for key in keys} == {"rule"}

    def test_asks_the_database_as_often_for_a_large_clinic_as_for_a_small_one(self, scene, purchase, now):
        load_modalities()
        service.capacity(purchase=purchase, at=now)
        with count_statements() as small:
            service.capacity(purchase=purchase, at=now)
        for _ in range(4):
            make_member(clinic=scene.clinic)
        with count_statements() as large:
            service.capacity(purchase=purchase, at=now)

        assert len(large) == len(small)
