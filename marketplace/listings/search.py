"""
Finding units on the market, in at most four statements: what the market is now, the figures, and the page.

The figures and the kinds are remembered while nothing changes; then the page is all that is asked, in two statements.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from ..catalog.queries import Source
from ..extensions import db, reading
from ..kernel.money import Money
from . import figures as tally
from . import kinds, steps
from .asked import MILES, Asked, Cursor, Near, Sort, Wanted, ask, face_conditions, numbers, of_faces, words_asked
from .figures import Counts, NewKind
from .kinds import Market
from .ladders import Step
from .terms import Grade

__all__ = ["Card", "Configuration", "Cursor", "Found", "Near", "Sort", "Wanted", "configurations", "find", "newest"]

T = TypeVar("T")
Questions = Callable[[Wanted], Iterable[Wanted]]

PAGE_SIZE = 24
_FEW = 2_000
"""So many units are gathered and sorted; of more the first are sooner found along the order they are kept in."""


class Card(NamedTuple):
    """
    A unit among others, in the order in which the database gives it, for two dozen are made for each page.

    `photo` is the stem of its first photo's files; `miles`: from where it was asked. `alike`: the configuration whose
    every unit the gate answers as it answers this one; None: it has to be asked about this very unit.
    """

    id: UUID
    title: str
    year: int
    price_minor: int
    beyond_minor: int | None
    currency: str
    grade: Grade
    city: str
    state_code: str
    life_used_percent: int | None
    photo: str | None
    photo_text: str | None
    miles: float | None
    emits: tuple[Source, ...]
    alike: str | None

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def landed(self) -> Money | None:
        """Return what it costs in all; None: not known."""
        return None if self.beyond_minor is None else Money(self.price_minor + self.beyond_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Found:
    """
    A page of units, and how many there are.

    `counts`: by facet and answer, how many there would be with this answer chosen, all else as it is. `steps`: the same
    by range, step by step, where they were asked for. `meant`: what
    was looked for instead, because nothing has the words that were typed. `earlier`, `later`: where the next pages are.
    """

    cards: list[Card]
    total: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    meant: str | None = None
    earlier: Cursor | None = None
    later: Cursor | None = None
    steps: dict[str, tuple[Step, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the gate looks at, and one unit on the market that has it."""

    key: str
    listing_id: UUID


@dataclass(frozen=True, slots=True)
class _Order:
    key: str
    kind: str
    falling: bool = False


_ORDERS: dict[Sort, _Order] = {
    Sort.NEWEST: _Order("published_at", "timestamptz", falling=True),
    Sort.CHEAPEST: _Order("price_minor", "int"),
    Sort.DEAREST: _Order("price_minor", "int", falling=True),
    Sort.LEAST_USED: _Order("used", "int"),
    Sort.LANDED: _Order("landed", "int"),
    # What stands nobody knows where comes last: no way on the earth is so long.
    Sort.NEAREST: _Order("coalesce(spot.miles, 25000)", "float8"),
}

# Each place is measured once, however many units stand there.
_SPOTS = (
    f" LEFT JOIN (SELECT id, {MILES.format('place')} AS miles FROM market_places place OFFSET 0) spot"  # noqa: S608  Names of ours; values are bound.
    " ON spot.id = place_id"
)

_PAGE = """
    WITH page AS ({page})
    SELECT unit.id, unit.title, unit.year, unit.price_minor, unit.beyond_minor, unit.currency, unit.grade, unit.city,
        unit.state_code, unit.life_used_percent, photo.storage_key, photo.alternative_text, {miles} AS miles,
        page.kind_id, page.place
    FROM page JOIN listings unit ON unit.id = page.listing_id LEFT JOIN LATERAL (
        SELECT storage_key, alternative_text FROM listing_photos WHERE listing_id = unit.id ORDER BY position LIMIT 1
    ) photo ON true
    ORDER BY page.place {direction}, page.listing_id {direction}
"""
_CONFIGURATIONS = f"""
    SELECT {kinds.QUESTION} AS configuration, unit.listing_id FROM market_kinds kind CROSS JOIN LATERAL (
        SELECT listing_id FROM market_units WHERE kind_id = kind.id LIMIT 1
    ) unit WHERE kind.checked ORDER BY 1
"""  # noqa: S608  Its name is ours.


