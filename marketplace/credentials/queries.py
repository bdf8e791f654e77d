"""What the gate and the holder ask about credentials, as plain values; the desk asks in `desk`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, or_, select

from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..clinics.models import ClinicSite
from ..clinics.queries import Site
from ..extensions import db
from ..kernel.told import day, key, moment
from ..registers.models import RegisterSnapshot
from ..registers.sources import sources
from ..registers.states import SnapshotState
from .models import Credential, CredentialCheck
from .rows import managed_clinics, own_row, sites_of
from .states import CredentialState
from .views import CredentialView, views_of, whole


@dataclass(frozen=True, slots=True)
class HeldRow:
    """
    A credential as the gate looks at it.

    `register_until` is until when the newest file of the register that it was confirmed from may be relied on; None:
    it was confirmed in another way.
    """

    id: UUID
    type_code: str
    jurisdiction: str
    state: CredentialState
    issued_on: date | None
    expires_on: date | None
    verified_at: datetime | None
    level: str | None
    endorsements: tuple[str, ...]
    device_model_id: UUID | None
    register_until: datetime | None


def held_by(user_ids: Iterable[UUID]) -> dict[UUID, list[HeldRow]]:
    """Return what each person has here, in whatever state, oldest first; in one statement."""
    return _held("holder_id", user_ids)


def held_by_sites(site_ids: Iterable[UUID]) -> dict[UUID, list[HeldRow]]:
    """Return what each site has here, in whatever state, oldest first; in one statement."""
    return _held("site_id", site_ids)


def mine(user_id: UUID) -> list[CredentialView]:
    """Return the person's own credentials and those of the sites they manage, the newest first."""
    sites = select(ClinicSite.id).where(ClinicSite.clinic_id.in_(managed_clinics(user_id)))
    rows = db.session.scalars(
        whole()
        .where(or_(Credential.holder_id == user_id, Credential.site_id.in_(sites)))
        .order_by(Credential.submitted_at.desc(), Credential.id)
    ).all()
    return views_of(rows, sites_of(rows))


def own(credential_id: UUID, *, user_id: UUID) -> CredentialView:
    """
    Return one of the person's own credentials, or of a site they manage.

    :raises NotFound: no such credential, or not one of the person's
    """
    row = own_row(credential_id, user_id=user_id)
    return views_of([row], sites_of([row]))[0]


def managed_sites(user_id: UUID) -> list[Site]:
    """Return the sites of the clinics that the person owns or manages."""
    return [site for clinic_id in managed_clinics(user_id) for site in clinics.sites_of(clinic_id)]


def managed_site(site_id: UUID, *, user_id: UUID) -> Site:
    """
    Return a site of a clinic that the person owns or manages.

    :raises NotFound: no such site, or not one of the person's
    :raises Refused: the person's role in the clinic does not allow it
    """
    site = clinics.site(site_id)
    clinics.require_role(user_id=user_id, clinic_id=site.clinic_id, roles=MANAGERS)
    return site


HELD = f"""
    SELECT held.holder_id, held.site_id, held.id, held.type_code, held.jurisdiction, held.state, held.issued_on,
        held.expires_on, held.verified_at, held.level, held.endorsements, held.device_model_id,
        seen.source_code, newest.retrieved_at
    FROM credentials held LEFT JOIN credential_checks looked ON looked.id = held.deciding_check_id
    LEFT JOIN register_snapshots seen ON seen.id = looked.snapshot_id
    LEFT JOIN register_snapshots newest
        ON newest.source_code = seen.source_code AND newest.state = '{SnapshotState.CURRENT}'
    WHERE held.holder_id = ANY(ARRAY(SELECT id FROM person)) OR held.site_id = (SELECT id FROM site)
    ORDER BY held.submitted_at, held.id
"""  # noqa: S608  Names of ours.
"""What `held_by` finds for those who stand in `person`, and `held_by_sites` for `site`; for a larger statement."""


def held_told(told: Iterable[Mapping[str, Any]]) -> tuple[dict[UUID, list[HeldRow]], dict[UUID, list[HeldRow]]]:
    """Return what people and what a site hold, as the answer to `HELD` tells it."""
    of_people: dict[UUID, list[HeldRow]] = defaultdict(list)
    of_sites: dict[UUID, list[HeldRow]] = defaultdict(list)
    for one in told:
        owned, owner = (of_people, one["holder_id"]) if one["holder_id"] else (of_sites, one["site_id"])
        owned[UUID(owner)].append(
            HeldRow(
                id=UUID(one["id"]),
                type_code=one["type_code"],
                jurisdiction=one["jurisdiction"],
                state=CredentialState(one["state"]),
                issued_on=day(one["issued_on"]),
                expires_on=day(one["expires_on"]),
                verified_at=moment(one["verified_at"]),
                level=one["level"],
                endorsements=tuple(one["endorsements"]),
                device_model_id=key(one["device_model_id"]),
                register_until=_fresh_until(one["source_code"], moment(one["retrieved_at"])),
            )
        )
    return dict(of_people), dict(of_sites)


def _fresh_until(source_code: str | None, retrieved_at: datetime | None) -> datetime | None:
    """Return until when a register's newest file may be relied on; one that confirmed something always has one."""
    return None if source_code is None else cast("datetime", retrieved_at) + sources()[source_code].fresh_for


def _held(owner: str, owner_ids: Iterable[UUID]) -> dict[UUID, list[HeldRow]]:
    held: dict[UUID, list[HeldRow]] = defaultdict(list)
    for found in db.session.execute(_held_statement(owner), {"owners": list(owner_ids)}):
        owner_id, *values, source_code, retrieved_at = found
        values[8] = tuple(values[8])
        values.append(_fresh_until(source_code, retrieved_at))
        held[owner_id].append(HeldRow(*values))
    return dict(held)


@cache  # The gate sends it with every answer, and to write it takes longer than to answer it.
def _held_statement(owner: str) -> Select[Any]:
    columns, checks = Credential.__table__.c, CredentialCheck.__table__
    seen, newest = RegisterSnapshot.__table__.alias("seen"), RegisterSnapshot.__table__.alias("newest")
    return (
        select(
            columns[owner],
            columns.id,
            columns.type_code,
            columns.jurisdiction,
            columns.state,
            columns.issued_on,
            columns.expires_on,
            columns.verified_at,
            columns.level,
            columns.endorsements,
            columns.device_model_id,
            seen.c.source_code,
            newest.c.retrieved_at,
        )
        .join(checks, checks.c.id == columns.deciding_check_id, isouter=True)
        .join(seen, seen.c.id == checks.c.snapshot_id, isouter=True)
        .join(
            newest,
            and_(newest.c.source_code == seen.c.source_code, newest.c.state == SnapshotState.CURRENT),
            isouter=True,
        )
        .where(columns[owner].in_(bindparam("owners", expanding=True)))
        .order_by(columns.submitted_at, columns.id)
    )
