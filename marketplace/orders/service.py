"""What people and jobs do to an order, from the promise to the seller's money."""

from .holding import Looked, NotOnHold, ask_again, ask_again_by_staff, look
from .paying import PageNotOpened, start_payment
from .placing import (
    AlreadyYours,
    OrderExpired,
    OwnClinic,
    ToSign,
    cancel,
    confirm,
    lapse_expired,
    place,
    to_sign,
)
from .settling import catch_up, payment_changed, refund, refund_by_finance, refund_from_our_own, retry_clearance
from .shipping import (
    PaymentUnderReview,
    accept,
    arrival_by_finance,
    dispatch,
    release_to_ship,
    report_arrival,
)
from .steps import BuyerNotCleared, GateMoved, NotCleared, NotYourAct, OrderOnHold, clearance_now
from .verifying import compare_books, verify
from .watching import Watch, ask_for_a_watch, watch

__all__ = [
    "AlreadyYours",
    "BuyerNotCleared",
    "GateMoved",
    "Looked",
    "NotCleared",
    "NotOnHold",
    "NotYourAct",
    "OrderExpired",
    "OrderOnHold",
    "OwnClinic",
    "PageNotOpened",
    "PaymentUnderReview",
    "ToSign",
    "Watch",
    "accept",
    "arrival_by_finance",
    "ask_again",
    "ask_again_by_staff",
    "ask_for_a_watch",
    "cancel",
    "catch_up",
    "clearance_now",
    "compare_books",
    "confirm",
    "dispatch",
    "lapse_expired",
    "look",
    "payment_changed",
    "place",
    "refund",
    "refund_by_finance",
    "refund_from_our_own",
    "release_to_ship",
    "report_arrival",
    "retry_clearance",
    "start_payment",
    "to_sign",
    "verify",
    "watch",
]
