"""What the situations are made of: the moment, the devices, and papers that are good until they are bent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ...eligibility.facts import Hazard
from ...eligibility.vectors import Human, Paper, Part
from ...kernel.terms import ProcedureClass as P

AT = datetime(2027, 3, 3, 18, tzinfo=UTC)
TODAY = date(2027, 3, 3)
"""It is the same day in every zone of the map."""
SECOND = timedelta(seconds=1)
NO_RULE = "rule:NO_RULE_FOR_JURISDICTION_PROCEDURE"
ORDERING = ("21 CFR 801.109(a)(2)",)

PARTS = {
    "DIODE_HR": Part(Hazard.LASER, frozenset({P.HAIR_NONABLATIVE})),
    "ALEX": Part(Hazard.LASER, frozenset({P.HAIR_NONABLATIVE, P.VASCULAR_PIGMENT})),
    "NDYAG_LP": Part(Hazard.LASER, frozenset({P.HAIR_NONABLATIVE, P.VASCULAR_PIGMENT})),
    "NDYAG_QS": Part(Hazard.LASER, frozenset({P.TATTOO, P.VASCULAR_PIGMENT})),
    "IPL": Part(Hazard.NOT_A_LASER, frozenset({P.HAIR_NONABLATIVE, P.VASCULAR_PIGMENT})),
    "ER_GLASS_FRAC": Part(Hazard.LASER, frozenset({P.FRACTIONAL_NONABLATIVE})),
    "CO2": Part(Hazard.LASER, frozenset({P.ABLATIVE})),
    "HYBRID_FRAC": Part(Hazard.LASER, frozenset({P.ABLATIVE, P.FRACTIONAL_NONABLATIVE})),
    "RF_NEEDLE": Part(Hazard.NOT_A_LASER, frozenset({P.RF_NEEDLE})),
    "HIFU": Part(Hazard.NOT_A_LASER, frozenset({P.HIFU})),
    "VACUUM": Part(Hazard.NOT_A_LASER, frozenset()),
    "DIODE": Part(Hazard.UNKNOWN, None),
}
DEVICES = {
    "DIODE_HR": "a diode laser for hair removal",
    "ALEX": "an alexandrite laser, which serves hair and vessels",
    "ER_GLASS_FRAC": "a fractional erbium-glass laser",
    "CO2": "an ablative CO₂ laser",
    "RF_NEEDLE": "a radio-frequency microneedling device",
}


def paper(kind: str, state: str, **changes: Any) -> Paper:
    """Return a credential that was issued, seen at its source ten days ago, and ends next year."""
    good = Paper(
        kind,
        state,
        issued_on=date(2025, 1, 15),
        expires_on=date(2028, 12, 31),
        seen_at=AT - timedelta(days=10),
    )
    return replace(good, **changes)


def doctor(state: str, **changes: Any) -> Human:
    """Return a physician of `state`."""
    return Human((paper("MD_DO", state, **changes),))


def texas(kind: str, **changes: Any) -> Paper:
    return paper(f"US-TX:{kind}", "TX", **changes)


def delegation(state: str, *procedures: P) -> Paper:
    return paper("PHYSICIAN_DELEGATION", state, endorsements=frozenset(procedures))


TEXAS_SITE = (texas("TDLR:LHR_FACILITY"), texas("CONSULTING_PHYSICIAN_CONTRACT"))
PROFESSIONAL = texas("TDLR:LHR", level="PROFESSIONAL")
AZ_REGISTRATION = paper("US-AZ:ADHS:DEVICE_REGISTRATION", "AZ")
MA_REGISTRATION = paper("US-MA:DPH_RCP:LASER_FACILITY_REGISTRATION", "MA")
AZ_TECHNICIAN = paper("US-AZ:ADHS:LASER_TECHNICIAN", "AZ", endorsements=frozenset({"HAIR_REDUCTION"}))
FL_BESIDE = (
    paper("FL_30H_LASER_COURSE", "FL", expires_on=None),
    paper("SCMHR:CME", "FL"),
    paper("MODEL_TRAINING", "FL", on_model=True, expires_on=None),
)
TRAINED = paper("MODEL_TRAINING", "IL", on_model=True, expires_on=None)
