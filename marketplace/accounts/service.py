"""What people do with their own accounts: open one, prove the address, sign in and out, change the password."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from .. import audit, queue
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound
from ..kernel.text import normal_email
from ..kernel.tokens import digest_of, new_token
from ..kernel.wording import gettext_noop
from ..notifications.service import promise_mail
from . import addresses, browsers, factors, tokens
from .access import Identity
from .models import MailedToken, ParkedForm, SessionEnd, TokenPurpose, User, UserSession
from .passwords import Passwords
from .policy import PARKED_FORM_LASTS
from .queries import forgotten_after, whose_once
from .sessions import SignIn, end_sessions, living, open_session, seen
from .steps import add_user, clean_email, clean_name, locked, new_hash, record, replace_password


@dataclass(frozen=True, slots=True)
class HalfWay:
    """The password was right, and a code is wanted: the token is for this browser, and opens nothing by itself."""

    token: str


class TooLate(tokens.LinkIsDead):
    """Between password and code too much time has passed, or the password was changed."""

    code = "sign_in_took_too_long"

    def __init__(self) -> None:
        super().__init__()
        self.sentence = gettext_noop("The time between password and code is over.")
        self.cure = gettext_noop("Sign in again from the beginning.")


class SignInFailed(Invalid):
    """Address and password do not belong together. Which of the two was wrong is nobody's business."""

    code = "sign_in_failed"

    def __init__(self) -> None:
        super().__init__(gettext_noop("This address and this password do not belong together."))


def register(*, name: str, email: str, password: str, at: datetime) -> None:
    """
    Open an account and mail a link that confirms the address.

    An address that has an account already is told so by mail, and nothing else differs: who is registered here is
    nobody's business.

    :raises Invalid: name, address or password will not do
    """
    name, address = clean_name(name), clean_email(email)
    password_hash = new_hash(password, about=(name, address))
    with unit_of_work():
        user_id = add_user(name=name, email=address, password_hash=password_hash, at=at)
        if user_id is None:
            # As much work as for a new person, so that time does not tell either.
            known = locked(whose_once(address))
            record("account:registered_again", known, actor_id=None, at=at)
            if known.email == address:
                promise_mail(to=address, template="address_taken", context={"name": known.name}, at=at)
            else:
                promise_mail(to=address, template="address_in_use", context={}, at=at)
            return
        user = locked(user_id)
        record("account:registered", user, actor_id=user_id, at=at)
        _mail_confirmation(user, at=at)


def request_email_confirmation(*, user_id: UUID, at: datetime) -> None:
    """
    Mail a new link that confirms the person's address; the one before it dies.

    :raises Conflict: the address is confirmed already
    """
    with unit_of_work():
        user = locked(user_id)
        if user.email_confirmed_at is not None:
            raise Conflict("Your e-mail address is confirmed already.", cure="There is nothing left to do.")
        _mail_confirmation(user, at=at)


def confirm_email(*, token: str, at: datetime) -> UUID:
    """
    Take the mailed link as proof that the address is the person's; return whose.

    :raises marketplace.accounts.tokens.LinkIsDead: it serves no more
    """
    with unit_of_work():
        # The person before their token: whoever signs them in, or mails a new one, takes them so.
        user = locked(tokens.holder_of(token, purpose=TokenPurpose.CONFIRM_EMAIL, at=at))
        tokens.redeem(token, purpose=TokenPurpose.CONFIRM_EMAIL, at=at)
        user.email_confirmed_at = user.email_confirmed_at or at
        record("account:email_confirmed", user, actor_id=user.id, at=at)
        return user.id


def sign_in(
    *, email: str, password: str, at: datetime, user_agent: str = "", address: str = "", kept: Sequence[str] = ()
) -> SignIn | HalfWay:
    """
    Open a session for whoever knows the password of the address; who has a second factor is half way then.

    :raises SignInFailed: they do not belong together, or the account is disabled; it takes as long to say so
    """
    known = db.session.execute(
        select(User.id, User.password_hash).where(User.email == normal_email(email))
    ).one_or_none()
    passwords = adapter_of(Passwords)
    if not passwords.fits(password, known.password_hash if known else None) or known is None:
        raise SignInFailed
    with unit_of_work():
        user = locked(known.id)
        # Checking took a while: a password changed or an account disabled meanwhile must win.
        if user.disabled_at is not None or user.password_hash != known.password_hash:
            raise SignInFailed
        if passwords.is_outdated(user.password_hash):
            user.password_hash = passwords.hash(password)
        if factors.is_on(user.id):
            return HalfWay(tokens.issue(user_id=user.id, purpose=TokenPurpose.SECOND_STEP, at=at))
        return _open(user, at=at, user_agent=user_agent, address=address, kept=kept)


