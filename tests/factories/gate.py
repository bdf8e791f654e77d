"""Facts for the gate: the shortest question that is answered yes, and its parts to bend."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from uuid import UUID, uuid5

from marketplace.clinics.states import SellerStanding
from marketplace.credentials.states import CredentialState
from marketplace.credentials.types import credential_types
from marketplace.eligibility.facts import (
    Asked,
    Buyer,
    Confirmation,
    Device,
    Exclusion,
    Facts,
    Handpiece,
    Hazard,
    Held,
    Modification,
    Person,
    Place,
    Practitioner,
    Site,
    Uses,
)
from marketplace.eligibility.policy import Policy, judge
from marketplace.eligibility.rulebook import reference_document
from marketplace.kernel.terms import ProcedureClass, time_zone_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MODEL = UUID(int=77)
_NAMES = UUID(int=1)

HAIR = ProcedureClass.HAIR_NONABLATIVE
SKIN = ProcedureClass.SKIN_NONABLATIVE
VASCULAR = ProcedureClass.VASCULAR_PIGMENT
TATTOO = ProcedureClass.TATTOO
FRACTIONAL = ProcedureClass.FRACTIONAL_NONABLATIVE
ABLATIVE = ProcedureClass.ABLATIVE
RF_NEEDLE = ProcedureClass.RF_NEEDLE

MODALITIES = {
    "ALEX": (frozenset({HAIR, VASCULAR}), Hazard.LASER),
    "NDYAG_LP": (frozenset({HAIR, VASCULAR}), Hazard.LASER),
    "NDYAG_QS": (frozenset({TATTOO, VASCULAR}), Hazard.LASER),
    "DIODE_HR": (frozenset({HAIR}), Hazard.LASER),
    "IPL": (frozenset({HAIR, VASCULAR}), Hazard.NOT_A_LASER),
    "ER_GLASS_FRAC": (frozenset({FRACTIONAL}), Hazard.LASER),
    "CO2": (frozenset({ABLATIVE}), Hazard.LASER),
    "HYBRID_FRAC": (frozenset({ABLATIVE, FRACTIONAL}), Hazard.LASER),
    "RF_NEEDLE": (frozenset({RF_NEEDLE}), Hazard.NOT_A_LASER),
    "ELOS_IPL_RF": (frozenset({HAIR, VASCULAR, ProcedureClass.RF_SURFACE}), Hazard.UNKNOWN),
    "VACUUM": (frozenset(), Hazard.NOT_A_LASER),
    "DIODE": (None, Hazard.UNKNOWN),
}


@cache
def reference_policy() -> Policy:
    return Policy.from_document(reference_document())


def handpiece(modality: str, name: str | None = None) -> Handpiece:
    enables, hazard = MODALITIES[modality]
    name = name or f"{modality} handpiece"
    return Handpiece(uuid5(_NAMES, name), name, modality, enables, hazard)


def enabling(*procedures: ProcedureClass, name: str = "handpiece", hazard: Hazard = Hazard.LASER) -> Handpiece:
    return Handpiece(uuid5(_NAMES, name), name, "TEST", frozenset(procedures), hazard)


def device(*handpieces: Handpiece, **changes) -> Device:
    unit = Device(MODEL, "Lumenis", "M22", None, True, True, Modification.NONE, None, handpieces)
    return replace(unit, **changes)


def held(type_code: str, state: str = "TX", **changes) -> Held:
    known = credential_types()[type_code]
    credential = Held(
        id=uuid5(_NAMES, f"{type_code}@{state}:{changes.get('level')}"),
        type=type_code,
        type_name=known.name,
        kind=known.kind,
        jurisdiction=state,
        state=CredentialState.VERIFIED,
        issued_on=date(2024, 1, 2),
        expires_on=date(2027, 6, 30),
        verified_at=NOON - timedelta(days=10),
        device_model_id=MODEL if known.asks_device_model else None,
        does_not_open=known.does_not_open,
    )
    return replace(credential, **changes)


def person(name: str, *credentials: Held, **changes) -> Person:
    unlisted = Person(uuid5(_NAMES, name), name, member=True, credentials=credentials, exclusion=Exclusion.NONE)
    return replace(unlisted, **changes)


def physician(state: str = "TX", **changes) -> Person:
    return person("Dr. Okafor", held("MD_DO", state, id=uuid5(_NAMES, f"Okafor@{state}"), **changes))


def ordered_by(who: Person, *statements: str, at: datetime | None = None) -> Practitioner:
    return Practitioner(who, Confirmation(at or NOON - timedelta(days=1), frozenset(statements)))


def facts(state: str = "TX", *handpieces: Handpiece, operator: Person | None = None, **changes) -> Facts:
    question = Facts(
        asked=Asked.ORDER,
        place=Place(state, time_zone_of(state)),
        device=device(*handpieces),
        seller=SellerStanding.VERIFIED,
        buyer=Buyer(UUID(int=5), in_good_standing=True, exclusion=Exclusion.NONE),
        site=Site(),
        operator=operator,
        practitioner=Practitioner(physician(state)),
        uses=Uses(),
    )
    return replace(question, **changes)


def texas_facility(*colleagues: Person) -> Site:
    return Site(
        credentials=(held("US-TX:TDLR:LHR_FACILITY"), held("US-TX:CONSULTING_PHYSICIAN_CONTRACT")),
        safety_officer_named=True,
        colleagues=colleagues or (person("Priya", held("US-TX:TDLR:LHR", level="PROFESSIONAL")),),
    )


def texas_hair(**changes) -> Facts:
    """Dana, a Senior Technician, at a licensed Texas facility, and a diode laser for hair."""
    dana = person("Dana", held("US-TX:TDLR:LHR", level="SENIOR_TECHNICIAN"))
    return replace(facts("TX", handpiece("DIODE_HR"), operator=dana, site=texas_facility()), **changes)


def asked_of(question: Facts, at: datetime = NOON, policy: Policy | None = None):
    return judge(question, policy or reference_policy(), at)


def against(question: Facts, at: datetime = NOON) -> list[tuple[str, str, tuple[str, ...]]]:
    """What stands against it, as (key, code, subjects)."""
    return [(entry.key.value, entry.code.value, entry.subjects) for entry in asked_of(question, at).objections]
