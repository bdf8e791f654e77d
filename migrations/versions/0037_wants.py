"""What buyers look for, which units fit, and what sellers answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0037"
down_revision = "0036"

STATES = ("open", "paused", "closed", "expired", "removed")
EVENTS = ("paused", "resumed", "closed", "expired", "removed")
# The row is locked until the change is committed: what is held against the wants before that would be the old unit.
CHANGED = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO listings_to_match (listing_id) VALUES (NEW.id)
        ON CONFLICT (listing_id) DO UPDATE SET listing_id = EXCLUDED.listing_id;
        RETURN NULL;
    END $$
"""


def _enum(name, values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.create_table(
        "wants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=True, comment="Empty: for the person."),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column(
            "title", sa.Text(), nullable=False, comment="What is looked for, in the catalogue's words and the buyer's."
        ),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("wanted", JSONB(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, comment="For sellers of what fits; never on the public page."),
        sa.Column(
            "place",
            sa.Text(),
            nullable=False,
            comment="State where it will be used; all that strangers learn of the buyer.",
        ),
        sa.Column("until", sa.Date(), nullable=False, comment="The last day, as UTC has it."),
        sa.Column("state", _enum("wantstate", STATES), nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column(
            "stop_key", sa.Uuid(), nullable=False, comment="In the mails' link that mutes it; it opens nothing else."
        ),
        sa.Column("removed_because", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(trim(title)) BETWEEN 1 AND 200", name=op.f("wants_want_has_a_title")),
        sa.CheckConstraint("length(note) <= 500", name=op.f("wants_want_note_is_short")),
        sa.CheckConstraint("site_id IS NULL OR clinic_id IS NOT NULL", name=op.f("wants_site_is_of_a_clinic")),
        sa.CheckConstraint(
            "(state = 'removed') = (removed_because IS NOT NULL)", name=op.f("wants_removal_has_a_reason")
        ),
        sa.CheckConstraint(
            "until >= (created_at AT TIME ZONE 'UTC')::date", name=op.f("wants_want_ends_after_it_began")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_wants_user_id_users")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_wants_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["site_id"], ["clinic_sites.id"], name=op.f("fk_wants_site_id_clinic_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wants")),
        sa.UniqueConstraint("stop_key", name=op.f("uq_wants_stop_key")),
    )
    op.create_index(op.f("ix_wants_user_id"), "wants", ["user_id"])
    op.create_index("ix_wants_open", "wants", ["created_at", "id"], postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "want_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("want_id", sa.Uuid(), nullable=False),
        sa.Column("event", _enum("wantevent", EVENTS), nullable=True),
        sa.Column("state", _enum("wantstate", STATES), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True, comment="Empty: time itself."),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["want_id"], ["wants.id"], name=op.f("fk_want_moves_want_id_wants")),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_want_moves_actor_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_want_moves")),
    )
    op.create_index(op.f("ix_want_moves_want_id"), "want_moves", ["want_id"])
    op.create_table(
        "want_matches",
        sa.Column("want_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("fits", sa.Boolean(), nullable=False, comment="Now; a unit that became too dear stays on record."),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["want_id"], ["wants.id"], name=op.f("fk_want_matches_want_id_wants")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_want_matches_listing_id_listings")),
        sa.PrimaryKeyConstraint("want_id", "listing_id", name=op.f("pk_want_matches")),
    )
    op.create_index(op.f("ix_want_matches_listing_id"), "want_matches", ["listing_id"])
    op.create_table(
        "want_answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("want_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["want_id"], ["wants.id"], name=op.f("fk_want_answers_want_id_wants")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_want_answers_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_want_answers_listing_id_listings")),
        sa.ForeignKeyConstraint(["answered_by"], ["users.id"], name=op.f("fk_want_answers_answered_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_want_answers")),
        sa.UniqueConstraint("want_id", "clinic_id", name="one_answer_per_want_and_seller"),
    )
    op.create_index(op.f("ix_want_answers_listing_id"), "want_answers", ["listing_id"])
    op.create_table(
        "want_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("want_id", sa.Uuid(), nullable=False),
        sa.Column("reporter_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("length(trim(reason)) BETWEEN 1 AND 500", name=op.f("want_reports_report_says_why")),
        sa.CheckConstraint(
            "(settled_at IS NULL) = (settled_by IS NULL)", name=op.f("want_reports_settlement_is_signed")
        ),
        sa.ForeignKeyConstraint(["want_id"], ["wants.id"], name=op.f("fk_want_reports_want_id_wants")),
        sa.ForeignKeyConstraint(["reporter_id"], ["users.id"], name=op.f("fk_want_reports_reporter_id_users")),
        sa.ForeignKeyConstraint(["settled_by"], ["users.id"], name=op.f("fk_want_reports_settled_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_want_reports")),
        sa.UniqueConstraint("want_id", "reporter_id", name="one_report_per_want_and_person"),
    )
    op.create_table(
        "listings_to_match",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_listings_to_match_listing_id_listings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listing_id", name=op.f("pk_listings_to_match")),
    )
    op.execute(f"CREATE FUNCTION listing_wants_looking_at() {CHANGED}")
    op.execute(
        "CREATE TRIGGER listings_are_held_against_wants AFTER INSERT OR UPDATE ON listings"
        " FOR EACH ROW EXECUTE FUNCTION listing_wants_looking_at()"
    )


def downgrade():
    op.execute("DROP TRIGGER listings_are_held_against_wants ON listings")
    op.execute("DROP FUNCTION listing_wants_looking_at()")
    for table in ("listings_to_match", "want_reports", "want_answers", "want_matches", "want_moves", "wants"):
        op.drop_table(table)
