"""A credential as people look at it: plain values, without its rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ..accounts import queries as accounts
from ..clinics.queries import Site
from ..documents.models import Document, MediaType
from ..extensions import db
from ..kernel.terms import STATES, time_zone_of
from .models import Credential
from .policy import Standing, standing_of
from .states import CREDENTIAL, CredentialEvent, CredentialState
from .types import CredentialType, credential_types


@dataclass(frozen=True, slots=True)
class Step:
    """One move of a credential; `event` is None for its submission."""

    event: CredentialEvent | None
    state: CredentialState
    actor: str
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Paper:
    """A document by name and kind, without its bytes."""

    id: UUID
    filename: str
    media_type: MediaType
    pages: int | None
    width: int | None
    height: int | None
    forgotten_at: datetime | None


@dataclass(frozen=True, slots=True)
class CredentialView:
    """A credential with all that its holder may see."""

    id: UUID
    kind: CredentialType
    holder_id: UUID | None
    site: Site | None
    jurisdiction: str
    number: str
    name_on_credential: str
    level: str | None
    endorsements: tuple[str, ...]
    device_model_id: UUID | None
    issued_on: date | None
    expires_on: date | None
    state: CredentialState
    reason: str | None
    submitted_at: datetime
    verified_at: datetime | None
    steps: tuple[Step, ...]
    papers: tuple[Paper, ...]

    @property
    def place(self) -> str:
        """The name of the state that issued it."""
        return STATES[self.jurisdiction]

    @property
    def zone(self) -> str:
        """The IANA zone in which its days end: its site's, else the usual one of its state."""
        return self.site.time_zone if self.site else time_zone_of(self.jurisdiction)

    @property
    def level_name(self) -> str | None:
        """The level as people say it."""
        return next(iter(self.kind.names_of(self.level)), None)

    @property
    def endorsement_names(self) -> tuple[str, ...]:
        """What it lists, as people say it."""
        return self.kind.names_of(None, self.endorsements)

    def standing(self, at: datetime, *, fresh_for: timedelta | None = None) -> Standing:
        """Return what it is worth `at`; `fresh_for` is how long a look at its source counts, None for ever."""
        return standing_of(
            state=self.state,
            issued_on=self.issued_on,
            expires_on=self.expires_on,
            verified_at=self.verified_at,
            at=at,
            zone=self.zone,
            fresh_for=fresh_for,
        )

    def allows(self, event: CredentialEvent) -> bool:
        """Say whether the table lists the event for the state it is in."""
        return CREDENTIAL.allows(self.state, event)


def whole() -> Any:
    """Return the statement that fetches credentials with all that hangs on them."""
    return select(Credential).options(
        selectinload(Credential.moves), selectinload(Credential.documents), selectinload(Credential.checks)
    )


def views_of(rows: Sequence[Credential], sites: dict[UUID, Site]) -> list[CredentialView]:
    """Return how each of the rows looks; `sites` knows the site of each that is about one."""
    people = accounts.people(actors_of(rows))
    names = {user_id: person.name for user_id, person in people.items()}
    return shown(rows, sites, names, papers_of(pages_of(rows)))


def shown(
    rows: Sequence[Credential], sites: dict[UUID, Site], names: dict[UUID, str], papers: dict[UUID, Paper]
) -> list[CredentialView]:
    """Return how each of the rows looks, for whoever has looked up already what they speak of."""
    return [
        CredentialView(
            id=row.id,
            kind=credential_types()[row.type_code],
            holder_id=row.holder_id,
            site=sites[row.site_id] if row.site_id else None,
            jurisdiction=row.jurisdiction,
            number=row.number,
            name_on_credential=row.name_on_credential,
            level=row.level,
            endorsements=tuple(row.endorsements),
            device_model_id=row.device_model_id,
            issued_on=row.issued_on,
            expires_on=row.expires_on,
            state=row.state,
            reason=row.reason,
            submitted_at=row.submitted_at,
            verified_at=row.verified_at,
            steps=tuple(
                Step(
                    move.event,
                    move.state,
                    names[move.actor_id] if move.actor_id else "Second Light",
                    move.reason,
                    move.at,
                )
                for move in row.moves
            ),
            papers=tuple(papers[page.document_id] for page in row.documents),
        )
        for row in rows
    ]


def actors_of(rows: Sequence[Credential]) -> set[UUID]:
    """Return who moved the rows."""
    return {move.actor_id for row in rows for move in row.moves if move.actor_id}


def pages_of(rows: Sequence[Credential]) -> list[UUID]:
    """Return the documents that hang on the rows."""
    return [page.document_id for row in rows for page in row.documents]


def papers_of(document_ids: Collection[UUID]) -> dict[UUID, Paper]:
    """Return the documents by their ids."""
    if not document_ids:
        return {}
    return {
        found.id: Paper(
            found.id, found.filename, found.media_type, found.pages, found.width, found.height, found.forgotten_at
        )
        for found in db.session.scalars(select(Document).where(Document.id.in_(document_ids)))
    }
