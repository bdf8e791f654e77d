"""Clinics, their sites and members: the shortest legal rows, each kept at once."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from marketplace.accounts.models import User
from marketplace.clinics.models import (
    Clinic,
    ClinicInvitation,
    ClinicMember,
    ClinicSite,
)
from marketplace.clinics.states import SellerBasis, SellerStanding
from marketplace.kernel.terms import ClinicRole, time_zone_of
from tests.factories.accounts import LONG_AGO, kept, make_staff, make_user, together


@together()
def make_clinic(
    *,
    owner: User | None = None,
    seller: bool = False,
    name: str = "Lone Star Skin",
    created_at: datetime = LONG_AGO,
    **values: Any,
) -> Clinic:
    """Keep a clinic with one owner (made when not given) and no site; with `seller`, one that staff verified."""
    values.setdefault("legal_name", f"{name} LLC")
    if seller:
        values = {
            "seller_standing": SellerStanding.VERIFIED,
            "seller_basis": SellerBasis.PRACTICE,
            "seller_evidence": "State business register, entity found and active.",
            "seller_checked_at": created_at,
            "seller_first_checked_at": created_at,
            "seller_first_evidence": "Proof of possession seen.",
            **values,
        }
        for checker in ("seller_checked_by", "seller_first_checked_by"):
            values[checker] = values.get(checker) or make_staff().id
    clinic = kept(Clinic(name=name, created_at=created_at, **values))
    make_member(clinic=clinic, user=owner, role=ClinicRole.OWNER)
    return clinic


def make_member(
    *,
    clinic: Clinic | None = None,
    user: User | None = None,
    role: ClinicRole | str = ClinicRole.TECHNICIAN,
    joined_at: datetime = LONG_AGO,
    **values: Any,
) -> ClinicMember:
    """Keep a membership; clinic and person are made when not given."""
    return kept(
        ClinicMember(
            clinic_id=(clinic or make_clinic()).id,
            user_id=(user or make_user()).id,
            role=ClinicRole(role),
            joined_at=joined_at,
            **values,
        )
    )


def make_site(
    *, clinic: Clinic | None = None, state: str = "TX", created_at: datetime = LONG_AGO, **values: Any
) -> ClinicSite:
    """Keep an open site in `state`; its clinic is made when not given."""
    values = {
        "name": "Main Street",
        "street": "100 Main Street",
        "city": "Austin",
        "postal_code": "78701",
        "time_zone": time_zone_of(state),
        **values,
    }
    return kept(ClinicSite(clinic_id=(clinic or make_clinic()).id, state=state, created_at=created_at, **values))


def make_invitation(
    *,
    clinic: Clinic,
    email: str,
    at: datetime,
    role: ClinicRole | str = ClinicRole.TECHNICIAN,
    token: str | None = None,
    **values: Any,
) -> tuple[str, ClinicInvitation]:
    """Keep an open invitation that lasts a week; return the mailed token with it."""
    token = token or uuid4().hex
    values.setdefault("invited_by", clinic.members[0].user_id)
    values.setdefault("expires_at", at + timedelta(days=7))
    return token, kept(
        ClinicInvitation(
            clinic_id=clinic.id,
            email=email,
            role=ClinicRole(role),
            token_digest=sha256(token.encode()).digest(),
            invited_at=at,
            **values,
        )
    )
