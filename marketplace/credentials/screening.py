"""Watches what newer registers say of people: entries in the list of exclusions, changes, and who is missing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from .. import audit
from ..accounts.models import User
from ..clinics import queries as clinics
from ..extensions import db, unit_of_work
from ..kernel.days import written
from ..kernel.errors import Invalid, NotFound
from ..registers import queries as registers
from ..registers.normal import Strength, is_npi
from ..registers.queries import Snapshot
from ..registers.sources import SourceKind, enumerations, sources
from .enumeration import Nppes, changes, entries_of, practitioner_types, strength_words
from .exclusions import suspects
from .findings import FINDING, FindingEvent, FindingKind, FindingState, PersonNpi, RegisterFinding
from .matching import RegisterOffer, Wanted, matches
from .models import Credential
from .moving import move
from .policy import LONGEST_WORDS
from .refusals import NotYoursToReview
from .rows import row, stands_too_near
from .signals import raise_npi_signals
from .states import PENDING, STANDING, CredentialEvent, CredentialState

T = TypeVar("T")

PEOPLE_AT_ONCE = 2_000
"""People, or credentials, of one transaction of a screening."""

ROWS_AT_ONCE = 1_000
"""Findings of one statement: the protocol takes at most 65,535 values."""


def screen_everyone(*, at: datetime) -> int:
    """
    Look everybody up in the list of exclusions, and every standing credential in its state's registers.

    What is found waits for staff; what was found before is not found again. Return how many findings are new.
    """
    return sum(screen(source_code=code, at=at) for code in sources())


def screen(*, source_code: str, at: datetime) -> int:
    """
    Look at what the current file of one register says of people here; return how many findings are new.

    A list of exclusions is searched for everybody; of a roster it is compared what it says of each standing credential
    with what the file before it said; of NPPES the same for each number that a practitioner stated, and what speaks
    against it is raised on the cases that wait.
    """
    current = registers.current([source_code]).get(source_code)
    if current is None:
        return 0
    if current.source.kind is SourceKind.ENUMERATION:
        return sum(_screened(_with_npi(), lambda some: _note_npis(some, current, at)))
    if current.source.kind is SourceKind.EXCLUSIONS:
        members = select(User.id).where(User.staff_role.is_(None), User.disabled_at.is_(None)).order_by(User.id)
        return sum(_screened(db.session.scalars(members).all(), lambda some: _note_suspects(some, current, at)))
    before = registers.before(current)
    standing = (
        select(Credential)
        .where(Credential.jurisdiction == current.source.jurisdiction, Credential.state.in_(STANDING))
        .order_by(Credential.id)
    )
    wanted = [Wanted.of(one) for one in db.session.scalars(standing)]
    return sum(_screened(wanted, lambda some: _note_changes(some, current, before, at)))


def _screened(values: Sequence[T], note: Callable[[Sequence[T]], int]) -> Iterator[int]:
    """Note by portions, each in a transaction of its own."""
    for start in range(0, len(values), PEOPLE_AT_ONCE):
        with unit_of_work():
            yield note(values[start : start + PEOPLE_AT_ONCE])


def resolve_finding(*, finding_id: UUID, event: FindingEvent, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Judge a finding. Confirmed, a change suspends the credential, and an exclusion keeps the gate closed.

    :raises NotFound: no such finding
    :raises Invalid: no reason
    :raises IllegalMove: it was judged already
    :raises NotYoursToReview: it is about the verifier, or about somebody they work with
    """
    said = reason.strip()
    if not said:
        raise Invalid("Say why, for the record.", field="reason")
    if len(said) > LONGEST_WORDS:
        raise Invalid(f"At most {LONGEST_WORDS:,} characters, please.", field="reason")
    with unit_of_work():
        found = db.session.get(RegisterFinding, finding_id, with_for_update=True, populate_existing=True)
        if found is None:
            raise NotFound("There is no such finding.")
        if found.user_id is not None and _work_together(found.user_id, actor_id):
            raise NotYoursToReview
        after = FINDING.after(found.state, event)
        found.state, found.resolved_by, found.resolved_at, found.reason = after, actor_id, at, said
        about = found.credential_id or found.user_id
        assert about is not None  # The database has it so.
        if found.credential_id is not None:
            _judge_credential(row(found.credential_id), found, actor_id=actor_id, at=at)
        audit.record(
            f"register_finding:{event}",
            actor_id=actor_id,
            subject_type="credential" if found.credential_id else "user",
            subject_id=about,
            at=at,
            finding=found.id,
            found=found.kind,
            reason=said,
        )


def state_npi(*, user_id: UUID, npi: str, at: datetime) -> None:
    """
    Keep the National Provider Identifier that a person states as theirs; empty takes it back.

    :raises Invalid: its check digit says that it cannot be one
    """
    stated = "".join(npi.split())
    if stated and not is_npi(stated):
        raise Invalid("This cannot be an NPI: it has ten digits, and the last one checks the others.", field="npi")
    with unit_of_work():
        kept = db.session.get(PersonNpi, user_id)
        if kept is not None and not stated:
            db.session.delete(kept)
        elif kept is not None:
            kept.npi, kept.stated_at = stated, at
        elif stated:
            db.session.add(PersonNpi(user_id=user_id, npi=stated, stated_at=at))
        db.session.flush()
        for current in registers.current(enumerations()).values():
            _note_npis(_with_npi(user_id), current, at)
        audit.record("person:npi_stated", actor_id=user_id, subject_type="user", subject_id=user_id, at=at, npi=stated)


