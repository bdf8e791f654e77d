"""Payments, the provider's events, intents to call the provider, and the ledger."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..extensions import Base, Keyed, Sequenced
from .amounts import Account, JournalKind
from .books import FindingCode
from .states import DecisionKind, DecisionState, DeviceIs, PartialState, PaymentEvent, PaymentState


class SellerAccount(Keyed, Base):
    """A clinic's account with the payment provider, and whether it can be paid."""

    __tablename__ = "seller_accounts"

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), unique=True)
    reference: Mapped[str | None] = mapped_column(unique=True, comment="The provider's id; empty until it answered.")
    payable: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str | None] = mapped_column(comment="Why it cannot be paid, as the provider says.")
    created_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]


class Payment(Keyed, Base):
    """
    The money of one order, in minor units. `version` is the optimistic lock.

    `state` is written by `converging.move` and nowhere else.
    """

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        CheckConstraint("fee_minor >= 0 AND fee_minor <= amount_minor", name="fee_is_within_the_amount"),
        CheckConstraint("fee_least_minor >= 0", name="least_fee_is_not_negative"),
        CheckConstraint("currency ~ '^[a-z]{3}$'", name="currency_is_iso"),
        CheckConstraint(
            "received_minor >= 0 AND refunded_minor >= 0 AND refunded_minor <= received_minor",
            name="refunds_are_covered",
        ),
        CheckConstraint(
            "reversed_minor >= 0 AND fronted_minor >= 0 AND reversed_minor + fronted_minor <= transferred_minor"
            " AND transferred_minor - reversed_minor - fronted_minor <= received_minor - refunded_minor",
            name="transfers_are_covered",
        ),
        CheckConstraint(
            "conceded_minor = 0 OR"
            " (conceded_minor > 0 AND conceded_minor < amount_minor AND received_minor = amount_minor)",
            name="partial_refunds_leave_something",
        ),
        CheckConstraint(
            "state NOT IN ('paid', 'held', 'releasing', 'released', 'reversing', 'refunding', 'refunded',"
            " 'charged_back') OR (received_minor = amount_minor AND charge_id IS NOT NULL)",
            name="paid_means_received_in_full",
        ),
        CheckConstraint(
            "outstanding_minor >= 0 AND outstanding_minor <= amount_minor", name="outstanding_is_within_the_amount"
        ),
        CheckConstraint("method IN ('card', 'bank_debit', 'bank_transfer')", name="method_is_one_of_ours"),
        CheckConstraint(
            "surplus_returned_minor >= 0 AND surplus_returned_minor <= surplus_minor", name="surplus_is_covered"
        ),
        CheckConstraint("hold_alarm_days IN (45, 60, 75, 85)", name="hold_alarm_is_one_of_ours"),
        Index("frozen_payments", "created_at", postgresql_where=text("frozen_reason IS NOT NULL")),
        Index(
            "one_active_payment_per_order", "order_id", unique=True,
            postgresql_where=text("state NOT IN ('failed', 'expired')"),
        ),
    )  # fmt: skip

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    payee_clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), index=True)
    amount_minor: Mapped[int]
    fee_bps: Mapped[int]
    fee_least_minor: Mapped[int] = mapped_column(default=0, comment="Below this our fee does not fall.")
    fee_minor: Mapped[int]
    currency: Mapped[str]
    state: Mapped[PaymentState] = mapped_column(default=PaymentState.NEW, index=True)
    checkout_id: Mapped[str | None] = mapped_column(unique=True)
    checkout_url: Mapped[str | None]
    payment_reference: Mapped[str | None] = mapped_column(unique=True, comment="The provider's payment intent.")
    charge_id: Mapped[str | None] = mapped_column(unique=True)
    method: Mapped[str | None]
    received_minor: Mapped[int] = mapped_column(default=0)
    refunded_minor: Mapped[int] = mapped_column(default=0)
    transferred_minor: Mapped[int] = mapped_column(default=0)
    reversed_minor: Mapped[int] = mapped_column(default=0)
    fronted_minor: Mapped[int] = mapped_column(
        default=0, comment="Given back from our own money, and not yet had back from the seller, who owes it."
    )
    conceded_minor: Mapped[int] = mapped_column(
        default=0, comment="What of the price goes back in parts, arrived or not: the sale stands for the rest."
    )
    available_on: Mapped[datetime | None]
    release_not_before: Mapped[datetime | None] = mapped_column(comment="End of the method's risk window.")
    hold_deadline: Mapped[datetime | None] = mapped_column(
        comment="A decision must fall before this; see PAYMENTS decision."
    )
    hold_alarm_days: Mapped[int | None] = mapped_column(comment="The last alarm about a hold that lasts long.")
    outstanding_minor: Mapped[int | None] = mapped_column(comment="What a bank transfer on its way still lacks.")
    surplus_minor: Mapped[int] = mapped_column(default=0, comment="What bank transfers brought beyond the price.")
    surplus_returned_minor: Mapped[int] = mapped_column(default=0, comment="What of it was sent back.")
    frozen_reason: Mapped[str | None] = mapped_column(comment="Set: no release until two people lifted it.")
    frozen_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(comment="The checkout page closes.")
    looked_at: Mapped[datetime | None] = mapped_column(
        comment="When reconciling took it up last, whether or not the provider answered."
    )
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    moves: Mapped[list["PaymentMove"]] = relationship(order_by="PaymentMove.position")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy reads it from the class.


