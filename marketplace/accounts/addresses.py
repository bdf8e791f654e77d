"""Changing one's own address: asked for, proved from the new one, told to the old one, which can undo it for a week."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select, update

from .. import ripple
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, Refused
from ..kernel.tokens import digest_of, new_token
from ..notifications.service import promise_mail
from ..ripple import OBJECTIONS_TAKE, Cause, Ground, Loss
from . import tokens
from .models import EmailChange, EmailChangeEnd, SessionEnd, TokenPurpose, User, UserSession
from .policy import EMAIL_CHANGE_LASTS, OLD_ADDRESS_KEPT_FOR
from .sessions import end_sessions
from .shutting import password_of_nobody, shut
from .steps import clean_email, hold_addresses, is_taken, locked, record
from .tokens import LinkIsDead

_PENDING = EmailChange.moved_at.is_(None) & EmailChange.ended_at.is_(None)


@dataclass(frozen=True, slots=True)
class Contested:
    """A change of address as the old one is asked about it."""

    before: str
    after: str
    made: bool


class NotTheirLink(Refused):
    """Whoever followed the link is not signed in with the account that is to change."""

    code = "not_their_link"

    def __init__(self) -> None:
        super().__init__(
            "This link changes the address of another account than the one you are signed in with.",
            cure="Sign out, and sign in with the account whose address is to change.",
        )


class AddressTaken(Conflict):
    """Between the mail and its link the address became somebody else's. Said only to who reads its mails."""

    code = "address_taken"

    def __init__(self) -> None:
        super().__init__(
            "This address has an account of its own by now.",
            cure="Sign in with that account, or change to another address.",
        )


def ask(*, user_id: UUID, email: str, at: datetime) -> None:
    """
    Mail a link to the new address, and tell the old one at once; a change asked for before is replaced.

    Nothing differs for the person if the address has an account: only its own mailbox learns of that.

    :raises Invalid: it is no address, or is theirs already
    """
    address = clean_email(email)
    link, objection = new_token(), new_token()
    with unit_of_work():
        user = locked(user_id)
        if address == user.email:
            raise Invalid("This is your address already.", field="email")
        _end_pending(user, because=EmailChangeEnd.REPLACED, at=at)
        was_proved = user.email_confirmed_at is not None
        change = EmailChange(
            user_id=user.id,
            old_email=user.email,
            new_email=address,
            link_digest=digest_of(link),
            asked_objection=digest_of(objection) if was_proved else None,
            asked_at=at,
            expires_at=at + EMAIL_CHANGE_LASTS,
        )
        db.session.add(change)
        db.session.flush()
        said = {"name": user.name, "address": address}
        if is_taken(address, by_another_than=user.id, at=at):
            promise_mail(to=address, template="address_in_use", context={}, at=at)
        else:
            promise_mail(to=address, template="email_change_link", context={**said, "token": link}, at=at)
        if was_proved:
            promise_mail(to=user.email, template="email_change_asked", context={**said, "token": objection}, at=at)
        record("account:email_change_asked", user, actor_id=user.id, at=at, change=change.id)


def withdraw(*, user_id: UUID, at: datetime) -> None:
    """
    Let the link in the new mailbox serve no more.

    :raises Conflict: no change waits
    """
    with unit_of_work():
        user = locked(user_id)
        ended = _end_pending(user, because=EmailChangeEnd.WITHDRAWN, at=at)
        if ended is None:
            raise Conflict("No change of your address waits for anything.", cure="Look at your account again.")
        record("account:email_change_withdrawn", user, actor_id=user.id, at=at, change=ended)


def awaited(token: str, *, user_id: UUID, at: datetime) -> str:
    """
    Return the address that the mailed link proves, without using the link up.

    :raises LinkIsDead: it serves no more
    :raises NotTheirLink: it changes somebody else's address
    """
    return _change_of_link(token, user_id=user_id, at=at).new_email


