"""One sale of one device: its promise, the gate's answers it rests on, and every move; and who it waits for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import Text, Uuid

from ..eligibility.models import Moment
from ..extensions import Base, Keyed, Sequenced
from ..ripple import Cause
from .offer_states import OfferState
from .proposal_states import ProposalState, Side
from .reservation_states import ReservationState
from .states import OrderEvent, OrderState

_ENDED = "state IN ('cancelled', 'lapsed', 'refunded')"
_BEFORE_MONEY = "state IN ('awaiting_practitioner', 'awaiting_payment', 'payment_processing', 'cancelled', 'lapsed')"


class Order(Keyed, Base):
    """
    One sale of one unit to one clinic for one site, operated by one person.

    `state` is written by `steps.move` and nowhere else. The row cannot exist without a yes of the gate for exactly
    this listing, buyer, operator and site; triggers ask again for payment and ship release.
    """

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("price_minor > 0", name="price_is_positive"),
        CheckConstraint("currency ~ '^[a-z]{3}$'", name="currency_is_iso"),
        CheckConstraint("fee_minor >= 0 AND fee_minor <= price_minor", name="fee_is_within_the_price"),
        CheckConstraint("fee_least_minor >= 0", name="least_fee_is_not_negative"),
        CheckConstraint("buyer_clinic_id <> seller_clinic_id", name="buyer_is_not_seller"),
        CheckConstraint("decision_cleared AND decision_moment = 'order'", name="rests_on_a_yes"),
        CheckConstraint(
            f"{_BEFORE_MONEY} OR state IN ('held_not_cleared', 'refunding', 'refunded')"
            " OR payment_decision_id IS NOT NULL",
            name="payment_was_cleared",
        ),
        CheckConstraint(
            "state NOT IN ('released_to_ship', 'in_transit', 'under_inspection', 'accepted', 'settled')"
            " OR release_decision_id IS NOT NULL",
            name="shipping_was_cleared",
        ),
        CheckConstraint(
            "state = 'awaiting_practitioner' OR state IN ('cancelled', 'lapsed') OR"
            " (practitioner_id IS NOT NULL AND practitioner_confirmed_at IS NOT NULL)",
            name="paid_orders_are_ordered_by_a_practitioner",
        ),
        CheckConstraint(
            "state IN ('refunding', 'refunded') OR (state IN ('accepted', 'settled')) = (accepted_at IS NOT NULL)",
            name="acceptance_is_dated",
        ),
        CheckConstraint("approval_limit_minor < price_minor", name="approval_is_asked_above_the_limit"),
        CheckConstraint(
            "(approved_by IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL) = (approval_decision_id IS NULL)"
            " AND (approved_by IS NULL OR approval_limit_minor IS NOT NULL)",
            name="approval_is_whole",
        ),
        CheckConstraint("approved_by <> buyer_id", name="nobody_approves_their_own_order"),
        CheckConstraint(
            "approval_limit_minor IS NULL OR approved_by IS NOT NULL"
            " OR state IN ('awaiting_practitioner', 'awaiting_payment', 'cancelled', 'lapsed')",
            name="dear_orders_are_approved_before_they_are_paid",
        ),
        ForeignKeyConstraint(
            ["site_id", "buyer_clinic_id"],
            ["clinic_sites.id", "clinic_sites.clinic_id"],
            name="site_is_the_buying_clinics",
        ),
        ForeignKeyConstraint(
            ["decision_id", "decision_moment", "decision_cleared", "listing_id", "buyer_id", "operator_id", "site_id"],
            [
                "eligibility_decisions.id",
                "eligibility_decisions.moment",
                "eligibility_decisions.cleared",
                "eligibility_decisions.listing_id",
                "eligibility_decisions.buyer_id",
                "eligibility_decisions.operator_id",
                "eligibility_decisions.site_id",
            ],
            name="decision_is_about_this_order",
        ),
        ForeignKeyConstraint(
            ["report_id", "listing_id"],
            ["condition_reports.id", "condition_reports.listing_id"],
            name="report_is_of_the_ordered_unit",
        ),
        Index("one_live_order_per_unit", "listing_id", unique=True, postgresql_where=text(f"NOT ({_ENDED})")),
        Index(
            "ix_orders_expiring", "expires_at",
            postgresql_where=text("state IN ('awaiting_practitioner', 'awaiting_payment')"),
        ),
    )  # fmt: skip

    number: Mapped[int] = mapped_column(BigInteger, Identity(start=10001), unique=True)
    form_key: Mapped[UUID] = mapped_column(unique=True, comment="The form it came from; sent twice it is one order.")
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"))
    seller_clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), index=True)
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    buyer_clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), index=True)
    site_id: Mapped[UUID]
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    declared_uses: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="What the buyer signed to use it for.")
    left_out: Mapped[list[UUID]] = mapped_column(
        ARRAY(Uuid),
        default=list,
        comment="Handpieces of the unit that the buyer does not buy; the gate judged the rest.",
    )
    use_restriction: Mapped[str | None] = mapped_column(
        comment="The sentence the buyer signed, where uses were narrowed."
    )
    price_minor: Mapped[int]
    currency: Mapped[str]
    fee_bps: Mapped[int]
    fee_least_minor: Mapped[int] = mapped_column(default=0, comment="Below this our fee does not fall.")
    fee_minor: Mapped[int]
    decision_id: Mapped[UUID] = mapped_column(unique=True, comment="The recorded yes this sale rests on.")
    decision_moment: Mapped[Moment] = mapped_column(default=Moment.ORDER)
    decision_cleared: Mapped[bool] = mapped_column(Boolean, default=True)
    offer_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("offers.id"), unique=True, comment="The agreed offer whose price it has; empty: the asked price."
    )
    report_id: Mapped[UUID | None] = mapped_column(
        comment="What the seller stated when the order was placed; empty in orders older than reports."
    )
    payment_decision_id: Mapped[UUID | None] = mapped_column(ForeignKey("eligibility_decisions.id"))
    release_decision_id: Mapped[UUID | None] = mapped_column(ForeignKey("eligibility_decisions.id"))
    approval_limit_minor: Mapped[int | None] = mapped_column(
        comment="The limit of the buying clinic that the price lay above; empty: nobody had to approve."
    )
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None]
    approval_decision_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("eligibility_decisions.id"), comment="The fresh yes that it was approved on."
    )
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    practitioner_confirmed_at: Mapped[datetime | None]
    practitioner_statement: Mapped[str | None] = mapped_column(comment="What the practitioner signed, word for word.")
    practitioner_statements: Mapped[list[str]] = mapped_column(
        ARRAY(Text), default=list, comment="Codes of the statements that the rules asked the practitioner to sign."
    )
    state: Mapped[OrderState] = mapped_column(default=OrderState.AWAITING_PRACTITIONER)
    reason: Mapped[str | None] = mapped_column(comment="Why it ended or is held, for the people it concerns.")
    placed_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(comment="Unpaid after this, it lapses and the unit is free again.")
    carrier: Mapped[str | None]
    tracking: Mapped[str | None]
    dispatched_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    inspection_ends_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]

    moves: Mapped[list["OrderMove"]] = relationship(order_by="OrderMove.position")

    @property
    def awaits_approval(self) -> bool:
        """Say whether a second person of the buying clinic has yet to approve it."""
        return self.approval_limit_minor is not None and self.approved_by is None


class OrderMove(Sequenced, Base):
    """Every change of state: who, what, why, when."""

    __tablename__ = "order_moves"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    event: Mapped[OrderEvent | None] = mapped_column(comment="Empty for the placing itself.")
    state: Mapped[OrderState]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    cause: Mapped[str]
    at: Mapped[datetime]


class OrderHold(Keyed, Base):
    """
    A reason for which an order stands still, in whatever state it is. Only a fresh yes of the gate ends it.

    It stays on record for ever; of an open one nothing changes but its end (trigger).
    """

    __tablename__ = "order_holds"
    __table_args__ = (
        CheckConstraint("length(trim(words)) > 0", name="hold_says_why"),
        CheckConstraint(
            "(lifted_at IS NULL) = (lifted_decision_id IS NULL) AND (lifted_by IS NULL OR lifted_at IS NOT NULL)",
            name="lifting_rests_on_an_answer",
        ),
        CheckConstraint("lifted_at >= placed_at", name="lifting_follows_placing"),
        CheckConstraint("until > placed_at", name="waiting_has_a_length"),
        CheckConstraint("lifted_at >= until", name="waiting_is_waited_out"),
        Index(
            "one_open_hold_per_cause", "order_id", "cause", "reference", unique=True,
            postgresql_where=text("lifted_at IS NULL"),
        ),
        Index("ix_order_holds_reference", "reference"),
    )  # fmt: skip

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    cause: Mapped[Cause]
    reference: Mapped[UUID] = mapped_column(comment="The credential, person, site or clinic that was lost.")
    words: Mapped[str] = mapped_column(comment="What happened, as the buying side and staff read it.")
    placed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), comment="Empty: the house itself.")
    placed_at: Mapped[datetime]
    until: Mapped[datetime | None] = mapped_column(
        comment="Nothing lifts it earlier, so that somebody can object; it may be put off. Empty: not waited out."
    )
    lifted_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), comment="Empty: the house itself.")
    lifted_at: Mapped[datetime | None]
    lifted_decision_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("eligibility_decisions.id"), comment="The fresh yes that ended it."
    )


class RefundProposal(Keyed, Base):
    """
    One side proposes to the other that a part of the price go back while the sale stands. One at a time.

    `state` is written by `conceding._close` and nowhere else.
    """

    __tablename__ = "refund_proposals"
    __table_args__ = (
        CheckConstraint("amount_minor >= 100", name="proposed_part_is_of_a_dollar_or_more"),
        CheckConstraint("length(trim(reason)) BETWEEN 1 AND 1000", name="proposal_says_why"),
        CheckConstraint(
            "(state = 'open') = (closed_at IS NULL) AND (state = 'open') = (closed_by IS NULL)",
            name="proposal_is_closed_by_somebody",
        ),
        CheckConstraint("state <> 'agreed' OR closed_by <> proposed_by", name="nobody_agrees_with_themselves"),
        Index("one_open_proposal_per_order", "order_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_refund_proposals_order_id", "order_id"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    side: Mapped[Side]
    amount_minor: Mapped[int]
    reason: Mapped[str] = mapped_column(comment="Why, as the other side reads it.")
    state: Mapped[ProposalState] = mapped_column(default=ProposalState.OPEN)
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[datetime]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    closed_at: Mapped[datetime | None]


class Reservation(Keyed, Base):
    """
    A seller waits some days for one buyer who is still qualifying. No money is taken, and the gate is as it is.

    `state` is written by `reserving._move` and nowhere else. A reservation whose time is over binds nobody, whatever
    its state says; a job tidies up after it.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("length(message) BETWEEN 1 AND 1000", name="message_is_said"),
        CheckConstraint(
            "state NOT IN ('granted', 'used', 'given_up') OR held_until IS NOT NULL", name="granted_has_an_end"
        ),
        CheckConstraint(
            "(decided_at IS NULL) = (decided_by IS NULL) AND (state <> 'declined' OR decided_at IS NOT NULL)"
            " AND (held_until IS NULL OR decided_at IS NOT NULL)",
            name="decision_is_signed",
        ),
        CheckConstraint(
            "held_until > decided_at AND held_until <= decided_at + interval '14 days'", name="grant_is_bounded"
        ),
        Index("one_holder_per_unit", "listing_id", unique=True, postgresql_where=text("state = 'granted'")),
        Index(
            "one_request_per_buyer_and_unit", "listing_id", "buyer_id", unique=True,
            postgresql_where=text("state IN ('asked', 'granted')"),
        ),
    )  # fmt: skip

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"))
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), comment="For which the buyer would buy.")
    message: Mapped[str] = mapped_column(comment="What the buyer tells the seller.")
    state: Mapped[ReservationState] = mapped_column(default=ReservationState.ASKED)
    asked_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    held_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Offer(Keyed, Base):
    """
    A price below the asked one for a whole unit, named by a buyer whom the gate cleared then.

    `state` is written by `offer_steps.move` and nowhere else. Once agreed, a reservation keeps unit and price for days.
    """

    __tablename__ = "offers"
    __table_args__ = (
        CheckConstraint("amount_minor >= 10000", name="offer_is_of_a_hundred_or_more"),
        CheckConstraint("currency ~ '^[a-z]{3}$'", name="offer_currency_is_iso"),
        CheckConstraint("counter_minor > amount_minor", name="counter_is_above_the_offer"),
        CheckConstraint("state <> 'countered' OR counter_minor IS NOT NULL", name="counter_names_a_price"),
        CheckConstraint(
            "(state = 'accepted') = (agreed_minor IS NOT NULL) AND (state = 'accepted') = (reservation_id IS NOT NULL)"
            " AND (state <> 'accepted' OR answered_by IS NOT NULL)",
            name="agreement_is_whole",
        ),
        CheckConstraint(
            "agreed_minor = amount_minor OR agreed_minor = coalesce(counter_minor, 0)", name="agreed_price_was_named"
        ),
        Index(
            "one_open_offer_per_buyer_and_unit", "listing_id", "buyer_id", unique=True,
            postgresql_where=text("state IN ('open', 'countered')"),
        ),
    )  # fmt: skip

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"))
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    site_id: Mapped[UUID] = mapped_column(ForeignKey("clinic_sites.id"))
    decision_id: Mapped[UUID] = mapped_column(
        ForeignKey("eligibility_decisions.id"), comment="The recorded yes with which it was made."
    )
    amount_minor: Mapped[int]
    currency: Mapped[str]
    counter_minor: Mapped[int | None] = mapped_column(comment="The seller's own price, where they named one.")
    agreed_minor: Mapped[int | None]
    reservation_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("reservations.id"), comment="What keeps unit and price for the buyer once they are agreed."
    )
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), comment="Who answered for the seller.")
    state: Mapped[OfferState] = mapped_column(default=OfferState.OPEN)
    made_at: Mapped[datetime]
    moved_at: Mapped[datetime]


class OfferTerms(Base):
    """What a seller says of offers for a unit: whether they are taken, and below what they decline themselves."""

    __tablename__ = "offer_terms"
    __table_args__ = (CheckConstraint("floor_minor > 0", name="floor_is_positive"),)

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), primary_key=True)
    taken: Mapped[bool]
    floor_minor: Mapped[int | None] = mapped_column(comment="Told to no buyer.")
    set_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    set_at: Mapped[datetime]
