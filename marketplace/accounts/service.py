"""What people do with their accounts, and what the house does with people."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from .. import audit, queue, ripple
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.terms import StaffRole
from ..kernel.text import normal_email
from ..kernel.tokens import digest_of, new_token
from ..notifications.service import promise_mail
from ..ripple import Cause, Ground, Loss
from . import tokens
from .access import Identity
from .models import MailedToken, ParkedForm, SessionEnd, TokenPurpose, User, UserSession
from .passwords import Passwords
from .policy import LONGEST_NAME, PARKED_FORM_LASTS, email_problem, password_problem
from .queries import Person, forgotten_after
from .sessions import SignIn, end_sessions, living, open_session, seen


class SignInFailed(Invalid):
    """Address and password do not belong together. Which of the two was wrong is nobody's business."""

    code = "sign_in_failed"

    def __init__(self) -> None:
        super().__init__("This address and this password do not belong together.")


class NotYourself(Refused):
    """Staff do not do this to their own account."""

    code = "not_yourself"


def register(*, name: str, email: str, password: str, at: datetime) -> None:
    """
    Open an account and mail a link that confirms the address.

    An address that has an account already is told so by mail, and nothing else differs: who is registered here is
    nobody's business.

    :raises Invalid: name, address or password will not do
    """
    name, address = _clean_name(name), _clean_email(email)
    password_hash = _new_hash(password, about=(name, address))
    with unit_of_work():
        user_id = _add_user(name=name, email=address, password_hash=password_hash, at=at)
        if user_id is None:
            # As much work as for a new person, so that time does not tell either.
            known = _locked(_id_at(address))
            _record("account:registered_again", known, actor_id=None, at=at)
            promise_mail(to=address, template="address_taken", context={"name": known.name}, at=at)
            return
        user = _locked(user_id)
        _record("account:registered", user, actor_id=user_id, at=at)
        _mail_confirmation(user, at=at)


def request_email_confirmation(*, user_id: UUID, at: datetime) -> None:
    """
    Mail a new link that confirms the person's address; the one before it dies.

    :raises Conflict: the address is confirmed already
    """
    with unit_of_work():
        user = _locked(user_id)
        if user.email_confirmed_at is not None:
            raise Conflict("Your e-mail address is confirmed already.", cure="There is nothing left to do.")
        _mail_confirmation(user, at=at)


def confirm_email(*, token: str, at: datetime) -> UUID:
    """
    Take the mailed link as proof that the address is the person's; return whose.

    :raises marketplace.accounts.tokens.LinkIsDead: it serves no more
    """
    with unit_of_work():
        user = _locked(tokens.redeem(token, purpose=TokenPurpose.CONFIRM_EMAIL, at=at))
        user.email_confirmed_at = user.email_confirmed_at or at
        _record("account:email_confirmed", user, actor_id=user.id, at=at)
        return user.id


def sign_in(*, email: str, password: str, at: datetime, user_agent: str = "", address: str = "") -> SignIn:
    """
    Open a session for whoever knows the password of the address.

    :raises SignInFailed: they do not belong together, or the account is disabled; it takes as long to say so
    """
    known = db.session.execute(
        select(User.id, User.password_hash).where(User.email == normal_email(email))
    ).one_or_none()
    passwords = adapter_of(Passwords)
    if not passwords.fits(password, known.password_hash if known else None) or known is None:
        raise SignInFailed
    with unit_of_work():
        user = _locked(known.id)
        # Checking took a while: a password changed or an account disabled meanwhile must win.
        if user.disabled_at is not None or user.password_hash != known.password_hash:
            raise SignInFailed
        if passwords.is_outdated(user.password_hash):
            user.password_hash = passwords.hash(password)
        tokens.cancel(user_id=user.id, purpose=TokenPurpose.RESET_PASSWORD, at=at)
        session = open_session(user=user, at=at, user_agent=user_agent, address=address)
        _record("account:signed_in", user, actor_id=user.id, at=at, session=session.session_id)
        return session


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
        user = _locked(user_id)
        ended = end_sessions(
            UserSession.id == session_id,
            UserSession.user_id == user_id,
            because=SessionEnd.ENDED_BY_OWNER,
            at=at,
        )
        if not ended:
            raise NotFound("This session has ended already.")
        _record("account:sessions_ended", user, actor_id=user.id, at=at, sessions=ended)


