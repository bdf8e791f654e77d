"""A part of the price goes back while the sale stands: buyer and seller propose and answer on one page."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission, Weighty
from ..kernel import clock
from ..kernel.errors import Invalid, NotFound
from ..kernel.money import Money, parse_money
from ..orders import queries, service, views
from ..orders.access import Party
from ..orders.proposal_states import ProposalState, Side
from ..payments import queries as payments
from .access import me, requires
from .forms import Form, applied

bp = Blueprint("partial_refunds", __name__)

PROPOSALS = {
    ProposalState.OPEN: ("not_yet", "waits for an answer"),
    ProposalState.AGREED: ("yes", "agreed"),
    ProposalState.DECLINED: ("quiet", "declined"),
    ProposalState.WITHDRAWN: ("quiet", "withdrawn"),
}


class PartForm(Form):
    """How much, and why."""

    amount = StringField("Amount", validators=[InputRequired("Write how much goes back."), Length(max=30)])
    reason = TextAreaField(
        "Why", validators=[InputRequired("Write a sentence that both sides will read."), Length(max=1000)]
    )

    @property
    def typed(self) -> Money:
        """
        Return the amount that was typed.

        :raises Invalid: it is none
        """
        try:
            return parse_money(self.amount.data or "")
        except Invalid as refusal:
            raise Invalid(refusal.sentence, field="amount") from None


@bp.route("/orders/<uuid:order_id>/partial-refund", methods=["GET"])
@requires(Permission.ORDER_READ)
def page(order_id: UUID) -> ResponseReturnValue:
    """Show what was proposed about parts of the price, and what became of it."""
    return _page(order_id, PartForm())


@bp.post("/orders/<uuid:order_id>/partial-refund")
@requires(Permission.ORDER_PLACE)
def propose(order_id: UUID) -> ResponseReturnValue:
    """Propose to the other side that a part go back."""
    form = PartForm()
    if form.validate_on_submit():
        with applied(form):
            service.propose(
                order_id=order_id,
                actor_id=me().id,
                amount=form.typed,
                reason=form.reason.data or "",
                at=clock.now(),
            )
            return _done("The other side has been asked. Nothing moves before they have agreed.", ".page", order_id)
    return _page(order_id, form)


@bp.post("/orders/<uuid:order_id>/partial-refund/<uuid:proposal_id>/agree")
@requires(Permission.ORDER_PLACE, weighty=Weighty.GIVE_BACK)
def agree(order_id: UUID, proposal_id: UUID) -> ResponseReturnValue:
    """Agree to what the other side proposed."""
    service.agree(proposal_id=proposal_id, actor_id=me().id, at=clock.now())
    return _done("Agreed: that part is going back to the buyer.", "buying.order", order_id)


@bp.post("/orders/<uuid:order_id>/partial-refund/<uuid:proposal_id>/decline")
@requires(Permission.ORDER_PLACE)
def decline(order_id: UUID, proposal_id: UUID) -> ResponseReturnValue:
    """Decline what the other side proposed."""
    service.decline(proposal_id=proposal_id, actor_id=me().id, at=clock.now())
    return _done("Declined. Nothing moves, and the other side has been told.", ".page", order_id)


@bp.post("/orders/<uuid:order_id>/partial-refund/<uuid:proposal_id>/withdraw")
@requires(Permission.ORDER_PLACE)
def withdraw(order_id: UUID, proposal_id: UUID) -> ResponseReturnValue:
    """Withdraw a proposal of one's own side."""
    service.withdraw(proposal_id=proposal_id, actor_id=me().id, at=clock.now())
    return _done("Withdrawn.", ".page", order_id)


def _done(told: str, shown: str, order_id: UUID) -> ResponseReturnValue:
    flash(told, "success")
    return redirect(url_for(shown, order_id=order_id), code=303)


def _page(order_id: UUID, form: PartForm) -> ResponseReturnValue:
    order = views.order_for(order_id, user_id=me().id)
    payment = payments.payment_of(order_id)
    if payment is None or order.parties.isdisjoint({Party.BUYER, Party.SELLER}):
        raise NotFound("There is no such page, or it is not yours to see.")
    proposals = queries.proposals_of(order_id)
    return render_template(
        "partial_refunds/page.html",
        order=order,
        payment=payment,
        waiting=next((one for one in proposals if one.state is ProposalState.OPEN), None),
        closed=[one for one in proposals if one.state is not ProposalState.OPEN],
        words=PROPOSALS,
        mine=Side.BUYER if Party.BUYER in order.parties else Side.SELLER,
        form=form,
    ), form.http_status
