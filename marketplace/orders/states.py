"""What can happen to an order, from the promise to the money's release. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class OrderState(StrEnum):
    """Where a sale stands."""

    AWAITING_PRACTITIONER = "awaiting_practitioner"
    AWAITING_PAYMENT = "awaiting_payment"
    PAYMENT_PROCESSING = "payment_processing"
    HELD_NOT_CLEARED = "held_not_cleared"
    FUNDS_HELD = "funds_held"
    RELEASED_TO_SHIP = "released_to_ship"
    IN_TRANSIT = "in_transit"
    UNDER_INSPECTION = "under_inspection"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class OrderEvent(StrEnum):
    """What people and the payment provider do to an order."""

    CONFIRMED = "confirmed"  # by the ordering practitioner
    PAYMENT_STARTED = "payment_started"  # a bank transfer is on its way
    PAYMENT_FAILED = "payment_failed"
    PAID = "paid"
    PAID_NOT_CLEARED = "paid_not_cleared"  # the money came, the gate said no
    CLEARED = "cleared"  # the cause of that no was cured
    SHIP_RELEASED = "ship_released"
    DISPATCHED = "dispatched"
    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    REFUND_STARTED = "refund_started"
    REFUNDED = "refunded"
    RETURN_DECIDED = "return_decided"  # by two people of finance, although the device has left its seller
    RELEASE_DECIDED = "release_decided"  # by the same, although the buyer has not accepted
    CHARGED_BACK = "charged_back"  # the buyer's bank took the money: before the device had left, or what was to go back


_S, _E = OrderState, OrderEvent

ORDER: Machine[OrderState, OrderEvent] = Machine(
    {
        (_S.AWAITING_PRACTITIONER, _E.CONFIRMED): _S.AWAITING_PAYMENT,
        (_S.AWAITING_PRACTITIONER, _E.CANCELLED): _S.CANCELLED,
        (_S.AWAITING_PRACTITIONER, _E.LAPSED): _S.LAPSED,
        (_S.AWAITING_PAYMENT, _E.PAYMENT_STARTED): _S.PAYMENT_PROCESSING,
        (_S.AWAITING_PAYMENT, _E.PAID): _S.FUNDS_HELD,
        (_S.AWAITING_PAYMENT, _E.PAID_NOT_CLEARED): _S.HELD_NOT_CLEARED,
        (_S.AWAITING_PAYMENT, _E.CANCELLED): _S.CANCELLED,
        (_S.AWAITING_PAYMENT, _E.LAPSED): _S.LAPSED,
        (_S.PAYMENT_PROCESSING, _E.PAID): _S.FUNDS_HELD,
        (_S.PAYMENT_PROCESSING, _E.PAID_NOT_CLEARED): _S.HELD_NOT_CLEARED,
        (_S.PAYMENT_PROCESSING, _E.PAYMENT_FAILED): _S.AWAITING_PAYMENT,
        (_S.HELD_NOT_CLEARED, _E.CLEARED): _S.FUNDS_HELD,
        (_S.HELD_NOT_CLEARED, _E.REFUND_STARTED): _S.REFUNDING,
        (_S.FUNDS_HELD, _E.SHIP_RELEASED): _S.RELEASED_TO_SHIP,
        (_S.FUNDS_HELD, _E.REFUND_STARTED): _S.REFUNDING,
        (_S.RELEASED_TO_SHIP, _E.DISPATCHED): _S.IN_TRANSIT,
        (_S.RELEASED_TO_SHIP, _E.REFUND_STARTED): _S.REFUNDING,
        (_S.IN_TRANSIT, _E.DELIVERED): _S.UNDER_INSPECTION,
        (_S.UNDER_INSPECTION, _E.ACCEPTED): _S.ACCEPTED,
        (_S.ACCEPTED, _E.SETTLED): _S.SETTLED,
        (_S.SETTLED, _E.REFUND_STARTED): _S.REFUNDING,
        (_S.REFUNDING, _E.REFUNDED): _S.REFUNDED,
        **{(state, _E.RETURN_DECIDED): _S.REFUNDING for state in (_S.IN_TRANSIT, _S.UNDER_INSPECTION, _S.ACCEPTED)},
        (_S.UNDER_INSPECTION, _E.RELEASE_DECIDED): _S.ACCEPTED,
        **{
            (state, _E.CHARGED_BACK): _S.CANCELLED
            for state in (_S.HELD_NOT_CLEARED, _S.FUNDS_HELD, _S.RELEASED_TO_SHIP)
        },
        # It was to be given back, and the bank was faster.
        (_S.REFUNDING, _E.CHARGED_BACK): _S.REFUNDED,
    }
)

ENDED_WITHOUT_SALE = frozenset({_S.CANCELLED, _S.LAPSED, _S.REFUNDED})
"""States that give the unit back to the market; every other state keeps it for this order."""

MONEY_HELD = frozenset(
    {_S.HELD_NOT_CLEARED, _S.FUNDS_HELD, _S.RELEASED_TO_SHIP, _S.IN_TRANSIT, _S.UNDER_INSPECTION, _S.ACCEPTED}
)
"""States in which the buyer's money waits with us."""

UNSHIPPED = frozenset(
    {
        _S.AWAITING_PRACTITIONER,
        _S.AWAITING_PAYMENT,
        _S.PAYMENT_PROCESSING,
        _S.HELD_NOT_CLEARED,
        _S.FUNDS_HELD,
        _S.RELEASED_TO_SHIP,
    }
)
"""States in which the device has not left yet, so that it can be held back."""

TRANSFERRED = frozenset({_S.IN_TRANSIT, _S.UNDER_INSPECTION, _S.ACCEPTED, _S.SETTLED})
"""States in which the device has left its seller."""

PARTLY_REFUNDABLE = frozenset({_S.FUNDS_HELD, _S.RELEASED_TO_SHIP, _S.IN_TRANSIT, _S.UNDER_INSPECTION, _S.SETTLED})
"""States in which a part of the price can go back while the sale stands: paid, and not on its way to the seller."""

CURABLE = frozenset({_S.HELD_NOT_CLEARED, _S.FUNDS_HELD, _S.RELEASED_TO_SHIP})
"""States in which a paid order that stands still waits for its cure, and no longer than the cure period."""

STOPPED_BY_A_HOLD = frozenset({_E.PAID, _E.CLEARED, _E.SHIP_RELEASED, _E.DISPATCHED})
"""What cannot happen to an order on hold; the database refuses it as well."""
