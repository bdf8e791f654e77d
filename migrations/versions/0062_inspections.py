"""Inspections of units before they are bought, and what inspectors signed."""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"

KINDS = ("operating", "packed", "dismantling", "packing", "special")
STATES = ("asked", "agreed", "assigned", "signed", "declined", "withdrawn", "closed")
EVENTS = ("agreed", "declined", "assigned", "signed", "withdrawn", "closed")

SIGNED = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM inspection_reports WHERE inspection_id = NEW.id AND signed_by = NEW.inspector_id
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'signed_inspection_has_its_report',
                MESSAGE = 'its inspector has signed nothing';
        END IF;
        RETURN NULL;
    END $$
"""
KEPT = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'inspection_reports_stay',
            MESSAGE = 'what an inspector signed stays as it is';
    END $$
"""


def _enum(name, values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.create_table(
        "inspectors",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("firm", sa.Text(), nullable=False, comment="For whom they work; their own name, if for themselves."),
        sa.Column("skills", sa.Text(), nullable=False, comment="What they know, and how staff found that out."),
        sa.Column("appointed_by", sa.Uuid(), nullable=False),
        sa.Column("appointed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("length(trim(firm)) > 0", name=op.f("inspectors_inspector_has_a_firm")),
        sa.CheckConstraint("length(trim(skills)) > 0", name=op.f("inspectors_inspector_has_skills")),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("inspectors_inspector_end_is_signed")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_inspectors_user_id_users")),
        sa.ForeignKeyConstraint(["appointed_by"], ["users.id"], name=op.f("fk_inspectors_appointed_by_users")),
        sa.ForeignKeyConstraint(["ended_by"], ["users.id"], name=op.f("fk_inspectors_ended_by_users")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_inspectors")),
    )
    op.create_table(
        "inspections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("asker_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _enum("inspectionkind", KINDS), nullable=False),
        sa.Column("words", sa.Text(), nullable=False, comment="What the buyer wants looked at."),
        sa.Column("state", _enum("inspectionstate", STATES), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "seller_words", sa.Text(), nullable=True, comment="Where and when the inspector may come, or why not."
        ),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("inspector_id", sa.Uuid(), nullable=True),
        sa.Column("assigned_by", sa.Uuid(), nullable=True),
        sa.Column(
            "report_id", sa.Uuid(), nullable=True, comment="What was stated of the unit when somebody was assigned."
        ),
        sa.Column("closed_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "length(trim(words)) BETWEEN 1 AND 1000", name=op.f("inspections_inspection_is_asked_in_words")
        ),
        sa.CheckConstraint(
            "state NOT IN ('agreed', 'assigned', 'signed', 'declined') OR (answered_by IS NOT NULL"
            " AND length(trim(coalesce(seller_words, ''))) > 0)",
            name=op.f("inspections_seller_answers_in_words"),
        ),
        sa.CheckConstraint(
            "(inspector_id IS NULL) = (assigned_by IS NULL) AND (inspector_id IS NULL) = (report_id IS NULL)"
            " AND (state NOT IN ('assigned', 'signed') OR inspector_id IS NOT NULL)",
            name=op.f("inspections_assigned_inspection_is_whole"),
        ),
        sa.CheckConstraint(
            "inspector_id <> asker_id AND inspector_id <> assigned_by",
            name=op.f("inspections_inspector_is_a_third_person"),
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (length(trim(coalesce(closed_because, ''))) > 0)",
            name=op.f("inspections_closed_inspection_says_why"),
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_inspections_listing_id_listings")),
        sa.ForeignKeyConstraint(["asker_id"], ["users.id"], name=op.f("fk_inspections_asker_id_users")),
        sa.ForeignKeyConstraint(["answered_by"], ["users.id"], name=op.f("fk_inspections_answered_by_users")),
        sa.ForeignKeyConstraint(
            ["inspector_id"], ["inspectors.user_id"], name=op.f("fk_inspections_inspector_id_inspectors")
        ),
        sa.ForeignKeyConstraint(["assigned_by"], ["users.id"], name=op.f("fk_inspections_assigned_by_users")),
        sa.ForeignKeyConstraint(
            ["report_id", "listing_id"],
            ["condition_reports.id", "condition_reports.listing_id"],
            name="inspection_looks_at_a_report_of_its_unit",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspections")),
    )
    op.create_index(op.f("ix_inspections_listing_id"), "inspections", ["listing_id"])
    op.create_index(op.f("ix_inspections_inspector_id"), "inspections", ["inspector_id"])
    op.create_index(
        "one_live_inspection_per_person_and_unit",
        "inspections",
        ["asker_id", "listing_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('asked', 'agreed', 'assigned')"),
    )
    op.create_table(
        "inspection_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("inspection_id", sa.Uuid(), nullable=False),
        sa.Column("event", _enum("inspectionevent", EVENTS), nullable=True),
        sa.Column("state", _enum("inspectionstate", STATES), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name=op.f("fk_inspection_moves_inspection_id_inspections")
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_inspection_moves_actor_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_moves")),
    )
    op.create_index(op.f("ix_inspection_moves_inspection_id"), "inspection_moves", ["inspection_id"])
    op.create_table(
        "inspection_reports",
        sa.Column("inspection_id", sa.Uuid(), nullable=False),
        sa.Column(
            "canonical", sa.Text(), nullable=False, comment="Canonical JSON: each line of the form, and what was found."
        ),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of `canonical` in UTF-8."),
        sa.Column("signed_by", sa.Uuid(), nullable=False),
        sa.Column("signed_name", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "digest = encode(sha256(convert_to(canonical, 'UTF8')), 'hex')",
            name=op.f("inspection_reports_inspection_digest_is_of_what_is_kept"),
        ),
        sa.CheckConstraint(
            "length(trim(signed_name)) > 0", name=op.f("inspection_reports_inspection_is_signed_with_a_name")
        ),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name=op.f("fk_inspection_reports_inspection_id_inspections")
        ),
        sa.ForeignKeyConstraint(["signed_by"], ["users.id"], name=op.f("fk_inspection_reports_signed_by_users")),
        sa.PrimaryKeyConstraint("inspection_id", name=op.f("pk_inspection_reports")),
    )
    op.execute(f"CREATE FUNCTION inspections_signed() {SIGNED}")
    op.execute(
        "CREATE TRIGGER signed_inspection_has_its_report AFTER INSERT OR UPDATE ON inspections"
        " FOR EACH ROW WHEN (NEW.state = 'signed') EXECUTE FUNCTION inspections_signed()"
    )
    op.execute(f"CREATE FUNCTION inspection_reports_stay() {KEPT}")
    op.execute(
        "CREATE TRIGGER inspection_reports_stay BEFORE UPDATE OR DELETE ON inspection_reports"
        " FOR EACH ROW EXECUTE FUNCTION inspection_reports_stay()"
    )


def downgrade():
    op.drop_table("inspection_reports")
    op.execute("DROP FUNCTION inspection_reports_stay()")
    op.drop_table("inspection_moves")
    op.drop_table("inspections")
    op.execute("DROP FUNCTION inspections_signed()")
    op.drop_table("inspectors")
