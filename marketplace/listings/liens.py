"""
What rests on a unit: a loan or lien that its seller states, and what was found filed under the debtor's name.

A unit with a stated lien may be offered, with its holder's payoff letter; it leaves only when the release is seen
(`orders.freeing`). The house pays no lender: money goes to the seller alone, once the buyer has accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, select
from sqlalchemy.orm import InstrumentedAttribute

from .. import audit
from ..clinics import queries as clinics
from ..clinics.models import Clinic
from ..extensions import db
from ..kernel.days import written
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from .mailing import tell_seller
from .models import Listing
from .states import LIVE
from .terms import FilingFound
from .units import FilingSearch

FINANCED = "financed"
"""The answer to “Whose is it?” with which a lien is stated."""


class _Stated(Protocol):
    @property
    def particulars(self) -> Mapping[str, str]: ...


class FilingNotStated(Conflict):
    """A filing was found that covers the unit, and its seller says that nothing rests on it."""

    code = "filing_not_stated"

    def __init__(self) -> None:
        super().__init__(
            "A filing on this very unit was found, and its seller says that nothing rests on it.",
            cure="Send it back: the seller states the lien with a payoff letter, or has it released.",
        )


class OwnFilings(Refused):
    """Nobody searches filings on what their own clinic sells."""

    code = "own_filings"

    def __init__(self) -> None:
        super().__init__("You belong, or belonged, to the clinic that sells it.", cure="Leave it to a colleague.")


@dataclass(frozen=True, slots=True)
class Lien:
    """A loan or lien as the seller states it. What is empty was not said yet."""

    lender: str
    payoff_through: date | None
    debtor_name: str


@dataclass(frozen=True, slots=True)
class Search:
    """A search of filings that staff made."""

    debtor_name: str
    office: str
    through: date
    found: FilingFound
    file_number: str | None
    at: datetime


UNSTATED = Lien("", None, "")
"""What rests on a unit on which a filing was found that its seller does not state."""


def of(unit: _Stated) -> Lien | None:
    """Return the lien that is stated of a unit, if one is."""
    return stated(unit.particulars)


def stated(particulars: Mapping[str, str]) -> Lien | None:
    """Return the lien that these answers state, if they do."""
    if particulars.get("title") != FINANCED:
        return None
    day = particulars.get("payoff_through")
    return Lien(
        particulars.get("lender", ""), date.fromisoformat(day) if day else None, particulars.get("debtor_name", "")
    )


def debtor_of(listing_id: UUID) -> str:
    """
    Return the name under which filings on a unit are searched: the stated one, or the seller's legal name.

    :raises NotFound: there is no such unit
    """
    row = db.session.execute(
        select(Listing.particulars, Clinic.legal_name)
        .join(Clinic, Clinic.id == Listing.clinic_id)
        .where(Listing.id == listing_id)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such device.")
    return str(row.particulars.get("debtor_name") or row.legal_name)


def searches_of(listing_id: UUID) -> list[Search]:
    """Return what was searched and found, the latest first."""
    rows = db.session.scalars(
        select(FilingSearch).where(FilingSearch.listing_id == listing_id).order_by(FilingSearch.position.desc())
    )
    return [Search(row.debtor_name, row.office, row.through, row.found, row.file_number, row.at) for row in rows]


def latest_found(listing_id: ColumnElement[UUID] | InstrumentedAttribute[UUID]) -> ScalarSelect[FilingFound]:
    """Return, for a statement about units, what the latest search of filings on each found."""
    return (
        select(FilingSearch.found)
        .where(FilingSearch.listing_id == listing_id)
        .order_by(FilingSearch.position.desc())
        .limit(1)
        .scalar_subquery()
    )


def note_search(*, listing_id: UUID, actor_id: UUID, made: Search) -> bool:
    """
    Keep, as staff, what a search of filings found; it stays for ever, a later one stands above it. A step.

    With a filing on it that is not stated, a unit neither enters the market nor leaves its seller, who is mailed: the
    insert waits for whoever lets it leave at the same instant (trigger). Return whether such a one is found that the
    search before it had not found, on a unit that is still at its seller's (`orders.freeing` tells its buyer).

    :raises NotFound: there is no such unit
    :raises OwnFilings: they belong or belonged to the clinic that sells it
    :raises Invalid: name, office or file number is missing, or the day lies ahead
    """
    name, where, number = made.debtor_name.strip(), made.office.strip(), (made.file_number or "").strip()
    if not name:
        raise Invalid("Write the name exactly as it was searched.", field="debtor_name")
    if not where:
        raise Invalid("Say which filing office was searched, and how.", field="office")
    if made.through > made.at.date():
        raise Invalid("The office's index cannot be complete up to a day that lies ahead.", field="through")
    if made.found is not FilingFound.NOTHING and not number:
        raise Invalid("Write the number of the filing that was found.", field="file_number")
    listing = db.session.get(Listing, listing_id)
    if listing is None:
        raise NotFound("There is no such device.")
    if clinics.ever_member(user_id=actor_id, clinic_id=listing.clinic_id):
        raise OwnFilings
    known = _found_on(listing)
    db.session.add(
        FilingSearch(
            listing_id=listing_id, debtor_name=name, office=where, through=made.through, found=made.found,
            file_number=number or None, searched_by=actor_id, at=made.at,
        )
    )  # fmt: skip
    audit.record(
        "filings:searched", actor_id=actor_id, subject_type="listing", subject_id=listing_id, at=made.at,
        found=str(made.found),
    )  # fmt: skip
    is_news = (
        made.found is FilingFound.THIS_UNIT
        and known is not FilingFound.THIS_UNIT
        and of(listing) is None
        and listing.state in LIVE
    )
    if is_news:
        tell_seller(listing, "filing_found", at=made.at, office=where, number=number)
    return is_news


def refuse_a_lapsed_letter(listing: Listing, *, at: datetime) -> None:
    """
    Let a unit through whose payoff letter, if it has one, still holds. A step of the caller's work.

    :raises Invalid: the letter is good no longer
    """
    lien = of(listing)
    if lien is not None and lien.payoff_through is not None and lien.payoff_through < at.date():
        raise Invalid(
            f"The payoff letter was good through {written(lien.payoff_through)}.",
            field="payoff_through",
            cure="Ask its holder for a new one and attach it.",
        )


def refuse_what_is_not_stated(listing: Listing) -> None:
    """
    Let a unit through on which nothing was found that its seller does not state. A step of the caller's work.

    :raises FilingNotStated: the latest search found a filing on it
    """
    if of(listing) is None and _found_on(listing) is FilingFound.THIS_UNIT:
        raise FilingNotStated


def _found_on(listing: Listing) -> FilingFound | None:
    return db.session.scalar(select(latest_found(Listing.id)).where(Listing.id == listing.id))
