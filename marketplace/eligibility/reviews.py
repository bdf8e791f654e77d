"""Questions about what no rule speaks of: asked by a clinic, answered by two of staff, for one purchase only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from .. import audit
from ..accounts import queries as accounts
from ..catalog import queries as catalog
from ..clinics import queries as clinics
from ..credentials import queries as credentials
from ..credentials.queries import HeldRow
from ..credentials.states import CredentialState
from ..extensions import db, unit_of_work
from ..kernel.days import day_in
from ..kernel.errors import ChangedSinceRead, Conflict, Invalid, NotFound, Refused
from ..kernel.terms import STATES, ProcedureClass
from ..notifications.service import promise_mail
from .models import RuleReview, RuleReviewMove
from .one_offs import LONGEST_DAYS, PHYSICIAN
from .publishing import published_policy
from .rules import GATING
from .sale import Sale
from .states import OPEN, REVIEW, ReviewEvent
from .verdict import Evidence

LONGEST_TEXT = 4000


class NothingToAsk(Conflict):
    """A rule speaks of it, or the unit does not do it: there is nothing to review."""

    code = "nothing_to_review"


class AskedAlready(Conflict):
    """The same question waits for an answer."""

    code = "review_asked_already"


class DecidedByOne(Refused):
    """What one member of staff proposed another approves."""

    code = "one_off_by_one"


class NotAPhysician(Refused):
    """Only a physician with a verified licence of the place can be let in where no rule speaks."""

    code = "one_off_without_physician"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one member of staff found, and for which days it would hold."""

    licence_id: UUID
    grounds: str
    ref: str
    url: str
    text_version: str
    evidence: Evidence
    valid_from: date
    valid_to: date