def end_other_sessions(*, user_id: UUID, session_id: UUID, at: datetime) -> int:
    """End all of the person's sessions but this one; return how many."""
    with unit_of_work():
        user = _locked(user_id)
        ended = end_sessions(
            UserSession.user_id == user_id,
            UserSession.id != session_id,
            because=SessionEnd.ENDED_BY_OWNER,
            at=at,
        )
        if ended:
            _record("account:sessions_ended", user, actor_id=user.id, at=at, sessions=ended)
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
        _record("account:reset_requested", user, actor_id=user.id, at=at)
        promise_mail(to=user.email, template="reset_password", context={"name": user.name, "token": token}, at=at)


def reset_password(*, token: str, password: str, at: datetime) -> None:
    """
    Set a new password on the strength of a mailed link, end every session, and tell the person by mail.

    The link also proves the address.

    :raises marketplace.accounts.tokens.LinkIsDead: it serves no more
    :raises Invalid: the new password will not do; the link still serves
    """
    holder = db.session.get_one(User, tokens.holder_of(token, purpose=TokenPurpose.RESET_PASSWORD, at=at))
    password_hash = _new_hash(password, about=(holder.name, holder.email))
    with unit_of_work():
        user = _locked(tokens.redeem(token, purpose=TokenPurpose.RESET_PASSWORD, at=at))
        user.email_confirmed_at = user.email_confirmed_at or at
        _replace_password(user, password_hash, at=at)
        end_sessions(UserSession.user_id == user.id, because=SessionEnd.PASSWORD_CHANGED, at=at)
        _record("account:password_reset", user, actor_id=user.id, at=at)


def change_password(*, user_id: UUID, session_id: UUID, old_password: str, new_password: str, at: datetime) -> None:
    """
    Change the password, end every other session, and tell the person by mail.

    :raises Invalid: the old password is wrong, or the new one will not do
    """
    known = db.session.get_one(User, user_id)
    kept = known.password_hash
    if not adapter_of(Passwords).fits(old_password, kept):
        raise Invalid("This is not your present password.", field="old_password")
    password_hash = _new_hash(new_password, about=(known.name, known.email), field="new_password")
    with unit_of_work():
        user = _locked(user_id)
        if user.password_hash != kept:
            raise Conflict("Your password was changed in the meantime.", cure="Sign in with the new one.")
        _replace_password(user, password_hash, at=at)
        end_sessions(
            UserSession.user_id == user_id,
            UserSession.id != session_id,
            because=SessionEnd.PASSWORD_CHANGED,
            at=at,
        )
        _record("account:password_changed", user, actor_id=user.id, at=at)


def end_sessions_of(*, user_id: UUID, actor_id: UUID, at: datetime) -> int:
    """
    End all sessions of a person on behalf of the house; return how many.

    :raises NotFound: there is no such person
    """
    with unit_of_work():
        user = _locked(user_id)
        ended = end_sessions(UserSession.user_id == user_id, because=SessionEnd.ENDED_BY_STAFF, at=at)
        _record("account:sessions_ended", user, actor_id=actor_id, at=at, sessions=ended)
        return len(ended)


