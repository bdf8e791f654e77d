"""The browsers a person signs in with: of a new one they are told by mail, and can disown it. Steps, and the act."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ..extensions import adapter_of, db, unit_of_work
from ..kernel.tokens import digest_of, new_token
from ..notifications.service import promise_mail
from . import factors, tokens
from .models import KnownBrowser, MailedToken, SessionEnd, TokenPurpose, User, UserSession
from .passwords import Passwords
from .policy import BROWSER_KNOWN_FOR
from .sessions import LONGEST_AGENT, end_sessions
from .steps import locked, record


def meet(user: User, *, kept: Sequence[str], at: datetime, user_agent: str, address: str) -> str:
    """
    Note that a locked person signs in with this browser, and return the token by which it is known to them.

    `kept` are the tokens that it has, of everybody who signs in with it. The person is told by mail if none is theirs;
    not at the very first time, when every browser is new.
    """
    digests = {digest_of(token): token for token in kept}
    known = db.session.scalars(
        update(KnownBrowser)
        .where(KnownBrowser.user_id == user.id, KnownBrowser.digest.in_(digests))
        .where(KnownBrowser.last_at > at - BROWSER_KNOWN_FOR)
        .values(last_at=at, user_agent=user_agent[:LONGEST_AGENT])
        .returning(KnownBrowser.digest)
    ).first()
    if known is not None:
        return digests[known]
    been_here = db.session.scalar(
        select(
            or_(
                exists().where(UserSession.user_id == user.id),
                exists().where(KnownBrowser.user_id == user.id),
            )
        )
    )
    token = new_token()
    db.session.execute(
        insert(KnownBrowser).values(
            user_id=user.id, digest=digest_of(token), first_at=at, last_at=at, user_agent=user_agent[:LONGEST_AGENT]
        )
    )
    if been_here:
        right = tokens.issue(user_id=user.id, purpose=TokenPurpose.DISOWN, at=at)
        context = {
            "name": user.name,
            "user_agent": user_agent[:LONGEST_AGENT],
            "address": address,
            "at": f"{at:%B %-d, %Y, %H:%M} UTC",
            "token": right,
        }
        promise_mail(to=user.email, template="new_browser", context=context, at=at)
    return token


def disown(*, token: str, at: datetime) -> str | None:
    """
    Shut the account for whoever signed in: sessions end, the password opens nothing, no browser is known any more.

    A second factor that was turned on since that sign-in goes too. Return the token of a link for a new password; None
    for staff, whose password is set by command.

    :raises marketplace.accounts.tokens.LinkIsDead: the mailed link serves no more
    """
    holder = tokens.holder_of(token, purpose=TokenPurpose.DISOWN, at=at)
    nobodys = adapter_of(Passwords).hash(new_token())
    with unit_of_work():
        user = locked(holder)
        tokens.redeem(token, purpose=TokenPurpose.DISOWN, at=at)
        since = db.session.scalars(select(MailedToken.created_at).where(MailedToken.digest == digest_of(token))).one()
        user.password_hash = nobodys
        tokens.cancel(user_id=user.id, purpose=TokenPurpose.SECOND_STEP, at=at)
        ended = end_sessions(UserSession.user_id == user.id, because=SessionEnd.DISOWNED, at=at)
        db.session.execute(delete(KnownBrowser).where(KnownBrowser.user_id == user.id))
        factors.forget_since(user, since=since, at=at)
        right = None
        if user.staff_role is None:
            right = tokens.issue(user_id=user.id, purpose=TokenPurpose.RESET_PASSWORD, at=at)
        record("account:sign_in_disowned", user, actor_id=user.id, at=at, sessions=ended)
        return right


def forget_old(*, at: datetime) -> None:
    """Forget browsers that have not been used for so long that they count as new. A step."""
    db.session.execute(delete(KnownBrowser).where(KnownBrowser.last_at <= at - BROWSER_KNOWN_FOR))
