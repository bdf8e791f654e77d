"""Links of the demo: a case with an answer from outside and a question that waits; an order to be signed by mail."""

from datetime import datetime, timedelta

from sqlalchemy import select

from ...credentials import service as credentials
from ...credentials.asking import Address
from ...credentials.models import Credential
from ...credentials.policy import AddressFrom, Asked
from ...credentials.states import CredentialState
from ...extensions import db
from ...links.service import Said
from ...links.states import Answer
from ...notifications.models import Mail
from ...orders import service as orders
from ...orders.models import Order
from ...orders.states import OrderState
from .people import Stage

CLAIMANT = "Patrick O’Hara"
ISSUER = Address(
    Asked.ISSUER,
    "Licensing office (specimen)",
    "licensing@board.demo.example",
    AddressFrom.OWN_PAGE,
    "Contact page of the board, read by the verifier; specimen data of the demo.",
)
EMPLOYER = Address(
    Asked.EMPLOYER,
    "Gulf Coast Dermatology, front office",
    "office@gulf-coast.demo.example",
    AddressFrom.CALL,
    "Called at the number on the clinic’s own page; specimen data of the demo.",
)


def answer_question(stage: Stage, *, now: datetime) -> None:
    """Let the issuer of a claim under review have been asked, and have answered."""
    asked = now - timedelta(hours=20)
    credentials.ask_source(credential_id=_claim(stage).id, actor_id=stage.verifier, whom=ISSUER, at=asked)
    mail = db.session.scalars(select(Mail).where(Mail.template == "claim_question", Mail.to == ISSUER.email)).one()
    token = str(mail.context["token"])
    credentials.read_question(token=token, at=asked + timedelta(hours=2))
    said = Said(Answer.CONFIRMED, "Carla Munoz", "licensing clerk", "In force. Specimen answer of the demo.")
    credentials.answer_question(token=token, said=said, at=asked + timedelta(hours=2, minutes=5))


def leave_waiting(stage: Stage, *, now: datetime) -> None:
    """Leave links in the mailbox: a question to an employer, and an order for its practitioner to sign."""
    credentials.ask_source(credential_id=_claim(stage).id, actor_id=stage.verifier, whom=EMPLOYER, at=now)
    order_id = db.session.scalars(
        select(Order.id).where(
            Order.state == OrderState.AWAITING_PRACTITIONER, Order.buyer_id == stage.people["Dana Reyes"]
        )
    ).one()
    orders.send_link(
        order_id=order_id, practitioner_id=stage.people["Amir Khan"], actor_id=stage.people["Dana Reyes"], at=now
    )


def _claim(stage: Stage) -> Credential:
    return db.session.scalars(
        select(Credential).where(
            Credential.holder_id == stage.people[CLAIMANT], Credential.state == CredentialState.IN_REVIEW
        )
    ).one()
