"""
What pages ask about questions. Nobody but staff learns who asked: to all others it was a buyer.

No page of this house says of a person what they are and where, so a role and a state would be news to the reader.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, null, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from ..accounts.models import User
from ..clinics.access import MANAGERS
from ..clinics.models import ClinicMember
from ..extensions import db
from ..kernel.errors import NotFound
from ..listings.models import Listing
from ..listings.queries import ON_DISPLAY
from .models import Question, QuestionAnswer, QuestionReport
from .states import ANSWERABLE, QuestionState

OF_UNIT = (
    "SELECT id,words,asked_at,(SELECT json_agg(json_build_array(a.words,a.at) ORDER BY number) FROM question_answers a"
    " WHERE question_id=q.id) answers FROM questions q WHERE listing_id=unit.id AND state='answered'"
    " AND hidden_at IS NULL ORDER BY 3,1"
)
"""What `asked` asks of the listing that is called `unit`, for a larger statement; `told` reads the answer."""
MOST_ON_A_PAGE = 200


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; those after the first add to it or correct it."""

    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was answered, as strangers read it."""

    id: UUID
    words: str
    asked_at: datetime
    answers: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question as who asked it, or who sells, sees it."""

    id: UUID
    listing_id: UUID
    title: str
    on_display: bool
    words: str
    state: QuestionState
    declined_because: str | None
    hidden_because: str | None
    asked_at: datetime
    answers: tuple[Said, ...]
    can_be_answered: bool


@dataclass(frozen=True, slots=True)
class StaffView:
    """A question as staff see it: who asked, what was taken out, and what was reported and is not settled."""

    id: UUID
    listing_id: UUID
    title: str
    person: str
    words: str
    original: str | None
    state: QuestionState
    hidden_because: str | None
    asked_at: datetime
    answers: tuple[tuple[str, str | None, datetime], ...]
    reasons: tuple[str, ...]


def told(found: Iterable[Mapping[str, Any]]) -> tuple[Asked, ...]:
    """Return what was answered as the answer to `OF_UNIT` tells it, the oldest question first."""
    return tuple(
        Asked(UUID(one["id"]), one["words"], datetime.fromisoformat(one["asked_at"]), _said(one["answers"]))
        for one in found
    )


class AnsweredHere:
    """Tells the condition report what was answered; answers for `listings.ports.AnsweredQuestions`."""

    def of_unit(self, listing_id: UUID) -> list[dict[str, Any]]:
        """Return what was asked of a unit, answered and is shown, the oldest first, each with its day."""
        rows: dict[UUID, dict[str, Any]] = {}
        for question, answer in db.session.execute(
            select(Question, QuestionAnswer)
            .join(QuestionAnswer, QuestionAnswer.question_id == Question.id)
            .where(
                Question.listing_id == listing_id,
                Question.state == QuestionState.ANSWERED,
                Question.hidden_at.is_(None),
            )
            .order_by(Question.asked_at, Question.id, QuestionAnswer.number)
        ):
            asked = {"words": question.words, "asked_on": question.asked_at.date().isoformat(), "answers": []}
            rows.setdefault(question.id, asked)["answers"].append(
                {"id": str(answer.id), "words": answer.words, "said_on": answer.at.date().isoformat()}
            )
        return list(rows.values())


def of_asker(user_id: UUID) -> list[QuestionView]:
    """Return what somebody asked, the latest first, in one statement."""
    return _views(Question.asker_id == user_id, Question.asked_at.desc())


def of_asker_about(user_id: UUID, listing_id: UUID) -> list[QuestionView]:
    """Return what somebody asked about one unit, the latest first."""
    return _views((Question.asker_id == user_id) & (Question.listing_id == listing_id), Question.asked_at.desc())


def of_sellers(user_id: UUID) -> list[QuestionView]:
    """Return what the clinics were asked that somebody sells for: what waits first, the oldest first; then the rest."""
    waits = Question.state == QuestionState.OPEN
    return _views(
        _sold_by(user_id) & (Question.state != QuestionState.WITHDRAWN),
        waits.desc(),
        case((waits, Question.asked_at)),
        Question.asked_at.desc(),
    )


def one_of_sellers(user_id: UUID, question_id: UUID) -> QuestionView:
    """
    Return one of them.

    :raises NotFound: there is none, or the person does not sell the unit
    """
    found = _views(_sold_by(user_id) & (Question.id == question_id))
    if not found:
        raise NotFound("There is no such question.")
    return found[0]


