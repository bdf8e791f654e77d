"""Where no rule speaks: the questions that wait for two members of staff, and what they decide."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import cast
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts import queries as accounts
from ...accounts.access import Permission, Weighty
from ...clinics import queries as clinics
from ...eligibility import reviews
from ...eligibility.states import REVIEW, ReviewEvent
from ...eligibility.verdict import Evidence
from ...kernel import clock
from ...kernel.terms import STATES
from ...listings import queries as listings
from .. import gate
from ..access import me, requires
from ..forms import Form, applied

bp = Blueprint("staff_rule_reviews", __name__, url_prefix="/staff/rule-reviews")


class ProposalForm(Form):
    """What was found, and for which days it would hold."""

    licence = SelectField("It rests on", validators=[InputRequired("Choose the licence.")])
    grounds = TextAreaField("Why it is lawful there", validators=[InputRequired("Say why it is lawful there.")])
    ref = StringField("The text that says so", validators=[InputRequired("Name the text."), Length(max=500)])
    url = StringField("Its address", validators=[Length(max=500)])
    text_version = StringField(
        "Version that was read", validators=[InputRequired("Say which version was read."), Length(max=500)]
    )
    evidence = SelectField("Known from", choices={level.value: gate.EVIDENCE_WORDS[level] for level in Evidence})
    valid_from = DateField("First day", validators=[InputRequired("Give the first day.")])
    valid_to = DateField("Last day", validators=[InputRequired("Give the last day.")])


class WordsForm(Form):
    """What the asker, or a colleague, is told."""

    words = TextAreaField("Why", validators=[InputRequired("Say why."), Length(max=reviews.LONGEST_TEXT)])


@bp.get("")
@requires(Permission.POLICY_READ)
def queue() -> ResponseReturnValue:
    """List what waits, and what was decided."""
    waiting, decided = reviews.queue(waiting=True), reviews.queue(waiting=False)
    return render_template(
        "staff/rule_reviews.html",
        waiting=waiting,
        decided=decided,
        states=STATES,
        people=accounts.people({found.operator_id for found in (*waiting, *decided)}),
    )


@bp.get("/<uuid:review_id>")
@requires(Permission.POLICY_READ)
def one(review_id: UUID) -> ResponseReturnValue:
    """Show one question with everything that a decision needs."""
    return _page(review_id, _proposal_form(review_id))


@bp.post("/<uuid:review_id>/propose")
@requires(Permission.RULE_REVIEW)
def propose(review_id: UUID) -> ResponseReturnValue:
    """Put forward that the physician may have this unit."""
    form = _proposal_form(review_id)
    if form.validate_on_submit():
        with applied(form):
            proposal = reviews.Proposal(
                licence_id=UUID(form.licence.data),
                grounds=form.grounds.data or "",
                ref=form.ref.data or "",
                url=form.url.data or "",
                text_version=form.text_version.data or "",
                evidence=Evidence(form.evidence.data),
                valid_from=cast("date", form.valid_from.data),
                valid_to=cast("date", form.valid_to.data),
            )
            reviews.propose(review_id=review_id, actor_id=me().id, proposal=proposal, at=clock.now())
            return _done(review_id, "Proposed. A colleague decides.")
    return _page(review_id, form)


@bp.post("/<uuid:review_id>/approve")
@requires(Permission.RULE_REVIEW, weighty=Weighty.GRANT_ONE_OFF)
def approve(review_id: UUID) -> ResponseReturnValue:
    """Decide yes, as the second person."""
    read = request.form.get("read", -1, type=int)
    reviews.approve(review_id=review_id, actor_id=me().id, at=clock.now(), read=read)
    return _done(review_id, "Approved, for this purchase only.")


@bp.post("/<uuid:review_id>/<any(send_back, refuse, end):act>")
@requires(Permission.RULE_REVIEW)
def answer(review_id: UUID, act: str) -> ResponseReturnValue:
    """Send a proposal back, refuse a question, or end a decision early: each with its reason."""
    form = WordsForm(prefix=act)
    if form.validate_on_submit():
        with applied(form):
            words, at = form.words.data or "", clock.now()
            if act == "send_back":
                reviews.send_back(review_id=review_id, actor_id=me().id, words=words, at=at)
            elif act == "refuse":
                reviews.refuse(review_id=review_id, actor_id=me().id, reason=words, at=at)
            else:
                reviews.end(review_id=review_id, actor_id=me().id, reason=words, at=at)
            return _done(review_id, _DONE[act])
    return _page(review_id, _proposal_form(review_id, sent=False), {act: form})


_DONE = {"send_back": "Sent back.", "refuse": "Refused.", "end": "Ended: the gate says no again."}


def _done(review_id: UUID, words: str) -> ResponseReturnValue:
    flash(words, "success")
    return redirect(url_for("staff_rule_reviews.one", review_id=review_id), code=303)


def _proposal_form(review_id: UUID, *, sent: bool = True) -> ProposalForm:
    licences = reviews.licences_for(reviews.review(review_id), at=clock.now())
    form = ProposalForm() if sent else ProposalForm(formdata=None)
    form.licence.choices = {
        str(row.id): f"{row.type_code}, {row.jurisdiction}, {f'to {row.expires_on}' if row.expires_on else 'no end'}"
        for row in licences
    }
    return form


def _page(
    review_id: UUID, form: ProposalForm, sent: Mapping[str, WordsForm] = MappingProxyType({})
) -> ResponseReturnValue:
    found = reviews.review(review_id)
    site = clinics.site_of_record(found.site_id)
    may = frozenset(REVIEW.events_from(found.state)) if me().may(Permission.RULE_REVIEW) else frozenset()
    return render_template(
        "staff/rule_review.html",
        review=found,
        device=listings.listing(found.listing_id),
        site=site,
        place=STATES[found.place],
        people=accounts.people({found.asked_by, found.operator_id, *(move.actor_id for move in found.moves)}),
        form=form,
        words={act: sent.get(act) or WordsForm(formdata=None, prefix=act) for act in _DONE},
        may=may,
        Event=ReviewEvent,
        proposer=found.proposed_by == me().id,
    ), max(each.http_status for each in (form, *sent.values()))
