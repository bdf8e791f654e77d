"""One mail a working day to verifiers about evidence that is due, and a word to holders who must act."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.dialects.postgresql import insert

from ..accounts import queries as accounts
from ..credentials import service as credentials
from ..extensions import db, unit_of_work
from ..kernel.days import is_working_day, written
from ..kernel.terms import StaffRole
from ..notifications.service import promise_mails
from .ageing import DueEvidence, evidence_due
from .models import EvidenceDigest
from .publishing import NoPolicy

SOON = timedelta(days=14)
"""How long before its limit evidence is in the mail."""

MOST_LISTED = 25
"""So many credentials of each part are named in the mail; the page has all of them."""


def mail_evidence_due(*, at: datetime) -> int:
    """
    Mail every verifier what is overdue or due within two weeks, once a working day; return how many mails.

    Nothing is sent where nothing is due, on weekends and bank holidays, or a second time on one day. Holders whose
    paper is its own source are asked for the present one.
    """
    if not is_working_day(at.date()):
        return 0
    try:
        due = evidence_due(at=at, within=SOON)
    except NoPolicy:
        return 0  # Without rules nothing grows too old for them.
    if not due:
        return 0
    credentials.ask_for_newer_papers(stale_at={one.credential_id: one.stale_at for one in due}, at=at)
    overdue = [one for one in due if one.stale_at < at]
    soon = [one for one in due if one.stale_at >= at]
    with unit_of_work():
        of_today = insert(EvidenceDigest).values(on_day=at.date(), sent_at=at, overdue=len(overdue), due_soon=len(soon))
        # Two workers at once: the second waits here for the first, and finds that the day has its mail.
        if db.session.scalar(of_today.on_conflict_do_nothing().returning(EvidenceDigest.on_day)) is None:
            return 0
        said = {
            "overdue": len(overdue),
            "soon": len(soon),
            "parts": [_listed("Overdue: opens nothing now", overdue), _listed("Due within two weeks", soon)],
        }
        readers = accounts.at_work(StaffRole.VERIFIER)
        told = [(person.email, {"name": person.name, **said}) for person in readers]
        promise_mails(told, template="evidence_due", at=at)
        return len(readers)


def _listed(title: str, due: Sequence[DueEvidence]) -> dict[str, object]:
    lines = [f"{one.type_name}, {one.jurisdiction}: {written(one.stale_at.date())}" for one in due[:MOST_LISTED]]
    return {"title": title, "lines": lines, "more": max(0, len(due) - MOST_LISTED)}
