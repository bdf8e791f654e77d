"""What a clinic sells: the list, one listing as its seller sees it, and what can be done with it."""

from uuid import UUID, uuid4

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...guides.prices import Against
from ...kernel import clock
from ...kernel.money import Money
from ...listings import copying, plausibility, queries, service, unsaid
from ...listings.facts import ListingFacts
from ...listings.states import LISTING, ListingEvent, ListingState
from ...watching.desk import interest_in
from .. import photos
from ..access import me, requires
from ..filters import plural
from ..forms import Form, amount, applied
from ..unit import WARRANTIES
from .common import EVENT_WORDS, STATE_WORDS, STEPS, ActForm, bp, key_of, mine, selling_for

AGAINST = {
    Against.BELOW: "below what was paid",
    Against.WITHIN: "within what was paid",
    Against.ABOVE: "above what was paid",
}


class PriceForm(Form):
    """Another price."""

    price = StringField("New price", validators=[InputRequired("Write a price such as $42,500."), Length(max=30)])


@bp.get("/sell")
@requires(Permission.LISTING_READ)
def home() -> ResponseReturnValue:
    """List what the person's clinics sell."""
    selling = selling_for()
    lines = queries.of_clinics(membership.clinic_id for membership in selling)
    return render_template(
        "selling/home.html",
        selling=selling,
        lines=lines,
        interest=interest_in((line.id for line in lines), at=clock.now()),
        words=STATE_WORDS,
        against=AGAINST,
    )


@bp.get("/sell/<uuid:listing_id>")
@requires(Permission.LISTING_READ)
def listing(listing_id: UUID) -> ResponseReturnValue:
    """Show a listing to those who sell it: where it stands, what is missing, what can be done."""
    return _overview(mine(listing_id))


@bp.post("/sell/<uuid:listing_id>/submit")
@requires(Permission.LISTING_WRITE)
def submit(listing_id: UUID) -> ResponseReturnValue:
    """Ask staff to put it on the market."""
    facts = mine(listing_id)
    form = ActForm()
    with applied(form):
        service.submit(listing_id=listing_id, actor_id=me().id, at=clock.now())
    if form.errors:
        return _overview(facts, act=form)
    fitting = interest_in([listing_id], at=clock.now())[listing_id].wants
    waiting = f" {plural(fitting, 'buyer looks', 'buyers look')} for this." if fitting else ""
    flash(f"Submitted. Our staff look at it before it goes on the market.{waiting}", "success")
    return redirect(url_for("selling.listing", listing_id=listing_id), code=303)


@bp.post("/sell/<uuid:listing_id>/recall")
@requires(Permission.LISTING_WRITE)
def recall(listing_id: UUID) -> ResponseReturnValue:
    """Make it a draft again, to change it."""
    service.recall(listing_id=listing_id, actor_id=me().id, at=clock.now())
    flash("It is a draft again. Submit it when you have changed it.", "success")
    return redirect(url_for("selling.listing", listing_id=listing_id), code=303)


@bp.post("/sell/<uuid:listing_id>/withdraw")
@requires(Permission.LISTING_WRITE)
def withdraw(listing_id: UUID) -> ResponseReturnValue:
    """Take it off the market for good."""
    service.withdraw(listing_id=listing_id, actor_id=me().id, at=clock.now())
    flash("It was withdrawn.", "success")
    return redirect(url_for("selling.home"), code=303)


@bp.post("/sell/<uuid:listing_id>/pause")
@requires(Permission.LISTING_WRITE)
def pause(listing_id: UUID) -> ResponseReturnValue:
    """Take it off the market for a while."""
    service.pause(listing_id=listing_id, actor_id=me().id, at=clock.now())
    flash("It is paused: nobody can order it until you bring it back.", "success")
    return redirect(url_for("selling.listing", listing_id=listing_id), code=303)


@bp.post("/sell/<uuid:listing_id>/resume")
@requires(Permission.LISTING_WRITE)
def resume(listing_id: UUID) -> ResponseReturnValue:
    """Bring a paused unit back to the market."""
    service.resume(listing_id=listing_id, actor_id=me().id, at=clock.now())
    flash("It is on the market again, where it stood before.", "success")
    return redirect(url_for("selling.listing", listing_id=listing_id), code=303)


@bp.post("/sell/<uuid:listing_id>/duplicate")
@requires(Permission.LISTING_WRITE)
def duplicate(listing_id: UUID) -> ResponseReturnValue:
    """Begin a draft of another unit like this one."""
    mine(listing_id)
    copy_id = copying.duplicate(
        listing_id=listing_id, actor_id=me().id, form_key=key_of(request.form.get("form_key")), at=clock.now()
    )
    flash("A draft of another one. Say what is true of this unit alone: serial number, counters, condition.", "success")
    return redirect(url_for("selling.device", listing_id=copy_id), code=303)


@bp.post("/sell/<uuid:listing_id>/price")
@requires(Permission.LISTING_WRITE)
def change_price(listing_id: UUID) -> ResponseReturnValue:
    """Name another price for a unit on the market."""
    facts = mine(listing_id)
    form = PriceForm()
    if form.validate_on_submit():
        with applied(form):
            price = amount(form.price) or Money(0)
            service.change_price(listing_id=listing_id, actor_id=me().id, price=price, at=clock.now())
            flash(f"The price is {price} now.", "success")
            return redirect(url_for("selling.listing", listing_id=listing_id), code=303)
    return _overview(facts, price=form)


_UNDER_WORK = (ListingState.DRAFT, ListingState.IN_REVIEW)


def _doubts(facts: ListingFacts) -> list[plausibility.Doubt]:
    prices = queries.prices_of_model(facts.model.id, but=facts.id)
    return plausibility.doubts(facts, prices=prices, at=clock.now().date())


def _overview(
    facts: ListingFacts, *, act: ActForm | None = None, price: PriceForm | None = None
) -> ResponseReturnValue:
    events = LISTING.events_from(facts.state)
    page = render_template(
        "selling/listing.html",
        listing=facts,
        words=STATE_WORDS[facts.state],
        missing=unsaid.missing_from(facts.id) if facts.state is ListingState.DRAFT else [],
        steps=STEPS,
        doubts=_doubts(facts) if facts.state in _UNDER_WORK else [],
        copy_key=str(uuid4()),
        prices=queries.price_history(facts.id),
        interest=interest_in([facts.id], at=clock.now())[facts.id],
        against=AGAINST,
        warranties=WARRANTIES,
        may=lambda name: ListingEvent(name) in events,
        act=act or ActForm(formdata=None),
        form=ActForm(formdata=None),
        price=price or PriceForm(formdata=None, price=str(facts.price or "")),
        cover=photos.shown(facts.photos[0].stem, facts.photos[0].alternative_text) if facts.photos else None,
        events=[
            {"label": EVENT_WORDS[move.event], "at": move.at, "detail": move.reason, "state": "done"}
            for move in queries.moves_of(facts.id)
        ],
    )
    return page, 422 if act or price else 200
