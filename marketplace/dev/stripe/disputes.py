"""Disputes: the buyer's bank takes the money back."""

from .store import Document
from .wire import ApiError
from .world import DAY, World

DISPUTE_FEE = 1500
OPEN_DISPUTE = "needs_response"
REASONS = ("product_not_received", "product_unacceptable", "fraudulent", "duplicate", "unrecognized", "general")
# Of debits: nobody can answer them.
FINAL_REASONS = ("insufficient_funds", "incorrect_account_details", "bank_cannot_process", "debit_not_authorized")


def reasons_for(charge: Document) -> tuple[str, ...]:
    """Return why a buyer's bank may take the money of this charge back."""
    return FINAL_REASONS if charge["payment_method_details"]["type"] == "us_bank_account" else REASONS


def open_dispute(world: World, charge_id: str, reason: str | None = None) -> Document:
    """
    Let the buyer's bank take the money back, with a fee: until somebody decides, or for good if it was a debit.

    A debit that fails after it had succeeded is told in this way too.
    """
    charge = world.get("charge", charge_id)
    reasons = reasons_for(charge)
    final = reasons is FINAL_REASONS
    reason = reason or reasons[0]
    if reason not in reasons:
        raise ApiError(f"The reason must be one of {', '.join(reasons)}.")
    if charge["disputed"] or charge["refunded"] or charge["status"] != "succeeded":
        raise ApiError("This charge cannot be disputed.")
    due = world.now() + 7 * DAY
    dispute = world.new(
        "dispute",
        "du",
        # What has gone back already is not asked for a second time.
        amount=charge["amount"] - charge["amount_refunded"],
        charge=charge_id,
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence={"enhanced_evidence": {}},
        evidence_details={
            "due_by": due,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=False,
        livemode=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="lost" if final else OPEN_DISPUTE,
    )
    taken = world.book("dispute", -dispute["amount"], dispute, fee=DISPUTE_FEE)
    dispute["balance_transactions"] = [world.get("balance_transaction", taken)]
    charge["disputed"] = True
    for document in (dispute, charge):
        world.store.put(document)
    for kind in ("created", "funds_withdrawn", "closed") if final else ("created", "funds_withdrawn"):
        world.emit(f"charge.dispute.{kind}", dispute)
    return dispute


def settle_dispute(world: World, dispute_id: str, outcome: str) -> Document:
    """Decide a dispute: won, and the amount comes back without the fee; or lost."""
    dispute = world.get("dispute", dispute_id)
    if dispute["status"] != OPEN_DISPUTE or outcome not in {"won", "lost"}:
        raise ApiError("Only an open dispute can be settled, as won or lost.")
    dispute["status"] = outcome
    if outcome == "won":
        back = world.book("dispute_reversal", dispute["amount"], dispute)
        dispute["balance_transactions"].append(world.get("balance_transaction", back))
        world.emit("charge.dispute.funds_reinstated", dispute)
    world.store.put(dispute)
    world.emit("charge.dispute.closed", dispute)
    return dispute
