"""What is said of a unit: the words of its condition report. Pure."""

from enum import StrEnum


class Grade(StrEnum):
    """Condition of the unit; each grade's definition stands in `listings.conditions`."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


class Modification(StrEnum):
    """What the seller states was done to the unit since its maker sold it (FDA remanufacturing guidance, 2024-05)."""

    NONE = "none"
    SERVICED = "serviced"
    REMANUFACTURED = "remanufactured"
    UNKNOWN = "unknown"


class Recertification(StrEnum):
    """Whether the maker asks a new owner to have the unit recertified before it supports it."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Warranty(StrEnum):
    """What stands behind the unit after the sale."""

    MAKER = "maker"
    EXTENDED = "extended"
    SELLER = "seller"
    NONE = "none"


class UnitEventKind(StrEnum):
    """What happened to a unit that its next owner should know."""

    SERVICE = "service"
    CALIBRATION = "calibration"
    REPAIR = "repair"
    PART_REPLACED = "part_replaced"
    SOLD_HERE = "sold_here"


class Shot(StrEnum):
    """What a photo shows that a buyer needs to see."""

    FRONT = "front"
    RATING_PLATE = "rating_plate"
    RX_LABEL = "rx_label"
    COUNTER_SCREEN = "counter_screen"
    TIP = "tip"
    ACCESSORIES = "accessories"
    POSSESSION = "possession"


class PaperKind(StrEnum):
    """What a paper of the unit is about."""

    SERVICE = "service"
    CALIBRATION = "calibration"
    LIEN_RELEASE = "lien_release"
    PAYOFF_LETTER = "payoff_letter"
    MANUAL = "manual"
    OTHER = "other"


class FilingFound(StrEnum):
    """What a search of filings under the debtor's name found."""

    NOTHING = "nothing"
    NOT_THIS_UNIT = "not_this_unit"
    THIS_UNIT = "this_unit"
    TERMINATED = "terminated"


class CounterUnit(StrEnum):
    """What a part counts."""

    SHOTS = "shots"
    PULSES = "pulses"
    HOURS = "hours"
    LINES = "lines"
    CYCLES = "cycles"
    PERCENT_LEFT = "percent_left"


class CounterDirection(StrEnum):
    """Whether the counter shows what was used or what is left."""

    UP = "up"
    DOWN = "down"