def readable_by(user_id: UUID, question_id: UUID) -> QuestionView:
    """
    Return a question to somebody who can read it: anybody where it is shown, else who asked it and who sells.

    :raises NotFound: there is none, or it is not theirs to read
    """
    shown = (Question.state == QuestionState.ANSWERED) & Question.hidden_at.is_(None) & Listing.state.in_(ON_DISPLAY)
    found = _views((Question.id == question_id) & (shown | (Question.asker_id == user_id) | _sold_by(user_id)))
    if not found:
        raise NotFound("There is no such question.")
    return found[0]


def waiting(listing_id: Any) -> Any:
    """Return how many questions about a unit wait for an answer, as a part of a larger statement."""
    return (
        select(func.count())
        .select_from(Question)
        .where(Question.listing_id == listing_id, Question.state == QuestionState.OPEN, Question.hidden_at.is_(None))
        .scalar_subquery()
    )


def reported() -> list[StaffView]:
    """Return what staff were asked to look at, those first that wait longest."""
    reasons = func.array_agg(aggregate_order_by(QuestionReport.reason, QuestionReport.at))
    return _staff(
        select(Question, Listing.title, User.name, _answers(originals=True), reasons)
        .join(QuestionReport, QuestionReport.question_id == Question.id)
        .where(QuestionReport.settled_at.is_(None))
        .group_by(Question.id, Listing.title, User.name)
        .order_by(func.min(QuestionReport.at), Question.id)
    )


def latest() -> list[StaffView]:
    """Return the latest questions, for staff."""
    return _staff(
        select(Question, Listing.title, User.name, _answers(originals=True), null())
        .order_by(Question.asked_at.desc(), Question.id)
        .limit(100)
    )


def _sold_by(user_id: UUID) -> ColumnElement[bool]:
    return Listing.clinic_id.in_(
        select(ClinicMember.clinic_id).where(
            ClinicMember.user_id == user_id, ClinicMember.left_at.is_(None), ClinicMember.role.in_(MANAGERS)
        )
    )


def _answers(*, originals: bool = False) -> Any:
    columns = [QuestionAnswer.words, QuestionAnswer.at, *([QuestionAnswer.original] if originals else [])]
    return (
        select(func.json_agg(aggregate_order_by(func.json_build_array(*columns), QuestionAnswer.number)))
        .where(QuestionAnswer.question_id == Question.id)
        .correlate(Question)
        .scalar_subquery()
    )


def _views(which: ColumnElement[bool], *order: Any) -> list[QuestionView]:
    rows: Sequence[Any] = db.session.execute(
        select(Question, Listing.title, Listing.year, Listing.state, _answers())
        .join(Listing, Listing.id == Question.listing_id)
        .where(which)
        .order_by(*order, Question.id)
        .limit(MOST_ON_A_PAGE)
        .execution_options(populate_existing=True)
    ).all()
    return [
        QuestionView(
            id=one.id,
            listing_id=one.listing_id,
            title=f"{title} {year}" if year else title,
            on_display=state in ON_DISPLAY,
            words=one.words,
            state=one.state,
            declined_because=one.declined_because,
            hidden_because=one.hidden_because,
            asked_at=one.asked_at,
            answers=_said(answers),
            can_be_answered=state in ANSWERABLE and one.state is not QuestionState.WITHDRAWN,
        )
        for one, title, year, state, answers in rows
    ]


def _staff(statement: Any) -> list[StaffView]:
    rows: Sequence[Any] = db.session.execute(
        statement.join(Listing, Listing.id == Question.listing_id).join(User, User.id == Question.asker_id)
    ).all()
    return [
        StaffView(
            id=one.id,
            listing_id=one.listing_id,
            title=title,
            person=person,
            words=one.words,
            original=one.original,
            state=one.state,
            hidden_because=one.hidden_because,
            asked_at=one.asked_at,
            answers=tuple((words, original, datetime.fromisoformat(at)) for words, at, original in answers or ()),
            reasons=tuple(reasons or ()),
        )
        for one, title, person, answers, reasons in rows
    ]


def _said(answers: Iterable[Sequence[Any]] | None) -> tuple[Said, ...]:
    return tuple(Said(words, datetime.fromisoformat(at)) for words, at in answers or ())
