"""The rules in force: drafted by one person, published by another, kept for ever."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import defer

from .. import audit
from ..extensions import as_text, db, unit_of_work
from ..kernel.errors import ChangedSinceRead, Conflict, NotFound, Refused
from .models import PolicyEdit, PolicyStanding, PolicyState, PolicyVersion
from .rulebook import Policy


class NoPolicy(Refused):
    """No rules are published, so nobody may buy anything."""

    code = "no_policy"

    def __init__(self) -> None:
        """Say so."""
        super().__init__("No rules are published, so the gate stays shut.", cure="Staff must publish a policy first.")


class SamePerson(Refused):
    """Rules are published by two different people."""

    code = "published_by_one"


@dataclass(frozen=True, slots=True)
class Published:
    """The rules in force."""

    version_id: UUID
    number: int
    standing: PolicyStanding
    digest: str
    policy: Policy


_parsed: dict[UUID, Policy] = {}  # A published document never changes, so it is read once per process.

IN_FORCE = as_text(select(PolicyVersion.id).where(PolicyVersion.state == PolicyState.PUBLISHED))
"""Which rules are in force, for a larger statement."""


def published_policy() -> Published:
    """
    Return the rules in force.

    :raises NoPolicy: none are published
    """
    published = in_force()
    if published is None:
        raise NoPolicy
    return published


def in_force() -> Published | None:
    """Return the rules in force; None while the gate is shut."""
    row = db.session.execute(
        select(PolicyVersion.id, PolicyVersion.number, PolicyVersion.standing, PolicyVersion.digest).where(
            PolicyVersion.state == PolicyState.PUBLISHED
        )
    ).one_or_none()
    if row is None:
        return None
    return Published(row.id, row.number, row.standing, row.digest, policy_of(row.id))


def policy_of(version_id: UUID) -> Policy:
    """Return the rules of one version, whether they are still in force or not."""
    if version_id not in _parsed:
        document = db.session.scalars(select(PolicyVersion.document).where(PolicyVersion.id == version_id)).one()
        _parsed[version_id] = Policy.from_document(document)
    return _parsed[version_id]


def versions() -> list[PolicyVersion]:
    """Return every version of the policy without its document, the newest first."""
    return list(
        db.session.scalars(
            select(PolicyVersion).options(defer(PolicyVersion.document)).order_by(PolicyVersion.number.desc())
        )
    )


def draft_policy(
    *,
    document: dict[str, Any],
    standing: PolicyStanding,
    proposed_by: UUID,
    at: datetime,
    based_on: UUID | None = None,
) -> UUID:
    """
    Keep a policy as a draft, which gates nothing. `based_on` is the version that it began as a copy of.

    :raises marketplace.kernel.shapes.Misshapen: the document is not a policy; the message says where
    """
    Policy.from_document(document)
    with unit_of_work():
        newest = db.session.scalar(select(PolicyVersion.number).order_by(PolicyVersion.number.desc()).limit(1)) or 0
        version = PolicyVersion(
            number=newest + 1,
            standing=standing,
            document=document,
            digest=digest_of(document),
            proposed_by=proposed_by,
            proposed_at=at,
            based_on_id=based_on,
        )
        db.session.add(version)
        db.session.flush()
        audit.record(
            "policy:drafted",
            actor_id=proposed_by,
            subject_type="policy",
            subject_id=version.id,
            at=at,
            number=version.number,
        )
        return version.id


def publish_policy(*, version_id: UUID, published_by: UUID, at: datetime, read: str | None = None) -> None:
    """
    Put a draft into force in place of the version before it.

    `read` is the digest of the document that the person read; None: they took it up in the same breath.

    :raises NotFound: there is no such version
    :raises Conflict: it is no draft, or one that was given up
    :raises SamePerson: whoever proposed or edited it cannot publish it
    :raises ChangedSinceRead: it was edited since it was read
    """
    with unit_of_work():
        version = db.session.get(PolicyVersion, version_id, with_for_update=True, populate_existing=True)
        if version is None:
            raise NotFound("There is no such policy.")
        if version.state is not PolicyState.DRAFT or version.discarded_at is not None:
            raise Conflict("Only a draft can be published.")
        edited = select(PolicyEdit.id).where(PolicyEdit.version_id == version_id, PolicyEdit.actor_id == published_by)
        if version.proposed_by == published_by or db.session.scalar(edited.limit(1)) is not None:
            raise SamePerson(
                "Whoever proposed or edited a policy cannot publish it.",
                cure="Ask a colleague to read and publish it.",
            )
        if read not in {None, version.digest}:
            raise ChangedSinceRead
        db.session.execute(
            update(PolicyVersion)
            .where(PolicyVersion.state == PolicyState.PUBLISHED)
            .values(state=PolicyState.RETIRED, retired_at=at)
        )
        version.state = PolicyState.PUBLISHED
        version.published_by = published_by
        version.published_at = at
        audit.record(
            "policy:published",
            actor_id=published_by,
            subject_type="policy",
            subject_id=version_id,
            at=at,
            number=version.number,
        )


def digest_of(document: dict[str, Any]) -> str:
    """Return the SHA-256 of the document in canonical JSON."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
