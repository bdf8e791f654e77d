"""What is signed and what is told, word for word. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..eligibility.explaining import listed
from ..kernel.days import day_in, end_of, is_working_day, written
from ..kernel.money import Money
from ..kernel.terms import ProcedureClass
from ..ripple import Cause
from .proposal_states import Side

INSPECTION_BUSINESS_DAYS = 3
ORDER_STANDS = timedelta(hours=72)
CURE_PERIOD = timedelta(days=30)
"""For so long a paid order that stands still waits for its cure; then the payment goes back."""


@dataclass(frozen=True, slots=True)
class News:
    """One message to one side: what happened, and the one thing to do about it."""

    subject: str
    lines: tuple[str, ...]
    action: str


@dataclass(frozen=True, slots=True)
class Told:
    """What messages about an order speak of: `left_out` are handpieces that stay with the seller."""

    number: int
    device: str
    price: Money
    left_out: tuple[str, ...] = ()
    restriction: str | None = None


def left_out_words(names: Sequence[str]) -> str:
    """Name handpieces as a sentence does: “CO2 handpiece” and “Er:YAG handpiece”."""
    return listed(f"“{name}”" for name in names)


def terms_of(told: Told) -> tuple[str, ...]:
    """Return what every message about the order repeats: what is not sold, and what the buyer signed to keep to."""
    terms = []
    if told.left_out:
        terms.append(f"Sold without {left_out_words(told.left_out)}: what is left out stays with the seller.")
    if told.restriction:
        terms.append(f"Use restriction, signed by the buyer: {told.restriction}")
    return tuple(terms)


def statement_of(
    *,
    practitioner: str,
    maker: str,
    model: str,
    serial: str,
    clinic: str,
    site: str,
    uses: Sequence[ProcedureClass],
    required: Iterable[str],
    left_out: Sequence[str] = (),
    restriction: str | None = None,
) -> str:
    """
    Return what the ordering practitioner signs for this very unit, 21 CFR 801.109(a)(2).

    `required` are the further statements that a rule of the place asks for, `left_out` the handpieces not bought.
    """
    purpose = ", ".join(use.words for use in uses) or "every use that the device enables"
    without = f", without {left_out_words(left_out)}" if left_out else ""
    ordered = (
        f"I, {practitioner}, order the {maker} {model}, serial number {serial}{without}, for {clinic} at {site},"
        f" for {purpose}, for use in the course of my professional practice."
    )
    kept_to = [f"I know the use restriction that the buyer signed: {restriction}"] if restriction else []
    return " ".join([ordered, *kept_to, *required])


def inspection_end(arrived: datetime, time_zone: str) -> datetime:
    """Return the end of the third business day after the arrival, where the device stands."""
    day, left = day_in(arrived, time_zone), INSPECTION_BUSINESS_DAYS
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day)
    return end_of(day, time_zone)


def placed_to_seller(told: Told) -> News:
    """A buyer has reserved the device."""
    return News(
        f"Your {told.device} is reserved",
        (
            f"A buyer who is cleared for it has ordered your {told.device} for {told.price}.",
            "It is off the market while their practitioner confirms the order and they pay, for 72 hours at most.",
            "There is nothing to do yet. We write again when the payment is held.",
        ),
        "Look at the sale",
    )


def placed_to_practitioner(told: Told, *, buyer: str) -> News:
    """The practitioner is asked to order the device."""
    return News(
        f"Please confirm the order of a {told.device}",
        (
            f"{buyer} has ordered a {told.device} for your clinic, at {told.price}.",
            "It is a prescription device: a practitioner has to order this very unit before it can be paid for.",
            "The order stands for 72 hours.",
        ),
        "Read and confirm the order",
    )


def confirmed_and_waiting(told: Told, *, practitioner: str) -> News:
    """The practitioner has signed, and a second person of the clinic approves next."""
    return News(
        f"Your order of the {told.device} waits for a second person",
        (
            f"{practitioner} has confirmed your order of the {told.device}.",
            (
                f"At {told.price} it lies above your clinic's limit: an owner or manager other than you approves it"
                " before it can be paid. They have been asked, and we write when they have."
            ),
        ),
        "Look at the order",
    )


def asked_to_approve(told: Told, *, buyer: str, limit: Money) -> News:
    """A second person of the clinic is asked to approve."""
    return News(
        f"Please approve the order of a {told.device}",
        (
            f"{buyer} has ordered a {told.device} for your clinic, at {told.price}, and its practitioner has signed.",
            f"Above {limit} your clinic asks a second person to approve a purchase before it can be paid.",
            "The order stands for 72 hours from when it was placed.",
        ),
        "Look at the order, and approve it",
    )


def approved_to_buyer(told: Told, *, by: str) -> News:
    """The second person has approved, and the order can be paid."""
    return News(
        f"Your order of the {told.device} can be paid",
        (
            f"{by} has approved your order of the {told.device}.",
            f"Pay {told.price} now. Your payment is held until you accept the device.",
        ),
        "Pay",
    )


def confirmed_to_buyer(told: Told, *, practitioner: str) -> News:
    """The order can be paid."""
    return News(
        f"Your order of the {told.device} can be paid",
        (
            f"{practitioner} has confirmed your order of the {told.device}.",
            f"Pay {told.price} now. Your payment is held until you accept the device.",
        ),
        "Pay",
    )


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


def dispatched_to_buyer(told: Told, *, carrier: str, tracking: str) -> News:
    """The device is on its way."""
    return News(
        f"The {told.device} is on its way",
        (
            f"It left the seller with {carrier}, tracking number {tracking}.",
            "When it has arrived, say so on the order's page: then you have three business days to look it over.",
        ),
        "Look at the order",
    )


def arrived_to_seller(told: Told) -> News:
    """The device is being looked over."""
    return News(
        f"The {told.device} has arrived",
        (
            "The buyer now looks it over. Your money is sent when they accept it.",
            "There is nothing to do for you.",
        ),
        "Look at the sale",
    )


def accepted_to_seller(told: Told, *, payout: Money) -> News:
    """The seller's money is being sent."""
    return News(
        f"The {told.device} was accepted",
        (f"The buyer accepted the device. {payout} is on its way to your account.",),
        "Look at the sale",
    )


def settled_to_seller(told: Told, *, payout: Money) -> News:
    """The seller has the money."""
    return News(
        f"You have been paid for the {told.device}",
        (f"We sent {payout} to your account with the payment provider. The sale is complete.",),
        "Look at the sale",
    )


def ended(told: Told, *, reason: str) -> News:
    """The order is over before any money was held."""
    return News(
        f"The order of the {told.device} has ended",
        (reason, "Nothing was charged, and the device is back on the market."),
        "Look at the order",
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


def moment_of(at: datetime) -> str:
    """Write a moment as mails and refusals say it."""
    return f"{written(at.astimezone(UTC).date())}, {at.astimezone(UTC):%H:%M} UTC"


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
