"""The policy in force as staff read it: its standing, its signatures, and every rule, also those that open nothing."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from ...accounts import queries as accounts
from ...accounts.access import Permission
from ...eligibility import publishing
from ...kernel.terms import STATES
from .. import rule_words
from ..access import requires

bp = Blueprint("staff_policy", __name__)


@bp.get("/staff/policy")
@requires(Permission.POLICY_READ)
def policy() -> ResponseReturnValue:
    """Show the published version, or one place of it."""
    published = publishing.in_force()
    versions = publishing.versions()
    state = request.args.get("state")
    document = published.policy.document if published else None
    return render_template(
        "staff/policy.html",
        published=published,
        document=document,
        versions=versions,
        people=accounts.people(
            person for version in versions for person in (version.proposed_by, version.published_by) if person
        ),
        states=STATES,
        state=state if state in STATES else None,
        rules=rule_words.rules_of(published.policy, state or "") if published else [],
        note=document.notes.get(state or "") if document else None,
    )
