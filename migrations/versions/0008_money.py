"""Findings about the books that are kept until they are gone, alarms about long holds, and what a wire still lacks."""

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


def downgrade():
    op.drop_column("payments", "outstanding_minor")
    op.drop_column("payments", "hold_alarm_days")
    op.drop_index(op.f("ix_ledger_journals_at"), "ledger_journals")
    op.drop_table("kept_findings")
