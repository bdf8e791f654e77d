"""What is signed of an order, and what its sides are told between ordering and acceptance, word for word. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..eligibility.explaining import listed
from ..kernel.days import day_in, end_of, is_working_day, written
from ..kernel.money import Money
from ..kernel.terms import ProcedureClass
from ..payments.states import DeviceIs

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


def taken_by_somebody_else(told: Told, *, name: str) -> News:
    """Somebody signed for the device whom the clinic does not name among its people."""
    return News(
        f"Who took the {told.device}?",
        (
            f"It was delivered, and “{name}” signed for it. Nobody of that name belongs to your clinic here.",
            "If you know them, invite them to the clinic or tell us who they are. If you do not, write to us at once.",
            "Our staff look at it. Nobody operates the device who is not cleared for it.",
        ),
        "Look at the order",
    )


def accepted_to_seller(told: Told, *, payout: Money) -> News:
    """The seller's money is being sent."""
    return News(
        f"The {told.device} was accepted",
        (f"The buyer accepted the device. {payout} is on its way to your account.",),
        "Look at the sale",
    )


def accepted_by_decision(told: Told, *, reason: str) -> News:
    """Finance releases the money although the buyer has not accepted."""
    return News(
        f"The payment for the {told.device} goes to the seller",
        ("Two people of Second Light decided this, because the payment had been held for too long.", reason),
        "Look at the order",
    )


def given_back_by_decision(told: Told, *, amount: Money, reason: str, device: DeviceIs) -> News:
    """Finance gives the money back although the device has left its seller."""
    where = {
        DeviceIs.WITH_SELLER: "The device is back with the seller; once the money arrives it is for sale again.",
        DeviceIs.WITH_BUYER: (
            "The device is not back with the seller, and leaves the market. What becomes of it is between your two"
            " clinics: please arrange how it goes back."
        ),
    }[device]
    return News(
        f"The payment for the {told.device} goes back to the buyer",
        (f"Two people of Second Light decided that {amount} goes back to the buyer. {reason}", where),
        "Look at the order",
    )


def ended(told: Told, *, reason: str) -> News:
    """The order is over before any money was held."""
    return News(
        f"The order of the {told.device} has ended",
        (reason, "Nothing was charged, and the device is back on the market."),
        "Look at the order",
    )


def moment_of(at: datetime) -> str:
    """Write a moment as mails and refusals say it."""
    return f"{written(at.astimezone(UTC).date())}, {at.astimezone(UTC):%H:%M} UTC"
