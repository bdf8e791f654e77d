"""Gate receipts: the whole one for those whose order it is, on a page and as a PDF; and a check open to everybody."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..accounts.access import Permission
from ..config import Settings
from ..credentials.types import credential_types
from ..eligibility import receipts
from ..eligibility.receipts import Receipt
from ..extensions import limiter
from ..kernel.days import written
from ..kernel.errors import NotFound
from ..kernel.terms import STATES
from ..orders import views
from ..orders.views import OrderView
from ..partners import receipts as to_partners
from . import gate, order_words, receipt_pdf
from .access import me, public, requires
from .receipt_pdf import Line, Paper, Section

bp = Blueprint("receipts", __name__)


@bp.get("/orders/<uuid:order_id>/receipts/<uuid:decision_id>")
@requires(Permission.ORDER_READ)
def receipt(order_id: UUID, decision_id: UUID) -> ResponseReturnValue:
    """Show one answer of the gate about an order, to be printed."""
    paper = _paper(order_id, decision_id)
    return render_template(
        "receipts/receipt.html",
        paper=paper,
        head=receipt_pdf.head_of(paper),
        pdf=url_for(".pdf", order_id=order_id, decision_id=decision_id),
        back=url_for("buying.order", order_id=order_id),
    )


@bp.get("/orders/<uuid:order_id>/receipts/<uuid:decision_id>.pdf")
@requires(Permission.ORDER_READ)
def pdf(order_id: UUID, decision_id: UUID) -> ResponseReturnValue:
    """Send the same as a PDF."""
    paper = _paper(order_id, decision_id)
    response = Response(receipt_pdf.drawn(paper), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="gate-receipt-{paper.code}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@bp.get("/check")
@public
@limiter.limit("60 per 5 minutes")
def check() -> ResponseReturnValue:
    """Take the code of a receipt."""
    code = request.args.get("code", "").strip()[:60]
    if code:
        return redirect(url_for(".checked", code=code.replace("/", "-")), code=303)
    return render_template("receipts/check.html", code=None, found=None)


@bp.get("/check/<code>")
@public
@limiter.limit("60 per 5 minutes")
def checked(code: str) -> ResponseReturnValue:
    """Say what the receipt with this code says, and nothing about anybody."""
    found = receipts.check(code)
    told = to_partners.check(code) if found is None else None
    page = render_template("receipts/check.html", code=code, found=found, told=told, places=STATES)
    return page, 200 if found or told else 404


def _paper(order_id: UUID, decision_id: UUID) -> Paper:
    """Return the receipt as page and PDF write it, to the buying side; others learn nothing."""
    order = views.order_for(order_id, user_id=me().id)
    if not order.on_buying_side or decision_id not in {one.id for one in order.decisions}:
        raise NotFound("There is no such receipt, or it is not yours to see.")
    return paper_of(order, receipts.receipt(decision_id))


def paper_of(order: OrderView, kept: Receipt) -> Paper:
    """Return what a receipt says, line by line."""
    settings: Settings = current_app.extensions["second_light_settings"]
    return Paper(
        code=kept.code,
        cleared=kept.cleared,
        intact=kept.intact,
        restriction=order.use_restriction,
        answered=f"Answered {order_words.MOMENTS[kept.moment]}",
        decided_at=kept.decided_at,
        valid_until=kept.valid_until,
        sections=(
            Section("What was asked", tuple(_asked(order, kept))),
            Section("What was answered", tuple(_answered(kept))),
            Section("What it rests on", tuple(_rests_on(kept))),
        ),
        digest=kept.digest,
        address=settings.base_url + url_for(".checked", code=kept.code),
    )


def _asked(order: OrderView, kept: Receipt) -> Iterator[Line]:
    facts = kept.facts
    yield Line("Order", str(order.number))
    yield Line("Device", facts.device.name)
    yield Line("Serial number", kept.serial if kept.serial and order.serial else "shown once the payment is held")
    yield Line("Sold with", ", ".join(part.name for part in facts.device.handpieces))
    if order.left_out:
        yield Line("Sold without", ", ".join(order.left_out))
    yield Line("Place of use", f"{order.buyer.site_name}, {STATES[facts.place.state]}" if order.buyer else "")
    assert facts.operator is not None, "an order names who operates"
    yield Line("Operator", facts.operator.name)
    if facts.practitioner:
        yield Line("Ordering practitioner", facts.practitioner.person.name)


def _answered(kept: Receipt) -> Iterator[Line]:
    yield Line("In one line", gate.title(kept.verdict, kept.facts.place.state))
    for answer in kept.verdict.answers:
        if answer.met:
            yield Line(gate.KEY_LABELS[answer.key], answer.sentence)
    for objection in kept.verdict.objections:
        yield Line(f"Against it: {objection.code}", objection.sentence)
    for limit in kept.verdict.limits:
        yield Line("The rule's own limit", limit)


def _rests_on(kept: Receipt) -> Iterator[Line]:
    standing = str(kept.policy_standing).replace("_", " ")
    yield Line("Policy", f"version {kept.policy_number} ({standing}), SHA-256 {kept.policy_digest}")
    for rule_id in kept.verdict.rule_ids:
        yield Line("Rule", rule_id)
    for entry in kept.evidence:
        check, seen = entry["check"], datetime.fromisoformat(entry["check"]["retrieved_at"])
        source = f"{check['source']} ({check['method'].replace('_', ' ')}), {check['outcome']}, {written(seen)}"
        parts = [
            f"{credential_types()[entry['type']].name}, {entry['jurisdiction']}; id {entry['credential']}",
            f"checked at {source}; SHA-256 of the check {check['sha256']}",
        ]
        parts += [f"SHA-256 of a page {paper['sha256']}" for paper in entry["documents"]]
        yield Line("Credential", "; ".join(parts))
