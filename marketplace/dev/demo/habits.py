"""What the demo's people watch and look for."""

from datetime import datetime, timedelta

from sqlalchemy import select

from ...extensions import db
from ...listings.models import Listing
from ...listings.search import Wanted
from ...listings.states import ListingState
from ...wants import matching
from ...wants import service as wants
from ...wants.service import Said
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


def look_for(stage: Stage, *, now: datetime) -> None:
    """Let three of them say what they look for; what is there already is held against it."""
    until = (now + timedelta(days=75)).date()
    m22 = Wanted(chosen={"model": ("Lumenis M22",), "grade": ("A", "B")}, spans={"price": (None, 4_500_000)})
    for who, said in (
        (
            WATCHER,
            Said(
                "Lumenis M22", "model=Lumenis+M22&max=45000&grade=A&grade=B", m22,
                "Best with ResurFX. We can collect it within two weeks.", until, "TX", stage.sites["lone_star"],
            ),
        ),
        (
            "Priya Nair",
            Said(
                "Candela, Alexandrite 755", "maker=Candela&modality=ALEX&year=2015",
                Wanted(chosen={"maker": ("Candela",), "modality": ("ALEX",)}, spans={"year": (2015, None)}), "", until,
                "TX",
            ),
        ),
        ("Ben Yazzie", Said("picosecond", "q=picosecond&max=90000", _PICOSECOND, "", until, "AZ")),
    ):  # fmt: skip
        want_id = wants.post(user_id=stage.people[who], said=said, at=now - timedelta(days=3))
        matching.match_want(want_id=want_id, at=now)


_PICOSECOND = Wanted(text="picosecond", spans={"price": (None, 9_000_000)})
