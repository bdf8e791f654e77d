"""What is told of an order that stands still, why, and what cures it, word for word. Pure."""

from collections.abc import Sequence
from datetime import datetime

from ..ripple import Cause
from .wording import CURE_PERIOD, News, Told, moment_of

NOT_FOR_EVER = (
    f"There are {CURE_PERIOD.days} days for that; the order's page names the day. If it is not cured by then, the whole"
    " payment goes back to you."
)


def not_cleared_to_buyer(told: Told, *, against: Sequence[str], paid: bool) -> News:
    """The gate says no to an order that is under way; `against` says why and what cures it."""
    where = "Your payment is safe with us and has not gone to the seller." if paid else "Nothing was charged."
    return News(
        f"Your order of the {told.device} is on hold",
        (
            f"You are not cleared for the {told.device} at the moment. {where}",
            *against,
            "Once this is cured, open the order and ask again.",
            *([NOT_FOR_EVER] if paid else []),
        ),
        "See what is missing",
    )


CURES: dict[Cause, str] = {
    Cause.CREDENTIAL_SUSPENDED: "Wait until it is reinstated, or let its holder submit another that the rule accepts.",
    Cause.CREDENTIAL_REVOKED: "Its holder can submit another credential that the rule accepts.",
    Cause.MEMBERSHIP_ENDED: "Invite the person to your clinic again, or cancel the order and place it anew.",
    Cause.ACCOUNT_CLOSED: "Write to our staff.",
    Cause.SITE_CLOSED: "A closed site does not open again: cancel the order, or let the seller give the payment back.",
    Cause.SAFETY_OFFICER_UNNAMED: "Name the laser safety officer on the page of the site.",
    Cause.SELLER_SUSPENDED: "Wait: we are looking into the seller, and write to you.",
    Cause.RECALL_CONFIRMED: "Wait until our staff close the recall here, or cancel the order.",
    Cause.ADDRESS_CHANGED: "If the address is right there is nothing to do. If it is not, put it right and tell us.",
    Cause.EMAIL_CHANGED: "If it was you there is nothing to do. If not, use the link in the mail to the old address.",
    Cause.ANSWER_TURNED: "Cure what stands against it, then ask again.",
}
"""What the buying side can do about a hold."""


def held_to_buyer(told: Told, *, words: str, cause: Cause, paid: bool) -> News:
    """The order stands still, and this is why."""
    where = "Your payment is safe with us and has not gone to the seller." if paid else "Nothing was charged."
    return News(
        f"Your order of the {told.device} is on hold",
        (
            words,
            where,
            CURES[cause],
            "Once it is cured the gate is asked again, by itself or when you ask for it.",
            *([NOT_FOR_EVER] if paid else []),
        ),
        "See why, and ask again",
    )


def waits_to_buyer(told: Told, *, words: str, cause: Cause, until: datetime) -> News:
    """Something about the order was changed, and there is time to object."""
    return News(
        f"Your order of the {told.device} waits for a day",
        (
            words,
            f"For your safety the device is not released before {moment_of(until)}.",
            CURES[cause],
            "Then the gate is asked again, by itself, and the order goes on.",
        ),
        "Look at the order",
    )


def waits_to_seller(told: Told, *, until: datetime) -> News:
    """The seller must keep the device until the change has settled."""
    return News(
        f"Keep the {told.device}: its sale waits for a day",
        (
            "Where the device goes, or an account of the buying side, was changed.",
            f"For safety it is not released before {moment_of(until)}. Please do not send it.",
            "Before you send it, look at the address on the page of the sale again. We write when the sale goes on.",
        ),
        "Look at the sale",
    )


def held_to_seller(told: Told) -> News:
    """The seller must keep the device; what the buyer lost is the buyer's own."""
    return News(
        f"Keep the {told.device}: its sale is on hold",
        (
            "Something that this sale rests on has changed, and it is being looked at.",
            "Please do not send the device. We write again when the sale goes on.",
        ),
        "Look at the sale",
    )


def lifted(told: Told) -> News:
    """The gate said yes again, and the order goes on."""
    return News(
        f"The order of the {told.device} goes on",
        ("The gate was asked again and said yes: the order is no longer on hold.",),
        "See what is next",
    )
