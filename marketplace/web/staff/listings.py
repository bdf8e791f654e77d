"""Listings as the house sees them: what waits, what it says, and whether it goes on the market."""

from datetime import datetime
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...config import Settings
from ...kernel import clock
from ...kernel.errors import ChangedSinceRead
from ...listings import noting, passport, plausibility, possession, queries, reports, service, stolen
from ...listings.conditions import GRADES
from ...listings.facts import ListingFacts
from ...listings.states import LISTING, ListingEvent
from ...listings.terms import Shot
from ...orders.reselling import EarlierSale, earlier_sales
from .. import photos, unit
from ..access import me, requires
from ..forms import Form, applied
from ..selling.common import EVENT_WORDS, STATE_WORDS, STEPS, ActForm
from ..selling.papers import sent_paper
from ..unit import MODIFICATIONS, UNITS

bp = Blueprint("staff_listings", __name__)


class NoteForm(Form):
    """What the seller should change: in all, and at single steps."""

    note = TextAreaField(
        "What the seller should change",
        validators=[InputRequired("Say what the seller should change."), Length(max=4_000)],
    )


_ASK = "ask."
"""What stands before the key of a place in the name of its field."""


def _note_form(facts: ListingFacts, *, sent: bool = True) -> tuple[NoteForm, dict[str, list[str]]]:
    """Return the form that asks about every place of a listing, and the names of its fields by their steps."""
    asked: dict[str, StringField] = {}
    names: dict[str, list[str]] = {step: [] for step in STEPS}
    for spot in noting.spots(facts):
        name = _ASK + spot.key
        # What stands there helps to find the place; the whole of a step would say too much.
        said = f": {spot.said[:60]}" if spot.said and spot.field and spot.step != "photos" else ""
        asked[name] = StringField(f"{spot.label}{said}", validators=[Length(max=500)])
        names[spot.step].append(name)
    kind = type(NoteForm.__name__, (NoteForm,), asked)
    form: NoteForm = kind() if sent else kind(formdata=None)
    return form, names


@bp.get("/staff/listings")
@requires(Permission.REVIEW_READ)
def listings() -> ResponseReturnValue:
    """List what waits for staff."""
    return render_template("staff/listings.html", lines=queries.awaiting_review())


@bp.get("/staff/listings/<uuid:listing_id>")
@requires(Permission.REVIEW_READ)
def listing(listing_id: UUID) -> ResponseReturnValue:
    """Show one listing, in whatever state, with what can be decided about it."""
    return _page(queries.listing(listing_id))


@bp.get("/staff/listings/<uuid:listing_id>/papers/<uuid:paper_id>")
@requires(Permission.REVIEW_READ)
def paper(listing_id: UUID, paper_id: UUID) -> ResponseReturnValue:
    """Send a paper of the unit to staff."""
    return sent_paper(queries.listing(listing_id), paper_id)


@bp.post("/staff/listings/<uuid:listing_id>/approve")
@requires(Permission.LISTING_REVIEW)
def approve(listing_id: UUID) -> ResponseReturnValue:
    """Put it on the market."""
    service.approve(listing_id=listing_id, actor_id=me().id, at=clock.now(), read=_read())
    flash("It is on the market now, and its seller was told.", "success")
    return redirect(url_for("staff_listings.listings"), code=303)


@bp.post("/staff/listings/<uuid:listing_id>/send-back")
@requires(Permission.LISTING_REVIEW)
def send_back(listing_id: UUID) -> ResponseReturnValue:
    """Give it back to its seller with a note."""
    facts = queries.listing(listing_id)
    form, _ = _note_form(facts)
    if form.validate_on_submit():
        with applied(form):
            service.send_back(
                listing_id=listing_id,
                actor_id=me().id,
                note=form.note.data or "",
                notes={
                    field.short_name.removeprefix(_ASK): field.data or ""
                    for field in form
                    if field.short_name.startswith(_ASK)
                },
                at=clock.now(),
            )
            flash("It went back to its seller, with your note.", "success")
            return redirect(url_for("staff_listings.listings"), code=303)
    return _page(facts, form)


def _read() -> datetime:
    """Return when what the moderator has before them was submitted, as the page said it."""
    try:
        return datetime.fromisoformat(request.form.get("read", ""))
    except ValueError:
        raise ChangedSinceRead from None


def _secret() -> str:
    settings: Settings = current_app.extensions["second_light_settings"]
    return settings.secret_key


def _changes(facts: ListingFacts) -> list[tuple[str, str, str]] | None:
    """Return what differs from what staff approved last; None: nothing was approved before."""
    approved = facts.approved_version and reports.of_version(facts.id, facts.approved_version)
    if not approved:
        return None
    return reports.differences(approved.document, reports.document_of(facts))


def _resale(facts: ListingFacts) -> EarlierSale | None:
    """Return the newest sale of the unit here, if somebody should ask about it."""
    earlier = earlier_sales(
        maker_id=facts.model.maker_id,
        serial_normal=facts.serial_normal,
        offered_by=facts.clinic_id,
        at=clock.now(),
    )
    return earlier[0] if earlier and earlier[0].is_odd else None


def _page(facts: ListingFacts, sent: NoteForm | None = None) -> ResponseReturnValue:
    unsent, names = _note_form(facts, sent=False)
    form = sent or unsent
    events = LISTING.events_from(facts.state)
    page = render_template(
        "staff/listing.html",
        listing=facts,
        form=form,
        places={step: [form[name] for name in asking] for step, asking in names.items()},
        act=ActForm(formdata=None),
        words=STATE_WORDS[facts.state],
        may=lambda name: ListingEvent(name) in events,
        may_decide=me().may(Permission.LISTING_REVIEW),
        grade=GRADES[facts.grade] if facts.grade else None,
        modification=MODIFICATIONS[facts.modification] if facts.modification else None,
        handpieces=[(unit.shown_handpiece(facts, part, None), part.serial) for part in facts.handpieces],
        counters=[unit.shown_counter(facts, counter) for counter in facts.counters],
        particulars=unit.particulars(facts),
        warranty=unit.warranty(facts),
        stolen=stolen.hits(maker_id=facts.model.maker_id, serial_normal=facts.serial_normal),
        passport=passport.of_unit(maker_id=facts.model.maker_id, serial_normal=facts.serial_normal),
        resale=_resale(facts),
        units=UNITS,
        changes=_changes(facts),
        proofs=[
            (number, *possession.codes_for(secret=_secret(), listing_id=facts.id, at=photo.added_at))
            for number, photo in enumerate(facts.photos, start=1)
            if Shot.POSSESSION in photo.shows and photo.added_at is not None
        ],
        steps=STEPS,
        condition_said=unit.stated(facts)[0],
        statements=unit.stated(facts)[1],
        doubts=plausibility.doubts(
            facts, prices=queries.prices_of_model(facts.model.id, but=facts.id), at=clock.now().date()
        ),
        photos=[photos.shown(photo.stem, photo.alternative_text) for photo in facts.photos],
        events=[
            {"label": EVENT_WORDS[move.event], "at": move.at, "detail": move.reason, "state": "done"}
            for move in queries.moves_of(facts.id)
        ],
    )
    return page, form.http_status
