"""Offers in pages: a cleared buyer names a price, the seller answers, and what is agreed is ordered at that price."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission, Weighty
from ..kernel import clock
from ..kernel.terms import STATES
from ..listings import queries as listings
from ..orders import offering, offers
from ..orders.offer_states import KEPT_DAYS, OFFER, OfferEvent, OfferState
from . import standpoint
from .access import me, requires
from .filters import day
from .forms import Form, amount, applied
from .selling import common

bp = Blueprint("offering", __name__)

WORDS: dict[OfferState, tuple[str, str]] = {
    OfferState.OPEN: ("not_yet", "waits for the seller"),
    OfferState.COUNTERED: ("not_yet", "the seller named a price"),
    OfferState.ACCEPTED: ("yes", "agreed"),
    OfferState.DECLINED: ("quiet", "declined"),
    OfferState.WITHDRAWN: ("quiet", "taken back"),
    OfferState.LAPSED: ("quiet", "over"),
}
"""The tone and the words of each state."""


class OfferForm(Form):
    """What a buyer would pay, and where they would use it."""

    site_id = SelectField("Site", validators=[InputRequired("Choose the site.")])
    amount = StringField("Your offer", validators=[InputRequired("Write what you offer."), Length(max=30)])


class CounterForm(Form):
    """What the seller would take."""

    amount = StringField("Your price", validators=[InputRequired("Write your price."), Length(max=30)])


class TermsForm(Form):
    """Whether a seller takes offers, and which not."""

    taken = BooleanField("Take offers for it")
    floor = StringField("Decline by itself what lies below", validators=[Length(max=30)])


@bp.route("/devices/<uuid:listing_id>/offer", methods=["GET", "POST"])
@requires(Permission.ORDER_PLACE)
def make(listing_id: UUID) -> ResponseReturnValue:
    """Offer less than is asked."""
    device = listings.on_display(listing_id)
    here, sites = standpoint.to_buy_from(device.clinic_id)
    if here is None:
        return render_template("buying/no_site.html", device=device)
    form = OfferForm(data={"site_id": str(here.id)})
    form.site_id.choices = sites
    if form.validate_on_submit():
        with applied(form):
            offered = amount(form.amount)
            assert offered is not None  # The field is required.
            offering.make(
                listing_id=listing_id,
                buyer_id=me().id,
                site_id=UUID(form.site_id.data),
                amount=offered,
                at=clock.now(),
            )
            flash("Your offer is made. We write to you when the seller answers.", "success")
            return redirect(url_for(".mine"), code=303)
    return render_template("offering/make.html", device=device, form=form, days=KEPT_DAYS), form.http_status


@bp.get("/offers")
@requires(Permission.ORDER_READ)
def mine() -> ResponseReturnValue:
    """List the reader's offers, and those for what their clinics sell."""
    return _mine(CounterForm(formdata=None))


@bp.post("/offers/<uuid:offer_id>/accept")
@requires(Permission.ORDER_FULFIL, weighty=Weighty.AGREE_PRICE)
def accept(offer_id: UUID) -> ResponseReturnValue:
    """Accept an offer, as the seller."""
    until = offering.accept(offer_id=offer_id, actor_id=me().id, at=clock.now())
    flash(f"Agreed. You keep it for this buyer until {day(until)}.", "success")
    return redirect(url_for(".mine"), code=303)


@bp.post("/offers/<uuid:offer_id>/counter")
@requires(Permission.ORDER_FULFIL, weighty=Weighty.AGREE_PRICE)
def counter(offer_id: UUID) -> ResponseReturnValue:
    """Name a price to the buyer, as the seller."""
    form = CounterForm()
    if form.validate_on_submit():
        with applied(form):
            named = amount(form.amount)
            assert named is not None  # The field is required.
            offering.counter(offer_id=offer_id, actor_id=me().id, amount=named, at=clock.now())
            flash("The buyer has been told your price.", "success")
            return redirect(url_for(".mine"), code=303)
    return _mine(form)


@bp.post("/offers/<uuid:offer_id>/decline")
@requires(Permission.ORDER_FULFIL)
def decline(offer_id: UUID) -> ResponseReturnValue:
    """Decline an offer, as the seller."""
    offering.decline(offer_id=offer_id, actor_id=me().id, at=clock.now())
    flash("The buyer has been told.", "success")
    return redirect(url_for(".mine"), code=303)


@bp.post("/offers/<uuid:offer_id>/take")
@requires(Permission.ORDER_PLACE, weighty=Weighty.AGREE_PRICE)
def take(offer_id: UUID) -> ResponseReturnValue:
    """Take the seller's price, as the buyer."""
    until = offering.take(offer_id=offer_id, actor_id=me().id, at=clock.now())
    flash(f"Agreed. The price stands until {day(until)}: order it by then.", "success")
    return redirect(url_for(".mine"), code=303)


@bp.post("/offers/<uuid:offer_id>/withdraw")
@requires(Permission.ORDER_PLACE)
def withdraw(offer_id: UUID) -> ResponseReturnValue:
    """Take an offer back, as the buyer."""
    offering.withdraw(offer_id=offer_id, actor_id=me().id, at=clock.now())
    flash("Your offer is taken back.", "success")
    return redirect(url_for(".mine"), code=303)


@bp.route("/sell/<uuid:listing_id>/offers", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def terms(listing_id: UUID) -> ResponseReturnValue:
    """Say whether offers are taken for a device, and below what they decline themselves."""
    listing = common.mine(listing_id)
    said = offers.terms_of(listing_id)
    form = TermsForm(data={"taken": said.taken, "floor": str(said.floor) if said.floor else ""})
    if form.validate_on_submit():
        with applied(form):
            offering.set_terms(
                listing_id=listing_id,
                actor_id=me().id,
                taken=bool(form.taken.data),
                floor=amount(form.floor),
                at=clock.now(),
            )
            flash("Saved.", "success")
            return redirect(url_for("selling.listing", listing_id=listing_id), code=303)
    return render_template("offering/terms.html", listing=listing, form=form), form.http_status


def _mine(form: CounterForm) -> ResponseReturnValue:
    at = clock.now()
    page = render_template(
        "offering/mine.html",
        made_by_me=offers.of_buyer(me().id, at=at),
        made_to_me=offers.of_sellers(me().id, at=at),
        words=WORDS,
        may=lambda one, event: OFFER.allows(one.state, OfferEvent(event)),
        form=form,
        states=STATES,
    )
    return page, form.http_status
