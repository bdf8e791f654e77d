"""What rests on a credential, a person, a site or a seller: orders under way, and devices that have already left."""

from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from ...accounts.access import Permission
from ...orders import reach as orders
from ...orders.reach import Kind
from .. import order_words
from ..access import requires

bp = Blueprint("staff_reach", __name__)


@bp.get("/staff/reach/<kind>/<uuid:reference>")
@requires(Permission.REVIEW_READ)
def reach(kind: str, reference: UUID) -> ResponseReturnValue:
    """List the orders that would be held, or are, and the devices already transferred."""
    if kind not in {one.value for one in Kind}:
        raise NotFound
    name, ground = orders.ground_at(Kind(kind), reference)
    return render_template(
        "staff/reach.html",
        name=name,
        reach=orders.reach_of(ground),
        state_of=order_words.state_of,
        states=order_words.STATES,
    )
