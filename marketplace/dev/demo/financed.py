"""A device of the demo on which a loan rests: its seller states it with a payoff letter, and staff searched filings."""

from datetime import datetime, timedelta

from sqlalchemy import select

from ...extensions import db
from ...listings import drafting, liens, papers
from ...listings import service as listings
from ...listings.fields import Place
from ...listings.models import Listing
from ...listings.states import ListingState
from ...listings.terms import FilingFound, PaperKind
from ...orders import freeing
from . import pictures
from .market import FEATURED
from .people import Stage

LENDER = "Example Equipment Finance (demo)"


def owe(stage: Stage, *, now: datetime) -> None:
    """Let a seller say of one device outside the tour that a loan rests on it, and what staff found filed."""
    tour = [f"{maker} {model}" for _, maker, model, *_ in FEATURED]
    unit = db.session.execute(
        select(Listing.id, Listing.particulars, Listing.serial)
        .where(
            Listing.state == ListingState.PUBLISHED,
            Listing.clinic_id == stage.clinics["sonoran"],
            Listing.title.not_in(tour),
        )
        .order_by(Listing.published_at)  # Long enough for it to be approved anew behind the devices of the tour.
        .limit(1)
    ).one()
    seller, staff = stage.who_runs(stage.clinics["sonoran"]), stage.moderator
    good_through = (now + timedelta(days=21)).date()
    said = {
        **unit.particulars, "title": liens.FINANCED, "lender": LENDER, "payoff_through": good_through.isoformat(),
    }  # fmt: skip
    lines = (f"Serial number {unit.serial}", f"Payoff figure good through {good_through}", "A paper of the demo")
    letter = pictures.encoded(pictures.document(lines, title=LENDER))
    at = now - timedelta(days=40)
    listings.recall(listing_id=unit.id, actor_id=seller, at=at)
    drafting.answer(listing_id=unit.id, actor_id=seller, place=Place.STATEMENT, said=said)
    papers.add(
        listing_id=unit.id, actor_id=seller, kind=PaperKind.PAYOFF_LETTER, words="Payoff letter of the lender",
        filename="payoff.jpg", content=letter, at=at,
    )  # fmt: skip
    listings.submit(listing_id=unit.id, actor_id=seller, at=at)
    made = liens.Search(
        liens.debtor_of(unit.id), "Arizona Secretary of State, online search (demo)", (at - timedelta(days=3)).date(),
        FilingFound.THIS_UNIT, "DEMO-0001", at + timedelta(hours=1),
    )  # fmt: skip
    freeing.note_search(listing_id=unit.id, actor_id=staff, made=made)
    listings.approve(listing_id=unit.id, actor_id=staff, at=at + timedelta(hours=2))
