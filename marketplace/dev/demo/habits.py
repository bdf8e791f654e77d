"""What the demo's people watch and look for."""

from datetime import datetime, timedelta

from sqlalchemy import select

from ...extensions import db
from ...listings.models import Listing
from ...listings.search import Wanted
from ...listings.states import ListingState
from ...watching import service as watching
from ...watching.models import Cadence
from .people import Stage

WATCHER = "Dana Reyes"


def keep_an_eye(stage: Stage, *, now: datetime) -> None:
    """Let one of them watch two devices and save two searches, one for each day's news."""
    person = stage.people[WATCHER]
    wanted = select(Listing.id).where(
        Listing.state == ListingState.PUBLISHED, Listing.title.in_(("Lumenis M22", "Candela GentleMax Pro"))
    )
    for listing_id in db.session.scalars(wanted.order_by(Listing.serial).limit(2)).all():
        watching.watch(user_id=person, listing_id=listing_id, at=now - timedelta(days=2))
    for name, query, looked_for, cadence in (
        ("Alexandrite for hair", "modality=ALEX", Wanted(chosen={"modality": ("ALEX",)}), Cadence.DAILY),
        ("Anything of Lumenis", "maker=Lumenis", Wanted(chosen={"maker": ("Lumenis",)}), Cadence.INSTANT),
    ):
        watching.save(user_id=person, name=name, query=query, wanted=looked_for, cadence=cadence, at=now)
