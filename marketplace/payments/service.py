"""What the payments room does for others: the money of one order from its page to its end."""

from .alarms import watch_holds
from .asking import (
    NothingCameBack,
    front,
    give_back_instead,
    recover,
    request_refund,
    request_release,
    send_surplus_again,
)
from .checkouts import (
    CheckoutClosed,
    PaymentUnderWay,
    close_checkout,
    open_checkout,
    prepare_checkout,
    require_none_active,
    where_to_send,
)
from .converging import converge, locked
from .inbox import process_event, receive
from .intents import run_intent
from .partials import PartOnItsWay, PaymentStandsStill, check_partial_refund, request_partial_refund
from .polling import poll_events
from .queries import payment_of, payments_of, seller_account
from .reconciling import Reconciled, compare_books, keep_findings, reconcile
from .record import MoneyNotHere
from .sellers import NoSellerAccount, onboarding_link, open_seller_account, refresh_seller_account
from .verifying import verify

__all__ = [
    "CheckoutClosed",
    "MoneyNotHere",
    "NoSellerAccount",
    "NothingCameBack",
    "PartOnItsWay",
    "PaymentStandsStill",
    "PaymentUnderWay",
    "Reconciled",
    "check_partial_refund",
    "close_checkout",
    "compare_books",
    "converge",
    "front",
    "give_back_instead",
    "keep_findings",
    "locked",
    "onboarding_link",
    "open_checkout",
    "open_seller_account",
    "payment_of",
    "payments_of",
    "poll_events",
    "prepare_checkout",
    "process_event",
    "receive",
    "reconcile",
    "recover",
    "refresh_seller_account",
    "request_partial_refund",
    "request_refund",
    "request_release",
    "require_none_active",
    "run_intent",
    "seller_account",
    "send_surplus_again",
    "verify",
    "watch_holds",
    "where_to_send",
]