def finish_sign_in(
    *, token: str, code: str, at: datetime, user_agent: str = "", address: str = "", kept: Sequence[str] = ()
) -> SignIn:
    """
    Open the session of somebody who was half way, on the strength of a code.

    :raises TooLate: it took too long, or another sign-in was begun since
    :raises marketplace.accounts.factors.WrongCode: the code does not fit, or was used
    :raises SignInFailed: the account was disabled in the meantime
    """
    try:
        holder = tokens.holder_of(token, purpose=TokenPurpose.SECOND_STEP, at=at)
    except tokens.LinkIsDead:
        raise TooLate from None
    with unit_of_work():
        user = locked(holder)
        tokens.redeem(token, purpose=TokenPurpose.SECOND_STEP, at=at)
        if user.disabled_at is not None:
            raise SignInFailed
        if factors.is_on(user.id):  # It may have been taken away a moment ago, by whoever may.
            factors.spend(user, code, at=at)
        return _open(user, at=at, user_agent=user_agent, address=address, kept=kept)


def identity_of(*, token: str, at: datetime) -> Identity | None:
    """Return who is behind the token of a living session. One statement, and a second at most once a minute."""
    found = living(token=token, at=at)
    if found is None:
        return None
    identity, is_due = found
    if is_due:
        with unit_of_work():
            seen(session_id=identity.session_id, at=at)
    return identity


def sign_out(*, token: str, at: datetime) -> None:
    """End the session of the token. One that has ended already is as it should be."""
    with unit_of_work():
        row = db.session.scalar(select(UserSession).where(UserSession.token_digest == digest_of(token)))
        if row is not None and end_sessions(UserSession.id == row.id, because=SessionEnd.SIGNED_OUT, at=at):
            audit.record(
                "account:signed_out",
                actor_id=row.user_id,
                subject_type="user",
                subject_id=row.user_id,
                at=at,
                session=row.id,
            )


def end_session(*, user_id: UUID, session_id: UUID, at: datetime) -> None:
    """
    End one of the person's own sessions.

    :raises NotFound: it has ended already, or is not theirs
    """
    with unit_of_work():
        user = locked(user_id)
        ended = end_sessions(
            UserSession.id == session_id,
            UserSession.user_id == user_id,
            because=SessionEnd.ENDED_BY_OWNER,
            at=at,
        )
        if not ended:
            raise NotFound("This session has ended already.")
        record("account:sessions_ended", user, actor_id=user.id, at=at, sessions=ended)


def end_other_sessions(*, user_id: UUID, session_id: UUID, at: datetime) -> int:
    """End all of the person's sessions but this one; return how many."""
    with unit_of_work():
        user = locked(user_id)
        ended = end_sessions(
            UserSession.user_id == user_id,
            UserSession.id != session_id,
            because=SessionEnd.ENDED_BY_OWNER,
            at=at,
        )
        if ended:
            record("account:sessions_ended", user, actor_id=user.id, at=at, sessions=ended)
        return len(ended)


def request_password_reset(*, email: str) -> None:
    """Promise to look whether the address may have a new password; the caller learns nothing, not even by the time."""
    with unit_of_work():
        queue.promise("answer_reset_request", email=normal_email(email))


def answer_reset_request(*, email: str, at: datetime) -> None:
    """
    Mail a link for a new password to the address, if it is a member's.

    A mailbox alone does not open the desks: staff are told by mail that their password is set by command.
    """
    with unit_of_work():
        user = db.session.scalar(select(User).where(User.email == normal_email(email)))
        if user is None or user.disabled_at is not None:
            return
        if user.staff_role is not None:
            promise_mail(to=user.email, template="staff_reset", context={"name": user.name}, at=at)
            return
        token = tokens.issue(user_id=user.id, purpose=TokenPurpose.RESET_PASSWORD, at=at)
        record("account:reset_requested", user, actor_id=user.id, at=at)
        promise_mail(to=user.email, template="reset_password", context={"name": user.name, "token": token}, at=at)


