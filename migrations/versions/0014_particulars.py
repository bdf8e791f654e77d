"""What is asked of a unit by modality, the counters of its console, and what stands behind it after the sale."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"

UNITS = ("shots", "pulses", "hours", "lines", "cycles", "percent_left")
WARRANTIES = ("maker", "extended", "seller", "none")
ASKED_OF = {
    "listings": "Answers to what `fields` asks of the unit, by the key of the question.",
    "listing_handpieces": "Answers to what `fields` asks of a handpiece, by the key of the question.",
}
LIFE = "The most used {}, where rated life is known."


def upgrade():
    for table, comment in ASKED_OF.items():
        op.add_column(table, sa.Column("particulars", JSONB(), nullable=False, server_default="{}", comment=comment))
        op.alter_column(table, "particulars", server_default=None)
        op.create_check_constraint(
            op.f(f"{table}_particulars_are_answers"), table, "jsonb_typeof(particulars) = 'object'"
        )
    op.add_column(
        "listings",
        sa.Column(
            "warranty",
            sa.Enum(*WARRANTIES, name="warranty", native_enum=False, create_constraint=False, length=40),
            nullable=True,
        ),
    )
    op.add_column(
        "listings",
        sa.Column("warranty_months", sa.Integer(), nullable=True, comment="That are left for the buyer."),
    )
    op.add_column(
        "listings", sa.Column("warranty_transferable", sa.Boolean(), nullable=True, comment="Empty: not known.")
    )
    op.add_column("listings", sa.Column("warranty_provider", sa.Text(), nullable=True))
    op.add_column("listings", sa.Column("training_included", sa.Boolean(), nullable=True))
    among = ", ".join(f"'{word}'" for word in WARRANTIES)
    op.create_check_constraint(op.f("listings_warranty"), "listings", f"warranty IN ({among})")
    op.create_check_constraint(
        op.f("listings_warranty_months_are_plausible"), "listings", "warranty_months BETWEEN 1 AND 120"
    )
    op.create_check_constraint(
        op.f("listings_no_warranty_promises_nothing"),
        "listings",
        "coalesce(warranty, 'none') <> 'none' OR (warranty_months IS NULL AND warranty_transferable IS NULL"
        " AND warranty_provider IS NULL)",
    )
    op.alter_column("listings", "life_used_percent", comment=LIFE.format("part"))
    op.create_table(
        "listing_counters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column(
            "unit",
            sa.Enum(*UNITS, name="counterunit", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "direction",
            sa.Enum("up", "down", name="counterdirection", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("read_on", sa.Date(), nullable=False),
        sa.Column("rated_life", sa.Integer(), nullable=True, comment="In the counter's unit; empty: not stated."),
        sa.Column("rated_life_source", sa.Text(), nullable=True, comment="Who says so."),
        sa.CheckConstraint(
            "value >= 0 AND (unit <> 'percent_left' OR value <= 100)", name=op.f("listing_counters_value_can_be")
        ),
        sa.CheckConstraint("rated_life > 0", name=op.f("listing_counters_rated_life_is_positive")),
        sa.CheckConstraint("length(trim(part)) > 0", name=op.f("listing_counters_part_is_named")),
        sa.CheckConstraint(
            "rated_life IS NULL OR length(trim(coalesce(rated_life_source, ''))) > 0",
            name=op.f("listing_counters_rated_life_has_a_source"),
        ),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_listing_counters_listing_id_listings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_counters")),
        sa.UniqueConstraint(
            "listing_id", "position", deferrable=True, initially="DEFERRED", name="counter_positions_differ"
        ),
    )
    op.create_index(op.f("ix_listing_counters_listing_id"), "listing_counters", ["listing_id"], unique=False)


def downgrade():
    op.drop_table("listing_counters")
    op.alter_column("listings", "life_used_percent", comment=LIFE.format("handpiece"))
    for name in ("warranty", "warranty_months", "warranty_transferable", "warranty_provider", "training_included"):
        op.drop_column("listings", name)
    for table in ASKED_OF:
        op.drop_column(table, "particulars")
