"""Whether the house stands: for load balancers and for whoever starts it."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from .. import database
from ..extensions import db
from .access import public

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def alive() -> ResponseReturnValue:
    """Answer that the process serves; asks nothing of anybody."""
    return {"status": "alive"}


@bp.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    """Answer whether the database is there and has the schema that the code expects."""
    current = database.is_current(db.session.connection())
    return ({"status": "ready"}, 200) if current else ({"status": "schema is not current"}, 503)
