"""Report a question, hide it with what was answered to it, show it again. `_show` alone says what is hidden."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from .. import audit
from ..clinics import queries as clinics
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, Refused
from ..listings.models import Listing
from . import queries
from .models import Question, QuestionReport
from .service import locked_with_its_unit, note_shown, sellers_of, tell
from .states import Shown

LONGEST_REASON = 500


class OwnQuestion(Refused):
    """Nobody judges what they asked themselves, or what their own clinic was asked."""

    code = "own_question"

    def __init__(self) -> None:
        super().__init__(
            "You asked this, or belong, or belonged, to the clinic that sells the device.",
            cure="Leave it to a colleague.",
        )


def report(*, question_id: UUID, reporter_id: UUID, reason: str, at: datetime) -> None:
    """
    Ask staff to look at a question or its answers; a second time nothing happens.

    :raises NotFound: there is none, or the person cannot read it
    :raises Invalid: no reason, or a long one
    """
    said = _reason(reason, "reason")
    with unit_of_work():
        queries.readable_by(reporter_id, question_id)
        row = {"question_id": question_id, "reporter_id": reporter_id, "reason": said, "at": at}
        made = db.session.scalar(
            insert(QuestionReport).values(**row).on_conflict_do_nothing().returning(QuestionReport.id)
        )
        if made is not None:
            _record("reported", question_id, reporter_id, at)


def hide(*, question_id: UUID, actor_id: UUID, because: str, at: datetime) -> None:
    """
    Hide a question and what was answered to it, as staff; who asked and who sells read why.

    What an order rests on already keeps it.

    :raises NotFound: there is none
    :raises Invalid: no reason
    :raises OwnQuestion: they asked it, or have or had a part in the seller
    :raises Conflict: it is hidden
    """
    said = _reason(because, "because")
    with unit_of_work():
        listing, question = _of_staff(question_id, actor_id)
        if question.hidden_at is not None:
            raise Conflict("It is hidden already.")
        _show(question, Shown.HIDDEN, because=said, actor_id=actor_id, at=at)
        _settle(question_id, actor_id, at)
        tell(
            [question.asker_id, *sellers_of(listing)],
            subject=f"Our staff hid a question about the {listing.title}",
            lines=["The question was:", question.words, "Nobody else reads it any more, because:", said],
            path=f"/devices/{listing.id}",
            at=at,
        )


def restore(*, question_id: UUID, actor_id: UUID, because: str, at: datetime) -> None:
    """
    Show again what was hidden, as staff.

    :raises NotFound: there is none
    :raises Invalid: no reason
    :raises OwnQuestion: they asked it, or have or had a part in the seller
    :raises Conflict: it is not hidden
    """
    said = _reason(because, "because")
    with unit_of_work():
        _, question = _of_staff(question_id, actor_id)
        if question.hidden_at is None:
            raise Conflict("It is not hidden.")
        _show(question, Shown.RESTORED, because=said, actor_id=actor_id, at=at)
        _settle(question_id, actor_id, at)


def leave(*, question_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Find nothing wrong with what was reported.

    :raises NotFound: there is none
    :raises OwnQuestion: they asked it, or have or had a part in the seller
    """
    with unit_of_work():
        _of_staff(question_id, actor_id)
        _settle(question_id, actor_id, at)
        _record("left", question_id, actor_id, at)


def _of_staff(question_id: UUID, actor_id: UUID) -> tuple[Listing, Question]:
    listing, question = locked_with_its_unit(question_id)
    if question.asker_id == actor_id or clinics.ever_member(user_id=actor_id, clinic_id=listing.clinic_id):
        raise OwnQuestion
    return listing, question


def _show(question: Question, shown: Shown, *, because: str, actor_id: UUID, at: datetime) -> None:
    hidden = shown is Shown.HIDDEN
    question.hidden_at, question.hidden_by = (at, actor_id) if hidden else (None, None)
    question.hidden_because = because if hidden else None
    db.session.flush()
    note_shown(question, shown, actor_id=actor_id, reason=because, at=at)


def _settle(question_id: UUID, actor_id: UUID, at: datetime) -> None:
    db.session.execute(
        update(QuestionReport)
        .where(QuestionReport.question_id == question_id, QuestionReport.settled_at.is_(None))
        .values(settled_at=at, settled_by=actor_id)
    )


def _record(kind: str, question_id: UUID, actor_id: UUID, at: datetime) -> None:
    audit.record(f"question:{kind}", actor_id=actor_id, subject_type="question", subject_id=question_id, at=at)


def _reason(words: str, field: str) -> str:
    said = words.strip()
    if not 1 <= len(said) <= LONGEST_REASON:
        raise Invalid(f"Say in up to {LONGEST_REASON} signs why.", field=field)
    return said
