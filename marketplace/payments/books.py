"""Our books beside the provider's: the same movements of money, to the cent, or a finding. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ..kernel.money import Money
from .amounts import Account, JournalKind
from .ports import Booking, BookingKind
from .states import HOLDS, PaymentState


class FindingCode(StrEnum):
    """What can be wrong with the books."""

    BOOKS_DIFFER = "books_differ"
    NOT_OURS = "not_ours"
    UNBALANCED = "unbalanced"
    MONEY_UNACCOUNTED = "money_unaccounted"
    STATE_AND_BOOKS_DIFFER = "state_and_books_differ"
    STATE_WITHOUT_MOVE = "state_without_move"
    EVENT_OVERDUE = "event_overdue"
    EVENT_GIVEN_UP = "event_given_up"
    INTENT_OVERDUE = "intent_overdue"
    ORDER_AND_MONEY_DIFFER = "order_and_money_differ"
    BALANCE_TOO_LOW = "balance_too_low"
    TOTALS_DIFFER = "totals_differ"


class Movement(StrEnum):
    """How the money of an order moves in or out of our balance at the provider."""

    CHARGE = "charge"
    PROVIDER_FEE = "provider_fee"
    TRANSFER = "transfer"
    REVERSAL = "reversal"
    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that is not as it must be, with the numbers of both sides where there are two.

    `subject` says what it is about, the same at every look, so that a finding is known again.
    """

    code: FindingCode
    subject: str
    said: str
    order_id: UUID | None = None
    ours: Money | None = None
    theirs: Money | None = None

    def __str__(self) -> str:
        """Write it as one line."""
        sides = "" if self.ours is None else f" (ours {self.ours}, the provider's {self.theirs})"
        return f"{self.code}: {self.subject}: {self.said}{sides}"


@dataclass(frozen=True, slots=True)
class Moved:
    """One movement of an order's money, signed as it changes our balance at the provider."""

    order_id: UUID
    movement: Movement
    amount: Money


@dataclass(frozen=True, slots=True)
class Seen:
    """The same in the provider's books, with its name there and its moment."""

    moved: Moved
    reference: str
    at: datetime


OURS: dict[JournalKind, Movement] = {
    JournalKind.PAID: Movement.CHARGE,
    JournalKind.PROVIDER_FEE: Movement.PROVIDER_FEE,
    JournalKind.RELEASED: Movement.TRANSFER,
    JournalKind.REFUND_ARRIVED: Movement.REFUND,
    JournalKind.REFUNDED: Movement.REFUND,
    JournalKind.REVERSED: Movement.REVERSAL,
    JournalKind.RECOVERED: Movement.REVERSAL,
    JournalKind.DISPUTE_TAKEN: Movement.DISPUTE,
    JournalKind.DISPUTE_RETURNED: Movement.DISPUTE,
    JournalKind.DISPUTE_FEE: Movement.PROVIDER_FEE,
}
"""Which movement the provider's side of a journal is; a journal that is not listed moves nothing there."""

_THEIRS = {
    BookingKind.CHARGE: Movement.CHARGE,
    BookingKind.TRANSFER: Movement.TRANSFER,
    BookingKind.REVERSAL: Movement.REVERSAL,
    BookingKind.REFUND: Movement.REFUND,
    BookingKind.DISPUTE: Movement.DISPUTE,
}


def attributed(bookings: Iterable[Booking]) -> tuple[list[Seen], list[Finding]]:
    """
    Say of each booking which order's money it moves; those that should and do not are findings.

    Refunds, disputes and reversals name only their charge or transfer, which names the order.
    """
    kept = [booking for booking in bookings if booking.kind in _THEIRS]
    orders = {booking.within: booking.order_id for booking in kept if booking.order_id is not None}
    seen: list[Seen] = []
    strange: list[Finding] = []
    for booking in kept:
        order_id = orders.get(booking.within)
        if order_id is None:
            said = f"The provider booked {booking.amount} ({booking.kind}, {booking.source}) for no order of ours."
            nothing = Money(0, booking.amount.currency)
            strange.append(Finding(FindingCode.NOT_OURS, booking.booking_id, said, ours=nothing, theirs=booking.amount))
            continue
        moved = Moved(order_id, _THEIRS[booking.kind], booking.amount)
        seen.append(Seen(moved, booking.source or booking.booking_id, booking.at))
        if booking.fee.minor:
            fee = Moved(order_id, Movement.PROVIDER_FEE, Money(-booking.fee.minor, booking.fee.currency))
            seen.append(Seen(fee, booking.booking_id, booking.at))
    return seen, strange


