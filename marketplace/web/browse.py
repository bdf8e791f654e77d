"""Finding a device: the front page, the search with its filters, and the page of one unit."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from ..accounts.access import Permission
from ..catalog import queries as catalog
from ..clinics.queries import Site
from ..eligibility import service as eligibility
from ..eligibility.sale import Sale
from ..eligibility.verdict import Verdict
from ..kernel import clock
from ..kernel.errors import Invalid, NotFound
from ..kernel.money import Money, parse_money
from ..kernel.terms import STATES, ProcedureClass
from ..listings import gallery, queries, search
from ..listings.conditions import GRADES, INCLUSIONS, Included, checklist
from ..listings.queries import HandpieceFacts, ListingFacts
from ..listings.search import Card, Found, Sort, Wanted
from ..listings.states import ListingState
from ..listings.terms import CounterDirection, CounterUnit, Grade, Modification, Recertification
from . import fragments, gate, photos, standpoint
from .access import public
from .standpoint import Chip

bp = Blueprint("browse", __name__)

SORTS = {
    Sort.NEWEST: "Newest first",
    Sort.CHEAPEST: "Lowest price first",
    Sort.DEAREST: "Highest price first",
    Sort.LEAST_USED: "Least used first",
}
LIVES = {"25": "up to 25 %", "50": "up to 50 %", "75": "up to 75 %"}
LONGEST_TEXT = 200

MODIFICATIONS = {
    Modification.NONE: "Nothing but normal use",
    Modification.SERVICED: "Serviced to the maker's specification",
    Modification.REMANUFACTURED: "Remanufactured",
    Modification.UNKNOWN: "Not known to the seller",
}
RECERTIFICATIONS = {
    Recertification.YES: "The maker asks a new owner for it",
    Recertification.NO: "The maker does not ask for it",
    Recertification.UNKNOWN: "Not known; ask the maker before you buy",
}
UNITS = {
    CounterUnit.SHOTS: "shots",
    CounterUnit.PULSES: "pulses",
    CounterUnit.HOURS: "hours",
    CounterUnit.LINES: "lines",
    CounterUnit.CYCLES: "cycles",
    CounterUnit.PERCENT_LEFT: "% left",
}

_PHOTO = re.compile(r"^[0-9a-f]{2}/[0-9a-f-]{36}-(?:480|1280)\.(webp|jpg)$")
_TYPES = {"webp": "image/webp", "jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class ShownCard:
    """What the `listing_card` macro takes."""

    url: str
    title: str
    year: int
    price: Money
    grade_label: str
    counter_text: str | None
    place: str
    photo: photos.ShownPhoto | None
    bands: tuple[Any, ...]
    verdict: Chip | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a filter: how many there would be with it, and whether it is chosen."""

    value: str
    words: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class FilterChip:
    """A filter that is in force, and the address without it."""

    label: str
    remove_url: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class ShownHandpiece:
    """A row of the table of handpieces."""

    name: str
    modality: str
    bands: tuple[Any, ...]
    counter: str | None
    read_on: Any
    rated: str
    rated_source: str | None
    life_used: int | None
    lets_you_do: str
    chip: Chip | None


@dataclass(frozen=True, slots=True)
class ShownRule:
    """Who may operate a device for one procedure in one place, and where it is written."""

    procedure: str
    ways: tuple[str, ...]
    citations: tuple[gate.ShownCitation, ...]


@bp.get("/")
@public
def home() -> ResponseReturnValue:
    """Show what this house is, its search, and what came in last."""
    return render_template(
        "browse/home.html",
        cards=_shown_cards(search.newest(8), standpoint.chosen(standpoint.sites())),
        draw_card=fragments.card,
    )


