"""Tells what stands above of a loss below, in the same transaction: who was lost, and why. Knows no order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from .extensions import adapter_of

OBJECTIONS_TAKE = timedelta(hours=24)
"""For so long nothing leaves after a change of where it goes or of whose it will be: its owner has time to object."""


class Cause(StrEnum):
    """Why something stands still that was under way."""

    CREDENTIAL_SUSPENDED = "credential_suspended"
    CREDENTIAL_REVOKED = "credential_revoked"
    MEMBERSHIP_ENDED = "membership_ended"
    ACCOUNT_CLOSED = "account_closed"
    SITE_CLOSED = "site_closed"
    SAFETY_OFFICER_UNNAMED = "safety_officer_unnamed"
    SELLER_SUSPENDED = "seller_suspended"
    RECALL_CONFIRMED = "recall_confirmed"
    ADDRESS_CHANGED = "address_changed"
    EMAIL_CHANGED = "email_changed"
    ANSWER_TURNED = "answer_turned"  # Nobody did anything: time did, or the rules changed.


@dataclass(frozen=True, slots=True)
class Ground:
    """
    What something may rest on: a credential, a person, a site, a selling clinic, a model. What is not given is of no
    matter.

    A person together with a clinic is that person there, and nowhere else.
    """

    credential_id: UUID | None = None
    person_id: UUID | None = None
    clinic_id: UUID | None = None
    site_id: UUID | None = None
    seller_id: UUID | None = None
    model_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """
    A ground that gave way. `reference` is the id of what was lost; `words` are read by those who relied on it.

    What was only changed can be objected to `until` then, and counts afterwards; what is lost has no such moment.
    """

    cause: Cause
    ground: Ground
    reference: UUID
    words: str
    until: datetime | None = None


class Dependants(Protocol):
    """Whatever rests on credentials, people and sites. Bound by app.py; called inside the teller's transaction."""

    def lost(self, losses: Sequence[Loss], *, actor_id: UUID | None, at: datetime) -> None:
        """Stop everything that rests on the grounds, now. Locks what it stops; takes no lock on what lies below."""
        ...

    def changed(self, ground: Ground) -> None:
        """Promise to look again at everything that rests on the ground: it may hold better than before, or worse."""
        ...


def lost(*losses: Loss, actor_id: UUID | None, at: datetime) -> None:
    """
    Tell what rests on it of the loss. Called once, after everything that is lost is written and before the audit trail
    is locked.

    Everybody's order of locks: clinics, people, credentials, models, devices, orders, payments, audit trail.
    """
    adapter_of(Dependants).lost(losses, actor_id=actor_id, at=at)


def changed(ground: Ground) -> None:
    """Tell what rests on it that the ground is another than before."""
    adapter_of(Dependants).changed(ground)
