"""Imports of tables of listings: the file until it is read, its devices, and what became of each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0033"
down_revision = "0032"

STATES = ("received", "checked", "writing", "done", "cancelled", "refused")
COUNTED = (
    ("units", "Devices in it; 0 until it was taken apart."),
    ("wrong", "Of them, those of which something must be repaired."),
    ("found", "Of them, those that were drafts of the clinic already."),
    ("made", "Of them, those of which a draft was made."),
    ("remarks", "Lines that were passed over."),
    ("checked_through", "The last device that was tried."),
    ("written_through", "The last device that was looked at for writing."),
)
CHECKS = {
    "size_is_within_limits": "size_bytes BETWEEN 1 AND 5242880",
    "file_is_kept_until_it_is_read": "(content IS NOT NULL) = (state = 'received' AND units = 0)",
    "refusal_is_said": "(state = 'refused') = (refusal IS NOT NULL)",
    "end_is_dated": "(state IN ('done', 'cancelled', 'refused')) = (ended_at IS NOT NULL)",
    "units_add_up": "least(wrong, found, made, remarks) >= 0 AND wrong + found + made <= units",
    "cursors_are_within_the_table": (
        "checked_through BETWEEN 0 AND units AND written_through BETWEEN 0 AND checked_through"
    ),
    "checked_is_all_of_it": ("state NOT IN ('checked', 'writing', 'done') OR (units > 0 AND checked_through = units)"),
    "done_is_all_of_it": "state <> 'done' OR (written_through = units AND wrong + found + made = units)",
}


def upgrade():
    table = "listing_imports"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("form_key", sa.Uuid(), nullable=False, comment="The form it came from; a second sending finds it."),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="importstate", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("filename", sa.Text(), nullable=False, comment="As sent; shown, never used as a path."),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True, comment="Until it is read."),
        sa.Column("header", JSONB(), nullable=False, comment="Its columns, as sent."),
        *(sa.Column(name, sa.Integer(), nullable=False, comment=comment) for name, comment in COUNTED),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.CheckConstraint(fact, name=op.f(f"{table}_{name}")) for name, fact in CHECKS.items()),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f(f"fk_{table}_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f(f"fk_{table}_created_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("form_key", name=op.f(f"uq_{table}_form_key")),
    )
    op.create_index(op.f(f"ix_{table}_clinic_id"), table, ["clinic_id"])
    op.create_index(
        "one_import_at_a_time", table, ["clinic_id"], unique=True,
        postgresql_where=sa.text("state IN ('received', 'writing')"),
    )  # fmt: skip
    table = "listing_import_units"
    op.create_table(
        table,
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, comment="Counted from 1."),
        sa.Column("rows", JSONB(), nullable=False, comment="Pairs of a row's number and its cells."),
        sa.Column(
            "form_key",
            sa.Uuid(),
            nullable=False,
            comment="Made of what the lines say: sent again, they find their draft.",
        ),
        sa.Column("problems", JSONB(), nullable=False, comment="Row, column and sentence."),
        sa.Column("found", sa.Boolean(), nullable=False, comment="The draft was there before."),
        sa.Column("listing_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "listing_id IS NULL OR problems = '[]'::jsonb", name=op.f(f"{table}_wrong_unit_has_no_draft")
        ),
        sa.CheckConstraint("NOT found OR listing_id IS NOT NULL", name=op.f(f"{table}_found_unit_has_a_draft")),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["listing_imports.id"],
            name=op.f(f"fk_{table}_import_id_listing_imports"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f(f"fk_{table}_listing_id_listings")),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f(f"pk_{table}")),
    )
    op.create_index("draft_is_made_once", table, ["listing_id"], unique=True, postgresql_where=sa.text("NOT found"))


def downgrade():
    op.drop_table("listing_import_units")
    op.drop_table("listing_imports")