@bp.get("/devices")
@public
def devices() -> ResponseReturnValue:
    """Show the units that were asked for, with the figures beside every filter."""
    wanted, ignored = _wanted(request.args)
    sites = standpoint.sites()
    site = standpoint.chosen(sites)
    qualified = site is not None and request.args.get("qualified") == "1"
    if qualified and site is not None:
        wanted = replace(wanted, configurations=_cleared_configurations(site))
    found = search.find(wanted)
    return render_template(
        "browse/devices.html",
        found=found,
        wanted=wanted,
        ignored=ignored,
        site=site,
        sites=sites,
        states=STATES,
        qualified=qualified,
        cards=_shown_cards(found.cards, site),
        facets=_facets(wanted, found),
        chips=_chips(wanted, qualified=qualified, site=site),
        sorts=SORTS,
        lives=LIVES,
        price_from=_amount(wanted.price_from),
        price_to=_amount(wanted.price_to),
        page_address=_page_address,
        draw_card=fragments.card,
        draw_filter=fragments.filter_group,
        last_page=search.LAST_PAGE,
    )


@bp.get("/devices/<uuid:listing_id>")
@public
def device(listing_id: UUID) -> ResponseReturnValue:
    """Show one unit, and what stands between the reader and it."""
    listing = queries.on_display(listing_id)
    site = standpoint.chosen(standpoint.sites())
    verdict, parts = (None, {}) if site is None else _judged(listing, site)
    state_code = site.state if site else _place_asked_for()
    return render_template(
        "browse/device.html",
        listing=listing,
        for_sale=listing.state is ListingState.PUBLISHED,
        photos=[photos.shown(photo.stem, photo.alternative_text) for photo in listing.photos],
        handpieces=[_shown_handpiece(listing, part, parts.get(part.id)) for part in listing.handpieces],
        cleared=_cleared_bands(listing, parts) if site else None,
        site=site,
        state_code=state_code,
        states=STATES,
        verdict=gate.shown(
            verdict, state=site.state, around=gate.Around(clinic_id=site.clinic_id, listing_id=listing.id)
        )
        if verdict and site
        else None,
        rules=_who_may_buy(listing, state_code) if site is None and state_code else None,
        grade=GRADES[listing.grade] if listing.grade else None,
        inclusions=[(INCLUSIONS[item], answer) for item, answer in checklist(listing.inclusions).items()],
        included=Included,
        modification=MODIFICATIONS[listing.modification] if listing.modification else None,
        recertification=RECERTIFICATIONS[listing.recertification] if listing.recertification else None,
        may_order=current_user.is_authenticated and current_user.may(Permission.ORDER_PLACE),
    )


@bp.get("/photos/<path:name>")
@public
def photo(name: str) -> ResponseReturnValue:
    """Send a file of a photo. Its name is never given to another picture, so it may be kept for ever."""
    known = _PHOTO.match(name)
    if known is None:
        raise NotFound("There is no such photo.")
    response = Response(gallery.file(name), mimetype=_TYPES[known[1]])
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def _wanted(args: MultiDict[str, str]) -> tuple[Wanted, list[str]]:
    """Read the address; what makes no sense is left out and named."""
    ignored: list[str] = []

    def number(name: str, words: str, least: int, most: int) -> int | None:
        typed = args.get(name, "").strip()
        if not typed:
            return None
        if typed.isascii() and typed.isdigit() and len(typed) <= 9 and least <= int(typed) <= most:
            return int(typed)
        ignored.append(f"{words} “{typed[:40]}”")
        return None

    def amount(name: str, words: str) -> int | None:
        typed = args.get(name, "").strip()
        if not typed:
            return None
        try:
            return parse_money(typed).minor
        except Invalid:
            ignored.append(f"{words} “{typed[:40]}”")
            return None

    modalities = catalog.modalities()
    sorts = {str(sort): sort for sort in Sort}
    return (
        Wanted(
            text=args.get("q", "").strip()[:LONGEST_TEXT],
            modalities=_known(args.getlist("modality"), modalities),
            makers=tuple(dict.fromkeys(name[:LONGEST_TEXT] for name in args.getlist("maker") if name))[:20],
            places=_known(args.getlist("state"), STATES),
            grades=tuple(Grade(value) for value in _known(args.getlist("grade"), list(Grade))),
            price_from=amount("min", "the lowest price"),
            price_to=amount("max", "the highest price"),
            year_from=number("year", "the year", 1900, 2100),
            life_to=number("life", "the life used", 0, 1000),
            sort=sorts.get(args.get("sort", ""), Sort.NEWEST),
            page=number("page", "the page", 0, 999_999_999) or 1,
        ),
        ignored,
    )


