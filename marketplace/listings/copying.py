"""A draft like a listing there is: what is true of every such unit is taken over, what is true of one alone is not."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from ..catalog import queries as catalog
from ..extensions import db, unit_of_work
from .derived import derive
from .models import Handpiece, Listing
from .record import note, of_seller

_OF_EVERY_SUCH_UNIT = (
    "clinic_id", "model_id", "year", "city", "state_code", "currency", "recertification", "recertification_minor",
    "warranty", "warranty_months", "warranty_transferable", "warranty_provider", "training_included", "price_minor",
)  # fmt: skip
_KEPT_ANSWERS = ("mains_volts", "chiller", "lock", "supply_to_new_owner")


def duplicate(*, listing_id: UUID, actor_id: UUID, form_key: UUID, at: datetime) -> UUID:
    """
    Begin a draft of another unit of the same model. The same form sent twice is one draft.

    Serial numbers, counters, condition, photos and whatever the seller attested are of one unit alone, and are asked
    anew.

    :raises NotFound: it is not the person's listing
    :raises Refused: the person is neither owner nor manager of the clinic
    """
    with unit_of_work():
        source = of_seller(listing_id, actor_id)
        # Two sendings of one form wait for each other here, and the second finds what the first began.
        db.session.execute(select(func.pg_advisory_xact_lock(form_key.int % 2**63)))
        known = db.session.scalar(select(Listing.id).where(Listing.form_key == form_key))
        if known is not None:
            return known
        copy = Listing(
            **{name: getattr(source, name) for name in _OF_EVERY_SUCH_UNIT},
            created_by=actor_id,
            form_key=form_key,
            created_at=at,
            description="",
            inclusions={},
            particulars={key: source.particulars[key] for key in _KEPT_ANSWERS if key in source.particulars},
            handpieces=[
                Handpiece(
                    position=part.position,
                    name=part.name,
                    modality_code=part.modality_code,
                    particulars={key: said for key, said in part.particulars.items() if key != "optic"},
                    reduction_minor=part.reduction_minor,
                )
                for part in source.handpieces
            ],
        )
        derive(copy, catalog.model(source.model_id))
        db.session.add(copy)
        db.session.flush()
        note(copy, None, actor_id=actor_id, reason=None, at=at)
        return copy.id
