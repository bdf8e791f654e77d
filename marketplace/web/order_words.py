"""An order in the words of its pages: where it stands, what comes next, what happened, what was ordered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..eligibility.models import Moment
from ..kernel.days import written
from ..orders.access import Act, Party
from ..orders.hold_wording import CURES
from ..orders.queries import OrderLine
from ..orders.states import OrderEvent, OrderState
from ..orders.views import HoldView, MoveView, OrderView
from ..orders.wording import left_out_words, moment_of
from ..payments.queries import PartView, PaymentView
from ..ripple import Cause

_S, _E = OrderState, OrderEvent

STATES: dict[OrderState, tuple[str, str]] = {
    _S.AWAITING_PRACTITIONER: ("not_yet", "awaiting the practitioner"),
    _S.AWAITING_PAYMENT: ("not_yet", "awaiting payment"),
    _S.PAYMENT_PROCESSING: ("not_yet", "payment on its way"),
    _S.HELD_NOT_CLEARED: ("wrong", "paid, not cleared"),
    _S.FUNDS_HELD: ("yes", "payment held"),
    _S.RELEASED_TO_SHIP: ("yes", "released to ship"),
    _S.IN_TRANSIT: ("not_yet", "on its way"),
    _S.UNDER_INSPECTION: ("not_yet", "under inspection"),
    _S.ACCEPTED: ("yes", "accepted"),
    _S.SETTLED: ("yes", "complete"),
    _S.CANCELLED: ("quiet", "cancelled"),
    _S.LAPSED: ("quiet", "lapsed"),
    _S.REFUNDING: ("not_yet", "payment going back"),
    _S.REFUNDED: ("quiet", "payment given back"),
}
"""The tone and the words of each state."""

ACTS: dict[Act, str] = {
    Act.CONFIRM: "Read and confirm",
    Act.APPROVE: "Approve the purchase",
    Act.PAY: "Pay",
    Act.RETRY_CLEARANCE: "Ask the gate again",
    Act.RELEASE_TO_SHIP: "Get the release to ship",
    Act.DISPATCH: "Dispatch",
    Act.REPORT_ARRIVAL: "It has arrived",
    Act.ACCEPT: "Accept the device",
    Act.CANCEL: "Cancel the order",
    Act.REFUND: "Give the payment back",
    Act.ASK_AGAIN: "Ask the gate again",
    Act.ASK_PRACTITIONER: "Ask the practitioner by mail",
    Act.PARTIAL_REFUND: "Give a part back",
}

CAUSES: dict[Cause, str] = {
    Cause.CREDENTIAL_SUSPENDED: "a credential was suspended",
    Cause.CREDENTIAL_REVOKED: "a credential was revoked",
    Cause.MEMBERSHIP_ENDED: "somebody left the clinic",
    Cause.ACCOUNT_CLOSED: "an account was closed",
    Cause.SITE_CLOSED: "the site was closed",
    Cause.SAFETY_OFFICER_UNNAMED: "the site has no laser safety officer",
    Cause.SELLER_SUSPENDED: "the seller may not sell for now",
    Cause.RECALL_CONFIRMED: "a recall concerns the model",
    Cause.ADDRESS_CHANGED: "the address of the site was changed",
    Cause.EMAIL_CHANGED: "an e-mail address was changed",
    Cause.ANSWER_TURNED: "the gate's answer has turned to no",
}
"""What happened, as staff and the buying side read it in a few words."""

MOMENTS: dict[Moment, str] = {
    Moment.OFFER: "when an offer was made",
    Moment.ORDER: "when it was ordered",
    Moment.PAYMENT_START: "before the payment",
    Moment.PAYMENT_RECEIVED: "when the payment arrived",
    Moment.SHIP_RELEASE: "before it left the seller",
}

_HAPPENED: dict[OrderEvent | None, str] = {
    None: "Order placed",
    _E.CONFIRMED: "Confirmed by the practitioner",
    _E.PAYMENT_STARTED: "Payment on its way",
    _E.PAYMENT_FAILED: "The payment did not arrive",
    _E.PAID: "Payment held until acceptance",
    _E.PAID_NOT_CLEARED: "Paid, but not cleared",
    _E.CLEARED: "Cleared; payment held until acceptance",
    _E.SHIP_RELEASED: "Released to ship",
    _E.DISPATCHED: "Dispatched",
    _E.DELIVERED: "Arrived",
    _E.ACCEPTED: "Accepted",
    _E.SETTLED: "Seller paid",
    _E.CANCELLED: "Cancelled",
    _E.LAPSED: "Lapsed",
    _E.REFUND_STARTED: "Payment going back to the buyer",
    _E.RETURN_DECIDED: "Second Light decided: the payment goes back to the buyer",
    _E.RELEASE_DECIDED: "Second Light decided: the payment goes to the seller",
    _E.REFUNDED: "Payment given back",
    _E.CHARGED_BACK: "Payment taken back by the buyer's bank",
}

_WITH_CAUSE = frozenset(
    {_E.CANCELLED, _E.LAPSED, _E.REFUND_STARTED, _E.RETURN_DECIDED, _E.RELEASE_DECIDED, _E.DISPATCHED}
)
_APPROVED = "Approved by a second person"
_USUAL = (_E.CONFIRMED, _E.PAID, _E.SHIP_RELEASED, _E.DISPATCHED, _E.DELIVERED, _E.ACCEPTED, _E.SETTLED)
_AHEAD: dict[OrderState, tuple[OrderEvent, ...]] = {
    _S.AWAITING_PRACTITIONER: _USUAL,
    _S.AWAITING_PAYMENT: _USUAL[1:],
    _S.PAYMENT_PROCESSING: _USUAL[1:],
    _S.HELD_NOT_CLEARED: _USUAL[2:],
    _S.FUNDS_HELD: _USUAL[2:],
    _S.RELEASED_TO_SHIP: _USUAL[3:],
    _S.IN_TRANSIT: _USUAL[4:],
    _S.UNDER_INSPECTION: _USUAL[5:],
    _S.ACCEPTED: _USUAL[6:],
    _S.REFUNDING: (_E.REFUNDED,),
}
# What the sides only need to know of: the money's own steps speak for the rest.
_NEXT: dict[OrderState, tuple[str, str]] = {
    _S.AWAITING_PRACTITIONER: (
        "A practitioner of the clinic now reads and confirms this order. Then it can be paid.",
        "The buyer's practitioner now confirms the order, and then they pay. The device is kept for them meanwhile.",
    ),
    _S.AWAITING_PAYMENT: (
        "The order is confirmed and can be paid.",
        "The order is confirmed; the buyer can pay now. There is nothing to do for you.",
    ),
    _S.PAYMENT_PROCESSING: (
        "The payment is being confirmed by the bank. There is nothing to do; we write when it is here.",
        "The buyer's bank is sending the money. Keep the device; we write when it is here.",
    ),
    _S.HELD_NOT_CLEARED: (
        "The payment is safe with us, but the gate says no at the moment. Cure what stands against it, then ask again.",
        "The buyer has paid and is not cleared at the moment. Keep the device; we write when that has changed.",
    ),
    _S.FUNDS_HELD: (
        "The seller now asks for the release to ship: the gate is asked again before the device leaves.",
        "Before the device leaves you, get the release to ship: the gate is asked again.",
    ),
    _S.RELEASED_TO_SHIP: (
        "The seller may send the device now.",
        "Send the device to the address below, then say with whom and under which tracking number.",
    ),
    _S.IN_TRANSIT: (
        "When the device has arrived, say so here.",
        "When it has arrived the buyer looks it over and accepts it.",
    ),
    _S.UNDER_INSPECTION: (
        (
            "Look the device over and compare it with its condition report. When it is what was described, accept it;"
            " then the seller is paid. If something differs, do not accept it yet: ask the seller for a part of the"
            " price back, under The money. Nothing is accepted by silence; what you paid stays held until then."
        ),
        "The buyer looks the device over. When they accept it, you are paid.",
    ),
    _S.ACCEPTED: (
        "You accepted the device. The seller is being paid.",
        "The buyer accepted the device. Your money is being sent.",
    ),
    _S.SETTLED: ("This purchase is complete.", "This sale is complete."),
    _S.CANCELLED: ("This order was cancelled. Nothing was charged.", "This order was cancelled before it was paid."),
    _S.LAPSED: ("This order was not paid in time. Nothing was charged.", "This order was not paid in time."),
    _S.REFUNDING: ("The payment is going back the way it came.", "The payment is going back to the buyer."),
    _S.REFUNDED: ("You have your money back.", "The buyer has the money back."),
}
_SEND = (
    "Send the price from your bank, with the reference that the payment provider gave you. If you have sent it, there"
    " is nothing to do: we write when it is here."
)
_APPROVAL_NEXT = {
    _S.AWAITING_PRACTITIONER: (
        "A practitioner of the clinic now reads and confirms this order. Then a second person of the clinic approves"
        " it, as its price lies above the clinic's limit. Then it can be paid."
    ),
    _S.AWAITING_PAYMENT: (
        "The price lies above the clinic's limit: an owner or manager other than whoever placed the order now approves"
        " it. Then it can be paid."
    ),
}
_TAKEN_BACK = (
    "This order has ended because your bank took the payment back.",
    "This order has ended because the buyer's bank took the payment back.",
)
_HELD = {
    False: "This order is on hold: it goes no further before the gate has said yes again.",
    True: "This sale is on hold: something that it rests on has changed. Keep the device; we write when it goes on.",
}


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """What the `timeline` macro takes."""

    label: str
    at: datetime | None
    detail: str | None
    state: str


def state_of(order: OrderView | OrderLine) -> tuple[str, str]:
    """Return the tone and the words of where the order stands; a hold is said first."""
    tone, words = STATES[order.state]
    return ("wrong", f"on hold, {words}") if order.held else (tone, words)


def next_step(order: OrderView, payment: PaymentView | None = None) -> str:
    """Say what comes next, to whoever is looking."""
    if order.held:
        return _HELD[order.parties == {Party.SELLER}]
    if order.on_buying_side and payment is not None and payment.awaits_transfer:
        return _SEND
    if order.awaits_approval and order.state in _APPROVAL_NEXT:
        return _APPROVAL_NEXT[order.state]
    taken_back = any(move.event is _E.CHARGED_BACK for move in order.moves)
    to_buyer, to_seller = _TAKEN_BACK if taken_back else _NEXT[order.state]
    return to_seller if order.parties == {Party.SELLER} else to_buyer


def signed(order: OrderView) -> str:
    """Say to the practitioner who has signed what comes next."""
    then = "A second person of the clinic approves it next." if order.awaits_approval else "It can be paid for now."
    return f"You have ordered the device. {then}"


def cure_ends(order: OrderView) -> str | None:
    """Say until when what stops a paid order can be cured; None where nothing stops it."""
    if order.cure_ends_at is None:
        return None
    whose = "to the buyer" if order.parties <= {Party.SELLER, Party.FINANCE} else "to you"
    return f"If it is not cured by {written(order.cure_ends_at)}, the whole payment goes back {whose}."


def timeline(order: OrderView, payment: PaymentView | None = None) -> list[ShownEvent]:
    """Return what happened and what is still to come."""
    done = [_happened(move) for move in order.moves]
    parts = payment.parts if payment else ()
    done = sorted([*done, *_approved(order), *_held(order.holds), *_in_parts(parts)], key=lambda entry: entry[1])
    ahead = _AHEAD.get(order.state, ())
    shown = [ShownEvent(label, at, detail, "done") for label, at, detail in done]
    labels = [_HAPPENED[event] for event in ahead]
    if order.awaits_approval and _E.PAID in ahead:
        labels.insert(ahead.index(_E.PAID), _APPROVED)
    shown += [
        ShownEvent(label, None, None, "now" if position == 0 else "next") for position, label in enumerate(labels)
    ]
    return shown


def _approved(order: OrderView) -> list[tuple[str, datetime, str | None]]:
    if order.approval is None or order.approval.at is None:
        return []
    return [(_APPROVED, order.approval.at, f"by {order.approval.by}")]


def holds(order: OrderView) -> list[tuple[str, str]]:
    """Return what the buying side and staff read of each open hold: what happened, and what cures it."""
    return [(hold.words, _cure(hold)) for hold in order.holds if hold.is_open and hold.words is not None]


def _cure(hold: HoldView) -> str:
    if hold.until is None:
        return CURES[hold.cause]
    return f"{CURES[hold.cause]} The device is not released before {moment_of(hold.until)}; then it goes on by itself."


def _held(seen: Iterable[HoldView]) -> list[tuple[str, datetime, str | None]]:
    # Several causes at one moment are one thing that happened.
    happened: list[tuple[str, datetime, str | None]] = []
    for hold in seen:
        happened.append(("Put on hold", hold.placed_at, CAUSES[hold.cause] if hold.words is not None else None))
        if hold.lifted_at is not None:
            happened.append(("No longer on hold", hold.lifted_at, f"by {hold.lifted_by}" if hold.lifted_by else None))
    return list(dict.fromkeys(happened))


def _in_parts(parts: Iterable[PartView]) -> list[tuple[str, datetime, str | None]]:
    happened: list[tuple[str, datetime, str | None]] = []
    for part in parts:
        happened.append(("A part of the payment goes back", part.requested_at, f"{part.amount}: {part.reason}"))
        if part.arrived_at is not None:
            happened.append(("A part of the payment given back", part.arrived_at, str(part.amount)))
    return happened


def _happened(move: MoveView) -> tuple[str, datetime, str | None]:
    by = f"by {move.actor_name}" if move.actor_name else None
    # A cause is told where it says more than the event does.
    said = move.cause if move.event in _WITH_CAUSE else None
    return _HAPPENED[move.event], move.at, ", ".join(filter(None, (said, by))) or None


def facts(order: OrderView) -> Sequence[tuple[str, object]]:
    """Return what was ordered, from whom, for where, as far as whoever looks may know it."""
    uses = ", ".join(use.words for use in order.declared_uses) or "everything that the device enables"
    pairs: list[tuple[str, object]] = [
        ("Device", f"{order.title}, {order.year}" if order.year else order.title),
        ("Price", str(order.price)),
        ("Seller", order.seller_name),
    ]
    if order.serial is not None:
        pairs.append(("Serial number", order.serial))
    if order.buyer is not None:
        buyer = order.buyer
        address = f"{buyer.street}, {buyer.city}, {order.state_code} {buyer.postal_code}"
        pairs += [
            ("Buyer", f"{buyer.clinic_name} ({buyer.buyer_name})"),
            ("Site", f"{buyer.site_name}: {address}"),
        ]
        if order.parties != {Party.SELLER}:
            pairs += [
                ("Operator", buyer.operator_name),
                ("Ordering practitioner", buyer.practitioner_name or "has yet to confirm"),
            ]
    if order.approval is not None:
        said = f"by {order.approval.by}" if order.approval.by else "has yet to be given"
        pairs.append(("Approval", f"{said}; your clinic asks for it above {order.approval.limit}"))
    if order.left_out:
        pairs.append(("Sold without", left_out_words(order.left_out)))
    pairs.append(("Used for", uses))
    if order.carrier:
        pairs.append(("Carrier", f"{order.carrier}, {order.tracking}"))
    if order.signed_by:
        pairs.append(("Signed for by", order.signed_by))
    return pairs
