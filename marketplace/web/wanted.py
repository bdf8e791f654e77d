"""What buyers look for: the public page without names, a buyer's own, and what a seller may answer."""

from collections.abc import Callable, Iterable
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
from ..kernel.wording import gettext_noop
from ..listings.terms import Grade
from ..wants import queries, service
from ..wants.service import Said
from ..wants.states import WANT, WantEvent, WantState
from . import narrowing, searching, standpoint
from .access import by_person, me, public, requires
from .filters import count
from .forms import Form, applied
from .language import gettext, in_every_language
from .options import grouped_options, options
from .phrases import together
from .selling.common import mine as own_listing
from .watching import LISTING_STATES

bp = Blueprint("wanted", __name__)

STATE_WORDS: dict[WantState, tuple[str, str]] = {
    WantState.OPEN: ("yes", gettext_noop("shown to sellers")),
    WantState.PAUSED: ("quiet", gettext_noop("paused")),
    WantState.CLOSED: ("quiet", gettext_noop("closed")),
    WantState.EXPIRED: ("quiet", gettext_noop("over")),
    WantState.REMOVED: ("wrong", gettext_noop("taken away by staff")),
}
EVENT_WORDS = {
    WantEvent.PAUSED: gettext_noop("Pause"),
    WantEvent.RESUMED: gettext_noop("Show it again"),
    WantEvent.CLOSED: gettext_noop("Close it"),
}
_DONE = {
    WantEvent.PAUSED: gettext_noop("It is paused: sellers see it no longer."),
    WantEvent.RESUMED: gettext_noop("Sellers see it again."),
    WantEvent.CLOSED: gettext_noop("It is closed."),
}
_FLOORS = {"A": (Grade.A,), "B": (Grade.A, Grade.B), "C": (Grade.A, Grade.B, Grade.C)}
_FLOOR_WORDS = {
    "": gettext_noop("any"),
    "A": gettext_noop("A · as new"),
    "B": gettext_noop("B · good, or better"),
    "C": gettext_noop("C · worn, or better"),
}


class WantForm(Form):
    """What somebody looks for, as a search says it; and for whom, where and until when."""

    model = SelectField(gettext_noop("Model"))
    maker = SelectField(gettext_noop("Maker"))
    modality = SelectField(gettext_noop("Modality"))
    words = StringField(gettext_noop("In your own words"), validators=[Length(max=200)])
    max = StringField(gettext_noop("At most"), validators=[Length(max=30)])
    year = StringField(gettext_noop("Made in or after"), validators=[Length(max=4)])
    condition = SelectField(gettext_noop("Condition"))
    states = StringField(gettext_noop("States where it may stand"), validators=[Length(max=200)])
    zip = StringField(gettext_noop("ZIP code to measure from"), validators=[Length(max=10)])
    within = SelectField(gettext_noop("Within"))
    site_id = SelectField(gettext_noop("For whom"))
    place = SelectField(gettext_noop("State where you will use it"))
    note = TextAreaField(gettext_noop("Note for sellers"), validators=[Length(max=500)])
    until = DateField(gettext_noop("Until"), validators=[InputRequired(gettext_noop("Choose the last day."))])


class ReasonForm(Form):
    """What is wrong with a request."""

    reason = TextAreaField("What is wrong with it", validators=[InputRequired("Say what is wrong."), Length(max=500)])


@bp.get("/wanted")
@public
@in_every_language
def board() -> ResponseReturnValue:
    """Show what buyers look for: no names, no notes, the state alone."""
    at = clock.now()
    wants, more = queries.public(at=at, after=_after())
    last = wants[-1] if wants else None
    return render_template(
        "wanted/board.html",
        wants=[(one, title_of(one), terms_of(one.query)) for one in wants],
        states=STATES,
        first=_after() is None,
        later=url_for(".board", after=f"{last.created_at.isoformat()}~{last.id}") if more and last else None,
    )


@bp.get("/wanted/mine")
@requires(Permission.WANT_READ)
@in_every_language
def mine() -> ResponseReturnValue:
    """List what the reader looks for."""
    return render_template(
        "wanted/mine.html", wants=[(one, title_of(one)) for one in queries.of_person(me().id)], words=STATE_WORDS
    )


@bp.route("/wanted/new", methods=["GET", "POST"])
@requires(Permission.WANT_KEEP)
@in_every_language
@limiter.limit("20 per hour", key_func=by_person, methods=["POST"])
def new() -> ResponseReturnValue:
    """Say what one looks for."""
    form = _form(_first_answers())
    if form.validate_on_submit():
        with applied(form):
            want_id = service.post(user_id=me().id, said=_said(form), at=clock.now())
            flash(gettext_noop("Sellers whose device fits see it from now on, without your name."), "success")
            return redirect(url_for(".one", want_id=want_id), code=303)
    return render_template("wanted/edit.html", form=form, want=None), form.http_status


@bp.get("/wanted/<uuid:want_id>")
@requires(Permission.WANT_READ)
@in_every_language
def one(want_id: UUID) -> ResponseReturnValue:
    """Show somebody what they look for: what fits, and who offered."""
    want = queries.own(me().id, want_id)
    return render_template(
        "wanted/one.html",
        want=want,
        title=title_of(want),
        terms=terms_of(want.query),
        words=STATE_WORDS,
        events=[(event, words) for event, words in EVENT_WORDS.items() if WANT.allows(want.state, event)],
        fitting=queries.fitting(want_id),
        states=STATES,
        device_words=LISTING_STATES,
        on_market=f"{url_for('browse.devices')}?{want.query}",
    )


