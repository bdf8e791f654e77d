"""The practitioner's signature through a mailed link: sent, sent again, taken back, and used once by them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ..accounts import queries as accounts
from ..extensions import unit_of_work
from ..kernel.errors import Invalid, NotFound
from ..links import service as links
from ..links.service import Link, LinkSpeaksOfAnother
from ..links.states import LinkPurpose, Worth
from ..notifications.service import promise_mail
from . import belonging, confirming, steps, wording
from .access import Act
from .confirming import OrderExpired, ToSign, terms_of
from .models import Order
from .states import ORDER, OrderEvent

LINK_SERVES = timedelta(hours=48)
"""Shorter than the 72 hours of an order, and never longer than what is left of them."""

_PURPOSE = LinkPurpose.SIGN_ORDER


class LinkIsAnothers(NotFound):
    """The link was sent to somebody else: passed on, it opens nothing."""

    code = "link_is_anothers"

    def __init__(self) -> None:
        super().__init__(
            "This link was sent to somebody else, and serves nobody but them.",
            cure="Sign in with the account of the address it was sent to.",
        )


@dataclass(frozen=True, slots=True)
class SentLink:
    """A link to sign, as the buying side follows it."""

    id: UUID
    practitioner_id: UUID
    practitioner: str
    sent_by: str
    sent_at: datetime
    expires_at: datetime
    worth: Worth


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom the buying side can ask while the order waits for a practitioner, by id and name, and the links sent."""

    waits: bool
    practitioners: tuple[tuple[UUID, str], ...]
    sent: tuple[SentLink, ...]


@dataclass(frozen=True, slots=True)
class ToSignByLink:
    """What is signed through a link, who asked for it, and until when."""

    asked: ToSign
    sent_by: str
    expires_at: datetime


def asking(*, order_id: UUID, actor_id: UUID, at: datetime) -> Asking:
    """
    Return whom the buying side can ask to sign by mail, and what was sent before.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: the person is neither the buyer nor runs the buying clinic
    """
    with unit_of_work():
        order = steps.locked_among(order_id, Act.ASK_PRACTITIONER, actor_id=actor_id)
        waits = ORDER.allows(order.state, OrderEvent.CONFIRMED) and at < order.expires_at
        others = [one for one in belonging.practitioners_of(order.buyer_clinic_id) if one != actor_id] if waits else []
        sent = links.links_about(order_id, purpose=_PURPOSE)
        people = accounts.people([*others, *(one.sent_by for one in sent), *(_recipient(one) for one in sent)])
        return Asking(
            waits=waits,
            practitioners=tuple((one, people[one].name) for one in others),
            sent=tuple(
                SentLink(
                    id=one.id,
                    practitioner_id=_recipient(one),
                    practitioner=people[_recipient(one)].name,
                    sent_by=people[one.sent_by].name,
                    sent_at=one.sent_at,
                    expires_at=one.expires_at,
                    worth=one.worth(at),
                )
                for one in sent
            ),
        )


def send_link(*, order_id: UUID, practitioner_id: UUID, actor_id: UUID, at: datetime) -> UUID:
    """
    Mail a practitioner of the buying clinic a link to sign this order; the one sent to them before dies. Return its id.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: the person is neither the buyer nor runs the buying clinic
    :raises IllegalMove: it is confirmed already, or has ended
    :raises OrderExpired: its 72 hours are over
    :raises Invalid: who is asked is no practitioner of the clinic, or is the person themself
    """
    with unit_of_work():
        order = _asked_about(order_id, actor_id)
        if at >= order.expires_at:
            raise OrderExpired
        if practitioner_id not in belonging.practitioners_of(order.buyer_clinic_id):
            raise Invalid("Choose a practitioner of your clinic.", field="practitioner")
        if practitioner_id == actor_id:
            raise Invalid("You are the practitioner yourself: sign on the order's page.", field="practitioner")
        people = accounts.people([practitioner_id, actor_id])
        practitioner = people[practitioner_id]
        terms = terms_of(order, practitioner_id)
        issued = links.issue(
            purpose=_PURPOSE,
            subject_id=order_id,
            bound=terms,
            sent_to=practitioner.email,
            sent_by=actor_id,
            recipient_id=practitioner_id,
            expires_at=min(at + LINK_SERVES, order.expires_at),
            at=at,
        )
        told = steps.told_of(order)
        promise_mail(
            to=practitioner.email,
            template="order_link",
            context={
                "name": practitioner.name,
                "sender": people[actor_id].name,
                "clinic": terms["place"][0],
                "unit": f"{terms['maker']} {terms['model']}, serial number {terms['serial']}",
                "terms": list(wording.terms_of(told)),
                "number": order.number,
                "token": issued.token,
            },
            at=at,
        )
        return issued.id


