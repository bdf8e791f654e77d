"""The papers of a draft: added one by one, looked at, taken out."""

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import FileField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...documents import service as documents
from ...documents.contents import MAX_BYTES
from ...kernel import clock
from ...kernel.errors import NotFound
from ...listings import papers
from ...listings.facts import ListingFacts
from ...listings.terms import PaperKind
from .. import files
from ..access import me, requires
from ..forms import Form, applied
from ..options import options
from .common import bp, mine

KINDS = {
    PaperKind.SERVICE: "Service record",
    PaperKind.CALIBRATION: "Calibration record",
    PaperKind.LIEN_RELEASE: "Release of a lien or claim",
    PaperKind.PAYOFF_LETTER: "Payoff letter of a lender",
    PaperKind.MANUAL: "Manual",
    PaperKind.OTHER: "Something else",
}
_CHOOSE = "Choose the file of the paper."


class PaperForm(Form):
    """One paper, and what it is."""

    kind = SelectField("What kind of paper", choices=options(KINDS.items()))
    words = StringField(
        "What it is", validators=[InputRequired("Say in a few words what the paper is."), Length(max=200)]
    )
    file = FileField("The paper", validators=[InputRequired(_CHOOSE)])


@bp.post("/sell/<uuid:listing_id>/papers")
@requires(Permission.LISTING_WRITE)
def add_paper(listing_id: UUID) -> ResponseReturnValue:
    """Keep a paper with the draft."""
    from .condition import condition_page

    facts = mine(listing_id)
    form = PaperForm()
    if form.validate_on_submit():
        with applied(form):
            name, content = files.received(request.files.get("file"), most=MAX_BYTES)
            papers.add(
                listing_id=listing_id,
                actor_id=me().id,
                kind=PaperKind(form.kind.data),
                words=form.words.data or "",
                filename=name,
                content=content,
                at=clock.now(),
            )
            flash("The paper was added.", "success")
            return redirect(url_for("selling.condition", listing_id=listing_id) + "#papers", code=303)
    return condition_page(facts, paper=form)


@bp.get("/sell/<uuid:listing_id>/papers/<uuid:paper_id>")
@requires(Permission.LISTING_READ)
def paper(listing_id: UUID, paper_id: UUID) -> ResponseReturnValue:
    """Send a paper to those who sell the unit."""
    return sent_paper(mine(listing_id), paper_id)


@bp.post("/sell/<uuid:listing_id>/papers/<uuid:paper_id>/remove")
@requires(Permission.LISTING_WRITE)
def remove_paper(listing_id: UUID, paper_id: UUID) -> ResponseReturnValue:
    """Take a paper out of the draft."""
    papers.remove(listing_id=listing_id, actor_id=me().id, paper_id=paper_id)
    flash("The paper was taken out.", "success")
    return redirect(url_for("selling.condition", listing_id=listing_id) + "#papers", code=303)


def sent_paper(facts: ListingFacts, paper_id: UUID) -> ResponseReturnValue:
    """
    Send a paper of a unit. Asks nothing about the reader: only for pages that did.

    :raises NotFound: the unit has no such paper
    """
    for one in facts.papers:
        if one.id == paper_id:
            return files.sent(documents.content_of(one.document_id))
    raise NotFound("This device has no such paper.")
