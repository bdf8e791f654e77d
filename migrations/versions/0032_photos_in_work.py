"""
A photo is worked on behind the page: its state, and nothing is ready without its files.

A photo may be of one counter of its unit: then it shows what that counter shows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

STATES = ("waiting", "ready", "refused", "failed")
ADDED = ("state", "filename", "refusal", "counter_id", "handpiece_id")
CHECKS = {
    "listing_photos_photostate": "state IN ('waiting', 'ready', 'refused', 'failed')",
    "listing_photos_photo_has_its_dimensions": "width > 0 AND height > 0",
    "listing_photos_ready_photo_has_its_files": "(state = 'ready') = (digest IS NOT NULL)",
    "listing_photos_refused_photo_says_why": (
        "(state IN ('refused', 'failed')) = (length(trim(coalesce(refusal, ''))) > 0)"
    ),
    "listing_photos_photo_is_of_one_counter": "counter_id IS NULL OR handpiece_id IS NULL",
}
OFFERED = """
    CREATE FUNCTION listing_offers_ready_photos() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM listing_photos WHERE listing_id = NEW.id AND state <> 'ready') THEN
            RAISE EXCEPTION 'A photo of this unit is not ready.'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'offered_photos_are_ready';
        END IF;
        RETURN NEW;
    END $$
"""
KEPT = """
    CREATE FUNCTION photo_of_offered_unit_is_ready() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM listings WHERE id = NEW.listing_id AND state NOT IN ('draft', 'withdrawn')) THEN
            RAISE EXCEPTION 'The unit of this photo is offered.'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'offered_photos_stay_ready';
        END IF;
        RETURN NEW;
    END $$
"""
OF_WHOM = """
    CREATE FUNCTION photo_is_of_a_counter_of_its_unit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM listing_counters WHERE id = NEW.counter_id AND listing_id <> NEW.listing_id
            UNION ALL
            SELECT FROM listing_handpieces WHERE id = NEW.handpiece_id AND listing_id <> NEW.listing_id
        ) THEN
            RAISE EXCEPTION 'The counter is of another unit.'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'photo_is_of_a_counter_of_its_unit';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade():
    states = sa.Enum(*STATES, name="photostate", native_enum=False, create_constraint=False, length=40)
    for column in (
        sa.Column("state", states, nullable=False, server_default="ready"),
        sa.Column(
            "filename", sa.Text(), nullable=True, comment="As it was sent, to tell its seller which; empty once ready."
        ),
        sa.Column("refusal", sa.Text(), nullable=True, comment="Why it cannot be shown, for its seller."),
        sa.Column("counter_id", sa.Uuid(), nullable=True, comment="The counter whose screen it shows."),
        sa.Column("handpiece_id", sa.Uuid(), nullable=True, comment="The handpiece whose counter it shows."),
    ):
        op.add_column("listing_photos", column)
    op.alter_column("listing_photos", "state", server_default=None)
    op.alter_column(
        "listing_photos", "digest", nullable=True, comment="SHA-256 of the largest JPEG; empty until there is one."
    )
    op.alter_column("listing_photos", "width", comment="Of the largest file; until it is ready, as the sent file says.")
    for name, holds in CHECKS.items():
        op.create_check_constraint(op.f(name), "listing_photos", holds)
    for column, table, index in (
        ("counter_id", "listing_counters", "a_counter_has_one_photo"),
        ("handpiece_id", "listing_handpieces", "a_handpiece_counter_has_one_photo"),
    ):
        op.create_foreign_key(
            op.f(f"fk_listing_photos_{column}_{table}"), "listing_photos", table, [column], ["id"], ondelete="SET NULL"
        )
        op.create_index(index, "listing_photos", [column], unique=True)
    op.execute(OFFERED)
    op.execute(KEPT)
    op.execute(OF_WHOM)
    op.execute(
        "CREATE TRIGGER offered_photos_are_ready BEFORE UPDATE OF state ON listings FOR EACH ROW"
        " WHEN (OLD.state IN ('draft', 'withdrawn') AND NEW.state NOT IN ('draft', 'withdrawn'))"
        " EXECUTE FUNCTION listing_offers_ready_photos()"
    )
    op.execute(
        "CREATE TRIGGER offered_photos_stay_ready BEFORE INSERT OR UPDATE ON listing_photos FOR EACH ROW"
        " WHEN (NEW.state <> 'ready') EXECUTE FUNCTION photo_of_offered_unit_is_ready()"
    )
    op.execute(
        "CREATE TRIGGER photo_is_of_a_counter_of_its_unit BEFORE INSERT OR UPDATE ON listing_photos FOR EACH ROW"
        " WHEN (NEW.counter_id IS NOT NULL OR NEW.handpiece_id IS NOT NULL)"
        " EXECUTE FUNCTION photo_is_of_a_counter_of_its_unit()"
    )


def downgrade():
    op.execute("DROP TRIGGER photo_is_of_a_counter_of_its_unit ON listing_photos")
    op.execute("DROP TRIGGER offered_photos_stay_ready ON listing_photos")
    op.execute("DROP TRIGGER offered_photos_are_ready ON listings")
    for function in (
        "photo_is_of_a_counter_of_its_unit()",
        "photo_of_offered_unit_is_ready()",
        "listing_offers_ready_photos()",
    ):
        op.execute(f"DROP FUNCTION {function}")
    # What is still in work, or was refused, has no files that an older house could show.
    op.execute("DELETE FROM listing_photos WHERE state <> 'ready'")
    for column in ADDED:
        op.drop_column("listing_photos", column)
    op.drop_constraint(op.f("listing_photos_photo_has_its_dimensions"), "listing_photos")
    op.alter_column("listing_photos", "digest", nullable=False, comment=None)
    op.alter_column("listing_photos", "width", comment=None)
