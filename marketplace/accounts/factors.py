"""Second factors: one-time codes by time (RFC 6238) and, for the day the telephone is gone, recovery codes."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from uuid import UUID

import pyotp
from sqlalchemy import delete, func, select, update

from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Conflict, Invalid
from ..kernel.wording import gettext_noop
from ..notifications.service import promise_mail
from .models import RecoveryCode, SecondFactor, User
from .passwords import Passwords
from .policy import RECOVERY_CODES
from .sealing import Seal
from .steps import locked, record

ISSUER = "Second Light"
_STEP = 30
_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # Nothing that is read as something else.


class WrongCode(Invalid):
    """The code does not fit, or was used. Which of the two is nobody's business."""

    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("This code does not fit, or was used already."),
            field="code",
            cure=gettext_noop(
                "Wait for the next one. If none fits, look whether the clock of your telephone is right."
            ),
        )


@dataclass(frozen=True, slots=True)
class Setup:
    """What a program for one-time codes is told, once: the secret, and the same as the address behind a QR code."""

    secret: str
    address: str


def begin(*, user_id: UUID, at: datetime) -> Setup:
    """
    Make a new secret for the person; it counts for nothing until a code of it was seen.

    :raises Conflict: a second factor is on already
    """
    secret = pyotp.random_base32()
    with unit_of_work():
        user = locked(user_id)
        if is_on(user_id):
            raise Conflict("You have a second factor already.", cure="Turn it off first to set up another one.")
        db.session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))
        sealed = adapter_of(Seal).close(secret, whose=user_id)
        db.session.add(SecondFactor(user_id=user_id, sealed=sealed, begun_at=at))
        return _setup(secret, user)


def under_way(user_id: UUID) -> Setup:
    """
    Return what was begun and waits for its first code.

    :raises Conflict: nothing was
    """
    row = _row(user_id)
    if row is None or row.on_since is not None:
        raise Conflict("No second factor is being set up.", cure="Begin on the page about your account's security.")
    return _setup(_secret(row), db.session.get_one(User, user_id))


def turn_on(*, user_id: UUID, code: str, at: datetime) -> list[str]:
    """
    Let the second factor count from now on; return ten recovery codes, which nobody sees again.

    :raises Conflict: nothing was begun, or it is on
    :raises WrongCode: the program does not have the secret
    """
    with unit_of_work():
        user = locked(user_id)
        under_way(user_id)
        row = _row(user_id)
        assert row is not None
        step = _step_of(code, _secret(row), at=at)
        if step is None:
            raise WrongCode
        row.on_since, row.last_step = at, step
        db.session.flush()
        codes = _new_codes(user_id, at=at)
        _tell(user, "A second factor was turned on for your account.", at=at)
        record("account:second_factor_on", user, actor_id=user_id, at=at)
        return codes


def new_recovery_codes(*, user_id: UUID, at: datetime) -> list[str]:
    """
    Make ten new recovery codes; the ones before serve no more.

    :raises Conflict: there is no second factor
    """
    with unit_of_work():
        user = locked(user_id)
        _demand(user_id)
        codes = _new_codes(user_id, at=at)
        record("account:recovery_codes_made", user, actor_id=user_id, at=at)
        return codes


def turn_off(*, user_id: UUID, password: str, code: str, at: datetime) -> None:
    """
    Turn the second factor off: it takes the password and a code, and the person is told by mail.

    :raises Invalid: the password is wrong
    :raises WrongCode: the code is
    :raises Conflict: there is no second factor
    """
    kept = db.session.get_one(User, user_id).password_hash
    if not adapter_of(Passwords).fits(password, kept):
        raise Invalid(gettext_noop("This is not your password."), field="password")
    with unit_of_work():
        user = locked(user_id)
        _demand(user_id)
        spend(user, code, at=at)
        _remove(user_id)
        _tell(user, "The second factor of your account was turned off.", at=at)
        record("account:second_factor_off", user, actor_id=user_id, at=at)


