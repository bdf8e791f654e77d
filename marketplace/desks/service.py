"""Tell staff, once a working day, what waits for them on the desks that fill now and then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from ..accounts import queries as accounts
from ..extensions import db, unit_of_work
from ..inspections.models import Inspection
from ..inspections.states import InspectionState
from ..kernel.days import is_working_day, written
from ..kernel.terms import StaffRole
from ..leads.models import Lead
from ..leads.states import LeadState
from ..notifications.service import promise_mails
from ..orders.handovers import DeliveryReceipt, LienRelease
from .models import DeskDigest


@dataclass(frozen=True, slots=True)
class Desk:
    """What waits on one desk: how many, since when, who looks after it, and where."""

    number: int
    since: datetime | None
    what: tuple[str, str]
    role: StaffRole
    path: str

    @property
    def line(self) -> str:
        """How much waits, in words."""
        assert self.since is not None, "what waits has waited since a moment"
        return f"{self.number} {self.what[self.number != 1]}, the oldest since {written(self.since.date())}"


def tell_desks(*, at: datetime) -> int:
    """
    Mail moderators and finance what waits for them, once a working day; return how many mails.

    Nothing is sent where nothing waits, on weekends and bank holidays, or a second time on one day.
    """
    if not is_working_day(at.date()):
        return 0
    with unit_of_work():
        desks = _desks()
        if not any(desk.number for desk in desks.values()) or not _is_first(desks, at):
            return 0
        told = []
        for role in (StaffRole.MODERATOR, StaffRole.FINANCE):
            theirs = [desk for desk in desks.values() if desk.role is role and desk.number]
            said = [{"line": desk.line, "path": desk.path} for desk in theirs]
            readers = accounts.at_work(role) if said else []
            total = sum(desk.number for desk in theirs)
            told += [(one.email, {"name": one.name, "waiting": total, "desks": said}) for one in readers]
        promise_mails(told, template="desk_waiting", at=at)
        return len(told)


def _desks() -> dict[str, Desk]:
    leads = select(func.count(), func.min(Lead.created_at)).where(Lead.state == LeadState.OPEN)
    inspections = select(func.count(), func.min(Inspection.asked_at)).where(Inspection.state == InspectionState.AGREED)
    releases = select(func.count(), func.min(LienRelease.handed_in_at)).where(LienRelease.judged_at.is_(None))
    receipt = DeliveryReceipt
    doubts = select(func.count(), func.min(receipt.told_at)).where(
        receipt.member_id.is_(None), receipt.settled_at.is_(None)
    )
    return {
        "leads": Desk(
            *db.session.execute(leads).one(),
            ("request waits for a partner", "requests wait for a partner"), StaffRole.MODERATOR, "/staff/arrangements",
        ),
        "inspections": Desk(
            *db.session.execute(inspections).one(),
            ("inspection waits for an inspector", "inspections wait for an inspector"), StaffRole.MODERATOR,
            "/staff/inspections",
        ),
        "releases": Desk(
            *db.session.execute(releases).one(),
            ("release of a lien waits to be read", "releases of liens wait to be read"), StaffRole.FINANCE,
            "/staff/liens",
        ),
        "doubts": Desk(
            *db.session.execute(doubts).one(),
            ("delivery was signed for by somebody whom the clinic does not name",
             "deliveries were signed for by somebody whom the clinic does not name"),
            StaffRole.FINANCE, "/staff/finance#doubts",
        ),
    }  # fmt: skip


def _is_first(desks: Mapping[str, Desk], at: datetime) -> bool:
    """Take the day for this run. Two workers at once: the second waits here, and finds that the day has its mail."""
    numbers = {name: desk.number for name, desk in desks.items()}
    of_today = insert(DeskDigest).values(on_day=at.date(), sent_at=at, **numbers)
    return db.session.scalar(of_today.on_conflict_do_nothing().returning(DeskDigest.on_day)) is not None
