"""What the demo's people want arranged: one waits, to one a partner is proposed, one was handed on."""

from datetime import datetime, timedelta

from sqlalchemy import select

from ...extensions import db
from ...kernel.money import Money
from ...leads import queries as lead_queries
from ...leads import service as leads
from ...leads.service import HandedIn
from ...leads.states import LeadKind
from ...listings.models import Listing
from ...listings.states import ListingState
from .people import Stage

TITLE = "Candela GentleMax Pro"


def ask_for_arrangements(stage: Stage, *, now: datetime) -> None:
    """Let a buyer ask for financing, and two clinics for somebody who takes a device in."""
    dana, staff = stage.people["Dana Reyes"], stage.moderator
    unit = db.session.execute(
        select(Listing.id, Listing.price_minor)
        .where(Listing.state == ListingState.PUBLISHED, Listing.title == TITLE)
        .order_by(Listing.serial)
        .limit(1)
    ).one()
    financing = leads.finance(
        user_id=dana, listing_id=unit.id, site_id=stage.sites["lone_star"], amount=Money(unit.price_minor * 4 // 5),
        months=48, words="We pay a fifth down.", at=now - timedelta(days=2),
    )  # fmt: skip
    leads.propose(
        lead_id=financing, actor_id=staff, partner="Example Equipment Finance (demo)",
        partner_email="desk@lender.demo.example", words="A lender made up for this demo. They answer within two days.",
        at=now - timedelta(days=1),
    )  # fmt: skip
    for who, house, kind, device, days in (
        ("Walter Finch", "sonoran", LeadKind.CONSIGNMENT, "Cynosure Elite+, 2012", 4),
        ("Dana Reyes", "lone_star", LeadKind.TRADE_IN, "Lumenis LightSheer Duet, 2011", 1),
    ):
        said = HandedIn(kind, stage.clinics[house], device, "It works, and needs room for another one.")
        lead = leads.hand_in(user_id=stage.people[who], said=said, at=now - timedelta(days=days))
        if kind is LeadKind.CONSIGNMENT:
            leads.propose(
                lead_id=lead, actor_id=staff, partner="Example Remarketing (demo)",
                partner_email="desk@dealer.demo.example", words="A dealer made up for this demo.",
                at=now - timedelta(days=3),
            )  # fmt: skip
            read = lead_queries.own(stage.people[who], lead).proposals[-1].number
            leads.agree(lead_id=lead, user_id=stage.people[who], read=read, at=now - timedelta(days=2))
