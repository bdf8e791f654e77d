"""Units, faces and places: what is chosen from lists is said once, and figures are counted from an index alone."""

from pathlib import Path
from runpy import run_path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

revision = "0031"
down_revision = "0030"

FUNCTIONS = {
    "market_face(place text, condition text, told text[])": """
    RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        known integer;
    BEGIN
        SELECT id INTO known FROM market_faces WHERE state_code = place AND grade = condition AND traits = told;
        IF known IS NULL THEN
            INSERT INTO market_faces (state_code, grade, traits) VALUES (place, condition, told)
            ON CONFLICT DO NOTHING;
            SELECT id INTO known FROM market_faces WHERE state_code = place AND grade = condition AND traits = told;
        END IF;
        RETURN known;
    END $$
    """,
    "market_place(north double precision, east double precision)": """
    RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        known integer;
    BEGIN
        SELECT id INTO known FROM market_places WHERE latitude = north AND longitude = east;
        IF known IS NULL AND north IS NOT NULL THEN
            INSERT INTO market_places (latitude, longitude) VALUES (north, east) ON CONFLICT DO NOTHING;
            SELECT id INTO known FROM market_places WHERE latitude = north AND longitude = east;
        END IF;
        RETURN known;
    END $$
    """,
    # How a unit stands on the market; beside `market_put_all` the only writer of `market_units`.
    "market_put(unit listings)": """
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO market_units (listing_id, published_at, kind_id, face_id, price_minor, year, used, landed, place_id,
            shots_left, words)
        VALUES (unit.id, unit.published_at, market_kind(
                unit.configuration, (SELECT seller_standing = 'verified' FROM clinics WHERE id = unit.clinic_id),
                unit.model_id, unit.modality_codes),
            market_face(unit.state_code, unit.grade, unit.traits), unit.price_minor, unit.year,
            coalesce(unit.life_used_percent, 2147483647), landed_in_all(unit.price_minor, unit.beyond_minor),
            market_place(unit.latitude, unit.longitude), unit.shots_left, to_tsvector('simple', unit.search_words))
        ON CONFLICT (listing_id) DO UPDATE SET (published_at, kind_id, face_id, price_minor, year, used, landed, place_id,
            shots_left, words)
            = (EXCLUDED.published_at, EXCLUDED.kind_id, EXCLUDED.face_id, EXCLUDED.price_minor, EXCLUDED.year,
            EXCLUDED.used, EXCLUDED.landed, EXCLUDED.place_id, EXCLUDED.shots_left, EXCLUDED.words);
    END $$
    """,
    # Kinds, faces and places of listings that are for sale, and how each unit stands; of one seller, or of all.
    "market_put_all(seller uuid)": """
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO market_kinds (configuration, checked, model_id, modality_codes)
        SELECT DISTINCT ON (configuration, seller_standing = 'verified') configuration, seller_standing = 'verified',
            model_id, ARRAY(SELECT unnest(modality_codes) ORDER BY 1)
        FROM listings JOIN clinics ON clinics.id = clinic_id
        WHERE state = 'published' AND (seller IS NULL OR clinic_id = seller) ON CONFLICT DO NOTHING;
        INSERT INTO market_faces (state_code, grade, traits) SELECT DISTINCT state_code, grade, traits FROM listings
        WHERE state = 'published' AND (seller IS NULL OR clinic_id = seller) ON CONFLICT DO NOTHING;
        INSERT INTO market_places (latitude, longitude) SELECT DISTINCT latitude, longitude FROM listings
        WHERE state = 'published' AND latitude IS NOT NULL AND (seller IS NULL OR clinic_id = seller)
        ON CONFLICT DO NOTHING;
        INSERT INTO market_units (listing_id, published_at, kind_id, face_id, price_minor, year, used, landed, place_id,
            shots_left, words)
        SELECT unit.id, published_at, kind.id, face.id, price_minor, year, coalesce(life_used_percent, 2147483647),
            landed_in_all(price_minor, beyond_minor), place.id, shots_left, to_tsvector('simple', search_words)
        FROM listings unit JOIN clinics ON clinics.id = clinic_id
        JOIN market_kinds kind
            ON kind.configuration = unit.configuration AND kind.checked = (seller_standing = 'verified')
        JOIN market_faces face ON face.state_code = unit.state_code AND face.grade = unit.grade
            AND face.traits = unit.traits
        LEFT JOIN market_places place ON place.latitude = unit.latitude AND place.longitude = unit.longitude
        WHERE state = 'published' AND (seller IS NULL OR clinic_id = seller)
        ON CONFLICT (listing_id) DO UPDATE SET kind_id = EXCLUDED.kind_id;
    END $$
    """,
}

