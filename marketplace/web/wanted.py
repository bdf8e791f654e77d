"""What buyers look for: the public page without names, a buyer's own, and what a seller may answer."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from wtforms import DateField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission
from ..catalog import queries as catalog
from ..extensions import limiter
from ..kernel import clock
from ..kernel.errors import Invalid
from ..kernel.terms import STATES
from ..listings.terms import Grade
from ..wants import queries, service
from ..wants.service import Said
from ..wants.states import WANT, WantEvent, WantState
from . import narrowing, searching, standpoint
from .access import by_person, me, public, requires
from .forms import Form, applied
from .options import grouped_options, options
from .selling.common import mine as own_listing

bp = Blueprint("wanted", __name__)

STATE_WORDS: dict[WantState, tuple[str, str]] = {
    WantState.OPEN: ("yes", "shown to sellers"),
    WantState.PAUSED: ("quiet", "paused"),
    WantState.CLOSED: ("quiet", "closed"),
    WantState.EXPIRED: ("quiet", "over"),
    WantState.REMOVED: ("wrong", "taken away by staff"),
}
EVENT_WORDS = {WantEvent.PAUSED: "Pause", WantEvent.RESUMED: "Show it again", WantEvent.CLOSED: "Close it"}
_DONE = {
    WantEvent.PAUSED: "It is paused: sellers see it no longer.",
    WantEvent.RESUMED: "Sellers see it again.",
    WantEvent.CLOSED: "It is closed.",
}
_FLOORS = {"A": (Grade.A,), "B": (Grade.A, Grade.B), "C": (Grade.A, Grade.B, Grade.C)}
_FLOOR_WORDS = {"": "any", "A": "A · as new", "B": "B · good, or better", "C": "C · worn, or better"}


class WantForm(Form):
    """What somebody looks for, as a search says it; and for whom, where and until when."""

    model = SelectField("Model")
    maker = SelectField("Maker")
    modality = SelectField("Modality")
    words = StringField("In your own words", validators=[Length(max=200)])
    max = StringField("At most", validators=[Length(max=30)])
    year = StringField("Made in or after", validators=[Length(max=4)])
    condition = SelectField("Condition", choices=options(_FLOOR_WORDS.items()))
    states = StringField("States where it may stand", validators=[Length(max=200)])
    zip = StringField("ZIP code to measure from", validators=[Length(max=10)])
    within = SelectField(
        "Within", choices=options([("", "any distance"), *((one, f"{one} miles") for one in narrowing.DISTANCES)])
    )
    site_id = SelectField("For whom")
    place = SelectField("State where you will use it")
    note = TextAreaField("Note for sellers", validators=[Length(max=500)])
    until = DateField("Until", validators=[InputRequired("Choose the last day.")])


class ReasonForm(Form):
    """What is wrong with a request."""

    reason = TextAreaField("What is wrong with it", validators=[InputRequired("Say what is wrong."), Length(max=500)])


@bp.get("/wanted")
@public
def board() -> ResponseReturnValue:
    """Show what buyers look for: no names, no notes, the state alone."""
    at = clock.now()
    wants, more = queries.public(at=at, after=_after())
    last = wants[-1] if wants else None
    return render_template(
        "wanted/board.html",
        wants=[(one, terms_of(one.query)) for one in wants],
        states=STATES,
        first=_after() is None,
        later=url_for(".board", after=f"{last.created_at.isoformat()}~{last.id}") if more and last else None,
    )


@bp.get("/wanted/mine")
@requires(Permission.WANT_READ)
def mine() -> ResponseReturnValue:
    """List what the reader looks for."""
    return render_template("wanted/mine.html", wants=queries.of_person(me().id), words=STATE_WORDS)


@bp.route("/wanted/new", methods=["GET", "POST"])
@requires(Permission.WANT_KEEP)
@limiter.limit("20 per hour", key_func=by_person, methods=["POST"])
def new() -> ResponseReturnValue:
    """Say what one looks for."""
    form = _form(_first_answers())
    if form.validate_on_submit():
        with applied(form):
            want_id = service.post(user_id=me().id, said=_said(form), at=clock.now())
            flash("Sellers whose device fits see it from now on, without your name.", "success")
            return redirect(url_for(".one", want_id=want_id), code=303)
    return render_template("wanted/edit.html", form=form, want=None), form.http_status


@bp.get("/wanted/<uuid:want_id>")
@requires(Permission.WANT_READ)
def one(want_id: UUID) -> ResponseReturnValue:
    """Show somebody what they look for: what fits, and who offered."""
    want = queries.own(me().id, want_id)
    return render_template(
        "wanted/one.html",
        want=want,
        terms=terms_of(want.query),
        words=STATE_WORDS,
        events=[(event, words) for event, words in EVENT_WORDS.items() if WANT.allows(want.state, event)],
        fitting=queries.fitting(want_id),
        states=STATES,
        on_market=f"{url_for('browse.devices')}?{want.query}",
    )


@bp.route("/wanted/<uuid:want_id>/edit", methods=["GET", "POST"])
@requires(Permission.WANT_KEEP)
@limiter.limit("60 per hour", key_func=by_person, methods=["POST"])
def edit(want_id: UUID) -> ResponseReturnValue:
    """Look for something else."""
    want = queries.own(me().id, want_id)
    form = _form(_answers(want), stays_with=None if want.mine else want.clinic_name)
    if form.validate_on_submit():
        with applied(form):
            service.edit(user_id=me().id, want_id=want_id, said=_said(form), at=clock.now())
            flash("It is changed.", "success")
            return redirect(url_for(".one", want_id=want_id), code=303)
    return render_template("wanted/edit.html", form=form, want=want), form.http_status


@bp.post("/wanted/<uuid:want_id>/move")
@requires(Permission.WANT_KEEP)
def move(want_id: UUID) -> ResponseReturnValue:
    """Pause, resume or close it."""
    asked = request.form.get("event", "")
    if asked not in [str(event) for event in EVENT_WORDS]:
        raise Invalid("Pause it, resume it or close it.")
    event = WantEvent(asked)
    service.move(user_id=me().id, want_id=want_id, event=event, at=clock.now())
    flash(_DONE[event], "success")
    return redirect(url_for(".one", want_id=want_id), code=303)


@bp.post("/wanted/<uuid:want_id>/mute")
@requires(Permission.WANT_KEEP)
def mute(want_id: UUID) -> ResponseReturnValue:
    """Get no mails about it, or get them again."""
    muted = request.form.get("muted") == "1"
    service.mute(user_id=me().id, want_id=want_id, muted=muted)
    flash("You get no mails about it; what fits stands here." if muted else "You get mails about it again.", "success")
    return redirect(url_for(".one", want_id=want_id), code=303)


@bp.get("/sell/<uuid:listing_id>/wanted")
@requires(Permission.LISTING_READ)
def for_listing(listing_id: UUID) -> ResponseReturnValue:
    """Show the seller of a unit who looks for such a one, without who they are."""
    facts = own_listing(listing_id)
    wants = queries.of_listing(listing_id, at=clock.now())
    return render_template(
        "wanted/for_listing.html", listing=facts, wants=[(one, terms_of(one.query)) for one in wants], states=STATES
    )


@bp.get("/sell/<uuid:listing_id>/wanted/<uuid:want_id>")
@requires(Permission.LISTING_READ)
def for_seller(listing_id: UUID, want_id: UUID) -> ResponseReturnValue:
    """Show a request to the seller of a unit that fits, and whether the gate would let its buyer have it today."""
    return _for_seller(listing_id, want_id, ReasonForm(formdata=None))


@bp.post("/sell/<uuid:listing_id>/wanted/<uuid:want_id>/answer")
@requires(Permission.LISTING_WRITE)
@limiter.limit("60 per hour", key_func=by_person)
def answer(listing_id: UUID, want_id: UUID) -> ResponseReturnValue:
    """Offer the unit."""
    service.answer(want_id=want_id, listing_id=listing_id, actor_id=me().id, at=clock.now())
    flash("The buyer has been told of your device. They see it on their page.", "success")
    return redirect(url_for(".for_listing", listing_id=listing_id), code=303)


@bp.post("/sell/<uuid:listing_id>/wanted/<uuid:want_id>/report")
@requires(Permission.LISTING_WRITE)
@limiter.limit("20 per hour", key_func=by_person)
def report(listing_id: UUID, want_id: UUID) -> ResponseReturnValue:
    """Ask staff to look at a request."""
    form = ReasonForm()
    if form.validate_on_submit():
        with applied(form):
            service.report(
                want_id=want_id, listing_id=listing_id, reporter_id=me().id, reason=form.reason.data or "",
                at=clock.now(),
            )  # fmt: skip
            flash("Our staff look at it.", "success")
            return redirect(url_for(".for_listing", listing_id=listing_id), code=303)
    return _for_seller(listing_id, want_id, form)


def terms_of(query: str) -> list[str]:
    """Return the conditions of a want in words, as the search's own chips say them, without what its title says."""
    args = MultiDict(parse_qsl(query))
    wanted, _ = searching.wanted_by(args)
    grades = wanted.chosen.get("grade", ())
    said = [f"up to {narrowing.written(wanted.spans['price'][1])}"] if "price" in wanted.spans else []
    said += [f"made in {wanted.spans['year'][0]} or later"] if "year" in wanted.spans else []
    said += [f"condition {grades[-1]} or better" if len(grades) > 1 else "condition A"] if grades else []
    places = [STATES[code] for code in wanted.chosen.get("state", ())]
    said += [f"standing in {', '.join(places)}"] if places else []
    if wanted.near is not None and wanted.near.within is not None:
        # The ZIP code is the buyer's own: nobody else needs to know it.
        said.append(f"within {wanted.near.within:,} miles")
    return said


