"""What one person of finance proposes about an order's money, and a second approves: lift, give back, release."""

from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from ...accounts.access import Permission, Weighty
from ...config import Settings
from ...kernel import clock
from ...orders import service
from ...payments.states import DecisionKind, DeviceIs
from ..access import me, requires
from ..forms import applied
from .decision_forms import GiveBackForm, form_of
from .orders import page

bp = Blueprint("staff_decisions", __name__)


@bp.post("/staff/orders/<uuid:order_id>/decisions/<any(lift, give_back, release):word>")
@requires(Permission.MONEY_MANAGE, weighty=Weighty.MOVE_MONEY)
def propose(order_id: UUID, word: str) -> ResponseReturnValue:
    """Propose something; nothing moves."""
    kind = DecisionKind(word)
    form = form_of(kind)(prefix=kind.value)
    if form.validate_on_submit():
        with applied(form):
            service.propose_decision(
                order_id=order_id,
                actor_id=me().id,
                kind=kind,
                reason=form.reason.data or "",
                evidence=form.evidence.data or "",
                device=DeviceIs(form.device.data) if isinstance(form, GiveBackForm) else None,
                at=clock.now(),
            )
            flash("Proposed. A colleague of finance now looks at it; nothing has moved.", "success")
            return redirect(url_for("staff_orders.order", order_id=order_id, _anchor="decisions"), code=303)
    return page(order_id, decision_forms={kind: form})


@bp.post("/staff/orders/<uuid:order_id>/decisions/<uuid:decision_id>/approve")
@requires(Permission.MONEY_MANAGE, weighty=Weighty.MOVE_MONEY)
def approve(order_id: UUID, decision_id: UUID) -> ResponseReturnValue:
    """Approve as the second person: it happens."""
    settings: Settings = current_app.extensions["second_light_settings"]
    service.approve_decision(
        order_id=order_id, decision_id=decision_id, actor_id=me().id, live=settings.takes_real_money, at=clock.now()
    )
    flash("Approved: it is done, and stands in the audit trail with both your names.", "success")
    return redirect(url_for("staff_orders.order", order_id=order_id, _anchor="decisions"), code=303)


@bp.post("/staff/orders/<uuid:order_id>/decisions/<uuid:decision_id>/close")
@requires(Permission.MONEY_MANAGE)
def close(order_id: UUID, decision_id: UUID) -> ResponseReturnValue:
    """Decline what a colleague proposed, or withdraw one's own."""
    service.close_decision(order_id=order_id, decision_id=decision_id, actor_id=me().id, at=clock.now())
    flash("Closed. Nothing has moved.", "success")
    return redirect(url_for("staff_orders.order", order_id=order_id, _anchor="decisions"), code=303)