def _known(values: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    found = set(known)
    return tuple(value for value in dict.fromkeys(values) if value in found)


def _amount(minor: int | None) -> str:
    return "" if minor is None else str(Money(minor))


def _previews(sales: Sequence[Sale], site: Site) -> list[Verdict]:
    """Ask the gate about each; where no rules are published there is nothing to tell."""
    try:
        return eligibility.previews(sales=sales, purchase=standpoint.purchase(site), at=clock.now())
    except eligibility.NoPolicy:
        return []


def _cleared_configurations(site: Site) -> tuple[str, ...]:
    """Ask the gate once for every different question that units on the market ask it."""
    keys = {known.listing_id: known.key for known in search.configurations()}
    sales = queries.sales_of(keys)
    verdicts = _previews(sales, site)
    return tuple(keys[sale.listing_id] for sale, verdict in zip(sales, verdicts, strict=False) if verdict.cleared)


def _shown_cards(cards: Sequence[Card], site: Site | None) -> list[ShownCard]:
    chips: dict[UUID, Chip] = {}
    if site is not None and cards:
        sales = queries.sales_of(card.id for card in cards)
        for sale, verdict in zip(sales, _previews(sales, site), strict=False):
            chips[sale.listing_id] = Chip(str(verdict.outcome), gate.chip(verdict, site.state))
    base = url_for("browse.devices")
    return [
        ShownCard(
            url=f"{base}/{card.id}",
            title=card.title,
            year=card.year,
            price=card.price,
            grade_label=f"{card.grade} · {GRADES[card.grade].name}",
            counter_text=None if card.life_used_percent is None else f"{card.life_used_percent} % of life used",
            place=f"{card.city}, {card.state_code}",
            photo=photos.shown(card.photo, card.photo_text or "") if card.photo else None,
            bands=card.emits,
            verdict=chips.get(card.id),
        )
        for card in cards
    ]


def _facets(wanted: Wanted, found: Found) -> dict[str, tuple[Choice, ...]]:
    modalities = catalog.modalities()
    return {
        "modality": _choices(found.counts["modality"], wanted.modalities, {c: m.name for c, m in modalities.items()}),
        "maker": _choices(found.counts["maker"], wanted.makers, {name: name for name in sorted(found.counts["maker"])}),
        "state": _choices(found.counts["place"], wanted.places, STATES),
        "grade": _choices(
            found.counts["grade"],
            [str(grade) for grade in wanted.grades],
            {str(grade): f"{grade} · {meaning.name}" for grade, meaning in GRADES.items()},
        ),
    }


def _choices(counts: dict[str, int], chosen: Iterable[str], labels: Mapping[str, str]) -> tuple[Choice, ...]:
    """Return the values that find something or are chosen, in the order of their labels."""
    picked = set(chosen)
    return tuple(
        Choice(value, label, counts.get(value, 0), value in picked)
        for value, label in labels.items()
        if value in counts or value in picked
    )


def _address(pairs: Iterable[tuple[str, str]]) -> str:
    words = urlencode([(name, value) for name, value in pairs if value])
    here = f"{request.script_root}{request.path}"
    return f"{here}?{words}" if words else here


def _page_address(page: int) -> str:
    rest = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]
    return _address([*rest, ("page", str(page))])


