"""What is held about whoever asks: shown to them, and handed over."""

import json

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from ..accounts.access import Permission, Weighty
from ..extensions import limiter
from ..kernel import clock
from ..privacy import held, service
from .access import by_person, me, requires
from .forms import Form

bp = Blueprint("own_data", __name__, url_prefix="/account/data")


@bp.get("")
@requires(Permission.ACCOUNT_READ)
def page() -> ResponseReturnValue:
    """Show what is held about the person, why and how long, and offer it to be taken along."""
    return render_template(
        "account/data.html",
        overview=held.overview(me().id),
        not_here=held.NOT_HERE,
        form=Form(),
    )


@bp.post("/json")
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.TAKE_DATA)
@limiter.limit("10 per hour", key_func=by_person)
def as_json() -> ResponseReturnValue:
    """Hand everything over as one JSON document."""
    values = service.take(user_id=me().id, at=clock.now())
    return _kept(json.dumps(values, indent=1, default=str).encode(), "application/json", "second-light-my-data.json")


@bp.post("/csv")
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.TAKE_DATA)
@limiter.limit("10 per hour", key_func=by_person)
def as_tables() -> ResponseReturnValue:
    """Hand everything over as tables for a spreadsheet, in one file."""
    packed = held.packed(service.take(user_id=me().id, at=clock.now()))
    return _kept(packed, "application/zip", "second-light-my-data.zip")


def _kept(content: bytes, media_type: str, name: str) -> Response:
    answer = Response(content, mimetype=media_type)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer
