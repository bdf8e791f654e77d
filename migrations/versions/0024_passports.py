"""A unit's passport: readings, events and sales by maker and serial number; the list of stolen units; notes of staff."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"

EVENTS = "submitted approved sent_back recalled paused resumed reserved released sold withdrawn"
UNITS = ("shots", "pulses", "hours", "lines", "cycles", "percent_left")
KINDS = ("service", "calibration", "repair", "part_replaced", "sold_here")
KEPT = ("unit_readings", "unit_events")

FUNCTIONS = {
    "listing_is_not_stolen()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM stolen_units WHERE serial_normal = NEW.serial_normal AND withdrawn_at IS NULL
                AND (maker_id IS NULL OR maker_id = NEW.maker_id)) THEN
            RAISE EXCEPTION 'what stands on the list of stolen units stays off the market'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'stolen_units_stay_off_the_market';
        END IF;
        RETURN NEW;
    END $$
    """,
    "stolen_unit_keep()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR OLD.withdrawn_at IS NOT NULL
                OR (to_jsonb(NEW) - 'withdrawn_at' - 'withdrawn_by' - 'withdrawn_because')
                IS DISTINCT FROM (to_jsonb(OLD) - 'withdrawn_at' - 'withdrawn_by' - 'withdrawn_because') THEN
            RAISE EXCEPTION 'an entry of the list is withdrawn once, and never changed'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'stolen_units_keep_what_was_reported';
        END IF;
        RETURN NEW;
    END $$
    """,
}
# A sale that comes to nothing frees its unit whatever the list says; staff are told, and stop it.
TRIGGERS = (
    (
        "CREATE TRIGGER published_units_are_not_stolen BEFORE UPDATE OF state ON listings FOR EACH ROW"
        " WHEN (NEW.state = 'published' AND OLD.state IN ('in_review', 'paused', 'draft'))"
        " EXECUTE FUNCTION listing_is_not_stolen()"
    ),
    (
        "CREATE TRIGGER stolen_units_are_kept BEFORE UPDATE OR DELETE ON stolen_units FOR EACH ROW"
        " EXECUTE FUNCTION stolen_unit_keep()"
    ),
)


def upgrade():
    _events(f"{EVENTS} stopped")
    op.add_column(
        "listings",
        sa.Column(
            "review_notes", JSONB(), nullable=False, server_default="{}",
            comment="What staff ask to change at single places, by the step that asks for it.",
        ),
    )  # fmt: skip
    op.alter_column("listings", "review_notes", server_default=None)
    op.create_check_constraint(
        op.f("listings_review_notes_are_words"), "listings", "jsonb_typeof(review_notes) = 'object'"
    )
    op.add_column(
        "listings",
        sa.Column(
            "approved_version", sa.Integer(), nullable=True, comment="Of the condition report that was approved last."
        ),
    )
    op.create_table(
        "unit_readings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("maker_id", sa.Uuid(), nullable=False),
        sa.Column("serial_normal", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
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
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("value >= 0", name=op.f("unit_readings_reading_is_not_negative")),
        sa.ForeignKeyConstraint(["maker_id"], ["makers.id"], name=op.f("fk_unit_readings_maker_id_makers")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_unit_readings_listing_id_listings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_readings")),
        sa.UniqueConstraint("listing_id", "part", "read_on", "value", name="a_reading_is_kept_once"),
    )
    op.create_index("ix_unit_readings_unit", "unit_readings", ["maker_id", "serial_normal"])
    op.create_table(
        "unit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("maker_id", sa.Uuid(), nullable=False),
        sa.Column("serial_normal", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*KINDS, name="uniteventkind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("stated_by", sa.Uuid(), nullable=True, comment="Empty: the house itself."),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(trim(words)) > 0", name=op.f("unit_events_event_is_told")),
        sa.ForeignKeyConstraint(["maker_id"], ["makers.id"], name=op.f("fk_unit_events_maker_id_makers")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_unit_events_listing_id_listings")),
        sa.ForeignKeyConstraint(["stated_by"], ["users.id"], name=op.f("fk_unit_events_stated_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_events")),
    )
    op.create_index("ix_unit_events_unit", "unit_events", ["maker_id", "serial_normal"])
    op.create_table(
        "stolen_units",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False, comment="As the source writes it; empty: it names none."),
        sa.Column("maker_id", sa.Uuid(), nullable=True, comment="Empty: any maker with this number."),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("serial_normal", sa.Text(), nullable=False),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="Who reports it, and where: a police number, a regulator's notice.",
        ),
        sa.Column("reported_on", sa.Date(), nullable=True),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_because", sa.Text(), nullable=True),
        sa.CheckConstraint("length(serial_normal) > 0", name=op.f("stolen_units_stolen_unit_has_a_serial")),
        sa.CheckConstraint("length(trim(source)) > 0", name=op.f("stolen_units_stolen_unit_has_a_source")),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)"
            " AND (withdrawn_at IS NULL OR length(trim(coalesce(withdrawn_because, ''))) > 0)",
            name=op.f("stolen_units_withdrawal_is_signed"),
        ),
        sa.ForeignKeyConstraint(["maker_id"], ["makers.id"], name=op.f("fk_stolen_units_maker_id_makers")),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name=op.f("fk_stolen_units_added_by_users")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["users.id"], name=op.f("fk_stolen_units_withdrawn_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stolen_units")),
    )
    op.create_index(
        "stolen_units_stand_once", "stolen_units", ["maker", "serial_normal", "source"], unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )  # fmt: skip
    op.create_index("ix_stolen_units_serial", "stolen_units", ["serial_normal"])
    for table in KEPT:
        for name, when in (("is_append_only", "BEFORE UPDATE OR DELETE"), ("is_never_emptied", "BEFORE TRUNCATE")):
            each = "STATEMENT" if when.endswith("TRUNCATE") else "ROW"
            op.execute(
                f"CREATE TRIGGER {table}_{name} {when} ON {table} FOR EACH {each} EXECUTE FUNCTION refuse_change()"
            )
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade():
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature} CASCADE")
    for table in ("stolen_units", *reversed(KEPT)):
        op.drop_table(table)
    op.drop_column("listings", "approved_version")
    op.drop_column("listings", "review_notes")
    op.execute("ALTER TABLE listing_moves DISABLE TRIGGER USER")
    op.execute("DELETE FROM listing_moves WHERE event = 'stopped'")
    op.execute("ALTER TABLE listing_moves ENABLE TRIGGER USER")
    _events(EVENTS)


def _events(words):
    among = ", ".join(f"'{word}'" for word in words.split())
    op.drop_constraint(op.f("listing_moves_listingevent"), "listing_moves", type_="check")
    op.create_check_constraint(op.f("listing_moves_listingevent"), "listing_moves", f"event IN ({among})")