# What moved is added to the figures of kinds with faces, and to those of the answers beside their kinds.
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
            SELECT kind_id, face_id, sum(step) AS step FROM ({steps}) steps
            GROUP BY kind_id, face_id HAVING sum(step) <> 0
        ), kept AS (
            INSERT INTO market_counts (kind_id, face_id, shard, units) SELECT kind_id, face_id, mine, step FROM moved
            ON CONFLICT (kind_id, face_id, shard) DO UPDATE SET units = market_counts.units + EXCLUDED.units
        )
        INSERT INTO market_tallies (kind_id, answer, shard, units)
        SELECT kind_id, answer, mine, sum(step) FROM moved JOIN market_faces face ON face.id = face_id
        CROSS JOIN LATERAL unnest(ARRAY['', 'state:' || state_code, 'grade:' || grade] || traits) answer
        GROUP BY kind_id, answer HAVING sum(step) <> 0
        ON CONFLICT (kind_id, answer, shard) DO UPDATE SET units = market_tallies.units + EXCLUDED.units;
        RETURN NULL;
    END $$
"""
ARRIVED, DEPARTED = (
    "SELECT kind_id, face_id, {} AS step FROM {}".format(*one) for one in ((1, "arrived"), (-1, "departed"))
)
COUNTING = {
    "market_count_arrivals()": MOVED.format(some="arrived", steps=ARRIVED),
    "market_count_departures()": MOVED.format(some="departed", steps=DEPARTED),
    "market_count_changes()": MOVED.format(some="arrived", steps=f"{ARRIVED} UNION ALL {DEPARTED}"),
}
ORDERS = {"newest": "published_at", "price": "price_minor", "used": "used", "landed": "landed"}


def upgrade():
    for table in ("market_units", "market_counts", "market_cells"):
        op.drop_table(table)
    op.execute("DROP FUNCTION market_cell(integer, text, text, text[])")
    op.create_table(
        "market_faces",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("state_code", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("traits", ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_faces")),
        sa.UniqueConstraint("state_code", "grade", "traits", name="faces_differ"),
    )
    op.create_table(
        "market_places",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_places")),
        sa.UniqueConstraint("latitude", "longitude", name="places_differ"),
    )
    op.create_table(
        "market_counts",
        sa.Column("kind_id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind_id", "face_id", "shard", name=op.f("pk_market_counts")),
        sa.ForeignKeyConstraint(["kind_id"], ["market_kinds.id"], name=op.f("fk_market_counts_kind_id_market_kinds")),
        sa.ForeignKeyConstraint(["face_id"], ["market_faces.id"], name=op.f("fk_market_counts_face_id_market_faces")),
        sa.ForeignKeyConstraint(["shard"], ["market_shards.shard"], name=op.f("fk_market_counts_shard_market_shards")),
    )
    op.create_table(
        "market_units",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind_id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column(
            "used", sa.Integer(), nullable=False, comment="Life used, in per cent; 2147483647: not known, sorts last."
        ),
        sa.Column(
            "landed", sa.Integer(), nullable=False, comment="What it costs in all; 2147483647: not known, sorts last."
        ),
        sa.Column("place_id", sa.Integer()),
        sa.Column("shots_left", sa.Integer()),
        sa.Column("words", TSVECTOR(), nullable=False, comment="The unit's own; those of its kind are not repeated."),
        sa.PrimaryKeyConstraint("listing_id", name=op.f("pk_market_units")),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_market_units_listing_id_listings"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["kind_id"], ["market_kinds.id"], name=op.f("fk_market_units_kind_id_market_kinds")),
        sa.ForeignKeyConstraint(["face_id"], ["market_faces.id"], name=op.f("fk_market_units_face_id_market_faces")),
        sa.ForeignKeyConstraint(
            ["place_id"], ["market_places.id"], name=op.f("fk_market_units_place_id_market_places")
        ),
    )  # fmt: skip
    _words_apart()
    op.create_index(
        "ix_market_units_price",
        "market_units",
        ["price_minor", "listing_id"],
        postgresql_include=["kind_id", "face_id"],
    )
    op.create_index("ix_market_units_place", "market_units", ["place_id", "face_id", "kind_id"])
    op.create_index(
        "ix_market_units_counted",
        "market_units",
        ["face_id", "kind_id", "price_minor", "year", "used", "landed", "shots_left", "place_id"],
    )
    _replace(FUNCTIONS | COUNTING)
    _count_by_triggers()
    op.execute("SELECT market_rebuild()")


def downgrade():
    first, tallies, landed = (
        run_path(str(Path(__file__).with_name(name)))
        for name in ("0016_market.py", "0023_tallies.py", "0029_landed.py")
    )
    for table in ("market_units", "market_counts", "market_places", "market_faces"):
        op.drop_table(table)
    op.execute("DELETE FROM market_tallies")
    op.execute("DROP FUNCTION market_face(text, text, text[])")
    op.execute("DROP FUNCTION market_place(double precision, double precision)")
    op.create_table(
        "market_cells",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("kind_id", sa.Integer(), nullable=False),
        sa.Column("state_code", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("traits", ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_cells")),
        sa.ForeignKeyConstraint(["kind_id"], ["market_kinds.id"], name=op.f("fk_market_cells_kind_id_market_kinds")),
        sa.UniqueConstraint("kind_id", "state_code", "grade", "traits", name="cells_differ"),
    )
    op.create_table(
        "market_counts",
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("cell_id", "shard", name=op.f("pk_market_counts")),
        sa.ForeignKeyConstraint(["cell_id"], ["market_cells.id"], name=op.f("fk_market_counts_cell_id_market_cells")),
        sa.ForeignKeyConstraint(["shard"], ["market_shards.shard"], name=op.f("fk_market_counts_shard_market_shards")),
    )
    op.create_table(
        "market_units",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latitude", sa.Double()),
        sa.Column("longitude", sa.Double()),
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("kind_id", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column(
            "used", sa.Integer(), nullable=False, comment="Life used, in per cent; 2147483647: not known, sorts last."
        ),
        sa.Column("shots_left", sa.Integer()),
        sa.Column(
            "landed", sa.Integer(), nullable=False, comment="What it costs in all; 2147483647: not known, sorts last."
        ),
        sa.Column("state_code", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("traits", ARRAY(sa.Text()), nullable=False),
        sa.Column("words", TSVECTOR(), nullable=False, comment="The unit's own; those of its kind are not repeated."),
        sa.PrimaryKeyConstraint("listing_id", name=op.f("pk_market_units")),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_market_units_listing_id_listings"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cell_id"], ["market_cells.id"], name=op.f("fk_market_units_cell_id_market_cells")),
        sa.ForeignKeyConstraint(["kind_id"], ["market_kinds.id"], name=op.f("fk_market_units_kind_id_market_kinds")),
    )  # fmt: skip
    _words_apart()
    op.create_index("ix_market_units_price", "market_units", ["price_minor", "listing_id"])
    op.create_index("ix_market_units_latitude", "market_units", ["latitude"])
    moved, arrived, departed = (tallies[name] for name in ("MOVED", "ARRIVED", "DEPARTED"))
    cell = next(name for name in first["FUNCTIONS"] if name.startswith("market_cell("))
    _replace(
        {
            cell: first["FUNCTIONS"][cell],
            "market_put(unit listings)": landed["PUT"],
            "market_put_all(seller uuid)": landed["PUT_ALL_LANDED"],
            "market_count_arrivals()": moved.format(some="arrived", steps=arrived),
            "market_count_departures()": moved.format(some="departed", steps=departed),
            "market_count_changes()": moved.format(some="arrived", steps=f"{arrived} UNION ALL {departed}"),
        }
    )
    _count_by_triggers()
    op.execute("SELECT market_rebuild()")


def _words_apart():
    """Keep the words apart from the row, and the indexes that both shapes of the table have."""
    op.execute("ALTER TABLE market_units ALTER COLUMN words SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE market_units SET (toast_tuple_target = 128)")
    op.create_index("ix_market_units_newest", "market_units", ["published_at", "listing_id"])
    op.create_index("ix_market_units_used", "market_units", ["used", "listing_id"])
    op.create_index("ix_market_units_landed", "market_units", ["landed", "listing_id"])
    for name, column in ORDERS.items():
        op.create_index(f"ix_market_units_kind_{name}", "market_units", ["kind_id", column, "listing_id"])
    op.create_index("ix_market_units_words", "market_units", ["words"], postgresql_using="gin")


def _replace(functions):
    for signature, body in functions.items():
        op.execute(f"CREATE OR REPLACE FUNCTION {signature} {body}")


def _count_by_triggers():
    """Put up the triggers that went with the table."""
    first = run_path(str(Path(__file__).with_name("0016_market.py")))
    for name, (table, what) in first["TRIGGERS"].items():
        if table == "market_units":
            op.execute(f"CREATE TRIGGER {name} {what}")
