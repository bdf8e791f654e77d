"""One unit as its page shows it: its handpieces, what they emit, what the reader is cleared for, who else may buy."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from flask import url_for

from ..catalog import queries as catalog
from ..clinics.queries import Site
from ..eligibility import publishing
from ..eligibility import service as eligibility
from ..eligibility.sale import Purchase
from ..eligibility.service import OfUnit, Smaller
from ..eligibility.told import Around
from ..eligibility.verdict import Verdict
from ..guides.showing import Shown
from ..kernel import clock
from ..kernel.money import Money
from ..kernel.terms import ProcedureClass
from ..kernel.wording import gettext_noop
from ..listings import fields
from ..listings.facts import CounterFacts, HandpieceFacts, ListingFacts
from ..listings.fields import Kind, Place
from ..listings.states import PhotoState
from ..listings.terms import CounterDirection, CounterUnit, Modification, Recertification, Warranty
from . import gate, photos, standpoint
from .language import gettext, ngettext
from .photos import ShownPhoto
from .phrases import listed, theirs, used_for
from .standpoint import Chip, Standpoint

MODIFICATIONS = {
    Modification.NONE: gettext_noop("Nothing but normal use"),
    Modification.SERVICED: gettext_noop("Serviced to the maker's specification"),
    Modification.REMANUFACTURED: gettext_noop("Remanufactured"),
    Modification.UNKNOWN: gettext_noop("Not known to the seller"),
}
RECERTIFICATIONS = {
    Recertification.YES: gettext_noop("The maker asks a new owner for it"),
    Recertification.NO: gettext_noop("The maker does not ask for it"),
    Recertification.UNKNOWN: gettext_noop("Not known; ask the maker before you buy"),
}
WARRANTIES = {
    Warranty.MAKER: gettext_noop("The maker’s, what is left of it"),
    Warranty.EXTENDED: gettext_noop("An extended one, bought for this device"),
    Warranty.SELLER: gettext_noop("The seller’s own"),
    Warranty.NONE: gettext_noop("None"),
}
UNITS = {
    CounterUnit.SHOTS: gettext_noop("shots"),
    CounterUnit.PULSES: gettext_noop("pulses"),
    CounterUnit.HOURS: gettext_noop("hours"),
    CounterUnit.LINES: gettext_noop("lines"),
    CounterUnit.CYCLES: gettext_noop("cycles"),
    CounterUnit.PERCENT_LEFT: gettext_noop("% left"),
}


_GOES_WITH_IT = {
    True: gettext_noop("goes with the device"),
    False: gettext_noop("ends with this owner"),
    None: gettext_noop("whether it goes with the device: ask"),
}
_TYPED = frozenset({Kind.TEXT, Kind.NOTE})


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
    particulars: list[tuple[str, str]]
    screen: ShownPhoto | None


@dataclass(frozen=True, slots=True)
class ShownCounter:
    """A row of the table of the console's counters."""

    part: str
    counter: str
    read_on: date
    rated: str
    rated_source: str | None
    life_used: int | None
    screen: ShownPhoto | None


@dataclass(frozen=True, slots=True)
class Offer:
    """The same unit without some handpieces, which the reader could buy."""

    names: str
    title: str
    price: Money | None
    url: str


@dataclass(frozen=True, slots=True)
class ShownRule:
    """Who may operate a device for one procedure in one place, and where it is written."""

    procedure: str
    ways: tuple[str, ...]
    citations: tuple[gate.ShownCitation, ...]


def judged(shown: Shown, seen: Standpoint) -> OfUnit | None:
    """
    Ask the gate about the unit, each handpiece as if it were sold alone, and less of it, for the reader.

    None: they buy nothing, or no rules are published.
    """
    if seen.around is None:
        return None
    try:
        return eligibility.of_unit(sale=shown.listing.sale, purchase=seen.around, at=clock.now(), known=shown.known)
    except publishing.NoPolicy:
        return None


def offer(listing: ListingFacts, site: Site, found: Smaller | None) -> Offer | None:
    """Return the unit without the handpieces that alone stand between the reader and it, if that was found to help."""
    return None if found is None else _offered(listing, standpoint.purchase(site), found, state=site.state)


def offer_to(listing: ListingFacts, around: Around, *, state: str) -> Offer | None:
    """Return the unit as a buyer could have it, without handpieces; None where leaving some out is no help."""
    found = eligibility.smaller(sale=listing.sale, purchase=around, at=clock.now())
    return None if found is None else _offered(listing, around.purchase, found, state=state)


def _offered(listing: ListingFacts, purchase: Purchase, found: Smaller, *, state: str) -> Offer:
    left_out = [part_id for part_id, _ in found.left_out]
    return Offer(
        names=listed(f"“{name}”" for _, name in found.left_out),
        title=gate.title(found.verdict, state),
        price=listing.price_without(left_out),
        url=url_for(
            "buying.place",
            listing=listing.id,
            site=purchase.site_id,
            operator=purchase.operator_id,
            without=left_out,
        ),
    )


def cleared_bands(listing: ListingFacts, parts: Mapping[UUID, Verdict]) -> list[Any]:
    return [
        band
        for part in listing.handpieces
        if part.id in parts and standpoint.may_operate(parts[part.id]).outcome == "yes"
        for band in listing.emitted_by(part)
    ]


