"""The published rules for everybody to read: who may operate what, state by state, and where it is written."""

from collections import Counter
from datetime import datetime

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ..accounts.access import Permission
from ..eligibility import publishing
from ..eligibility import vectors as public_vectors
from ..eligibility.blocked import FEWEST, Blocked, blocked
from ..eligibility.publishing import NoPolicy
from ..kernel import clock
from ..kernel.errors import NotFound
from ..kernel.terms import STATES, ProcedureClass
from . import rule_words, state_map
from .access import me, public

bp = Blueprint("rules", __name__)


def none_in_force(_refusal: NoPolicy) -> ResponseReturnValue:
    """Say to whoever reads that there is nothing to read: it is nobody's fault that they could mend."""
    return render_template("rules/none.html", drafts=current_user.is_authenticated and me().may(Permission.POLICY_READ))


bp.register_error_handler(NoPolicy, none_in_force)


@bp.get("/rules")
@public
def index() -> ResponseReturnValue:
    """List the places, with what somebody can be cleared for in each."""
    published = publishing.published_policy()
    procedure = request.args.get("procedure", type=ProcedureClass)
    return render_template(
        "rules/index.html",
        published=published,
        places=rule_words.places(published.policy, procedure),
        tiles=state_map.tiles(published.policy, procedure),
        shades=state_map.SHADES,
        procedure=procedure,
        procedures=list(ProcedureClass),
    )


@bp.get("/rules/vectors")
@public
def vectors() -> ResponseReturnValue:
    """Show the situations of one place, with the answer that the gate owes to each."""
    kept = public_vectors.vectors()
    state = request.args.get("state")
    return render_template(
        "rules/vectors.html",
        kept=kept,
        numbers=Counter(scenario.place for scenario in kept.scenarios),
        state=state if state in STATES else None,
        scenarios=[scenario for scenario in kept.scenarios if scenario.place == state],
        states=STATES,
    )


@bp.get("/rules/missing")
@public
def missing() -> ResponseReturnValue:
    """Show for lack of which paper people were turned away, place by place: for schools, and for who sells there."""
    at = clock.now()
    hour = at.replace(minute=0, second=0, microsecond=0)
    # A year of answers is read once an hour, whoever asks and how often.
    kept: dict[datetime, list[Blocked]] = current_app.extensions.setdefault("second_light_missing", {})
    found = kept.get(hour)
    if found is None:
        found = blocked(at=at)
        kept.clear()
        kept[hour] = found
    return render_template("rules/missing.html", blocked=found, states=STATES, fewest=FEWEST)


@bp.get("/rules/vectors.json")
@public
def vectors_file() -> ResponseReturnValue:
    """Give out the file itself, for whoever runs it against a gate of their own."""
    return saved(public_vectors.VECTORS_FILE.read_text(encoding="utf-8"), "application/json", "gate-vectors.json")


@bp.get("/rules/vectors.csv")
@public
def vectors_table() -> ResponseReturnValue:
    """Give out the situations as a table for a spreadsheet."""
    return saved(public_vectors.as_csv(public_vectors.vectors()), "text/csv; charset=utf-8", "gate-vectors.csv")


def saved(content: str, media_type: str, name: str) -> Response:
    """Return a file that is to be saved under a name."""
    answer = Response(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@bp.get("/rules/<state>")
@public
def place(state: str) -> ResponseReturnValue:
    """Show the rules of one place."""
    if state not in STATES:
        raise NotFound("There is no such state.", cure="Choose one from the list of rules.")
    published = publishing.published_policy()
    return render_template(
        "rules/place.html",
        published=published,
        code=state,
        name=STATES[state],
        chapters=rule_words.chapters(published.policy, state),
    )
