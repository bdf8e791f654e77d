"""Questions about devices as moderators see them: what was reported first, with what was taken out, then the latest."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...kernel import clock
from ...questions import moderating, queries
from ..access import me, requires
from ..forms import Form
from ..questions import STATE_WORDS

bp = Blueprint("staff_asked", __name__)


class BecauseForm(Form):
    """Why a question is hidden, or shown again."""

    because = StringField("Why", validators=[InputRequired("Say why: both sides read it."), Length(max=500)])


@bp.get("/staff/asked")
@requires(Permission.REVIEW_READ)
def asked() -> ResponseReturnValue:
    """Show what was reported, then the latest."""
    return _page(BecauseForm(formdata=None))


@bp.post("/staff/asked/<uuid:question_id>/hide")
@requires(Permission.LISTING_REVIEW)
def hide(question_id: UUID) -> ResponseReturnValue:
    """Hide a question with its answers."""
    form = BecauseForm()
    if form.validate_on_submit():
        moderating.hide(question_id=question_id, actor_id=me().id, because=form.because.data or "", at=clock.now())
        flash("It is hidden. Who asked and who sells read why.", "success")
        return redirect(url_for(".asked"), code=303)
    return _page(form)


@bp.post("/staff/asked/<uuid:question_id>/restore")
@requires(Permission.LISTING_REVIEW)
def restore(question_id: UUID) -> ResponseReturnValue:
    """Show again what was hidden."""
    form = BecauseForm()
    if form.validate_on_submit():
        moderating.restore(question_id=question_id, actor_id=me().id, because=form.because.data or "", at=clock.now())
        flash("It is shown again.", "success")
        return redirect(url_for(".asked"), code=303)
    return _page(form)


@bp.post("/staff/asked/<uuid:question_id>/leave")
@requires(Permission.LISTING_REVIEW)
def leave(question_id: UUID) -> ResponseReturnValue:
    """Find nothing wrong with what was reported."""
    moderating.leave(question_id=question_id, actor_id=me().id, at=clock.now())
    flash("It stays. The reports are settled.", "success")
    return redirect(url_for(".asked"), code=303)


def _page(form: BecauseForm) -> ResponseReturnValue:
    page = render_template(
        "staff/asked.html",
        reported=queries.reported(),
        latest=queries.latest(),
        form=form,
        words=STATE_WORDS,
        may_change=me().may(Permission.LISTING_REVIEW),
    )
    return page, form.http_status
