"""Ask about a unit, answer, add to an answer, decline, take a question back. `_move` alone writes states."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..accounts import queries as accounts
from ..accounts.models import User
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..extensions import db, unit_of_work
from ..kernel.contacts import Cleaned, cleaned
from ..kernel.errors import Conflict, Invalid, NotFound, Refused, TooMany
from ..kernel.wording import gettext_noop
from ..listings.models import Listing
from ..listings.record import locked, of_seller
from ..listings.states import ListingState
from ..notifications import service as notifications
from .models import Question, QuestionAnswer, QuestionMove
from .states import ANSWERABLE, QUESTION, QuestionEvent, QuestionState, Shown

LONGEST_QUESTION, LONGEST_ANSWER = 500, 1_000
_TOO_LONG = {
    LONGEST_QUESTION: gettext_noop("Write at most 500 signs."),
    LONGEST_ANSWER: gettext_noop("Write at most 1000 signs."),
}
MOST_OPEN = 3
"""Questions about one unit that one person can have waiting for an answer."""


class OwnUnit(Refused):
    """Somebody of the selling clinic asks about its own unit."""

    code = "own_unit"

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("This device is your own clinic's."), cure=gettext_noop("Say it in its description.")
        )


class TooManyOpen(TooMany):
    """The person has as many questions waiting about this unit as they may."""

    code = "too_many_open_questions"

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("3 questions of yours about this device wait for an answer."),
            cure=gettext_noop("Wait for one, or take one back."),
        )


def ask(*, listing_id: UUID, asker_id: UUID, words: str, at: datetime) -> UUID:
    """
    Ask the seller of a unit on the market; the seller gets a mail. The same question sent twice is one.

    What says how to reach somebody is taken out of it before anybody reads it.

    :raises NotFound: there is no such unit on the market
    :raises Invalid: it says nothing, or too much
    :raises OwnUnit: it is of the asker's own clinic
    :raises TooManyOpen: too many of theirs wait already
    """
    said = _said(words, LONGEST_QUESTION)
    with unit_of_work():
        # Two questions of one person at once must not both be the last one that is allowed.
        db.session.execute(select(User.id).where(User.id == asker_id).with_for_update(key_share=True))
        listing = locked(listing_id)
        if listing.state is not ListingState.PUBLISHED:
            raise NotFound(gettext_noop("There is no such device on the market."))
        if clinics.ever_member(user_id=asker_id, clinic_id=listing.clinic_id):
            raise OwnUnit
        mine = select(Question.id, Question.words).where(
            Question.listing_id == listing_id, Question.asker_id == asker_id, Question.state == QuestionState.OPEN
        )
        waiting: dict[str, UUID] = {row.words: row.id for row in db.session.execute(mine)}
        if said.words in waiting:
            return waiting[said.words]
        if len(waiting) >= MOST_OPEN:
            raise TooManyOpen
        question = Question(
            listing_id=listing_id,
            asker_id=asker_id,
            words=said.words,
            original=_original(words, said),
            state=QuestionState.OPEN,
            asked_at=at,
        )
        db.session.add(question)
        db.session.flush()
        _note(question, "asked", None, actor_id=asker_id, reason=None, at=at, hidden=said.found)
        tell(
            sellers_of(listing),
            subject=f"A question about your {listing.title}",
            lines=["A buyer asks:", said.words, "Everybody who looks at the device reads what you answer."],
            path=f"/sell/questions/{question.id}",
            at=at,
        )
        return question.id


def answer(*, question_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Answer, as the seller; or add to what was answered. What stands there already does not change.

    :raises NotFound: there is no such question about what the person sells
    :raises Invalid: it says nothing, or too much
    :raises Conflict: the unit is sold or withdrawn
    :raises marketplace.kernel.machine.IllegalMove: the question was taken back
    """
    said = _said(words, LONGEST_ANSWER)
    with unit_of_work():
        listing, question = _of_seller(question_id, actor_id)
        if listing.state not in ANSWERABLE:
            raise Conflict(
                "This device is sold or withdrawn: what was answered stays as it is.",
                cure="Write to the buyer from the page of the order.",
            )
        first = question.state is not QuestionState.ANSWERED
        standing = db.session.scalars(
            select(QuestionAnswer.words).where(QuestionAnswer.question_id == question_id)
        ).all()
        if said.words in standing:
            return  # The same form, sent twice.
        question.declined_because = None
        db.session.add(
            QuestionAnswer(
                question_id=question_id,
                number=len(standing) + 1,
                words=said.words,
                original=_original(words, said),
                answered_by=actor_id,
                at=at,
            )
        )
        event = QuestionEvent.ANSWERED if first else QuestionEvent.ADDED_TO
        _move(question, event, actor_id=actor_id, reason=None, at=at, hidden=said.found)
        tell(
            [question.asker_id],
            subject=f"The seller answered: {listing.title}" if first else f"The seller added: {listing.title}",
            lines=["You asked:", question.words, "The seller answered:" if first else "The seller adds:", said.words],
            path=f"/devices/{listing.id}#questions",
            at=at,
        )


