"""What is told of the money of an order: held, paid out, given back in part or whole, word for word. Pure."""

from ..kernel.money import Money
from .proposal_states import Side
from .wording import News, Told


def paid_to_buyer(told: Told) -> News:
    """The money is here, and stays."""
    return News(
        f"Your payment for the {told.device} is held",
        (
            f"We received {told.price}. Your payment is held until you accept the device.",
            "The seller now prepares the shipment; we write again when it is on its way.",
        ),
        "Look at the order",
    )


def paid_to_seller(told: Told) -> News:
    """The seller may ask for the release to ship."""
    return News(
        f"The {told.device} is paid for: get the release to ship",
        (
            f"The buyer's payment of {told.price} for your {told.device} is held by us.",
            "Before it leaves you, ask for the release to ship: the buyer's clearance is checked once more.",
        ),
        "Get the release to ship",
    )


def payment_failed_to_buyer(told: Told) -> News:
    """A payment that was under way came to nothing."""
    return News(
        f"The payment for the {told.device} did not arrive",
        (
            f"Your bank did not complete the payment of {told.price}. Nothing was charged.",
            "You can pay again while the order stands.",
        ),
        "Pay again",
    )


def settled_to_seller(told: Told, *, payout: Money) -> News:
    """The seller has the money."""
    return News(
        f"You have been paid for the {told.device}",
        (f"We sent {payout} to your account with the payment provider. The sale is complete.",),
        "Look at the sale",
    )


def refund_started(told: Told, *, amount: Money, reason: str) -> News:
    """The buyer gets the money back."""
    return News(
        f"The payment for the {told.device} goes back to the buyer",
        (reason, f"{amount} goes back the way it came. With a bank it can take some days."),
        "Look at the order",
    )


def part_proposed(told: Told, amount: Money, reason: str, side: Side) -> News:
    """The other side is asked whether a part of the price may go back."""
    who = "The buyer asks" if side is Side.BUYER else "The seller offers"
    return News(
        f"About the price of the {told.device}: please answer",
        (
            f"{who} that {amount} of the {told.price} go back to the buyer. The sale stands for the rest.",
            f"Why: {reason}",
            "Nothing moves before you have agreed.",
        ),
        "Read and answer",
    )


def part_agreed(told: Told, amount: Money, reason: str) -> News:
    """Both sides agreed, and a part goes back."""
    return News(
        f"{amount} of the price of the {told.device} goes back to the buyer",
        (
            f"Buyer and seller agreed on it. Why: {reason}",
            "It goes back the way it came; with a bank it can take some days. The sale stands for the rest.",
        ),
        "Look at the order",
    )


def part_declined(told: Told, amount: Money) -> News:
    """The other side did not agree."""
    return News(
        f"No agreement on {amount} of the price of the {told.device}",
        (
            "The other side declined what you proposed. Nothing moves, and the sale stands as it is.",
            "You can make another proposal on the order's page, or write to our staff.",
        ),
        "Look at the order",
    )


def part_decided(told: Told, amount: Money, reason: str) -> News:
    """Finance decided, and a part goes back."""
    return News(
        f"{amount} of the price of the {told.device} goes back to the buyer",
        (
            f"Second Light decided it. Why: {reason}",
            "It goes back the way it came; with a bank it can take some days. The sale stands for the rest.",
        ),
        "Look at the order",
    )


def charged_back(told: Told, *, sold: bool = False) -> News:
    """The buyer's bank took the money back: before the device had left, or of one that was sold and to be refunded."""
    device = (
        f"The buyer's bank took {told.price} back before the device had left. It is on the market again."
        if not sold
        else f"The buyer's bank took {told.price} back before our refund went out, so we send nothing more."
    )
    return News(
        f"The order for the {told.device} has ended",
        (device,),
        "Look at the order",
    )


def paid_too_late_to_buyer(told: Told) -> News:
    """Money arrived for an order that had already ended."""
    return News(
        f"Your payment for the {told.device} goes back to you",
        (
            f"{told.price} arrived after the order had ended, so we are sending all of it back.",
            "With a bank it can take some days.",
        ),
        "Look at the order",
    )