def reset_password(*, token: str, password: str, at: datetime) -> None:
    """
    Set a new password on the strength of a mailed link, end every session, and tell the person by mail.

    The link also proves the address.

    :raises marketplace.accounts.tokens.LinkIsDead: it serves no more
    :raises Invalid: the new password will not do; the link still serves
    """
    holder = db.session.get_one(User, tokens.holder_of(token, purpose=TokenPurpose.RESET_PASSWORD, at=at))
    password_hash = new_hash(password, about=(holder.name, holder.email))
    with unit_of_work():
        user = locked(holder.id)
        tokens.redeem(token, purpose=TokenPurpose.RESET_PASSWORD, at=at)
        user.email_confirmed_at = user.email_confirmed_at or at
        replace_password(user, password_hash, at=at)
        end_sessions(UserSession.user_id == user.id, because=SessionEnd.PASSWORD_CHANGED, at=at)
        record("account:password_reset", user, actor_id=user.id, at=at)


def change_password(
    *, user_id: UUID, session_id: UUID, old_password: str, new_password: str, at: datetime, code: str = ""
) -> None:
    """
    Change the password, end every other session, and tell the person by mail.

    :raises Invalid: the old password is wrong, or the new one will not do
    :raises marketplace.accounts.factors.WrongCode: they have a second factor, and its code does not fit
    """
    known = db.session.get_one(User, user_id)
    kept = known.password_hash
    if not adapter_of(Passwords).fits(old_password, kept):
        raise Invalid("This is not your present password.", field="old_password")
    password_hash = new_hash(new_password, about=(known.name, known.email), field="new_password")
    with unit_of_work():
        user = locked(user_id)
        if user.password_hash != kept:
            raise Conflict("Your password was changed in the meantime.", cure="Sign in with the new one.")
        if factors.is_on(user_id):
            factors.spend(user, code, at=at)
        replace_password(user, password_hash, at=at)
        end_sessions(
            UserSession.user_id == user_id,
            UserSession.id != session_id,
            because=SessionEnd.PASSWORD_CHANGED,
            at=at,
        )
        record("account:password_changed", user, actor_id=user.id, at=at)


def park_form(*, path: str, fields: list[tuple[str, str]], user_id: UUID | None, at: datetime) -> str:
    """Keep what somebody had typed until they have signed in again; return the ticket for their cookie."""
    ticket = new_token()
    with unit_of_work():
        db.session.add(
            ParkedForm(
                ticket_digest=digest_of(ticket),
                user_id=user_id,
                path=path,
                fields=[list(field) for field in fields],
                created_at=at,
                expires_at=at + PARKED_FORM_LASTS,
            )
        )
    return ticket


def sweep(*, at: datetime) -> None:
    """Remove parked forms whose time is over, sessions and tokens that ended long ago, browsers long unused."""
    forgotten = forgotten_after(at)
    with unit_of_work():
        db.session.execute(delete(ParkedForm).where(ParkedForm.expires_at <= at))
        db.session.execute(delete(MailedToken).where(MailedToken.expires_at <= forgotten))
        db.session.execute(delete(UserSession).where(UserSession.expires_at <= forgotten))
        browsers.forget_old(at=at)
        addresses.forget_old(before=forgotten)


def _open(user: User, *, at: datetime, user_agent: str, address: str, kept: Sequence[str]) -> SignIn:
    tokens.cancel(user_id=user.id, purpose=TokenPurpose.RESET_PASSWORD, at=at)
    browser = browsers.meet(user, kept=kept, at=at, user_agent=user_agent, address=address)
    session = open_session(user=user, at=at, user_agent=user_agent, address=address, browser=browser)
    record("account:signed_in", user, actor_id=user.id, at=at, session=session.session_id)
    return session


def _mail_confirmation(user: User, *, at: datetime) -> None:
    token = tokens.issue(user_id=user.id, purpose=TokenPurpose.CONFIRM_EMAIL, at=at)
    promise_mail(to=user.email, template="confirm_email", context={"name": user.name, "token": token}, at=at)
