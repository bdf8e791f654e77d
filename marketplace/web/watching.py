"""Devices that somebody watches, searches that are saved, and the links in mails that end them."""

from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from wtforms import RadioField, StringField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission
from ..kernel import clock
from ..kernel.errors import Invalid
from ..kernel.wording import gettext_noop
from ..listings import queries as listings
from ..listings.states import ListingState
from ..watching import queries, service
from ..watching.models import Cadence
from . import searching
from .access import me, public, requires
from .forms import Form, applied
from .language import gettext, in_every_language
from .options import options

bp = Blueprint("watching", __name__)

CADENCES = {
    Cadence.INSTANT: gettext_noop("At once"),
    Cadence.DAILY: gettext_noop("Once a day"),
    Cadence.PAUSED: gettext_noop("Not by mail"),
}
LISTING_STATES = {
    ListingState.DRAFT: gettext_noop("draft"),
    ListingState.IN_REVIEW: gettext_noop("in_review"),
    ListingState.PAUSED: gettext_noop("paused"),
    ListingState.RESERVED: gettext_noop("reserved"),
    ListingState.SOLD: gettext_noop("sold"),
    ListingState.WITHDRAWN: gettext_noop("withdrawn"),
}
"""What a device is that stood on the market and cannot be bought now."""

NAMES = (
    gettext_noop("q"), gettext_noop("modality"), gettext_noop("procedure"), gettext_noop("maker"),
    gettext_noop("model"), gettext_noop("grade"), gettext_noop("state"), gettext_noop("recall"),
    gettext_noop("warranty"), gettext_noop("training"), gettext_noop("service"), gettext_noop("recertification"),
    gettext_noop("min"), gettext_noop("max"), gettext_noop("landed"), gettext_noop("year"), gettext_noop("year_to"),
    gettext_noop("life_from"), gettext_noop("life"), gettext_noop("shots"), gettext_noop("spot_from"),
    gettext_noop("spot_to"), gettext_noop("nm_from"), gettext_noop("nm_to"), gettext_noop("zip"),
    gettext_noop("within"), gettext_noop("literally"),
)  # fmt: skip
"""What the parts of a search are called in its address."""

_NOT_KEPT = frozenset({"after", "before", "page", "sort", "verdict", "site"})
"""Parts of an address that say where one looked, not what for."""


class SaveForm(Form):
    """What to call a search, and how soon to hear of it."""

    name = StringField(
        gettext_noop("Name"), validators=[InputRequired(gettext_noop("Give the search a name.")), Length(max=100)]
    )
    cadence = RadioField(gettext_noop("Hear of new devices"), default=Cadence.DAILY.value)


@bp.get("/watching")
@requires(Permission.WATCH_READ)
@in_every_language
def mine() -> ResponseReturnValue:
    """Show what the reader watches and has saved."""
    return render_template(
        "watching/mine.html",
        watched=queries.watched_by(me().id),
        saved=queries.saved_by(me().id),
        cadences=CADENCES,
        states=LISTING_STATES,
    )


@bp.route("/devices/<uuid:listing_id>/watch", methods=["GET", "POST"])
@requires(Permission.WATCH_KEEP)
@in_every_language
def watch(listing_id: UUID) -> ResponseReturnValue:
    """Watch a device."""
    device, form = listings.on_display(listing_id), Form()
    if form.validate_on_submit():
        service.watch(user_id=me().id, listing_id=listing_id, at=clock.now())
        flash(gettext_noop("You hear of it when its price falls or it is sold."), "success")
        return redirect(url_for("watching.mine"), code=303)
    return render_template(
        "watching/watch.html", device=device, form=form, watches=queries.watches(me().id, listing_id)
    )


@bp.post("/devices/<uuid:listing_id>/unwatch")
@requires(Permission.WATCH_KEEP)
@in_every_language
def unwatch(listing_id: UUID) -> ResponseReturnValue:
    """Watch a device no longer."""
    service.unwatch(user_id=me().id, listing_id=listing_id)
    flash(gettext_noop("You no longer watch it."), "success")
    return redirect(url_for("watching.mine"), code=303)


@bp.route("/searches/new", methods=["GET", "POST"])
@requires(Permission.WATCH_KEEP)
@in_every_language
def save() -> ResponseReturnValue:
    """Save the search whose filters stand in the address."""
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name not in _NOT_KEPT and value]
    wanted, ignored = searching.wanted_by(MultiDict(pairs))
    form = SaveForm()
    form.cadence.choices = options([(cadence.value, words) for cadence, words in CADENCES.items()])
    if form.validate_on_submit():
        with applied(form):
            service.save(
                user_id=me().id,
                name=form.name.data or "",
                query=urlencode(pairs),
                wanted=wanted,
                cadence=Cadence(form.cadence.data),
                at=clock.now(),
            )
            flash(gettext_noop("The search is saved."), "success")
            return redirect(url_for("watching.mine"), code=303)
    return render_template("watching/save.html", form=form, pairs=pairs, names=NAMES, ignored=ignored), form.http_status


@bp.post("/searches/<uuid:search_id>/cadence")
@requires(Permission.WATCH_KEEP)
@in_every_language
def change_cadence(search_id: UUID) -> ResponseReturnValue:
    """Hear of a saved search sooner, later, or not at all."""
    asked = request.form.get("cadence", "")
    if asked not in list(Cadence):
        raise Invalid(gettext_noop("Say how soon you want to hear of it."))
    service.change_cadence(user_id=me().id, search_id=search_id, cadence=Cadence(asked))
    flash(gettext_noop("It is changed."), "success")
    return redirect(url_for("watching.mine"), code=303)


@bp.post("/searches/<uuid:search_id>/forget")
@requires(Permission.WATCH_KEEP)
@in_every_language
def forget(search_id: UUID) -> ResponseReturnValue:
    """Forget a saved search."""
    service.forget(user_id=me().id, search_id=search_id)
    flash(gettext_noop("The search is forgotten."), "success")
    return redirect(url_for("watching.mine"), code=303)


@bp.route("/stop/<uuid:stop_key>", methods=["GET", "POST"])
@public
@in_every_language
def stop(stop_key: UUID) -> ResponseReturnValue:
    """End the mails that a link stands in, without signing in; programs that only look at links end nothing."""
    form = Form()
    if form.validate_on_submit():
        service.stop(stop_key=stop_key)
        return render_template("watching/stopped.html")
    ends = queries.stoppable(stop_key)
    return render_template("watching/stop.html", form=form, what=gettext(ends.message, name=ends.name))
