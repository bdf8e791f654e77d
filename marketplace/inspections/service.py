"""
Ask for a unit to be looked at, let the inspector in, assign one, and sign what was found. `_move` alone writes states.

What the inspector asks for their work is between them and who asked: no money of it passes through this house.
"""

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..accounts import queries as accounts
from ..accounts.models import User
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.text import normal_email
from ..listings import reports
from ..listings.models import Listing
from ..listings.states import ListingState
from ..notifications.service import promise_mail
from . import queries
from .form import Found, lines_of, require_whole
from .models import Inspection, InspectionMove, InspectionReport, Inspector
from .states import INSPECTION, LIVE, InspectionEvent, InspectionKind, InspectionState

LONGEST_WORDS = 1000


class NotAThirdPerson(Refused):
    """Whoever inspects, or sends an inspector, has nothing to do with either side."""

    code = "not_a_third_person"

    def __init__(self, whom: str) -> None:
        super().__init__(
            f"{whom} to do with the buyer or the seller, now or earlier.", cure="Leave it to somebody who has not."
        )


class AskedAlready(Conflict):
    """The same person waits for an inspection of the same unit."""

    code = "inspection_asked_already"


def ask(*, listing_id: UUID, asker_id: UUID, kind: InspectionKind, words: str, at: datetime) -> UUID:
    """
    Ask for a unit on the market to be looked at; its seller is asked to let somebody in.

    :raises NotFound: there is no such unit
    :raises Conflict: it is not on the market
    :raises AskedAlready: an inspection of it waits for this person
    :raises Invalid: it is not said what is to be looked at, or it is their own clinic's
    """
    said = _words(words, "Say what is to be looked at, in up to 1,000 signs.", "words")
    with unit_of_work():
        db.session.execute(select(User.id).where(User.id == asker_id).with_for_update(key_share=True))
        listing = db.session.get(Listing, listing_id)
        if listing is None:
            raise NotFound("There is no such device.")
        if listing.state is not ListingState.PUBLISHED:
            raise Conflict("This device is not on the market at the moment.", cure="Choose another one.")
        if clinics.ever_member(user_id=asker_id, clinic_id=listing.clinic_id):
            raise Invalid("Your own clinic sells it.")
        live = select(Inspection.id).where(
            Inspection.asker_id == asker_id, Inspection.listing_id == listing_id, Inspection.state.in_(LIVE)
        )
        if db.session.scalar(live) is not None:
            raise AskedAlready("You have asked for this device to be looked at already.")
        row = Inspection(
            listing_id=listing_id, asker_id=asker_id, kind=kind, words=said, state=InspectionState.ASKED, asked_at=at
        )
        db.session.add(row)
        db.session.flush()
        db.session.add(InspectionMove(inspection_id=row.id, event=None, state=row.state, actor_id=asker_id, at=at))
        _note("inspection:asked", row, asker_id, at)
        lines = [f"A buyer wants the {listing.title} looked at:", said, "Say where and when, or decline."]
        _tell(row, queries.sellers_of(listing_id), f"May somebody look at your {listing.title}?", lines, at)
        return row.id


