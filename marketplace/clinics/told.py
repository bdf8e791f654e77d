"""Sites and their people as a part of a larger statement, and read from what it tells."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ..kernel.terms import ClinicRole
from ..kernel.told import day, key
from .queries import Member, Site

SITES = """
    SELECT place.id, clinic_id, clinic.name AS clinic_name, place.name, street, city, state, postal_code, time_zone,
        laser_safety_officer_id
    FROM clinic_sites place JOIN clinics clinic ON clinic.id = clinic_id WHERE closed_at IS NULL
"""
"""Every open site; one condition more may follow."""

OF_READER = "clinic_id IN (SELECT clinic_id FROM clinic_members WHERE user_id = %(reader)s AND left_at IS NULL)"
"""Those sites that `sites_of_person` finds for the `reader`."""

IN_ORDER = "clinic_name, name, id"
"""How it puts them."""

MEMBERS = """
    SELECT user_id, name, email, role, joined_at, starts_on, ends_on, disabled_at IS NULL AS account_open
    FROM clinic_members JOIN users ON users.id = user_id
    WHERE clinic_id = (SELECT clinic_id FROM site) AND left_at IS NULL
"""
"""Who belongs to the clinic of what is called `site`, as `members_of` finds them."""


def site(told: Mapping[str, Any]) -> Site:
    """Return a site that was told."""
    return Site(**{**told, **{name: key(told[name]) for name in ("id", "clinic_id", "laser_safety_officer_id")}})


def member(told: Mapping[str, Any]) -> Member:
    """Return a member that was told."""
    return Member(
        **{
            **told,
            "user_id": UUID(told["user_id"]),
            "role": ClinicRole(told["role"]),
            "joined_at": datetime.fromisoformat(told["joined_at"]),
            "starts_on": day(told["starts_on"]),
            "ends_on": day(told["ends_on"]),
        }
    )