def find(
    wanted: Wanted,
    *,
    literally: bool = False,
    version: str | None = None,
    next_to: Questions | None = None,
    in_steps: bool = False,
) -> Found:
    """
    Return a page; where nothing has the typed words, one of what was likely meant, unless asked `literally`.

    `version`: what the market is now, where the caller has just asked for it. `next_to`: of what is looked for, what
    else will be counted; it comes with the figures. `in_steps`: the steps of ranges are counted as well.
    """
    return asking(
        lambda connection, market: _find(
            connection, market, wanted, literally=literally, next_to=next_to or (lambda _: ()), in_steps=in_steps
        ),
        version,
    )


def kept(wanted: Wanted) -> Wanted:
    """Return what is looked for without from where, by whom, and on which page: what can be kept and asked again."""
    return replace(wanted, cursor=None, configurations=None, unchecked=False, units=(), but=(), sort=Sort.NEWEST)


def newest(limit: int, *, version: str | None = None) -> list[Card]:
    """Return the units that came to the market last, in two statements; `version`: as in `find`."""
    wanted = Wanted()
    rows = asking(lambda connection, market: _rows(connection, market, wanted, ask(market, wanted), limit), version)
    return [card for card, _ in rows[:limit]]


def configurations() -> list[Configuration]:
    """Return every different question that units of verified sellers ask the gate, in one statement."""
    rows = db.session.connection().exec_driver_sql(_CONFIGURATIONS)
    return [Configuration(row.configuration, row.listing_id) for row in rows]


def version() -> str:
    """Return the name of what the market is now: another one after every change of what pages show of it."""
    with reading() as connection:
        return kinds.version(connection)


def asking(question: Callable[[Connection, Market], T], version: str | None = None) -> T:
    """Put a question to the market as it is now; once more where a new kind came between two statements."""
    with reading() as connection:
        try:
            return question(connection, kinds.market(connection, version))
        except NewKind:
            kinds.forget()
            return question(connection, kinds.market(connection))


def _find(
    connection: Connection, market: Market, wanted: Wanted, *, literally: bool, next_to: Questions, in_steps: bool
) -> Found:
    asked = ask(market, wanted)
    # What was meant is counted in the same statement: whether anything has the words is not known before.
    meant = None if literally else _meant(market, wanted.text)
    looked_for = [(wanted, asked)]
    if meant is not None:
        instead = replace(wanted, text=meant)
        looked_for.append((instead, ask(market, instead)))
    ladders = [steps.questions(market, *one) if in_steps else {} for one in looked_for]
    beside = [question for _, question in looked_for]
    beside += [ask(market, one) for another, _ in looked_for for one in next_to(another)]
    beside += [question for ladder in ladders for question in ladder.values()]
    if in_steps and asked.but_for:
        beside.append(tally.of_all(market))
    figures = tally.counts(connection, market, asked, beside=beside)
    if meant is None or figures.by_kind:
        meant = None
    else:
        wanted, asked = looked_for[-1]
        ladders = ladders[1:]
        figures = tally.counts(connection, market, asked)
        meant = meant if figures.total else None
    rows = _rows(connection, market, wanted, asked, PAGE_SIZE, figures) if figures.total else []
    more = len(rows) > PAGE_SIZE
    cursor = wanted.cursor
    if cursor is not None and cursor.back:
        rows = rows[:PAGE_SIZE][::-1]
        earlier, later = more, True
    else:
        rows = rows[:PAGE_SIZE]
        earlier, later = cursor is not None, more
    return Found(
        cards=[card for card, _ in rows],
        total=figures.total,
        counts={name: dict(answers) for name, answers in figures.by_facet.items()},
        meant=meant,
        earlier=Cursor(rows[0][1], rows[0][0].id, back=True) if rows and earlier else None,
        later=Cursor(rows[-1][1], rows[-1][0].id) if rows and later else None,
        steps=steps.counted(connection, market, ladders[0]),
    )


