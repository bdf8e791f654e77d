"""Sellers as the house sees them: who asks to sell, what was looked at, and what was decided."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, TextAreaField
from wtforms.validators import InputRequired, Length

from ... import audit
from ...accounts import queries as accounts
from ...accounts.access import Permission, Weighty
from ...clinics import queries, service
from ...clinics.policy import LONGEST_TEXT
from ...clinics.states import SELLER, SellerBasis, SellerEvent, SellerStanding
from ...kernel import clock
from ..access import me, requires
from ..forms import Form, applied

bp = Blueprint("staff_clinics", __name__)

_WORDS = {
    SellerEvent.FIRST_APPROVED: "It may sell; a colleague looks a second time",
    SellerEvent.VERIFIED: "It may sell",
    SellerEvent.REFUSED: "It may not sell",
    SellerEvent.SUSPENDED: "It may not sell for now",
}


class DecisionForm(Form):
    """What is decided, on what evidence, and what the clinic is told."""

    standing = RadioField("Decision", validators=[InputRequired("Choose a decision.")])
    basis = RadioField(
        "The clinic holds devices as",
        choices={basis.value: basis.words for basis in SellerBasis},
        validators=[InputRequired("Choose the capacity that the evidence shows.")],
    )
    evidence = TextAreaField(
        "Evidence",
        validators=[InputRequired("Write what you looked at, and where."), Length(max=LONGEST_TEXT)],
    )
    reason = TextAreaField("What the clinic is told", validators=[Length(max=LONGEST_TEXT)])


@bp.get("/staff/clinics")
@requires(Permission.REVIEW_READ)
def clinics() -> ResponseReturnValue:
    """List the clinics of one standing; those that ask to sell first of all."""
    standing = request.args.get("standing", SellerStanding.IN_REVIEW, type=SellerStanding)
    return render_template(
        "staff/clinics.html",
        standing=standing,
        standings=list(SellerStanding),
        found=queries.sellers(standing),
    )


@bp.get("/staff/clinics/<uuid:clinic_id>")
@requires(Permission.REVIEW_READ)
def clinic(clinic_id: UUID) -> ResponseReturnValue:
    """Show what a clinic says of itself, and what was decided about it."""
    facts = queries.clinic(clinic_id)
    return _page(facts, _form(facts))


@bp.post("/staff/clinics/<uuid:clinic_id>/decide")
@requires(Permission.SELLER_REVIEW, weighty=Weighty.DECIDE_SELLER)
def decide(clinic_id: UUID) -> ResponseReturnValue:
    """Decide whether the clinic may sell."""
    facts = queries.clinic(clinic_id)
    form = _form(facts)
    if form.validate_on_submit():
        standing = SellerStanding(form.standing.data)
        with applied(form):
            service.decide_seller_standing(
                clinic_id=clinic_id,
                actor_id=me().id,
                standing=standing,
                basis=SellerBasis(form.basis.data),
                evidence=form.evidence.data or "",
                reason=form.reason.data or "",
                at=clock.now(),
            )
            flash(f"Decided: {facts.name} {standing.words}.", "success")
            return redirect(url_for("staff_clinics.clinics"), code=303)
    return _page(facts, form)


def _form(facts: queries.ClinicFacts) -> DecisionForm:
    """Return the form with the decisions that the clinic's standing allows."""
    form = DecisionForm(data={"basis": facts.seller_basis})
    form.standing.choices = {
        SELLER.after(facts.seller_standing, event).value: _WORDS[event]
        for event in SELLER.events_from(facts.seller_standing)
        # Of two people who let it sell the second is another one.
        if event in _WORDS and not (event is SellerEvent.VERIFIED and facts.seller_first_checked_by == me().id)
    }
    return form


def _page(facts: queries.ClinicFacts, form: DecisionForm) -> ResponseReturnValue:
    events = audit.events_about("clinic", facts.id)
    return render_template(
        "staff/clinic.html",
        clinic=facts,
        form=form,
        sites=queries.sites_of(facts.id),
        members=queries.members_of(facts.id),
        is_own=queries.ever_member(user_id=me().id, clinic_id=facts.id),
        events=events[::-1],
        actors=accounts.people(event.actor_id for event in events if event.actor_id),
    ), form.http_status