def disable(*, user_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Close the account to its person and end their sessions. What they did stays on record; their orders are held.

    :raises NotFound: there is no such person
    :raises NotYourself: the account is the actor's own
    :raises Conflict: it is disabled already
    :raises Invalid: no reason is given
    """
    if user_id == actor_id:
        raise NotYourself("You cannot disable your own account.", cure="Ask another administrator.")
    if not reason.strip():
        raise Invalid("Say why, for the record.", field="reason")
    with unit_of_work():
        user = _locked(user_id)
        if user.disabled_at is not None:
            raise Conflict("This account is disabled already.")
        user.disabled_at = at
        for purpose in TokenPurpose:
            tokens.cancel(user_id=user.id, purpose=purpose, at=at)
        end_sessions(UserSession.user_id == user_id, because=SessionEnd.ACCOUNT_DISABLED, at=at)
        words = f"The account of {user.name} was closed."
        ripple.lost(Loss(Cause.ACCOUNT_CLOSED, Ground(person_id=user.id), user.id, words), actor_id=actor_id, at=at)
        _record("account:disabled", user, actor_id=actor_id, at=at, reason=reason.strip())


def enable(*, user_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Open a disabled account to its person again; they sign in anew.

    :raises NotFound: there is no such person
    :raises Conflict: it is not disabled
    :raises Invalid: no reason is given
    """
    if not reason.strip():
        raise Invalid("Say why, for the record.", field="reason")
    with unit_of_work():
        user = _locked(user_id)
        if user.disabled_at is None:
            raise Conflict("This account is not disabled.")
        user.disabled_at, user.reopened_at = None, at
        ripple.changed(Ground(person_id=user.id))
        _record("account:enabled", user, actor_id=actor_id, at=at, reason=reason.strip())


def appoint(*, email: str, role: StaffRole | None, at: datetime) -> Person:
    """
    Give the person a staff role, or take it away with None. Their sessions end: rights never change under one.

    :raises NotFound: nobody has this address
    """
    with unit_of_work():
        user = _locked(_id_at(email))
        user.staff_role = role
        # Whoever runs commands on this machine vouches for the address.
        user.email_confirmed_at = user.email_confirmed_at or at
        end_sessions(UserSession.user_id == user.id, because=SessionEnd.ROLE_CHANGED, at=at)
        _record("staff:appointed" if role else "staff:dismissed", user, actor_id=None, at=at, role=role)
        return Person.of(user)


def hire(*, name: str, email: str, password: str, role: StaffRole, at: datetime) -> Person:
    """
    Open an account for a member of staff, address taken as confirmed.

    :raises Invalid: name, address or password will not do
    :raises Conflict: the address has an account already
    """
    name, address = _clean_name(name), _clean_email(email)
    password_hash = _new_hash(password, about=(name, address))
    with unit_of_work():
        user_id = _add_user(name=name, email=address, password_hash=password_hash, at=at)
        if user_id is None:
            raise Conflict("This address has an account already.", cure="Appoint it without a new password.")
        user = _locked(user_id)
        user.email_confirmed_at = at
        user.staff_role = role
        _record("staff:appointed", user, actor_id=None, at=at, role=role)
        return Person.of(user)


def set_password(*, email: str, password: str, at: datetime) -> Person:
    """
    Set a person's password by command, end their sessions, and tell them by mail.

    :raises NotFound: nobody has this address
    :raises Invalid: the password will not do
    """
    with unit_of_work():
        user = _locked(_id_at(email))
        _replace_password(user, _new_hash(password, about=(user.name, user.email)), at=at)
        end_sessions(UserSession.user_id == user.id, because=SessionEnd.PASSWORD_CHANGED, at=at)
        _record("account:password_set_by_command", user, actor_id=None, at=at)
        return Person.of(user)


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
    """Remove parked forms whose time is over, and sessions and tokens that ended long ago."""
    forgotten = forgotten_after(at)
    with unit_of_work():
        db.session.execute(delete(ParkedForm).where(ParkedForm.expires_at <= at))
        db.session.execute(delete(MailedToken).where(MailedToken.expires_at <= forgotten))
        db.session.execute(delete(UserSession).where(UserSession.expires_at <= forgotten))


def _clean_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise Invalid("Write your name as it stands on your certificates.", field="name")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"Use at most {LONGEST_NAME} characters for the name.", field="name")
    return name


def _clean_email(email: str) -> str:
    address = normal_email(email)
    problem = email_problem(address)
    if problem is not None:
        raise Invalid(problem, field="email")
    return address


def _new_hash(password: str, *, about: tuple[str, ...], field: str = "password") -> str:
    problem = password_problem(password, about=about)
    if problem is not None:
        raise Invalid(problem, field=field)
    return adapter_of(Passwords).hash(password)


def _add_user(*, name: str, email: str, password_hash: str, at: datetime) -> UUID | None:
    """Add the person in one statement, or return None because the address is taken, also in a race."""
    return db.session.scalar(
        insert(User)
        .values(id=uuid4(), name=name, email=email, password_hash=password_hash, created_at=at)
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )


def _locked(user_id: UUID) -> User:
    user = db.session.scalar(
        select(User).where(User.id == user_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )
    if user is None:
        raise NotFound("There is no such person.")
    return user


def _id_at(email: str) -> UUID:
    user_id = db.session.scalar(select(User.id).where(User.email == normal_email(email)))
    if user_id is None:
        raise NotFound("Nobody has this address.")
    return user_id


def _mail_confirmation(user: User, *, at: datetime) -> None:
    token = tokens.issue(user_id=user.id, purpose=TokenPurpose.CONFIRM_EMAIL, at=at)
    promise_mail(to=user.email, template="confirm_email", context={"name": user.name, "token": token}, at=at)


def _replace_password(user: User, password_hash: str, *, at: datetime) -> None:
    user.password_hash = password_hash
    tokens.cancel(user_id=user.id, purpose=TokenPurpose.RESET_PASSWORD, at=at)
    promise_mail(to=user.email, template="password_changed", context={"name": user.name}, at=at)


def _record(kind: str, user: User, *, actor_id: UUID | None, at: datetime, **data: object) -> None:
    audit.record(kind, actor_id=actor_id, subject_type="user", subject_id=user.id, at=at, **data)
