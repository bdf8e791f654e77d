"""
Asking whoever issued a credential, employs its holder or directs them, by a mailed link; their answer is evidence.

It is never a verdict: nothing is approved by itself, and a verifier who rests on an answer records it as their look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..accounts import queries as accounts
from ..accounts.policy import LONGEST_NAME, email_problem
from ..catalog import queries as catalog
from ..extensions import db, unit_of_work
from ..kernel.days import written
from ..kernel.errors import Invalid
from ..kernel.terms import STATES
from ..kernel.text import normal_email
from ..links import service as links
from ..links.models import LinkAnswer, SignedLink
from ..links.service import Link, NoSuchLink, Said
from ..links.states import Answer, LinkPurpose, Worth, worth
from ..notifications.service import promise_mail
from . import rows
from .looks import Look, checkable, record_check
from .models import CheckMethod, CheckOutcome, ConfirmationRequest, Credential
from .policy import LONGEST_WORDS, WITHOUT_NUMBER, AddressFrom, Asked
from .refusals import AddressIsTheApplicants, AnswerIsAboutAnotherClaim, NotAnswered
from .types import credential_types

LINK_SERVES = timedelta(days=14)
"""An office answers within days; after two weeks it is asked anew."""

_PURPOSE = LinkPurpose.CONFIRM_CLAIM

SHOWS: dict[Answer, CheckOutcome] = {
    Answer.CONFIRMED: CheckOutcome.CONFIRMED,
    Answer.NOT_CONFIRMED: CheckOutcome.DIFFERS,
    Answer.CANNOT_SAY: CheckOutcome.NOT_REACHABLE,
}
"""What an answer is as a look at the source. Who cannot say has not answered."""

_MATCHED = ("name", "number", "level", "expires_on")


@dataclass(frozen=True, slots=True)
class Address:
    """Whom to ask, and where their address was found."""

    asked: Asked
    office: str
    email: str
    found: AddressFrom
    source: str


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody outside reads through their link. `claim` is empty until they have pressed to read it."""

    asked: Asked
    office: str
    expires_at: datetime
    opened: bool
    claim: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back through a link."""

    answer: Answer
    name: str
    role: str
    words: str
    at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class Request:
    """A question that was sent out, with what came of it."""

    id: UUID
    asked: Asked
    office: str
    address: str
    found: AddressFrom
    source: str
    sent_by: str
    sent_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    ended_at: datetime | None
    worth: Worth
    answered: Answered | None

    @property
    def may_confirm(self) -> bool:
        """Whether a yes that came from there is worth anything."""
        return self.found.is_independent


def ask(*, credential_id: UUID, actor_id: UUID, whom: Address, at: datetime) -> UUID:
    """
    Mail a question about a claim to an address outside; one that waits there already is replaced. Return its id.

    :raises Invalid: address, office or source of the address will not do, or the address is the applicant's own
    :raises NotClaimed: the case is open and the verifier has not taken it
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    whom = _checked(whom)
    with unit_of_work():
        return _send(_locked(credential_id, actor_id), whom, actor_id=actor_id, at=at)