def review(review_id: UUID) -> RuleReview:
    """
    Return one review.

    :raises NotFound: there is none
    """
    found = db.session.get(RuleReview, review_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such review.")
    return found


def own(review_id: UUID, *, user_id: UUID) -> RuleReview:
    """
    Return one review to the person who asked for it.

    :raises NotFound: there is none, or somebody else asked
    """
    found = review(review_id)
    if found.asked_by != user_id:
        raise NotFound("There is no such review.")
    return found


def asked_by(user_id: UUID) -> list[RuleReview]:
    """Return what the person asked, the newest first."""
    return list(
        db.session.scalars(
            select(RuleReview).where(RuleReview.asked_by == user_id).order_by(RuleReview.asked_at.desc(), RuleReview.id)
        )
    )


def queue(*, waiting: bool) -> list[RuleReview]:
    """Return the reviews that wait for staff, the oldest first; or those that are over, the newest first."""
    order = RuleReview.asked_at if waiting else RuleReview.asked_at.desc()
    which = RuleReview.state.in_(OPEN) if waiting else RuleReview.state.not_in(OPEN)
    return list(db.session.scalars(select(RuleReview).where(which).order_by(order, RuleReview.id)))


def licences_for(found: RuleReview, *, at: datetime) -> list[HeldRow]:
    """
    Return the physician's licences of the place that are verified and not expired: what a decision can rest on.

    At a site that was closed since there are none: what was asked there can only be refused or ended.
    """
    try:
        today = day_in(at, clinics.site(found.site_id).time_zone)
    except NotFound:
        return []
    return [
        row
        for row in credentials.held_by([found.operator_id]).get(found.operator_id, ())
        if row.type_code in PHYSICIAN.types
        and row.jurisdiction == found.place
        and row.state is CredentialState.VERIFIED
        and (row.expires_on is None or row.expires_on >= today)
    ]


def ask(
    *,
    actor_id: UUID,
    sale: Sale,
    site_id: UUID,
    operator_id: UUID,
    procedure: ProcedureClass,
    question: str,
    at: datetime,
) -> UUID:
    """
    Ask staff to look at a procedure for which no rule of the place opens, for one unit, one site and one operator.

    :raises NotFound: the site is not of a clinic that both people belong to
    :raises NothingToAsk: a rule speaks of it, or the unit does not do it
    :raises AskedAlready: the same question waits
    :raises Invalid: no reason was given
    """
    question = question.strip()
    if not question or len(question) > LONGEST_TEXT:
        raise Invalid(f"Say in up to {LONGEST_TEXT} characters why you believe it is lawful there.", field="question")
    with unit_of_work():
        site = clinics.site(site_id)
        clinics.require_role(user_id=actor_id, clinic_id=site.clinic_id)
        clinics.member(clinic_id=site.clinic_id, user_id=operator_id)
        _refuse_needless(sale, site.state, procedure, day_in(at, site.time_zone))
        found = RuleReview(
            place=site.state,
            procedure=procedure,
            listing_id=sale.listing_id,
            site_id=site_id,
            operator_id=operator_id,
            asked_by=actor_id,
            asked_at=at,
            question=question,
        )
        try:
            with db.session.begin_nested():
                db.session.add(found)
        except IntegrityError:
            raise AskedAlready("This was asked already, and waits for our staff.") from None
        _keep(found, None, actor_id=actor_id, words=question, at=at)
        return found.id


def withdraw(*, review_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take a question back.

    :raises NotFound: there is none, or somebody else asked
    :raises IllegalMove: it is answered already
    """
    with unit_of_work():
        found = _locked(review_id)
        if found.asked_by != actor_id:
            raise NotFound("There is no such review.")
        _move(found, ReviewEvent.WITHDRAWN, actor_id=actor_id, words="", at=at)


def propose(*, review_id: UUID, actor_id: UUID, proposal: Proposal, at: datetime) -> None:
    """
    Put forward that the physician may have this unit there, with the text that says so. It opens nothing yet.

    :raises NotFound: there is no such review
    :raises NotAPhysician: the operator has no such verified licence of the place
    :raises Invalid: grounds or the text are missing, the text was not read, or the days are too many
    :raises IllegalMove: it is not waiting for a proposal
    """
    _check(proposal)
    with unit_of_work():
        found = _locked(review_id)
        _refuse_the_concerned(found, actor_id)
        if proposal.licence_id not in {row.id for row in licences_for(found, at=at)}:
            raise NotAPhysician(
                f"The operator has no verified licence as a physician of {STATES[found.place]}.",
                cure="A one-off decision is for physicians of the place only: refuse it, or wait for the licence.",
            )
        found.licence_id, found.grounds = proposal.licence_id, proposal.grounds.strip()
        found.cited_ref, found.cited_version = proposal.ref.strip(), proposal.text_version.strip()
        found.cited_url, found.cited_evidence = proposal.url.strip() or None, proposal.evidence
        found.valid_from, found.valid_to = proposal.valid_from, proposal.valid_to
        found.proposed_by = actor_id
        _move(found, ReviewEvent.PROPOSED, actor_id=actor_id, words=found.grounds, at=at)


def send_back(*, review_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Ask for a better proposal.

    :raises NotFound: there is no such review
    :raises Refused: it is about a clinic of theirs
    :raises Invalid: nothing is said
    :raises IllegalMove: nothing is proposed
    """
    with unit_of_work():
        found = _locked(review_id)
        _refuse_the_concerned(found, actor_id)
        _move(found, ReviewEvent.SENT_BACK, actor_id=actor_id, words=_said(words), at=at)


def approve(*, review_id: UUID, actor_id: UUID, at: datetime, read: int | None = None) -> None:
    """
    Let the physician in for this unit, this site and this procedure, for the proposed days.

    `read` is how many moves there were when the person read it; None: they took it up in the same breath.

    :raises NotFound: there is no such review
    :raises DecidedByOne: whoever proposed it cannot approve it
    :raises NotAPhysician: the licence it rests on does not stand any more
    :raises ChangedSinceRead: something else was proposed since it was read
    :raises IllegalMove: nothing is proposed
    """
    with unit_of_work():
        found = _locked(review_id)
        _refuse_the_concerned(found, actor_id)
        if found.proposed_by == actor_id:
            raise DecidedByOne(
                "Whoever proposed a one-off decision cannot approve it.", cure="Ask a colleague to look at it."
            )
        REVIEW.after(found.state, ReviewEvent.APPROVED)
        if read not in {None, len(found.moves)}:
            raise ChangedSinceRead
        if found.licence_id not in {row.id for row in licences_for(found, at=at)}:
            raise NotAPhysician(
                "The licence that this proposal rests on does not stand any more.", cure="Send it back, or refuse it."
            )
        found.decided_by = actor_id
        _move(found, ReviewEvent.APPROVED, actor_id=actor_id, words=found.grounds or "", at=at)
        _tell(found, at=at)


def refuse(*, review_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Answer no. To say no is always safe, so one person may.

    :raises NotFound: there is no such review
    :raises Invalid: nothing is said
    :raises IllegalMove: it is answered already
    """
    with unit_of_work():
        found = _locked(review_id)
        _refuse_the_concerned(found, actor_id)
        found.reason = _said(reason)
        if found.proposed_by != actor_id:
            found.decided_by = actor_id
        _move(found, ReviewEvent.REFUSED, actor_id=actor_id, words=found.reason, at=at)
        _tell(found, at=at)


def end(*, review_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    End a decision before its last day: from now on the gate says no again.

    :raises NotFound: there is no such review
    :raises Refused: it is about a clinic of theirs
    :raises Invalid: nothing is said
    :raises IllegalMove: it was never approved, or ended already
    """
    with unit_of_work():
        found = _locked(review_id)
        _refuse_the_concerned(found, actor_id)
        found.reason = _said(reason)
        _move(found, ReviewEvent.ENDED, actor_id=actor_id, words=found.reason, at=at)
        _tell(found, at=at)


def _refuse_needless(sale: Sale, state: str, procedure: ProcedureClass, today: date) -> None:
    modalities = catalog.modalities()
    if not any(procedure in modalities[part.modality_code].procedure_classes for part in sale.handpieces):
        raise NothingToAsk(f"Nothing in this sale is for {procedure.words}.")
    if any(way.rule.in_force(today) for way in published_policy().policy.ways(state, procedure)):
        raise NothingToAsk(
            f"A rule of {STATES[state]} says who may do {procedure.words}.",
            cure="What it asks for is on the page of the rule; nobody here can decide otherwise.",
        )


def _refuse_the_concerned(found: RuleReview, actor_id: UUID) -> None:
    # The room of listings lies above this one; whose the unit is stands in its row.
    seller_id = db.session.scalars(
        text("SELECT clinic_id FROM listings WHERE id = :id"), {"id": found.listing_id}
    ).one()
    sides = (clinics.site_of_record(found.site_id).clinic_id, seller_id)
    if actor_id in {found.asked_by, found.operator_id} or any(
        clinics.ever_member(user_id=actor_id, clinic_id=clinic_id) for clinic_id in sides
    ):
        raise Refused("Who belongs to the buying or the selling clinic, or once did, does not decide about it.")


def _check(proposal: Proposal) -> None:
    for words, field, asked in (
        (proposal.grounds, "grounds", "Say why it is lawful there."),
        (proposal.ref, "ref", "Name the text that says so."),
        (proposal.text_version, "text_version", "Say which version of the text was read, and when."),
    ):
        if not words.strip() or len(words) > LONGEST_TEXT:
            raise Invalid(asked, field=field)
    if proposal.evidence not in GATING:
        raise Invalid("A text that was not read opens nothing.", field="evidence")
    if not proposal.valid_from <= proposal.valid_to <= proposal.valid_from + timedelta(days=LONGEST_DAYS):
        raise Invalid(f"It holds for up to {LONGEST_DAYS} days from its first.", field="valid_to")


def _said(words: str) -> str:
    if not words.strip() or len(words) > LONGEST_TEXT:
        raise Invalid(f"Say why, in up to {LONGEST_TEXT} characters.", field="words")
    return words.strip()


def _locked(review_id: UUID) -> RuleReview:
    found = db.session.get(RuleReview, review_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise NotFound("There is no such review.")
    return found


def _move(found: RuleReview, event: ReviewEvent, *, actor_id: UUID, words: str, at: datetime) -> None:
    found.state = REVIEW.after(found.state, event)
    _keep(found, event, actor_id=actor_id, words=words, at=at)


def _keep(found: RuleReview, event: ReviewEvent | None, *, actor_id: UUID, words: str, at: datetime) -> None:
    db.session.add(
        RuleReviewMove(review_id=found.id, event=event, state=found.state, actor_id=actor_id, words=words, at=at)
    )
    db.session.flush()
    audit.record(
        f"rule_review:{event or 'asked'}",
        actor_id=actor_id,
        subject_type="rule_review",
        subject_id=found.id,
        at=at,
        place=found.place,
        procedure=found.procedure,
        operator=found.operator_id,
        listing=found.listing_id,
    )


def _tell(found: RuleReview, *, at: datetime) -> None:
    asker = accounts.person(found.asked_by)
    promise_mail(
        to=asker.email,
        template="rule_review",
        context={
            "name": asker.name,
            "review_id": str(found.id),
            "state": found.state,
            "procedure": found.procedure.words,
            "place": STATES[found.place],
            "valid_to": found.valid_to.isoformat() if found.valid_to else None,
            "reason": found.reason,
        },
        at=at,
    )