def shown_handpiece(listing: ListingFacts, part: HandpieceFacts, verdict: Verdict | None) -> ShownHandpiece:
    modality = catalog.modalities()[part.modality_code]
    return ShownHandpiece(
        name=part.name,
        modality=gettext(modality.name),
        bands=listing.emitted_by(part),
        counter=_counter(part),
        read_on=part.counter_read_on,
        rated=_rated(part.rated_life, part.counter_unit),
        rated_source=part.rated_life_source,
        life_used=part.life_used,
        lets_you_do=used_for(modality),
        chip=standpoint.may_operate(verdict) if verdict else None,
        particulars=_said(Place.HANDPIECE, [part.modality_code], part.particulars),
        screen=screen_of(listing, part.id),
    )


def shown_counter(listing: ListingFacts, counter: CounterFacts) -> ShownCounter:
    """Return a counter of the console as a row of its table."""
    return ShownCounter(
        part=part_words(counter.part),
        counter=counted(counter.value, counter.unit, counter.direction),
        read_on=counter.read_on,
        rated=_rated(counter.rated_life, counter.unit),
        rated_source=counter.rated_life_source,
        life_used=counter.life_used,
        screen=screen_of(listing, counter.id),
    )


def screen_of(listing: ListingFacts, part_id: UUID) -> ShownPhoto | None:
    """Return the photo of the screen of a counter, or of a handpiece that counts, if there is a ready one."""
    photo = listing.screen_of(part_id)
    if photo is None or photo.state is not PhotoState.READY:
        return None
    return photos.shown(photo.stem, photo.alternative_text)


def particulars(listing: ListingFacts) -> list[tuple[str, str]]:
    """Return what was said of the console, as pairs of question and words."""
    codes = [*listing.model.modality_codes, *(part.modality_code for part in listing.handpieces)]
    return _said(Place.DEVICE, codes, listing.particulars)


def stated(listing: ListingFacts) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return what was said of the condition, and what was stated for a lawful sale, as pairs of question and words."""
    codes = [*listing.model.modality_codes, *(part.modality_code for part in listing.handpieces)]
    return (
        _said(Place.CONDITION, codes, listing.particulars),
        _said(Place.STATEMENT, codes, listing.particulars),
    )


def _said(place: Place, codes: Collection[str], kept: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what was said at a place, as pairs of question and words: what was typed there is the seller's own."""
    return [
        (
            gettext(field.label),
            theirs(kept[field.key]) if field.kind in _TYPED else field.written(kept[field.key], gettext),
        )
        for field in fields.asked(place, codes)
        if field.key in kept
    ]


def part_words(part: str) -> str:
    """Name a part of the console that counts, as its seller does: mostly by one of the names that we offer."""
    return gettext(part) if part in _offered_parts() else theirs(part)


@cache
def _offered_parts() -> frozenset[str]:
    return frozenset(field.label for field in fields.table() if field.place is Place.COUNTER)


def recertification(listing: ListingFacts) -> str | None:
    """Say whether the maker asks a new owner for recertification, and what was quoted for it; None: it was not said."""
    if not listing.recertification:
        return None
    answer = gettext(RECERTIFICATIONS[listing.recertification])
    if not listing.recertification_quote:
        return answer
    return gettext("%(answer)s, quoted at %(amount)s", answer=answer, amount=listing.recertification_quote)


def warranty(listing: ListingFacts) -> str | None:
    """Say which warranty the buyer gets; None: it was not said."""
    if listing.warranty is None:
        return None
    if listing.warranty is Warranty.NONE:
        return gettext("none")
    months, provider = listing.warranty_months, listing.warranty_provider
    parts = [
        gettext(WARRANTIES[listing.warranty]),
        ngettext("%(num)s month left", "%(num)s months left", months) if months else "",
        gettext("given by %(provider)s", provider=provider) if provider else "",
        gettext(_GOES_WITH_IT[listing.warranty_transferable]),
    ]
    return "; ".join(part for part in parts if part)


def _counter(part: HandpieceFacts) -> str | None:
    if part.counter_value is None:
        return None
    return counted(part.counter_value, part.counter_unit, part.counter_direction)


def counted(value: int, unit: CounterUnit | None, direction: CounterDirection | None) -> str:
    """Write what a counter shows: "400,000 shots", "40 cycles left"."""
    written = figure(value, unit)
    if direction is CounterDirection.DOWN and unit is not CounterUnit.PERCENT_LEFT:
        return gettext("%(figure)s left", figure=written)
    return written


def figure(value: int, unit: CounterUnit | None) -> str:
    """Write a figure with its unit."""
    return f"{value:,} {gettext(UNITS[unit])}" if unit else f"{value:,}"


def _rated(life: int | None, unit: CounterUnit | None) -> str:
    return gettext("not stated") if life is None else figure(life, unit)


def who_may_buy(listing: ListingFacts, state_code: str, policy_id: UUID | None) -> list[ShownRule] | None:
    """Return, for each procedure that the unit enables, who may operate it in a state; None: no rules are published."""
    if policy_id is None:
        return None
    policy = publishing.policy_of(policy_id)
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
                gettext(procedure.words),
                tuple(dict.fromkeys(way.option.name for way in ways)),
                gate.citations(cited.values()),
            )
        )
    return shown
