"""Moves of one moment are read in the order they were written: each has a position, as their times may be the same."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"

MOVES = ("credential_moves", "listing_moves", "order_moves", "payment_moves", "rule_review_moves", "want_moves")


def upgrade():
    for table in MOVES:
        op.add_column(table, sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False))


def downgrade():
    for table in MOVES:
        op.drop_column(table, "position")
