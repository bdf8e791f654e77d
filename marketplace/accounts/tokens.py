"""Single-use rights sent by mail: issued, redeemed once, dead after use, time, or a newer one. Steps only."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from ..extensions import db
from ..kernel.errors import Gone
from ..kernel.tokens import digest_of, new_token
from ..kernel.wording import gettext_noop
from .models import MailedToken, TokenPurpose
from .policy import CONFIRMATION_LASTS, DISOWNING_LASTS, RESET_LASTS, SECOND_STEP_LASTS

_LASTS = {
    TokenPurpose.CONFIRM_EMAIL: CONFIRMATION_LASTS,
    TokenPurpose.RESET_PASSWORD: RESET_LASTS,
    TokenPurpose.SECOND_STEP: SECOND_STEP_LASTS,
    TokenPurpose.DISOWN: DISOWNING_LASTS,
}


class LinkIsDead(Gone):
    """The link in the mail was used, replaced by a newer one, too old, or never ours."""

    code = "link_is_dead"

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("This link was used before, has grown too old, or was replaced by a newer one."),
            cure=gettext_noop("Ask for a new link."),
        )


def issue(*, user_id: UUID, purpose: TokenPurpose, at: datetime) -> str:
    """Return a new token for one purpose; those sent before it for the same purpose die."""
    cancel(user_id=user_id, purpose=purpose, at=at)
    token = new_token()
    db.session.add(
        MailedToken(
            user_id=user_id,
            purpose=purpose,
            digest=digest_of(token),
            created_at=at,
            expires_at=at + _LASTS[purpose],
        )
    )
    return token


def cancel(*, user_id: UUID, purpose: TokenPurpose, at: datetime) -> None:
    """Let every unused token of the person for this purpose die."""
    db.session.execute(
        update(MailedToken)
        .where(MailedToken.user_id == user_id, MailedToken.purpose == purpose, MailedToken.used_at.is_(None))
        .values(used_at=at)
    )


def redeem(token: str, *, purpose: TokenPurpose, at: datetime) -> UUID:
    """
    Use the token up in one statement, so that it serves once, and return whose it was.

    :raises LinkIsDead: it was used, replaced, too old, for something else, or never ours
    """
    user_id: UUID | None = db.session.scalar(
        update(MailedToken)
        .where(
            MailedToken.digest == digest_of(token),
            MailedToken.purpose == purpose,
            MailedToken.used_at.is_(None),
            MailedToken.expires_at > at,
        )
        .values(used_at=at)
        .returning(MailedToken.user_id)
    )
    if user_id is None:
        raise LinkIsDead
    return user_id


def holder_of(token: str, *, purpose: TokenPurpose, at: datetime) -> UUID:
    """
    Return whose living token it is, without using it up: mail scanners open links, too.

    :raises LinkIsDead: it was used, replaced, too old, for something else, or never ours
    """
    user_id = db.session.scalar(
        select(MailedToken.user_id).where(
            MailedToken.digest == digest_of(token),
            MailedToken.purpose == purpose,
            MailedToken.used_at.is_(None),
            MailedToken.expires_at > at,
        )
    )
    if user_id is None:
        raise LinkIsDead
    return user_id
