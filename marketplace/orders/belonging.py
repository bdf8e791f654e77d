"""Who is what to an order: its buyer, those who run the clinics on both sides, or nobody."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from ..accounts.models import User
from ..clinics.models import ClinicMember
from ..credentials.models import Credential
from ..credentials.states import CredentialState
from ..credentials.types import Opens, credential_types
from ..extensions import db
from ..kernel.terms import ClinicRole
from .access import Party
from .models import Order

_IN_CHARGE = frozenset({ClinicRole.OWNER, ClinicRole.MANAGER})


@dataclass(frozen=True, slots=True)
class Memberships:
    """The clinics that somebody belongs to, those they run, and those they can order for."""

    all: frozenset[UUID]
    in_charge: frozenset[UUID]
    practising: frozenset[UUID]


def is_own(order_id: UUID, *, user_id: UUID) -> bool:
    """Say whether the person belongs, or ever belonged, to the clinic that buys or to the one that sells."""
    concerned = (
        select(ClinicMember.id)
        .join(Order, ClinicMember.clinic_id.in_([Order.buyer_clinic_id, Order.seller_clinic_id]))
        .where(Order.id == order_id, ClinicMember.user_id == user_id)
    )
    return db.session.scalar(concerned.limit(1)) is not None


def parties_of(order: Order, user_id: UUID) -> frozenset[Party]:
    """Return everything that the person is to the order; nothing for a stranger."""
    of = memberships_of(user_id)
    stands_in = order.buyer_clinic_id in of.in_charge and order.buyer_id != user_id and buyer_is_gone(order.id)
    return parties_in(order, user_id, of, buyer_is_gone=stands_in)


def buyer_is_gone(order_id: UUID) -> bool:
    """Say whether whoever placed the order no longer belongs to the clinic it was placed for, or has no account."""
    return bool(db.session.scalar(select(gone_buyer()).select_from(Order).where(Order.id == order_id)))


def practitioners_of(clinic_id: UUID) -> list[UUID]:
    """Return the clinic's practitioners."""
    return list(
        db.session.scalars(
            select(ClinicMember.user_id)
            .where(
                ClinicMember.clinic_id == clinic_id,
                ClinicMember.left_at.is_(None),
                _practises(),
            )
            .order_by(ClinicMember.joined_at)
        )
    )


def in_charge_of(clinic_id: UUID) -> list[UUID]:
    """Return the clinic's owners and managers who can sign in, those who joined first before the others."""
    return list(
        db.session.scalars(
            select(ClinicMember.user_id)
            .join(User, User.id == ClinicMember.user_id)
            .where(
                ClinicMember.clinic_id == clinic_id,
                ClinicMember.left_at.is_(None),
                ClinicMember.role.in_(_IN_CHARGE),
                User.disabled_at.is_(None),
            )
            .order_by(ClinicMember.joined_at, ClinicMember.user_id)
        )
    )


def second_persons_of(order: Order) -> list[UUID]:
    """Return those who can approve the order: owners and managers of the buying clinic, but not who placed it."""
    return [person for person in in_charge_of(order.buyer_clinic_id) if person != order.buyer_id]


def memberships_of(user_id: UUID) -> Memberships:
    """Return what the person is to which clinic now."""
    rows = db.session.execute(
        select(ClinicMember.clinic_id, ClinicMember.role, _practises().label("practises")).where(
            ClinicMember.user_id == user_id, ClinicMember.left_at.is_(None)
        )
    ).all()
    return Memberships(
        all=frozenset(row.clinic_id for row in rows),
        in_charge=frozenset(row.clinic_id for row in rows if row.role in _IN_CHARGE),
        practising=frozenset(row.clinic_id for row in rows if row.practises),
    )


def _practises() -> ColumnElement[bool]:
    """Say whether a member can order for the clinic: by role, or because they are prescribers, whatever their role."""
    prescribing = [code for code, kind in credential_types().items() if Opens.PRESCRIBER in kind.opens]
    licensed = select(Credential.id).where(
        Credential.holder_id == ClinicMember.user_id,
        Credential.type_code.in_(prescribing),
        Credential.state == CredentialState.VERIFIED,
    )
    return or_(ClinicMember.role == ClinicRole.PRACTITIONER, licensed.exists())


def gone_buyer() -> ColumnElement[bool]:
    """Say in a statement about orders what `buyer_is_gone` says of one."""
    here = (
        select(ClinicMember.id)
        .join(User, User.id == ClinicMember.user_id)
        .where(
            ClinicMember.clinic_id == Order.buyer_clinic_id,
            ClinicMember.user_id == Order.buyer_id,
            ClinicMember.left_at.is_(None),
            User.disabled_at.is_(None),
        )
        .correlate(Order)
    )
    return ~here.exists()


def parties_in(order: Any, user_id: UUID, of: Memberships, *, buyer_is_gone: bool) -> frozenset[Party]:
    """Return everything that the person is to the order, told what is theirs and whether its buyer is gone."""
    # Whoever has left the clinic acts for it no more. What they had begun those who run it bring to its end.
    belongs = order.buyer_clinic_id in of.all
    stands_in = buyer_is_gone and order.buyer_clinic_id in of.in_charge
    holds = {
        Party.BUYER: (belongs and order.buyer_id == user_id) or stands_in,
        Party.OPERATOR: belongs and order.operator_id == user_id,
        Party.BUYING_CLINIC: order.buyer_clinic_id in of.in_charge,
        Party.SECOND_PERSON: order.buyer_clinic_id in of.in_charge and order.buyer_id != user_id,
        Party.PRACTITIONER: order.buyer_clinic_id in of.practising,
        Party.SELLER: order.seller_clinic_id in of.in_charge,
    }
    return frozenset(party for party, so in holds.items() if so)
