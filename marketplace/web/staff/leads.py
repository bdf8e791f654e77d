"""What people want arranged, as moderators see it: who waits, whom to propose, and what was handed on."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...kernel import clock
from ...leads import queries, service
from ...leads.states import LEAD, LeadEvent
from ..access import me, requires
from ..forms import Form, applied
from ..leads import KIND_WORDS, STATE_WORDS

bp = Blueprint("staff_leads", __name__)


class ProposeForm(Form):
    """Somebody outside of the house, and what they do."""

    partner = StringField("Partner", validators=[InputRequired("Name the partner."), Length(max=200)])
    partner_email = StringField(
        "Their e-mail address", validators=[InputRequired("Write their e-mail address."), Length(max=200)]
    )
    words = TextAreaField(
        "Who they are and what they do", validators=[InputRequired("Say what they do."), Length(max=1000)]
    )


class CloseForm(Form):
    """Why a request is closed."""

    because = StringField("Why", validators=[InputRequired("Say why: its person reads it."), Length(max=1000)])


@bp.get("/staff/arrangements")
@requires(Permission.REVIEW_READ)
def leads() -> ResponseReturnValue:
    """Show what waits, the oldest first, then what partners have."""
    return _page()


@bp.post("/staff/arrangements/<uuid:lead_id>/propose")
@requires(Permission.LEAD_HANDLE)
def propose(lead_id: UUID) -> ResponseReturnValue:
    """Propose a partner; the person is asked by mail."""
    form = ProposeForm()
    if form.validate_on_submit():
        with applied(form):
            service.propose(
                lead_id=lead_id,
                actor_id=me().id,
                partner=form.partner.data or "",
                partner_email=form.partner_email.data or "",
                words=form.words.data or "",
                at=clock.now(),
            )
            flash("They have been asked. Nothing is handed on before they agree.", "success")
            return redirect(url_for(".leads"), code=303)
    return _page(propose=form)


@bp.post("/staff/arrangements/<uuid:lead_id>/close")
@requires(Permission.LEAD_HANDLE)
def close(lead_id: UUID) -> ResponseReturnValue:
    """Close a request; its person reads why."""
    form = CloseForm()
    if form.validate_on_submit():
        service.close(lead_id=lead_id, actor_id=me().id, because=form.because.data or "", at=clock.now())
        flash("It is closed. Its person reads why.", "success")
        return redirect(url_for(".leads"), code=303)
    return _page(close=form)


def _page(*, propose: ProposeForm | None = None, close: CloseForm | None = None) -> ResponseReturnValue:
    page = render_template(
        "staff/leads.html",
        waiting=queries.waiting(),
        handed_on=queries.handed_on(),
        proposal=propose or ProposeForm(formdata=None),
        closing=close or CloseForm(formdata=None),
        kinds=KIND_WORDS,
        words=STATE_WORDS,
        may_change=me().may(Permission.LEAD_HANDLE),
        may_propose=[state for state in STATE_WORDS if LEAD.allows(state, LeadEvent.PROPOSED)],
    )
    return page, 422 if propose or close else 200
