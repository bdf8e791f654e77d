"""After a decision the next case is there: taken, open, with its documents."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from ...credentials import service
from ...credentials.states import CredentialState
from ...kernel import clock
from ..access import me


def to_next_case(told: str) -> ResponseReturnValue:
    """Say what was done, and go on to the next case; to the queue where nothing waits."""
    found = service.take_next(actor_id=me().id, at=clock.now())
    if found is None:
        flash(f"{told} Nothing else waits for you.", "success")
        return redirect(url_for("staff_credentials.queue"), code=303)
    flash(f"{told} This is the next case.", "success")
    return redirect(url_for("staff_credentials.case", credential_id=found), code=303)


def after_yes(state: CredentialState) -> ResponseReturnValue:
    """Say what a yes came to, and go on to the next case."""
    told = {
        CredentialState.VERIFIED: "Verified. The person has been told.",
        CredentialState.AWAITING_SECOND: "Your yes is on record. It waits for a second verifier.",
    }
    return to_next_case(told[state])