class PaymentMove(Sequenced, Base):
    """Every change of a payment's state and its cause."""

    __tablename__ = "payment_moves"

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    event: Mapped[PaymentEvent | None]
    state: Mapped[PaymentState]
    cause: Mapped[str]
    at: Mapped[datetime]


class PartialRefund(Keyed, Base):
    """
    A part of the price that goes back to the buyer while the sale stands. One at a time for a payment.

    `state` is written by `partials.move` and nowhere else. Amounts stand as they were decided (trigger), and come to
    no more than what the payment says of them.
    """

    __tablename__ = "partial_refunds"
    __table_args__ = (
        CheckConstraint("amount_minor >= 100", name="partial_refund_is_of_a_dollar_or_more"),
        CheckConstraint(
            "payout_minor > 0 AND fee_minor >= 0 AND payout_minor + fee_minor = amount_minor",
            name="shares_make_the_partial_refund",
        ),
        CheckConstraint("length(trim(reason)) > 0", name="partial_refund_says_why"),
        CheckConstraint("(state = 'arrived') = (arrived_at IS NOT NULL)", name="arrival_is_dated"),
        CheckConstraint("after_release OR (state <> 'asked' AND NOT fronted)", name="only_what_was_sent_is_taken_back"),
        UniqueConstraint("payment_id", "number", name="partial_refunds_are_numbered"),
        Index(
            "one_partial_refund_on_its_way", "payment_id", unique=True, postgresql_where=text("state <> 'arrived'")
        ),
    )  # fmt: skip

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"))
    number: Mapped[int] = mapped_column(comment="Counted from 1 for each payment.")
    amount_minor: Mapped[int]
    payout_minor: Mapped[int] = mapped_column(comment="What of it was, or would have been, the seller's.")
    fee_minor: Mapped[int] = mapped_column(comment="What of it was, or would have been, our fee.")
    after_release: Mapped[bool] = mapped_column(comment="The seller had been paid: theirs is taken back first.")
    fronted: Mapped[bool] = mapped_column(default=False, comment="The seller's share of it came from our own money.")
    state: Mapped[PartialState]
    reason: Mapped[str] = mapped_column(comment="Why, as both sides read it.")
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), comment="Who agreed last, or decided as staff.")
    requested_at: Mapped[datetime]
    arrived_at: Mapped[datetime | None]


