"""The instants at which a yes becomes a no, on both sides."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from marketplace.credentials.states import CredentialState
from marketplace.eligibility.facts import Asked, Hazard, Place, Practitioner, Site, Uses
from marketplace.eligibility.policy import Policy
from marketplace.eligibility.rulebook import reference_document
from marketplace.kernel.shapes import Misshapen
from marketplace.kernel.terms import ProcedureClass
from tests.factories.gate import (
    MODEL,
    NOON,
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
    reference_policy,
    texas_facility,
    texas_hair,
)

HAIR = ProcedureClass.HAIR_NONABLATIVE
DIODE = handpiece("DIODE_HR")
TICK = timedelta(microseconds=1)
FRESH = NOON - timedelta(days=1)


def _dana(**changes):
    return person("Dana", held("US-TX:TDLR:LHR", level="TECHNICIAN", **changes))


class TestGravest:
    """Of several reasons why one credential does not do, the one that takes longest to cure is named."""

    @pytest.mark.parametrize(
        ("state", "named"),
        [
            (CredentialState.SUBMITTED, "WRONG_STATE"),
            (CredentialState.NEEDS_INFO, "WRONG_STATE"),
            (CredentialState.SUSPENDED, "SUSPENDED"),
            (CredentialState.REVOKED, "REVOKED"),
        ],
    )
    def test_a_doubt_about_it_weighs_more_than_its_place_and_a_wait_less(self, state, named):
        abroad = replace(held("US-TX:TDLR:LHR", "AZ", level="TECHNICIAN"), state=state)

        assert against(texas_hair(operator=person("Dana", abroad))) == [("operator", named, ("HAIR_NONABLATIVE",))]

    @pytest.mark.parametrize("state", [CredentialState.WITHDRAWN, CredentialState.SUPERSEDED])
    def test_one_that_is_put_forward_no_more_is_none(self, state):
        gone = replace(held("US-TX:TDLR:LHR", level="TECHNICIAN"), state=state)

        assert against(texas_hair(operator=person("Dana", gone))) == [
            ("operator", "NO_CREDENTIAL", ("HAIR_NONABLATIVE",))
        ]

    @pytest.mark.parametrize("order", [1, -1])
    def test_of_several_the_nearest_is_named_in_whatever_order_they_are_held(self, order):
        over = held("US-TX:TDLR:LHR", level="TECHNICIAN", expires_on=date(2020, 1, 1))
        abroad = held("US-TX:TDLR:LHR", "AZ", level="TECHNICIAN")

        assert against(texas_hair(operator=person("Dana", *(over, abroad)[::order]))) == [
            ("operator", "EXPIRED", ("HAIR_NONABLATIVE",))
        ]

    @pytest.mark.parametrize("order", [1, -1])
    def test_of_several_that_do_the_one_that_holds_longest_is_what_a_yes_rests_on(self, order):
        soon = held("US-TX:TDLR:LHR", level="TECHNICIAN", expires_on=date(2026, 12, 1))
        later = held("US-TX:TDLR:LHR", level="SENIOR_TECHNICIAN")

        verdict = asked_of(texas_hair(operator=person("Dana", *(soon, later)[::order])))

        assert (later.id in verdict.credential_ids, soon.id in verdict.credential_ids) == (True, False)

    def test_an_objection_names_the_credential_that_came_nearest(self):
        over = replace(texas_facility().credentials[0], expires_on=date(2020, 1, 1))
        site = replace(texas_facility(), credentials=(over, texas_facility().credentials[1]))
        late = _dana(expires_on=date(2020, 1, 1))

        named = {found.key: found.credential_id for found in asked_of(texas_hair(operator=late, site=site)).objections}
        assert named == {"operator": late.credentials[0].id, "site": over.id}

    def test_a_no_holds_until_nothing(self):
        assert asked_of(texas_hair(operator=_dana(expires_on=date(2020, 1, 1)))).valid_until is None

    def test_one_that_does_not_say_when_it_was_issued_counts(self):
        assert against(texas_hair(operator=_dana(issued_on=None))) == []


def test_what_texas_asks_of_the_site_it_asks_for_light_that_is_no_laser_as_well():
    """Other places ask it of lasers alone, and say so."""
    light = texas_hair(
        device=device(handpiece("IPL")), uses=Uses(frozenset({HAIR}), restriction_signed=True), site=Site()
    )

    assert sorted(code for key, code, _ in against(light) if key == "site") == [
        "LEVEL_NOT_COVERED", "NO_CREDENTIAL", "NO_CREDENTIAL", "SAFETY_OFFICER_NOT_NAMED",
    ]  # fmt: skip


class TestExpiry:
    """Chicago is six hours behind UTC in November: 22 November ends there at 06:00 UTC on the 23rd."""

    question = texas_hair(operator=_dana(expires_on=date(2026, 11, 22)))
    midnight = datetime(2026, 11, 23, 6, tzinfo=UTC)

    def test_holds_through_the_last_second_of_the_day_at_the_place_of_use(self):
        verdict = asked_of(self.question, self.midnight - timedelta(seconds=1))

        assert verdict.cleared
        assert verdict.valid_until == self.midnight

    def test_is_gone_with_the_first_instant_of_the_next_day(self):
        assert against(self.question, self.midnight - TICK) == []
        assert against(self.question, self.midnight) == [("operator", "EXPIRED", ("HAIR_NONABLATIVE",))]

    def test_the_day_ends_where_the_device_is_used_not_where_we_are(self):
        at_sea = replace(self.question, place=Place("TX", "Pacific/Honolulu"))

        assert against(at_sea, self.midnight) == []
        assert against(at_sea, self.midnight + timedelta(hours=4)) == [("operator", "EXPIRED", ("HAIR_NONABLATIVE",))]

    def test_a_licence_without_an_end_lasts_as_long_as_its_evidence(self):
        doctor = physician("GA", expires_on=None)
        verdict = asked_of(facts("GA", DIODE, operator=doctor, practitioner=Practitioner(doctor)))

        assert verdict.valid_until == NOON - timedelta(days=10) + timedelta(days=120) + TICK

    def test_the_typing_errors_of_a_register_do_not_break_the_answer(self):
        for never in (date(2922, 8, 22), date(9999, 1, 1), date.max):
            assert asked_of(texas_hair(operator=_dana(expires_on=never))).cleared
        assert not asked_of(texas_hair(operator=_dana(expires_on=date(1900, 1, 1)))).cleared

    def test_a_certificate_begins_with_the_day_it_was_issued(self):
        assert against(texas_hair(operator=_dana(issued_on=date(2026, 11, 22)))) == []
        assert against(texas_hair(operator=_dana(issued_on=date(2026, 11, 23)))) == [
            ("operator", "NOT_YET_VALID", ("HAIR_NONABLATIVE",))
        ]


class TestFreshness:
    def test_evidence_of_exactly_120_days_still_counts(self):
        exactly = texas_hair(operator=_dana(verified_at=NOON - timedelta(days=120)))

        assert asked_of(exactly).valid_until == NOON + TICK
        assert against(exactly, NOON + TICK) == [("operator", "STALE", ("HAIR_NONABLATIVE",))]

    def test_the_release_asks_for_a_look_within_30_days(self):
        doctor = physician(verified_at=FRESH)
        release = {"asked": Asked.SHIP_RELEASE, "practitioner": ordered_by(doctor)}
        site = replace(
            texas_facility(person("Priya", held("US-TX:TDLR:LHR", level="PROFESSIONAL", verified_at=FRESH))),
            credentials=tuple(replace(paper, verified_at=FRESH) for paper in texas_facility().credentials),
        )
        exactly = texas_hair(operator=_dana(verified_at=NOON - timedelta(days=30)), site=site, **release)

        assert against(exactly) == []
        assert against(exactly, NOON + TICK) == [("operator", "STALE", ("HAIR_NONABLATIVE",))]
        assert against(replace(exactly, asked=Asked.PAYMENT_RECEIVED), NOON + TICK) == []

    def test_a_training_record_never_grows_stale(self):
        long_ago = NOON - timedelta(days=4000)
        doctor = person("Vera", held("RN", "OK"), held("US-OK:LASER_PRACTITIONER_TRAINING", "OK", verified_at=long_ago))

        assert against(facts("OK", DIODE, operator=doctor)) == []

    def test_evidence_that_was_seen_later_does_not_count_before(self):
        assert against(texas_hair(operator=_dana(verified_at=NOON + TICK))) == [
            ("operator", "IN_REVIEW", ("HAIR_NONABLATIVE",))
        ]
        assert against(texas_hair(operator=_dana(verified_at=NOON))) == []


class TestConfirmation:
    def _paying(self, at):
        return texas_hair(asked=Asked.PAYMENT_START, practitioner=ordered_by(physician(), at=at))

    def test_of_exactly_90_days_still_counts(self):
        exactly = self._paying(NOON - timedelta(days=90))

        assert asked_of(exactly).valid_until == NOON + TICK
        assert against(exactly, NOON + TICK) == [("practitioner", "CONFIRMATION_STALE", ("Dr. Okafor",))]

    def test_from_the_future_is_none(self):
        assert against(self._paying(NOON)) == []
        assert against(self._paying(NOON + TICK)) == [("practitioner", "ORDER_NOT_CONFIRMED", ("Dr. Okafor",))]

    @pytest.mark.parametrize("asked", Asked)
    def test_is_asked_from_payment_on(self, asked):
        due = asked in (Asked.PAYMENT_START, Asked.PAYMENT_RECEIVED, Asked.SHIP_RELEASE)

        assert against(texas_hair(asked=asked)) == (
            [("practitioner", "ORDER_NOT_CONFIRMED", ("Dr. Okafor",))] if due else []
        )
        assert asked.confirmation_is_due is due


class TestPractitionersLicence:
    def test_one_of_another_state_cannot_order(self):
        question = texas_hair(practitioner=Practitioner(physician("NV")))

        (objection,) = asked_of(question).objections
        assert (objection.key, objection.code) == ("practitioner", "WRONG_STATE")
        assert objection.credential_id == physician("NV").credentials[0].id
        assert [citation.ref for citation in objection.citations] == ["21 CFR 801.109(a)(2)"]
        assert [cure.action for cure in objection.cures] == ["submit_credential:MD_DO", "invite_practitioner"]

    def test_a_nurse_cannot_order(self):
        nurse = person("Nat", held("APRN"), held("RN"))

        assert against(texas_hair(practitioner=Practitioner(nurse))) == [("practitioner", "NO_CREDENTIAL", ("Nat",))]


class TestRulesInForce:
    def _with(self, **dates):
        document = reference_policy().document
        rules = tuple(replace(rule, **dates) if rule.id == "TX-HAIR-TDLR-1" else rule for rule in document.rules)
        return Policy(replace(document, rules=rules))

    def test_a_rule_holds_from_its_first_day_through_its_last(self):
        for day, opens in ((date(2026, 11, 21), False), (date(2026, 11, 22), True)):
            assert asked_of(texas_hair(), policy=self._with(in_force_to=day)).cleared is opens
        for day, opens in ((date(2026, 11, 22), True), (date(2026, 11, 23), False)):
            assert asked_of(texas_hair(), policy=self._with(in_force_from=day)).cleared is opens

    def test_a_yes_ends_with_the_rule_it_rests_on(self):
        verdict = asked_of(texas_hair(), policy=self._with(in_force_to=date(2026, 11, 30)))

        assert verdict.valid_until == datetime(2026, 12, 1, 6, tzinfo=UTC)


def test_a_place_that_is_not_on_the_map_is_refused_before_anything_is_asked():
    with pytest.raises(Misshapen, match="no such state: 'ZZ'"):
        Place("ZZ", "America/Chicago")
    for zone in ("America/Nowhere", "../etc/passwd", ""):
        with pytest.raises(Misshapen, match="no such time zone"):
            Place("TX", zone)


class TestWhatTurnsAKey:
    """Each check alone decides: everything else about these people, sites and units is in order."""

    laser = enabling(HAIR)
    light = replace(enabling(HAIR, name="light"), modality="IPL", hazard=Hazard.NOT_A_LASER)

    def _iowa(self, part, *endorsements):
        certificate = held("US-IA:BBCAS:PRESCRIBED_PRACTICE_CERTIFICATION", "IA", endorsements=frozenset(endorsements))
        return against(facts("IA", part, operator=person("Ira", certificate)))

    def test_what_nobody_ever_looked_up_turns_none(self):
        assert against(texas_hair(operator=_dana())) == []
        assert against(texas_hair(operator=_dana(verified_at=None))) == [
            ("operator", "IN_REVIEW", ("HAIR_NONABLATIVE",))
        ]

    def test_a_certificate_must_list_what_the_rule_names(self):
        assert self._iowa(self.laser, "LASER") == []
        for endorsements in ((), ("IPL",), ("SOMETHING_ELSE",)):
            assert self._iowa(self.laser, *endorsements) == [("operator", "ENDORSEMENT_MISSING", ("HAIR_NONABLATIVE",))]

    def _florida(self, trained_on=MODEL, **came_from):
        papers = [
            held(code, came_from.get(name, "FL"), **changes)
            for name, code, changes in (
                ("licence", "US-FL:DOH:ELECTROLOGIST", {}),
                ("course", "FL_30H_LASER_COURSE", {}),
                ("certificate", "SCMHR:CME", {}),
                ("training", "MODEL_TRAINING", {"device_model_id": trained_on}),
            )
        ]
        return facts("FL", DIODE, operator=person("Flo", *papers))

    def test_what_may_come_from_anywhere_does_and_nothing_else(self):
        assert against(self._florida()) == against(self._florida(certificate="NV", training="GA")) == []
        for paper in ("licence", "course"):
            assert against(self._florida(**{paper: "NV"})) == [("operator", "WRONG_STATE", ("HAIR_NONABLATIVE",))]

    def test_training_that_names_no_model_is_not_about_one_that_nobody_knows(self):
        unknown = replace(self._florida(trained_on=None), device=device(DIODE, model_id=None))

        assert against(unknown) == [
            ("device", "MODEL_UNKNOWN", ("Lumenis M22",)),
            ("operator", "OTHER_MODEL", ("HAIR_NONABLATIVE",)),
        ]

    def test_a_handpiece_that_treats_nobody_need_not_serve_a_declared_use(self):
        declared = Uses(frozenset({HAIR}))
        useless = texas_hair(device=device(DIODE, handpiece("CO2")), uses=declared)

        assert against(texas_hair(device=device(DIODE, handpiece("VACUUM")), uses=declared)) == []
        assert "HANDPIECE_WITHOUT_USE" in [code for _, code, _ in against(useless)]

    def test_what_treats_nobody_is_not_offered_alone(self):
        def cures(*others):
            (objection,) = asked_of(texas_hair(device=device(handpiece("CO2"), *others))).objections
            return [cure.code for cure in objection.cures]

        assert cures(DIODE) == ["remove_handpiece", "ask_for_review"]
        assert cures(handpiece("VACUUM")) == ["ask_for_review"]

    def test_an_option_for_one_modality_is_none_for_another(self):
        assert self._iowa(self.light, "IPL") == []
        assert [code for _, code, _ in self._iowa(self.light, "LASER")] == ["ENDORSEMENT_MISSING"]

    def test_what_is_not_known_to_be_no_laser_needs_the_papers_of_one(self):
        doctor = physician("MA")
        unknown = replace(self.laser, hazard=Hazard.UNKNOWN)
        papers = [
            ("site", "NO_CREDENTIAL", ("the laser facility registration of the Radiation Control Program",)),
            ("site", "SAFETY_OFFICER_NOT_NAMED", ("site",)),
        ]

        assert against(facts("MA", self.light, operator=doctor)) == []
        assert against(facts("MA", unknown, operator=doctor)) == papers
        assert against(facts("MA", self.laser, operator=doctor)) == papers


class TestWhatARuleOpens:
    """A rule, or a way of it, that is not read and confirmed well enough opens nothing, whoever meets it."""

    arizona = facts(
        "AZ",
        DIODE,
        operator=person("Mina", held("US-AZ:ADHS:LASER_TECHNICIAN", "AZ", endorsements=frozenset({"HAIR_REDUCTION"}))),
        site=Site((held("US-AZ:ADHS:DEVICE_REGISTRATION", "AZ"),)),
    )

    def _against(self, rule_says=None, ways_say=None):
        document = deepcopy(reference_document())
        rule = next(rule for rule in document["rules"] if rule["id"] == "AZ-LASERTECH-1")
        rule.update(rule_says or {})
        for option in rule["options"]:
            option.update(ways_say or {})
        return {entry.code.value for entry in asked_of(self.arizona, policy=Policy.from_document(document)).objections}

    def test_opens_as_it_was_read(self):
        assert against(self.arizona) == []
        sound = {"evidence": "O", "enabled": True, "procedure_classes": ["HAIR_NONABLATIVE"]}
        assert self._against(ways_say=sound) == set()

    def test_a_draft_that_cannot_become_a_rule_opens_nothing(self):
        assert self._against({"eligible_after_confirmation": True}) == set()
        assert self._against({"eligible_after_confirmation": False}) == {"NO_RULE_FOR_JURISDICTION_PROCEDURE"}

    @pytest.mark.parametrize(
        "changed", [{"enabled": False}, {"evidence": "S"}, {"evidence": "X"}, {"procedure_classes": ["TATTOO"]}]
    )
    def test_a_way_that_is_believed_heard_of_or_for_something_else_opens_nothing(self, changed):
        assert self._against(ways_say=changed) == {"NO_RULE_FOR_JURISDICTION_PROCEDURE"}