def differences(ours: Iterable[Moved], theirs: Iterable[Seen], *, settled_before: datetime) -> Iterator[Finding]:
    """
    Yield every order and movement where the two books differ, as multisets: what happened twice must stand twice.

    What the provider booked since `settled_before` may still be on its way to us. Ours was read before theirs, so
    nothing of ours may be missing there.
    """
    here: defaultdict[tuple[UUID, Movement], Counter[Money]] = defaultdict(Counter)
    there: defaultdict[tuple[UUID, Movement], Counter[Money]] = defaultdict(Counter)
    young: defaultdict[tuple[UUID, Movement], Counter[Money]] = defaultdict(Counter)
    names: defaultdict[tuple[UUID, Movement], list[str]] = defaultdict(list)
    for moved in ours:
        here[moved.order_id, moved.movement][moved.amount] += 1
    for one in theirs:
        place = one.moved.order_id, one.moved.movement
        there[place][one.moved.amount] += 1
        names[place].append(one.reference)
        if one.at > settled_before:
            young[place][one.moved.amount] += 1
    for place in sorted(here.keys() | there.keys()):
        lacking_here = there[place] - here[place] - young[place]
        lacking_there = here[place] - there[place]
        if lacking_here or lacking_there:
            order_id, movement = place
            currency = next(iter(here[place] | there[place])).currency
            said = (
                f"{movement.replace('_', ' ')}: {_listed(here[place])} in our books, {_listed(there[place])}"
                f" at the provider{_named(names[place])}."
            )
            yield Finding(
                FindingCode.BOOKS_DIFFER, f"{order_id}:{movement}", said, order_id,
                _total(here[place], currency), _total(there[place], currency),
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parts:
    """What of one order's price goes back in parts: decided in all, here to be sent, sent and yet to arrive."""

    decided: Money
    covered: Money
    sent: Money


@dataclass(frozen=True, slots=True)
class OrderBooks:
    """What our own books and payments say of one order's money: balances by account, debit positive."""

    order_id: UUID
    state: PaymentState
    received: Money
    transferred: Money
    reversed: Money
    refunded: Money
    conceded: Money
    surplus: Money
    parts: Parts
    balances: Mapping[Account, Money]
    moved: Mapping[Movement, Money]


def inconsistencies(order: OrderBooks) -> Iterator[Finding]:
    """Yield what does not add up within our own house, for one order."""
    nothing = Money(0, order.received.currency)

    def owed(account: Account) -> Money:
        return nothing - order.balances.get(account, nothing)

    def moved(movement: Movement) -> Money:
        return order.moved.get(movement, nothing)

    for noted, booked, what in (
        (order.received, moved(Movement.CHARGE), "received"),
        (order.transferred, nothing - moved(Movement.TRANSFER), "sent to the seller"),
        (order.reversed, moved(Movement.REVERSAL), "taken back from the seller"),
        (order.refunded, nothing - moved(Movement.REFUND), "given back to the buyer"),
    ):
        if noted != booked:
            yield Finding(
                FindingCode.STATE_AND_BOOKS_DIFFER,
                f"{order.order_id}:{what}",
                f"The payment says {noted} was {what}, the ledger {booked}.",
                order.order_id,
            )
    cash = order.balances.get(Account.BUYERS_CASH, nothing)
    if not order.surplus == cash == owed(Account.SUSPENSE):
        yield Finding(
            FindingCode.STATE_AND_BOOKS_DIFFER,
            f"{order.order_id}:surplus",
            f"The payment says {order.surplus} lies here beyond the price, the ledger {cash}.",
            order.order_id,
        )
    if order.conceded != order.parts.decided:
        yield Finding(
            FindingCode.STATE_AND_BOOKS_DIFFER,
            f"{order.order_id}:parts",
            f"The payment says {order.conceded} goes back in parts; the parts come to {order.parts.decided}.",
            order.order_id,
        )
    held, pending = owed(Account.HELD), owed(Account.REFUND_PENDING)
    # What a lost dispute took; what an open one took is still owed to somebody.
    lost = owed(Account.DISPUTED) - moved(Movement.DISPUTE)
    ends = (order.transferred - order.reversed) + owed(Account.FEE_REVENUE) + order.refunded + pending + held
    ends += lost + owed(Account.SELLER_RECEIVABLE)
    if ends != order.received:
        yield Finding(
            FindingCode.MONEY_UNACCOUNTED,
            f"{order.order_id}:whole",
            f"{order.received} came in; the seller's part, our fee, refunds, what banks took back and what is held"
            f" come to {ends}.",
            order.order_id,
        )
    # What goes back in part of a price that the seller has been paid, is here until it is sent and has arrived.
    waiting = order.parts.sent + (order.parts.covered if order.state is PaymentState.RELEASED else nothing)
    if order.state in HOLDS:
        waiting = order.received - order.refunded
    if held + pending != waiting:
        yield Finding(
            FindingCode.MONEY_UNACCOUNTED,
            f"{order.order_id}:held",
            f"A payment that is {order.state} must hold {waiting}; the ledger holds {held + pending}.",
            order.order_id,
        )


def _listed(amounts: Counter[Money]) -> str:
    return ", ".join(f"{times} × {amount}" for amount, times in sorted(amounts.items())) or "nothing"


def _named(references: list[str]) -> str:
    return f" ({', '.join(references[:5])}{', …' if len(references) > 5 else ''})" if references else ""


def _total(amounts: Counter[Money], currency: str) -> Money:
    return Money(sum(amount.minor * times for amount, times in amounts.items()), currency)