def ask_again(*, credential_id: UUID, link_id: UUID, actor_id: UUID, at: datetime) -> UUID:
    """
    Mail the question once more to the same address; the link before dies. Return the new one's id.

    :raises NoSuchLink: there is none about this credential
    :raises NotClaimed: the case is open and the verifier has not taken it
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    with unit_of_work():
        credential = _locked(credential_id, actor_id)
        found = _request(credential_id, link_id)
        sent_to = db.session.scalars(select(SignedLink.sent_to).where(SignedLink.id == link_id)).one()
        whom = Address(found.asked, found.office, sent_to, found.address_from, found.address_source)
        return _send(credential, whom, actor_id=actor_id, at=at)


def withdraw_question(*, credential_id: UUID, link_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take a question back before it is answered.

    :raises NoSuchLink: there is none about this credential
    :raises LinkIsOver: it was answered, or has ended already
    :raises NotClaimed: the case is open and the verifier has not taken it
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    with unit_of_work():
        _locked(credential_id, actor_id)
        links.withdraw(link_id, purpose=_PURPOSE, subject_id=credential_id, actor_id=actor_id, at=at)


def question_behind(token: str, *, at: datetime) -> Question:
    """
    Return what stands behind a link, without using it. The claim is shown once somebody has pressed to read it.

    :raises NoSuchLink: it was never ours, or is for something else
    :raises LinkIsOver: it was used, withdrawn or replaced, or its time is over
    """
    link = links.living(token, purpose=_PURPOSE, at=at)
    request = db.session.get_one(ConfirmationRequest, link.id)
    opened = link.opened_at is not None
    return Question(request.asked, request.office, link.expires_at, opened, link.bound if opened else {})


def read_question(*, token: str, at: datetime) -> None:
    """
    Keep that somebody pressed the button to read the question; the claim is shown from now on.

    :raises NoSuchLink: it was never ours, or is for something else
    :raises LinkIsOver: it was used, withdrawn or replaced, or its time is over
    """
    with unit_of_work():
        links.open_first(links.living(token, purpose=_PURPOSE, at=at), at=at)


def answer(*, token: str, said: Said, at: datetime) -> None:
    """
    Keep what somebody outside answers, once, and tell the verifier who asked.

    :raises NoSuchLink: it was never ours, or is for something else
    :raises LinkIsOver: it was used, withdrawn or replaced, or its time is over
    :raises LinkSpeaksOfAnother: the claim was corrected since
    :raises Invalid: nobody has read it, the name or the role is missing, or something is too long
    """
    said = _said(said)
    with unit_of_work():
        link = links.living(token, purpose=_PURPOSE, at=at)
        if link.opened_at is None:
            raise Invalid("Read the question first.", cure="Press the button to read it.")
        request = db.session.get_one(ConfirmationRequest, link.id)
        credential = rows.row(link.subject_id)
        links.use(link, said, bound=claim_shown_to(request.asked, credential), at=at)
        _tell_verifier(link, request, credential, at=at)


def cite(*, credential_id: UUID, link_id: UUID, actor_id: UUID, at: datetime) -> UUID:
    """
    Record an answer as the verifier's look at the source: as old as the answer, with its digest. Return the look's id.

    :raises NoSuchLink: there is none about this credential
    :raises NotAnswered: nobody has answered it
    :raises AnswerIsAboutAnotherClaim: the claim was corrected since
    :raises AddressIsTheApplicants: it is a yes from an address that only the applicant vouches for
    :raises NotClaimed: the case is open and the verifier has not taken it
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    with unit_of_work():
        credential = checkable(credential_id, actor_id)
        request = _request(credential_id, link_id)
        found = db.session.get(LinkAnswer, link_id)
        if found is None:
            raise NotAnswered
        bound = claim_shown_to(request.asked, credential)
        if bound != db.session.get_one(SignedLink, link_id).bound:
            raise AnswerIsAboutAnotherClaim
        confirmed = found.answer is Answer.CONFIRMED
        if confirmed and not request.address_from.is_independent:
            raise AddressIsTheApplicants
        look = Look(
            source_name=f"{request.office}: {found.name}, {found.role}",
            method=CheckMethod.ISSUER_LINK,
            outcome=SHOWS[found.answer],
            retrieved_at=found.answered_at,
            matched={name: bound[name] for name in _MATCHED if name in bound} if confirmed else {},
            note="\n".join(filter(None, (found.words, f"Address from: {request.address_source}"))),
            link_id=link_id,
        )
    return record_check(credential_id=credential_id, actor_id=actor_id, look=look, at=at)


def requests_about(credential_id: UUID, *, at: datetime) -> list[Request]:
    """Return what was asked about a credential, the newest first, with the answers."""
    found: Sequence[Any] = db.session.execute(
        select(ConfirmationRequest, SignedLink, LinkAnswer)
        .join(SignedLink, SignedLink.id == ConfirmationRequest.link_id)
        .outerjoin(LinkAnswer, LinkAnswer.link_id == SignedLink.id)
        .where(ConfirmationRequest.credential_id == credential_id)
        .order_by(SignedLink.sent_at.desc(), SignedLink.id)
        .execution_options(populate_existing=True)
    ).all()
    if not found:
        return []
    senders = accounts.people({link.sent_by for _, link, _ in found})
    return [
        Request(
            id=link.id,
            asked=request.asked,
            office=request.office,
            address=link.sent_to,
            found=request.address_from,
            source=request.address_source,
            sent_by=senders[link.sent_by].name,
            sent_at=link.sent_at,
            expires_at=link.expires_at,
            opened_at=link.opened_at,
            ended_at=link.ended_at,
            worth=worth(link.state, expires_at=link.expires_at, at=at),
            answered=_answered(given),
        )
        for request, link, given in found
    ]


