"""
A market of any size, the same every time, written by the database itself: a million units in a minute or two.

Every figure follows from the unit's number by the database's own hash. Some models are had far more often than others,
and their prices differ by model, as on a real market. The rows go past the triggers; the market is counted at the end.
"""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, text

from marketplace.accounts.models import User
from marketplace.catalog import queries as catalog
from marketplace.catalog import service as catalogue
from marketplace.clinics.models import Clinic
from marketplace.clinics.states import SellerBasis, SellerStanding
from marketplace.extensions import db
from marketplace.listings.conditions import configuration
from marketplace.listings.places import point_of
from marketplace.listings.terms import Modification

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PLACES = (
    ("Austin", "TX", "78701"), ("Dallas", "TX", "75201"), ("Houston", "TX", "77002"), ("Phoenix", "AZ", "85004"),
    ("Tucson", "AZ", "85701"), ("Miami", "FL", "33130"), ("Tampa", "FL", "33602"), ("Orlando", "FL", "32801"),
    ("Atlanta", "GA", "30303"), ("Reno", "NV", "89501"), ("Las Vegas", "NV", "89101"), ("Chicago", "IL", "60601"),
    ("Los Angeles", "CA", "90012"), ("San Diego", "CA", "92101"), ("Sacramento", "CA", "95814"),
    ("Seattle", "WA", "98101"), ("Spokane", "WA", "99201"), ("Denver", "CO", "80202"), ("Boise", "ID", "83702"),
    ("New York", "NY", "10001"), ("Buffalo", "NY", "14202"), ("Boston", "MA", "02108"), ("Nashville", "TN", "37201"),
    ("Charlotte", "NC", "28202"), ("Columbus", "OH", "43215"), ("Detroit", "MI", "48226"), ("Portland", "OR", "97204"),
    ("Omaha", "NE", "68102"), ("Tulsa", "OK", "74103"), ("Anchorage", "AK", "99501"),
)  # fmt: skip
STATES = {
    "TX": "texas", "AZ": "arizona", "FL": "florida", "GA": "georgia", "NV": "nevada", "IL": "illinois",
    "CA": "california", "WA": "washington", "CO": "colorado", "ID": "idaho", "NY": "new york", "MA": "massachusetts",
    "TN": "tennessee", "NC": "north carolina", "OH": "ohio", "MI": "michigan", "OR": "oregon", "NE": "nebraska",
    "OK": "oklahoma", "AK": "alaska",
}  # fmt: skip
DESCRIPTIONS = (
    "Runs as it should; lamp replaced in spring.",
    "One owner, used twice a week in a quiet practice.",
    "Sold because the room is needed. Manuals and keys are here.",
    "Cooling pump renewed last year; light scratches on the left side.",
    "Came from a clinic that closed; stored dry since.",
    "Fibre replaced, calibrated, log at hand.",
)

_RANDOM = "(hashint8extended(n, {0}) & 2147483647)"
_LISTINGS = """
    INSERT INTO listings (id, clinic_id, created_by, model_id, maker_id, title, serial, serial_normal, year, grade,
        price_minor, currency, city, state_code, postal_code, latitude, longitude, description, rx_label_present,
        id_label_present, modification, recertification, inclusions, particulars, review_notes, modality_codes,
        life_used_percent, shots_left, beyond_minor, traits, state, created_at, submitted_at, approved_by, published_at,
        form_key, search_words, configuration, warranty, training_included)
    SELECT md5('unit ' || n)::uuid, (CAST(:clinics AS uuid[]))[1 + n % 20], :person, shape.model_id,
        model.maker_id, shape.title,
        'S' || n, 'S' || n, year,
        substr('AABBBBCCD', 1 + (a % 9)::int, 1), price, 'usd', place.city, place.state_code, place.postal_code,
        place.latitude, place.longitude, told, true, true, shape.modification, 'unknown', '{{}}', '{{}}', '{{}}',
        shape.codes,
        shots / 10000, 1000000 - shots, CASE WHEN d % 2 = 0 THEN 100000 * (d % 30)::int END,
        ARRAY['warranty:' || warranty], 'published', published, published, :person,
        published, md5('form ' || n)::uuid,
        lower(place.city) || ' ' || place.state_name || ' head ' || year || ' '
            || regexp_replace(lower(told), '[^a-z ]', '', 'g'),
        shape.configuration, warranty, false
    FROM generate_series({first}, {last}) n
    CROSS JOIN LATERAL (SELECT {r1} AS a, {r2} AS b, {r3} AS c, {r4} AS d, {r5} AS e) lot
    CROSS JOIN LATERAL (
        SELECT 2008 + (b % 18)::int AS year, (c % 900000)::int AS shots,
            timestamptz '2026-01-01' + n * interval '7 seconds' AS published,
            (ARRAY['none', 'none', 'none', 'seller', 'maker'])[1 + d % 5] AS warranty
    ) told_of
    CROSS JOIN LATERAL (SELECT (CAST(:told AS text[]))[1 + d % {tellings}] AS told) said
    JOIN shapes shape ON shape.number = floor({shapes} * power((e % 1000000) / 1000000.0, 2))::int
    JOIN device_models model ON model.id = shape.model_id
    CROSS JOIN LATERAL (SELECT 10000 * (50 + (shape.number * 37) % 500 + a % 400)::int AS price) asked
    JOIN places place ON place.number = b % {places}
"""
_PARTS = """
    INSERT INTO listing_handpieces (id, listing_id, position, name, modality_code, counter_value, counter_unit,
        counter_direction, rated_life, particulars)
    SELECT md5('part ' || n || ' ' || position)::uuid, md5('unit ' || n)::uuid, position, 'Head', code,
        ({r3} % 900000)::int, 'shots', 'up', 1000000,
        jsonb_build_object('spot_sizes_mm', (ARRAY['3;6;9', '5;7;10', '6;9;12;15;18', '4-8', '12'])[1 + n % 5])
    FROM generate_series({first}, {last}) n
    CROSS JOIN LATERAL (SELECT {r5} AS e) lot
    JOIN shapes shape ON shape.number = floor({shapes} * power((e % 1000000) / 1000000.0, 2))::int
    CROSS JOIN LATERAL unnest(shape.codes) WITH ORDINALITY part (code, position)
"""
_PHOTOS = """
    INSERT INTO listing_photos (id, listing_id, position, storage_key, alternative_text, width, height, digest, state,
        shows)
    SELECT md5('photo ' || n)::uuid, md5('unit ' || n)::uuid, 1,
        left(md5('photo ' || n), 2) || '/' || md5('photo ' || n)::uuid, 'The console from the front', 1280, 960,
        repeat('0', 64), 'ready', ARRAY['front']
    FROM generate_series({first}, {last}) n
"""
BATCH = 100_000


