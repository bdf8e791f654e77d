"""What pages ask about wants. Only the page of its buyer, and that of staff, know whose a want is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, null, or_, select, tuple_

from ..accounts.models import User
from ..clinics.access import MANAGERS
from ..clinics.models import Clinic, ClinicMember
from ..eligibility import publishing
from ..eligibility import service as eligibility
from ..eligibility.sale import Purchase, Sale
from ..eligibility.verdict import Reach
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.wording import gettext_noop
from ..listings.models import Listing
from ..listings.states import ListingState
from .access import Part
from .matching import foreign_to, standing
from .models import Want, WantAnswer, WantMatch, WantReport
from .states import WantState

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Shown:
    """A want as strangers see it: what, where in the country, since when and until when. Nothing of whose it is."""

    id: UUID
    title: str
    query: str
    place: str
    until: date
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ForSeller:
    """A want as the seller of a unit that fits sees it: beside what strangers see, the note and one's own answer."""

    id: UUID
    title: str
    query: str
    place: str
    until: date
    created_at: datetime
    note: str
    answered_with: UUID | None


@dataclass(frozen=True, slots=True)
class Own:
    """A want as its buyer sees it, and who runs the clinic that it is for: `person` posted it."""

    id: UUID
    title: str
    query: str
    note: str
    place: str
    clinic_name: str | None
    site_id: UUID | None
    until: date
    state: WantState
    muted: bool
    removed_because: str | None
    created_at: datetime
    answers: int
    fitting: int
    person: str
    mine: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """A unit that fits a want, for its buyer. `answered_at`: when its seller offered it."""

    listing_id: UUID
    title: str
    year: int | None
    price: Money
    state: ListingState
    clinic_name: str
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reported:
    """A want as staff see it, with what was reported and is not settled."""

    id: UUID
    title: str
    note: str
    place: str
    person: str
    state: WantState
    created_at: datetime
    reasons: tuple[str, ...]


_SHOWN = (Want.id, Want.title, Want.query, Want.place, Want.until, Want.created_at)


def public(*, at: datetime, after: tuple[datetime, UUID] | None = None) -> tuple[list[Shown], bool]:
    """Return a page of what is looked for, the latest first, and whether there is a later one."""
    statement = select(*_SHOWN).where(standing(at)).order_by(Want.created_at.desc(), Want.id.desc())
    if after is not None:
        statement = statement.where(tuple_(Want.created_at, Want.id) < after)
    rows = db.session.execute(statement.limit(PAGE_SIZE + 1)).all()
    return [Shown(*row) for row in rows[:PAGE_SIZE]], len(rows) > PAGE_SIZE


def of_listing(listing_id: UUID, *, at: datetime) -> list[ForSeller]:
    """Return the wants that a unit fits, the latest first. Whoever asks has seen that it is theirs."""
    rows = db.session.execute(_for_seller(listing_id, at).order_by(Want.created_at.desc(), Want.id).limit(100))
    return [ForSeller(*row) for row in rows]


def one_of_listing(listing_id: UUID, want_id: UUID, *, at: datetime) -> ForSeller:
    """
    Return a want that a unit fits.

    :raises NotFound: it does not, or no longer
    """
    row = db.session.execute(_for_seller(listing_id, at).where(Want.id == want_id)).one_or_none()
    if row is None:
        raise NotFound("Nobody looks for this device in this way any more.")
    return ForSeller(*row)


def _for_seller(listing_id: UUID, at: datetime) -> Any:
    answered = (
        select(WantAnswer.listing_id)
        .where(WantAnswer.want_id == Want.id, WantAnswer.clinic_id == Listing.clinic_id)
        .correlate(Want, Listing)
        .scalar_subquery()
    )
    return (
        select(*_SHOWN, Want.note, answered)
        .join(WantMatch, WantMatch.want_id == Want.id)
        .join(Listing, Listing.id == WantMatch.listing_id)
        .where(Listing.id == listing_id, WantMatch.fits, standing(at), foreign_to(Listing.clinic_id))
    )


def count_for(listing_ids: Iterable[UUID], *, at: datetime) -> dict[UUID, int]:
    """Return how many wants each unit fits, in one statement; units that fit none are left out."""
    rows = db.session.execute(
        select(Listing.id, func.count())
        .join(WantMatch, WantMatch.listing_id == Listing.id)
        .join(Want, Want.id == WantMatch.want_id)
        .where(Listing.id.in_(list(listing_ids)), WantMatch.fits, standing(at), foreign_to(Listing.clinic_id))
        .group_by(Listing.id)
    )
    return {row[0]: row[1] for row in rows}


def cleared(want_id: UUID, sale: Sale, *, at: datetime) -> bool | None:
    """Say whether the gate would let the buyer have this very unit today; None: nobody knows, for want of a site."""
    row = db.session.execute(select(Want.user_id, Want.clinic_id, Want.site_id).where(Want.id == want_id)).one()
    if row.site_id is None:
        return None
    purchase = Purchase(row.user_id, row.clinic_id, row.site_id, row.user_id)
    try:
        return eligibility.reach(sales=[sale], purchase=purchase, at=at)[sale.listing_id] is Reach.TODAY
    except (publishing.NoPolicy, NotFound):
        return None


