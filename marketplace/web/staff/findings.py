"""What the newest registers say against people here, listed and judged."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission, Weighty
from ...credentials import service as credentials
from ...credentials import watch
from ...credentials.findings import FindingEvent, FindingState
from ...credentials.policy import LONGEST_WORDS
from ...kernel import clock
from ..access import me, requires
from ..forms import Form, applied
from ..options import options

bp = Blueprint("staff_findings", __name__)

FINDINGS = {
    FindingState.OPEN: ("not_yet", "open"),
    FindingState.DISMISSED: ("quiet", "dismissed"),
    FindingState.CONFIRMED: ("wrong", "confirmed"),
}


class ResolveForm(Form):
    """What a finding is worth."""

    event = RadioField(
        "What it is worth",
        choices=options(
            (
                (FindingEvent.DISMISSED.value, "Nothing: it is somebody else, or of no weight"),
                (FindingEvent.CONFIRMED.value, "It is so"),
            )
        ),
        validators=[InputRequired("Say what it is worth.")],
    )
    reason = TextAreaField("Why", validators=[InputRequired("Say why, for the record."), Length(max=LONGEST_WORDS)])


@bp.get("/staff/registers/findings")
@requires(Permission.REVIEW_READ)
def findings() -> ResponseReturnValue:
    """List what the registers say against people here."""
    asked = request.args.get("state", "")
    state = FindingState(asked) if asked in list(FindingState) else FindingState.OPEN
    return render_template(
        "staff/registers/findings.html", found=watch.findings(state), state=state, states=FINDINGS, at=clock.now()
    )


@bp.get("/staff/registers/findings/<uuid:finding_id>")
@requires(Permission.REVIEW_READ)
def finding(finding_id: UUID) -> ResponseReturnValue:
    """Show one finding beside whom it is about."""
    return _finding_page(finding_id, ResolveForm())


@bp.post("/staff/registers/findings/<uuid:finding_id>")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def resolve(finding_id: UUID) -> ResponseReturnValue:
    """Judge a finding."""
    form = ResolveForm()
    if form.validate_on_submit():
        with applied(form):
            credentials.resolve_finding(
                finding_id=finding_id,
                event=FindingEvent(form.event.data),
                actor_id=me().id,
                reason=form.reason.data or "",
                at=clock.now(),
            )
            flash("Your judgement is on record.", "success")
            return redirect(url_for("staff_findings.findings"), code=303)
    return _finding_page(finding_id, form)


def _finding_page(finding_id: UUID, form: ResolveForm) -> ResponseReturnValue:
    found = watch.finding(finding_id)
    return render_template(
        "staff/registers/finding.html",
        finding=found,
        form=form,
        chip=FINDINGS[found.state],
        reviews=me().may(Permission.CREDENTIAL_REVIEW),
    ), form.http_status