def decline(*, question_id: UUID, actor_id: UUID, because: str, at: datetime) -> None:
    """
    Not answer, as the seller; only who asked reads that, and why.

    :raises NotFound: there is no such question about what the person sells
    :raises Invalid: no reason is given
    :raises marketplace.kernel.machine.IllegalMove: it was answered, declined or taken back
    """
    said = _said(because, LONGEST_QUESTION)
    with unit_of_work():
        listing, question = _of_seller(question_id, actor_id)
        question.declined_because = said.words
        _move(question, QuestionEvent.DECLINED, actor_id=actor_id, reason=said.words, at=at)
        tell(
            [question.asker_id],
            subject=f"The seller does not answer: {listing.title}",
            lines=["You asked:", question.words, "The seller does not answer, and says why:", said.words],
            path="/questions",
            at=at,
        )


def withdraw(*, question_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take a question back that was not answered, as who asked it.

    :raises NotFound: it is not theirs
    :raises marketplace.kernel.machine.IllegalMove: it was answered, declined or taken back
    """
    with unit_of_work():
        _, question = locked_with_its_unit(question_id)
        if question.asker_id != actor_id:
            raise NotFound("There is no such question of yours.")
        _move(question, QuestionEvent.WITHDRAWN, actor_id=actor_id, reason=None, at=at)


def locked_with_its_unit(question_id: UUID) -> tuple[Listing, Question]:
    """
    Return a question and its unit, the unit locked first: whoever orders it finds what was answered, and no more.

    :raises NotFound: there is none
    """
    listing_id = db.session.scalar(select(Question.listing_id).where(Question.id == question_id))
    if listing_id is None:
        raise NotFound("There is no such question.")
    listing = locked(listing_id)
    return listing, db.session.get_one(Question, question_id, with_for_update=True, populate_existing=True)


def note_shown(question: Question, shown: Shown, *, actor_id: UUID, reason: str | None, at: datetime) -> None:
    """Leave a row and an audit event of what staff did to its being shown. A step of the caller's work."""
    _note(question, shown, None, actor_id=actor_id, reason=reason, at=at, shown=shown)


def sellers_of(listing: Listing) -> list[UUID]:
    """Return those who sell for the clinic of a unit."""
    return [one.user_id for one in clinics.members_of(listing.clinic_id) if one.role in MANAGERS and one.account_open]


def tell(people: Iterable[UUID], *, subject: str, lines: list[str], path: str, at: datetime) -> None:
    """Promise the message to each of the people. A step of the caller's work."""
    notifications.promise_mails(
        (
            (person.email, {"name": person.name, "subject": subject, "lines": lines, "path": path})
            for person in accounts.people(people).values()
        ),
        template="question_news",
        at=at,
    )


def _said(words: str, longest: int) -> Cleaned:
    said = words.strip()
    if not said:
        raise Invalid(gettext_noop("Write a sentence."), field="words")
    if len(said) > longest:
        raise Invalid(_TOO_LONG[longest], field="words")
    return cleaned(said)


def _original(words: str, said: Cleaned) -> str | None:
    return words.strip() if said.found else None


def _of_seller(question_id: UUID, actor_id: UUID) -> tuple[Listing, Question]:
    listing, question = locked_with_its_unit(question_id)
    of_seller(listing.id, actor_id)
    return listing, question


def _move(
    question: Question,
    event: QuestionEvent,
    *,
    actor_id: UUID,
    reason: str | None,
    at: datetime,
    hidden: Iterable[str] = (),
) -> None:
    question.state = QUESTION.after(question.state, event)
    db.session.flush()
    _note(question, event, event, actor_id=actor_id, reason=reason, at=at, hidden=hidden)


def _note(
    question: Question,
    kind: str,
    event: QuestionEvent | None,
    *,
    actor_id: UUID,
    reason: str | None,
    at: datetime,
    shown: Shown | None = None,
    hidden: Iterable[str] = (),
) -> None:
    db.session.add(
        QuestionMove(
            question_id=question.id,
            event=event,
            shown=shown,
            state=question.state,
            actor_id=actor_id,
            reason=reason,
            at=at,
        )
    )
    db.session.flush()
    # What was taken out is on record by its kind, never by its words: the chain is for ever.
    told = {"contact_hidden": list(hidden)} if hidden else {}
    audit.record(
        f"question:{kind}",
        actor_id=actor_id,
        subject_type="question",
        subject_id=question.id,
        at=at,
        listing=question.listing_id,
        **told,
    )
