"""Orders and money as the house sees them: every order, its payments, its books; finance can give money back."""

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission, Weighty
from ...kernel import clock
from ...messages import queries as messages
from ...messages import service as messages_service
from ...orders import belonging, queries, receiving, service, views
from ...orders.access import Act
from ...orders.receiving import LONGEST_FINDING, LONGEST_NAME
from ...orders.states import OrderState
from ...payments import queries as payments
from ...payments.decisions import decisions_of
from ...payments.policy import Freeze
from ...payments.states import DecisionKind
from .. import order_words, reports
from ..access import me, requires
from ..forms import Form, applied
from ..messages import WHO
from ..partial_refunds import PROPOSALS, PartForm
from ..writing import WritingForm
from .decision_forms import DEVICES, KINDS, STATES, ProposalForm, empty_forms

bp = Blueprint("staff_orders", __name__)


class ArrivalForm(Form):
    """Who signed, as the carrier's receipt says."""

    name = StringField(
        "Name on the carrier’s receipt",
        validators=[InputRequired("Write the name that stands on the receipt."), Length(max=LONGEST_NAME)],
    )


class FindingForm(Form):
    """What staff found of somebody who took a device."""

    finding = TextAreaField(
        "What you found", validators=[InputRequired("Write what you found."), Length(max=LONGEST_FINDING)]
    )


class ReasonForm(Form):
    """Why, for the people it concerns."""

    reason = TextAreaField(
        "Why", validators=[InputRequired("Write a sentence that both sides will read."), Length(max=1000)]
    )


@bp.get("/staff/orders")
@requires(Permission.MONEY_READ)
def orders() -> ResponseReturnValue:
    """List all orders, or those in one state."""
    state = request.args.get("state", type=OrderState)
    found = queries.orders_for_staff(state=state)
    return render_template(
        "staff/orders.html",
        orders=found,
        state=state,
        states=order_words.STATES,
        state_of=order_words.state_of,
        money=payments.states_of([one.id for one in found]),
    )


@bp.get("/staff/orders/<uuid:order_id>")
@requires(Permission.MONEY_READ)
def order(order_id: UUID) -> ResponseReturnValue:
    """Show one order with its money, to the cent."""
    return page(order_id, ReasonForm())


@bp.get("/staff/orders/<uuid:order_id>/report")
@requires(Permission.MONEY_READ)
def report(order_id: UUID) -> ResponseReturnValue:
    """Show what the seller stated when the order was placed."""
    return reports.page(views.order_for_staff(order_id), staff=True)


@bp.post("/staff/orders/<uuid:order_id>/refund")
@requires(Permission.MONEY_MANAGE, weighty=Weighty.MOVE_MONEY)
def refund(order_id: UUID) -> ResponseReturnValue:
    """Give the buyer everything back."""
    form = ReasonForm()
    if form.validate_on_submit():
        with applied(form):
            service.refund_by_finance(
                order_id=order_id, actor_id=me().id, reason=form.reason.data or "", at=clock.now()
            )
            flash("The payment is going back to the buyer.", "success")
            return redirect(url_for(".order", order_id=order_id), code=303)
    return page(order_id, form)


@bp.post("/staff/orders/<uuid:order_id>/partial-refund")
@requires(Permission.MONEY_MANAGE, weighty=Weighty.MOVE_MONEY)
def partial_refund(order_id: UUID) -> ResponseReturnValue:
    """Let a part of the price go back, whatever the sides proposed."""
    form = PartForm(prefix="part")
    if form.validate_on_submit():
        with applied(form):
            service.decide_by_finance(
                order_id=order_id, actor_id=me().id, amount=form.typed, reason=form.reason.data or "", at=clock.now()
            )
            flash("That part is going back to the buyer, and both sides have been told.", "success")
            return redirect(url_for(".order", order_id=order_id), code=303)
    return page(order_id, ReasonForm(), part_form=form)


@bp.post("/staff/orders/<uuid:order_id>/arrival")
@requires(Permission.MONEY_MANAGE, weighty=Weighty.MOVE_MONEY)
def arrival(order_id: UUID) -> ResponseReturnValue:
    """Note an arrival that the carrier attests, and who signed."""
    form = ArrivalForm(prefix="arrival")
    if form.validate_on_submit():
        with applied(form):
            signer = service.Signer(name=form.name.data or "")
            service.arrival_by_finance(order_id=order_id, actor_id=me().id, signer=signer, at=clock.now())
            flash("Noted: the device has arrived. The buyer can accept it.", "success")
            return redirect(url_for(".order", order_id=order_id), code=303)
    return page(order_id, arrival_form=form)


