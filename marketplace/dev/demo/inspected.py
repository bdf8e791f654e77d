"""Devices of the demo that a third person looked at, or is to look at."""

from datetime import datetime, timedelta

from sqlalchemy import select

from ...accounts.models import User
from ...extensions import db
from ...inspections import queries, service
from ...inspections.form import Found, lines_of
from ...inspections.states import InspectionKind, Outcome
from ...listings import reports
from ...listings.models import Listing
from ...listings.states import ListingState
from .people import Stage

INSPECTOR = "Lucia Fernandez"
TITLE = "Lumenis M22"


def look_at_devices(stage: Stage, *, now: datetime) -> None:
    """Let one device have been looked at and found all but as stated, and another wait for its seller."""
    inspector = stage.people[INSPECTOR]
    email = db.session.scalars(select(User.email).where(User.id == inspector)).one()
    service.appoint(
        email=email, firm="An engineer on her own (demo)", skills="Made up for this demo.", actor_id=stage.moderator,
        at=now - timedelta(days=20),
    )  # fmt: skip
    units = db.session.execute(
        select(Listing.id, Listing.clinic_id)
        .where(Listing.state == ListingState.PUBLISHED, Listing.title == TITLE)
        .order_by(Listing.serial)
        .limit(2)
    ).all()
    dana, at = stage.people["Dana Reyes"], now - timedelta(days=3)
    asked = [
        service.ask(
            listing_id=unit.id, asker_id=dana, kind=InspectionKind.OPERATING,
            words="Please fire every handpiece and read the counters.", at=at,
        )
        for unit in units
    ]  # fmt: skip
    first, clinic_id = asked[0], units[0].clinic_id
    service.let_in(
        inspection_id=first, actor_id=stage.who_runs(clinic_id), words="Any weekday after four.",
        at=at + timedelta(hours=2),
    )  # fmt: skip
    service.assign(inspection_id=first, inspector_id=inspector, actor_id=stage.moderator, at=at + timedelta(hours=5))
    report_id = queries.one(first, user_id=inspector).report_id
    assert report_id is not None, "an inspector was sent"
    found = [Found(Outcome.AS_STATED) for _ in lines_of(reports.report(report_id).document)]
    found[-1] = Found(Outcome.DIFFERS, "One of the two is missing; the seller looks for it.")
    service.sign(
        inspection_id=first, actor_id=inspector, found=found, remarks="It starts without a fault and cools.",
        name=INSPECTOR, at=at + timedelta(days=2),
    )  # fmt: skip
