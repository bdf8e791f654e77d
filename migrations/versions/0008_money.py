"""Findings that are kept until they are gone, alarms about long holds, disputes, and money taken back from sellers."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_CODES = (
    "books_differ",
    "not_ours",
    "unbalanced",
    "money_unaccounted",
    "state_and_books_differ",
    "state_without_move",
    "event_overdue",
    "event_given_up",
    "intent_overdue",
    "order_and_money_differ",
    "balance_too_low",
)

# The words that each of these columns knew before, and those that are new.
_BEFORE_CHARGES_BACK = (
    "confirmed payment_started payment_failed paid paid_not_cleared cleared ship_released dispatched delivered accepted"
    " settled cancelled lapsed refund_started refunded"
)
_BEFORE_REVERSALS = "checkout_opened processing paid held release_requested released refund_requested refunded failed expired quarantined"
_WORDS = {
    ("payments", "state", "payments_paymentstate"): (
        "new checkout_open processing paid held releasing released refunding refunded failed expired quarantined",
        "reversing charged_back",
    ),
    ("payment_moves", "state", "payment_moves_paymentstate"): (
        "new checkout_open processing paid held releasing released refunding refunded failed expired quarantined",
        "reversing charged_back",
    ),
    ("payment_moves", "event", "payment_moves_paymentevent"): (
        _BEFORE_REVERSALS,
        "reversal_requested reversed fronted charged_back",
    ),
    ("money_intents", "kind", "money_intents_intentkind"): ("release refund", "reversal"),
    ("ledger_journals", "kind", "ledger_journals_journalkind"): (
        "paid provider_fee released refund_sent refund_arrived refunded",
        "reversed fronted recovered dispute_taken dispute_fee dispute_returned charged_back charged_back_late",
    ),
    ("ledger_entries", "account", "ledger_entries_account"): (
        "provider_clearing provider_fees held fee_revenue refund_pending suspense",
        "disputed dispute_fees seller_receivable",
    ),
    ("order_moves", "event", "order_moves_orderevent"): (
        _BEFORE_CHARGES_BACK,
        "charged_back",
    ),
}
_COVERED = (
    "reversed_minor >= 0 AND reversed_minor <= transferred_minor"
    " AND transferred_minor - reversed_minor <= received_minor - refunded_minor"
)
_COVERED_OR_OWED = (
    "reversed_minor >= 0 AND reversed_minor <= transferred_minor AND fronted_minor >= 0"
    " AND fronted_minor <= transferred_minor"
    " AND transferred_minor - greatest(reversed_minor, fronted_minor) <= received_minor - refunded_minor"
)
_IN_FULL = " OR (received_minor = amount_minor AND charge_id IS NOT NULL)"
_PAID = "state NOT IN ('paid', 'held', 'releasing', 'released', 'refunding', 'refunded')" + _IN_FULL
_PAID_OR_TAKEN = (
    "state NOT IN ('paid', 'held', 'releasing', 'released', 'reversing', 'refunding', 'refunded', 'charged_back')"
    + _IN_FULL
)
_DATED = "(state IN ('accepted', 'settled')) = (accepted_at IS NOT NULL)"
_DATED_OR_GIVEN_BACK = f"state IN ('refunding', 'refunded') OR {_DATED}"


def _checked(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(name), table, type_="check")
    op.create_check_constraint(op.f(name), table, rule)


def _among(column: str, words: str) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words.split())})"


def upgrade():
    op.create_table(
        "kept_findings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "code",
            sa.Enum(*_CODES, name="findingcode", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True, comment="As the provider names it: maybe none of ours."),
        sa.Column("ours_minor", sa.BigInteger(), nullable=True),
        sa.Column("theirs_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(ours_minor IS NULL) = (theirs_minor IS NULL) AND (ours_minor IS NULL) = (currency IS NULL)",
            name=op.f("kept_findings_two_sides_or_none"),
        ),
        sa.CheckConstraint(
            "last_seen_at >= first_seen_at AND gone_at >= last_seen_at",
            name=op.f("kept_findings_seen_before_it_is_gone"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_findings")),
    )
    op.create_index(op.f("ix_kept_findings_order_id"), "kept_findings", ["order_id"])
    op.create_index(
        "one_open_finding_per_subject",
        "kept_findings",
        ["code", "subject"],
        unique=True,
        postgresql_where=sa.text("gone_at IS NULL"),
    )
    op.create_index(op.f("ix_ledger_journals_at"), "ledger_journals", ["at"])
    op.create_index(op.f("ix_payments_payee_clinic_id"), "payments", ["payee_clinic_id"])
    op.add_column(
        "payments",
        sa.Column(
            "hold_alarm_days", sa.Integer(), nullable=True, comment="The last alarm about a hold that lasts long."
        ),
    )
    op.add_column(
        "payments",
        sa.Column(
            "outstanding_minor", sa.Integer(), nullable=True, comment="What a bank transfer on its way still lacks."
        ),
    )
    op.create_check_constraint(
        op.f("payments_hold_alarm_is_one_of_ours"), "payments", "hold_alarm_days IN (45, 60, 75, 85)"
    )
    op.create_check_constraint(
        op.f("payments_outstanding_is_within_the_amount"),
        "payments",
        "outstanding_minor >= 0 AND outstanding_minor <= amount_minor",
    )
    op.add_column(
        "payments",
        sa.Column(
            "fronted_minor",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="Given back from our own money: the seller owes it.",
        ),
    )
    op.alter_column("payments", "fronted_minor", server_default=None)
    for (table, column, name), (before, new) in _WORDS.items():
        _checked(table, name, _among(column, f"{before} {new}"))
    _checked("payments", "payments_transfers_are_covered", _COVERED_OR_OWED)
    _checked("payments", "payments_paid_means_received_in_full", _PAID_OR_TAKEN)
    _checked("orders", "orders_acceptance_is_dated", _DATED_OR_GIVEN_BACK)


def downgrade():
    _checked("orders", "orders_acceptance_is_dated", _DATED)
    _checked("payments", "payments_paid_means_received_in_full", _PAID)
    _checked("payments", "payments_transfers_are_covered", _COVERED)
    for (table, column, name), (before, _) in _WORDS.items():
        _checked(table, name, _among(column, before))
    op.drop_column("payments", "fronted_minor")
    op.drop_column("payments", "outstanding_minor")
    op.drop_column("payments", "hold_alarm_days")
    op.drop_index(op.f("ix_payments_payee_clinic_id"), "payments")
    op.drop_index(op.f("ix_ledger_journals_at"), "ledger_journals")
    op.drop_table("kept_findings")
