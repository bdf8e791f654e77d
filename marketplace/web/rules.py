"""The published rules for everybody to read: who may operate what, state by state, and where it is written."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from ..eligibility import service as eligibility
from ..kernel.errors import NotFound
from ..kernel.terms import STATES, ProcedureClass
from . import rule_words
from .access import public

bp = Blueprint("rules", __name__)


@bp.get("/rules")
@public
def index() -> ResponseReturnValue:
    """List the places, with what somebody can be cleared for in each."""
    published = eligibility.published_policy()
    procedure = request.args.get("procedure", type=ProcedureClass)
    return render_template(
        "rules/index.html",
        published=published,
        places=rule_words.places(published.policy, procedure),
        procedure=procedure,
        procedures=list(ProcedureClass),
    )


@bp.get("/rules/<state>")
@public
def place(state: str) -> ResponseReturnValue:
    """Show the rules of one place."""
    if state not in STATES:
        raise NotFound("There is no such state.", cure="Choose one from the list of rules.")
    published = eligibility.published_policy()
    return render_template(
        "rules/place.html",
        published=published,
        code=state,
        name=STATES[state],
        chapters=rule_words.chapters(published.policy, state),
    )
