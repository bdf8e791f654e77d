"""What monitoring found: orders on hold, evidence that is due, and what each round came to."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ...accounts.access import Permission
from ...eligibility.ageing import evidence_due
from ...kernel import clock
from ...orders import service, watching
from .. import order_words
from ..access import me, requires

bp = Blueprint("staff_monitoring", __name__)


@bp.get("/staff/monitoring")
@requires(Permission.REVIEW_READ)
def found() -> ResponseReturnValue:
    """Show what was found, and what is due."""
    return render_template(
        "staff/monitoring.html",
        watches=watching.last_watches(),
        on_hold=watching.on_hold(),
        due=evidence_due(at=clock.now()),
        state_of=order_words.state_of,
    )


@bp.post("/staff/monitoring/watch")
@requires(Permission.CREDENTIAL_REVIEW)
def watch() -> ResponseReturnValue:
    """Have every order under way looked at now."""
    service.ask_for_a_watch(actor_id=me().id, at=clock.now())
    flash("Every order under way is being looked at. The result appears here.", "success")
    return redirect(url_for(".found"), code=303)