@bp.route("/wanted/<uuid:want_id>/edit", methods=["GET", "POST"])
@requires(Permission.WANT_KEEP)
@in_every_language
@limiter.limit("60 per hour", key_func=by_person, methods=["POST"])
def edit(want_id: UUID) -> ResponseReturnValue:
    """Look for something else."""
    want = queries.own(me().id, want_id)
    form = _form(_answers(want), stays_with=None if want.mine else want.clinic_name)
    if form.validate_on_submit():
        with applied(form):
            service.edit(user_id=me().id, want_id=want_id, said=_said(form), at=clock.now())
            flash(gettext_noop("It is changed."), "success")
            return redirect(url_for(".one", want_id=want_id), code=303)
    return render_template("wanted/edit.html", form=form, want=want), form.http_status


@bp.post("/wanted/<uuid:want_id>/move")
@requires(Permission.WANT_KEEP)
@in_every_language
def move(want_id: UUID) -> ResponseReturnValue:
    """Pause, resume or close it."""
    asked = request.form.get("event", "")
    if asked not in [str(event) for event in EVENT_WORDS]:
        raise Invalid(gettext_noop("Pause it, resume it or close it."))
    event = WantEvent(asked)
    service.move(user_id=me().id, want_id=want_id, event=event, at=clock.now())
    flash(_DONE[event], "success")
    return redirect(url_for(".one", want_id=want_id), code=303)


@bp.post("/wanted/<uuid:want_id>/mute")
@requires(Permission.WANT_KEEP)
@in_every_language
def mute(want_id: UUID) -> ResponseReturnValue:
    """Get no mails about it, or get them again."""
    muted = request.form.get("muted") == "1"
    service.mute(user_id=me().id, want_id=want_id, muted=muted)
    without = gettext_noop("You get no mails about it; what fits stands here.")
    flash(without if muted else gettext_noop("You get mails about it again."), "success")
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


def title_of(want: queries.Shown | queries.Own) -> str:
    """Return what is looked for in the reader's language, as far as the title was put together from words of ours."""
    pairs = parse_qsl(want.query)
    return _title(pairs, gettext) if _title(pairs) == want.title else want.title


def terms_of(query: str) -> list[str]:
    """Return the conditions of a want in words, as the search's own chips say them, without what its title says."""
    args = MultiDict(parse_qsl(query))
    wanted, _ = searching.wanted_by(args)
    grades = wanted.chosen.get("grade", ())
    said = []
    if "price" in wanted.spans:
        said.append(gettext("up to %(most)s", most=narrowing.written(wanted.spans["price"][1])))
    if "year" in wanted.spans:
        said.append(gettext("made in %(year)s or later", year=wanted.spans["year"][0]))
    if grades:
        better = gettext("condition %(grade)s or better", grade=grades[-1])
        said.append(better if len(grades) > 1 else gettext("condition A"))
    places = [STATES[code] for code in wanted.chosen.get("state", ())]
    if places:
        said.append(gettext("standing in %(places)s", places=", ".join(places)))
    if wanted.near is not None and wanted.near.within is not None:
        # The ZIP code is the buyer's own: nobody else needs to know it.
        said.append(gettext("within %(number)s miles", number=count(wanted.near.within)))
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
    any_one = ("", gettext("any"))
    form.model.choices = [
        *options([any_one]),
        *grouped_options({maker: [(f"{maker} {name}", name) for _, name in of] for maker, of in models.items()}),
    ]
    form.maker.choices = options([any_one, *((maker, maker) for maker in models)])
    form.modality.choices = options(
        [any_one, *((code, gettext(one.name)) for code, one in catalog.modalities().items())]
    )
    form.condition.choices = options((floor, gettext(words)) for floor, words in _FLOOR_WORDS.items())
    distances = ((one, gettext("%(number)s miles", number=one)) for one in narrowing.DISTANCES)
    form.within.choices = options([("", gettext("any distance")), *distances])
    sites = [site for site in standpoint.sites() if stays_with in (None, site.clinic_name)]
    form.site_id.choices = options(
        [
            *([("", gettext("for myself"))] if stays_with is None else []),
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
        raise Invalid(
            gettext("We cannot make sense of %(what)s.", what=together(ignored)),
            cure=gettext_noop("Correct it, or leave it out."),
        )
    if (form.within.data or "") and wanted.near is None:
        raise Invalid(gettext_noop("Write the ZIP code to measure from."), field="zip")
    assert isinstance(form.until.data, date)
    return Said(
        title=_title(pairs),
        query=urlencode(pairs),
        wanted=wanted,
        note=form.note.data or "",
        until=form.until.data,
        place=form.place.data or "",
        site_id=UUID(form.site_id.data) if form.site_id.data else None,
    )


def _title(pairs: Iterable[tuple[str, str]], tell: Callable[[str], str] = str) -> str:
    given: MultiDict[str, str] = MultiDict(pairs)
    modality = catalog.modalities().get(given.get("modality", ""))
    parts = [given.get("model") or given.get("maker"), tell(modality.name) if modality else "", given.get("q")]
    return ", ".join(part for part in parts if part) or tell(gettext_noop("anything"))


def _pairs(form: WantForm) -> list[tuple[str, str]]:
    typed = {name: (form[name].data or "").strip() for name in ("words", "max", "year", "states", "zip", "within")}
    codes = [code.strip().upper() for code in typed["states"].replace(";", ",").split(",") if code.strip()]
    unknown = [code for code in codes if code not in STATES]
    if unknown:
        typed_so = ", ".join(unknown)[:40]
        raise Invalid(gettext("Write states as two letters: %(typed)s is none.", typed=typed_so), field="states")
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
