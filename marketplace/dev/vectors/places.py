"""Every place on the map with a physician of that place: where a rule that was read opens, and where none does."""

from collections.abc import Iterator

from ...eligibility.vectors import Expected, Scenario
from ...kernel.terms import STATES
from .papers import AT, AZ_REGISTRATION, DEVICES, MA_REGISTRATION, NO_RULE, doctor

HAIR_BY_PHYSICIAN = {
    "AZ": "AZ-LASERTECH-1", "CA": "CA-MED-1", "CO": "CO-R800-1", "CT": "CT-MEDSPA-1", "FL": "FL-ELECTROLOGIST-1",
    "GA": "GA-CLP-1", "IA": "IA-HAIR-CERT-1", "ID": "ID-COSMED-1", "IL": "IL-MED-1", "IN": "IN-MED-1",
    "KS": "KS-LIGHT-1", "KY": "KY-LASER-1", "LA": "LA-LASER-1", "MA": "MA-ELECTRO-1", "MD": "MD-COSMED-1",
    "MI": "MI-LASER-1", "MN": "MN-MED-1", "MS": "MS-MED-1", "NC": "NC-LHP-1", "NH": "NH-MED-1",
    "NJ": "NJ-HAIR-MED-2", "NM": "NM-MA-DEVICE-1", "NV": "NV-ADV-EST-1", "OK": "OK-LHR-1", "PA": "PA-DELEG-1",
    "RI": "RI-ELECTROLOGIST-1", "SC": "SC-MED-1", "TN": "TN-ELECTROLOGIST-1", "TX": "TX-HAIR-TDLR-1",
    "VA": "VA-LHR-1", "WA": "WA-LLRP-1", "WI": "WI-COS-DELEG-1", "WV": "WV-MED-1", "WY": "WY-MED-1",
}  # fmt: skip
HAIR_NOT_KNOWN = {
    "AK": "AK-MED-1", "AR": "AR-MED-1", "DC": "DC-NONE-1", "DE": "DE-NONE-1", "HI": "HI-ELECTRO-EXCL-1",
    "ME": "ME-MED-1", "MT": "MT-MED-S", "ND": "ND-ADV-EST-S", "NE": "NE-MED-S", "NY": "NY-HAIR-S",
    "OH": "OH-HAIR-VASC-S", "SD": "SD-MED-S", "UT": "UT-MASTER-EST-1",
}  # fmt: skip
"""What is written there is not read well enough to open anything; of the places in neither table nothing is written."""
ABLATIVE_BY_PHYSICIAN = {
    "CO": "CO-R800-2", "CT": "CT-MEDSPA-1", "IA": "IA-MEDSPA-1", "ID": "ID-COSMED-2", "IL": "IL-MED-1",
    "IN": "IN-MED-1", "KS": "KS-LIGHT-2", "LA": "LA-LASER-1", "MD": "MD-COSMED-2", "MI": "MI-LASER-2",
    "MN": "MN-MED-1", "MS": "MS-MED-1", "NH": "NH-MED-1", "NM": "NM-MD-1", "OH": "OH-LIGHT-MED-1", "SC": "SC-MED-1",
    "WV": "WV-MED-1",
}  # fmt: skip
ABLATIVE_NOT_KNOWN = {
    "AK": "AK-MED-1", "AR": "AR-MED-1", "DC": "DC-EST-EXCL-1", "DE": "DE-NONE-1", "HI": "HI-NONE-1",
    "ME": "ME-MED-1", "MT": "MT-MED-S", "NE": "NE-MED-S", "NJ": "NJ-OTHER-MED-2", "NY": "NY-OTHER-S",
    "RI": "RI-ABLATIVE-1", "SD": "SD-MED-S",
}  # fmt: skip


def places() -> Iterator[Scenario]:
    """Yield, for every place on the map, a physician of the place with a hair laser and with an ablative one."""
    for state, name in STATES.items():
        for slug, handpiece, opened, unread in (
            ("HAIR", "DIODE_HR", HAIR_BY_PHYSICIAN, HAIR_NOT_KNOWN),
            ("ABLATIVE", "CO2", ABLATIVE_BY_PHYSICIAN, ABLATIVE_NOT_KNOWN),
        ):
            rule = opened.get(state)
            if (state, slug) == ("OR", "HAIR"):
                said = "Oregon leaves a physician to the scope of their own board, which cannot be shown here yet."
                expected = Expected(cleared=False, reasons=("operator:ROUTE_CLOSED",), rules=("OR-CAE-1",))
            elif rule is not None:
                said, expected = "A rule that was read lets a physician.", Expected(cleared=True, rules=(rule,))
            else:
                known = unread.get(state, "DEFAULT-DENY")
                said = "No rule that was read says who may."
                expected = Expected(cleared=False, reasons=(NO_RULE,), rules=(known,))
            yield Scenario(
                id=f"{state}-{slug}-PHYSICIAN",
                words=f"{name}, {DEVICES[handpiece]}. The operator is a physician of the place. {said}",
                place=state,
                at=AT,
                handpieces=(handpiece,),
                expected=expected,
                operator=doctor(state),
                practitioner=doctor(state),
                site={"AZ": (AZ_REGISTRATION,), "MA": (MA_REGISTRATION,)}.get(state, ()),
                safety_officer_named=state == "MA",
            )
