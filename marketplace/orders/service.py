"""What people and jobs do to an order, from the promise to the seller's money."""

from .placing import (
    AlreadyYours,
    OrderExpired,
    OwnClinic,
    ToSign,
    cancel,
    confirm,
    lapse_expired,
    place,
    start_payment,
    to_sign,
)
from .settling import catch_up, payment_changed, refund, refund_by_finance, retry_clearance
from .shipping import (
    PaymentUnderReview,
    accept,
    arrival_by_finance,
    dispatch,
    release_to_ship,
    report_arrival,
)
from .steps import BuyerNotCleared, GateMoved, NotCleared, NotYourAct, clearance_now

__all__ = [
    "AlreadyYours",
    "BuyerNotCleared",
    "GateMoved",
    "NotCleared",
    "NotYourAct",
    "OrderExpired",
    "OwnClinic",
    "PaymentUnderReview",
    "ToSign",
    "accept",
    "arrival_by_finance",
    "cancel",
    "catch_up",
    "clearance_now",
    "confirm",
    "dispatch",
    "lapse_expired",
    "payment_changed",
    "place",
    "refund",
    "refund_by_finance",
    "release_to_ship",
    "report_arrival",
    "retry_clearance",
    "start_payment",
    "to_sign",
]
