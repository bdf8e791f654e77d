"""Situations of the public test vectors that are like no other: each written out, with its answer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ...clinics.states import SellerStanding
from ...eligibility.facts import Asked, Modification
from ...eligibility.vectors import Expected, Human, Paper, Scenario
from ...kernel.terms import STATES
from ...kernel.terms import ProcedureClass as P
from .papers import (
    AT,
    AZ_REGISTRATION,
    FL_BESIDE,
    NO_RULE,
    ORDERING,
    PROFESSIONAL,
    SECOND,
    TEXAS_SITE,
    TRAINED,
    delegation,
    doctor,
    paper,
    texas,
)

HAIR = frozenset({P.HAIR_NONABLATIVE})
TX_RULE, TX_OTHER = ("TX-HAIR-TDLR-1",), ("TX-OTHER-TMB-1",)
SENIOR = Human((paper("US-TX:TDLR:LHR", "TX", level="SENIOR_TECHNICIAN"),))
TEXAS = {"operator": SENIOR, "site": TEXAS_SITE, "safety_officer_named": True, "colleagues": (PROFESSIONAL,)}


def singular() -> Iterator[Scenario]:
    """Yield them all."""
    yield from _shared_wavelengths()
    yield from _handpieces()
    yield from _levels()
    yield from _devices_and_sellers()
    yield from _people()
    yield from _dates()


def _said(slug: str, place: str, words: str, expected: Expected, *handpieces: str, **changes: Any) -> Scenario:
    whole = {"at": AT, "practitioner": doctor(place), **changes}
    return Scenario(
        id=slug, words=f"{STATES[place]}: {words}", place=place, handpieces=handpieces, expected=expected, **whole
    )


def _yes(*rules: str) -> Expected:
    return Expected(cleared=True, rules=rules)


def _no(*reasons: str, rules: tuple[str, ...] = (), cites: tuple[str, ...] = ()) -> Expected:
    return Expected(cleared=False, reasons=tuple(sorted(reasons)), rules=rules, cites=cites)


def _shared_wavelengths() -> Iterator[Scenario]:
    """One wavelength that serves hair and vessels: uses are declared and signed for, except where that never counts."""
    alex = "An alexandrite laser serves hair and vessels, and Texas lets a certificate holder remove hair only."
    open_use = {"declared": HAIR, "restriction_signed": True}
    yield _said("TX-SHARED/whole", "TX", f"{alex} No use is declared, so everything is asked for.",
                _no(NO_RULE, rules=TX_OTHER), "ALEX", **TEXAS)  # fmt: skip
    yield _said("TX-SHARED/hair", "TX", f"{alex} The buyer declares hair removal and signs the restriction.",
                _yes(*TX_RULE), "ALEX", **TEXAS, **open_use)  # fmt: skip
    yield _said("TX-SHARED/unsigned", "TX", f"{alex} The buyer declares hair removal and does not sign.",
                _no("rule:RESTRICTION_NOT_SIGNED"), "ALEX", **TEXAS, declared=HAIR)  # fmt: skip
    yield _said("TX-SHARED/preview", "TX", f"{alex} Hair removal is declared; before an order nothing is signed.",
                _yes(*TX_RULE), "ALEX", **TEXAS, declared=HAIR, asked=Asked.PREVIEW)  # fmt: skip
    yield _said("TX-SHARED/both", "TX", f"{alex} The buyer declares both.", _no(NO_RULE, rules=TX_OTHER), "ALEX",
                **TEXAS, declared=HAIR | {P.VASCULAR_PIGMENT}, restriction_signed=True)  # fmt: skip
    yield _said("TX-SHARED/strange", "TX", f"{alex} The buyer declares tattoo removal, which it cannot do.",
                _no(NO_RULE, "rule:HANDPIECE_WITHOUT_USE", "rule:USE_NOT_ENABLED", rules=TX_OTHER), "ALEX",
                **TEXAS, declared=frozenset({P.TATTOO}), restriction_signed=True)  # fmt: skip
    yield _said("TX-SHARED/ipl", "TX", "Pulsed light for hair and vessels, declared for hair and signed for.",
                _yes(*TX_RULE), "IPL", **TEXAS, **open_use)  # fmt: skip
    for slug, part, words in (("hybrid", "HYBRID_FRAC", "ablative and fractional in one pass"),):
        yield _said(f"CO-NEVER-NARROWED/{slug}", "CO", f"A laser that works {words}. The delegate declares fractional"
                    " work only; ablative work is never declared away.",
                    _no("operator:NOT_ACCEPTED", rules=("CO-R800-2",)), part,
                    operator=Human((delegation("CO", P.FRACTIONAL_NONABLATIVE),)),
                    declared=frozenset({P.FRACTIONAL_NONABLATIVE}), restriction_signed=True)  # fmt: skip
    yield _said("CO-NEVER-NARROWED/physician", "CO", "The same laser; the operator is a physician, who may do both.",
                _yes("CO-R800-1", "CO-R800-2"), "HYBRID_FRAC", operator=doctor("CO"))  # fmt: skip
    yield _said("WV-NEVER-NARROWED/needle", "WV", "Microneedling sold beside a hair laser, declared for hair only: the"
                " needling handpiece serves none of the declared uses and must leave the sale.",
                _no("rule:HANDPIECE_WITHOUT_USE"), "RF_NEEDLE", "DIODE_HR", operator=doctor("WV"), declared=HAIR,
                restriction_signed=True)  # fmt: skip


def _handpieces() -> Iterator[Scenario]:
    """What a sale of several handpieces, or of vague ones, asks for."""
    lists = frozenset({"HAIR_REDUCTION", "PHOTO_FACIAL", "TELANGIECTASIA"})
    technician = Human((paper("US-AZ:ADHS:LASER_TECHNICIAN", "AZ", endorsements=lists),))
    arizona = {"operator": technician, "site": (AZ_REGISTRATION,)}
    yield _said("AZ-CONSOLE/whole", "AZ", "A console with pulsed light, Nd:YAG and a fractional handpiece; the"
                " certificate does not list non-ablative resurfacing.",
                _no("operator:ENDORSEMENT_MISSING", rules=("AZ-LASERTECH-1",), cites=("A.A.C. R9-7-1438",)),
                "IPL", "NDYAG_LP", "ER_GLASS_FRAC", **arizona)  # fmt: skip
    yield _said("AZ-CONSOLE/without", "AZ", "The same console, sold without its fractional handpiece.",
                _yes("AZ-LASERTECH-1"), "IPL", "NDYAG_LP", **arizona)  # fmt: skip
    yield _said("AZ-CONSOLE/ablative", "AZ", "An ablative laser for a laser technician: Arizona's rule does not speak"
                " of it.", _no(NO_RULE, rules=("DEFAULT-DENY",)), "CO2", **arizona)  # fmt: skip
    yield _said("TX-VAGUE/diode", "TX", "A handpiece described as “diode”, which does not say what it treats.",
                _no("device:MODALITY_UNDETERMINED"), "DIODE", **TEXAS)  # fmt: skip
    yield _said("TX-VAGUE/beside", "TX", "A hair laser with a second handpiece described as “diode”.",
                _no("device:MODALITY_UNDETERMINED"), "DIODE_HR", "DIODE", **TEXAS)  # fmt: skip
    yield _said("TX-VAGUE/none", "TX", "A console sold without any handpiece.", _no("device:NO_HANDPIECE"), **TEXAS)
    yield _said("TX-VAGUE/vacuum", "TX", "A console sold with its vacuum only.", _no("device:NOTHING_ENABLED"),
                "VACUUM", **TEXAS)  # fmt: skip
    yield _said("MI-LIGHT/laser", "MI", "A rule that speaks of lasers, and a laser.", _yes("MI-LASER-1"), "DIODE_HR",
                operator=doctor("MI"))  # fmt: skip
    yield _said("MI-LIGHT/ipl", "MI", "A rule that speaks of lasers says nothing about pulsed light.",
                _no(NO_RULE, rules=("MI-LASER-1",)), "IPL", operator=doctor("MI"))  # fmt: skip
    yield _said("FL-ELECTRO/vessels", "FL", "An electrologist with pulsed light for vessels: Florida's rule is about"
                " hair.", _no(NO_RULE, rules=("DEFAULT-DENY",)), "IPL",
                operator=Human((paper("US-FL:DOH:ELECTROLOGIST", "FL"), *FL_BESIDE)))  # fmt: skip
    yield _said("TX-ULTRASOUND", "TX", "Focused ultrasound for a physician: the text for Texas was replaced and is"
                " only reported second-hand.", _no(NO_RULE, rules=TX_OTHER), "HIFU", operator=doctor("TX"))  # fmt: skip


def _levels() -> Iterator[Scenario]:
    """Levels, endorsements, models, and papers that open nothing."""
    apprentice = Human((texas("TDLR:LHR", level="APPRENTICE_IN_TRAINING"),))
    yield _said("TX-APPRENTICE/supervised", "TX", "An apprentice, with a professional at the clinic.", _yes(*TX_RULE),
                "DIODE_HR", **{**TEXAS, "operator": apprentice})  # fmt: skip
    yield _said("TX-APPRENTICE/unsigned", "TX", "An apprentice; the physician confirmed the order without saying that"
                " somebody senior is present.",
                _no("supervision:STATEMENT_MISSING", rules=TX_RULE), "DIODE_HR",
                **{**TEXAS, "operator": apprentice}, asked=Asked.PAYMENT_START,
                confirmed_at=AT - timedelta(days=1))  # fmt: skip
    for level in ("TECHNICIAN", "SENIOR_TECHNICIAN", "PROFESSIONAL"):
        operator = Human((texas("TDLR:LHR", level=level),))
        words = f"A certificate of the level “{level.lower().replace('_', ' ')}”."
        yield _said(f"TX-LEVEL/{level.lower()}", "TX", words, _yes(*TX_RULE), "DIODE_HR",
                    **{**TEXAS, "operator": operator})  # fmt: skip
    yield _said("TX-FACILITY/senior-is-no-professional", "TX", "The clinic has a second senior technician and no"
                " professional.", _no("site:LEVEL_NOT_COVERED", rules=TX_RULE), "DIODE_HR",
                **{**TEXAS, "colleagues": (texas("TDLR:LHR", level="SENIOR_TECHNICIAN"),)})  # fmt: skip
    yield _said("TX-PHYSICIAN/exempt", "TX", "A physician operates; whether the facility is exempt is signed with the"
                " order.", _yes(*TX_RULE), "DIODE_HR", operator=doctor("TX"))  # fmt: skip
    limited = Human((paper("US-TN:DOH:LICENSED_ELECTROLOGIST", "TN", level="LIMITED"),))
    paying = {"asked": Asked.PAYMENT_START, "confirmed_at": AT - timedelta(days=1)}
    both = frozenset({"TN_FDA_HAIR", "TN_DERMATOLOGIST"})
    yield _said("TN-LIMITED/signed", "TN", "A limited electrologist; the physician signs that a dermatologist"
                " supervises.", _yes("TN-ELECTROLOGIST-1"), "DIODE_HR", operator=limited, signed=both,
                **paying)  # fmt: skip
    yield _said("TN-LIMITED/unsigned", "TN", "A limited electrologist, without that statement.",
                _no("supervision:STATEMENT_MISSING", rules=("TN-ELECTROLOGIST-1",)), "DIODE_HR", operator=limited,
                signed=both - {"TN_DERMATOLOGIST"}, **paying)  # fmt: skip
    electrologist = paper("US-FL:DOH:ELECTROLOGIST", "FL")
    course, exam, training = FL_BESIDE
    for slug, words, held, reason in (
        ("without-training", "no training on this model", (course, exam), "NO_CREDENTIAL"),
        ("other-model", "training on another model", (course, exam, replace(training, on_model=False)), "OTHER_MODEL"),
        ("without-exam", "the course, and no certificate of its examiners", (course, training), "NO_CREDENTIAL"),
    ):
        yield _said(f"FL-ELECTRO/{slug}", "FL", f"An electrologist with {words}.",
                    _no(f"operator:{reason}", rules=("FL-ELECTROLOGIST-1",)), "DIODE_HR",
                    operator=Human((electrologist, *held)))  # fmt: skip
    yield _said("IL-ABLATIVE/nurse", "IL", "A registered nurse with a delegation for ablative work and training on this"
                " model.", _yes("IL-MED-1"), "CO2", operator=_delegate("IL", P.ABLATIVE, "RN"))  # fmt: skip
    yield _said("IL-ABLATIVE/unlicensed", "IL", "The same delegation, and no licence as a health professional: ablative"
                " work asks for one everywhere.", _no("operator:NO_CREDENTIAL", rules=("IL-MED-1",)), "CO2",
                operator=_delegate("IL", P.ABLATIVE))  # fmt: skip
    yield _said("IL-DELEGATE/other-procedure", "IL", "A delegation that lists vessels, and a laser for hair.",
                _no("operator:ENDORSEMENT_MISSING", rules=("IL-MED-1",)), "DIODE_HR",
                operator=_delegate("IL", P.VASCULAR_PIGMENT))  # fmt: skip
    for code, words in (
        ("NCLC:CERTIFICATE", "The certificate of a national laser council"),
        ("ASLMS:CERTIFICATE", "A society's course certificate"),
        ("BLS:CMLSO", "A certificate as medical laser safety officer"),
        ("MAKER:IN_SERVICE", "The maker's own in-service training"),
        ("CPR_BLS_CARD", "A basic life support card"),
    ):
        yield _said(f"GA-PRIVATE/{code.split(':')[0].lower()}", "GA", f"{words} is evidence of training, never a"
                    " licence.", _no("operator:NOT_AN_OPERATOR_CERTIFICATE", rules=("GA-CLP-1",)), "DIODE_HR",
                    operator=Human((paper(code, "GA"),)))  # fmt: skip
    yield _said("OR-ESTHETICIAN/hair", "OR", "A certified advanced esthetician and a hair laser.", _yes("OR-CAE-1"),
                "DIODE_HR", operator=Human((paper("US-OR:HLO:CERTIFIED_ADVANCED_ESTHETICIAN", "OR"),)))  # fmt: skip
    yield _said("OR-ESTHETICIAN/vessels", "OR", "A certified advanced esthetician and pulsed light for vessels, of"
                " which Oregon's rule does not speak.", _no(NO_RULE, rules=("DEFAULT-DENY",)), "IPL",
                operator=Human((paper("US-OR:HLO:CERTIFIED_ADVANCED_ESTHETICIAN", "OR"),)))  # fmt: skip
    yield _said("WA-ESTHETICIAN", "WA", "A Washington master esthetician as a delegate is believed, not confirmed, and"
                " opens nothing.", _no("operator:NO_CREDENTIAL", rules=("WA-LLRP-1",)), "DIODE_HR",
                operator=Human((delegation("WA", P.HAIR_NONABLATIVE), paper("US-WA:DOL:MASTER_ESTHETICIAN", "WA"))),
                )  # fmt: skip
    yield _said("UT-ESTHETICIAN", "UT", "A Utah master esthetician: the text is not sourced, and was replaced.",
                _no(NO_RULE, rules=("UT-MASTER-EST-1",)), "DIODE_HR",
                operator=Human((paper("US-UT:DOPL:MASTER_ESTHETICIAN", "UT"),)))  # fmt: skip
    yield _said("CA-NURSE", "CA", "A registered nurse under a physician who confirmed the order and signed.",
                _yes("CA-MED-1"), "NDYAG_QS", operator=Human((paper("RN", "CA"),)),
                signed=frozenset({"CA_PHYSICIAN_SUPERVISION"}), **paying)  # fmt: skip
    yield _said("CA-ESTHETICIAN", "CA", "An esthetician's licence, which California's rule does not name.",
                _no("operator:NOT_ACCEPTED", rules=("CA-MED-1",)), "DIODE_HR",
                operator=Human((paper("ESTHETICIAN", "CA"),)))  # fmt: skip


def _delegate(state: str, procedure: P, *licences: str) -> Human:
    """Return somebody with a delegation for a procedure, trained on the model, and these licences."""
    return Human((delegation(state, procedure), TRAINED, *(paper(code, state) for code in licences)))


def _devices_and_sellers() -> Iterator[Scenario]:
    """What stands against a device or its seller, whoever buys."""
    labels = ("21 CFR 801.109(b)",)
    for slug, words, reason, cites, changes in (
        ("home-use", "It is an over-the-counter device.", "device:OTC_DEVICE", (), {"product_code": "OHT"}),
        ("no-legend", "The seller did not state that the prescription legend is on it.", "device:RX_LABEL_NOT_SEEN",
         labels, {"rx_label_seen": False}),
        ("remanufactured", "It was changed beyond service.", "device:REMANUFACTURED", ("21 CFR 820.1",),
         {"modification": Modification.REMANUFACTURED}),
        ("unknown-history", "The seller does not know whether it was changed.", "device:MODIFICATION_UNKNOWN", (),
         {"modification": Modification.UNKNOWN}),
        ("recalled", "A recall that may concern it is open.", "device:RECALL_OPEN", (), {"recall_open": True}),
        ("unverified-seller", "Nobody has checked the seller.", "seller:SELLER_NOT_VERIFIED",
         ("21 CFR 801.109(a)(1)",), {"seller": SellerStanding.UNVERIFIED}),
        ("refused-seller", "The seller could not show its right to sell.", "seller:SELLER_REFUSED", (),
         {"seller": SellerStanding.REFUSED}),
        ("suspended-seller", "The seller is suspended.", "seller:SELLER_SUSPENDED", (),
         {"seller": SellerStanding.SUSPENDED}),
    ):  # fmt: skip
        yield _said(f"TX-UNIT/{slug}", "TX", f"Everybody is cleared. {words}", _no(reason, cites=cites), "DIODE_HR",
                    **TEXAS, **changes)  # fmt: skip
    yield _said("TX-UNIT/serviced", "TX", "Everybody is cleared. It was serviced, and nothing more.", _yes(*TX_RULE),
                "DIODE_HR", **TEXAS, modification=Modification.SERVICED)  # fmt: skip


def _people() -> Iterator[Scenario]:
    """Who is there, who has left, and how long a confirmation holds."""
    left = replace(SENIOR, member=False)
    yield _said("TX-PEOPLE/no-operator", "TX", "Nobody is named who will operate it.", _no("operator:NO_OPERATOR"),
                "DIODE_HR", **{**TEXAS, "operator": None})  # fmt: skip
    yield _said("TX-PEOPLE/operator-left", "TX", "The operator has left the clinic.",
                _no("operator:OPERATOR_NOT_MEMBER"), "DIODE_HR", **{**TEXAS, "operator": left})  # fmt: skip
    yield _said("TX-PEOPLE/practitioner-left", "TX", "The ordering physician has left the clinic.",
                _no("practitioner:PRACTITIONER_NOT_MEMBER", cites=ORDERING), "DIODE_HR", **TEXAS,
                practitioner=replace(doctor("TX"), member=False))  # fmt: skip
    yield _said("TX-PEOPLE/nurse-orders", "TX", "An advanced practice nurse is to order it.",
                _no("practitioner:NO_CREDENTIAL", cites=ORDERING), "DIODE_HR", **TEXAS,
                practitioner=Human((paper("APRN", "TX"),)))  # fmt: skip
    yield _said("TX-PEOPLE/practitioner-excluded", "TX", "An entry about the ordering physician in an exclusion list is"
                " not settled.", _no("standing:EXCLUSION_OPEN"), "DIODE_HR", **TEXAS,
                practitioner=replace(doctor("TX"), excluded=True))  # fmt: skip
    paying = {**TEXAS, "asked": Asked.PAYMENT_START}
    limit = timedelta(days=90)
    yield _said("TX-CONFIRMATION/of-90-days", "TX", "The physician confirmed the order exactly 90 days ago.",
                _yes(*TX_RULE), "DIODE_HR", **paying, confirmed_at=AT - limit)  # fmt: skip
    yield _said("TX-CONFIRMATION/older", "TX", "The physician confirmed the order 90 days and a second ago.",
                _no("practitioner:CONFIRMATION_STALE", cites=ORDERING), "DIODE_HR", **paying,
                confirmed_at=AT - limit - SECOND)  # fmt: skip
    yield _said("TX-EVIDENCE/later", "TX", "The certificate's source was asked only after the moment of the question.",
                _no("operator:IN_REVIEW", rules=TX_RULE), "DIODE_HR",
                **{**TEXAS, "operator": Human((texas("TDLR:LHR", level="TECHNICIAN", seen_at=AT + SECOND),))},
                )  # fmt: skip


def _dates() -> Iterator[Scenario]:
    """The days on which the rules themselves begin."""
    begins = datetime(2024, 11, 1, 5, tzinfo=UTC)
    nurse = {"operator": Human((_of_then("RN", begins), _of_then("US-OK:LASER_PRACTITIONER_TRAINING", begins)))}
    nurse["practitioner"] = Human((_of_then("MD_DO", begins),))
    yield _said("OK-BEGINS/last-second-before", "OK", "Oklahoma's act begins on 1 November 2024; it is the last second"
                " of 31 October in Oklahoma.", _no(NO_RULE, rules=("OK-LHR-1",)), "DIODE_HR", **nurse,
                at=begins - SECOND)  # fmt: skip
    yield _said("OK-BEGINS/first-instant", "OK", "It is the first instant of 1 November 2024 in Oklahoma.",
                _yes("OK-LHR-1"), "DIODE_HR", **nurse, at=begins)  # fmt: skip


def _of_then(code: str, at: datetime) -> Paper:
    return paper(code, "OK", issued_on=date(2020, 1, 1), seen_at=at - timedelta(days=10))
