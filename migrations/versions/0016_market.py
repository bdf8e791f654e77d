"""The market as it is searched: a narrow row a unit, what units have in common said once, and how many there are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

revision = "0016"
down_revision = "0015"

FUNCTIONS = {
    # Whoever changes the market takes one of the shards, and keeps it until the end of the transaction. The figures
    # under its number are then this transaction's alone, so that nobody waits for anybody and nothing can deadlock.
    "market_shard()": """
    RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        taken integer;
    BEGIN
        SELECT shard INTO taken FROM market_shards ORDER BY shard LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF taken IS NULL THEN
            INSERT INTO market_shards (version) VALUES (gen_random_uuid()) RETURNING shard INTO taken;
        ELSE
            UPDATE market_shards SET version = gen_random_uuid() WHERE shard = taken;
        END IF;
        RETURN taken;
    END $$
    """,
    "market_kind(sold text, seller_checked boolean, model uuid, codes text[])": """
    RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        known integer;
    BEGIN
        SELECT id INTO known FROM market_kinds WHERE configuration = sold AND checked = seller_checked;
        IF known IS NULL THEN
            INSERT INTO market_kinds (configuration, checked, model_id, modality_codes)
            VALUES (sold, seller_checked, model, ARRAY(SELECT unnest(codes) ORDER BY 1)) ON CONFLICT DO NOTHING;
            SELECT id INTO known FROM market_kinds WHERE configuration = sold AND checked = seller_checked;
        END IF;
        RETURN known;
    END $$
    """,
    "market_cell(kind integer, place text, condition text, told text[])": """
    RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        known integer;
    BEGIN
        SELECT id INTO known FROM market_cells
        WHERE kind_id = kind AND state_code = place AND grade = condition AND traits = told;
        IF known IS NULL THEN
            INSERT INTO market_cells (kind_id, state_code, grade, traits) VALUES (kind, place, condition, told)
            ON CONFLICT DO NOTHING;
            SELECT id INTO known FROM market_cells
            WHERE kind_id = kind AND state_code = place AND grade = condition AND traits = told;
        END IF;
        RETURN known;
    END $$
    """,
    # How a unit stands on the market; the only writer of `market_units`.
    "market_put(unit listings)": """
    RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        kind integer := market_kind(
            unit.configuration, (SELECT seller_standing = 'verified' FROM clinics WHERE id = unit.clinic_id),
            unit.model_id, unit.modality_codes);
    BEGIN
        INSERT INTO market_units (listing_id, cell_id, kind_id, published_at, price_minor, year, used, shots_left,
            latitude, longitude, state_code, grade, traits, words)
        VALUES (unit.id, market_cell(kind, unit.state_code, unit.grade, unit.traits), kind, unit.published_at,
            unit.price_minor, unit.year, coalesce(unit.life_used_percent, 2147483647), unit.shots_left,
            unit.latitude, unit.longitude, unit.state_code, unit.grade, unit.traits,
            to_tsvector('simple', unit.search_words))
        ON CONFLICT (listing_id) DO UPDATE SET (cell_id, kind_id, published_at, price_minor, year, used, shots_left,
            latitude, longitude, state_code, grade, traits, words)
            = (EXCLUDED.cell_id, EXCLUDED.kind_id, EXCLUDED.published_at, EXCLUDED.price_minor, EXCLUDED.year,
            EXCLUDED.used, EXCLUDED.shots_left, EXCLUDED.latitude, EXCLUDED.longitude, EXCLUDED.state_code,
            EXCLUDED.grade, EXCLUDED.traits, EXCLUDED.words);
    END $$
    """,
    "listing_stand_on_market()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.state = 'published' THEN
            PERFORM market_put(NEW);
        ELSIF TG_OP <> 'INSERT' AND OLD.state = 'published' THEN
            DELETE FROM market_units WHERE listing_id = OLD.id;
        ELSE
            RETURN NULL;
        END IF;
        PERFORM market_shard();
        RETURN NULL;
    END $$
    """,
    "market_count_arrivals()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM arrived) THEN
            INSERT INTO market_counts (cell_id, shard, units)
            SELECT cell_id, (SELECT market_shard()), count(*) FROM arrived GROUP BY cell_id
            ON CONFLICT (cell_id, shard) DO UPDATE SET units = market_counts.units + EXCLUDED.units;
        END IF;
        RETURN NULL;
    END $$
    """,
    "market_count_departures()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM departed) THEN
            INSERT INTO market_counts (cell_id, shard, units)
            SELECT cell_id, (SELECT market_shard()), -count(*) FROM departed GROUP BY cell_id
            ON CONFLICT (cell_id, shard) DO UPDATE SET units = market_counts.units + EXCLUDED.units;
        END IF;
        RETURN NULL;
    END $$
    """,
    "market_count_changes()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM arrived) THEN
            INSERT INTO market_counts (cell_id, shard, units)
            SELECT cell_id, (SELECT market_shard()), sum(step)
            FROM (SELECT cell_id, 1 AS step FROM arrived UNION ALL SELECT cell_id, -1 FROM departed) moved
            GROUP BY cell_id HAVING sum(step) <> 0
            ON CONFLICT (cell_id, shard) DO UPDATE SET units = market_counts.units + EXCLUDED.units;
        END IF;
        RETURN NULL;
    END $$
    """,
    # A unit's kind says whether its seller was checked.
    "seller_move_on_market()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM market_put(listings) FROM listings WHERE clinic_id = NEW.id AND state = 'published';
        RETURN NULL;
    END $$
    """,
    # A photo, or a word of the catalogue: nothing is counted anew, but pages look different.
    "market_look_different()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_TABLE_NAME <> 'listing_photos' OR EXISTS (
            SELECT FROM market_units WHERE listing_id = (to_jsonb(COALESCE(NEW, OLD)) ->> 'listing_id')::uuid
        ) THEN
            PERFORM market_shard();
        END IF;
        RETURN NULL;
    END $$
    """,
    # Everything anew, in a few statements: after a large load that went past the triggers.
    "market_rebuild()": """
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM market_units;
        DELETE FROM market_counts;
        INSERT INTO market_kinds (configuration, checked, model_id, modality_codes)
        SELECT DISTINCT ON (configuration, seller_standing = 'verified') configuration, seller_standing = 'verified',
            model_id, ARRAY(SELECT unnest(modality_codes) ORDER BY 1)
        FROM listings JOIN clinics ON clinics.id = clinic_id WHERE state = 'published' ON CONFLICT DO NOTHING;
        INSERT INTO market_cells (kind_id, state_code, grade, traits)
        SELECT DISTINCT kind.id, state_code, grade, traits
        FROM listings unit JOIN clinics ON clinics.id = clinic_id JOIN market_kinds kind
            ON kind.configuration = unit.configuration AND kind.checked = (seller_standing = 'verified')
        WHERE state = 'published' ON CONFLICT DO NOTHING;
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
        WHERE state = 'published';
    END $$
    """,
    # The way between two points of the earth along its surface, in miles; the haversine on a globe of 3,958.8 miles.
    # Of places in the United States: nothing lies opposite anything, and the sine stays below one.
    "miles_between(lat_1 double precision, long_1 double precision, lat_2 double precision, long_2 double precision)": """
    RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT 7917.6 * asin(sqrt(
            power(sin(radians(lat_2 - lat_1) / 2), 2)
            + cos(radians(lat_1)) * cos(radians(lat_2)) * power(sin(radians(long_2 - long_1) / 2), 2)))
    $$
    """,
}  # fmt: skip

TRIGGERS = {
    "listings_stand_on_the_market": (
        "listings",
        "AFTER INSERT OR UPDATE ON listings FOR EACH ROW EXECUTE FUNCTION listing_stand_on_market()",
    ),
    "market_units_arrive": (
        "market_units",
        (
            "AFTER INSERT ON market_units REFERENCING NEW TABLE AS arrived"
            " FOR EACH STATEMENT EXECUTE FUNCTION market_count_arrivals()"
        ),
    ),
    "market_units_depart": (
        "market_units",
        (
            "AFTER DELETE ON market_units REFERENCING OLD TABLE AS departed"
            " FOR EACH STATEMENT EXECUTE FUNCTION market_count_departures()"
        ),
    ),
    "market_units_change": (
        "market_units",
        (
            "AFTER UPDATE ON market_units REFERENCING OLD TABLE AS departed NEW TABLE AS arrived"
            " FOR EACH STATEMENT EXECUTE FUNCTION market_count_changes()"
        ),
    ),
    "sellers_move_on_the_market": (
        "clinics",
        (
            "AFTER UPDATE OF seller_standing ON clinics FOR EACH ROW"
            " WHEN ((OLD.seller_standing = 'verified') <> (NEW.seller_standing = 'verified'))"
            " EXECUTE FUNCTION seller_move_on_market()"
        ),
    ),
    "photos_change_the_market": (
        "listing_photos",
        "AFTER INSERT OR UPDATE OR DELETE ON listing_photos FOR EACH ROW EXECUTE FUNCTION market_look_different()",
    ),
    **{
        f"{table}_change_the_market": (
            table,
            f"AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION market_look_different()",
        )
        for table in ("makers", "device_models", "modalities", "recall_matches")
    },
}


def upgrade():
    op.add_column("listings", sa.Column("postal_code", sa.Text(), comment="ZIP code of where the unit stands."))
    op.add_column(
        "listings",
        sa.Column("latitude", sa.Double(), comment="Of the middle of its ZIP code's area; empty: not known."),
    )
    op.add_column("listings", sa.Column("longitude", sa.Double()))
    op.add_column(
        "listings",
        sa.Column(
            "shots_left", sa.Integer(), comment="Of the part with the fewest, where rated life is known."
        ),
    )  # fmt: skip
    op.add_column(
        "listings",
        sa.Column(
            "traits", ARRAY(sa.Text()), server_default="{}", nullable=False,
            comment="What else it can be filtered by, each as kind:value; few different ones, in order.",
        ),
    )  # fmt: skip
    op.create_check_constraint(op.f("listings_postal_code_is_a_zip"), "listings", "postal_code ~ '^[0-9]{5}$'")
    op.create_check_constraint(op.f("listings_point_is_whole"), "listings", "(latitude IS NULL) = (longitude IS NULL)")
    for index in ("search", "price", "modalities"):
        op.drop_index(f"ix_listings_{index}", "listings")
    op.drop_column("listings", "search")
    op.create_table(
        "market_kinds",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.Column("checked", sa.Boolean(), nullable=False, comment="Whether the seller is a verified one."),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("modality_codes", ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_kinds")),
        sa.ForeignKeyConstraint(
            ["model_id"], ["device_models.id"], name=op.f("fk_market_kinds_model_id_device_models")
        ),
        sa.UniqueConstraint("configuration", "checked", name="kinds_differ"),
    )  # fmt: skip
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
        "market_shards",
        sa.Column("shard", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_market_shards")),
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
    # The words stand apart from the row: whoever counts rows does not read them.
    op.execute("ALTER TABLE market_units ALTER COLUMN words SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE market_units SET (toast_tuple_target = 128)")
    op.create_index("ix_market_units_newest", "market_units", ["published_at", "listing_id"])
    op.create_index("ix_market_units_price", "market_units", ["price_minor", "listing_id"])
    op.create_index("ix_market_units_used", "market_units", ["used", "listing_id"])
    op.create_index("ix_market_units_kind", "market_units", ["kind_id"])
    op.create_index("ix_market_units_latitude", "market_units", ["latitude"])
    op.create_index("ix_market_units_words", "market_units", ["words"], postgresql_using="gin")
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    for name, (_, what) in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {what}")
    op.execute("SELECT market_rebuild()")


def downgrade():
    for name, (table, _) in TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
    for table in ("market_units", "market_counts", "market_shards", "market_cells", "market_kinds"):
        op.drop_table(table)
    op.add_column(
        "listings",
        sa.Column(
            "search", TSVECTOR(), sa.Computed("to_tsvector('simple', search_words)", persisted=True), nullable=False
        ),
    )
    op.create_index("ix_listings_search", "listings", ["search"], postgresql_using="gin")
    op.create_index("ix_listings_modalities", "listings", ["modality_codes"], postgresql_using="gin")
    op.create_index("ix_listings_price", "listings", ["price_minor"], postgresql_where=sa.text("state = 'published'"))
    for constraint in ("postal_code_is_a_zip", "point_is_whole"):
        op.drop_constraint(op.f(f"listings_{constraint}"), "listings", type_="check")
    for column in ("traits", "shots_left", "longitude", "latitude", "postal_code"):
        op.drop_column("listings", column)
