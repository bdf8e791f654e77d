"""What is said of makers, models and modalities: the words of the catalogue. Pure."""

from enum import StrEnum

from ..kernel.wording import gettext_noop


class Standing(StrEnum):
    """How well a catalogue row is known."""

    SOURCED = "sourced"
    GENERAL_KNOWLEDGE = "general knowledge"


class HazardClass(StrEnum):
    """The laser hazard class that devices of a modality have unless their label says otherwise, 21 CFR 1040.10."""

    CLASS_IV = "IV"
    NOT_A_LASER = "not_a_laser"
    UNKNOWN = "unknown"


class Emission(StrEnum):
    """What leaves the handpiece."""

    LIGHT = "light"
    RADIO_FREQUENCY = "radio_frequency"
    LIGHT_AND_RADIO_FREQUENCY = "light_and_radio_frequency"
    ULTRASOUND = "ultrasound"
    COLD = "cold"
    MAGNETIC = "magnetic"
    VACUUM = "vacuum"

    @property
    def dark(self) -> str | None:
        """Name what is not light among it; None: it is light alone."""
        return _DARK[self]


_DARK = {
    Emission.LIGHT: None,
    Emission.RADIO_FREQUENCY: gettext_noop("radio frequency"),
    Emission.LIGHT_AND_RADIO_FREQUENCY: gettext_noop("radio frequency"),
    Emission.ULTRASOUND: gettext_noop("ultrasound"),
    Emission.COLD: gettext_noop("cold"),
    Emission.MAGNETIC: gettext_noop("magnetic field"),
    Emission.VACUUM: gettext_noop("vacuum"),
}
