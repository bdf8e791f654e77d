"""Answers to partners as they were kept: as the partner is told, to be checked by anybody, and as a badge of now."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Result, Row, select

from ..catalog import queries as catalog
from ..catalog.models import DeviceModel
from ..eligibility import elsewhere
from ..eligibility.models import PolicyVersion
from ..eligibility.verdict import Verdict
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.terms import ProcedureClass
from . import sharing
from .models import PartnerAnswer, PartnerKey, SharingCode
from .sharing import Consent
from .tokens import plain_receipt, written
from .told import Kept


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was kept, and the code of its receipt as people read it."""

    code: str
    kept: Kept


@dataclass(frozen=True, slots=True)
class Checked:
    """What a receipt says to whoever holds its code, no more. `intact`: everything is as it was when it was kept."""

    code: str
    intact: bool
    decided_at: datetime
    valid_until: datetime
    maker: str
    model: str
    state: str
    uses: tuple[ProcedureClass, ...]
    cleared: bool
    policy_number: int


class Standing(StrEnum):
    """What a badge says. Only an answer of today that would be given again is shown as a yes."""

    CLEARED = "cleared"
    NOT_CLEARED = "not_cleared"
    ASK_AGAIN = "ask_again"


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge shows, at the moment at which it is drawn."""

    code: str
    standing: Standing
    model: str
    uses: tuple[ProcedureClass, ...]
    answered_at: datetime


def sealed(answer: PartnerAnswer, *, policy_digest: str) -> PartnerAnswer:
    """Give an answer the digest over everything in it."""
    answer.digest = _digest(answer, policy_digest)
    return answer


def answered(answer_id: UUID) -> Answered:
    """
    Return an answer as its partner is told it.

    :raises NotFound: there is none
    """
    row = _find(PartnerAnswer.id == answer_id)
    if row is None:
        raise NotFound("There is no such answer.")
    answer: PartnerAnswer = row.PartnerAnswer
    device = answer.facts["device"]
    return Answered(
        written(answer.receipt_code),
        Kept(
            allowed=answer.allowed,
            answered_at=answer.answered_at,
            valid_until=answer.valid_until,
            model={"id": str(answer.model_id), "slug": row.slug, "maker": device["maker"], "name": device["model"]},
            state=answer.facts["place"]["state"],
            handpieces=answer.handpieces,
            uses=answer.declared_uses,
            verdict=Verdict.from_json(answer.verdict),
            left_open=answer.left_open,
            policy_number=row.number,
            policy_standing=str(row.standing),
        ),
    )


def check(code: str) -> Checked | None:
    """Return what the receipt with this code says, however the code was typed; None: there is none."""
    row = _find(PartnerAnswer.receipt_code == plain_receipt(code))
    if row is None:
        return None
    answer: PartnerAnswer = row.PartnerAnswer
    return Checked(
        code=written(answer.receipt_code),
        intact=_digest(answer, row.policy_digest) == answer.digest,
        decided_at=answer.answered_at,
        valid_until=answer.valid_until,
        maker=answer.facts["device"]["maker"],
        model=answer.facts["device"]["model"],
        state=answer.facts["place"]["state"],
        uses=_uses(answer),
        cleared=answer.allowed,
        policy_number=row.number,
    )


def badge(code: str, *, at: datetime) -> Badge | None:
    """
    Return what the badge of this receipt says now; None: there is no such receipt.

    A yes is shown while its day lasts, its person has not taken their word back, the partner is one, everything is as
    it was kept, and the gate would give it again.
    """
    row = _find(PartnerAnswer.receipt_code == plain_receipt(code))
    if row is None:
        return None
    answer: PartnerAnswer = row.PartnerAnswer
    device = answer.facts["device"]
    return Badge(
        code=written(answer.receipt_code),
        standing=_standing(answer, row.policy_digest, at),
        model=f"{device['maker']} {device['model']}",
        uses=_uses(answer),
        answered_at=answer.answered_at,
    )


def _standing(answer: PartnerAnswer, policy_digest: str, at: datetime) -> Standing:
    if at >= answer.valid_until or _digest(answer, policy_digest) != answer.digest:
        return Standing.ASK_AGAIN
    key_lives = select(PartnerKey.id).where(PartnerKey.id == answer.key_id, PartnerKey.revoked_at.is_(None)).exists()
    lives = sharing.living(at).where(SharingCode.id == answer.sharing_code_id, key_lives)
    consent = db.session.execute(lives).one_or_none()
    if consent is None:
        return Standing.ASK_AGAIN
    if not answer.allowed:
        return Standing.NOT_CLEARED
    purchase = Consent(*consent).purchase(map(ProcedureClass, answer.declared_uses))
    model = catalog.model(answer.model_id)
    stands = elsewhere.holds(model=model, modality_codes=answer.handpieces, purchase=purchase, at=at)
    return Standing.CLEARED if stands else Standing.ASK_AGAIN


def _uses(answer: PartnerAnswer) -> tuple[ProcedureClass, ...]:
    """Return what a yes is restricted to; nothing: to nothing."""
    restriction = answer.verdict["restriction"]
    return tuple(map(ProcedureClass, restriction["uses"])) if restriction else ()


def _find(which: Any) -> Row[Any] | None:
    found: Result[Any] = db.session.execute(
        select(
            PartnerAnswer,
            DeviceModel.slug,
            PolicyVersion.number,
            PolicyVersion.standing,
            PolicyVersion.digest.label("policy_digest"),
        )
        .join(DeviceModel, DeviceModel.id == PartnerAnswer.model_id)
        .join(PolicyVersion, PolicyVersion.id == PartnerAnswer.policy_version_id)
        .where(which)
    )
    return found.one_or_none()


def _digest(answer: PartnerAnswer, policy_digest: str) -> str:
    whole = {
        "receipt": answer.receipt_code,
        "partner": str(answer.partner_id),
        "sharing_code": str(answer.sharing_code_id),
        "person": str(answer.person_id),
        "site": str(answer.site_id),
        "model": str(answer.model_id),
        "handpieces": answer.handpieces,
        "declared_uses": answer.declared_uses,
        "answered_at": answer.answered_at.astimezone(UTC).isoformat(),
        "valid_until": answer.valid_until.astimezone(UTC).isoformat(),
        "allowed": answer.allowed,
        "facts": answer.facts,
        "verdict": answer.verdict,
        "left_open": answer.left_open,
        "policy": policy_digest,
        "evidence": answer.evidence,
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
