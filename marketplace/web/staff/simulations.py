"""What publishing a draft would change, as staff see it before they sign: who, which units, why, and the cure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ...accounts import queries as accounts
from ...accounts.access import Permission
from ...eligibility import editing
from ...eligibility.simulating import Flip, OrderFlip, Simulation, SituationFlip
from ...eligibility.verdict import Objection
from ...kernel import clock
from ...kernel.spreadsheets import csv_of
from ...kernel.terms import STATES
from ...listings import queries as listings
from ...orders import simulating
from .. import gate, tables
from ..access import requires
from ..gate import Around, ShownObjection

bp = Blueprint("staff_simulations", __name__, url_prefix="/staff/policy")

PER_PAGE = 25
MOST_NAMED = 10
"""Devices of one person that a page names; the table has all of them."""

COLUMNS = ("what", "who", "where", "device", "address", "becomes", "reason", "sentence", "cures", "written in")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of one of the lists; `name` is its parameter in the address."""

    name: str
    shown: Sequence[T]
    total: int
    number: int
    pages: int


@bp.get("/<uuid:version_id>/simulation")
@requires(Permission.POLICY_READ)
def simulation(version_id: UUID) -> ResponseReturnValue:
    """Show which units, orders and people would change sides if the version were published now."""
    found = simulating.simulate(version_id=version_id, at=clock.now())
    people, orders = _page("people", found.flips), _page("orders", found.orders)
    situations = _page("situations", found.vectors)
    named = [listing for flip in people.shown for listing in flip.listing_ids[:MOST_NAMED]]
    turned = {page.name: page.number for page in (people, orders, situations) if page.number > 1}
    return render_template(
        "staff/policy_simulation.html",
        version=editing.version(version_id),
        found=found,
        people=people,
        orders=orders,
        situations=situations,
        most_named=MOST_NAMED,
        titles=listings.titles_of([*named, *(flip.listing_id for flip in orders.shown)]),
        buyers=accounts.people({flip.buyer_id for flip in orders.shown}),
        why=_why,
        address=lambda name: lambda number: url_for(".simulation", version_id=version_id, **{**turned, name: number}),
    )


@bp.get("/<uuid:version_id>/simulation.csv")
@requires(Permission.POLICY_READ)
def table(version_id: UUID) -> ResponseReturnValue:
    """Send all of it as a table: a row for each thing that stands against each unit, order and situation."""
    found = simulating.simulate(version_id=version_id, at=clock.now())
    units = {listing for flip in found.flips for listing in flip.listing_ids}
    titles = listings.titles_of(units | {flip.listing_id for flip in found.orders})
    number = editing.version(version_id).number
    return tables.download(f"simulation-of-version-{number}.csv", csv_of(COLUMNS, _rows(found, titles)))


def _page(name: str, all_: Sequence[T]) -> Page[T]:
    pages = max(1, -(-len(all_) // PER_PAGE))
    number = min(max(1, request.args.get(name, 1, type=int)), pages)
    return Page(name, all_[(number - 1) * PER_PAGE : number * PER_PAGE], len(all_), number, pages)


def _why(objections: Iterable[Objection]) -> list[ShownObjection]:
    """Return what the person would read, without links: the cures are theirs to follow."""
    return [gate.objection(one, Around()) for one in objections]


def _rows(found: Simulation, titles: Mapping[UUID, str]) -> Iterator[tuple[object, ...]]:
    for flip in found.flips:
        yield from _rows_of_person(flip, titles)
    buyers = accounts.people({flip.buyer_id for flip in found.orders})
    for order in found.orders:
        yield from _rows_of_order(order, titles, buyers[order.buyer_id].name)
    for situation in found.vectors:
        yield from _rows_of_situation(situation)


def _rows_of_person(flip: Flip, titles: Mapping[UUID, str]) -> Iterator[tuple[object, ...]]:
    where = f"{flip.site.clinic_name}, {flip.site.name}, {flip.site.state}"
    becomes = "can buy" if flip.gains else "can no longer buy"
    for listing_id in flip.listing_ids:
        address = url_for("browse.device", listing_id=listing_id)
        for said in _said(flip.why):
            yield ("person", flip.name, where, titles.get(listing_id), address, becomes, *said)


def _rows_of_order(flip: OrderFlip, titles: Mapping[UUID, str], buyer: str) -> Iterator[tuple[object, ...]]:
    becomes = "cleared" if flip.gains else "held"
    address = url_for("buying.order", order_id=flip.order_id)
    for said in _said(flip.why):
        yield (f"order {flip.number}", buyer, None, titles.get(flip.listing_id), address, becomes, *said)


def _rows_of_situation(flip: SituationFlip) -> Iterator[tuple[object, ...]]:
    place = STATES[flip.scenario.place]
    for becomes, objections in (("in force", flip.before), ("draft", flip.after)):
        for said in _said(objections) if objections else [("", "Yes.", None, None)]:
            yield (f"situation {flip.scenario.id}", flip.scenario.words, place, None, None, becomes, *said)


def _said(objections: Iterable[Objection]) -> Iterator[tuple[object, ...]]:
    for one in objections:
        cures = " / ".join(dict.fromkeys(cure.sentence for cure in one.cures))
        yield one.code, one.sentence, cures, "; ".join(citation.ref for citation in one.citations)