def _for_seller(listing_id: UUID, want_id: UUID, form: ReasonForm) -> ResponseReturnValue:
    at = clock.now()
    facts = own_listing(listing_id)
    want = queries.one_of_listing(listing_id, want_id, at=at)
    page = render_template(
        "wanted/for_seller.html",
        listing=facts,
        want=want,
        terms=terms_of(want.query),
        cleared=queries.cleared(want_id, facts.sale, at=at),
        states=STATES,
        form=form,
    )
    return page, form.http_status


def _form(answers: dict[str, Any], *, stays_with: str | None = None) -> WantForm:
    form = WantForm(data=answers)
    models = catalog.models_for_choice()
    form.model.choices = [
        *options([("", "any")]),
        *grouped_options({maker: [(f"{maker} {name}", name) for _, name in of] for maker, of in models.items()}),
    ]
    form.maker.choices = options([("", "any"), *((maker, maker) for maker in models)])
    form.modality.choices = options([("", "any"), *((code, one.name) for code, one in catalog.modalities().items())])
    sites = [site for site in standpoint.sites() if stays_with in (None, site.clinic_name)]
    form.site_id.choices = options(
        [
            *([("", "for myself")] if stays_with is None else []),
            *((str(site.id), f"{site.clinic_name}, {site.name}, {site.state}") for site in sites),
        ]
    )
    form.place.choices = options(STATES.items())
    return form


