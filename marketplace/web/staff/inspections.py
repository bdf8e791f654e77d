"""Inspections as staff see them: who waits for an inspector, and who looks at devices for others."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...inspections import queries, service
from ...inspections.states import INSPECTION, InspectionEvent
from ...kernel import clock
from ..access import me, requires
from ..forms import Form, applied
from ..inspections import KINDS, STATE_WORDS
from ..options import options

bp = Blueprint("staff_inspections", __name__)


class AssignForm(Form):
    """Who is sent."""

    inspector = SelectField("Inspector", validators=[InputRequired("Choose who is sent.")])


class CloseForm(Form):
    """Why nobody is sent."""

    because = StringField("Why", validators=[InputRequired("Say why: both sides read it."), Length(max=1000)])


class AppointForm(Form):
    """Somebody who looks at devices for others."""

    email = StringField("Address of their account", validators=[InputRequired("Write their address."), Length(max=200)])
    firm = StringField("For whom they work", validators=[InputRequired("Say for whom they work."), Length(max=200)])
    skills = StringField(
        "What they know, and how you found that out", validators=[InputRequired("Say what they know."), Length(max=500)]
    )


@bp.get("/staff/inspections")
@requires(Permission.REVIEW_READ)
def inspections() -> ResponseReturnValue:
    """Show what waits, the oldest first, and who inspects."""
    return _page()


@bp.post("/staff/inspections/<uuid:inspection_id>/assign")
@requires(Permission.INSPECTION_HANDLE)
def assign(inspection_id: UUID) -> ResponseReturnValue:
    """Send an inspector."""
    form = AssignForm()
    form.inspector.choices = options((str(one.user_id), f"{one.name}, {one.firm}") for one in queries.inspectors())
    if form.validate_on_submit():
        service.assign(
            inspection_id=inspection_id, inspector_id=UUID(form.inspector.data), actor_id=me().id, at=clock.now()
        )
        flash("The inspector was told, and both sides.", "success")
        return redirect(url_for(".inspections"), code=303)
    return _page(assigning=form)


@bp.post("/staff/inspections/<uuid:inspection_id>/close")
@requires(Permission.INSPECTION_HANDLE)
def close(inspection_id: UUID) -> ResponseReturnValue:
    """End an inspection; both sides read why."""
    form = CloseForm()
    if form.validate_on_submit():
        service.close(inspection_id=inspection_id, actor_id=me().id, because=form.because.data or "", at=clock.now())
        flash("It is closed. Both sides read why.", "success")
        return redirect(url_for(".inspections"), code=303)
    return _page(closing=form)


@bp.post("/staff/inspectors")
@requires(Permission.INSPECTION_HANDLE)
def appoint() -> ResponseReturnValue:
    """Let somebody look at devices for others."""
    form = AppointForm()
    if form.validate_on_submit():
        with applied(form):
            service.appoint(
                email=form.email.data or "", firm=form.firm.data or "", skills=form.skills.data or "",
                actor_id=me().id, at=clock.now(),
            )  # fmt: skip
            flash("They are an inspector now.", "success")
            return redirect(url_for(".inspections"), code=303)
    return _page(appointing=form)


@bp.post("/staff/inspectors/<uuid:user_id>/dismiss")
@requires(Permission.INSPECTION_HANDLE)
def dismiss(user_id: UUID) -> ResponseReturnValue:
    """Let somebody inspect no more."""
    service.dismiss(inspector_id=user_id, actor_id=me().id, at=clock.now())
    flash("They inspect no more. What they signed stays.", "success")
    return redirect(url_for(".inspections"), code=303)


def _page(
    *, assigning: AssignForm | None = None, closing: CloseForm | None = None, appointing: AppointForm | None = None
) -> ResponseReturnValue:
    page = render_template(
        "staff/inspections.html",
        live=queries.live(),
        inspectors=queries.inspectors(),
        kinds=KINDS,
        words=STATE_WORDS,
        may_assign=lambda state: INSPECTION.allows(state, InspectionEvent.ASSIGNED),
        may_change=me().may(Permission.INSPECTION_HANDLE),
        wrong=[form for form in (assigning, closing) if form],
        appointment=appointing or AppointForm(formdata=None),
    )
    return page, 422 if assigning or closing or appointing else 200