def of_person(user_id: UUID) -> list[Own]:
    """Return what somebody looks for, and what is looked for by clinics that they run, the latest first."""
    return _own(user_id, _theirs(user_id))


def own(user_id: UUID, want_id: UUID) -> Own:
    """
    Return one of somebody's wants, or of a clinic that they run.

    :raises NotFound: it is not theirs
    """
    found = _own(user_id, _theirs(user_id) & (Want.id == want_id))
    if not found:
        raise NotFound(gettext_noop("There is no such request among yours."))
    return found[0]


def parts_in(want: Want, user_id: UUID) -> frozenset[Part]:
    """Return what somebody is to a want; nothing for a stranger."""
    in_charge = want.clinic_id is not None and db.session.scalar(
        _run_by(user_id).where(ClinicMember.clinic_id == want.clinic_id)
    )
    parts = {Part.POSTER: want.user_id == user_id, Part.IN_CHARGE: bool(in_charge)}
    return frozenset(part for part, so in parts.items() if so)


def _run_by(user_id: UUID) -> Select[UUID]:
    return select(ClinicMember.clinic_id).where(
        ClinicMember.user_id == user_id, ClinicMember.left_at.is_(None), ClinicMember.role.in_(MANAGERS)
    )


def _theirs(user_id: UUID) -> ColumnElement[bool]:
    return or_(Want.user_id == user_id, Want.clinic_id.in_(_run_by(user_id)))


def _own(user_id: UUID, which: ColumnElement[bool]) -> list[Own]:
    answers = select(func.count()).where(WantAnswer.want_id == Want.id).correlate(Want).scalar_subquery()
    fitting = (
        select(func.count())
        .select_from(WantMatch)
        .join(Listing, Listing.id == WantMatch.listing_id)
        .where(WantMatch.want_id == Want.id, WantMatch.fits, Listing.state == ListingState.PUBLISHED)
        .correlate(Want)
        .scalar_subquery()
    )
    rows: Sequence[Any] = db.session.execute(
        select(
            Want.id, Want.title, Want.query, Want.note, Want.place, Clinic.name, Want.site_id, Want.until, Want.state,
            Want.muted, Want.removed_because, Want.created_at, answers, fitting, User.name, Want.user_id == user_id,
        )
        .join(User, User.id == Want.user_id)
        .outerjoin(Clinic, Clinic.id == Want.clinic_id)
        .where(which)
        .order_by(Want.created_at.desc(), Want.id)
    ).all()  # fmt: skip
    return [Own(*row) for row in rows]


def fitting(want_id: UUID) -> list[Offered]:
    """Return the units on the market that fit a want: first those that were offered, then the latest, at most fifty."""
    rows: Sequence[Any] = db.session.execute(
        select(
            Listing.id, Listing.title, Listing.year, Listing.price_minor, Listing.currency, Listing.state, Clinic.name,
            WantAnswer.at,
        )
        .join(Clinic, Clinic.id == Listing.clinic_id)
        .outerjoin(WantMatch, (WantMatch.listing_id == Listing.id) & (WantMatch.want_id == want_id))
        .outerjoin(WantAnswer, (WantAnswer.listing_id == Listing.id) & (WantAnswer.want_id == want_id))
        .where(
            WantAnswer.at.is_not(None) & (Listing.state != ListingState.WITHDRAWN)
            | WantMatch.fits & (Listing.state == ListingState.PUBLISHED)
        )
        .order_by(WantAnswer.at.desc().nulls_last(), Listing.published_at.desc(), Listing.id)
        .limit(50)
    ).all()  # fmt: skip
    return [Offered(row[0], row[1], row[2], Money(row[3], row[4]), row[5], row[6], row[7]) for row in rows]


def reported() -> list[Reported]:
    """Return the wants that staff were asked to look at, those first that wait longest."""
    return _staff(
        select(Want, User.name, func.array_agg(WantReport.reason))
        .join(User, User.id == Want.user_id)
        .join(WantReport, WantReport.want_id == Want.id)
        .where(WantReport.settled_at.is_(None))
        .group_by(Want.id, User.name)
        .order_by(func.min(WantReport.at), Want.id)
    )


def open_ones() -> list[Reported]:
    """Return the latest open wants, for staff."""
    return _staff(
        select(Want, User.name, null())
        .join(User, User.id == Want.user_id)
        .where(Want.state == WantState.OPEN)
        .order_by(Want.created_at.desc(), Want.id)
        .limit(100)
    )


def title_by_stop_key(stop_key: UUID) -> str | None:
    """Return what the want of a mail's link looks for; None: there is none, or it is muted already."""
    return db.session.scalar(select(Want.title).where(Want.stop_key == stop_key, Want.muted.is_(False)))


def _staff(statement: Any) -> list[Reported]:
    rows: Sequence[Any] = db.session.execute(statement).all()
    return [
        Reported(want.id, want.title, want.note, want.place, person, want.state, want.created_at, tuple(reasons or ()))
        for want, person, reasons in rows
    ]
