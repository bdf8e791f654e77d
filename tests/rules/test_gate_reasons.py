"""Every reason the gate can give is given by a situation here, with a sentence for the reader and a cure."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from marketplace.clinics.states import SellerStanding
from marketplace.credentials.states import CredentialState
from marketplace.eligibility.facts import (
    Asked,
    Buyer,
    Exclusion,
    Facts,
    Modification,
    OpenRecall,
    Practitioner,
    Site,
    Uses,
)
from marketplace.eligibility.policy import Policy
from marketplace.eligibility.reasons import CureCode, Key, ReasonCode
from marketplace.eligibility.rulebook import Check
from marketplace.eligibility.verdict import Reach
from tests.factories.gate import (
    HAIR,
    NOON,
    TATTOO,
    against,
    asked_of,
    device,
    facts,
    handpiece,
    held,
    ordered_by,
    person,
    physician,
    reference_policy,
    texas_facility,
    texas_hair,
)

DIODE = handpiece("DIODE_HR")
HOLDER = texas_hair().operator.credentials[0]
LHR = "a TDLR laser hair removal certificate as Technician, Senior Technician or Professional"


def _with_unit(**changes):
    return texas_hair(device=device(DIODE, **changes))


def _operator_with(**changes):
    return texas_hair(operator=person("Dana", replace(HOLDER, **changes)))


def _practitioner(**changes):
    return texas_hair(practitioner=Practitioner(person("Dr. Okafor", **changes)))


SITUATIONS = {
    # code: (facts, key, subjects, sentence, the first cure)
    ReasonCode.MODEL_UNKNOWN: (
        _with_unit(model_id=None),
        Key.DEVICE,
        ("Lumenis M22",),
        "This model is not in our catalogue, so nobody here knows what it does.",
        "contact_staff",
    ),
    ReasonCode.OTC_DEVICE: (
        _with_unit(product_code="OHT"),
        Key.DEVICE,
        ("Lumenis M22",),
        "This is a device for use at home, sold over the counter; it is not for a clinic.",
        "choose_another_device",
    ),
    ReasonCode.RX_LABEL_NOT_SEEN: (
        _with_unit(rx_label_seen=None),
        Key.DEVICE,
        ("Lumenis M22",),
        "The seller has not stated that the prescription legend is on the device.",
        "ask_seller",
    ),
    ReasonCode.ID_LABEL_NOT_SEEN: (
        _with_unit(id_label_seen=False),
        Key.DEVICE,
        ("Lumenis M22",),
        "The seller has not stated that the maker's identification label is on the device.",
        "ask_seller",
    ),
    ReasonCode.REMANUFACTURED: (
        _with_unit(modification=Modification.REMANUFACTURED),
        Key.DEVICE,
        ("Lumenis M22",),
        "It was changed beyond service; whoever does that answers for it as a manufacturer.",
        "choose_another_device",
    ),
    ReasonCode.MODIFICATION_UNKNOWN: (
        _with_unit(modification=Modification.UNKNOWN),
        Key.DEVICE,
        ("Lumenis M22",),
        "The seller does not know whether the device was changed beyond service.",
        "ask_seller",
    ),
    ReasonCode.RECALL_OPEN: (
        _with_unit(recall_open=True),
        Key.DEVICE,
        ("Lumenis M22",),
        "A recall that may concern this unit is open.",
        "choose_another_device",
    ),
    ReasonCode.NO_HANDPIECE: (
        texas_hair(device=device()),
        Key.DEVICE,
        ("Lumenis M22",),
        "The listing names no handpiece, so it is not known what is sold.",
        "ask_seller",
    ),
    ReasonCode.NOTHING_ENABLED: (
        texas_hair(device=device(handpiece("VACUUM"))),
        Key.DEVICE,
        ("Lumenis M22",),
        "Nothing in this sale treats anybody, so there is nothing to be cleared for.",
        "ask_seller",
    ),
    ReasonCode.MODALITY_UNDETERMINED: (
        texas_hair(device=device(DIODE, handpiece("DIODE", "Big handle"))),
        Key.DEVICE,
        ("Big handle",),
        "“Big handle” is described as DIODE, which does not say what it treats.",
        f"ask_seller:{handpiece('DIODE', 'Big handle').id}",
    ),
    ReasonCode.SELLER_NOT_VERIFIED: (
        texas_hair(seller=SellerStanding.UNVERIFIED),
        Key.SELLER,
        ("seller",),
        "The seller has not shown yet that it may hold and sell a prescription device.",
        "ask_seller",
    ),
    ReasonCode.SELLER_REFUSED: (
        texas_hair(seller=SellerStanding.REFUSED),
        Key.SELLER,
        ("seller",),
        "The seller could not show that it may hold and sell a prescription device.",
        "choose_another_device",
    ),
    ReasonCode.SELLER_SUSPENDED: (
        texas_hair(seller=SellerStanding.SUSPENDED),
        Key.SELLER,
        ("seller",),
        "The seller is suspended.",
        "choose_another_device",
    ),
    ReasonCode.NO_RULE: (
        texas_hair(device=device(handpiece("NDYAG_QS"))),
        Key.RULE,
        ("VASCULAR_PIGMENT", "TATTOO"),
        (
            "Vascular and pigment treatment and tattoo removal in Texas: No rule that was read and published says who may"
            " do this here, so nobody can be cleared for it yet."
        ),
        "ask_for_review:VASCULAR_PIGMENT",
    ),
    ReasonCode.ROUTE_CLOSED: (
        facts("OR", DIODE, operator=person("Noa", held("RN", "OR"))),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        (
            "Hair removal in Oregon: That the procedure is within the holder's own scope of practice in Oregon cannot be"
            " recorded here yet."
        ),
        "ask_for_review",
    ),
    ReasonCode.USE_NOT_ENABLED: (
        texas_hair(uses=Uses(frozenset({HAIR, TATTOO}))),
        Key.RULE,
        ("TATTOO",),
        "Nothing in this sale does what was declared: tattoo removal.",
        "correct_uses",
    ),
    ReasonCode.HANDPIECE_WITHOUT_USE: (
        facts(
            "AZ",
            DIODE,
            handpiece("ER_GLASS_FRAC", "ResurFX"),
            operator=physician("AZ"),
            site=Site((held("US-AZ:ADHS:DEVICE_REGISTRATION", "AZ"),)),
            uses=Uses(frozenset({HAIR})),
        ),
        Key.RULE,
        ("ResurFX",),
        "“ResurFX” serves none of the declared uses; it is for fractional non-ablative resurfacing.",
        f"remove_handpiece:{handpiece('ER_GLASS_FRAC', 'ResurFX').id}",
    ),
    ReasonCode.RESTRICTION_NOT_SIGNED: (
        texas_hair(device=device(handpiece("ALEX")), uses=Uses(frozenset({HAIR}))),
        Key.RULE,
        ("VASCULAR_PIGMENT",),
        (
            "The buyer has not signed: “The Lumenis M22 will be used only for hair removal. It will not be used for"
            " vascular and pigment treatment.”"
        ),
        "sign_restriction",
    ),
    ReasonCode.NO_CREDENTIAL: (
        texas_hair(operator=person("Dana")),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        f"Hair removal in Texas: Dana has not submitted {LHR}.",
        "submit_credential:US-TX:TDLR:LHR",
    ),
    ReasonCode.STALE: (
        _operator_with(verified_at=NOON - timedelta(days=120, microseconds=1)),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        (
            "Hair removal in Texas: Dana's Texas laser hair removal certificate (TDLR) was last confirmed by its source on"
            " 25 Jul 2026, which is more than 120 days ago."
        ),
        f"await_recheck:{HOLDER.id}",
    ),
    ReasonCode.IN_REVIEW: (
        _operator_with(state=CredentialState.SUBMITTED, verified_at=None),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        (
            "Hair removal in Texas: Dana's Texas laser hair removal certificate (TDLR) is waiting to be verified against"
            " its source."
        ),
        f"await_review:{HOLDER.id}",
    ),
    ReasonCode.NEEDS_INFO: (
        _operator_with(state=CredentialState.NEEDS_INFO, verified_at=None),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        (
            "Hair removal in Texas: Dana's Texas laser hair removal certificate (TDLR) waits for an answer to the"
            " verifier's question."
        ),
        f"answer_reviewer:{HOLDER.id}",
    ),
    ReasonCode.EXPIRED: (
        _operator_with(expires_on=date(2026, 3, 3)),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        "Hair removal in Texas: Dana's Texas laser hair removal certificate (TDLR) expired at the end of 3 Mar 2026.",
        f"renew_credential:{HOLDER.id}",
    ),
    ReasonCode.NOT_YET_VALID: (
        _operator_with(issued_on=date(2026, 11, 23)),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        "Hair removal in Texas: Dana's Texas laser hair removal certificate (TDLR) does not begin before 23 Nov 2026.",
        f"await_start:{HOLDER.id}",
    ),
    ReasonCode.ENDORSEMENT_MISSING: (
        facts(
            "AZ",
            DIODE,
            operator=person("Mina", held("US-AZ:ADHS:LASER_TECHNICIAN", "AZ", endorsements=frozenset({"LENTIGO"}))),
            site=Site((held("US-AZ:ADHS:DEVICE_REGISTRATION", "AZ"),)),
        ),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        "Hair removal in Arizona: Mina's Arizona laser technician certificate (ADHS) does not list hair removal.",
        f"add_to_credential:{held('US-AZ:ADHS:LASER_TECHNICIAN', 'AZ').id}",
    ),
    ReasonCode.LEVEL_NOT_COVERED: (
        facts(
            "WI",
            DIODE,
            operator=person("Wes", held("US-WI:DSPS:COSMETOLOGY_BOARD_LICENSEE", "WI", level="BARBER_POLE")),
            site=Site((held("US-WI:DSPS:COSMETOLOGY_ESTABLISHMENT", "WI"),)),
        ),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        (
            "Hair removal in Wisconsin: Wes's Wisconsin licence of the Cosmetology Examining Board is of the level “barber"
            " pole”; the rule asks for a Wisconsin licence of the Cosmetology Examining Board as aesthetician or"
            " cosmetologist."
        ),
        "submit_credential:US-WI:DSPS:COSMETOLOGY_BOARD_LICENSEE",
    ),
    ReasonCode.OTHER_MODEL: (
        facts(
            "IL",
            DIODE,
            operator=person(
                "Ida",
                held("PHYSICIAN_DELEGATION", "IL", endorsements=frozenset({HAIR.value})),
                held("MODEL_TRAINING", "IL", device_model_id=UUID(int=78)),
            ),
        ),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        "Hair removal in Illinois: Ida's Training on one device model is not about the Lumenis M22.",
        "submit_credential:MODEL_TRAINING",
    ),
    ReasonCode.WRONG_STATE: (
        texas_hair(operator=person("Rob", held("US-AZ:ADHS:LASER_TECHNICIAN", "AZ"))),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        (
            "Hair removal in Texas: Rob's Arizona laser technician certificate (ADHS) was issued in Arizona; the device"
            " would be used in Texas."
        ),
        "submit_credential:US-TX:TDLR:LHR",
    ),
    ReasonCode.SUSPENDED: (
        _operator_with(state=CredentialState.SUSPENDED),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        "Hair removal in Texas: Dana's Texas laser hair removal certificate (TDLR) is suspended.",
        f"contact_staff:{HOLDER.id}",
    ),
    ReasonCode.REJECTED: (
        _operator_with(state=CredentialState.REJECTED),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        "Hair removal in Texas: Dana's Texas laser hair removal certificate (TDLR) was not accepted by the verifier.",
        "submit_credential:US-TX:TDLR:LHR",
    ),
    ReasonCode.REVOKED: (
        _operator_with(state=CredentialState.REVOKED),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        "Hair removal in Texas: Dana's Texas laser hair removal certificate (TDLR) was revoked.",
        "submit_credential:US-TX:TDLR:LHR",
    ),
    ReasonCode.NOT_ACCEPTED: (
        facts("CA", DIODE, operator=person("Lou", held("ESTHETICIAN", "CA"))),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        (
            "Hair removal in California: Lou's Esthetician's licence does not make an operator for this in California;"
            " asked for: a licence as physician (MD or DO) from California. The rule turns away: “ESTHETICIAN”."
        ),
        "submit_credential:MD_DO",
    ),
    ReasonCode.NOT_AN_OPERATOR_CERTIFICATE: (
        texas_hair(operator=person("Rob", held("CLRT"))),
        Key.OPERATOR,
        ("HAIR_NONABLATIVE",),
        (
            "Hair removal in Texas: Rob's Certified Laser Repair Technician is not an operator certificate: it shows"
            f" training in repairing lasers, not in treating people with them. Asked for: {LHR}."
        ),
        "submit_credential:US-TX:TDLR:LHR",
    ),
    ReasonCode.NO_OPERATOR: (
        texas_hair(operator=None),
        Key.OPERATOR,
        ("operator",),
        "Nobody was named who will operate the device.",
        "choose_operator",
    ),
    ReasonCode.OPERATOR_NOT_MEMBER: (
        texas_hair(operator=replace(texas_hair().operator, member=False)),
        Key.OPERATOR,
        ("Dana",),
        "Dana is not a member of the buying clinic.",
        f"invite_operator:{texas_hair().operator.id}",
    ),
    ReasonCode.NO_PRACTITIONER: (
        texas_hair(practitioner=None),
        Key.PRACTITIONER,
        ("ordering practitioner",),
        "The clinic has no member who may order prescription devices in Texas.",
        "invite_practitioner",
    ),
    ReasonCode.PRACTITIONER_NOT_MEMBER: (
        texas_hair(practitioner=Practitioner(replace(physician(), member=False))),
        Key.PRACTITIONER,
        ("Dr. Okafor",),
        "Dr. Okafor is not a member of the buying clinic.",
        "invite_practitioner",
    ),
    ReasonCode.ORDER_NOT_CONFIRMED: (
        texas_hair(asked=Asked.PAYMENT_START),
        Key.PRACTITIONER,
        ("Dr. Okafor",),
        "Dr. Okafor has not confirmed this order for this maker, model and serial number.",
        "confirm_order",
    ),
    ReasonCode.CONFIRMATION_STALE: (
        texas_hair(
            asked=Asked.PAYMENT_START,
            practitioner=ordered_by(physician(), at=NOON - timedelta(days=90, microseconds=1)),
        ),
        Key.PRACTITIONER,
        ("Dr. Okafor",),
        "Dr. Okafor confirmed this order on 24 Aug 2026, which is more than 90 days ago.",
        "confirm_order",
    ),
    ReasonCode.STATEMENT_MISSING: (
        facts(
            "NV",
            DIODE,
            operator=person("Ann", held("US-NV:COSMO:ADVANCED_ESTHETICIAN", "NV")),
            asked=Asked.PAYMENT_START,
            practitioner=ordered_by(physician("NV")),
        ),
        Key.SUPERVISION,
        ("NV_REACHABLE",),
        (
            "The ordering practitioner has not signed this statement: “A health care professional can be reached in real"
            " time and is within 60 miles or 60 minutes whenever this device is used.”"
        ),
        "confirm_order",
    ),
    ReasonCode.SAFETY_OFFICER_NOT_NAMED: (
        texas_hair(site=replace(texas_facility(), safety_officer_named=False)),
        Key.SITE,
        ("site",),
        "The site has named no laser safety officer.",
        "name_safety_officer",
    ),
    ReasonCode.EXCLUSION_OPEN: (
        texas_hair(operator=replace(texas_hair().operator, exclusion=Exclusion.OPEN)),
        Key.STANDING,
        ("Dana",),
        "A possible entry in a list of excluded persons is not settled: Dana.",
        "contact_staff",
    ),
    ReasonCode.BUYER_SUSPENDED: (
        texas_hair(buyer=Buyer(UUID(int=5), in_good_standing=False, exclusion=Exclusion.NONE)),
        Key.STANDING,
        ("buyer",),
        "The buyer may not buy at present.",
        "contact_staff",
    ),
}
"""One situation for each reason that the reference policy can give on its own."""

DEMANDED = {ReasonCode.RECALL_NOT_CHECKED, ReasonCode.EXCLUSION_NOT_CHECKED}
"""Reasons that need a policy that demands the check."""


def test_every_reason_has_a_situation():
    assert SITUATIONS.keys() | DEMANDED == set(ReasonCode)


def test_the_situation_they_all_depart_from_is_answered_yes():
    assert against(texas_hair()) == []


@pytest.mark.parametrize("code", SITUATIONS, ids=str)
def test_a_reason_says_what_is_wrong_and_what_can_be_done(code):
    situation, key, subjects, sentence, cure = SITUATIONS[code]

    objection = next(entry for entry in asked_of(situation).objections if entry.code == code)

    assert (objection.key, objection.subjects) == (key, subjects)
    assert objection.sentence == sentence
    assert objection.cures[0].action == cure
    assert all(cure.sentence.endswith(".") for cure in objection.cures)


@pytest.mark.parametrize("code", sorted(SITUATIONS.keys() - {ReasonCode.NO_RULE}), ids=str)
def test_a_reason_stands_alone(code):
    assert {entry.code for entry in asked_of(SITUATIONS[code][0]).objections} == {code}


def test_the_only_handpiece_cannot_be_left_out_of_the_sale():
    (objection,) = asked_of(texas_hair(device=device(handpiece("DIODE")))).objections

    assert objection.code is ReasonCode.MODALITY_UNDETERMINED
    assert [cure.code for cure in objection.cures] == [CureCode.ASK_SELLER]


def test_one_of_several_handpieces_can_be():
    vague = handpiece("DIODE", "Big handle")
    (objection,) = asked_of(texas_hair(device=device(DIODE, vague))).objections

    assert [(cure.code, cure.target) for cure in objection.cures] == [
        (CureCode.ASK_SELLER, str(vague.id)),
        (CureCode.REMOVE_HANDPIECE, str(vague.id)),
    ]


def test_a_device_of_a_code_for_clinics_is_not_for_use_at_home():
    assert against(_with_unit(product_code="GEX")) == []


@pytest.mark.parametrize(
    ("firm", "classification", "told"),
    [
        ("Lumenis", "Class II", "Z-1-2026 of Lumenis (Class II)"),
        ("Lumenis", None, "Z-1-2026 of Lumenis"),
        (None, "Class II", "Z-1-2026 (Class II)"),
    ],
)
def test_an_open_recall_is_named_with_its_file(firm, classification, told):
    recall = OpenRecall("Z-1-2026", firm, classification, "FDA", date(2026, 5, 1))
    (objection,) = asked_of(_with_unit(recall_open=True, recalls=(recall,))).objections

    assert objection.code is ReasonCode.RECALL_OPEN
    assert objection.sentence == f"Our staff found that a recall concerns this model, and it is open: {told}."
    assert [(cited.ref, cited.text_version) for cited in objection.citations] == [
        ("FDA: Z-1-2026", "file of 1 May 2026")
    ]


def test_a_seller_in_review_is_waited_for():
    (objection,) = asked_of(texas_hair(seller=SellerStanding.IN_REVIEW)).objections

    assert objection.code is ReasonCode.SELLER_NOT_VERIFIED
    assert [cure.code for cure in objection.cures] == [CureCode.AWAIT_REVIEW]
    assert [citation.ref for citation in objection.citations] == ["21 CFR 801.109(a)(1)"]


def _demanding(**checks) -> Policy:
    return Policy(replace(reference_policy().document, **checks))


def test_a_policy_that_demands_a_recall_check_refuses_an_unchecked_unit():
    demanding = _demanding(recall_check=Check(required=True, reason=""))

    objections = asked_of(texas_hair(), policy=demanding).objections

    assert [(entry.key, entry.code) for entry in objections] == [(Key.DEVICE, ReasonCode.RECALL_NOT_CHECKED)]
    assert objections[0].sentence == "Nobody has checked this unit against the recalls."
    assert objections[0].cures[0].code is CureCode.CONTACT_STAFF
    assert asked_of(_with_unit(recall_open=False), policy=demanding).cleared


def _unseen(**changes) -> Facts:
    """Nobody has looked in the lists of excluded persons."""
    return texas_hair(
        buyer=Buyer(UUID(int=5), in_good_standing=True),
        operator=replace(texas_hair().operator, exclusion=None),
        practitioner=Practitioner(replace(physician(), exclusion=None)),
        **changes,
    )


def test_a_look_at_the_exclusion_lists_is_asked_of_everybody():
    objections = asked_of(_unseen()).objections

    assert [(entry.code, entry.subjects) for entry in objections] == [
        (ReasonCode.EXCLUSION_NOT_CHECKED, ("buyer",)),
        (ReasonCode.EXCLUSION_NOT_CHECKED, ("Dana",)),
        (ReasonCode.EXCLUSION_NOT_CHECKED, ("Dr. Okafor",)),
    ]
    assert objections[0].sentence == "Nobody has looked in the lists of excluded persons: buyer."


def test_a_policy_that_demands_no_look_at_the_exclusion_lists_goes_without():
    lax = _demanding(exclusion_check=Check(required=False, reason=""))
    listed = asked_of(_unseen(exclusions_until=NOON), policy=lax)

    assert listed.cleared
    assert listed.valid_until == asked_of(_unseen(), policy=lax).valid_until


def test_a_list_of_exclusions_counts_until_its_last_moment():
    until = texas_hair(exclusions_until=NOON)

    assert asked_of(until).cleared
    assert asked_of(until).valid_until == NOON + timedelta.resolution
    late = asked_of(until, at=NOON + timedelta.resolution)
    assert {entry.code for entry in late.objections} == {ReasonCode.EXCLUSION_NOT_CHECKED}
    assert late.objections[0].sentence == "The list of excluded persons is too old: buyer."


def test_who_was_found_to_be_excluded_is_told_so():
    found = texas_hair(operator=replace(texas_hair().operator, exclusion=Exclusion.CONFIRMED))

    [objection] = asked_of(found).objections

    assert (objection.code, objection.sentence) == (
        ReasonCode.EXCLUSION_OPEN,
        "Found in a list of excluded persons: Dana.",
    )


def test_what_was_confirmed_from_a_register_is_stale_when_the_register_is():
    [licence] = texas_hair().operator.credentials
    rested = texas_hair(operator=replace(texas_hair().operator, credentials=(replace(licence, register_until=NOON),)))

    assert asked_of(rested).cleared
    assert asked_of(rested).valid_until == NOON + timedelta.resolution
    [objection] = asked_of(rested, at=NOON + timedelta.resolution).objections
    assert objection.code is ReasonCode.STALE
    assert objection.sentence.endswith("was confirmed from a register whose newest file here is too old.")


class TestReach:
    """What stands against a purchase is the buyer's to bring, or it is not."""

    @pytest.mark.parametrize(
        ("question", "expected"),
        [
            (texas_hair(), Reach.TODAY),
            (texas_hair(operator=person("Nobody")), Reach.MISSING),
            (texas_hair(seller=SellerStanding.SUSPENDED), Reach.CLOSED),
            (texas_hair(seller=SellerStanding.IN_REVIEW), Reach.CLOSED),
            (_with_unit(recall_open=True), Reach.CLOSED),
            (_with_unit(rx_label_seen=None), Reach.CLOSED),
            (facts("MT", handpiece("ER_GLASS_FRAC")), Reach.CLOSED),
        ],
    )
    def test_by_whose_the_cure_is(self, question, expected):
        assert asked_of(question).reach is expected

    def test_what_no_rule_opens_is_closed_though_a_smaller_sale_would_be_open(self):
        verdict = asked_of(texas_hair(device=device(DIODE, handpiece("CO2"))))

        (objection,) = verdict.objections
        assert [cure.code for cure in objection.cures] == ["remove_handpiece", "ask_for_review"]
        assert verdict.reach is Reach.CLOSED

    def test_one_that_is_closed_closes_what_is_only_missing_otherwise(self):
        unit = device(DIODE, recall_open=True)
        verdict = asked_of(texas_hair(operator=person("Nobody"), device=unit))

        assert verdict.reach is Reach.CLOSED
        assert asked_of(texas_hair(operator=person("Nobody"))).reach is Reach.MISSING


def test_every_reason_is_said_in_words_of_its_own():
    words = [code.words for code in ReasonCode]
    assert len(set(words)) == len(words)
    assert [said for said in words if not said[0].isupper() or "_" in said or said.endswith(".")] == []