def fill(units: int) -> None:
    """Put units on the market, spread over the real catalogue, thirty places and twenty checked sellers."""
    catalogue.load(sources=catalogue.shipped(), at=LONG_AGO)
    catalog.modalities()
    people = [
        User(name=name, email=f"{name.lower()}@example.test", password_hash="-", created_at=LONG_AGO)
        for name in ("Seller", "First", "Second")
    ]
    db.session.add_all(people)
    db.session.flush()
    checked = {
        "seller_standing": SellerStanding.VERIFIED, "seller_basis": SellerBasis.PRACTICE, "seller_evidence": "Seen.",
        "seller_checked_by": people[1].id, "seller_checked_at": LONG_AGO, "seller_first_checked_by": people[2].id,
        "seller_first_checked_at": LONG_AGO, "seller_first_evidence": "Seen.",
    }  # fmt: skip
    clinics = [
        Clinic(name=f"Clinic {number}", legal_name=f"Clinic {number} LLC", created_at=LONG_AGO, **checked)
        for number in range(20)
    ]
    db.session.add_all(clinics)
    db.session.commit()
    person, sellers, shapes = people[0].id, [clinic.id for clinic in clinics], _shapes()
    db.session.remove()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SET session_replication_role = replica"))
        _keep(connection, shapes)
        pieces: dict[str, object] = {f"r{number}": _RANDOM.format(number) for number in range(1, 6)}
        pieces |= {"shapes": len(shapes), "places": len(PLACES), "tellings": len(DESCRIPTIONS)}
        for first in range(1, units + 1, BATCH):
            pieces |= {"first": first, "last": min(first + BATCH - 1, units)}
            given = {"told": list(DESCRIPTIONS), "clinics": sellers, "person": person}
            connection.execute(text(_LISTINGS.format(**pieces)), given)
            connection.execute(text(_PARTS.format(**pieces)))
            connection.execute(text(_PHOTOS.format(**pieces)))
        connection.execute(text("SET session_replication_role = origin"))
        connection.execute(text("SELECT market_rebuild()"))
        connection.execute(text("VACUUM ANALYZE"))
        connection.invalidate()  # Its settings are not the pages'.


def _shapes() -> list[dict[str, object]]:
    """Return every model with all of its modalities and with the first alone, untouched and serviced."""
    choice = [model_id for group in catalog.models_for_choice().values() for model_id, _ in group]
    shapes: list[dict[str, object]] = []
    for model in catalog.models_by_id(choice).values():
        for codes in dict.fromkeys((model.modality_codes, model.modality_codes[:1])):
            for modification in (Modification.NONE, Modification.SERVICED):
                digest = configuration(
                    model_id=model.id, modality_codes=codes, rx_label_present=True, id_label_present=True,
                    modification=modification,
                )  # fmt: skip
                shapes.append(
                    {"model_id": model.id, "title": model.title, "codes": list(codes), "configuration": digest,
                     "modification": str(modification)}
                )  # fmt: skip
    return sorted(shapes, key=lambda shape: (UUID(str(shape["configuration"])).int * 7919) % 1_000_003)


def _keep(connection: Connection, shapes: list[dict[str, object]]) -> None:
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE shapes (number int PRIMARY KEY, model_id uuid, title text, codes text[],"
            " configuration text, modification text)"
        )
    )
    connection.execute(
        text("INSERT INTO shapes VALUES (:number, :model_id, :title, :codes, :configuration, :modification)"),
        [{"number": number, **shape} for number, shape in enumerate(shapes)],
    )
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE places (number int PRIMARY KEY, city text, state_code text, postal_code text,"
            " latitude float8, longitude float8, state_name text)"
        )
    )
    for number, (city, state_code, postal_code) in enumerate(PLACES):
        point = point_of(postal_code)
        assert point is not None
        connection.execute(
            text("INSERT INTO places VALUES (:number, :city, :state_code, :postal_code, :north, :east, :name)"),
            {"number": number, "city": city, "state_code": state_code, "postal_code": postal_code,
             "north": point.latitude, "east": point.longitude, "name": STATES[state_code]},
        )  # fmt: skip
    connection.execute(text("ANALYZE shapes"))