@bp.post("/staff/orders/<uuid:order_id>/delivery")
@requires(Permission.MONEY_MANAGE)
def settle_delivery(order_id: UUID) -> ResponseReturnValue:
    """Write down what was found of somebody who took the device."""
    form = FindingForm(prefix="delivery")
    if form.validate_on_submit():
        with applied(form):
            service.settle_delivery(
                order_id=order_id, actor_id=me().id, finding=form.finding.data or "", at=clock.now()
            )
            flash("It is kept with the order.", "success")
            return redirect(url_for(".order", order_id=order_id), code=303)
    return page(order_id, finding_form=form)


@bp.post("/staff/orders/<uuid:order_id>/ask-again")
@requires(Permission.MONEY_MANAGE)
def ask_again(order_id: UUID) -> ResponseReturnValue:
    """Ask the gate again about an order on hold."""
    service.ask_again_by_staff(order_id=order_id, actor_id=me().id, at=clock.now())
    flash("The gate says yes again: the order is no longer on hold.", "success")
    return redirect(url_for(".order", order_id=order_id), code=303)


@bp.post("/staff/orders/<uuid:order_id>/front")
@requires(Permission.MONEY_MANAGE, weighty=Weighty.MOVE_MONEY)
def front(order_id: UUID) -> ResponseReturnValue:
    """Give the buyer's money back from our own, because the seller's cannot be had back now."""
    service.refund_from_our_own(order_id=order_id, actor_id=me().id, at=clock.now())
    flash("The payment is going back to the buyer. What the seller owes stays in the books.", "success")
    return redirect(url_for(".order", order_id=order_id), code=303)


@bp.post("/staff/orders/<uuid:order_id>/surplus")
@requires(Permission.MONEY_MANAGE, weighty=Weighty.MOVE_MONEY)
def surplus(order_id: UUID) -> ResponseReturnValue:
    """Send again what came beyond the price and the buyer's bank did not take."""
    service.send_surplus_again(order_id=order_id, actor_id=me().id, at=clock.now())
    flash("What came beyond the price is on its way to the buyer's bank again.", "success")
    return redirect(url_for(".order", order_id=order_id), code=303)


@bp.post("/staff/orders/<uuid:order_id>/messages")
@requires(Permission.MONEY_MANAGE)
def message(order_id: UUID) -> ResponseReturnValue:
    """Write to both sides while a dispute is open."""
    form = WritingForm(prefix="message")
    if form.validate_on_submit():
        with applied(form):
            messages_service.write_as_staff(
                order_id=order_id, actor_id=me().id, words=form.words.data or "", at=clock.now()
            )
            flash("It was sent to both sides.", "success")
            return redirect(url_for(".order", order_id=order_id, _anchor="thread"), code=303)
    return page(order_id, ReasonForm(), message_form=form)


def page(
    order_id: UUID,
    form: ReasonForm | None = None,
    *,
    part_form: PartForm | None = None,
    message_form: WritingForm | None = None,
    arrival_form: ArrivalForm | None = None,
    finding_form: FindingForm | None = None,
    decision_forms: Mapping[DecisionKind, ProposalForm] | None = None,
) -> ResponseReturnValue:
    """Show one order with its money, and every form that staff can send about it."""
    form = form or ReasonForm(formdata=None)
    seen = views.order_for_staff(order_id)
    forms = empty_forms(service.possible_of(order_id, at=clock.now())) | dict(decision_forms or {})
    part_form = part_form or PartForm(prefix="part")
    message_form = message_form or WritingForm(formdata=None, prefix="message")
    arrival_form = arrival_form or ArrivalForm(formdata=None, prefix="arrival")
    finding_form = finding_form or FindingForm(formdata=None, prefix="delivery")
    found = payments.payments_of(order_id)
    now = next((one for one in found if not one.ended_unpaid), None)
    return render_template(
        "staff/order.html",
        order=seen,
        payments=found,
        left=now.left if now else seen.price,
        part_on_its_way=now.part_on_its_way if now else None,
        proposals=queries.proposals_of(order_id),
        proposal_words=PROPOSALS,
        cure_ends=order_words.cure_ends(seen),
        journals=payments.journals_of(order_id),
        facts=order_words.facts(seen),
        timeline=order_words.timeline(seen, now),
        state=order_words.state_of(seen),
        holds=order_words.holds(seen),
        moments=order_words.MOMENTS,
        is_own=belonging.is_own(order_id, user_id=me().id),
        form=form,
        part_form=part_form,
        thread=messages.thread_for_staff(order_id),
        who=WHO,
        disputed=now is not None and now.frozen_reason == Freeze.DISPUTED,
        message_form=message_form,
        arrival_form=arrival_form,
        finding_form=finding_form,
        doubt=receiving.doubt_about(order_id),
        decisions=decisions_of(order_id),
        decision_forms=forms,
        decision_kinds=KINDS,
        decision_states=STATES,
        decision_devices=DEVICES,
        longest=messages_service.LONGEST,
        Act=Act,
    ), max(one.http_status for one in (form, part_form, message_form, arrival_form, finding_form, *forms.values()))