def withdraw_link(*, order_id: UUID, link_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take a link to sign back before it is used.

    :raises NotFound: there is no such order or link, or it is not theirs to know of
    :raises NotYourAct: the person is neither the buyer nor runs the buying clinic
    :raises IllegalMove: it is confirmed already, or has ended
    :raises marketplace.links.service.LinkIsOver: it has ended already
    """
    with unit_of_work():
        _asked_about(order_id, actor_id)
        links.withdraw(link_id, purpose=_PURPOSE, subject_id=order_id, actor_id=actor_id, at=at)


def to_sign_by_link(*, token: str, actor_id: UUID, at: datetime) -> ToSignByLink:
    """
    Return what is signed through this link, without using it: programs that scan mail open links, too.

    :raises marketplace.links.service.NoSuchLink: it was never ours, or is for something else
    :raises marketplace.links.service.LinkIsOver: it was used, withdrawn or replaced, or its time is over
    :raises LinkIsAnothers: it was sent to somebody else
    :raises marketplace.links.service.LinkSpeaksOfAnother: the order is not what it was when the link was sent
    :raises NotYourAct: the person is not a practitioner of the buying clinic any more
    :raises IllegalMove: the order is confirmed already, or has ended
    """
    with unit_of_work():
        link = _own(token, actor_id, at)
        _refuse_changed(steps.locked(link.subject_id), link, actor_id)
        asked = confirming.offered(link.subject_id, actor_id=actor_id, at=at)
        sender = accounts.person(link.sent_by).name
        return ToSignByLink(asked=asked, sent_by=sender, expires_at=link.expires_at)


def confirm_by_link(*, token: str, actor_id: UUID, signed: Collection[str], at: datetime) -> UUID:
    """
    Sign the order through the link that was sent to this very person; return which order it was.

    The link says for whom and for what; everything that is asked on the order's page is asked here, too. Whatever is
    refused leaves the link as it was.

    :raises marketplace.links.service.NoSuchLink: it was never ours, or is for something else
    :raises marketplace.links.service.LinkIsOver: it was used, withdrawn or replaced, or its time is over
    :raises LinkIsAnothers: it was sent to somebody else
    :raises marketplace.links.service.LinkSpeaksOfAnother: the order is not what it was when the link was sent
    :raises Refusal: for the reasons of `confirming.sign`
    """
    with unit_of_work():
        order_id = _own(token, actor_id, at).subject_id
        # Clinic, people and credentials before the order: everybody locks in this order.
        steps.keep_as_they_are(order_id, actor_id)
        order = steps.locked(order_id)
        # Looked at again under the order's lock: of two at the same instant the second one sees that it was used.
        link = _own(token, actor_id, at)
        _refuse_changed(order, link, actor_id)
        cause = f"the practitioner signed for it through the link that {accounts.person(link.sent_by).name} sent"
        confirming.sign(order_id, actor_id=actor_id, signed=signed, cause=cause, at=at, link=link)
        return order_id


def _own(token: str, actor_id: UUID, at: datetime) -> Link:
    link = links.living(token, purpose=_PURPOSE, at=at)
    if link.recipient_id != actor_id:
        raise LinkIsAnothers
    return link


def _refuse_changed(order: Order, link: Link, practitioner_id: UUID) -> None:
    if terms_of(order, practitioner_id) != link.bound:
        raise LinkSpeaksOfAnother


def _asked_about(order_id: UUID, actor_id: UUID) -> Order:
    order = steps.locked_among(order_id, Act.ASK_PRACTITIONER, actor_id=actor_id)
    ORDER.after(order.state, OrderEvent.CONFIRMED)
    return order


def _recipient(link: Link) -> UUID:
    assert link.recipient_id is not None  # The database asks for it where an order is to be signed.
    return link.recipient_id
