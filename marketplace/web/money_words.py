"""Where the money of an order is, in the words of its pages, to whoever looks."""

from ..kernel.days import written
from ..kernel.money import Money
from ..orders.access import Party
from ..orders.views import OrderView
from ..payments.policy import decision_due
from ..payments.queries import PaymentView
from ..payments.states import PartialState, PaymentState

_WITH_US = frozenset({PaymentState.PAID, PaymentState.HELD})


_SALE_STANDS = _WITH_US | {PaymentState.RELEASING, PaymentState.RELEASED}


def money_status(order: OrderView, payment: PaymentView | None) -> str:
    """Say where the money is, to whoever is looking."""
    if payment is None or payment.state in {PaymentState.NEW, PaymentState.CHECKOUT_OPEN}:
        return "Nothing has been paid yet."
    if payment.state is PaymentState.CHARGED_BACK:
        return f"The buyer's bank took the payment of {payment.amount} back."
    if payment.frozen_reason is not None:
        return f"We are looking at the payment of {payment.amount}. Until that is done nothing moves."
    return " ".join(
        filter(None, (_where(order, payment), _part(order, payment), _until(payment), _beyond(order, payment)))
    )


def _part(order: OrderView, payment: PaymentView) -> str | None:
    """Say what of the price went back, or goes, while the sale stands for the rest."""
    if not payment.conceded.minor or payment.state not in _SALE_STANDS:
        return None
    going = payment.part_on_its_way
    gone = payment.conceded - (going.amount if going else Money(0))
    buyer = "to the buyer" if order.parties <= {Party.SELLER, Party.FINANCE} else "to you"
    said = [f"{gone} of the {payment.amount} paid went back {buyer}."] if gone.minor else []
    if going:
        first = " First the seller's share of it is taken back." if going.state is PartialState.ASKED else ""
        said.append(f"{going.amount} of the {payment.amount} paid is going back {buyer}.{first}")
    if order.parties == {Party.SELLER} and payment.reversed.minor:
        said.append(f"{payment.reversed} of it came from your account.")
    return " ".join(said)


def _beyond(order: OrderView, payment: PaymentView) -> str | None:
    """Say to the buyer what became of what they sent beyond the price."""
    if order.parties == {Party.SELLER}:
        return None
    if payment.surplus.minor:
        return (
            f"You sent {payment.surplus} more than the price. It stays yours, and goes back to the bank that it came"
            " from; with a bank it can take some days."
        )
    if payment.surplus_returned.minor:
        return f"The {payment.surplus_returned} that you sent beyond the price went back to your bank."
    return None


def _until(payment: PaymentView) -> str | None:
    """Say how long money is held at most, and what happens then."""
    if payment.state not in _WITH_US or payment.hold_deadline is None or payment.waits_to_be_safe:
        return None
    day = decision_due(payment.hold_deadline)
    return f"If it is not accepted by {written(day)}, we decide with both sides: given back, or released."


def _where(order: OrderView, payment: PaymentView) -> str:
    if payment.is_called_off:
        whose = "the buyer" if order.parties == {Party.SELLER} else "you"
        return f"{payment.left} goes back to {whose}. In a quarter of an hour it is sure that none of it has left."
    if order.parties == {Party.SELLER}:
        return _to_seller(order, payment)
    return _to_buyer(payment)


def _when_safe(payment: PaymentView) -> str:
    on = f"on {written(payment.release_not_before)}, " if payment.release_not_before else ""
    return f"{on}when the payment can no longer fail at the bank"


def _to_buyer(payment: PaymentView) -> str:
    if payment.waits_to_be_safe:
        return f"You accepted the device. {payment.payout} goes to the seller {_when_safe(payment)}."
    if payment.state in _WITH_US:
        return f"Your payment of {payment.left} is held until you accept the device."
    return {
        PaymentState.PROCESSING: _on_its_way(payment),
        PaymentState.RELEASING: f"You accepted the device. {payment.payout} is being sent to the seller.",
        PaymentState.RELEASED: f"You paid {payment.amount}, and the seller has been paid.",
        PaymentState.REVERSING: f"{payment.left} is going back to you. First we take it back from the seller.",
        PaymentState.REFUNDING: f"{payment.left} is going back to you. With a bank it can take some days.",
        PaymentState.REFUNDED: f"{payment.amount} went back to you.",
    }.get(payment.state, "The last try to pay did not go through. Nothing was charged.")


def _on_its_way(payment: PaymentView) -> str:
    if payment.arrived_in_part is None:
        return f"We are waiting for your bank to send {payment.amount}, usually 1 to 4 working days."
    return (
        f"{payment.arrived_in_part} of your bank transfer is here; {payment.outstanding} of {payment.amount} is still"
        " to come. Send the rest to the same account. Nothing is paid until all of it is here."
    )


def _to_seller(order: OrderView, payment: PaymentView) -> str:
    if payment.waits_to_be_safe:
        return f"The buyer accepted the device. {payment.payout} is sent to you {_when_safe(payment)}."
    share = f"You get {payment.payout}: the price of {payment.left} less our fee of {payment.fee}"
    if payment.state in _WITH_US:
        return f"The buyer's payment is held by us. {share}, when the buyer accepts the device."
    if payment.state is PaymentState.RELEASING:
        if payment.waits_for_sellers_account:
            return f"{payment.payout} waits for you, but your account cannot receive it yet. Put it right below."
        return f"{payment.payout} is being sent to your account."
    return {
        PaymentState.PROCESSING: "The buyer's bank is sending the payment.",
        PaymentState.RELEASED: f"We sent {payment.transferred} to your account.",
        PaymentState.REVERSING: f"We are taking {payment.payout} back from your account; the buyer gets it back.",
        PaymentState.REFUNDING: f"{payment.left} is going back to the buyer.",
        PaymentState.REFUNDED: f"{payment.amount} went back to the buyer.",
    }.get(payment.state, f"Nothing has been paid for order {order.number} yet.")
