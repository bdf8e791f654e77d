"""Receipts of the gate: every kept answer gets a code, its evidence and one digest, by which anybody can check it."""

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Result, Row, select

from ..credentials.evidence import evidence_of
from ..extensions import db
from ..kernel.errors import NotFound
from .facts import Facts
from .models import EligibilityDecision, GateReceipt, Moment, PolicyStanding, PolicyVersion
from .verdict import Verdict

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for a digit. 16 of them are 80 bits, which nobody guesses."""
LENGTH = 16
_TAKEN_FOR = str.maketrans("OIL", "011", "- \t")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One kept answer, whole, for those who may know it."""

    decision_id: UUID
    code: str
    moment: Moment
    listing_id: UUID
    buyer_id: UUID
    decided_at: datetime
    valid_until: datetime | None
    cleared: bool
    facts: Facts
    verdict: Verdict
    policy_number: int
    policy_standing: PolicyStanding
    policy_digest: str
    serial: str | None
    evidence: list[dict[str, Any]]
    digest: str
    intact: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What a receipt says to whoever holds its code, no more. `intact`: everything is as it was when it was kept."""

    code: str
    intact: bool
    decided_at: datetime
    maker: str
    model: str
    serial_end: str | None
    cleared: bool
    policy_number: int


def issue(decision: EligibilityDecision, *, serial: str | None, policy_digest: str) -> None:
    """Give a kept answer its receipt. A step of the caller's unit of work."""
    evidence = evidence_of([used.credential_id for used in decision.credentials])
    db.session.add(
        GateReceipt(
            decision_id=decision.id,
            code="".join(secrets.choice(ALPHABET) for _ in range(LENGTH)),
            serial=serial,
            evidence=evidence,
            digest=_digest(decision, serial=serial, evidence=evidence, policy_digest=policy_digest),
        )
    )
    db.session.flush()


def receipt(decision_id: UUID) -> Receipt:
    """
    Return the receipt of a kept answer.

    :raises NotFound: there is none
    """
    row = _find(GateReceipt.decision_id == decision_id)
    if row is None:
        raise NotFound("There is no such receipt.")
    kept: EligibilityDecision = row.EligibilityDecision
    return Receipt(
        decision_id=kept.id,
        code=written(row.GateReceipt.code),
        moment=kept.moment,
        listing_id=kept.listing_id,
        buyer_id=kept.buyer_id,
        decided_at=kept.decided_at,
        valid_until=kept.valid_until,
        cleared=kept.cleared,
        facts=Facts.from_json(kept.facts),
        verdict=Verdict.from_json(kept.verdict),
        policy_number=row.number,
        policy_standing=row.standing,
        policy_digest=row.policy_digest,
        serial=row.GateReceipt.serial,
        evidence=row.GateReceipt.evidence,
        digest=row.GateReceipt.digest,
        intact=_is_intact(row),
    )


def check(code: str) -> Checked | None:
    """Return what the receipt with this code says, however the code was typed; None: there is none."""
    row = _find(GateReceipt.code == code.upper().translate(_TAKEN_FOR))
    if row is None:
        return None
    kept, serial = row.EligibilityDecision, row.GateReceipt.serial
    return Checked(
        code=written(row.GateReceipt.code),
        intact=_is_intact(row),
        decided_at=kept.decided_at,
        maker=kept.facts["device"]["maker"],
        model=kept.facts["device"]["model"],
        serial_end=serial[-4:] if serial else None,
        cleared=kept.cleared,
        policy_number=row.number,
    )


def codes_of(decision_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the code of each of these answers that has a receipt."""
    rows = db.session.execute(
        select(GateReceipt.decision_id, GateReceipt.code).where(GateReceipt.decision_id.in_(list(decision_ids)))
    )
    return {row.decision_id: written(row.code) for row in rows}


def written(code: str) -> str:
    """Write a code as people read it: in fours."""
    return "-".join(code[start : start + 4] for start in range(0, LENGTH, 4))


def _find(which: Any) -> Row[Any] | None:
    found: Result[Any] = db.session.execute(
        select(
            GateReceipt,
            EligibilityDecision,
            PolicyVersion.number,
            PolicyVersion.standing,
            PolicyVersion.digest.label("policy_digest"),
        )
        .join(EligibilityDecision, EligibilityDecision.id == GateReceipt.decision_id)
        .join(PolicyVersion, PolicyVersion.id == EligibilityDecision.policy_version_id)
        .where(which)
    )
    return found.one_or_none()


def _is_intact(row: Row[Any]) -> bool:
    kept = row.GateReceipt
    found = _digest(
        row.EligibilityDecision, serial=kept.serial, evidence=kept.evidence, policy_digest=row.policy_digest
    )
    return bool(found == kept.digest)


def _digest(
    decision: EligibilityDecision, *, serial: str | None, evidence: list[dict[str, Any]], policy_digest: str
) -> str:
    whole = {
        "decision": str(decision.id),
        "moment": str(decision.moment),
        "decided_at": decision.decided_at.astimezone(UTC).isoformat(),
        "cleared": decision.cleared,
        "facts": decision.facts,
        "verdict": decision.verdict,
        "policy": policy_digest,
        "serial": serial,
        "evidence": evidence,
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
