"""What can happen to a payment. It moves forward only; a late event never moves it back. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class PaymentState(StrEnum):
    """Where the money is."""

    NEW = "new"
    CHECKOUT_OPEN = "checkout_open"
    PROCESSING = "processing"
    PAID = "paid"
    HELD = "held"
    RELEASING = "releasing"
    RELEASED = "released"
    REVERSING = "reversing"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    FAILED = "failed"
    EXPIRED = "expired"
    QUARANTINED = "quarantined"
    CHARGED_BACK = "charged_back"


class PaymentEvent(StrEnum):
    """What happened to the money."""

    CHECKOUT_OPENED = "checkout_opened"
    PROCESSING = "processing"
    PAID = "paid"
    HELD = "held"
    RELEASE_REQUESTED = "release_requested"
    RELEASED = "released"
    REVERSAL_REQUESTED = "reversal_requested"
    REVERSED = "reversed"
    FRONTED = "fronted"
    REFUND_REQUESTED = "refund_requested"
    REFUNDED = "refunded"
    FAILED = "failed"
    EXPIRED = "expired"
    QUARANTINED = "quarantined"
    CHARGED_BACK = "charged_back"
    # What two people of finance decide; nothing else leads back, or on from an end.
    REOPENED = "reopened"  # set aside before its money was ours
    READMITTED = "readmitted"  # set aside after
    PAID_LATE = "paid_late"
    RELEASE_CALLED_OFF = "release_called_off"


_S, _E = PaymentState, PaymentEvent

PAYMENT: Machine[PaymentState, PaymentEvent] = Machine(
    {
        (_S.NEW, _E.CHECKOUT_OPENED): _S.CHECKOUT_OPEN,
        (_S.NEW, _E.FAILED): _S.FAILED,
        (_S.NEW, _E.EXPIRED): _S.EXPIRED,
        (_S.CHECKOUT_OPEN, _E.PROCESSING): _S.PROCESSING,
        (_S.CHECKOUT_OPEN, _E.PAID): _S.PAID,
        (_S.CHECKOUT_OPEN, _E.EXPIRED): _S.EXPIRED,
        (_S.CHECKOUT_OPEN, _E.FAILED): _S.FAILED,
        (_S.PROCESSING, _E.PAID): _S.PAID,
        (_S.PROCESSING, _E.FAILED): _S.FAILED,
        (_S.PROCESSING, _E.EXPIRED): _S.EXPIRED,
        (_S.PAID, _E.HELD): _S.HELD,
        (_S.PAID, _E.REFUND_REQUESTED): _S.REFUNDING,
        (_S.HELD, _E.RELEASE_REQUESTED): _S.RELEASING,
        (_S.HELD, _E.REFUND_REQUESTED): _S.REFUNDING,
        (_S.RELEASING, _E.RELEASED): _S.RELEASED,
        (_S.RELEASED, _E.REVERSAL_REQUESTED): _S.REVERSING,
        (_S.REVERSING, _E.REVERSED): _S.REFUNDING,
        (_S.REVERSING, _E.FRONTED): _S.REFUNDING,
        (_S.REFUNDING, _E.REFUNDED): _S.REFUNDED,
        **{
            (state, _E.CHARGED_BACK): _S.CHARGED_BACK
            for state in (_S.PAID, _S.HELD, _S.RELEASING, _S.RELEASED, _S.REVERSING, _S.REFUNDING)
        },
        **{(state, _E.QUARANTINED): _S.QUARANTINED for state in (_S.CHECKOUT_OPEN, _S.PROCESSING, _S.PAID, _S.HELD)},
        (_S.RELEASING, _E.RELEASE_CALLED_OFF): _S.REFUNDING,
        (_S.QUARANTINED, _E.REOPENED): _S.CHECKOUT_OPEN,
        (_S.QUARANTINED, _E.READMITTED): _S.PAID,
        (_S.FAILED, _E.PAID_LATE): _S.PAID,
        (_S.EXPIRED, _E.PAID_LATE): _S.PAID,
    }
)

DECIDED = frozenset({_E.REOPENED, _E.READMITTED, _E.PAID_LATE, _E.RELEASE_CALLED_OFF})
"""What happens only where two people decided it; the database asks for their decision."""


class PartialState(StrEnum):
    """How far a part of the price has come on its way back to the buyer."""

    ASKED = "asked"  # of the seller, who has been paid
    COVERED = "covered"  # we have it
    SENT = "sent"  # the buyer's bank has yet to take it
    ARRIVED = "arrived"


class PartialEvent(StrEnum):
    """What happens to a part of the price on its way back."""

    TAKEN_BACK = "taken_back"
    FRONTED = "fronted"
    SENT = "sent"
    ARRIVED = "arrived"


PARTIAL: Machine[PartialState, PartialEvent] = Machine(
    {
        (PartialState.ASKED, PartialEvent.TAKEN_BACK): PartialState.COVERED,
        (PartialState.ASKED, PartialEvent.FRONTED): PartialState.COVERED,
        (PartialState.COVERED, PartialEvent.SENT): PartialState.SENT,
        (PartialState.COVERED, PartialEvent.ARRIVED): PartialState.ARRIVED,
        (PartialState.SENT, PartialEvent.ARRIVED): PartialState.ARRIVED,
    }
)


class DecisionKind(StrEnum):
    """What two people of finance decide about a payment that does not go on by itself."""

    LIFT = "lift"  # what it stands still for
    GIVE_BACK = "give_back"  # although the device has left its seller
    RELEASE = "release"  # although the buyer has not accepted


class DeviceIs(StrEnum):
    """Where the device is when its price is given back."""

    WITH_SELLER = "with_seller"
    WITH_BUYER = "with_buyer"


class DecisionState(StrEnum):
    """What became of what one person proposed."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class DecisionEvent(StrEnum):
    """What happens to it."""

    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


DECISION: Machine[DecisionState, DecisionEvent] = Machine(
    {(DecisionState.OPEN, event): DecisionState(event.value) for event in DecisionEvent}
)

ENDED_UNPAID = frozenset({_S.FAILED, _S.EXPIRED})
"""States after which the buyer may try again with a new payment."""

HOLDS = frozenset({_S.PAID, _S.HELD, _S.RELEASING, _S.REFUNDING})
"""States in which the buyer's money waits with us, or is on its way out."""