def _first_answers() -> dict[str, Any]:
    """Return what the address of a search says already, so that a search that found nothing becomes a request."""
    sites = standpoint.sites()
    answers: dict[str, Any] = _from_query(request.args.items(multi=True))
    answers["place"] = sites[0].state if sites else "TX"
    answers["site_id"] = str(sites[0].id) if sites else ""
    answers["until"] = clock.now().date() + service.USUAL
    return answers


def _answers(want: queries.Own) -> dict[str, Any]:
    return _from_query(parse_qsl(want.query)) | {
        "place": want.place,
        "site_id": str(want.site_id) if want.site_id else "",
        "note": want.note,
        "until": want.until,
    }


def _from_query(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    given: MultiDict[str, str] = MultiDict(pairs)
    grades = given.getlist("grade")
    return {
        "model": given.get("model", ""),
        "maker": given.get("maker", ""),
        "modality": given.get("modality", ""),
        "words": given.get("q", ""),
        "max": given.get("max", ""),
        "year": given.get("year", ""),
        "condition": max(grades, default="") if max(grades, default="") in _FLOORS else "",
        "states": ", ".join(given.getlist("state")),
        "zip": given.get("zip", ""),
        "within": given.get("within", ""),
    }


def _said(form: WantForm) -> Said:
    """
    Return what the form says, as a search.

    :raises Invalid: a part of it makes no sense
    """
    pairs = _pairs(form)
    wanted, ignored = searching.wanted_by(MultiDict(pairs))
    if ignored:
        raise Invalid(f"We cannot make sense of {' and '.join(ignored)}.", cure="Correct it, or leave it out.")
    if (form.within.data or "") and wanted.near is None:
        raise Invalid("Write the ZIP code to measure from.", field="zip")
    model, maker, modality = form.model.data or "", form.maker.data or "", form.modality.data or ""
    parts = [model or maker, catalog.modalities()[modality].name if modality else "", (form.words.data or "").strip()]
    assert isinstance(form.until.data, date)
    return Said(
        title=", ".join(part for part in parts if part) or "anything",
        query=urlencode(pairs),
        wanted=wanted,
        note=form.note.data or "",
        until=form.until.data,
        place=form.place.data or "",
        site_id=UUID(form.site_id.data) if form.site_id.data else None,
    )


def _pairs(form: WantForm) -> list[tuple[str, str]]:
    typed = {name: (form[name].data or "").strip() for name in ("words", "max", "year", "states", "zip", "within")}
    codes = [code.strip().upper() for code in typed["states"].replace(";", ",").split(",") if code.strip()]
    unknown = [code for code in codes if code not in STATES]
    if unknown:
        raise Invalid(f"Write states as two letters: {', '.join(unknown)[:40]} is none.", field="states")
    pairs = [
        ("model", form.model.data or ""), ("maker", "" if form.model.data else form.maker.data or ""),
        ("modality", form.modality.data or ""), ("q", typed["words"]), ("max", typed["max"]), ("year", typed["year"]),
        *(("grade", str(grade)) for grade in _FLOORS.get(form.condition.data or "", ())),
        *(("state", code) for code in dict.fromkeys(codes)),
        ("zip", typed["zip"] if typed["within"] else ""), ("within", typed["within"]),
    ]  # fmt: skip
    return [(name, value) for name, value in pairs if value]


def _after() -> tuple[datetime, UUID] | None:
    moment, _, want_id = request.args.get("after", "").partition("~")
    try:
        found = datetime.fromisoformat(moment), UUID(want_id)
    except ValueError:
        return None
    return found if found[0].tzinfo is not None else None
