"""The shipped rules as published, and a list of excluded persons: what the gate cannot answer without."""

from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, literal, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.eligibility import publishing
from marketplace.eligibility.models import PolicyStanding, PolicyState, PolicyVersion
from marketplace.eligibility.rulebook import reference_document
from marketplace.extensions import db
from tests.factories.accounts import kept, make_staff
from tests.factories.registers import make_exclusions

RULES = UUID(int=70)  # Always the same document, so that it is read once for a whole run.


def lay_out_document() -> None:
    """
    Lay the document beside the tables of this worker's database, from where its tests copy it.

    To take so long a document apart and to pack it again cost each scene more than all its other rows together.
    """
    laid = text("INSERT INTO shelf.rules VALUES (:document)").bindparams(bindparam("document", type_=JSONB))
    with db.engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA shelf"))
        connection.execute(text("CREATE TABLE shelf.rules (document jsonb)"))
        connection.execute(laid, {"document": reference_document()})


@cache
def _digest() -> str:
    return publishing.digest_of(reference_document())


def publish_rules(at: datetime) -> None:
    """Keep the shipped rules as published, and a list of excluded persons that names nobody, unless some are."""
    if db.session.scalar(select(PolicyVersion.id).where(PolicyVersion.state == PolicyState.PUBLISHED)):
        return
    values = {
        "id": RULES,
        "number": 1,
        "state": PolicyState.PUBLISHED,
        "standing": PolicyStanding.REFERENCE,
        "digest": _digest(),
        "proposed_by": make_staff().id,
        "proposed_at": at,
        "published_by": make_staff().id,
        "published_at": at,
    }
    if isinstance(db.engine, Connection):  # A test inside this worker's own database.
        columns = PolicyVersion.__table__.columns
        copied = select(
            *(literal(value, columns[name].type) for name, value in values.items()), literal_column("document")
        ).select_from(text("shelf.rules"))
        db.session.execute(insert(PolicyVersion).from_select([*values, "document"], copied))
    else:
        kept(PolicyVersion(document=reference_document(), **values))
    make_exclusions()
