"""What buyers said of sellers, as moderators see it."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...kernel import clock
from ...kernel.terms import STATES
from ...reviews import queries, service
from ..access import me, requires
from ..forms import Form

bp = Blueprint("staff_reviews", __name__)


class HideForm(Form):
    """Why words are taken away."""

    because = StringField("Why", validators=[InputRequired("Say why: everybody reads it."), Length(max=500)])


@bp.get("/staff/reviews")
@requires(Permission.REVIEW_READ)
def reviews() -> ResponseReturnValue:
    """Show what was said last."""
    return _page(HideForm(formdata=None))


@bp.post("/staff/reviews/<uuid:word_id>/hide")
@requires(Permission.LISTING_REVIEW)
def hide(word_id: UUID) -> ResponseReturnValue:
    """Take the words of a review away; the rating stays."""
    form = HideForm()
    if form.validate_on_submit():
        service.hide(review_id=word_id, actor_id=me().id, because=form.because.data or "", at=clock.now())
        flash("Its words are hidden. The rating stays, and everybody reads why.", "success")
        return redirect(url_for(".reviews"), code=303)
    return _page(form)


def _page(form: HideForm) -> ResponseReturnValue:
    page = render_template(
        "staff/reviews.html",
        reviews=queries.newest(),
        hiding=form,
        states=STATES,
        may_change=me().may(Permission.LISTING_REVIEW),
    )
    return page, form.http_status