def forget(user: User, *, at: datetime) -> bool:
    """Remove the second factor of a locked person for whom the house vouches; say whether there was one. A step."""
    if not is_on(user.id):
        return False
    _remove(user.id)
    _tell(user, "The second factor of your account was taken away by our staff.", at=at)
    return True


def forget_since(user: User, *, since: datetime, at: datetime) -> None:
    """Remove the second factor of a locked person if it was begun or turned on after that moment. A step."""
    row = _row(user.id)
    if row is not None and (row.on_since or row.begun_at) > since:
        _remove(user.id)
        if row.on_since is not None:
            _tell(user, "The second factor that was turned on after that sign-in was taken away.", at=at)


def is_on(user_id: UUID) -> bool:
    """Say whether the person has a second factor that counts."""
    row = _row(user_id)
    return row is not None and row.on_since is not None


def recovery_codes_left(user_id: UUID) -> int:
    """Count the recovery codes that still serve."""
    left = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return db.session.scalar(left) or 0


def spend(user: User, code: str, *, at: datetime) -> None:
    """
    Take a code of a locked person, once: of two at the same instant one fits. A step.

    :raises WrongCode: it does not fit, or was taken before
    """
    row = _row(user.id)
    assert row is not None, "asked of those who have one"
    step = _step_of(code, _secret(row), at=at)
    if step is not None:
        won = db.session.scalar(
            update(SecondFactor)
            .where(SecondFactor.user_id == user.id, SecondFactor.last_step < step)
            .values(last_step=step)
            .returning(SecondFactor.user_id)
        )
        if won is None:
            raise WrongCode
        return
    used = db.session.scalar(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user.id, RecoveryCode.digest == _digest(code), RecoveryCode.used_at.is_(None))
        .values(used_at=at)
        .returning(RecoveryCode.id)
    )
    if used is None:
        raise WrongCode
    _tell(user, "A recovery code of your account was used in place of a code of your telephone.", at=at)
    record("account:recovery_code_used", user, actor_id=user.id, at=at, left=recovery_codes_left(user.id))


def _row(user_id: UUID) -> SecondFactor | None:
    return db.session.scalar(
        select(SecondFactor).where(SecondFactor.user_id == user_id).execution_options(populate_existing=True)
    )


def _demand(user_id: UUID) -> None:
    if not is_on(user_id):
        raise Conflict("You have no second factor.", cure="Set one up on the page about your account's security.")


def _remove(user_id: UUID) -> None:
    db.session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))


def _secret(row: SecondFactor) -> str:
    return adapter_of(Seal).open(row.sealed, whose=row.user_id)


def _setup(secret: str, user: User) -> Setup:
    return Setup(secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER))


def _step_of(code: str, secret: str, *, at: datetime) -> int | None:
    """Return the time step of which it is the code: this one, or one beside it, for clocks that go a little wrong."""
    written = _plain(code)
    now = int(at.timestamp()) // _STEP
    made = pyotp.TOTP(secret)
    fits = [step for step in (now - 1, now, now + 1) if compare_digest(made.generate_otp(step), written)]
    return fits[-1] if fits else None


def _new_codes(user_id: UUID, *, at: datetime) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    db.session.add_all(RecoveryCode(user_id=user_id, digest=_digest(code), made_at=at) for code in codes)
    db.session.flush()
    return codes


def _new_code() -> str:
    """Return a code of 79 random bits: no need to make its digest slow."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def _digest(code: str) -> bytes:
    return sha256(_plain(code).encode()).digest()


def _plain(code: str) -> str:
    """Return the code without what people type between its parts; what is no plain text is no code."""
    return "".join(sign for sign in code.upper() if sign.isascii() and sign.isalnum())


def _tell(user: User, what: str, *, at: datetime) -> None:
    promise_mail(to=user.email, template="account_changed", context={"name": user.name, "what": what}, at=at)