def claim_shown_to(asked: Asked, credential: Credential) -> dict[str, str]:
    """
    Return what of a claim somebody outside is shown, and no more: its number is for its issuer alone.

    The link is bound to it: once any of it is corrected, what was asked is not what is claimed any more.
    """
    kind = credential_types()[credential.type_code]
    levels = {level.code: level.name for level in kind.levels}
    procedures = {one.code: one.name for one in kind.endorsements}
    model_id = credential.device_model_id
    model = catalog.models_by_id([model_id]).get(model_id) if model_id else None
    numbered = asked is Asked.ISSUER and kind.kind not in WITHOUT_NUMBER and not credential.number.startswith("SL-")
    shown: dict[str, Any] = {
        "kind": kind.name,
        "state": STATES[credential.jurisdiction],
        "name": credential.name_on_credential,
        "number": credential.number if numbered else None,
        "level": levels.get(credential.level or "", credential.level),
        "procedures": ", ".join(procedures.get(code, code) for code in credential.endorsements),
        "device": model.title if model else None,
        "issued_on": written(credential.issued_on) if credential.issued_on else None,
        "expires_on": written(credential.expires_on) if credential.expires_on else None,
    }
    return {name: words for name, words in shown.items() if words}


def _locked(credential_id: UUID, actor_id: UUID) -> Credential:
    # Two questions to one address at the same instant wait for each other here.
    db.session.execute(select(Credential.id).where(Credential.id == credential_id).with_for_update())
    return checkable(credential_id, actor_id)


def _request(credential_id: UUID, link_id: UUID) -> ConfirmationRequest:
    found = db.session.get(ConfirmationRequest, link_id)
    if found is None or found.credential_id != credential_id:
        raise NoSuchLink
    return found


def _checked(whom: Address) -> Address:
    email, office, source = normal_email(whom.email), whom.office.strip(), whom.source.strip()
    problem = email_problem(email)
    if problem is not None:
        raise Invalid(problem, field="email")
    if not 0 < len(office) <= LONGEST_NAME:
        raise Invalid("Name the office or person that is asked.", field="office")
    if not 0 < len(source) <= LONGEST_WORDS:
        raise Invalid("Say where exactly you found the address.", field="source")
    return Address(whom.asked, office, email, whom.found, source)


def _send(credential: Credential, whom: Address, *, actor_id: UUID, at: datetime) -> UUID:
    if whom.email in accounts.addresses_of(filter(None, (credential.holder_id, credential.submitted_by))):
        raise Invalid("This is the applicant's own address.", field="email")
    issued = links.issue(
        purpose=_PURPOSE,
        subject_id=credential.id,
        bound=claim_shown_to(whom.asked, credential),
        sent_to=whom.email,
        sent_by=actor_id,
        expires_at=at + LINK_SERVES,
        at=at,
    )
    db.session.add(
        ConfirmationRequest(
            link_id=issued.id,
            credential_id=credential.id,
            asked=whom.asked,
            office=whom.office,
            address_from=whom.found,
            address_source=whom.source,
        )
    )
    db.session.flush()
    audit.record(
        "credential:source_asked",
        actor_id=actor_id,
        subject_type="credential",
        subject_id=credential.id,
        at=at,
        link=issued.id,
        asked=whom.asked,
        address_from=whom.found,
    )
    promise_mail(
        to=whom.email,
        template="claim_question",
        context={
            "office": whom.office,
            "asked": whom.asked,
            "until": written((at + LINK_SERVES).date()),
            "token": issued.token,
        },
        at=at,
    )
    return issued.id


def _answered(given: LinkAnswer | None) -> Answered | None:
    if given is None:
        return None
    return Answered(given.answer, given.name, given.role, given.words, given.answered_at, given.digest)


def _said(said: Said) -> Said:
    name, role, words = said.name.strip(), said.role.strip(), said.words.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise Invalid("Write your name.", field="name")
    if not 0 < len(role) <= LONGEST_NAME:
        raise Invalid("Write what you are there, such as licensing clerk.", field="role")
    if len(words) > LONGEST_WORDS:
        raise Invalid(f"Say it in at most {LONGEST_WORDS:,} characters.", field="words")
    return Said(said.answer, name, role, words)


def _tell_verifier(link: Link, request: ConfirmationRequest, credential: Credential, *, at: datetime) -> None:
    verifier = accounts.person(link.sent_by)
    promise_mail(
        to=verifier.email,
        template="claim_answered",
        context={
            "name": verifier.name,
            "office": request.office,
            "type_name": credential_types()[credential.type_code].name,
            "state": STATES[credential.jurisdiction],
            "credential_id": str(credential.id),
        },
        at=at,
    )