class MoneyDecision(Keyed, Base):
    """
    What one person of finance proposed about a payment, with reason and evidence, and what a second made of it.

    What was proposed stays as it is (trigger). `state` is written by `decisions.close` and nowhere else.
    """

    __tablename__ = "money_decisions"
    __table_args__ = (
        CheckConstraint("length(trim(reason)) > 0 AND length(trim(evidence)) > 0", name="decision_says_why"),
        CheckConstraint(
            "(kind = 'lift') = (lifts IS NOT NULL) AND (lifts IS NULL) = (frozen_at IS NULL)",
            name="only_a_lift_names_its_freeze",
        ),
        CheckConstraint("(kind = 'give_back') = (device IS NOT NULL)", name="who_gives_back_says_where_the_device_is"),
        CheckConstraint(
            "(state = 'open') = (closed_by IS NULL) AND (closed_by IS NULL) = (closed_at IS NULL)",
            name="closing_is_whole",
        ),
        CheckConstraint("state <> 'approved' OR closed_by <> proposed_by", name="nobody_approves_what_they_proposed"),
        CheckConstraint("state <> 'withdrawn' OR closed_by = proposed_by", name="only_ones_own_is_withdrawn"),
        Index("one_open_decision_per_payment", "payment_id", unique=True, postgresql_where=text("state = 'open'")),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    kind: Mapped[DecisionKind]
    lifts: Mapped[str | None] = mapped_column(comment="What is lifted, and with its moment: this once.")
    frozen_at: Mapped[datetime | None]
    device: Mapped[DeviceIs | None]
    reason: Mapped[str]
    evidence: Mapped[str] = mapped_column(comment="What was looked at, and where it can be found again.")
    state: Mapped[DecisionState] = mapped_column(default=DecisionState.OPEN)
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[datetime]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    closed_at: Mapped[datetime | None]


class ProviderEventState(StrEnum):
    """What became of an event the provider sent."""

    PENDING = "pending"
    DONE = "done"
    IGNORED = "ignored"
    FAILED = "failed"


class ProviderEvent(Base):
    """
    The inbox: every verified event once, under the provider's own id.

    An event says where to look, never what is true.
    """

    __tablename__ = "provider_events"

    event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    object_id: Mapped[str | None] = mapped_column(index=True)
    account: Mapped[str | None]
    livemode: Mapped[bool]
    api_version: Mapped[str | None]
    created_at: Mapped[datetime]
    received_at: Mapped[datetime]
    body: Mapped[str]
    state: Mapped[ProviderEventState] = mapped_column(default=ProviderEventState.PENDING, index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]


class EventCursor(Base):
    """How far the provider's list of events was read, to its end."""

    __tablename__ = "event_cursor"
    __table_args__ = (CheckConstraint("id = 1", name="there_is_only_one"),)
    ONLY: ClassVar = 1

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    read_until: Mapped[datetime]


class IntentKind(StrEnum):
    """What we ask the provider to do with money."""

    RELEASE = "release"
    REFUND = "refund"
    REVERSAL = "reversal"
    SURPLUS = "surplus"


NOT_PAYABLE = "the seller cannot be paid"
"""How the reason of a release begins that waits for its seller's account."""


class IntentState(StrEnum):
    """How far an intent has come. BLOCKED waits for a person or an event; the money stays held."""

    PENDING = "pending"
    BLOCKED = "blocked"
    CALLING_OFF = "calling_off"  # Nobody begins it any more; whoever had begun has time to end.
    CALLED_OFF = "called_off"
    DONE = "done"


class MoneyIntent(Keyed, Base):
    """
    A call to the provider that moves money, on record before it is made.

    `payload` is frozen; the key of a call is made of `dedupe` and `attempt`, so a retry is the same call.
    """

    __tablename__ = "money_intents"
    __table_args__ = (
        CheckConstraint("attempt >= 1", name="attempts_count_from_one"),
        CheckConstraint("(state = 'done') = (reference IS NOT NULL)", name="done_has_a_reference"),
    )

    dedupe: Mapped[str] = mapped_column(unique=True, comment="Such as <order id>:release; at most one ever.")
    kind: Mapped[IntentKind]
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    payload: Mapped[dict[str, Any]]
    state: Mapped[IntentState] = mapped_column(default=IntentState.PENDING, index=True)
    attempt: Mapped[int] = mapped_column(default=1)
    reference: Mapped[str | None] = mapped_column(unique=True, comment="The provider's transfer or refund.")
    last_error: Mapped[str | None]
    requested_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0, comment="How often the provider was asked in vain.")
    next_try_at: Mapped[datetime] = mapped_column(
        comment="A job is promised for then; if it was lost, reconciling finds this."
    )


class LedgerJournal(Keyed, Base):
    """One thing that happened to money; its entries sum to zero per currency (deferred trigger). Append-only."""

    __tablename__ = "ledger_journals"

    dedupe: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[JournalKind]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)

    entries: Mapped[list["LedgerEntry"]] = relationship()


class LedgerEntry(Base):
    """One side of a journal, in minor units: debit positive, credit negative."""

    __tablename__ = "ledger_entries"
    __table_args__ = (CheckConstraint("amount_minor <> 0", name="amount_is_not_zero"),)

    journal_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_journals.id"), primary_key=True)
    account: Mapped[Account] = mapped_column(primary_key=True, index=True)
    currency: Mapped[str] = mapped_column(primary_key=True, default="usd")
    amount_minor: Mapped[int] = mapped_column(BigInteger)


class LedgerTotal(Base):
    """
    What the entries of one day come to, by what happened and account; a trigger keeps it, in the entries' transaction.

    Writers that work at once write in slots of their own, so that none waits for another: the sum over them counts.
    """

    __tablename__ = "ledger_totals"

    day: Mapped[date] = mapped_column(primary_key=True, comment="In UTC.")
    kind: Mapped[JournalKind] = mapped_column(primary_key=True)
    account: Mapped[Account] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    amount_minor: Mapped[int] = mapped_column(BigInteger)


class KeptFinding(Keyed, Base):
    """
    A difference that a look over the books found, with both sides' numbers.

    Nobody closes it by hand: it is gone when a later look does not find it any more.
    """

    __tablename__ = "kept_findings"
    __table_args__ = (
        CheckConstraint(
            "(ours_minor IS NULL) = (theirs_minor IS NULL) AND (ours_minor IS NULL) = (currency IS NULL)",
            name="two_sides_or_none",
        ),
        CheckConstraint("last_seen_at >= first_seen_at AND gone_at >= last_seen_at", name="seen_before_it_is_gone"),
        Index("one_open_finding_per_subject", "code", "subject", unique=True, postgresql_where=text("gone_at IS NULL")),
    )

    code: Mapped[FindingCode]
    subject: Mapped[str]
    said: Mapped[str]
    order_id: Mapped[UUID | None] = mapped_column(index=True, comment="As the provider names it: maybe none of ours.")
    ours_minor: Mapped[int | None] = mapped_column(BigInteger)
    theirs_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]
