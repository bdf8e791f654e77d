"""The three worked examples, and a yes and a no for each state the gate opens first."""

from dataclasses import replace

import pytest

from marketplace.eligibility.facts import Asked, Practitioner, Site, Uses
from marketplace.eligibility.reasons import ReasonCode
from marketplace.eligibility.verdict import Outcome, Restriction, Statement
from tests.factories.gate import (
    ABLATIVE,
    FRACTIONAL,
    HAIR,
    SKIN,
    VASCULAR,
    against,
    asked_of,
    device,
    enabling,
    facts,
    handpiece,
    held,
    ordered_by,
    person,
    physician,
    texas_facility,
    texas_hair,
)

ALEX, YAG = handpiece("ALEX", "755 nm handpiece"), handpiece("NDYAG_LP", "1064 nm handpiece")
IPL, RESURFX = handpiece("IPL", "Universal IPL"), handpiece("ER_GLASS_FRAC", "ResurFX")
DIODE = handpiece("DIODE_HR", "805 nm handpiece")


def _arizona(*endorsements):
    return person("Mina", held("US-AZ:ADHS:LASER_TECHNICIAN", "AZ", endorsements=frozenset(endorsements)))


class TestTexasGentleMaxProToALaserHairRemovalFacility:
    unit = device(ALEX, YAG, maker="Candela", model="GentleMax Pro")

    def test_for_everything_it_can_do_there_is_no_rule(self):
        verdict = asked_of(texas_hair(device=self.unit))

        assert verdict.outcome is Outcome.NO_RULE
        (objection,) = verdict.objections
        assert (objection.key, objection.code) == ("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE")
        assert objection.subjects == ("VASCULAR_PIGMENT",)
        assert [cure.action for cure in objection.cures] == [
            "narrow_uses:VASCULAR_PIGMENT",
            "ask_for_review:VASCULAR_PIGMENT",
        ]
        assert [(route.rule_id, route.confirmed) for route in objection.routes] == [("TX-OTHER-TMB-1", False)] * 3
        assert [citation.ref for citation in objection.citations] == [
            "22 TAC 193.17 (through 2024-11-08; re-codified 2025)",
            "Tex. H&S Code 401.504(b)",
        ]

    @pytest.mark.parametrize("asked", Asked)
    def test_the_restriction_is_signed_with_the_order_and_not_before(self, asked):
        due = asked not in (Asked.PREVIEW, Asked.OFFER)

        verdict = asked_of(texas_hair(device=self.unit, uses=Uses(frozenset({HAIR})), asked=asked))

        assert (ReasonCode.RESTRICTION_NOT_SIGNED in [one.code for one in verdict.objections]) is due
        assert asked.restriction_is_due is due

    def test_for_hair_alone_under_a_signed_restriction_it_is_cleared(self):
        uses = Uses(frozenset({HAIR}), restriction_signed=True)

        verdict = asked_of(texas_hair(device=self.unit, uses=uses))

        assert verdict.cleared
        assert verdict.restriction == Restriction(
            (HAIR,),
            (VASCULAR,),
            "The Candela GentleMax Pro will be used only for hair removal."
            " It will not be used for vascular and pigment treatment.",
        )
        assert verdict.rule_ids == ("TX-HAIR-TDLR-1",)
        assert [str(held_type) for held_type in verdict.credential_ids] == [
            str(entry.id)
            for entry in (
                *texas_hair().operator.credentials,
                *texas_facility().credentials,
                *texas_facility().colleagues[0].credentials,
                *physician().credentials,
            )
        ]

    def test_a_hair_certificate_opens_nothing_else_that_is_declared(self):
        uses = Uses(frozenset({HAIR, VASCULAR}))

        assert against(texas_hair(device=self.unit, uses=uses)) == [
            ("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("VASCULAR_PIGMENT",))
        ]

    def test_a_paper_of_another_states_site_does_not_do(self):
        papers = (replace(texas_facility().credentials[0], jurisdiction="OK"), texas_facility().credentials[1])

        (objection,) = asked_of(texas_hair(site=replace(texas_facility(), credentials=papers))).objections

        assert (objection.key, objection.code) == ("site", "WRONG_STATE")
        assert objection.sentence == (
            "The site's Texas laser hair removal facility licence (TDLR) was issued in Oklahoma; the device would be"
            " used in Texas."
        )
        assert [cure.action for cure in objection.cures] == ["submit_credential:US-TX:TDLR:LHR_FACILITY"]

    def test_a_facility_without_its_papers_is_told_of_each(self):
        question = texas_hair(device=self.unit, site=Site(), uses=Uses(frozenset({HAIR}), restriction_signed=True))

        assert against(question) == [
            ("site", "NO_CREDENTIAL", ("the laser hair removal facility licence of TDLR",)),
            ("site", "NO_CREDENTIAL", ("a contract with a consulting physician",)),
            ("site", "SAFETY_OFFICER_NOT_NAMED", ("site",)),
            # Dana herself is a Senior Technician, which is not enough for the facility.
            ("site", "LEVEL_NOT_COVERED", ("a laser hair removal Professional's certificate at the facility",)),
        ]
        assert asked_of(question).objections[-1].cures[0].code == "invite_colleague"

    def test_an_apprentice_needs_a_senior_at_the_facility_and_the_physicians_word(self):
        apprentice = person("Ash", held("US-TX:TDLR:LHR", level="APPRENTICE_IN_TRAINING"))
        question = texas_hair(operator=apprentice)

        assert asked_of(question).cleared
        assert [statement.code for statement in asked_of(question).statements] == ["TX_APPRENTICE_SUPERVISED"]
        paying = replace(question, asked=Asked.PAYMENT_START, practitioner=ordered_by(physician()))
        assert against(paying) == [("supervision", "STATEMENT_MISSING", ("TX_APPRENTICE_SUPERVISED",))]
        signed = ordered_by(physician(), "TX_APPRENTICE_SUPERVISED")
        assert against(replace(paying, practitioner=signed)) == []

    def test_an_apprentice_among_apprentices_is_refused_for_want_of_a_colleague(self):
        apprentice = person("Ash", held("US-TX:TDLR:LHR", level="APPRENTICE_IN_TRAINING"))
        technician = person("Tom", held("US-TX:TDLR:LHR", level="TECHNICIAN"))

        objections = asked_of(texas_hair(operator=apprentice, site=texas_facility(technician))).objections

        assert [(entry.key, entry.code, entry.subjects) for entry in objections] == [
            ("site", "LEVEL_NOT_COVERED", ("a Senior Technician's or Professional's certificate",)),
            ("site", "LEVEL_NOT_COVERED", ("a laser hair removal Professional's certificate at the facility",)),
        ]

    def test_a_physician_may_order_and_operate_in_an_exempt_practice(self):
        doctor = physician()
        question = texas_hair(operator=doctor, site=Site(), asked=Asked.PAYMENT_START)

        exempt = ordered_by(doctor, "TX_FACILITY_EXEMPT")

        assert against(replace(question, practitioner=exempt)) == []
        assert against(replace(question, practitioner=ordered_by(doctor))) == [
            ("supervision", "STATEMENT_MISSING", ("TX_FACILITY_EXEMPT",))
        ]


class TestArizonaM22ToAnAesthetician:
    site = Site((held("US-AZ:ADHS:DEVICE_REGISTRATION", "AZ"),))

    def _question(self, *handpieces, endorsements=("HAIR_REDUCTION", "PHOTO_FACIAL", "TELANGIECTASIA")):
        return facts("AZ", *handpieces, operator=_arizona(*endorsements), site=self.site)

    def test_without_non_ablative_resurfacing_on_the_certificate_the_resurfx_handpiece_stands_against_it(self):
        verdict = asked_of(self._question(IPL, YAG, RESURFX))

        (objection,) = verdict.objections
        assert (objection.key, objection.code) == ("operator", "ENDORSEMENT_MISSING")
        assert objection.subjects == ("FRACTIONAL_NONABLATIVE",)
        assert objection.cures[0].action == f"remove_handpiece:{RESURFX.id}"
        assert objection.cures[0].sentence == "Buy it without “ResurFX”."
        assert [citation.ref for citation in objection.citations] == [
            "A.R.S. 32-516",
            "A.R.S. 32-3233",
            "A.A.C. R9-7-1438",
            "A.A.C. R9-16-703",
        ]
        assert verdict.outcome is Outcome.NOT_YET

    def test_without_that_handpiece_it_is_cleared(self):
        verdict = asked_of(self._question(IPL, YAG))

        assert verdict.cleared
        assert verdict.statements[0].code == "AZ_PRESCRIBING_PROFESSIONAL"

    def test_with_the_endorsement_it_is_cleared_whole(self):
        endorsements = ("HAIR_REDUCTION", "PHOTO_FACIAL", "NONABLATIVE_RESURFACING")

        assert against(self._question(IPL, YAG, RESURFX, endorsements=endorsements)) == []

    def test_an_ablative_laser_has_no_technicians_rule_at_all(self):
        assert against(self._question(handpiece("CO2"))) == [
            ("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("ABLATIVE",))
        ]

    def test_an_endorsement_that_names_no_known_procedure_opens_nothing(self):
        assert against(self._question(YAG, endorsements=("CELLULITE", "OTHER_APPROVED"))) == [
            ("operator", "ENDORSEMENT_MISSING", ("HAIR_NONABLATIVE",)),
            ("operator", "ENDORSEMENT_MISSING", ("VASCULAR_PIGMENT",)),
        ]

    def test_an_unregistered_site_is_told_so(self):
        question = replace(self._question(YAG), site=Site())

        assert against(question) == [
            ("site", "NO_CREDENTIAL", ("the ADHS registration of medical lasers and IPL devices",))
        ]


class TestFloridaLightSheerDesireToAnElectrologist:
    licence = held("US-FL:DOH:ELECTROLOGIST", "FL")
    model = held("MODEL_TRAINING", "FL")
    course = (held("FL_30H_LASER_COURSE", "FL"), held("SCMHR:CME", "FL"))
    programme = (held("FL_320H_COMBINED_PROGRAM", "FL"), held("FL_BOARD_APPROVED_COMBINED_EXAM", "FL"))

    def _question(self, *credentials, **changes):
        return facts("FL", DIODE, operator=person("Eva", *credentials), **changes)

    @pytest.mark.parametrize("training", ["course", "programme"])
    def test_either_training_beside_the_licence_and_the_model_is_enough(self, training):
        verdict = asked_of(self._question(self.licence, self.model, *getattr(self, training)))

        assert verdict.cleared
        assert [statement.code for statement in verdict.statements] == [
            "FL_SUPERVISING_PHYSICIAN",
            "FL_CLEARED_FOR_HAIR",
        ]
        assert verdict.statements[1] == Statement(
            "FL_CLEARED_FOR_HAIR",
            "This device is cleared by FDA for hair removal or hair reduction.",
            "FL-ELECTROLOGIST-1",
        )

    def test_half_of_one_training_and_half_of_the_other_is_neither(self):
        verdict = asked_of(self._question(self.licence, self.model, self.course[0], self.programme[0]))

        (objection,) = verdict.objections
        assert (objection.key, objection.code) == ("operator", "NO_CREDENTIAL")
        assert (
            objection.sentence
            == "Hair removal in Florida: Eva has not submitted the board-approved combined examination."
        )

    def test_training_on_another_model_does_not_do(self):
        other = replace(self.model, device_model_id=self.licence.id)

        assert against(self._question(self.licence, other, *self.course)) == [
            ("operator", "OTHER_MODEL", ("HAIR_NONABLATIVE",))
        ]

    def test_the_private_certificate_alone_makes_no_operator(self):
        assert against(self._question(*self.course, self.model)) == [
            ("operator", "NO_CREDENTIAL", ("HAIR_NONABLATIVE",))
        ]

    def test_payment_waits_for_the_physician_who_supervises(self):
        question = self._question(
            self.licence,
            self.model,
            *self.course,
            asked=Asked.PAYMENT_RECEIVED,
            practitioner=ordered_by(physician("FL")),
        )

        assert against(question) == [
            ("supervision", "STATEMENT_MISSING", ("FL_SUPERVISING_PHYSICIAN",)),
            ("supervision", "STATEMENT_MISSING", ("FL_CLEARED_FOR_HAIR",)),
        ]
        signed = ordered_by(physician("FL"), "FL_SUPERVISING_PHYSICIAN", "FL_CLEARED_FOR_HAIR")
        assert against(replace(question, practitioner=signed)) == []

    def test_anything_but_hair_has_no_rule(self):
        question = replace(self._question(self.licence, self.model, *self.course), device=device(YAG))

        assert against(question) == [("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("VASCULAR_PIGMENT",))]


class TestTheOtherStates:
    def test_georgia_senior_yes_assistant_alone_no(self):
        senior = held("US-GA:GCMB:SENIOR_LASER_PRACTITIONER", "GA")
        assistant = person("Abe", held("US-GA:GCMB:ASSISTANT_LASER_PRACTITIONER", "GA"))
        nobody = Practitioner(replace(physician("GA"), member=False))

        verdict = asked_of(facts("GA", DIODE, operator=person("Sue", senior)))
        assert verdict.cleared
        assert verdict.limits == ("ABLATIVE", "RF (not light based)", "within 1 inch of eye socket")
        assert against(facts("GA", DIODE, operator=assistant)) == []
        assert against(facts("GA", DIODE, operator=assistant, practitioner=nobody)) == [
            ("site", "NO_CREDENTIAL", ("a Senior Laser Practitioner's or physician's licence from Georgia",)),
            ("practitioner", "PRACTITIONER_NOT_MEMBER", ("Dr. Okafor",)),
        ]

    def test_georgia_says_nothing_of_light_joined_with_radio_frequency(self):
        senior = person("Sue", held("US-GA:GCMB:SENIOR_LASER_PRACTITIONER", "GA"))
        uses = Uses(frozenset({HAIR}), restriction_signed=True)

        assert against(facts("GA", handpiece("ELOS_IPL_RF"), operator=senior, uses=uses)) == [
            ("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("HAIR_NONABLATIVE",))
        ]

    def test_illinois_delegate_yes_ablative_only_for_a_licensed_one(self):
        delegation = held("PHYSICIAN_DELEGATION", "IL", endorsements=frozenset({HAIR.value, ABLATIVE.value}))
        training = held("MODEL_TRAINING", "IL")
        lay = person("Ida", delegation, training)
        nurse = person("Nat", delegation, training, held("RN", "IL"))

        assert against(facts("IL", DIODE, operator=lay)) == []
        assert against(facts("IL", handpiece("CO2"), operator=lay)) == [("operator", "NO_CREDENTIAL", ("ABLATIVE",))]
        assert against(facts("IL", handpiece("CO2"), operator=nurse)) == []
        assert against(facts("IL", RESURFX, operator=nurse)) == [
            ("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("FRACTIONAL_NONABLATIVE",))
        ]

    def test_nevada_advanced_esthetician_yes_for_hair_no_for_tattoo(self):
        ann = person("Ann", held("US-NV:COSMO:ADVANCED_ESTHETICIAN", "NV"))

        assert against(facts("NV", DIODE, enabling(SKIN), operator=ann)) == []
        assert against(facts("NV", handpiece("NDYAG_QS"), operator=ann)) == [
            ("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("VASCULAR_PIGMENT", "TATTOO"))
        ]

    def test_oregon_certified_advanced_esthetician_yes_a_nurse_not_yet(self):
        certified = person("Cai", held("US-OR:HLO:CERTIFIED_ADVANCED_ESTHETICIAN", "OR"))

        assert against(facts("OR", DIODE, operator=certified)) == []
        assert against(facts("OR", DIODE, operator=person("Noa", held("RN", "OR")))) == [
            ("operator", "ROUTE_CLOSED", ("HAIR_NONABLATIVE",))
        ]

    def test_california_nurse_under_a_physician_yes_an_esthetician_never(self):
        assert against(facts("CA", YAG, operator=person("Nia", held("RN", "CA")))) == []
        for type_code in ("ESTHETICIAN", "COSMETOLOGIST", "ELECTROLOGIST", "LPN", "MEDICAL_ASSISTANT"):
            code = "NOT_ACCEPTED"
            assert against(facts("CA", YAG, operator=person("Lou", held(type_code, "CA")))) == [
                ("operator", code, ("HAIR_NONABLATIVE", "VASCULAR_PIGMENT"))
            ]

    def test_utah_opens_to_nobody_until_its_text_is_read(self):
        master = person("Uma", held("US-UT:DOPL:MASTER_ESTHETICIAN", "UT"), held("MD_DO", "UT"))

        assert asked_of(facts("UT", DIODE, operator=master)).outcome is Outcome.NO_RULE

    def test_virginia_nurse_practitioner_yes_vascular_work_has_no_rule(self):
        nurse = person("Vera", held("APRN", "VA"))

        assert against(facts("VA", DIODE, operator=nurse)) == []
        assert against(facts("VA", YAG, operator=nurse)) == [
            ("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("VASCULAR_PIGMENT",))
        ]

    def test_oklahoma_nurse_needs_the_forty_hours_and_a_laser(self):
        nurse, trained = held("RN", "OK"), held("US-OK:LASER_PRACTITIONER_TRAINING", "OK")
        uses = Uses(frozenset({HAIR}), restriction_signed=True)

        assert against(facts("OK", DIODE, operator=person("Ona", nurse, trained))) == []
        assert against(facts("OK", DIODE, operator=person("Ona", nurse))) == [
            ("operator", "NO_CREDENTIAL", ("HAIR_NONABLATIVE",))
        ]
        assert against(facts("OK", IPL, operator=person("Ona", nurse, trained), uses=uses)) == [
            ("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("HAIR_NONABLATIVE",))
        ]

    def test_north_carolina_practitioner_is_an_electrologist_too(self):
        practitioner, electrologist = held("US-NC:BBEE:LASER_HAIR_PRACTITIONER", "NC"), held("ELECTROLOGIST", "NC")

        assert against(facts("NC", DIODE, operator=person("Nell", practitioner, electrologist))) == []
        assert against(facts("NC", DIODE, operator=person("Nell", practitioner))) == [
            ("operator", "NO_CREDENTIAL", ("HAIR_NONABLATIVE",))
        ]

    def test_washington_delegate_is_licensed(self):
        delegation = held("PHYSICIAN_DELEGATION", "WA", endorsements=frozenset({HAIR.value}))

        assert against(facts("WA", DIODE, operator=person("Wren", delegation, held("LPN", "WA")))) == []
        master = person("Mel", delegation, held("US-WA:DOL:MASTER_ESTHETICIAN", "WA"))
        assert against(facts("WA", DIODE, operator=master)) == [("operator", "NO_CREDENTIAL", ("HAIR_NONABLATIVE",))]

    def test_massachusetts_ipl_handpiece_and_laser_handpiece_are_ruled_apart(self):
        electrologist = held("US-MA:BRCB:ELECTROLOGIST", "MA", endorsements=frozenset({"LASER_HAIR_REMOVAL"}))
        site = Site((held("US-MA:DPH_RCP:LASER_FACILITY_REGISTRATION", "MA"),), safety_officer_named=True)
        laser, light = enabling(HAIR, name="laser"), replace(enabling(HAIR, name="light"), hazard=IPL.hazard)
        who = person("Mae", electrologist)

        assert against(facts("MA", laser, operator=who, site=site)) == []
        objections = asked_of(facts("MA", laser, light, operator=who, site=site)).objections
        assert [(entry.key, entry.subjects) for entry in objections] == [("operator", ("HAIR_NONABLATIVE",))]
        assert f"remove_handpiece:{light.id}" not in {cure.action for cure in objections[0].cures}

    def test_massachusetts_asks_for_laser_papers_only_where_there_is_a_laser(self):
        doctor = physician("MA")
        light = replace(enabling(HAIR, name="light"), hazard=IPL.hazard)

        assert against(facts("MA", light, operator=doctor)) == []
        assert against(facts("MA", enabling(HAIR), operator=doctor)) == [
            ("site", "NO_CREDENTIAL", ("the laser facility registration of the Radiation Control Program",)),
            ("site", "SAFETY_OFFICER_NOT_NAMED", ("site",)),
        ]


class TestAblativeWorkIsNeverNarrowedAway:
    def test_a_hybrid_handpiece_asks_for_ablative_whatever_is_declared(self):
        hybrid = handpiece("HYBRID_FRAC", "Halo")
        doctor = physician("CO")
        uses = Uses(frozenset({FRACTIONAL}), restriction_signed=True)
        delegation = held("PHYSICIAN_DELEGATION", "CO", endorsements=frozenset({FRACTIONAL.value}))

        assert against(facts("CO", hybrid, operator=doctor, uses=uses)) == []
        assert asked_of(facts("CO", hybrid, operator=doctor, uses=uses)).restriction is None
        assert against(facts("CO", hybrid, operator=person("Del", delegation), uses=uses)) == [
            ("operator", "NOT_ACCEPTED", ("ABLATIVE",))
        ]

    def test_no_cure_offers_to_declare_ablative_work_away(self):
        hybrid = handpiece("HYBRID_FRAC", "Halo")
        delegation = held("PHYSICIAN_DELEGATION", "CO", endorsements=frozenset({FRACTIONAL.value}))

        objections = asked_of(facts("CO", hybrid, operator=person("Del", delegation))).objections

        assert [entry.subjects for entry in objections] == [("ABLATIVE",)]
        assert "narrow_uses" not in {cure.code for cure in objections[0].cures}
