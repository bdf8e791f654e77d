"""Let a partner in, give it keys, take them back: by command, for whoever runs the house vouches for a partner."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, update

from .. import audit
from ..accounts.policy import email_problem
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.text import normal_email
from ..kernel.tokens import new_token
from .models import Partner, PartnerKey
from .tokens import Minted, is_key, new_key, prefix_of

MOST_KEYS = 5
NOTED_EVERY = timedelta(minutes=1)


class UnknownKey(Refused):
    """Whoever asks brings no key that opens: none, one that was never ours, a revoked one. All are answered alike."""

    code = "unknown_key"

    def __init__(self) -> None:
        super().__init__("This key opens nothing here.", cure="Send “Authorization: Bearer” with a living key.")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is behind a key."""

    key_id: UUID
    partner_id: UUID


def open_partner(*, name: str, email: str, at: datetime, minted: Minted | None = None) -> tuple[UUID, str]:
    """
    Let a partner in; return its id and its first key, which is shown this once.

    `minted` is a key that was made elsewhere, for a demo that tells everybody.

    :raises Invalid: no name, or the address cannot be one
    :raises Conflict: a living partner has this name
    """
    words, address = " ".join(name.split()), normal_email(email)
    problem = email_problem(address)
    if not 1 <= len(words) <= 100 or not words.isprintable():
        raise Invalid("Name the partner in up to 100 signs.", field="name")
    if problem is not None:
        raise Invalid(problem, field="email")
    with unit_of_work():
        if _living(words) is not None:
            raise Conflict(f"{words} is a partner already.", cure="Give it another key, or end it first.")
        partner = Partner(name=words, email=address, opened_at=at)
        db.session.add(partner)
        db.session.flush()
        audit.record("partner:opened", actor_id=None, subject_type="partner", subject_id=partner.id, at=at)
        return partner.id, _give_key(partner.id, at=at, minted=minted)


def add_key(*, name: str, at: datetime) -> str:
    """
    Give a living partner one more key, so that it can replace another; return it, to be shown this once.

    :raises NotFound: there is no such partner
    :raises Conflict: it has as many as it may have
    """
    with unit_of_work():
        partner = _required(name)
        living = select(func.count()).where(PartnerKey.partner_id == partner.id, PartnerKey.revoked_at.is_(None))
        if (db.session.scalar(living) or 0) >= MOST_KEYS:
            raise Conflict(f"{partner.name} has {MOST_KEYS} keys.", cure="Revoke one of them first.")
        return _give_key(partner.id, at=at)


def revoke_key(*, prefix: str, at: datetime) -> None:
    """
    Let a key open nothing any more.

    :raises NotFound: there is no living key of this prefix
    """
    with unit_of_work():
        row = db.session.execute(
            update(PartnerKey)
            .where(PartnerKey.prefix == prefix.strip().upper(), PartnerKey.revoked_at.is_(None))
            .values(revoked_at=at)
            .returning(PartnerKey.partner_id, PartnerKey.prefix)
        ).one_or_none()
        if row is None:
            raise NotFound("There is no living key of this prefix.")
        _note("partner:key_revoked", row.partner_id, at, key=row.prefix)


def end_partner(*, name: str, at: datetime) -> None:
    """
    Let a partner go: none of its keys opens anything any more, and nobody can let it ask.

    :raises NotFound: there is no such partner
    """
    with unit_of_work():
        partner = _required(name)
        partner.ended_at = at
        _note("partner:ended", partner.id, at)


def holder_of(key: str | None, *, at: datetime) -> Holder:
    """
    Return who is behind a key, and note that it was used.

    :raises UnknownKey: it opens nothing
    """
    prefix = prefix_of(key or "")
    if key is None or prefix is None:
        raise UnknownKey
    row = db.session.execute(
        select(PartnerKey.id, PartnerKey.partner_id, PartnerKey.digest, PartnerKey.used_at)
        .join(Partner, Partner.id == PartnerKey.partner_id)
        .where(PartnerKey.prefix == prefix, PartnerKey.revoked_at.is_(None), Partner.ended_at.is_(None))
    ).one_or_none()
    if row is None or not is_key(key, row.digest):
        raise UnknownKey
    if row.used_at is None or at - row.used_at >= NOTED_EVERY:
        # Not within the answer: of two at the same instant each would wait for what the other holds.
        with unit_of_work():
            older = or_(PartnerKey.used_at.is_(None), PartnerKey.used_at < at)
            db.session.execute(
                update(PartnerKey)
                .where(PartnerKey.id == row.id, PartnerKey.revoked_at.is_(None), older)
                .values(used_at=at)
            )
    return Holder(row.id, row.partner_id)


def hold(holder: Holder) -> None:
    """
    Keep the key from being revoked until the caller's unit of work is over.

    :raises UnknownKey: it was revoked a moment ago, or its partner is gone
    """
    living = (
        select(PartnerKey.id)
        .join(Partner, Partner.id == PartnerKey.partner_id)
        .where(PartnerKey.id == holder.key_id, PartnerKey.revoked_at.is_(None), Partner.ended_at.is_(None))
        .with_for_update(read=True)
    )
    if db.session.scalar(living) is None:
        raise UnknownKey


def _give_key(partner_id: UUID, *, at: datetime, minted: Minted | None = None) -> str:
    new = minted or new_key(new_token())
    db.session.add(PartnerKey(partner_id=partner_id, prefix=new.mark, digest=new.digest, made_at=at))
    db.session.flush()
    _note("partner:key_made", partner_id, at, key=new.mark)
    return new.shown


def _living(name: str) -> Partner | None:
    return db.session.scalar(
        select(Partner)
        .where(func.lower(Partner.name) == " ".join(name.split()).lower(), Partner.ended_at.is_(None))
        .with_for_update()
    )


def _required(name: str) -> Partner:
    partner = _living(name)
    if partner is None:
        raise NotFound(f"There is no partner {name!r}.", cure="flask partners list shows them.")
    return partner


def _note(kind: str, partner_id: UUID, at: datetime, **data: object) -> None:
    audit.record(kind, actor_id=None, subject_type="partner", subject_id=partner_id, at=at, **data)
