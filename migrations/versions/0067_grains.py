"""How many units each kind has on every grain of a price, a year and a life used: what the steps of ranges are made of."""

from pathlib import Path
from runpy import run_path

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None

# What moved is added to the figures of kinds with faces, to those of the answers beside their kinds, and to the grains.
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
            SELECT kind_id, face_id, price, made, used, sum(step) AS step FROM ({steps}) steps
            GROUP BY kind_id, face_id, price, made, used HAVING sum(step) <> 0
        ), kept AS (
            INSERT INTO market_counts (kind_id, face_id, shard, units)
            SELECT kind_id, face_id, mine, sum(step) FROM moved GROUP BY kind_id, face_id HAVING sum(step) <> 0
            ON CONFLICT (kind_id, face_id, shard) DO UPDATE SET units = market_counts.units + EXCLUDED.units
        ), grains AS (
            INSERT INTO market_grains (kind_id, ladder, grain, shard, units)
            SELECT kind_id, ladder, grain, mine, sum(step) FROM moved
            CROSS JOIN LATERAL (VALUES ('price', price), ('year', made), ('used', used)) stands (ladder, grain)
            WHERE grain IS NOT NULL GROUP BY kind_id, ladder, grain HAVING sum(step) <> 0
            ON CONFLICT (kind_id, ladder, grain, shard) DO UPDATE SET units = market_grains.units + EXCLUDED.units
        )
        INSERT INTO market_tallies (kind_id, answer, shard, units)
        SELECT kind_id, answer, mine, sum(step) FROM moved JOIN market_faces face ON face.id = face_id
        CROSS JOIN LATERAL unnest(ARRAY['', 'state:' || state_code, 'grade:' || grade] || traits) answer
        GROUP BY kind_id, answer HAVING sum(step) <> 0
        ON CONFLICT (kind_id, answer, shard) DO UPDATE SET units = market_tallies.units + EXCLUDED.units;
        RETURN NULL;
    END $$
"""
# $10,000 of price, a year, a quarter of a life; what is not known stands on none.
STEPS = (
    "SELECT kind_id, face_id, price_minor / 1000000 AS price, year AS made, nullif(used, 2147483647) / 25 AS used,"
    " {} AS step FROM {}"
)
ARRIVED, DEPARTED = STEPS.format(1, "arrived"), STEPS.format(-1, "departed")
COUNTING = {
    "market_count_arrivals()": MOVED.format(some="arrived", steps=ARRIVED),
    "market_count_departures()": MOVED.format(some="departed", steps=DEPARTED),
    "market_count_changes()": MOVED.format(some="arrived", steps=f"{ARRIVED} UNION ALL {DEPARTED}"),
}
REBUILD = """
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM market_units;
        DELETE FROM market_counts;
        DELETE FROM market_tallies;
        DELETE FROM market_grains;
        PERFORM market_put_all(NULL);
    END $$
"""


def upgrade():
    op.create_table(
        "market_grains",
        sa.Column("kind_id", sa.Integer(), nullable=False),
        sa.Column("ladder", sa.Text(), nullable=False, comment="price, year or used."),
        sa.Column("grain", sa.Integer(), nullable=False, comment="In whole grains of that ladder."),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind_id", "ladder", "grain", "shard", name=op.f("pk_market_grains")),
        sa.ForeignKeyConstraint(["kind_id"], ["market_kinds.id"], name=op.f("fk_market_grains_kind_id_market_kinds")),
        sa.ForeignKeyConstraint(["shard"], ["market_shards.shard"], name=op.f("fk_market_grains_shard_market_shards")),
    )
    _replace(COUNTING | {"market_rebuild()": REBUILD})
    op.execute("SELECT market_rebuild()")


def downgrade():
    tallies, faces = (run_path(str(Path(__file__).with_name(name))) for name in ("0023_tallies.py", "0031_faces.py"))
    _replace(faces["COUNTING"] | {"market_rebuild()": tallies["REBUILD"]})
    op.drop_table("market_grains")


def _replace(functions):
    for signature, body in functions.items():
        op.execute(f"CREATE OR REPLACE FUNCTION {signature} {body}")
