"""Steps that send a link, look at it, use it up and take it back; the caller's transaction and the caller's mail."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from .. import audit
from ..extensions import db
from ..kernel.errors import Conflict, Gone, NotFound
from ..kernel.tokens import digest_of, new_token
from .models import LinkAnswer, SignedLink
from .states import LINK, Answer, LinkEvent, LinkPurpose, LinkState, Worth, worth

_SUBJECTS = {LinkPurpose.SIGN_ORDER: "order", LinkPurpose.CONFIRM_CLAIM: "credential"}
_OVER = {
    Worth.EXPIRED: "The time of this link is over.",
    Worth.USED: "This link was used, and serves once.",
    Worth.WITHDRAWN: "This link was taken back, or is not needed any more.",
    Worth.REPLACED: "A newer link has taken the place of this one.",
}


class NoSuchLink(NotFound):
    """We never sent it, or not for this."""

    code = "no_such_link"

    def __init__(self) -> None:
        super().__init__(
            "We have sent no such link.",
            cure="Open it from the mail again, whole; or ask whoever sent it for a new one.",
        )


class LinkIsOver(Gone):
    """It was ours, and serves no more."""

    code = "link_is_over"

    def __init__(self, found: Worth) -> None:
        super().__init__(
            _OVER[found],
            cure="Look for the newest mail, or ask whoever sent it for a new one."
            if found is not Worth.USED
            else "There is nothing left to do. If it was not you, tell whoever sent it.",
        )
        self.worth = found


class LinkSpeaksOfAnother(Conflict):
    """What the link is about is not any more what it was when the link was sent."""

    code = "link_speaks_of_another"

    def __init__(self) -> None:
        super().__init__(
            "What this link asks about has changed since it was sent, so it cannot be answered through it.",
            cure="Ask whoever sent it for a new link: it will say what is so now.",
        )


@dataclass(frozen=True, slots=True)
class Issued:
    """A link on its way. The token is in nobody's hands but the mail's."""

    id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link as its page and its sender look at it."""

    id: UUID
    purpose: LinkPurpose
    subject_id: UUID
    recipient_id: UUID | None
    bound: Mapping[str, Any]
    sent_to: str
    sent_by: UUID
    sent_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    state: LinkState
    ended_at: datetime | None

    def worth(self, at: datetime) -> Worth:
        """Return what it is worth at this moment."""
        return worth(self.state, expires_at=self.expires_at, at=at)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer and whose it is, by their own word."""

    answer: Answer
    name: str
    role: str
    words: str = ""


def issue(
    *,
    purpose: LinkPurpose,
    subject_id: UUID,
    bound: Mapping[str, Any],
    sent_to: str,
    sent_by: UUID,
    expires_at: datetime,
    at: datetime,
    recipient_id: UUID | None = None,
) -> Issued:
    """
    Return a new link for one thing and one address; one that waits there already is replaced.

    Whoever calls it has locked the subject: of two at the same instant the second replaces the first.
    """
    waiting = _links(
        SignedLink.purpose == purpose,
        SignedLink.subject_id == subject_id,
        SignedLink.sent_to == sent_to,
        SignedLink.state == LinkState.WAITING,
    )
    for older in waiting:
        _end(older, LinkEvent.REPLACED, actor_id=sent_by, at=at)
    token = new_token()
    link = SignedLink(
        purpose=purpose,
        subject_id=subject_id,
        recipient_id=recipient_id,
        bound=dict(bound),
        digest=digest_of(token),
        sent_to=sent_to,
        sent_by=sent_by,
        sent_at=at,
        expires_at=expires_at,
    )
    db.session.add(link)
    db.session.flush()
    _note("link:sent", purpose, subject_id, link.id, actor_id=sent_by, at=at, until=expires_at)
    return Issued(link.id, token)


def living(token: str, *, purpose: LinkPurpose, at: datetime) -> Link:
    """
    Return the link of a token. It is only looked at: programs that scan mail open links, too.

    :raises NoSuchLink: it was never ours, or is for something else
    :raises LinkIsOver: it was used, withdrawn or replaced, or its time is over
    """
    found = _links(SignedLink.digest == digest_of(token), SignedLink.purpose == purpose)
    if not found:
        raise NoSuchLink
    (link,) = found
    _refuse_dead(link, at)
    return link


def open_first(link: Link, *, at: datetime) -> None:
    """
    Keep when somebody first pressed the button to read it; later presses change nothing.

    :raises LinkIsOver: it ended at this very moment
    """
    _refuse_dead(link, at)
    first = db.session.scalar(
        update(SignedLink)
        .where(SignedLink.id == link.id, SignedLink.state == LinkState.WAITING, SignedLink.opened_at.is_(None))
        .values(opened_at=at)
        .returning(SignedLink.id)
    )
    if first is not None:
        _note("link:opened", link.purpose, link.subject_id, link.id, actor_id=link.recipient_id, at=at)


def use(link: Link, said: Said, *, bound: Mapping[str, Any], at: datetime) -> str:
    """
    Use the link up and keep what was answered through it; return the digest of the answer.

    `bound` is what it would be about if it were sent now. Of two at the same instant one wins.

    :raises LinkIsOver: somebody was faster, or its time is over
    :raises LinkSpeaksOfAnother: it was sent about something else
    """
    if dict(link.bound) != dict(bound):
        raise LinkSpeaksOfAnother
    _refuse_dead(link, at)
    _end(link, LinkEvent.USED, actor_id=link.recipient_id, at=at, answer=said.answer)
    digest = digest_of_answer(link, said, at=at)
    db.session.add(
        LinkAnswer(
            link_id=link.id,
            purpose=link.purpose,
            subject_id=link.subject_id,
            answer=said.answer,
            name=said.name,
            role=said.role,
            words=said.words,
            answered_at=at,
            digest=digest,
        )
    )
    # The database's own guards speak now, not at the end.
    db.session.flush()
    return digest


def withdraw(link_id: UUID, *, purpose: LinkPurpose, subject_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take a link back.

    :raises NoSuchLink: there is none for this
    :raises LinkIsOver: it has ended already
    """
    found = _links(SignedLink.id == link_id, SignedLink.purpose == purpose, SignedLink.subject_id == subject_id)
    if not found:
        raise NoSuchLink
    if found[0].state is not LinkState.WAITING:
        raise LinkIsOver(found[0].worth(at))
    _end(found[0], LinkEvent.WITHDRAWN, actor_id=actor_id, at=at)


