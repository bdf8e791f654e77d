"""Liens as staff see them: releases that finance has to read, and what moderators found filed on a unit."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission, Weighty
from ...kernel import clock
from ...kernel.errors import NotFound
from ...listings import liens, queries
from ...listings.terms import FilingFound
from ...orders import freeing
from ..access import me, requires
from ..forms import Form, applied
from ..liens import FOUND, sent
from ..options import options

bp = Blueprint("staff_liens", __name__)


class JudgeForm(Form):
    """Whether a release frees the unit, and how that was found out."""

    because = TextAreaField(
        "How you found that out", validators=[InputRequired("Say how you found that out."), Length(max=1000)]
    )


class SearchForm(Form):
    """What a search of filings found."""

    debtor_name = StringField("Name that was searched", validators=[InputRequired("Write the name."), Length(max=300)])
    office = StringField("Filing office, and how", validators=[InputRequired("Say where."), Length(max=300)])
    through = DateField("Index complete through", validators=[InputRequired("Write the day.")])
    found = RadioField("What was found", validators=[InputRequired("Say what was found.")])
    file_number = StringField("File number", validators=[Length(max=100)])


@bp.get("/staff/liens")
@requires(Permission.MONEY_READ)
def waiting() -> ResponseReturnValue:
    """List the releases that somebody has to read, those first that wait longest."""
    return _waiting(JudgeForm(formdata=None))


@bp.get("/staff/orders/<uuid:order_id>/lien/<uuid:document_id>")
@requires(Permission.MONEY_READ)
def paper(order_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """Send a release to staff."""
    found = freeing.of_order(order_id)
    if found is None:
        raise NotFound("There is no such paper.")
    return sent(found, document_id)


@bp.post("/staff/orders/<uuid:order_id>/lien/<any(confirm, refuse):way>")
@requires(Permission.MONEY_MANAGE, weighty=Weighty.MOVE_MONEY)
def judge(order_id: UUID, way: str) -> ResponseReturnValue:
    """Say whether a release frees the unit."""
    form = JudgeForm()
    if form.validate_on_submit():
        confirmed = way == "confirm"
        freeing.judge(
            order_id=order_id, actor_id=me().id, confirmed=confirmed, because=form.because.data or "", at=clock.now()
        )
        flash("The device is free to leave." if confirmed else "Its seller was told why it does not do.", "success")
        return redirect(url_for(".waiting"), code=303)
    return _waiting(form)


@bp.route("/staff/listings/<uuid:listing_id>/filings", methods=["GET"])
@requires(Permission.REVIEW_READ)
def filings(listing_id: UUID) -> ResponseReturnValue:
    """Show under which name filings on a unit are searched, and what was found."""
    return _filings(listing_id, _search_form(listing_id, sent=False))


@bp.post("/staff/listings/<uuid:listing_id>/filings")
@requires(Permission.LISTING_REVIEW)
def note_search(listing_id: UUID) -> ResponseReturnValue:
    """Keep what a search found."""
    form = _search_form(listing_id)
    if form.validate_on_submit():
        with applied(form):
            at = clock.now()
            made = liens.Search(
                form.debtor_name.data or "",
                form.office.data or "",
                form.through.data or at.date(),
                FilingFound(form.found.data),
                form.file_number.data,
                at,
            )
            freeing.note_search(listing_id=listing_id, actor_id=me().id, made=made)
            flash("It is kept.", "success")
            return redirect(url_for(".filings", listing_id=listing_id), code=303)
    return _filings(listing_id, form)


def _search_form(listing_id: UUID, *, sent: bool = True) -> SearchForm:
    data = {"debtor_name": liens.debtor_of(listing_id)}
    form = SearchForm(data=data) if sent else SearchForm(formdata=None, data=data)
    form.found.choices = options(FOUND.items())
    return form


def _filings(listing_id: UUID, form: SearchForm) -> ResponseReturnValue:
    facts = queries.listing(listing_id)
    page = render_template(
        "staff/filings.html",
        listing=facts,
        lien=liens.of(facts),
        searches=liens.searches_of(listing_id),
        found=FOUND,
        form=form,
        may_change=me().may(Permission.LISTING_REVIEW),
    )
    return page, form.http_status


def _waiting(form: JudgeForm) -> ResponseReturnValue:
    page = render_template(
        "staff/liens.html", waiting=freeing.waiting(), judgement=form, may_change=me().may(Permission.MONEY_MANAGE)
    )
    return page, form.http_status
