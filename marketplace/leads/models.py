"""Requests to arrange something around a device, and the partners that were proposed for them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed, Sequenced
from .states import LeadEvent, LeadKind, LeadState


class Lead(Keyed, Base):
    """
    What one person wants arranged. It reserves nothing, promises nothing and opens no gate.

    `state` is written by `service._move` alone. It is handed on by its person's word only (trigger).
    """

    __tablename__ = "leads"
    __table_args__ = (
        CheckConstraint("(kind = 'finance') = (listing_id IS NOT NULL)", name="financing_names_its_unit"),
        CheckConstraint("(kind = 'finance') = (device = '')", name="device_that_is_handed_in_is_named"),
        CheckConstraint("(kind = 'finance') = (site_id IS NOT NULL)", name="financing_names_the_place_of_use"),
        CheckConstraint("amount_minor > 0", name="lead_amount_is_positive"),
        CheckConstraint("kind <> 'finance' OR amount_minor IS NOT NULL", name="financing_says_how_much"),
        CheckConstraint(
            "months IS NULL OR kind = 'finance' AND months BETWEEN 6 AND 120", name="lead_months_are_plausible"
        ),
        CheckConstraint("length(words) <= 2000", name="lead_words_are_short"),
        CheckConstraint(
            "(state = 'closed') = (length(trim(coalesce(closed_because, ''))) > 0)", name="closed_lead_says_why"
        ),
        ForeignKeyConstraint(
            ["site_id", "clinic_id"], ["clinic_sites.id", "clinic_sites.clinic_id"],
            name="lead_is_for_a_site_of_its_clinic",
        ),
        Index(
            "one_live_financing_per_person_and_unit", "user_id", "listing_id", unique=True,
            postgresql_where=text("state IN ('open', 'proposed')"),
        ),
        Index("ix_leads_waiting", "created_at", "id", postgresql_where=text("state = 'open'")),
    )  # fmt: skip

    kind: Mapped[LeadKind]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), comment="For whom it is wanted.")
    site_id: Mapped[UUID | None] = mapped_column(comment="Where the financed unit would be used.")
    listing_id: Mapped[UUID | None] = mapped_column(ForeignKey("listings.id"), comment="The unit to be financed.")
    device: Mapped[str] = mapped_column(default="", comment="What is to be handed in or sold; empty: financing.")
    amount_minor: Mapped[int | None] = mapped_column(comment="To be financed; else what the person hopes for.")
    months: Mapped[int | None] = mapped_column(comment="Over which the person would pay.")
    words: Mapped[str] = mapped_column(default="")
    state: Mapped[LeadState] = mapped_column(default=LeadState.OPEN)
    closed_because: Mapped[str | None] = mapped_column(comment="Why staff closed it, for its person to read.")
    created_at: Mapped[datetime]


class LeadMove(Sequenced, Base):
    """Every change of state: what, who, when. `event` is empty for the beginning."""

    __tablename__ = "lead_moves"

    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id"), index=True)
    event: Mapped[LeadEvent | None]
    state: Mapped[LeadState]
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class LeadProposal(Sequenced, Base):
    """Somebody outside of the house whom staff propose; `agreed` is the person's answer, given once (trigger)."""

    __tablename__ = "lead_proposals"
    __table_args__ = (
        CheckConstraint("length(trim(partner)) BETWEEN 1 AND 200", name="partner_is_named"),
        CheckConstraint("length(trim(words)) BETWEEN 1 AND 1000", name="proposal_says_what_they_do"),
        CheckConstraint("partner_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name="partner_can_be_written_to"),
        CheckConstraint("(agreed IS NULL) = (answered_at IS NULL)", name="proposal_answer_is_dated"),
        Index("one_open_proposal_per_lead", "lead_id", unique=True, postgresql_where=text("answered_at IS NULL")),
    )

    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id"))
    partner: Mapped[str]
    partner_email: Mapped[str]
    words: Mapped[str] = mapped_column(comment="What they do, and what staff know of their terms; nothing is invented.")
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[datetime]
    agreed: Mapped[bool | None]
    answered_at: Mapped[datetime | None]