def let_in(*, inspection_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Agree, as the seller, and say where and when the inspector may come.

    :raises NotFound: it is not about a unit of theirs
    :raises Invalid: it is not said where and when
    :raises marketplace.kernel.machine.IllegalMove: it was answered, or is over
    """
    said = _words(words, "Say where and when the inspector may come.", "words")
    with unit_of_work():
        row, listing = _of_seller(inspection_id, actor_id)
        row.seller_words, row.answered_by = said, actor_id
        _move(row, InspectionEvent.AGREED, actor_id=actor_id, at=at)
        lines = [f"The seller lets an inspector look at the {listing.title}.", "Our staff now find one."]
        _tell(row, [row.asker_id], f"The {listing.title} may be looked at", lines, at)


def decline(*, inspection_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Let nobody look at the unit, as the seller, and say why.

    :raises NotFound: it is not about a unit of theirs
    :raises Invalid: no reason
    :raises marketplace.kernel.machine.IllegalMove: it was answered, or is over
    """
    said = _words(words, "Say why.", "words")
    with unit_of_work():
        row, listing = _of_seller(inspection_id, actor_id)
        row.seller_words, row.answered_by = said, actor_id
        _move(row, InspectionEvent.DECLINED, actor_id=actor_id, at=at)
        _tell(row, [row.asker_id], f"The {listing.title} cannot be looked at", ["Its seller writes:", said], at)


def withdraw(*, inspection_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take it back, as the buyer, before somebody is sent.

    :raises NotFound: it is not theirs
    :raises marketplace.kernel.machine.IllegalMove: somebody is sent, or it is over
    """
    with unit_of_work():
        row = _locked(inspection_id)
        if row.asker_id != actor_id:
            raise NotFound("There is no such inspection among yours.")
        _move(row, InspectionEvent.WITHDRAWN, actor_id=actor_id, at=at)


def assign(*, inspection_id: UUID, inspector_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Send an inspector, as staff: what is stated of the unit is frozen for them to look at.

    :raises NotFound: there is no such inspection, or no such inspector at work
    :raises NotAThirdPerson: inspector or staff have to do with either side
    :raises marketplace.kernel.machine.IllegalMove: the seller has not agreed, or it is over
    """
    with unit_of_work():
        listing_id = db.session.scalar(select(Inspection.listing_id).where(Inspection.id == inspection_id))
        if listing_id is None:
            raise NotFound("There is no such inspection.")
        listing = db.session.get_one(Listing, listing_id, with_for_update={"key_share": True})
        row = _locked(inspection_id)
        found = db.session.get(Inspector, inspector_id)
        if found is None or found.ended_at is not None or _is_closed(inspector_id):
            raise NotFound("There is no such inspector.")
        if actor_id == inspector_id or _has_to_do(actor_id, row, listing):
            raise NotAThirdPerson("You have something")
        if _has_to_do(inspector_id, row, listing):
            raise NotAThirdPerson("The inspector has something")
        report_id = reports.freeze(listing_id=listing.id, actor_id=actor_id, at=at)
        row.inspector_id, row.assigned_by, row.report_id = inspector_id, actor_id, report_id
        _move(row, InspectionEvent.ASSIGNED, actor_id=actor_id, at=at)
        lines = [f"Please look at a {listing.title}.", f"The seller writes: {row.seller_words}"]
        _tell(row, [inspector_id], f"An inspection: {listing.title}", lines, at)
        sent = [f"An inspector looks at the {listing.title} and signs what they find."]
        both = [row.asker_id, *queries.sellers_of(listing.id)]
        _tell(row, both, f"An inspector comes for the {listing.title}", sent, at)


def sign(*, inspection_id: UUID, actor_id: UUID, found: list[Found], remarks: str, name: str, at: datetime) -> None:
    """
    Sign, as its inspector, what was found at each line of the form. It stays for ever; both sides are told.

    :raises NotFound: it is not theirs to inspect, or they inspect no longer
    :raises NotAThirdPerson: they have come to belong to either side since they were sent
    :raises Invalid: a line has no answer, or the name is not theirs
    :raises marketplace.kernel.machine.IllegalMove: it is signed, or is over
    """
    if len(remarks) > 4000:
        raise Invalid("Write at most 4,000 signs.", field="remarks")
    with unit_of_work():
        row = _locked(inspection_id)
        inspector = db.session.get(Inspector, actor_id)
        if row.inspector_id != actor_id or inspector is None or inspector.ended_at is not None or row.report_id is None:
            raise NotFound("There is no such inspection among yours.")
        INSPECTION.after(row.state, InspectionEvent.SIGNED)
        if _has_to_do(actor_id, row, db.session.get_one(Listing, row.listing_id)):
            raise NotAThirdPerson("You have something")
        person = db.session.get_one(User, actor_id)
        if name.strip().casefold() != person.name.casefold():
            raise Invalid("Write your name as your account has it.", field="name")
        report = reports.report(row.report_id)
        lines = lines_of(report.document)
        require_whole(lines, found)
        canonical = reports.canonical_of(
            {
                "format": 1,
                "inspection": str(row.id),
                "kind": str(row.kind),
                "condition_report": {"version": report.version, "digest": report.digest},
                "inspector": {"name": person.name, "firm": inspector.firm},
                "lines": [
                    {
                        "place": line.place, "label": line.label, "stated": line.stated, "found": str(one.outcome),
                        "note": one.note.strip(),
                    }
                    for line, one in zip(lines, found, strict=True)
                ],
                "remarks": remarks.strip(),
                "signed_at": at.isoformat(),
            }
        )  # fmt: skip
        db.session.add(
            InspectionReport(
                inspection_id=row.id, canonical=canonical, digest=hashlib.sha256(canonical.encode()).hexdigest(),
                signed_by=actor_id, signed_name=person.name, signed_at=at,
            )
        )  # fmt: skip
        db.session.flush()
        _move(row, InspectionEvent.SIGNED, actor_id=actor_id, at=at)
        title = db.session.get_one(Listing, row.listing_id).title
        told = [row.asker_id, *queries.sellers_of(row.listing_id)]
        _tell(row, told, f"The {title} was looked at", [f"{person.name} has signed what they found."], at)


def close(*, inspection_id: UUID, actor_id: UUID, because: str, at: datetime) -> None:
    """
    End it, as staff; both sides read why.

    :raises NotFound: there is none
    :raises NotAThirdPerson: staff have to do with either side
    :raises Invalid: no reason
    :raises marketplace.kernel.machine.IllegalMove: it is signed, or is over
    """
    said = _words(because, "Say why: both sides read it.", "because")
    with unit_of_work():
        row = _locked(inspection_id)
        listing = db.session.get_one(Listing, row.listing_id)
        if _has_to_do(actor_id, row, listing):
            raise NotAThirdPerson("You have something")
        row.closed_because = said
        _move(row, InspectionEvent.CLOSED, actor_id=actor_id, at=at)
        told = [row.asker_id, *queries.sellers_of(listing.id)]
        _tell(row, told, f"No inspection of the {listing.title}", ["Our staff write:", said], at)


def appoint(*, email: str, firm: str, skills: str, actor_id: UUID, at: datetime) -> UUID:
    """
    Let a person of the house, who is not staff, look at devices for others.

    :raises NotFound: nobody has this address here
    :raises Invalid: it is not said for whom they work and what they know
    :raises Conflict: they are staff, or inspect already
    """
    works_for, knows = firm.strip(), skills.strip()
    if not works_for:
        raise Invalid("Say for whom they work.", field="firm")
    if not knows:
        raise Invalid("Say what they know, and how you found that out.", field="skills")
    with unit_of_work():
        person = db.session.scalars(select(User).where(User.email == normal_email(email))).one_or_none()
        if person is None or person.disabled_at is not None or person.email_confirmed_at is None:
            raise NotFound("Nobody has an account with this address, or they have not confirmed it.")
        if person.staff_role is not None:
            raise Conflict("Staff do not inspect devices.", cure="Appoint somebody from outside.")
        row = db.session.get(Inspector, person.id, with_for_update=True)
        if row is not None and row.ended_at is None:
            raise Conflict("They inspect devices already.")
        if row is None:
            row = Inspector(user_id=person.id)
            db.session.add(row)
        row.firm, row.skills, row.appointed_by, row.appointed_at = works_for, knows, actor_id, at
        row.ended_at = row.ended_by = None
        db.session.flush()
        audit.record("inspector:appointed", actor_id=actor_id, subject_type="user", subject_id=person.id, at=at)
        return person.id


def dismiss(*, inspector_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Let somebody inspect no more; what they signed stays, what they have not signed they cannot sign any more.

    :raises NotFound: they do not inspect
    """
    with unit_of_work():
        row = db.session.get(Inspector, inspector_id, with_for_update=True)
        if row is None or row.ended_at is not None:
            raise NotFound("There is no such inspector.")
        row.ended_at, row.ended_by = at, actor_id
        db.session.flush()
        audit.record("inspector:dismissed", actor_id=actor_id, subject_type="user", subject_id=inspector_id, at=at)


def _words(words: str, otherwise: str, field: str) -> str:
    said = words.strip()
    if not 1 <= len(said) <= LONGEST_WORDS:
        raise Invalid(otherwise, field=field)
    return said


def _locked(inspection_id: UUID) -> Inspection:
    row = db.session.get(Inspection, inspection_id, with_for_update={"key_share": True}, populate_existing=True)
    if row is None:
        raise NotFound("There is no such inspection.")
    return row


def _of_seller(inspection_id: UUID, actor_id: UUID) -> tuple[Inspection, Listing]:
    row = _locked(inspection_id)
    listing = db.session.get_one(Listing, row.listing_id)
    clinics.require_role(user_id=actor_id, clinic_id=listing.clinic_id, roles=MANAGERS)
    return row, listing


def _is_closed(person_id: UUID) -> bool:
    return db.session.get_one(User, person_id).disabled_at is not None


def _has_to_do(person_id: UUID, row: Inspection, listing: Listing) -> bool:
    theirs = clinics.clinics_ever_of(person_id)
    sides = {listing.clinic_id, *clinics.clinics_ever_of(row.asker_id)}
    return person_id == row.asker_id or not theirs.isdisjoint(sides)


def _move(row: Inspection, event: InspectionEvent, *, actor_id: UUID, at: datetime) -> None:
    row.state = INSPECTION.after(row.state, event)
    db.session.add(InspectionMove(inspection_id=row.id, event=event, state=row.state, actor_id=actor_id, at=at))
    db.session.flush()
    _note(f"inspection:{event}", row, actor_id, at)


def _note(kind: str, row: Inspection, actor_id: UUID, at: datetime) -> None:
    audit.record(kind, actor_id=actor_id, subject_type="inspection", subject_id=row.id, at=at)


def _tell(row: Inspection, people: list[UUID], subject: str, lines: list[str], at: datetime) -> None:
    for person in accounts.people(people).values():
        promise_mail(
            to=person.email,
            template="inspection_news",
            context={"name": person.name, "subject": subject, "lines": lines, "path": f"/inspections/{row.id}"},
            at=at,
        )
