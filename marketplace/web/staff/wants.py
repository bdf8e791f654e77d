"""What buyers look for, as moderators see it: what was reported first, and what is open."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...kernel import clock
from ...wants import queries, service
from ..access import me, requires
from ..forms import Form

bp = Blueprint("staff_wants", __name__)


class RemoveForm(Form):
    """Why a request is taken away."""

    because = StringField("Why", validators=[InputRequired("Say why: its buyer reads it."), Length(max=500)])


@bp.get("/staff/wanted")
@requires(Permission.REVIEW_READ)
def wants() -> ResponseReturnValue:
    """Show what was reported, then what is open."""
    return _page(RemoveForm(formdata=None))


@bp.post("/staff/wanted/<uuid:want_id>/remove")
@requires(Permission.LISTING_REVIEW)
def remove(want_id: UUID) -> ResponseReturnValue:
    """Take a request away; its buyer reads why."""
    form = RemoveForm()
    if form.validate_on_submit():
        service.remove(want_id=want_id, actor_id=me().id, because=form.because.data or "", at=clock.now())
        flash("It is taken away. Its buyer reads why.", "success")
        return redirect(url_for(".wants"), code=303)
    return _page(form)


@bp.post("/staff/wanted/<uuid:want_id>/leave")
@requires(Permission.LISTING_REVIEW)
def leave(want_id: UUID) -> ResponseReturnValue:
    """Find nothing wrong with what was reported."""
    service.leave(want_id=want_id, actor_id=me().id, at=clock.now())
    flash("It stays. The reports are settled.", "success")
    return redirect(url_for(".wants"), code=303)


def _page(form: RemoveForm) -> ResponseReturnValue:
    page = render_template(
        "staff/wants.html",
        reported=queries.reported(),
        open_ones=queries.open_ones(),
        removal=form,
        may_change=me().may(Permission.LISTING_REVIEW),
    )
    return page, form.http_status
