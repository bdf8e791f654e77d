"""Recalls as staff see them: what may concern a model here, and what is made of it."""

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts import queries as accounts
from ...accounts.access import Permission, Weighty
from ...kernel import clock
from ...recalls import queries, service
from ...recalls.queries import RecallFacts
from ...recalls.states import MatchEvent, MatchState
from ...registers import queries as registers
from ...registers.sources import ENFORCEMENT, RECALLS
from ..access import me, requires
from ..forms import Form, applied
from ..options import options
from .recall_forms import CorrectForm, EndForm, NarrowForm

bp = Blueprint("staff_recalls", __name__)

STATES = {
    MatchState.CANDIDATE: ("not_yet", "to judge"),
    MatchState.CONFIRMED: ("wrong", "open"),
    MatchState.CLOSED: ("quiet", "over"),
    MatchState.REJECTED: ("quiet", "not this model"),
}
EVENTS = {
    MatchEvent.CONFIRMED: "It concerns this model, and is open: close the gate for it",
    MatchEvent.CLOSED: "It concerned this model, and is over",
    MatchEvent.REJECTED: "It does not concern this model",
}


class JudgeForm(Form):
    """What a recall is to a model."""

    event = RadioField("What it is to this model", validators=[InputRequired("Say what it is.")])
    reason = TextAreaField(
        "Why", validators=[InputRequired("Say why, for the record."), Length(max=service.LONGEST_REASON)]
    )

    @classmethod
    def for_(cls, found: RecallFacts) -> "JudgeForm":
        """Return the form with what can be said now."""
        form = cls()
        form.event.choices = options([(event.value, EVENTS[event]) for event in found.events])
        return form


@bp.get("/staff/recalls")
@requires(Permission.REVIEW_READ)
def recalls() -> ResponseReturnValue:
    """List recalls beside the models that they may concern."""
    asked = request.args.get("state", "")
    state = MatchState(asked) if asked in list(MatchState) else MatchState.CANDIDATE
    return render_template(
        "staff/recalls/index.html",
        found=queries.in_state(state),
        state=state,
        states=STATES,
        counts=queries.counts(),
        files=registers.current([RECALLS, ENFORCEMENT]),
        at=clock.now(),
    )


@bp.get("/staff/recalls/<uuid:match_id>")
@requires(Permission.REVIEW_READ)
def recall(match_id: UUID) -> ResponseReturnValue:
    """Show one recall beside one model."""
    return page(match_id)


@bp.post("/staff/recalls/<uuid:match_id>")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def judge(match_id: UUID) -> ResponseReturnValue:
    """Keep what it is to the model."""
    form = JudgeForm.for_(queries.one(match_id))
    if form.validate_on_submit():
        with applied(form):
            service.judge(
                match_id=match_id,
                event=MatchEvent(form.event.data),
                actor_id=me().id,
                reason=form.reason.data or "",
                at=clock.now(),
            )
            flash("Your judgement is on record.", "success")
            return redirect(url_for("staff_recalls.recall", match_id=match_id), code=303)
    return page(match_id, form)


def page(
    match_id: UUID,
    form: JudgeForm | None = None,
    *,
    narrow: Form | None = None,
    correct: Form | None = None,
    ending: Mapping[UUID, Form] | None = None,
) -> ResponseReturnValue:
    """Show a recall beside a model, with any form that was sent and is shown again."""
    found, releases = queries.one(match_id), queries.releases_of(match_id)
    again = [one for one in (form, narrow, correct, *(ending or {}).values()) if one is not None]
    shown = form or JudgeForm.for_(found)
    judge_id, near = found.judged_by, queries.is_near(match_id, person_id=me().id)
    return render_template(
        "staff/recalls/one.html",
        recall=found,
        chip=STATES[found.state],
        form=shown,
        judged_by=accounts.people([judge_id])[judge_id].name if judge_id else None,
        past=queries.judgements_of(match_id),
        words=EVENTS | {MatchEvent.SAYS_MORE: "A newer file says more"},
        reviews=me().may(Permission.CREDENTIAL_REVIEW) and not near,
        near=near,
        releases=releases,
        narrow=narrow or NarrowForm(prefix="narrow"),
        correct=correct or CorrectForm(prefix="correct"),
        ending={one.id: EndForm(prefix=f"end-{one.id}") for one in releases if not one.ended_at} | dict(ending or {}),
    ), max((one.http_status for one in again), default=200)
