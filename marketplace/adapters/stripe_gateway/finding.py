"""Which checkout a reference of Stripe's is about, and what stands beside it there."""

from typing import TYPE_CHECKING

from marketplace.payments.ports import GatewayRejected, PaymentMethod

from . import reading

if TYPE_CHECKING:
    import stripe


def cash_beside(
    client: "stripe.StripeClient", session: "stripe.checkout.Session", charge: "stripe.Charge | None"
) -> "stripe.CashBalance | None":
    """Return what a bank transfer brought beside the price, if it was one."""
    details = charge.payment_method_details if charge else None
    if details is None or details.type != reading.TYPES[PaymentMethod.BANK_TRANSFER] or session.customer is None:
        return None
    return client.v1.customers.cash_balance.retrieve(str(session.customer))


def session_of(client: "stripe.StripeClient", reference: str) -> "stripe.checkout.Session":
    """
    Return the checkout page that a payment, charge, refund, dispute or customer belongs to, with what was paid on it.

    :raises GatewayRejected: there is none
    """
    paths = ["payment_intent.latest_charge.balance_transaction"]
    if reference.startswith("cs_"):
        return client.v1.checkout.sessions.retrieve(reference, {"expand": paths})
    customer = _customer_of(client, reference)
    found = client.v1.checkout.sessions.list(
        {
            **({"customer": customer} if customer else {"payment_intent": _intent_of(client, reference)}),
            "expand": [f"data.{path}" for path in paths],
        }
    )
    if not found.data:
        raise GatewayRejected(f"{reference} was not paid on a checkout page of ours.", status=404)
    return found.data[0]


def _customer_of(client: "stripe.StripeClient", reference: str) -> str | None:
    """Return whose cash it is about, if it is about cash: there is a customer for each checkout."""
    if reference.startswith("cus_"):
        return reference
    if reference.startswith(("re_", "pyr_")):
        refund = client.v1.refunds.retrieve(reference)
        return str(refund.customer) if refund.charge is None and "customer" in refund else None
    return None


def _intent_of(client: "stripe.StripeClient", reference: str) -> str:
    kind = reference.partition("_")[0]
    if kind == "pi":
        return reference
    of: stripe.Charge | stripe.Refund | stripe.Dispute
    if kind in {"ch", "py"}:
        of = client.v1.charges.retrieve(reference)
    elif kind in {"re", "pyr"}:
        of = client.v1.refunds.retrieve(reference)
    elif kind in {"dp", "du"}:
        of = client.v1.disputes.retrieve(reference)
    else:
        raise GatewayRejected(f"{reference} does not name a payment.", status=404)
    return str(of.payment_intent)


def disputes_of(client: "stripe.StripeClient", charge: "stripe.Charge") -> "list[stripe.Dispute]":
    """Return what banks asked back of a charge."""
    return client.v1.disputes.list({"charge": charge.id, "limit": 100}).data
