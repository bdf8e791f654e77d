"""
Which units fit which questions, asked the other way round than a search: by the very conditions that find units.

A unit that is not on the market yet is looked at as the row that it would be there.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from ..extensions import reading
from . import kinds, search
from .asked import Asked, Wanted, ask, face_conditions, of_faces
from .kinds import Market

K = TypeVar("K", bound=Hashable)

# They hide the market's own rows under their names, so that every condition reads these instead.
_AS_ON_MARKET = """
    WITH candidates AS MATERIALIZED (
        SELECT row_number() OVER ()::int AS number, kind.id AS kind_id, unit.id AS listing_id, unit.published_at,
            unit.price_minor, unit.year, coalesce(unit.life_used_percent, 2147483647) AS used, unit.shots_left,
            landed_in_all(unit.price_minor, unit.beyond_minor) AS landed, unit.latitude, unit.longitude,
            unit.state_code, unit.grade, unit.traits, to_tsvector('simple', unit.search_words) AS words
        FROM unnest(%(candidates)s::uuid[], %(candidate_kinds)s::int[]) kind (listing_id, id)
        JOIN listings unit ON unit.id = kind.listing_id
    ), market_faces AS (
        SELECT number AS id, state_code, grade, traits FROM candidates
    ), market_places AS (
        SELECT number AS id, latitude, longitude FROM candidates WHERE latitude IS NOT NULL
    ), market_spots AS (
        SELECT number AS id, range_agg(one) AS spots FROM candidates
        JOIN listing_handpieces part USING (listing_id) CROSS JOIN LATERAL unnest(part.spots) one GROUP BY number
    ), market_units AS (
        SELECT listing_id, kind_id, number AS face_id, CASE WHEN latitude IS NOT NULL THEN number END AS place_id,
            number AS spot_id, published_at, price_minor, year, used, landed, shots_left, words
        FROM candidates
    )
"""


def among(wants: Iterable[tuple[K, Wanted]], units: Sequence[UUID]) -> dict[K, list[UUID]]:
    """Return which of these units, in whatever state, fit each of the wants; a statement each."""
    with reading() as connection:
        market, kind_of = kinds.of_units(connection, units)
        given = {"candidates": list(kind_of), "candidate_kinds": list(kind_of.values())}
        return {key: _fitting(connection, market, wanted, _AS_ON_MARKET, given) for key, wanted in wants}


def on_market(wanted: Wanted, most: int) -> list[UUID]:
    """Return the units on the market that fit, at most so many, those that came last first."""
    last = f"ORDER BY published_at DESC, listing_id DESC LIMIT {most:d}"
    return search.asking(lambda connection, market: _fitting(connection, market, wanted, "", {}, last))


def _fitting(
    connection: Connection, market: Market, wanted: Wanted, before: str, given: dict[str, Any], last: str = ""
) -> list[UUID]:
    asked = ask(market, wanted)
    taken = {**asked.given, **given}
    where = " AND ".join(_conditions(asked, taken)) or "true"
    # What stands in these words are names of ours; what people typed is in `taken`.
    sql = f"{before} SELECT listing_id FROM {asked.source} market_units WHERE {where} {last}"  # noqa: S608  Names of ours; values are bound.
    return [row.listing_id for row in connection.exec_driver_sql(sql, taken)]


def _conditions(asked: Asked, taken: dict[str, Any]) -> list[str]:
    faces = face_conditions(asked, taken)
    conditions = [*asked.figures, *([of_faces(faces)] if faces else ())]
    if asked.chosen_kinds is not None:
        taken["chosen_kinds"] = sorted(asked.chosen_kinds)
        conditions.append("kind_id = ANY(%(chosen_kinds)s::int[])")
    if asked.these_units:
        conditions.append(asked.these_units)
    elif "able" in taken:
        conditions.append("kind_id = ANY(%(able)s::int[])")
    return conditions
