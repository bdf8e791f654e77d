"""What a unit costs in all is kept beside its price, for the order and the range that ask for it."""

from pathlib import Path
from runpy import run_path

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

PUT = """
    RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        kind integer := market_kind(
            unit.configuration, (SELECT seller_standing = 'verified' FROM clinics WHERE id = unit.clinic_id),
            unit.model_id, unit.modality_codes);
    BEGIN
        INSERT INTO market_units (listing_id, cell_id, kind_id, published_at, price_minor, year, used, shots_left,
            landed, latitude, longitude, state_code, grade, traits, words)
        VALUES (unit.id, market_cell(kind, unit.state_code, unit.grade, unit.traits), kind, unit.published_at,
            unit.price_minor, unit.year, coalesce(unit.life_used_percent, 2147483647), unit.shots_left,
            landed_in_all(unit.price_minor, unit.beyond_minor), unit.latitude, unit.longitude, unit.state_code,
            unit.grade, unit.traits, to_tsvector('simple', unit.search_words))
        ON CONFLICT (listing_id) DO UPDATE SET (cell_id, kind_id, published_at, price_minor, year, used, shots_left,
            landed, latitude, longitude, state_code, grade, traits, words)
            = (EXCLUDED.cell_id, EXCLUDED.kind_id, EXCLUDED.published_at, EXCLUDED.price_minor, EXCLUDED.year,
            EXCLUDED.used, EXCLUDED.shots_left, EXCLUDED.landed, EXCLUDED.latitude, EXCLUDED.longitude,
            EXCLUDED.state_code, EXCLUDED.grade, EXCLUDED.traits, EXCLUDED.words);
    END $$
"""
# What is not known sorts last, and is below no limit; what is known comes before it, however dear it is.
IN_ALL = """
    RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN beyond IS NULL THEN 2147483647 ELSE least(price::bigint + beyond, 2147483646)::int END
    $$
"""
# Once, for what is there; from then on `derived` writes it. A worn handpiece has used 80 per cent of its rated life.
FIRST = """
    UPDATE listings SET beyond_minor = coalesce(recertification_minor, 0)
    WHERE (recertification_minor IS NOT NULL OR recertification = 'no') AND (
        SELECT coalesce(bool_and(coalesce(used < 79.5, false)), false) FROM (
            SELECT CASE
                WHEN counter_unit = 'percent_left' THEN 100 - counter_value
                WHEN counter_direction = 'up' THEN 100.0 * counter_value / rated_life
                ELSE 100.0 * (rated_life - counter_value) / rated_life END AS used
            FROM listing_handpieces WHERE listing_id = listings.id
        ) part)
"""
PUT_ALL = run_path(str(Path(__file__).with_name("0023_tallies.py")))["PUT_ALL"]
PUT_ALL_LANDED = PUT_ALL.replace(
    "used, shots_left,\n            latitude, longitude", "used, shots_left,\n            landed, latitude, longitude"
).replace(
    "            shots_left, latitude,", "            shots_left, landed_in_all(price_minor, beyond_minor), latitude,"
)
ORDERS = {"ix_market_units_landed": ["landed"], "ix_market_units_kind_landed": ["kind_id", "landed"]}


def upgrade():
    op.add_column(
        "listings",
        sa.Column(
            "beyond_minor", sa.Integer(), nullable=True,
            comment="What it costs in all beyond its price, without any assumption; empty: not known.",
        ),
    )  # fmt: skip
    op.add_column(
        "market_units",
        sa.Column(
            "landed", sa.Integer(), nullable=False, server_default="2147483647",
            comment="What it costs in all; 2147483647: not known, sorts last.",
        ),
    )  # fmt: skip
    op.alter_column("market_units", "landed", server_default=None)
    op.execute(f"CREATE FUNCTION landed_in_all(price integer, beyond integer) {IN_ALL}")
    op.execute(f"CREATE OR REPLACE FUNCTION market_put(unit listings) {PUT}")
    op.execute(f"CREATE OR REPLACE FUNCTION market_put_all(seller uuid) {PUT_ALL_LANDED}")
    op.execute("ALTER TABLE listings DISABLE TRIGGER USER")
    op.execute(FIRST)
    op.execute("ALTER TABLE listings ENABLE TRIGGER USER")
    for name, columns in ORDERS.items():
        op.create_index(name, "market_units", [*columns, "listing_id"])
    op.execute("SELECT market_rebuild()")


def downgrade():
    before = run_path(str(Path(__file__).with_name("0016_market.py")))["FUNCTIONS"]
    put = "market_put(unit listings)"
    op.execute(f"CREATE OR REPLACE FUNCTION {put} {before[put]}")
    op.execute(f"CREATE OR REPLACE FUNCTION market_put_all(seller uuid) {PUT_ALL}")
    op.execute("DROP FUNCTION landed_in_all(integer, integer)")
    for name in ORDERS:
        op.drop_index(name, "market_units")
    op.drop_column("market_units", "landed")
    op.drop_column("listings", "beyond_minor")
