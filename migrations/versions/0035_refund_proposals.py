"""Buyer and seller propose to each other that a part of the price go back."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def _words(name, *words):
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.create_table(
        "refund_proposals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("side", _words("side", "buyer", "seller"), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, as the other side reads it."),
        sa.Column("state", _words("proposalstate", "open", "agreed", "declined", "withdrawn"), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_minor >= 100", name=op.f("refund_proposals_proposed_part_is_of_a_dollar_or_more")),
        sa.CheckConstraint("length(trim(reason)) BETWEEN 1 AND 1000", name=op.f("refund_proposals_proposal_says_why")),
        sa.CheckConstraint(
            "(state = 'open') = (closed_at IS NULL) AND (state = 'open') = (closed_by IS NULL)",
            name=op.f("refund_proposals_proposal_is_closed_by_somebody"),
        ),
        sa.CheckConstraint(
            "state <> 'agreed' OR closed_by <> proposed_by",
            name=op.f("refund_proposals_nobody_agrees_with_themselves"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refund_proposals_order_id_orders")),
        sa.ForeignKeyConstraint(["proposed_by"], ["users.id"], name=op.f("fk_refund_proposals_proposed_by_users")),
        sa.ForeignKeyConstraint(["closed_by"], ["users.id"], name=op.f("fk_refund_proposals_closed_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_proposals")),
    )
    op.create_index(
        "one_open_proposal_per_order",
        "refund_proposals",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_refund_proposals_order_id", "refund_proposals", ["order_id"])


def downgrade():
    op.drop_table("refund_proposals")
