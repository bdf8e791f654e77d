"""The browsers a person signs in with: of a new one they are told by mail, and can disown it. Steps, and the act."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ..extensions import db, unit_of_work
from ..kernel.tokens import digest_of, new_token
from ..notifications.service import promise_mail
from . import addresses, tokens
from .models import KnownBrowser, MailedToken, TokenPurpose, User, UserSession
from .policy import BROWSER_KNOWN_FOR
from .sessions import LONGEST_AGENT
from .shutting import password_of_nobody, shut
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

    A second factor that was turned on since that sign-in goes too, and an address that was changed since is put back.
    Return the token of a link for a new password; None for staff, whose password is set by command.

    :raises marketplace.accounts.tokens.LinkIsDead: the mailed link serves no more
    """
    holder = tokens.holder_of(token, purpose=TokenPurpose.DISOWN, at=at)
    nobodys = password_of_nobody()
    with unit_of_work():
        user = locked(holder)
        tokens.redeem(token, purpose=TokenPurpose.DISOWN, at=at)
        since = db.session.scalars(select(MailedToken.created_at).where(MailedToken.digest == digest_of(token))).one()
        addresses.put_back(user, since=since, at=at)
        done = shut(user, password_hash=nobodys, since=since, at=at)
        record("account:sign_in_disowned", user, actor_id=user.id, at=at, sessions=done.sessions)
        return done.right


def forget_old(*, at: datetime) -> None:
    """Forget browsers that have not been used for so long that they count as new. A step."""
    db.session.execute(delete(KnownBrowser).where(KnownBrowser.last_at <= at - BROWSER_KNOWN_FOR))
