"""The papers of a draft: service and calibration records, the release of a lien, a payoff letter."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from ..documents import service as documents
from ..extensions import db, unit_of_work
from ..kernel.errors import Invalid, NotFound
from .drafting import draft_of
from .models import Paper
from .terms import PaperKind

MOST_PAPERS = 12


def add(
    *, listing_id: UUID, actor_id: UUID, kind: PaperKind, words: str, filename: str, content: bytes, at: datetime
) -> UUID:
    """
    Keep a paper with the draft. It is looked at in a process apart before anything is written.

    :raises NotFound: it is not the person's draft
    :raises Conflict: it is no longer a draft
    :raises Invalid: nothing says what it is, there are too many, or the file is none that is taken
    """
    if not words.strip():
        raise Invalid("Say in a few words what the paper is.", field="words")
    with unit_of_work():
        _require_room(draft_of(listing_id, actor_id).id)
    examined = documents.examine(filename=filename, content=content, field="file")
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        _require_room(listing.id)  # Another tab may have added one while this was looked at.
        paper = Paper(
            listing_id=listing.id,
            document_id=documents.receive(owner_id=actor_id, file=examined, at=at),
            kind=kind,
            words=words.strip(),
            added_at=at,
        )
        db.session.add(paper)
        db.session.flush()
        return paper.id


def remove(*, listing_id: UUID, actor_id: UUID, paper_id: UUID) -> None:
    """
    Take a paper out of the draft; reports that name it still do, so the document stays.

    :raises NotFound: it is not the person's draft, or it has no such paper
    :raises Conflict: it is no longer a draft
    """
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        paper = db.session.scalars(
            select(Paper).where(Paper.id == paper_id, Paper.listing_id == listing.id)
        ).one_or_none()
        if paper is None:
            raise NotFound("This device has no such paper.")
        db.session.delete(paper)


def has_paper(listing_id: UUID, kind: PaperKind) -> bool:
    """Say whether the unit has a paper of this kind."""
    return bool(db.session.scalar(select(func.count()).where(Paper.listing_id == listing_id, Paper.kind == kind)))


def _require_room(listing_id: UUID) -> None:
    if (db.session.scalar(select(func.count()).where(Paper.listing_id == listing_id)) or 0) >= MOST_PAPERS:
        raise Invalid(f"A device has at most {MOST_PAPERS} papers here.", field="file")
