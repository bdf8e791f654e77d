"""What the desk holds itself to: service target, age of evidence, re-audits. Data in `data/standards.json`. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from ..kernel.days import is_working_day, working_days_after
from ..kernel.shapes import Misshapen, read
from .types import CredentialKind

STANDARDS_FILE = Path(__file__).parent / "data" / "standards.json"


@dataclass(frozen=True, slots=True)
class Standards:
    """
    The figures that the desk works by.

    `evidence_days`: how old a look at the source may be when it is decided on, with the kinds that have a limit of
    their own; `evidence_source` names who says so. `document_days`: how long after the decision what was handed in is
    deleted, by `document_days_source`. `claim_minutes`: how long a case may lie with one verifier before a colleague
    may take it over. `audit_percent`: how many approvals of a hundred somebody else looks at again.
    """

    target_working_days: int
    claim_minutes: int
    evidence_days: int
    evidence_days_of_kind: Mapping[CredentialKind, int]
    evidence_source: str
    document_days: int
    document_days_source: str
    audit_percent: int
    rejections_that_stand_out: int
    rejections_within_days: int
    longest_term_years: int
    oldest_issue_years: int

    def __post_init__(self) -> None:
        """
        Refuse figures that would let everything through.

        :raises Misshapen: a limit is not positive, the share is no percentage, or nobody is named for the limits
        """
        limits = (
            self.target_working_days,
            self.claim_minutes,
            self.evidence_days,
            self.document_days,
            *self.evidence_days_of_kind.values(),
        )
        if min(limits) < 1:
            raise Misshapen("standards", "every limit is at least one")
        if not 0 <= self.audit_percent <= 100:
            raise Misshapen("audit_percent", "a percentage lies between 0 and 100")
        for name in ("evidence_source", "document_days_source"):
            if not getattr(self, name).strip():
                raise Misshapen(name, "somebody must be named for the limits")

    def days_of_evidence(self, kind: CredentialKind) -> int:
        """Return how many days old a look at the source may be when a credential of the kind is decided on."""
        return self.evidence_days_of_kind.get(kind, self.evidence_days)

    def next_due(self, kind: CredentialKind, retrieved_at: datetime) -> date:
        """Return the day on which a look of that moment has grown too old to be decided on."""
        return (retrieved_at + timedelta(days=self.days_of_evidence(kind))).date()

    def claim_is_stale(self, claimed_at: datetime, at: datetime) -> bool:
        """Say whether a case has lain with its verifier for so long that a colleague may take it over."""
        return at - claimed_at > timedelta(minutes=self.claim_minutes)

    def is_audited(self, credential_id: UUID) -> bool:
        """Say whether this credential is of the share that is looked at again: for one id always the same."""
        return int.from_bytes(sha256(credential_id.bytes).digest()[:4]) % 100 < self.audit_percent


def review_is_due(submitted_at: datetime) -> datetime:
    """Return the end of the service target, by the hour: two working days from Friday 15:00 end on Tuesday 15:00."""
    return working_days_after(submitted_at, standards().target_working_days)


def working_days(since: datetime, at: datetime) -> float:
    """Return how many working days lie between two moments; weekends and bank holidays count for nothing."""
    worked, day = timedelta(0), since
    while day < at:
        end = min(at, datetime.combine(day.date() + timedelta(days=1), time(), day.tzinfo))
        if is_working_day(day.date()):
            worked += end - day
        day = end
    return worked / timedelta(days=1)


@cache
def standards() -> Standards:
    """Return the figures that ship with the product."""
    return read(Standards, json.loads(STANDARDS_FILE.read_text(encoding="utf-8")), "standards")
