"""A unit that was let out of every open recall of its model is of a kind of its own: it is found as what it is."""

from pathlib import Path
from runpy import run_path

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"

FUNCTIONS = {
    # Whether recalls of its model are open, and none concerns this unit.
    "recall_spares(model uuid, unit text)": """
    RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT coalesce(bool_and(NOT recall_concerns(id, unit, NULL)), false)
        FROM recall_matches WHERE model_id = model AND state = 'confirmed'
    $$
    """,
    "market_kind(sold text, seller_checked boolean, unit_spared boolean, model uuid, codes text[])": """
    RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        known integer;
    BEGIN
        SELECT id INTO known FROM market_kinds
        WHERE configuration = sold AND checked = seller_checked AND spared = unit_spared;
        IF known IS NULL THEN
            INSERT INTO market_kinds (configuration, checked, spared, model_id, modality_codes)
            VALUES (sold, seller_checked, unit_spared, model, ARRAY(SELECT unnest(codes) ORDER BY 1))
            ON CONFLICT DO NOTHING;
            SELECT id INTO known FROM market_kinds
            WHERE configuration = sold AND checked = seller_checked AND spared = unit_spared;
        END IF;
        RETURN known;
    END $$
    """,
    # A recall is opened or is over, or units are let out of it: those for sale that it concerns otherwise than before.
    "recall_move_on_market()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        recalled uuid;
    BEGIN
        IF TG_TABLE_NAME = 'recall_matches' THEN
            recalled := NEW.model_id;
        ELSE
            SELECT model_id INTO recalled FROM recall_matches WHERE id = NEW.match_id;
        END IF;
        UPDATE market_units SET kind_id = market_kind(moved.configuration, moved.checked, moved.spared,
            moved.model_id, moved.modality_codes)
        FROM (
            SELECT unit.id, unit.configuration, kind.checked, recall_spares(unit.model_id, unit.serial_normal) AS spared,
                kind.spared AS was_spared, unit.model_id, unit.modality_codes
            FROM listings unit JOIN market_units stands ON stands.listing_id = unit.id
            JOIN market_kinds kind ON kind.id = stands.kind_id
            WHERE unit.model_id = recalled AND unit.state = 'published'
            ORDER BY unit.id FOR UPDATE OF stands
        ) moved
        WHERE moved.id = listing_id AND moved.spared <> moved.was_spared;
        RETURN NULL;
    END $$
    """,
    # How a unit stands on the market; beside `market_put_all` and `recall_move_on_market` the only writer.
    "market_put(unit listings)": """
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO market_units (listing_id, published_at, kind_id, face_id, price_minor, year, used, landed, place_id,
            shots_left, words)
        VALUES (unit.id, unit.published_at, market_kind(
                unit.configuration, (SELECT seller_standing = 'verified' FROM clinics WHERE id = unit.clinic_id),
                recall_spares(unit.model_id, unit.serial_normal), unit.model_id, unit.modality_codes),
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
        INSERT INTO market_kinds (configuration, checked, spared, model_id, modality_codes)
        SELECT DISTINCT ON (configuration, seller_standing = 'verified', spared)
            configuration, seller_standing = 'verified', spared, model_id, ARRAY(SELECT unnest(modality_codes) ORDER BY 1)
        FROM listings unit JOIN clinics ON clinics.id = clinic_id CROSS JOIN LATERAL (
            SELECT unit.model_id IN (SELECT model_id FROM recall_matches WHERE recall_matches.state = 'confirmed')
                AND recall_spares(unit.model_id, serial_normal) AS spared
        ) recalls
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
        FROM listings unit JOIN clinics ON clinics.id = clinic_id CROSS JOIN LATERAL (
            SELECT unit.model_id IN (SELECT model_id FROM recall_matches WHERE recall_matches.state = 'confirmed')
                AND recall_spares(unit.model_id, serial_normal) AS spared
        ) recalls
        JOIN market_kinds kind
            ON kind.configuration = unit.configuration AND kind.checked = (seller_standing = 'verified')
            AND kind.spared = recalls.spared
        JOIN market_faces face ON face.state_code = unit.state_code AND face.grade = unit.grade
            AND face.traits = unit.traits
        LEFT JOIN market_places place ON place.latitude = unit.latitude AND place.longitude = unit.longitude
        WHERE state = 'published' AND (seller IS NULL OR clinic_id = seller)
        ON CONFLICT (listing_id) DO UPDATE SET kind_id = EXCLUDED.kind_id;
    END $$
    """,
}


def upgrade():
    op.add_column(
        "market_kinds",
        sa.Column(
            "spared", sa.Boolean(), server_default=sa.false(), nullable=False,
            comment="Recalls of its model are open, and its units were let out of every one.",
        ),
    )  # fmt: skip
    op.drop_constraint("kinds_differ", "market_kinds")
    op.create_unique_constraint("kinds_differ", "market_kinds", ["configuration", "checked", "spared"])
    op.execute("DROP FUNCTION market_kind(text, boolean, uuid, text[])")
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE OR REPLACE FUNCTION {signature} {body}")
    for table, when in (("recall_matches", "INSERT OR UPDATE"), ("recall_releases", "INSERT OR UPDATE")):
        op.execute(
            f"CREATE TRIGGER {table}_move_units AFTER {when} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION recall_move_on_market()"
        )
    op.execute("SELECT market_rebuild()")


def downgrade():
    for table in ("recall_matches", "recall_releases"):
        op.execute(f"DROP TRIGGER {table}_move_units ON {table}")
    op.execute("DELETE FROM market_units")
    for table in ("market_counts", "market_tallies", "market_kinds"):
        op.execute(f"DELETE FROM {table}")
    op.drop_constraint("kinds_differ", "market_kinds")
    op.drop_column("market_kinds", "spared")
    op.create_unique_constraint("kinds_differ", "market_kinds", ["configuration", "checked"])
    for signature in (
        "market_kind(text, boolean, boolean, uuid, text[])",
        "recall_move_on_market()",
        "recall_spares(uuid, text)",
    ):
        op.execute(f"DROP FUNCTION {signature}")
    first, faces = (
        run_path(str(Path(__file__).with_name(name)))["FUNCTIONS"] for name in ("0016_market.py", "0031_faces.py")
    )
    kind = next(name for name in first if name.startswith("market_kind("))
    op.execute(f"CREATE FUNCTION {kind} {first[kind]}")
    for name in ("market_put(unit listings)", "market_put_all(seller uuid)"):
        op.execute(f"CREATE OR REPLACE FUNCTION {name} {faces[name]}")
    op.execute("SELECT market_rebuild()")
