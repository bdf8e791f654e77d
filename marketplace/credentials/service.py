"""The door of the room: what happens to credentials."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from .. import audit
from ..clinics.models import ClinicSite
from ..extensions import db, unit_of_work
from ..kernel.days import day_in
from ..kernel.shapes import write
from ..kernel.terms import time_zone_of
from .asking import answer as answer_question
from .asking import ask as ask_source
from .asking import ask_again as ask_source_again
from .asking import cite as cite_answer
from .asking import read_question, withdraw_question
from .auditing import fail as fail_audit
from .auditing import uphold as uphold_audit
from .drawing import draw_again
from .forgetting import forget_documents, forgotten_from
from .looks import Look, case_document, case_page, record_check
from .matching import map_types
from .models import Credential, CredentialTypeRow
from .moving import tell
from .policy import REMINDERS, reminder_due
from .renewing import ask_for_newer_papers
from .reviewing import (
    ask_for_info,
    claim,
    confirm,
    reconfirm,
    reinstate,
    reject,
    revoke,
    suspend,
    take_next,
    unclaim,
    verify,
)
from .screening import resolve_finding, screen, screen_everyone, state_npi
from .signals import resolve as resolve_signal
from .standards import standards
from .states import CredentialState
from .submitting import own_document, resubmit, submit, withdraw
from .types import credential_types

__all__ = [
    "Look",
    "answer_question",
    "ask_for_info",
    "ask_for_newer_papers",
    "ask_source",
    "ask_source_again",
    "case_document",
    "case_page",
    "cite_answer",
    "claim",
    "confirm",
    "draw_again",
    "fail_audit",
    "forget_documents",
    "forgotten_from",
    "load_types",
    "map_types",
    "own_document",
    "read_question",
    "reconfirm",
    "record_check",
    "reinstate",
    "reject",
    "remind_of_expiry",
    "resolve_finding",
    "resolve_signal",
    "resubmit",
    "revoke",
    "screen",
    "screen_everyone",
    "state_npi",
    "submit",
    "suspend",
    "take_next",
    "unclaim",
    "uphold_audit",
    "verify",
    "withdraw",
    "withdraw_question",
]


def remind_of_expiry(*, at: datetime) -> int:
    """
    Remind holders 60, 30 and 7 days before the last day and on it, each time once; return how many mails were promised.

    Days are those of the site, or of the state that issued it.
    """
    told = 0
    with unit_of_work():
        soon = at.date() + timedelta(days=max(REMINDERS) + 1)
        rows = (
            select(Credential, ClinicSite.time_zone)
            .outerjoin(ClinicSite, ClinicSite.id == Credential.site_id)
            .where(
                Credential.state == CredentialState.VERIFIED,
                Credential.expires_on.between(at.date() - timedelta(days=1), soon),
            )
        )
        ending = db.session.execute(rows).all()
        reminded = audit.kinds_about("credential", [credential.id for credential, _ in ending])
        for credential, zone in ending:
            assert credential.expires_on is not None
            today = day_in(at, zone or time_zone_of(credential.jurisdiction))
            due = reminder_due(credential.expires_on, today=today)
            kind = f"credential:reminded_{due}_days_before"
            if due is None or (credential.id, kind) in reminded:
                continue
            tell(credential, "expiring", at=at)
            audit.record(kind, actor_id=None, subject_type="credential", subject_id=credential.id, at=at)
            told += 1
    return told


def load_types() -> int:
    """Bring the table of credential types to what ships with the product; return how many there are."""
    rows = [
        {
            "code": kind.code,
            "name": kind.name,
            "subject": kind.subject.value,
            "entry": write(kind),
            "two_verifiers": kind.two_verifiers,
            "evidence_days": standards().days_of_evidence(kind.kind),
        }
        for kind in credential_types().values()
    ]
    with unit_of_work():
        loading = insert(CredentialTypeRow).values(rows)
        db.session.execute(
            loading.on_conflict_do_update(
                index_elements=["code"],
                set_={name: loading.excluded[name] for name in rows[0] if name != "code"},
            )
        )
    return len(rows)
