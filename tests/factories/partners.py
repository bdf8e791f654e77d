"""Partners, and people who let them ask."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.partners import asking, service, sharing
from marketplace.partners.asked import Question
from marketplace.partners.service import Holder

EMAIL = "desk@resale.example"


def make_partner(name: str = "Resale House", *, at: datetime) -> tuple[UUID, str]:
    """Let a partner in; return its id and its key."""
    return service.open_partner(name=name, email=EMAIL, at=at)


def share(scene: Any, partner_id: UUID, *, at: datetime, days: int = 30) -> str:
    """Let the scene's buyer give a code for the scene's site."""
    return sharing.give(person_id=scene.buyer.id, partner_id=partner_id, site_id=scene.site.id, days=days, at=at)


def holder(key: str, *, at: datetime) -> Holder:
    """Return who is behind the key."""
    return service.holder_of(key, at=at)


def ask(scene: Any, key: str, code: str, *, at: datetime, **changed: Any) -> UUID:
    """Ask about the scene's buyer and the scene's model; return the answer's id."""
    question = Question(code=code, model=str(scene.listing.model_id), **changed)
    return asking.ask(holder=holder(key, at=at), question=question, at=at)
