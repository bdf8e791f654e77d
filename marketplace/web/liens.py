"""The lien on an ordered unit: both sides see where it stands, and its seller hands in the release."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import FileField, StringField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission
from ..documents import service as documents
from ..documents.contents import MAX_BYTES
from ..kernel import clock
from ..kernel.errors import NotFound
from ..listings.terms import FilingFound
from ..orders import freeing, views
from ..orders.access import Party
from ..orders.freeing import LienView
from ..orders.views import OrderView
from . import files
from .access import me, requires
from .forms import Form, applied

bp = Blueprint("liens", __name__)

FOUND = {
    FilingFound.NOTHING: "nothing",
    FilingFound.NOT_THIS_UNIT: "a filing that does not cover this unit",
    FilingFound.THIS_UNIT: "a filing that covers this unit",
    FilingFound.TERMINATED: "a filing on this unit that is terminated",
}
"""What a search of filings found, in words."""


class ReleaseForm(Form):
    """The paper by which the holder of a lien lets the unit go."""

    words = StringField(
        "What the paper is, and of whom",
        validators=[InputRequired("Say in a few words what the paper is, and of whom."), Length(max=200)],
    )
    file = FileField("The paper", validators=[InputRequired("Choose the file of the paper.")])


@bp.get("/orders/<uuid:order_id>/lien")
@requires(Permission.ORDER_READ)
def lien(order_id: UUID) -> ResponseReturnValue:
    """Show what rests on the unit, and how far it is from being freed."""
    seen, found = _seen(order_id)
    return _page(seen, found, ReleaseForm(formdata=None))


@bp.post("/orders/<uuid:order_id>/lien")
@requires(Permission.ORDER_FULFIL)
def hand_in(order_id: UUID) -> ResponseReturnValue:
    """Hand the release in, as the seller."""
    seen, found = _seen(order_id)
    form = ReleaseForm()
    if form.validate_on_submit():
        with applied(form):
            name, content = files.received(request.files.get("file"), most=MAX_BYTES)
            freeing.hand_in(
                order_id=order_id,
                actor_id=me().id,
                words=form.words.data or "",
                filename=name,
                content=content,
                at=clock.now(),
            )
            flash("It is with our finance desk. We write to you when they have read it.", "success")
            return redirect(url_for(".lien", order_id=order_id), code=303)
    return _page(seen, found, form)


@bp.get("/orders/<uuid:order_id>/lien/<uuid:document_id>")
@requires(Permission.ORDER_READ)
def paper(order_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """Send a release that was handed in to either side."""
    _, found = _seen(order_id)
    return sent(found, document_id)


def sent(found: LienView, document_id: UUID) -> ResponseReturnValue:
    """
    Send a release. Asks nothing about the reader: only for pages that did.

    :raises NotFound: none of these is it
    """
    if document_id not in {one.document_id for one in found.releases}:
        raise NotFound("There is no such paper.")
    return files.sent(documents.content_of(document_id))


def _seen(order_id: UUID) -> tuple[OrderView, LienView]:
    seen = views.order_for(order_id, user_id=me().id)
    found = freeing.of_order(order_id)
    if found is None:
        raise NotFound("Nothing is stated to rest on this device.")
    return seen, found


def _page(seen: OrderView, found: LienView, form: ReleaseForm) -> ResponseReturnValue:
    page = render_template(
        "liens/lien.html",
        order=seen,
        lien=found,
        form=form,
        found=FOUND,
        is_seller=Party.SELLER in seen.parties,
        max_bytes=MAX_BYTES,
    )
    return page, form.http_status