def _work_together(one: UUID, other: UUID) -> bool:
    return one == other or not clinics.clinics_ever_of(one).isdisjoint(clinics.clinics_ever_of(other))


def _judge_credential(credential: Credential, found: RegisterFinding, *, actor_id: UUID, at: datetime) -> None:
    if stands_too_near(credential, actor_id):
        raise NotYoursToReview
    if found.state is FindingState.CONFIRMED and credential.state is CredentialState.VERIFIED:
        reason = f"{found.kind.words}: {found.reason}"
        move(credential, CredentialEvent.SUSPENDED, actor_id=actor_id, at=at, reason=reason)


def _note_suspects(user_ids: Sequence[UUID], current: Snapshot, at: datetime) -> int:
    return _note(
        {
            "kind": FindingKind.EXCLUSION,
            "user_id": suspect.user_id,
            "snapshot_id": current.id,
            "row_digest": suspect.entry.digest,
            "strength": suspect.strength.words,
            "shown": {
                "name": suspect.entry.name,
                "place": suspect.entry.place,
                "kind": suspect.entry.status,
                "speciality": suspect.entry.license_type,
                "since": _day(suspect.entry.issued_on),
            },
            "found_at": at,
        }
        for suspect in suspects(user_ids, current)
    )


def _with_npi(user_id: UUID | None = None) -> list[UUID]:
    """Return the practitioners' licences, waiting or standing, whose holder stated an NPI; of one person or of all."""
    theirs = (
        select(Credential.id)
        .join(PersonNpi, PersonNpi.user_id == Credential.holder_id)
        .where(Credential.type_code.in_(practitioner_types()), Credential.state.in_(PENDING | STANDING))
        .order_by(Credential.id)
    )
    return list(db.session.scalars(theirs if user_id is None else theirs.where(Credential.holder_id == user_id)))


def _note_npis(credential_ids: Sequence[UUID], current: Snapshot, at: datetime) -> int:
    """Raise on waiting cases what NPPES has against the stated NPI; note of standing ones what is new."""
    found = db.session.execute(
        select(Credential, PersonNpi.npi)
        .join(PersonNpi, PersonNpi.user_id == Credential.holder_id)
        .where(Credential.id.in_(credential_ids))
        .order_by(Credential.id)
    ).all()
    npis = {npi for _, npi in found}
    before, nppes = registers.before(current), Nppes(npis)
    now, then = entries_of(current, npis), entries_of(before, npis)
    for credential, npi in found:
        if credential.state in PENDING:
            raise_npi_signals(credential, nppes.doubts(npi, credential, at=at), at=at)
    return _note(
        {
            "kind": kind,
            "credential_id": credential.id,
            "snapshot_id": current.id,
            "row_digest": now[npi].digest if npi in now else None,
            "strength": strength_words(credential, now.get(npi) or then[npi]),
            "shown": {"npi": npi, **shown},
            "found_at": at,
        }
        for credential, npi in found
        if credential.state in STANDING and nppes.is_told_by(current, npi)
        for kind, shown in changes(now.get(npi), then.get(npi), whole=current.source.whole)
    )


def _note_changes(some: Sequence[Wanted], current: Snapshot, before: Snapshot | None, at: datetime) -> int:
    found = matches(some, [current, *([before] if before else [])], names=False)
    return _note(
        {
            "kind": kind,
            "credential_id": one.id,
            "snapshot_id": current.id,
            "row_digest": now.entry.digest if now else None,
            "strength": (now or then).strength.words,  # type: ignore[union-attr]  # A change has one of them.
            "shown": shown,
            "found_at": at,
        }
        for one in some
        for now, then in [(_best(found.get(one.id, ()), current), _best(found.get(one.id, ()), before))]
        for kind, shown in _changes(one, now, then)
    )


def _best(offers: Iterable[RegisterOffer], snapshot: Snapshot | None) -> RegisterOffer | None:
    """Return the row that is taken to be the credential: the best of that file, if the name is not another's."""
    for offer in offers:
        if snapshot is not None and offer.snapshot.id == snapshot.id and offer.strength > Strength.WEAK:
            return offer
    return None


def _changes(
    one: Wanted, now: RegisterOffer | None, then: RegisterOffer | None
) -> Iterable[tuple[FindingKind, dict[str, str | None]]]:
    """Yield what is new. A register that is seen for the first time is compared with what was verified."""
    if now is None:
        if then is not None:
            yield FindingKind.MISSING, {"before": then.entry.name, "now": None}
        return
    was, is_now = (then.entry if then else None), now.entry
    if was is not None and was.status != is_now.status:
        yield FindingKind.STATUS_CHANGED, {"before": was.status, "now": is_now.status}
    expired = was.expires_on if was else one.expires_on
    if is_now.expires_on != expired and (was is not None or is_now.expires_on is not None):
        yield FindingKind.EXPIRY_CHANGED, {"before": _day(expired), "now": _day(is_now.expires_on)}
    if is_now.discipline and is_now.discipline != (was.discipline if was else None):
        yield FindingKind.DISCIPLINE, {"before": was.discipline if was else None, "now": is_now.discipline}


def _day(day: date | None) -> str | None:
    return written(day) if day else None


def _note(rows: Iterable[Mapping[str, Any]]) -> int:
    values = [{"user_id": None, "credential_id": None, "id": uuid4(), **found} for found in rows]
    new = 0
    for start in range(0, len(values), ROWS_AT_ONCE):
        some = insert(RegisterFinding).values(values[start : start + ROWS_AT_ONCE]).on_conflict_do_nothing()
        new += len(db.session.execute(some.returning(RegisterFinding.id)).all())
    return new
