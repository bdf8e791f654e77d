"""Completed sales, as rows alone: for what only looks back at them. The guards of orders are out of the way for that."""

from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.orders.models import Order
from tests.factories.accounts import kept
from tests.factories.listings import make_listing
from tests.factories.orders import Scene, make_order


@contextmanager
def unguarded(*tables: str):
    """Write rows of the past that the database would not take today."""
    for table in tables:
        db.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    yield
    for table in tables:
        db.session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
    db.session.commit()


def make_sales(scene: Scene, model: Any, *prices: int, at: datetime | None = None, **values: Any) -> list[UUID]:
    """Keep a completed sale of a unit of the model for each price in dollars; return the listings."""
    at = at or clock.now()
    pattern = db.session.scalar(select(Order).where(Order.listing_id == scene.listing.id)) or make_order(
        "accepted", scene, at=clock.now()
    )
    columns = [column.key for column in Order.__mapper__.columns if column.key not in {"id", "number", "form_key"}]
    repeated = {name: getattr(pattern, name) for name in columns}
    sold = []
    for price in prices:
        listing = make_listing(
            state="sold", clinic=None, model=model, price_minor=price * 100, handpieces=["DIODE_HR"], **values
        )
        with unguarded("orders", "eligibility_decisions"):
            decision = _copy_of_decision(pattern.decision_id, listing.id)
            changed = {
                "listing_id": listing.id, "price_minor": price * 100, "decision_id": decision, "state": "settled",
                "accepted_at": at, "fee_minor": price * 6, "seller_clinic_id": listing.clinic_id, "fee_bps": 600, "fee_least_minor": 0,
                "report_id": None,
            }  # fmt: skip
            kept(Order(form_key=listing.form_key, **{**repeated, **changed}))
        sold.append(listing.id)
    return sold


def _copy_of_decision(decision_id: UUID, listing_id: UUID) -> UUID:
    names = db.session.scalars(
        text(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'eligibility_decisions'"
            " AND column_name NOT IN ('id', 'listing_id') ORDER BY ordinal_position"
        )
    ).all()
    listed = ", ".join(names)
    return db.session.scalar(
        text(
            f"INSERT INTO eligibility_decisions (id, listing_id, {listed}) SELECT gen_random_uuid(), :listing, {listed}"
            " FROM eligibility_decisions WHERE id = :id RETURNING id"
        ),
        {"listing": listing_id, "id": decision_id},
    )
