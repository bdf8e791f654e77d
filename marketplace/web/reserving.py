"""Reservations while qualifying: a buyer asks, a seller grants some days or declines, both see where it stands."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField, TextAreaField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission
from ..kernel import clock
from ..listings import queries as listings
from ..orders import reserving
from ..orders.reservation_states import MOST_DAYS, ReservationState
from . import standpoint
from .access import me, requires
from .filters import day
from .forms import Form, applied
from .options import options

bp = Blueprint("reserving", __name__)

WORDS: dict[ReservationState, tuple[str, str]] = {
    ReservationState.ASKED: ("not_yet", "waiting for the seller"),
    ReservationState.GRANTED: ("yes", "reserved"),
    ReservationState.DECLINED: ("quiet", "declined"),
    ReservationState.WITHDRAWN: ("quiet", "taken back"),
    ReservationState.GIVEN_UP: ("quiet", "given up"),
    ReservationState.USED: ("yes", "ordered"),
    ReservationState.LAPSED: ("quiet", "over"),
}
"""The tone and the words of each state."""


class AskForm(Form):
    """What the buyer tells the seller."""

    site_id = SelectField("Site", validators=[InputRequired("Choose the site.")])
    message = TextAreaField(
        "What is still missing, and by when", validators=[InputRequired("Write it to the seller."), Length(max=1000)]
    )


class GrantForm(Form):
    """For how long the seller waits."""

    days = SelectField("Keep it for", validators=[InputRequired("Choose for how long.")])


@bp.route("/devices/<uuid:listing_id>/reserve", methods=["GET", "POST"])
@requires(Permission.ORDER_PLACE)
def ask(listing_id: UUID) -> ResponseReturnValue:
    """Ask the seller of a device to wait."""
    device = listings.on_display(listing_id)
    here, sites = standpoint.to_buy_from(device.clinic_id)
    if here is None:
        return render_template("buying/no_site.html", device=device)
    form = AskForm(data={"site_id": str(here.id)})
    form.site_id.choices = sites
    if form.validate_on_submit():
        with applied(form):
            reserving.ask(
                listing_id=listing_id,
                buyer_id=me().id,
                site_id=UUID(form.site_id.data),
                message=form.message.data or "",
                at=clock.now(),
            )
            flash("The seller has been asked. We write to you when they answer.", "success")
            return redirect(url_for(".mine"), code=303)
    shown = standpoint.answer_for(device, here)
    return render_template("reserving/ask.html", device=device, form=form, verdict=shown), form.http_status


@bp.get("/reservations")
@requires(Permission.ORDER_READ)
def mine() -> ResponseReturnValue:
    """List what the reader asked for, and what their clinics were asked for."""
    at = clock.now()
    form = GrantForm(formdata=None)
    form.days.choices = _days()
    return render_template(
        "reserving/mine.html",
        asked_by_me=reserving.of_buyer(me().id, at=at),
        asked_of_me=reserving.of_sellers(me().id, at=at),
        words=WORDS,
        form=form,
    )


@bp.post("/reservations/<uuid:reservation_id>/grant")
@requires(Permission.LISTING_WRITE)
def grant(reservation_id: UUID) -> ResponseReturnValue:
    """Wait for the buyer."""
    form = GrantForm()
    form.days.choices = _days()
    days = int(form.days.data) if form.validate_on_submit() else 0
    until = reserving.grant(reservation_id=reservation_id, actor_id=me().id, days=days, at=clock.now())
    flash(f"You keep it until {day(until)}. Nobody else can order it for as long.", "success")
    return redirect(url_for(".mine"), code=303)


@bp.post("/reservations/<uuid:reservation_id>/decline")
@requires(Permission.LISTING_WRITE)
def decline(reservation_id: UUID) -> ResponseReturnValue:
    """Not wait for the buyer."""
    reserving.decline(reservation_id=reservation_id, actor_id=me().id, at=clock.now())
    flash("The buyer has been told. The device stays free for everybody.", "success")
    return redirect(url_for(".mine"), code=303)


@bp.post("/reservations/<uuid:reservation_id>/give-up")
@requires(Permission.ORDER_PLACE)
def give_up(reservation_id: UUID) -> ResponseReturnValue:
    """Take the request back, or leave the device to others."""
    reserving.give_up(reservation_id=reservation_id, actor_id=me().id, at=clock.now())
    flash("The seller no longer waits for you.", "success")
    return redirect(url_for(".mine"), code=303)


def _days() -> list[Any]:
    return options((str(number), f"{number} day{'s' if number > 1 else ''}") for number in range(1, MOST_DAYS + 1))