def _chips(wanted: Wanted, *, qualified: bool, site: Site | None) -> list[FilterChip]:
    modalities = catalog.modalities()
    active: list[tuple[str, str, str]] = []
    if qualified and site is not None:
        active.append(("qualified", "1", f"Qualified for in {STATES[site.state]}"))
    if wanted.text:
        active.append(("q", wanted.text, f"“{wanted.text}”"))
    active += [("modality", code, modalities[code].name) for code in wanted.modalities]
    active += [("maker", name, name) for name in wanted.makers]
    active += [("state", code, STATES[code]) for code in wanted.places]
    active += [("grade", str(grade), f"{grade} · {GRADES[grade].name}") for grade in wanted.grades]
    if wanted.price_from is not None:
        active.append(("min", "", f"From {Money(wanted.price_from)}"))
    if wanted.price_to is not None:
        active.append(("max", "", f"Up to {Money(wanted.price_to)}"))
    if wanted.year_from is not None:
        active.append(("year", "", f"From {wanted.year_from}"))
    if wanted.life_to is not None:
        active.append(("life", "", f"Up to {wanted.life_to} % of life used"))
    given = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]
    return [
        FilterChip(
            label,
            _address(pair for pair in given if pair[0] != name or (name in _SEVERAL and pair[1] != value)),
            strong=name == "qualified",
        )
        for name, value, label in active
    ]


_SEVERAL = frozenset({"modality", "maker", "state", "grade"})


def _judged(listing: ListingFacts, site: Site) -> tuple[Verdict | None, dict[UUID, Verdict]]:
    """Ask the gate about the unit, and about each handpiece as if it were sold alone."""
    whole = listing.sale
    alone = [replace(whole, listing_id=part.id, handpieces=(part,)) for part in whole.handpieces]
    verdicts = _previews([whole, *alone], site)
    if not verdicts:
        return None, {}
    return verdicts[0], {sale.listing_id: verdict for sale, verdict in zip(alone, verdicts[1:], strict=True)}


def _cleared_bands(listing: ListingFacts, parts: dict[UUID, Verdict]) -> list[Any]:
    return [
        band
        for part in listing.handpieces
        if part.id in parts and standpoint.may_operate(parts[part.id]).outcome == "yes"
        for band in listing.emitted_by(part)
    ]


def _shown_handpiece(listing: ListingFacts, part: HandpieceFacts, verdict: Verdict | None) -> ShownHandpiece:
    modality = catalog.modalities()[part.modality_code]
    return ShownHandpiece(
        name=part.name,
        modality=modality.name,
        bands=listing.emitted_by(part),
        counter=_counter(part),
        read_on=part.counter_read_on,
        rated="not stated" if part.rated_life is None else _figure(part.rated_life, part.counter_unit),
        rated_source=part.rated_life_source,
        life_used=part.life_used,
        lets_you_do=modality.lets_you_do,
        chip=standpoint.may_operate(verdict) if verdict else None,
    )


def _counter(part: HandpieceFacts) -> str | None:
    if part.counter_value is None:
        return None
    written = _figure(part.counter_value, part.counter_unit)
    if part.counter_direction is CounterDirection.DOWN and part.counter_unit is not CounterUnit.PERCENT_LEFT:
        return f"{written} left"
    return written


def _figure(value: int, unit: CounterUnit | None) -> str:
    return f"{value:,} {UNITS[unit]}" if unit else f"{value:,}"


def _place_asked_for() -> str | None:
    asked = request.args.get("state", "")
    return asked if asked in STATES else None


def _who_may_buy(listing: ListingFacts, state_code: str) -> list[ShownRule] | None:
    """Return, for each procedure that the unit enables, who may operate it in a state; None: no rules are published."""
    try:
        policy = eligibility.published_policy().policy
    except eligibility.NoPolicy:
        return None
    modalities = catalog.modalities()
    enabled = {kind for part in listing.handpieces for kind in modalities[part.modality_code].procedure_classes}
    shown = []
    for procedure in ProcedureClass:
        if procedure not in enabled:
            continue
        ways = policy.ways(state_code, procedure)
        cited = {citation.ref: citation for way in ways for citation in way.rule.citations}
        shown.append(
            ShownRule(
                procedure.words,
                tuple(dict.fromkeys(way.option.name for way in ways)),
                gate.citations(cited.values()),
            )
        )
    return shown