def _meant(market: Market, text: str) -> str | None:
    """Return the text with words that are known for those that nobody knows; None: nothing is near."""
    changed = False
    words = []
    for word in words_asked(text) or ():
        near = None if market.vocabulary.meaning(word) else market.vocabulary.meant_by(word)
        changed = changed or near is not None
        words.append(near or word)
    return " ".join(words) if changed else None


def _rows(
    connection: Connection, market: Market, wanted: Wanted, asked: Asked, limit: int, figures: Counts | None = None
) -> list[tuple[Card, str]]:
    """Return one card more than the limit, where there is one, each with what it is sorted by."""
    given: dict[str, Any] = {**asked.given, "most": limit + 1}
    faces = face_conditions(asked, given)
    conditions = [*asked.figures, *([of_faces(faces)] if faces else ())]
    present = [] if figures is None else [one for one in figures.by_kind if one in market.kinds]
    if asked.chosen_kinds is not None:
        present = [one for one in present if one in asked.chosen_kinds]
    if asked.narrows_kinds or asked.chosen_kinds is not None:
        given["present"] = numbers(present)
        conditions.append("kind_id = ANY(%(present)s::int[])")
    by_own_words = asked.whole is not None and not asked.whole.issuperset(present)
    source = f"{asked.source} market_units" if by_own_words else "market_units"
    if asked.these_units:
        conditions.append(asked.these_units)
    sort = Sort.NEWEST if wanted.sort is Sort.NEAREST and wanted.near is None else wanted.sort
    order = _ORDERS[sort]
    back = wanted.cursor is not None and wanted.cursor.back
    falling = order.falling != back
    direction = "DESC" if falling else "ASC"
    if wanted.cursor is not None:
        given |= {"place": wanted.cursor.place, "beside": wanted.cursor.listing_id}
        conditions.append(
            f"({order.key}, listing_id) {'<' if falling else '>'} (%(place)s::text::{order.kind}, %(beside)s::uuid)"
        )
    few = figures is not None and figures.total < _FEW
    if "present" in given and not few and not by_own_words and sort is not Sort.NEAREST:
        # The first of each kind in its own order, and of those the first: however the kinds lie in the order of all.
        conditions.remove("kind_id = ANY(%(present)s::int[])")
        conditions.append("kind_id = kind")
    # All that stands in these words are names of ours; what people typed is in `given`.
    where = " AND ".join(conditions) or "true"
    if sort is Sort.NEAREST:
        source += _SPOTS
    page = f"SELECT listing_id, kind_id, {order.key} AS place FROM {source} WHERE {where}"  # noqa: S608  Names of ours; values are bound.
    if few:
        page, key = f"WITH few AS MATERIALIZED ({page}) SELECT * FROM few", "place"  # noqa: S608  Names of ours; values are bound.
    elif "kind_id = kind" in conditions:
        first = f"{page} ORDER BY {order.key} {direction}, listing_id {direction} LIMIT %(most)s"
        page = f"SELECT first.* FROM unnest(%(present)s::int[]) kind CROSS JOIN LATERAL ({first}) first"  # noqa: S608  Names of ours; values are bound.
        key = "place"
    else:
        key = order.key
    page = f"{page} ORDER BY {key} {direction}, listing_id {direction} LIMIT %(most)s"
    miles = "NULL::float8" if wanted.near is None else MILES.format("unit")
    found = connection.exec_driver_sql(_PAGE.format(page=page, direction=direction, miles=miles), given).all()
    return [_card(row, market) for row in found]


def _written(place: Any) -> str:
    return place.isoformat() if isinstance(place, datetime) else repr(place)


def _card(row: Any, market: Market) -> tuple[Card, str]:
    *unit, kind_id, place = row
    kind = market.kinds.get(kind_id)
    if kind is None:
        raise NewKind
    unit[_GRADE] = _GRADES[unit[_GRADE]]
    alike = kind.configuration if kind.checked else None
    return Card._make((*unit, kind.emits, alike)), _written(place)


_GRADES = {str(one): one for one in Grade}
_GRADE = Card._fields.index("grade")
