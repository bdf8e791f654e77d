"""Mailed links: the shortest legal ones, and the token that only the mail knows."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from marketplace.credentials import service as credentials
from marketplace.credentials.asking import Address
from marketplace.credentials.models import Credential
from marketplace.credentials.policy import AddressFrom, Asked
from marketplace.extensions import db, unit_of_work
from marketplace.links import service as links
from marketplace.links.models import SignedLink
from marketplace.links.service import Issued, Said
from marketplace.links.states import Answer, LinkPurpose
from marketplace.notifications.models import Mail
from tests.factories.accounts import make_staff
from tests.support import promised_mails

BOUND = {"name": "Dana Reyes"}
BOARD = Address(Asked.ISSUER, "Board of Lasers", "clerk@board.example", AddressFrom.OWN_PAGE, "https://board.example")
YES = Said(Answer.CONFIRMED, "Carla Munoz", "licensing clerk", "In force.")


def make_link(*, at: datetime, **changes: Any) -> Issued:
    """Send a link that asks about a claim, without a mail."""
    given: dict[str, Any] = {
        "purpose": LinkPurpose.CONFIRM_CLAIM,
        "subject_id": uuid4(),
        "bound": BOUND,
        "sent_to": "clerk@board.example",
        "expires_at": at + timedelta(hours=1),
        "at": at,
        **changes,
    }
    if "sent_by" not in given:
        given["sent_by"] = make_staff().id
    with unit_of_work():
        return links.issue(**given)


def token_mailed(template: str) -> str:
    """Return the token of the newest mail of a kind."""
    return promised_mails(Mail.template == template)[-1].context["token"]


def tokens_mailed(template: str) -> set[str]:
    """Return every token that was mailed with a template."""
    return {mail.context["token"] for mail in db.session.scalars(select(Mail).where(Mail.template == template))}


def ask(credential: Credential, verifier_id: UUID, *, at: datetime, whom: Address = BOARD) -> tuple[UUID, str]:
    """Ask somebody outside about a claim; return the link and the token in the mail."""
    before = tokens_mailed("claim_question")
    link_id = credentials.ask_source(credential_id=credential.id, actor_id=verifier_id, whom=whom, at=at)
    (token,) = tokens_mailed("claim_question") - before
    return link_id, token


def ask_and_answer(
    credential: Credential, verifier_id: UUID, *, at: datetime, whom: Address = BOARD, said: Said = YES
) -> UUID:
    """Ask somebody outside about a claim, and let them answer at once; return the link."""
    link_id, token = ask(credential, verifier_id, at=at, whom=whom)
    credentials.read_question(token=token, at=at)
    credentials.answer_question(token=token, said=said, at=at)
    return link_id


def the_link(link_id: UUID) -> SignedLink:
    """Return the link as it is now."""
    return db.session.get_one(SignedLink, link_id, populate_existing=True)
