"""People as the house sees them: who they are, where they are signed in; ending sessions and closing accounts."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from ... import audit
from ...accounts import queries, staffing
from ...accounts.access import Permission, Weighty
from ...clinics import queries as clinics
from ...clinics.policy import LONGEST_TEXT
from ...kernel import clock
from ..access import me, requires
from ..forms import Form, applied

bp = Blueprint("staff_people", __name__)

_LAST_PAGE = 10_000  # Nobody turns that many; a larger number would only make the database count.


class ReasonForm(Form):
    """Why the house does this to a person."""

    reason = TextAreaField("Why", validators=[InputRequired("Say why, for the record."), Length(max=LONGEST_TEXT)])


@bp.get("/staff/people")
@requires(Permission.PEOPLE_READ)
def people() -> ResponseReturnValue:
    """Find people by name or address."""
    text = request.args.get("q", "")[:200]
    page = min(max(1, request.args.get("page", 1, type=int)), _LAST_PAGE)
    return render_template(
        "staff/people.html",
        found=queries.found_people(text=text, page=page),
        text=text,
        page=page,
        page_address=lambda number: url_for("staff_people.people", q=text or None, page=number),
    )


@bp.get("/staff/people/<uuid:user_id>")
@requires(Permission.PEOPLE_READ)
def person(user_id: UUID) -> ResponseReturnValue:
    """Show one person, their sessions, clinics, and what was recorded about the account."""
    return _page(user_id, ReasonForm())


@bp.post("/staff/people/<uuid:user_id>/end-sessions")
@requires(Permission.PEOPLE_MANAGE, weighty=Weighty.OPEN_OR_CLOSE_ACCOUNT)
def end_sessions(user_id: UUID) -> ResponseReturnValue:
    """End all sessions of the person."""
    staffing.end_sessions_of(user_id=user_id, actor_id=me().id, at=clock.now())
    flash("The person is signed out everywhere.", "success")
    return redirect(url_for("staff_people.person", user_id=user_id), code=303)


@bp.post("/staff/people/<uuid:user_id>/disable")
@requires(Permission.PEOPLE_MANAGE, weighty=Weighty.OPEN_OR_CLOSE_ACCOUNT)
def disable(user_id: UUID) -> ResponseReturnValue:
    """Close the account to its person."""
    form = ReasonForm()
    if form.validate_on_submit():
        with applied(form):
            staffing.disable(user_id=user_id, actor_id=me().id, reason=form.reason.data or "", at=clock.now())
            flash("The account is closed to its person.", "success")
            return redirect(url_for("staff_people.person", user_id=user_id), code=303)
    return _page(user_id, form)


@bp.post("/staff/people/<uuid:user_id>/enable")
@requires(Permission.PEOPLE_MANAGE, weighty=Weighty.OPEN_OR_CLOSE_ACCOUNT)
def enable(user_id: UUID) -> ResponseReturnValue:
    """Open the account to its person again."""
    form = ReasonForm()
    if form.validate_on_submit():
        with applied(form):
            staffing.enable(user_id=user_id, actor_id=me().id, reason=form.reason.data or "", at=clock.now())
            flash("The account is open to its person again.", "success")
            return redirect(url_for("staff_people.person", user_id=user_id), code=303)
    return _page(user_id, form)


def _page(user_id: UUID, form: ReasonForm) -> ResponseReturnValue:
    events = audit.events_about("user", user_id)
    return render_template(
        "staff/person.html",
        person=queries.person(user_id),
        sessions=queries.sessions_of(user_id, at=clock.now()),
        memberships=clinics.memberships_of(user_id),
        events=events[::-1],
        actors=queries.people(event.actor_id for event in events if event.actor_id),
        form=form,
    ), form.http_status
