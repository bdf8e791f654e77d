"""The one writer of a credential's state, and what follows from it: the mail, and the ripple."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update

from .. import audit, ripple
from ..accounts import queries as accounts
from ..clinics.models import ClinicSite
from ..extensions import db
from ..kernel.days import written
from ..links import service as links
from ..links.states import LinkPurpose
from ..notifications.service import promise_mail
from ..ripple import Cause, Ground, Loss
from .drawing import draw
from .models import Credential, CredentialMove
from .refusals import MovedMeanwhile
from .states import CREDENTIAL, WAITING, CredentialEvent
from .types import credential_types

_E = CredentialEvent

# What the person hears of by mail; the rest they see on their page.
MAILED = frozenset({_E.VERIFIED, _E.REJECTED, _E.INFO_ASKED, _E.SUSPENDED, _E.REINSTATED, _E.REVOKED})

_LOSSES = {_E.SUSPENDED: Cause.CREDENTIAL_SUSPENDED, _E.REVOKED: Cause.CREDENTIAL_REVOKED}
# A renewal may open more or less than what it supersedes: what rests on it is looked at again.
_CHANGES = frozenset({_E.VERIFIED, _E.REINSTATED, _E.RECONFIRMED, _E.SUPERSEDED})

# There is no claim any more that somebody outside could confirm.
_NOTHING_LEFT_TO_ASK = frozenset({_E.WITHDRAWN, _E.REJECTED, _E.REVOKED, _E.SUPERSEDED})


def begin(credential: Credential, *, at: datetime) -> None:
    """Keep the first move of a new credential and say that it arrived."""
    draw(credential, at=at)
    _keep_move(credential, None, actor_id=credential.submitted_by, at=at)
    audit.record(
        "credential:submitted",
        actor_id=credential.submitted_by,
        subject_type="credential",
        subject_id=credential.id,
        at=at,
        type=credential.type_code,
        jurisdiction=credential.jurisdiction,
    )
    tell(credential, "submitted", at=at)


def move(
    credential: Credential,
    event: CredentialEvent,
    *,
    actor_id: UUID,
    at: datetime,
    reason: str | None = None,
    reason_code: str | None = None,
    **changes: Any,
) -> None:
    """
    Change the state by compare-and-set, so that of two at the same instant one wins, and keep what follows from it.

    :raises IllegalMove: the table does not list it
    :raises MovedMeanwhile: somebody else was first
    """
    before, claimed_by = credential.state, credential.claimed_by
    after = CREDENTIAL.after(before, event)
    won = db.session.scalar(
        update(Credential)
        .where(
            Credential.id == credential.id,
            Credential.state == before,
            Credential.claimed_by.is_not_distinct_from(claimed_by),
        )
        .values({"state": after, "reason": reason, "claimed_by": None, "claimed_at": None, **changes})
        .returning(Credential.id)
        .execution_options(synchronize_session=False)
    )
    if won is None:
        raise MovedMeanwhile
    db.session.refresh(credential)
    if after in WAITING:
        # Who puts a case back does not get it again, or they could go on until the one comes that they want.
        draw(credential, without=actor_id if event is _E.UNCLAIMED else None, at=at)
    _keep_move(credential, event, actor_id=actor_id, reason=reason, reason_code=reason_code, at=at)
    if event in _NOTHING_LEFT_TO_ASK:
        links.withdraw_all(purpose=LinkPurpose.CONFIRM_CLAIM, subject_id=credential.id, actor_id=actor_id, at=at)
    _tell_dependants(credential, event, actor_id=actor_id, at=at)
    audit.record(
        f"credential:{event}",
        actor_id=actor_id,
        subject_type="credential",
        subject_id=credential.id,
        at=at,
        before=before,
        reason=reason,
        reason_code=reason_code,
    )
    if event in MAILED:
        tell(credential, event, at=at)


def tell(credential: Credential, happened: str, *, at: datetime) -> None:
    """Promise a mail about what happened to the holder; for a site, to whoever handed it in."""
    person = accounts.person(credential.holder_id or credential.submitted_by)
    promise_mail(
        to=person.email,
        template="credential",
        context={
            "happened": happened,
            "name": person.name,
            "credential_id": str(credential.id),
            "type_name": credential_types()[credential.type_code].name,
            "number": credential.number,
            "expires_on": written(credential.expires_on) if credential.expires_on else None,
            "reason": credential.reason,
        },
        at=at,
    )


def _tell_dependants(credential: Credential, event: CredentialEvent, *, actor_id: UUID, at: datetime) -> None:
    ground = Ground(credential_id=credential.id, person_id=credential.holder_id, site_id=credential.site_id)
    if event in _LOSSES:
        words = f"{credential_types()[credential.type_code].name} of {_owner(credential)} was {event}."
        ripple.lost(Loss(_LOSSES[event], ground, credential.id, words), actor_id=actor_id, at=at)
    elif event in _CHANGES:
        ripple.changed(ground)


def _owner(credential: Credential) -> str:
    if credential.holder_id is not None:
        return accounts.person(credential.holder_id).name
    site = db.session.get_one(ClinicSite, credential.site_id)
    return f"{site.clinic.name}, {site.name}"


def _keep_move(
    credential: Credential,
    event: CredentialEvent | None,
    *,
    actor_id: UUID,
    reason: str | None = None,
    reason_code: str | None = None,
    at: datetime,
) -> None:
    db.session.add(
        CredentialMove(
            credential_id=credential.id,
            event=event,
            state=credential.state,
            actor_id=actor_id,
            reason=reason,
            reason_code=reason_code,
            at=at,
        )
    )
    db.session.flush()
