"""What the demo's buyers ask about devices, what sellers answer, and what the two sides of an order write."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from ...extensions import db
from ...listings.models import Listing
from ...listings.states import ListingState
from ...messages import service as messages
from ...orders.models import Order
from ...orders.states import OrderState
from ...payments.models import Payment
from ...questions import moderating
from ...questions import service as questions
from .people import Stage


@dataclass(frozen=True, slots=True)
class Talk:
    """A question about a featured device, what was answered, why it was not, and what somebody reported of it."""

    title: str
    year: int
    who: str
    words: str
    answers: tuple[str, ...] = ()
    declined: str | None = None
    reported: str | None = None


TALKS = (
    Talk(
        "Candela GentleMax Pro", 2018, "Priya Nair", "Who serviced it last, and is the report among the papers?",
        (
            "An engineer of its maker, last spring. There is no report.",
            "I have to correct that: we found the report, and send it along with the device.",
        ),
    ),
    Talk(
        "Candela GentleMax Pro", 2018, "Ben Yazzie", "Does it stand on the ground floor?",
        ("Yes, and the door is wide enough.",),
    ),
    Talk("Candela GentleMax Pro", 2018, "Dana Reyes", "Could you call me at 512 555 0100 about the freight to Austin?"),
    Talk(
        "Lumenis M22", 2016, "Dana Reyes", "Which of the handpieces in the photos go with it?",
        ("All that are in the photos and in the list.",), reported="It reads like an advertisement.",
    ),
    Talk(
        "Lumenis M22", 2016, "Lucia Fernandez", "What did you pay for it when it was new?",
        declined="We would rather talk about what it is worth today.",
    ),
    Talk("Cynosure PicoSure", 2013, "Dana Reyes", "Who serviced it, and can I see the reports before I order?"),
)  # fmt: skip


def ask_and_answer(stage: Stage, *, now: datetime) -> None:
    """Let buyers ask about the devices of the tour, and their sellers answer most of it."""
    for number, talk in enumerate(TALKS):
        listing = db.session.scalars(
            select(Listing)
            .where(Listing.state == ListingState.PUBLISHED, Listing.title == talk.title, Listing.year == talk.year)
            .order_by(Listing.serial)
            .limit(1)
        ).one()
        seller = stage.who_runs(listing.clinic_id)
        listing_id, asked_at = listing.id, now - timedelta(days=6 - number // 2, hours=number)
        question = questions.ask(
            listing_id=listing_id, asker_id=stage.people[talk.who], words=talk.words, at=asked_at
        )  # fmt: skip
        for hours, words in enumerate(talk.answers, start=3):
            questions.answer(
                question_id=question, actor_id=seller, words=words, at=asked_at + timedelta(hours=hours**2)
            )  # fmt: skip
        if talk.declined:
            questions.decline(question_id=question, actor_id=seller, because=talk.declined, at=asked_at)
        if talk.reported:
            reporter = stage.people["Marcus Webb"]
            moderating.report(question_id=question, reporter_id=reporter, reason=talk.reported, at=now)


def ask_before_ordering(stage: Stage, listing_id: UUID, who: str, *, at: datetime) -> None:
    """Let a buyer ask what the order then rests on."""
    clinic = db.session.scalars(select(Listing.clinic_id).where(Listing.id == listing_id)).one()
    question = questions.ask(
        listing_id=listing_id, asker_id=stage.people[who], at=at,
        words="Can it be collected on a Saturday?",
    )  # fmt: skip
    questions.answer(
        question_id=question, actor_id=stage.who_runs(clinic), at=at,
        words="Yes, between nine and noon.",
    )  # fmt: skip


def write_to_each_other(stage: Stage, *, now: datetime) -> None:
    """Let the sides of three orders write: before the payment, after it, and while a bank disputes it."""
    dana = stage.people["Dana Reyes"]
    for state, lines in (
        (OrderState.AWAITING_PAYMENT, (("buyer", "Please call me at 512 555 0100 before you book the freight."),)),
        (
            OrderState.UNDER_INSPECTION,
            (
                ("buyer", "It arrived this morning. One caster is loose: is that known?"),
                ("seller", "Not to us. The rigger’s number is 602 555 0147; he can send the right screw tomorrow."),
                ("buyer", "Thank you, we have called him."),
            ),
        ),
    ):
        order = db.session.scalars(select(Order.id).where(Order.buyer_id == dana, Order.state == state)).one()
        _write(stage, order, lines, at=now)
    disputed = db.session.scalars(select(Payment.order_id).where(Payment.frozen_reason == "disputed")).one()
    _write(
        stage, disputed, (("seller", "Your bank disputes the payment. Did something go wrong on our side?"),), at=now
    )
    messages.write_as_staff(
        order_id=disputed, actor_id=stage.people["Felix Grau"], at=now,
        words="The bank asks for papers of the delivery. Please write here what each of you has.",
    )  # fmt: skip


def _write(stage: Stage, order_id: UUID, lines: tuple[tuple[str, str], ...], *, at: datetime) -> None:
    order = db.session.get_one(Order, order_id)
    sides = {"buyer": order.buyer_id, "seller": stage.who_runs(order.seller_clinic_id)}
    for number, (side, words) in enumerate(lines):
        moment = at - timedelta(minutes=30 * (len(lines) - number))
        messages.read(order_id=order_id, user_id=sides[side], at=moment)
        messages.write(order_id=order_id, actor_id=sides[side], words=words, at=moment)
