"""A person's own word: which partner may ask about them, for which site, until when; and how they take it back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, func, select, update

from .. import audit
from ..accounts.models import User
from ..clinics import queries as clinics
from ..clinics.models import ClinicMember, ClinicSite
from ..eligibility.sale import Purchase
from ..extensions import db, unit_of_work
from ..kernel.errors import Invalid, NotFound, TooMany
from ..kernel.terms import ProcedureClass
from .models import Partner, PartnerAnswer, SharingCode
from .tokens import Minted, digest_of, new_code, plain

DAYS = (7, 30, 90)
MOST_CODES = 20
MOST_ASKED = 50
"""Questions with one code within a day: its person reads every one of them."""


class UnknownCode(NotFound):
    """
    This partner may not ask about anybody with this code: never given, another's, expired, taken back.

    All of these are answered alike, so that nothing is learnt of anybody.
    """

    code = "unknown_code"

    def __init__(self) -> None:
        super().__init__(
            "This code lets you ask about nobody.", cure="Ask the person for a new one, made out to you by name."
        )


class AskedTooOften(TooMany):
    """More with this code than a person would read."""

    code = "asked_too_often"

    def __init__(self) -> None:
        super().__init__(f"With this code {MOST_ASKED} questions were asked within a day.", cure="Ask again tomorrow.")


@dataclass(frozen=True, slots=True)
class Consent:
    """What a living code lets its partner ask: about this person, for this site."""

    id: UUID
    partner_id: UUID
    person_id: UUID
    clinic_id: UUID
    site_id: UUID

    def purchase(self, uses: Iterable[ProcedureClass]) -> Purchase:
        """Return the purchase that a partner asks about: by the person who agreed, and who operates the device."""
        return Purchase(
            buyer_id=self.person_id,
            clinic_id=self.clinic_id,
            site_id=self.site_id,
            operator_id=self.person_id,
            declared_uses=frozenset(uses),
        )


def give(
    *, person_id: UUID, partner_id: UUID, site_id: UUID, days: int, at: datetime, minted: Minted | None = None
) -> str:
    """
    Let a partner ask about oneself; return the code, which is shown this once.

    `minted` is a code that was made elsewhere, for a demo that tells everybody.

    :raises NotFound: there is no such partner, or the site is not the person's
    :raises Invalid: the days are not offered, or too many codes are living
    """
    if days not in DAYS:
        raise Invalid("Choose one of the spans that are offered.", field="days")
    new = minted or new_code()
    with unit_of_work():
        # A person's own forms come one after the other.
        db.session.execute(select(User.id).where(User.id == person_id).with_for_update(key_share=True))
        partner = db.session.get(Partner, partner_id)
        site = next((one for one in clinics.sites_of_person(person_id) if one.id == site_id), None)
        if partner is None or partner.ended_at is not None or site is None:
            raise NotFound("There is no such partner, or no such site of yours.")
        living = select(func.count()).where(
            SharingCode.person_id == person_id, SharingCode.revoked_at.is_(None), SharingCode.expires_at > at
        )
        if (db.session.scalar(living) or 0) >= MOST_CODES:
            raise Invalid(f"You can have {MOST_CODES} codes at a time.", cure="Take one of them back first.")
        code = SharingCode(
            partner_id=partner_id,
            person_id=person_id,
            clinic_id=site.clinic_id,
            site_id=site_id,
            digest=new.digest,
            ending=new.mark,
            given_at=at,
            expires_at=at + timedelta(days=days),
        )
        db.session.add(code)
        db.session.flush()
        _note("sharing:given", code.id, person_id, at, partner=partner_id)
    return new.shown


def revoke(*, sharing_id: UUID, person_id: UUID, at: datetime) -> None:
    """
    Take a code back, at once; one that is over already stays as it is.

    :raises NotFound: it is not theirs
    """
    with unit_of_work():
        mine = (SharingCode.id == sharing_id) & (SharingCode.person_id == person_id)
        if db.session.scalar(select(SharingCode.id).where(mine)) is None:
            raise NotFound("There is no such code of yours.")
        ended = db.session.scalar(
            update(SharingCode)
            .where(mine, SharingCode.revoked_at.is_(None))
            .values(revoked_at=at)
            .returning(SharingCode.id)
        )
        if ended is not None:
            _note("sharing:revoked", sharing_id, person_id, at)


def consent_behind(code: str, *, partner_id: UUID, at: datetime) -> Consent:
    """
    Return what the code lets this partner ask, and keep it from being taken back until the unit of work is over.

    Questions under one code come one after the other.

    :raises UnknownCode: it lets this partner ask nothing
    :raises AskedTooOften: it was used so often within a day
    """
    statement = living(at).where(SharingCode.digest == digest_of(plain(code)), SharingCode.partner_id == partner_id)
    row = db.session.execute(statement.with_for_update(key_share=True, of=SharingCode)).one_or_none()
    if row is None:
        raise UnknownCode
    lately = (PartnerAnswer.sharing_code_id == row.id) & (PartnerAnswer.answered_at > at - timedelta(days=1))
    if (db.session.scalar(select(func.count()).where(lately)) or 0) >= MOST_ASKED:
        raise AskedTooOften
    return Consent(*row)


def living(at: datetime) -> Select[UUID, UUID, UUID, UUID, UUID]:
    """Return the question for codes that stand: given, not over, and of somebody who still works at the open site."""
    return (
        select(
            SharingCode.id, SharingCode.partner_id, SharingCode.person_id, SharingCode.clinic_id, SharingCode.site_id
        )
        .join(Partner, Partner.id == SharingCode.partner_id)
        .join(User, User.id == SharingCode.person_id)
        .join(ClinicSite, ClinicSite.id == SharingCode.site_id)
        .join(
            ClinicMember,
            (ClinicMember.clinic_id == SharingCode.clinic_id) & (ClinicMember.user_id == SharingCode.person_id),
        )
        .where(
            SharingCode.revoked_at.is_(None),
            SharingCode.given_at <= at,
            SharingCode.expires_at > at,
            Partner.ended_at.is_(None),
            User.disabled_at.is_(None),
            ClinicSite.closed_at.is_(None),
            ClinicMember.left_at.is_(None),
        )
    )


def _note(kind: str, sharing_id: UUID, person_id: UUID, at: datetime, **data: object) -> None:
    audit.record(kind, actor_id=person_id, subject_type="sharing_code", subject_id=sharing_id, at=at, **data)