def withdraw_all(*, purpose: LinkPurpose, subject_id: UUID, actor_id: UUID | None, at: datetime) -> None:
    """Take back every link that waits for this: it is not needed any more."""
    waiting = _links(
        SignedLink.purpose == purpose, SignedLink.subject_id == subject_id, SignedLink.state == LinkState.WAITING
    )
    for link in waiting:
        _end(link, LinkEvent.WITHDRAWN, actor_id=actor_id, at=at)


def links_about(subject_id: UUID, *, purpose: LinkPurpose) -> list[Link]:
    """Return what was sent about one thing, the newest first."""
    return _links(SignedLink.subject_id == subject_id, SignedLink.purpose == purpose)


def digest_of_answer(link: Link, said: Said, *, at: datetime) -> str:
    """Return the SHA-256 of question, address and answer, so that an answer cannot have been another."""
    body = [
        str(link.id),
        link.purpose,
        str(link.subject_id),
        dict(link.bound),
        link.sent_to,
        said.answer,
        said.name,
        said.role,
        said.words,
        at.astimezone(UTC).isoformat(),
    ]
    return hashlib.sha256(audit.written(body).encode()).hexdigest()


def _links(*which: Any) -> list[Link]:
    """Return links as the database has them now, whatever this session remembers."""
    columns = [getattr(SignedLink, name) for name in Link.__slots__]
    rows = db.session.execute(select(*columns).where(*which).order_by(SignedLink.sent_at.desc(), SignedLink.id))
    return [Link(*row) for row in rows]


def _refuse_dead(link: Link, at: datetime) -> None:
    found = link.worth(at)
    if found is not Worth.WAITING:
        raise LinkIsOver(found)


def _end(link: Link, event: LinkEvent, *, actor_id: UUID | None, at: datetime, **data: object) -> None:
    """End a link by compare-and-set, so that it ends once."""
    after = LINK.after(link.state, event)
    won = db.session.scalar(
        update(SignedLink)
        .where(SignedLink.id == link.id, SignedLink.state == link.state)
        .values(state=after, ended_at=at)
        .returning(SignedLink.id)
    )
    if won is None:
        (now,) = _links(SignedLink.id == link.id)
        raise LinkIsOver(now.worth(at))
    _note(f"link:{event}", link.purpose, link.subject_id, link.id, actor_id=actor_id, at=at, **data)


def _note(
    kind: str,
    purpose: LinkPurpose,
    subject_id: UUID,
    link_id: UUID,
    *,
    actor_id: UUID | None,
    at: datetime,
    **data: object,
) -> None:
    audit.record(
        kind, actor_id=actor_id, subject_type=_SUBJECTS[purpose], subject_id=subject_id, at=at, link=link_id, **data
    )
