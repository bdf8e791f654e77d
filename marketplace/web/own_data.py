"""What is held about whoever asks: shown to them, handed over, and let go of as far as it can be."""

import json

from flask import Blueprint, Response, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue

from ..accounts.access import Permission, Weighty
from ..extensions import limiter
from ..kernel import clock
from ..privacy import held, leaving, service
from .access import by_person, me, requires
from .forms import Form, applied

bp = Blueprint("own_data", __name__)


@bp.get("/account/data")
@requires(Permission.ACCOUNT_READ)
def page() -> ResponseReturnValue:
    """Show what is held about the person, why and how long, and offer it to be taken along."""
    return render_template(
        "account/data.html",
        overview=held.overview(me().id),
        not_here=held.NOT_HERE,
        form=Form(),
    )


@bp.post("/account/data/json")
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.TAKE_DATA)
@limiter.limit("10 per hour", key_func=by_person)
def as_json() -> ResponseReturnValue:
    """Hand everything over as one JSON document."""
    values = service.take(user_id=me().id, at=clock.now())
    return _kept(json.dumps(values, indent=1, default=str).encode(), "application/json", "second-light-my-data.json")


@bp.post("/account/data/csv")
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.TAKE_DATA)
@limiter.limit("10 per hour", key_func=by_person)
def as_tables() -> ResponseReturnValue:
    """Hand everything over as tables for a spreadsheet, in one file."""
    packed = held.packed(service.take(user_id=me().id, at=clock.now()))
    return _kept(packed, "application/zip", "second-light-my-data.zip")


@bp.route("/account/close", methods=["GET", "POST"])
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.CLOSE_ACCOUNT)
def close() -> ResponseReturnValue:
    """Say what goes and what stays, or what stands in the way; close the account when the button is pressed."""
    form = Form()
    if form.validate_on_submit():
        with applied(form):
            leaving.leave(user_id=me().id, at=clock.now())
            session.clear()
            flash("Your account is closed. We have written to you how it is opened again.", "success")
            return redirect(url_for("browse.home"), code=303)
    page = render_template("account/close.html", obstacles=leaving.obstacles(me().id), form=form)
    return page, form.http_status


def _kept(content: bytes, media_type: str, name: str) -> Response:
    answer = Response(content, mimetype=media_type)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer
