"""How many units each kind has beside each answer; a seller's units move at once; the first of each kind in any order."""

from pathlib import Path
from runpy import run_path

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

# What moved, by cell, is added to the figures of the cells and to those of the answers beside their kinds.
MOVED = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        mine integer;
    BEGIN
        IF NOT EXISTS (SELECT FROM {some}) THEN
            RETURN NULL;
        END IF;
        mine := market_shard();
        WITH moved AS MATERIALIZED (
            SELECT cell_id, sum(step) AS step FROM ({steps}) steps GROUP BY cell_id HAVING sum(step) <> 0
        ), kept AS (
            INSERT INTO market_counts (cell_id, shard, units) SELECT cell_id, mine, step FROM moved
            ON CONFLICT (cell_id, shard) DO UPDATE SET units = market_counts.units + EXCLUDED.units
        )
        INSERT INTO market_tallies (kind_id, answer, shard, units)
        SELECT kind_id, answer, mine, sum(step) FROM moved JOIN market_cells cell ON cell.id = cell_id
        CROSS JOIN LATERAL unnest(ARRAY['', 'state:' || state_code, 'grade:' || grade] || traits) answer
        GROUP BY kind_id, answer HAVING sum(step) <> 0
        ON CONFLICT (kind_id, answer, shard) DO UPDATE SET units = market_tallies.units + EXCLUDED.units;
        RETURN NULL;
    END $$
"""
ARRIVED, DEPARTED = "SELECT cell_id, 1 AS step FROM arrived", "SELECT cell_id, -1 AS step FROM departed"

# Kinds and cells of listings that are for sale, and how each unit stands; of one seller, or of all.
PUT_ALL = """
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO market_kinds (configuration, checked, model_id, modality_codes)
        SELECT DISTINCT ON (configuration, seller_standing = 'verified') configuration, seller_standing = 'verified',
            model_id, ARRAY(SELECT unnest(modality_codes) ORDER BY 1)
        FROM listings JOIN clinics ON clinics.id = clinic_id
        WHERE state = 'published' AND (seller IS NULL OR clinic_id = seller) ON CONFLICT DO NOTHING;
        INSERT INTO market_cells (kind_id, state_code, grade, traits)
        SELECT DISTINCT kind.id, state_code, grade, traits
        FROM listings unit JOIN clinics ON clinics.id = clinic_id JOIN market_kinds kind
            ON kind.configuration = unit.configuration AND kind.checked = (seller_standing = 'verified')
        WHERE state = 'published' AND (seller IS NULL OR clinic_id = seller) ON CONFLICT DO NOTHING;
        INSERT INTO market_units (listing_id, cell_id, kind_id, published_at, price_minor, year, used, shots_left,
            latitude, longitude, state_code, grade, traits, words)
        SELECT unit.id, cell.id, kind.id, published_at, price_minor, year, coalesce(life_used_percent, 2147483647),
            shots_left, latitude, longitude, unit.state_code, unit.grade, unit.traits,
            to_tsvector('simple', search_words)
        FROM listings unit JOIN clinics ON clinics.id = clinic_id
        JOIN market_kinds kind
            ON kind.configuration = unit.configuration AND kind.checked = (seller_standing = 'verified')
        JOIN market_cells cell ON cell.kind_id = kind.id AND cell.state_code = unit.state_code
            AND cell.grade = unit.grade AND cell.traits = unit.traits
        WHERE state = 'published' AND (seller IS NULL OR clinic_id = seller)
        ON CONFLICT (listing_id) DO UPDATE SET (cell_id, kind_id) = (EXCLUDED.cell_id, EXCLUDED.kind_id);
    END $$
"""
REBUILD = """
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM market_units;
        DELETE FROM market_counts;
        DELETE FROM market_tallies;
        PERFORM market_put_all(NULL);
    END $$
"""
SELLER_MOVES = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM market_put_all(NEW.id);
        RETURN NULL;
    END $$
"""
ORDERS = {"newest": "published_at", "price": "price_minor", "used": "used"}


def upgrade():
    op.create_table(
        "market_tallies",
        sa.Column("kind_id", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False, comment="As facet:answer; empty: all units of the kind."),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind_id", "answer", "shard", name=op.f("pk_market_tallies")),
        sa.ForeignKeyConstraint(["kind_id"], ["market_kinds.id"], name=op.f("fk_market_tallies_kind_id_market_kinds")),
        sa.ForeignKeyConstraint(["shard"], ["market_shards.shard"], name=op.f("fk_market_tallies_shard_market_shards")),
    )
    op.drop_index("ix_market_units_kind", "market_units")
    for name, column in ORDERS.items():
        op.create_index(f"ix_market_units_kind_{name}", "market_units", ["kind_id", column, "listing_id"])
    replace = "CREATE OR REPLACE FUNCTION"
    op.execute(f"{replace} market_count_arrivals() {MOVED.format(some='arrived', steps=ARRIVED)}")
    op.execute(f"{replace} market_count_departures() {MOVED.format(some='departed', steps=DEPARTED)}")
    both = f"{ARRIVED} UNION ALL {DEPARTED}"
    op.execute(f"{replace} market_count_changes() {MOVED.format(some='arrived', steps=both)}")
    op.execute(f"CREATE FUNCTION market_put_all(seller uuid) {PUT_ALL}")
    op.execute(f"{replace} market_rebuild() {REBUILD}")
    op.execute(f"{replace} seller_move_on_market() {SELLER_MOVES}")
    op.execute("SELECT market_rebuild()")


def downgrade():
    before = run_path(str(Path(__file__).with_name("0016_market.py")))["FUNCTIONS"]
    for name in ("market_rebuild()", "seller_move_on_market()", "market_count_arrivals()", "market_count_departures()",
                 "market_count_changes()"):  # fmt: skip
        op.execute(f"CREATE OR REPLACE FUNCTION {name} {before[name]}")
    op.execute("DROP FUNCTION market_put_all(uuid)")
    for name in ORDERS:
        op.drop_index(f"ix_market_units_kind_{name}", "market_units")
    op.create_index("ix_market_units_kind", "market_units", ["kind_id"])
    op.drop_table("market_tallies")
