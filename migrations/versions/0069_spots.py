"""Spot sizes as ranges of numbers, read out of what is stated of a handpiece: who looks for one finds it."""

from pathlib import Path
from runpy import run_path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None

# "3;6.5;8-12" in hundredths of a millimetre; both ends of each belong to it.
SPOTS = """
    RETURNS int4multirange LANGUAGE sql IMMUTABLE AS $$
        SELECT coalesce(range_agg(int4range((100 * least(low, high))::int, (100 * greatest(low, high))::int, '[]')),
            int4multirange())
        FROM regexp_split_to_table(said ->> 'spot_sizes_mm', ';') one CROSS JOIN LATERAL (
            SELECT split_part(one, '-', 1)::numeric AS low, split_part(one, '-', -1)::numeric AS high
            WHERE one ~ '^[0-9]{1,5}([.][0-9]{1,2})?(-[0-9]{1,5}([.][0-9]{1,2})?)?$'
        ) ends
    $$
"""
LOOKS = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_TABLE_NAME NOT IN ('listing_photos', 'listing_handpieces') OR EXISTS (
            SELECT FROM market_units WHERE listing_id = (to_jsonb(COALESCE(NEW, OLD)) ->> 'listing_id')::uuid
        ) THEN
            PERFORM market_shard();
        END IF;
        RETURN NULL;
    END $$
"""


def upgrade():
    op.execute(f"CREATE FUNCTION spots_of(said jsonb) {SPOTS}")
    op.add_column(
        "listing_handpieces",
        sa.Column(
            "spots", INT4MULTIRANGE(), sa.Computed("spots_of(particulars)", persisted=True), nullable=True,
            comment="Spot sizes in hundredths of a millimetre, read out of the answers.",
        ),
    )  # fmt: skip
    op.create_index("ix_listing_handpieces_spots", "listing_handpieces", ["spots"], postgresql_using="gist")
    op.execute(f"CREATE OR REPLACE FUNCTION market_look_different() {LOOKS}")
    op.execute(
        "CREATE TRIGGER handpieces_change_the_market AFTER INSERT OR UPDATE OR DELETE ON listing_handpieces"
        " FOR EACH ROW EXECUTE FUNCTION market_look_different()"
    )


def downgrade():
    op.execute("DROP TRIGGER handpieces_change_the_market ON listing_handpieces")
    before = run_path(str(Path(__file__).with_name("0016_market.py")))["FUNCTIONS"]["market_look_different()"]
    op.execute(f"CREATE OR REPLACE FUNCTION market_look_different() {before}")
    op.drop_index("ix_listing_handpieces_spots", "listing_handpieces")
    op.drop_column("listing_handpieces", "spots")
    op.execute("DROP FUNCTION spots_of(jsonb)")
