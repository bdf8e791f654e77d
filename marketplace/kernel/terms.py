"""The vocabulary that several rooms share, as the trade writes it."""

from enum import StrEnum

from .wording import gettext_noop


class ProcedureClass(StrEnum):
    """What a device is used to do to a person; state rules speak of these, not of devices."""

    HAIR_NONABLATIVE = "HAIR_NONABLATIVE"
    SKIN_NONABLATIVE = "SKIN_NONABLATIVE"
    VASCULAR_PIGMENT = "VASCULAR_PIGMENT"
    TATTOO = "TATTOO"
    FRACTIONAL_NONABLATIVE = "FRACTIONAL_NONABLATIVE"
    ABLATIVE = "ABLATIVE"
    RF_NEEDLE = "RF_NEEDLE"
    RF_SURFACE = "RF_SURFACE"
    HIFU = "HIFU"
    CRYO = "CRYO"
    EMS = "EMS"
    LASER_LIPO = "LASER_LIPO"

    @property
    def words(self) -> str:
        """Name the class as a person would say it."""
        return _PROCEDURE_WORDS[self]


_PROCEDURE_WORDS = {
    ProcedureClass.HAIR_NONABLATIVE: gettext_noop("hair removal"),
    ProcedureClass.SKIN_NONABLATIVE: gettext_noop("non-ablative skin treatment"),
    ProcedureClass.VASCULAR_PIGMENT: gettext_noop("vascular and pigment treatment"),
    ProcedureClass.TATTOO: gettext_noop("tattoo removal"),
    ProcedureClass.FRACTIONAL_NONABLATIVE: gettext_noop("fractional non-ablative resurfacing"),
    ProcedureClass.ABLATIVE: gettext_noop("ablative resurfacing"),
    ProcedureClass.RF_NEEDLE: gettext_noop("radio-frequency microneedling"),
    ProcedureClass.RF_SURFACE: gettext_noop("surface radio frequency"),
    ProcedureClass.HIFU: gettext_noop("focused ultrasound"),
    ProcedureClass.CRYO: gettext_noop("cryolipolysis"),
    ProcedureClass.EMS: gettext_noop("electromagnetic muscle stimulation"),
    ProcedureClass.LASER_LIPO: gettext_noop("laser lipolysis"),
}


class StaffRole(StrEnum):
    """What a member of staff is appointed to do."""

    VERIFIER = "verifier"
    MODERATOR = "moderator"
    FINANCE = "finance"
    AUDITOR = "auditor"
    ADMIN = "admin"


class ClinicRole(StrEnum):
    """What a person is to a clinic."""

    OWNER = "owner"
    MANAGER = "manager"
    TECHNICIAN = "technician"
    PRACTITIONER = "practitioner"


STATES: dict[str, str] = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas",
    "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan",
    "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
    "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania",
    "PR": "Puerto Rico", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee",
    "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia",
    "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip
"""Postal code -> name of the places a device can be used in."""

# Where a state spans two zones the one of its largest city is offered first; a site stores its own choice.
TIME_ZONES: dict[str, str] = {
    "AK": "America/Anchorage", "AL": "America/Chicago", "AR": "America/Chicago", "AZ": "America/Phoenix",
    "CA": "America/Los_Angeles", "CO": "America/Denver", "HI": "Pacific/Honolulu", "IA": "America/Chicago",
    "ID": "America/Boise", "IL": "America/Chicago", "IN": "America/Indiana/Indianapolis",
    "KS": "America/Chicago", "KY": "America/Kentucky/Louisville", "LA": "America/Chicago",
    "MI": "America/Detroit", "MN": "America/Chicago", "MO": "America/Chicago", "MS": "America/Chicago",
    "MT": "America/Denver", "ND": "America/Chicago", "NE": "America/Chicago", "NM": "America/Denver",
    "NV": "America/Los_Angeles", "OK": "America/Chicago", "OR": "America/Los_Angeles",
    "PR": "America/Puerto_Rico", "SD": "America/Chicago", "TN": "America/Chicago", "TX": "America/Chicago",
    "UT": "America/Denver", "WA": "America/Los_Angeles", "WI": "America/Chicago", "WY": "America/Denver",
}  # fmt: skip


def time_zone_of(state: str) -> str:
    """Return the usual IANA time zone of a state; those not listed keep Eastern time."""
    return TIME_ZONES.get(state, "America/New_York")