def move(*, token: str, user_id: UUID, session_id: UUID, at: datetime) -> None:
    """
    Take the mailed link as proof that the new address is the person's, and make it the address of their account.

    Every other session ends, links in the old mailbox die, and what has not left yet on the strength of this person
    waits for a day, in which the old address can object.

    :raises LinkIsDead: the link serves no more
    :raises NotTheirLink: it changes somebody else's address
    :raises AddressTaken: the address became another's in the meantime
    """
    wished = _change_of_link(token, user_id=user_id, at=at)
    before, after = wished.old_email, wished.new_email
    with unit_of_work():
        hold_addresses(before, after)
        user = locked(user_id)
        change = _change_of_link(token, user_id=user_id, at=at)
        if is_taken(after, by_another_than=user.id, at=at):
            raise AddressTaken
        change.moved_at = at
        user.email, user.email_confirmed_at = after, at
        for purpose in (TokenPurpose.CONFIRM_EMAIL, TokenPurpose.RESET_PASSWORD, TokenPurpose.SECOND_STEP):
            tokens.cancel(user_id=user.id, purpose=purpose, at=at)
        others = (UserSession.user_id == user.id, UserSession.id != session_id)
        ended = end_sessions(*others, because=SessionEnd.EMAIL_CHANGED, at=at)
        if change.asked_objection is not None:
            objection = new_token()
            change.moved_objection = digest_of(objection)
            said = {"name": user.name, "address": after, "token": objection}
            promise_mail(to=before, template="email_changed", context=said, at=at)
        db.session.flush()
        words = f"{user.name} changed the e-mail address of their account."
        loss = Loss(Cause.EMAIL_CHANGED, Ground(person_id=user.id), change.id, words, until=at + OBJECTIONS_TAKE)
        ripple.lost(loss, actor_id=user.id, at=at)
        record("account:email_changed", user, actor_id=user.id, at=at, change=change.id, sessions=ended)


def contested(token: str, *, at: datetime) -> Contested:
    """
    Return what the mailed link would undo, without undoing anything.

    :raises LinkIsDead: the link serves no more
    """
    change = _change_to_object_to(token, at=at)
    return Contested(change.old_email, change.new_email, change.moved_at is not None)


def object_to(*, token: str, at: datetime) -> str | None:
    """
    Undo a change on the word of the old address, and shut the account for whoever made it, with all they changed since.

    Return the token of a link for a new password; None for staff, whose password is set by command.

    :raises LinkIsDead: the mailed link serves no more
    """
    holder = _change_to_object_to(token, at=at).user_id
    nobodys = password_of_nobody()
    with unit_of_work():
        user = locked(holder)
        change = _change_to_object_to(token, at=at)
        if user.disabled_at is not None:
            raise LinkIsDead
        put_back(user, since=change.asked_at, at=at)
        done = shut(user, password_hash=nobodys, since=change.asked_at, at=at)
        record("account:email_change_objected", user, actor_id=user.id, at=at, change=change.id, sessions=done.sessions)
        return done.right


def put_back(user: User, *, since: datetime, at: datetime) -> None:
    """
    Give a locked person the address back that they had at `since`, and let nothing count that was asked for after.

    A step. What was withdrawn or replaced is marked as well: mails about it lie where whoever got in reads them.
    """
    theirs = EmailChange.user_id == user.id
    before = db.session.scalar(
        select(EmailChange.old_email)
        .where(theirs, EmailChange.moved_at >= since, EmailChange.ended_at.is_(None))
        .order_by(EmailChange.moved_at, EmailChange.asked_at)
        .limit(1)
    )
    if before is not None:
        user.email, user.email_confirmed_at = before, at
    db.session.execute(
        update(EmailChange)
        .where(theirs, or_(_PENDING, EmailChange.asked_at >= since, EmailChange.moved_at >= since))
        .where(EmailChange.ended_because.is_distinct_from(EmailChangeEnd.OBJECTED))
        .values(ended_at=at, ended_because=EmailChangeEnd.OBJECTED)
    )


def forget_old(*, before: datetime) -> None:
    """Forget changes that never came to be. What was made stays: under those addresses people were known. A step."""
    db.session.execute(delete(EmailChange).where(EmailChange.moved_at.is_(None), EmailChange.expires_at <= before))


def _end_pending(user: User, *, because: EmailChangeEnd, at: datetime) -> UUID | None:
    return db.session.scalar(
        update(EmailChange)
        .where(EmailChange.user_id == user.id, _PENDING)
        .values(ended_at=at, ended_because=because)
        .returning(EmailChange.id)
    )


def _change_of_link(token: str, *, user_id: UUID, at: datetime) -> EmailChange:
    change = db.session.scalar(
        select(EmailChange)
        .where(EmailChange.link_digest == digest_of(token), _PENDING, EmailChange.expires_at > at)
        .execution_options(populate_existing=True)
    )
    if change is None:
        raise LinkIsDead
    if change.user_id != user_id:
        raise NotTheirLink
    return change


def _change_to_object_to(token: str, *, at: datetime) -> EmailChange:
    digest, since = digest_of(token), at - OLD_ADDRESS_KEPT_FOR
    change = db.session.scalar(
        select(EmailChange)
        .where(
            or_(EmailChange.asked_objection == digest, EmailChange.moved_objection == digest),
            or_(EmailChange.asked_at > since, EmailChange.moved_at > since),
            EmailChange.ended_because.is_distinct_from(EmailChangeEnd.OBJECTED),
        )
        .execution_options(populate_existing=True)
    )
    if change is None:
        raise LinkIsDead
    return change
