"""Devices and searches that people watch."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"

STOP = "In the mails' link that ends it; it opens nothing else."


def upgrade():
    op.create_table(
        "watches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("seen_minor", sa.Integer(), nullable=False),
        sa.Column("sold_told", sa.Boolean(), nullable=False),
        sa.Column("stop_key", sa.Uuid(), nullable=False, comment=STOP),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_watches_user_id_users")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_watches_listing_id_listings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watches")),
        sa.UniqueConstraint("user_id", "listing_id", name="one_watch_per_person_and_device"),
        sa.UniqueConstraint("stop_key", name=op.f("uq_watches_stop_key")),
    )
    op.create_index(op.f("ix_watches_listing_id"), "watches", ["listing_id"])
    op.create_table(
        "saved_searches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("wanted", JSONB(), nullable=False),
        sa.Column(
            "cadence",
            sa.Enum("instant", "daily", "paused", name="cadence", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("stop_key", sa.Uuid(), nullable=False, comment=STOP),
        sa.Column(
            "since",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Devices that came to the market before are no news.",
        ),
        sa.CheckConstraint("length(trim(name)) BETWEEN 1 AND 100", name=op.f("saved_searches_saved_search_has_a_name")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_saved_searches_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_searches")),
        sa.UniqueConstraint("user_id", "query", name="one_saved_search_per_person_and_query"),
        sa.UniqueConstraint("stop_key", name=op.f("uq_saved_searches_stop_key")),
    )
    op.create_table(
        "saved_search_hits",
        sa.Column("search_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["search_id"],
            ["saved_searches.id"],
            name=op.f("fk_saved_search_hits_search_id_saved_searches"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_saved_search_hits_listing_id_listings")),
        sa.PrimaryKeyConstraint("search_id", "listing_id", name=op.f("pk_saved_search_hits")),
    )


def downgrade():
    for table in ("saved_search_hits", "saved_searches", "watches"):
        op.drop_table(table)
