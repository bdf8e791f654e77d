"""What rests on a credential, a person, a site: orders on their way, and devices that have already left."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from ..accounts.models import User
from ..catalog.models import DeviceModel, Maker
from ..clinics.models import Clinic, ClinicSite
from ..credentials.models import Credential
from ..credentials.types import credential_types
from ..eligibility.models import DecisionCredential
from ..extensions import db
from ..kernel.errors import NotFound
from ..listings.models import Listing
from ..ripple import Ground
from .models import Order
from .queries import OrderLine, lines_for_staff
from .states import TRANSFERRED, UNSHIPPED, OrderState

T = TypeVar("T")


class Kind(StrEnum):
    """What may be asked about, the most particular first."""

    CREDENTIAL = "credentials"
    PERSON = "people"
    SITE = "sites"
    SELLER = "sellers"
    MODEL = "models"


_FIELDS = {
    Kind.CREDENTIAL: "credential_id",
    Kind.PERSON: "person_id",
    Kind.SITE: "site_id",
    Kind.SELLER: "seller_id",
    Kind.MODEL: "model_id",
}


@dataclass(frozen=True, slots=True)
class Transfer:
    """A device that left its seller on the strength of what is asked about."""

    order_id: UUID
    number: int
    state: OrderState
    device: str
    serial: str | None
    buyer_clinic: str
    dispatched_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reach:
    """Everything that rests on a ground."""

    under_way: tuple[OrderLine, ...]
    transferred: tuple[Transfer, ...]


def reach_of(ground: Ground) -> Reach:
    """Return what rests on it, the newest first."""
    under_way = lines_for_staff(and_(Order.state.in_(UNSHIPPED), resting_on(ground)))
    return Reach(under_way=tuple(under_way), transferred=transferred(ground))


def unshipped(ground: Ground) -> list[UUID]:
    """Return the orders that rest on it and whose device has not left."""
    return list(
        db.session.scalars(select(Order.id).where(Order.state.in_(UNSHIPPED), resting_on(ground)).order_by(Order.id))
    )


def transferred(ground: Ground) -> tuple[Transfer, ...]:
    """Return the devices that left on its strength, the latest first."""
    rows = db.session.execute(
        select(
            Order.id,
            Order.number,
            Order.state,
            (Maker.name + " " + DeviceModel.name).label("device"),
            Listing.serial,
            Clinic.name,
            Order.dispatched_at,
        )
        .join(Listing, Listing.id == Order.listing_id)
        .join(DeviceModel, DeviceModel.id == Listing.model_id)
        .join(Maker, Maker.id == DeviceModel.maker_id)
        .join(Clinic, Clinic.id == Order.buyer_clinic_id)
        .where(Order.state.in_(TRANSFERRED), resting_on(ground))
        .order_by(Order.dispatched_at.desc(), Order.number.desc())
    )
    return tuple(Transfer(*row) for row in rows)


def resting_on(ground: Ground) -> ColumnElement[bool]:
    """Return the condition by which an order rests on any part of the ground."""
    parts: list[ColumnElement[bool]] = []
    if ground.credential_id is not None:
        parts.append(_answered_on(DecisionCredential.credential_id == ground.credential_id))
    if ground.person_id is not None:
        person = or_(
            Order.buyer_id == ground.person_id,
            Order.operator_id == ground.person_id,
            Order.practitioner_id == ground.person_id,
            # A colleague whose licence the rule asked for is none of the three.
            _answered_on(Credential.holder_id == ground.person_id),
        )
        parts.append(person if ground.clinic_id is None else and_(Order.buyer_clinic_id == ground.clinic_id, person))
    if ground.site_id is not None:
        parts.append(Order.site_id == ground.site_id)
    if ground.seller_id is not None:
        parts.append(Order.seller_clinic_id == ground.seller_id)
    if ground.model_id is not None:
        parts.append(Order.listing_id.in_(select(Listing.id).where(Listing.model_id == ground.model_id)))
    return or_(*parts)


def path_of(ground: Ground) -> str:
    """Return the staff page that shows what rests on it."""
    kind = next(kind for kind in Kind if getattr(ground, _FIELDS[kind]) is not None)
    return f"/staff/reach/{kind}/{getattr(ground, _FIELDS[kind])}"


def ground_at(kind: Kind, reference: UUID) -> tuple[str, Ground]:
    """
    Return the ground of that kind by its name.

    :raises NotFound: there is none
    """
    if kind is Kind.CREDENTIAL:
        credential = _row(Credential, reference)
        name = credential_types()[credential.type_code].name
        ground = Ground(credential_id=credential.id, person_id=credential.holder_id, site_id=credential.site_id)
        return f"{name}, number {credential.number}", ground
    if kind is Kind.PERSON:
        return _row(User, reference).name, Ground(person_id=reference)
    if kind is Kind.SITE:
        return _row(ClinicSite, reference).name, Ground(site_id=reference)
    if kind is Kind.MODEL:
        model = _row(DeviceModel, reference)
        return f"{model.maker.name} {model.name}", Ground(model_id=reference)
    return _row(Clinic, reference).name, Ground(seller_id=reference)


def _row(table: type[T], reference: UUID) -> T:
    found = db.session.get(table, reference)
    if found is None:
        raise NotFound("There is nothing of that kind here.")
    return found


def _answered_on(credential: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition by which an answer that the order rests on was given on such a credential."""
    return (
        select(DecisionCredential.decision_id)
        .join(Credential, Credential.id == DecisionCredential.credential_id)
        .where(
            DecisionCredential.decision_id.in_(
                (Order.decision_id, Order.payment_decision_id, Order.release_decision_id)
            ),
            credential,
        )
        .exists()
    )
