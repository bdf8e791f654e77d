"""What people and jobs do to an order, from the promise to the seller's money."""

from .approving import NobodyApproves, NothingToApprove, approve
from .conceding import (
    ProposalClosed,
    ProposalWaits,
    agree,
    decide_by_finance,
    decline,
    propose,
    withdraw,
)
from .confirming import OrderExpired, ToSign, confirm, to_sign
from .curing import refund_uncured
from .deciding import TooEarly, approve_decision, close_decision, possible_of, propose_decision
from .holding import Looked, NotOnHold, ask_again, ask_again_by_staff, look
from .paying import AccountNotShown, NothingToSend, PageNotOpened, start_payment, where_to_send
from .placing import AlreadyYours, OwnClinic, TooManyUnpaid, cancel, lapse_expired, place
from .receiving import Signer
from .receiving import settle as settle_delivery
from .refusals import BuyerNotCleared, GateMoved, NotApproved, NotCleared, NotYourAct, OrderOnHold
from .settling import (
    catch_up,
    payment_changed,
    refund,
    refund_by_finance,
    refund_from_our_own,
    retry_clearance,
    send_surplus_again,
)
from .shipping import (
    PaymentUnderReview,
    accept,
    arrival_by_finance,
    dispatch,
    release_to_ship,
    report_arrival,
)
from .signing import (
    LinkIsAnothers,
    asking,
    confirm_by_link,
    send_link,
    to_sign_by_link,
    withdraw_link,
)
from .steps import clearance_now
from .verifying import compare_books, verify
from .watching import Watch, ask_for_a_watch, watch

__all__ = [
    "AccountNotShown",
    "AlreadyYours",
    "BuyerNotCleared",
    "GateMoved",
    "LinkIsAnothers",
    "Looked",
    "NobodyApproves",
    "NotApproved",
    "NotCleared",
    "NotOnHold",
    "NotYourAct",
    "NothingToApprove",
    "NothingToSend",
    "OrderExpired",
    "OrderOnHold",
    "OwnClinic",
    "PageNotOpened",
    "PaymentUnderReview",
    "ProposalClosed",
    "ProposalWaits",
    "Signer",
    "ToSign",
    "TooEarly",
    "TooManyUnpaid",
    "Watch",
    "accept",
    "agree",
    "approve",
    "approve_decision",
    "arrival_by_finance",
    "ask_again",
    "ask_again_by_staff",
    "ask_for_a_watch",
    "asking",
    "cancel",
    "catch_up",
    "clearance_now",
    "close_decision",
    "compare_books",
    "confirm",
    "confirm_by_link",
    "decide_by_finance",
    "decline",
    "dispatch",
    "lapse_expired",
    "look",
    "payment_changed",
    "place",
    "possible_of",
    "propose",
    "propose_decision",
    "refund",
    "refund_by_finance",
    "refund_from_our_own",
    "refund_uncured",
    "release_to_ship",
    "report_arrival",
    "retry_clearance",
    "send_link",
    "send_surplus_again",
    "settle_delivery",
    "start_payment",
    "to_sign",
    "to_sign_by_link",
    "verify",
    "watch",
    "where_to_send",
    "withdraw",
    "withdraw_link",
]
