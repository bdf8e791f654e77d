"""Where an inspection stands, and what may happen to it. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class InspectionKind(StrEnum):
    """What the inspector is asked to see."""

    OPERATING = "operating"
    PACKED = "packed"
    DISMANTLING = "dismantling"
    PACKING = "packing"
    SPECIAL = "special"


class InspectionState(StrEnum):
    """Nobody comes before the seller has agreed."""

    ASKED = "asked"
    AGREED = "agreed"
    ASSIGNED = "assigned"
    SIGNED = "signed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class InspectionEvent(StrEnum):
    """What can happen to it."""

    AGREED = "agreed"
    DECLINED = "declined"
    ASSIGNED = "assigned"
    SIGNED = "signed"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class Outcome(StrEnum):
    """What the inspector found at a line of the form."""

    AS_STATED = "as_stated"
    DIFFERS = "differs"
    NOT_SEEN = "not_seen"


_S, _E = InspectionState, InspectionEvent

INSPECTION: Machine[InspectionState, InspectionEvent] = Machine(
    {
        (_S.ASKED, _E.AGREED): _S.AGREED,
        (_S.ASKED, _E.DECLINED): _S.DECLINED,
        (_S.ASKED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.ASKED, _E.CLOSED): _S.CLOSED,
        (_S.AGREED, _E.ASSIGNED): _S.ASSIGNED,
        (_S.AGREED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.AGREED, _E.CLOSED): _S.CLOSED,
        (_S.ASSIGNED, _E.SIGNED): _S.SIGNED,
        (_S.ASSIGNED, _E.CLOSED): _S.CLOSED,
    }
)
LIVE = (InspectionState.ASKED, InspectionState.AGREED, InspectionState.ASSIGNED)
