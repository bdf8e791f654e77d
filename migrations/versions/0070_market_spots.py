"""The spot sizes of a unit stand with it on the market, as a set that many units share: narrowed by like a place."""

from pathlib import Path
from runpy import run_path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

COUNTED = ["face_id", "kind_id", "price_minor", "year", "used", "landed", "shots_left", "place_id"]
FUNCTIONS = {
    # The set of a unit's spot sizes, kept where it is new; none where none is stated.
    "market_spot(unit uuid)": """
    RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        together int4multirange;
        known integer;
    BEGIN
        SELECT range_agg(one) INTO together FROM listing_handpieces part CROSS JOIN LATERAL unnest(part.spots) one
        WHERE part.listing_id = unit;
        SELECT id INTO known FROM market_spots WHERE spots = together;
        IF known IS NULL AND together IS NOT NULL THEN
            INSERT INTO market_spots (spots) VALUES (together) ON CONFLICT DO NOTHING;
            SELECT id INTO known FROM market_spots WHERE spots = together;
        END IF;
        RETURN known;
    END $$
    """,
    # How a unit stands on the market; beside `market_put_all`, `recall_move_on_market` and
    # `handpiece_stand_on_market` the only writer.
    "market_put(unit listings)": """
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO market_units (listing_id, published_at, kind_id, face_id, price_minor, year, used, landed, place_id,
            spot_id, shots_left, words)
        VALUES (unit.id, unit.published_at, market_kind(
                unit.configuration, (SELECT seller_standing = 'verified' FROM clinics WHERE id = unit.clinic_id),
                recall_spares(unit.model_id, unit.serial_normal), unit.model_id, unit.modality_codes),
            market_face(unit.state_code, unit.grade, unit.traits), unit.price_minor, unit.year,
            coalesce(unit.life_used_percent, 2147483647), landed_in_all(unit.price_minor, unit.beyond_minor),
            market_place(unit.latitude, unit.longitude), market_spot(unit.id), unit.shots_left,
            to_tsvector('simple', unit.search_words))
        ON CONFLICT (listing_id) DO UPDATE SET (published_at, kind_id, face_id, price_minor, year, used, landed, place_id,
            spot_id, shots_left, words)
            = (EXCLUDED.published_at, EXCLUDED.kind_id, EXCLUDED.face_id, EXCLUDED.price_minor, EXCLUDED.year,
            EXCLUDED.used, EXCLUDED.landed, EXCLUDED.place_id, EXCLUDED.spot_id, EXCLUDED.shots_left, EXCLUDED.words);
    END $$
    """,
    # Kinds, faces, places and spot sizes of listings that are for sale, and how each unit stands; of a seller, or of all.
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
        INSERT INTO market_spots (spots) SELECT DISTINCT spots FROM (
            SELECT range_agg(one) AS spots FROM listing_handpieces part CROSS JOIN LATERAL unnest(part.spots) one
            JOIN listings unit ON unit.id = listing_id
            WHERE state = 'published' AND (seller IS NULL OR clinic_id = seller) GROUP BY listing_id
        ) together ON CONFLICT DO NOTHING;
        INSERT INTO market_units (listing_id, published_at, kind_id, face_id, price_minor, year, used, landed, place_id,
            spot_id, shots_left, words)
        SELECT unit.id, published_at, kind.id, face.id, price_minor, year, coalesce(life_used_percent, 2147483647),
            landed_in_all(price_minor, beyond_minor), place.id, (
                SELECT id FROM market_spots WHERE spots = (
                    SELECT range_agg(one) FROM listing_handpieces part CROSS JOIN LATERAL unnest(part.spots) one
                    WHERE part.listing_id = unit.id
                )
            ), shots_left, to_tsvector('simple', search_words)
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
    # What changes with a handpiece of a unit on the market; the change of its row names the market anew.
    "handpiece_stand_on_market()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        unit uuid := (to_jsonb(COALESCE(NEW, OLD)) ->> 'listing_id')::uuid;
    BEGIN
        IF EXISTS (SELECT FROM market_units WHERE listing_id = unit) THEN
            UPDATE market_units SET spot_id = market_spot(unit) WHERE listing_id = unit;
        END IF;
        RETURN NULL;
    END $$
    """,
}


def upgrade():
    op.create_table(
        "market_spots",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("spots", INT4MULTIRANGE(), nullable=False, comment="In hundredths of a millimetre."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_spots")),
        sa.UniqueConstraint("spots", name="spots_differ"),
    )
    op.add_column("market_units", sa.Column("spot_id", sa.Integer(), nullable=True))
    op.create_foreign_key(
        op.f("fk_market_units_spot_id_market_spots"), "market_units", "market_spots", ["spot_id"], ["id"]
    )
    _count_by([*COUNTED, "spot_id"])
    op.drop_index("ix_listing_handpieces_spots", "listing_handpieces")
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE OR REPLACE FUNCTION {signature} {body}")
    _handpieces_ask("handpiece_stand_on_market()")
    op.execute("SELECT market_rebuild()")


def downgrade():
    before = run_path(str(Path(__file__).with_name("0048_spared_kinds.py")))["FUNCTIONS"]
    for signature in ("market_put(unit listings)", "market_put_all(seller uuid)"):
        op.execute(f"CREATE OR REPLACE FUNCTION {signature} {before[signature]}")
    _handpieces_ask("market_look_different()")
    for signature in ("market_spot(uuid)", "handpiece_stand_on_market()"):
        op.execute(f"DROP FUNCTION {signature}")
    op.create_index("ix_listing_handpieces_spots", "listing_handpieces", ["spots"], postgresql_using="gist")
    _count_by(COUNTED)
    op.drop_column("market_units", "spot_id")
    op.drop_table("market_spots")


def _count_by(columns):
    op.drop_index("ix_market_units_counted", "market_units")
    op.create_index("ix_market_units_counted", "market_units", columns)


def _handpieces_ask(function):
    op.execute("DROP TRIGGER handpieces_change_the_market ON listing_handpieces")
    op.execute(
        "CREATE TRIGGER handpieces_change_the_market AFTER INSERT OR UPDATE OR DELETE ON listing_handpieces"
        f" FOR EACH ROW EXECUTE FUNCTION {function}"
    )
