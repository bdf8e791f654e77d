"""The practitioner's signature through a mailed link: asked for on the order's page, given on a page of its own."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField
from wtforms.validators import InputRequired

from ..accounts.access import Permission, Weighty
from ..extensions import limiter
from ..kernel import clock
from ..links.states import Worth
from ..orders import service, views
from . import gate, order_words
from .access import by_person, me, requires
from .buying import ConfirmForm, around
from .forms import Form, applied
from .options import options

bp = Blueprint("signing", __name__)


WORTHS = {
    Worth.WAITING: ("not_yet", "waits for an answer"),
    Worth.EXPIRED: ("quiet", "its time is over"),
    Worth.USED: ("yes", "answered"),
    Worth.WITHDRAWN: ("quiet", "taken back"),
    Worth.REPLACED: ("quiet", "replaced by a newer one"),
}
"""The tone and the words of what a link is worth, for whoever sent it."""


class AskForm(Form):
    """Whom to ask."""

    practitioner = SelectField("Practitioner", validators=[InputRequired("Choose a practitioner of your clinic.")])


@bp.route("/orders/<uuid:order_id>/links", methods=["GET", "POST"])
@requires(Permission.ORDER_PLACE)
@limiter.limit("20 per hour", key_func=by_person, methods=["POST"])
def links(order_id: UUID) -> ResponseReturnValue:
    """Ask a practitioner of the clinic by mail to sign, and see what became of the links that were sent."""
    asking = service.asking(order_id=order_id, actor_id=me().id, at=clock.now())
    form = AskForm()
    form.practitioner.choices = options((str(one), name) for one, name in asking.practitioners)
    if form.validate_on_submit():
        with applied(form):
            chosen = UUID(form.practitioner.data)
            service.send_link(order_id=order_id, practitioner_id=chosen, actor_id=me().id, at=clock.now())
            flash("The link is on its way. It serves once, for this order as it is now.", "success")
            return redirect(url_for(".links", order_id=order_id), code=303)
    order = views.order_for(order_id, user_id=me().id)
    return render_template("signing/links.html", order=order, asking=asking, form=form, worths=WORTHS), form.http_status


@bp.post("/orders/<uuid:order_id>/links/<uuid:link_id>/withdraw")
@requires(Permission.ORDER_PLACE)
def withdraw(order_id: UUID, link_id: UUID) -> ResponseReturnValue:
    """Take a link back that nobody has used."""
    service.withdraw_link(order_id=order_id, link_id=link_id, actor_id=me().id, at=clock.now())
    flash("The link is taken back: it opens nothing now.", "success")
    return redirect(url_for(".links", order_id=order_id), code=303)


@bp.route("/sign/<token>", methods=["GET", "POST"])
@requires(Permission.ORDER_CONFIRM, weighty=Weighty.SIGN_ORDER)
@limiter.limit("30 per hour", methods=["POST"])
def sign(token: str) -> ResponseReturnValue:
    """Read what the ordering practitioner signs, and sign it: only who presses the button does."""
    found = service.to_sign_by_link(token=token, actor_id=me().id, at=clock.now())
    order = views.order_for(found.asked.order_id, user_id=me().id)
    form = ConfirmForm()
    form.statements.choices = list(found.asked.required)
    if form.validate_on_submit():
        with applied(form):
            signed = form.statements.data or ()
            order_id = service.confirm_by_link(token=token, actor_id=me().id, signed=signed, at=clock.now())
            flash(order_words.signed(order), "success")
            return redirect(url_for("buying.order", order_id=order_id), code=303)
    return render_template(
        "buying/confirm.html",
        order=order,
        asked=found.asked,
        link=found,
        form=form,
        verdict=gate.shown(found.asked.verdict, state=found.asked.state_code, around=around(order)),
    ), form.http_status
