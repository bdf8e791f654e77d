"""The selling side of an order: follow it, get the release to ship, dispatch, give money back; and be paid."""

from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission, Weighty
from ..clinics import queries as clinics
from ..config import Settings
from ..kernel import clock
from ..kernel.terms import ClinicRole
from ..messages import queries as messages
from ..orders import queries, service, views
from ..payments import queries as payment_queries
from ..payments import service as payments
from . import order_words
from .access import me, requires
from .forms import Form, applied

bp = Blueprint("sales", __name__)

_IN_CHARGE = (ClinicRole.OWNER, ClinicRole.MANAGER)


class DispatchForm(Form):
    """Who carries the device, and under which number."""

    carrier = StringField("Carrier", validators=[InputRequired("Write who carries the device."), Length(max=100)])
    tracking = StringField("Tracking number", validators=[InputRequired("Write the tracking number."), Length(max=100)])


class RefundForm(Form):
    """Why the payment goes back."""

    reason = TextAreaField(
        "Why", validators=[InputRequired("Write a sentence that the buyer will read."), Length(max=1000)]
    )


@bp.get("/sales")
@requires(Permission.ORDER_READ)
def sales() -> ResponseReturnValue:
    """List the orders of what the person's clinics sell, and whether those clinics can be paid."""
    return render_template(
        "sales/sales.html",
        orders=queries.sales_of(me().id),
        state_of=order_words.state_of,
        acts=order_words.ACTS,
        with_news=messages.with_news_for(me().id),
        accounts=_accounts(),
    )


@bp.post("/orders/<uuid:order_id>/release")
@requires(Permission.ORDER_FULFIL, weighty=Weighty.RELEASE_DEVICE)
def release_to_ship(order_id: UUID) -> ResponseReturnValue:
    """Ask whether the device may leave."""
    service.release_to_ship(order_id=order_id, actor_id=me().id, at=clock.now())
    flash("Released to ship. Send it to the address on this page, then say with whom.", "success")
    return redirect(url_for("buying.order", order_id=order_id), code=303)


@bp.route("/orders/<uuid:order_id>/dispatch", methods=["GET", "POST"])
@requires(Permission.ORDER_FULFIL, weighty=Weighty.RELEASE_DEVICE)
def dispatch(order_id: UUID) -> ResponseReturnValue:
    """Say that the device has left, and with whom."""
    seen = views.order_for(order_id, user_id=me().id)
    form = DispatchForm()
    if form.validate_on_submit():
        with applied(form):
            service.dispatch(
                order_id=order_id,
                actor_id=me().id,
                carrier=form.carrier.data or "",
                tracking=form.tracking.data or "",
                at=clock.now(),
            )
            flash("The buyer knows that it is on its way.", "success")
            return redirect(url_for("buying.order", order_id=order_id), code=303)
    return render_template("sales/dispatch.html", order=seen, form=form), form.http_status


@bp.route("/orders/<uuid:order_id>/refund", methods=["GET", "POST"])
@requires(Permission.ORDER_FULFIL, weighty=Weighty.GIVE_BACK)
def refund(order_id: UUID) -> ResponseReturnValue:
    """Give the buyer everything back instead of sending the device."""
    seen = views.order_for(order_id, user_id=me().id)
    payment = payments.payment_of(order_id)
    left = payment.left if payment else seen.price
    form = RefundForm()
    if form.validate_on_submit():
        with applied(form):
            service.refund(order_id=order_id, actor_id=me().id, reason=form.reason.data or "", at=clock.now())
            flash(f"{left} is going back to the buyer.", "success")
            return redirect(url_for("buying.order", order_id=order_id), code=303)
    return render_template("sales/refund.html", order=seen, left=left, form=form), form.http_status


@bp.post("/sales/accounts/<uuid:clinic_id>")
@requires(Permission.ORDER_FULFIL, weighty=Weighty.LINK_PAYOUTS)
def open_account(clinic_id: UUID) -> ResponseReturnValue:
    """Open the clinic's account to be paid on, if it has none, and go where its owner answers the questions."""
    clinics.require_role(user_id=me().id, clinic_id=clinic_id, roles=_IN_CHARGE)
    base = _settings().base_url
    payments.open_seller_account(
        clinic_id=clinic_id,
        email=me().email,
        name=clinics.clinic(clinic_id).legal_name,
        actor_id=me().id,
        at=clock.now(),
    )
    link = payments.onboarding_link(
        clinic_id=clinic_id,
        return_url=base + url_for(".account_answered", clinic_id=clinic_id),
        # A link works once and not for long; a new one is a button behind the sign-in.
        refresh_url=base + url_for(".sales"),
    )
    return redirect(link, code=303)


@bp.get("/sales/accounts/<uuid:clinic_id>/answered")
@requires(Permission.ORDER_FULFIL)
def account_answered(clinic_id: UUID) -> ResponseReturnValue:
    """Look at the account when its owner comes back from the provider: coming back proves nothing."""
    clinics.require_role(user_id=me().id, clinic_id=clinic_id, roles=_IN_CHARGE)
    payable = payments.refresh_seller_account(clinic_id=clinic_id, at=clock.now())
    if payable:
        flash("Your clinic can be paid.", "success")
    else:
        flash("The payment provider still needs something from you before your clinic can be paid.", "warning")
    return redirect(url_for(".sales"), code=303)


def _accounts() -> list[tuple[clinics.Membership, payment_queries.SellerAccountView]]:
    return [
        (membership, payment_queries.seller_account(membership.clinic_id))
        for membership in clinics.memberships_of(me().id)
        if membership.role in _IN_CHARGE
    ]


def _settings() -> Settings:
    settings: Settings = current_app.extensions["second_light_settings"]
    return settings
