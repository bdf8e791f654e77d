"""Buyer and seller agree that a part of the price goes back, or finance decides it; the sale stands for the rest."""

from itertools import product
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from marketplace.extensions import db
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.notifications.models import Mail
from marketplace.orders import queries, views
from marketplace.orders import service as orders
from marketplace.orders.models import RefundProposal
from marketplace.orders.proposal_states import PROPOSAL, ProposalEvent, ProposalState, Side
from marketplace.orders.states import PARTLY_REFUNDABLE, OrderState
from marketplace.payments import service as payments
from marketplace.payments.models import MoneyIntent, PartialRefund
from tests.factories.accounts import make_staff, make_user
from tests.factories.orders import make_order, the_order
from tests.factories.payments import the_payment
from tests.support import assert_refused_by, promised_mails

PART = Money(125_000)


@pytest.fixture
def order(under_inspection):
    return under_inspection


def propose(order, person, now, amount=PART, reason=" A scratched panel. "):
    return orders.propose(order_id=order.id, actor_id=person.id, amount=amount, reason=reason, at=now)


def the_proposal(proposal_id):
    return db.session.get_one(RefundProposal, proposal_id, populate_existing=True)


def asked() -> list[tuple[int, str]]:
    return [tuple(row) for row in db.session.execute(select(PartialRefund.amount_minor, PartialRefund.reason))]


def subjects(person) -> list[str]:
    found = promised_mails(Mail.to == person.email, Mail.template == "order_news")
    return [mail.context["subject"] for mail in found]


@pytest.mark.parametrize(("state", "event"), list(product(ProposalState, ProposalEvent)))
def test_a_proposal_is_answered_once_or_withdrawn(state, event):
    if state is ProposalState.OPEN:
        assert PROPOSAL.after(state, event) == event.value
    else:
        with pytest.raises(IllegalMove):
            PROPOSAL.after(state, event)


class TestPropose:
    def test_asks_the_other_side_and_moves_nothing(self, order, scene, now):
        proposal = the_proposal(propose(order, scene.buyer, now))

        assert (proposal.side, proposal.amount_minor, proposal.reason) == (Side.BUYER, 125_000, "A scratched panel.")
        assert asked() == []
        assert the_payment(order.id).conceded_minor == 0
        title = scene.listing.title
        assert subjects(scene.seller)[-1] == f"About the price of the {title}: please answer"
        assert queries.waits_for_answer(order.id, frozenset({"seller"}))
        assert not queries.waits_for_answer(order.id, frozenset({"buyer"}))

    def test_a_seller_offers(self, order, scene, now):
        assert the_proposal(propose(order, scene.seller, now)).side is Side.SELLER
        assert subjects(scene.buyer)[-1].endswith("please answer")

    def test_one_at_a_time(self, order, scene, now):
        propose(order, scene.buyer, now)
        for person in (scene.buyer, scene.seller):
            with pytest.raises(orders.ProposalWaits):
                propose(order, person, now)

        assert db.session.scalar(select(func.count()).select_from(RefundProposal)) == 1

    @pytest.mark.parametrize("minor", [99, 4_250_000])
    def test_refuses_what_is_no_part(self, order, scene, now, minor):
        with pytest.raises(Invalid):
            propose(order, scene.buyer, now, amount=Money(minor))

        assert db.session.scalar(select(func.count()).select_from(RefundProposal)) == 0

    def test_is_for_the_two_sides(self, order, scene, now):
        with pytest.raises(orders.NotYourAct):
            propose(order, scene.practitioner, now)
        with pytest.raises(NotFound):
            propose(order, make_user(), now)

        assert db.session.scalar(select(func.count()).select_from(RefundProposal)) == 0

    @pytest.mark.parametrize(
        "state", ["awaiting_payment", "payment_processing", "held_not_cleared", "accepted", "cancelled"]
    )
    def test_has_its_time(self, scene, now, state):
        order = make_order(state, scene, at=now)
        assert order.state not in PARTLY_REFUNDABLE
        assert not views.order_for(order.id, user_id=scene.seller.id).part_can_go_back
        with pytest.raises(payments.MoneyNotHere):
            propose(order, scene.buyer, now)
        with pytest.raises(payments.MoneyNotHere):
            orders.decide_by_finance(order_id=order.id, actor_id=make_staff().id, amount=PART, reason="So.", at=now)

        assert asked() == []


class TestAnswer:
    @pytest.mark.parametrize("by_buyer", [True, False])
    def test_agreed_it_is_asked_for_and_both_are_told(self, order, scene, now, by_buyer):
        mine, other = (scene.buyer, scene.seller) if by_buyer else (scene.seller, scene.buyer)
        proposal_id = propose(order, mine, now)
        orders.agree(proposal_id=proposal_id, actor_id=other.id, at=now)

        proposal = the_proposal(proposal_id)
        assert (proposal.state, proposal.closed_by, proposal.closed_at) == (ProposalState.AGREED, other.id, now)
        assert asked() == [(125_000, "A scratched panel.")]
        assert db.session.scalars(select(PartialRefund.decided_by)).one() == other.id
        assert the_order(order.id).state is OrderState.UNDER_INSPECTION
        said = f"$1,250 of the price of the {scene.listing.title} goes back to the buyer"
        assert subjects(scene.buyer)[-1] == subjects(scene.seller)[-1] == said

    def test_declined_nothing_moves_and_whoever_proposed_is_told(self, order, scene, now):
        for mine, other in ((scene.buyer, scene.seller), (scene.seller, scene.buyer)):
            orders.decline(proposal_id=propose(order, mine, now), actor_id=other.id, at=now)
            assert subjects(mine)[-1].startswith("No agreement on $1,250")

        assert asked() == []

    def test_withdrawn_it_can_be_answered_no_more(self, order, scene, now):
        proposal_id = propose(order, scene.buyer, now)
        orders.withdraw(proposal_id=proposal_id, actor_id=scene.buyer.id, at=now)
        for answer in (orders.agree, orders.decline):
            with pytest.raises(orders.ProposalClosed):
                answer(proposal_id=proposal_id, actor_id=scene.seller.id, at=now)

        assert (the_proposal(proposal_id).state, asked()) == (ProposalState.WITHDRAWN, [])

    def test_nobody_answers_themselves_and_nobody_withdraws_for_others(self, order, scene, now):
        proposal_id = propose(order, scene.buyer, now)
        for answer, person in (
            (orders.agree, scene.buyer), (orders.decline, scene.buyer), (orders.withdraw, scene.seller),
            (orders.agree, scene.practitioner),
        ):  # fmt: skip
            with pytest.raises(orders.NotYourAct):
                answer(proposal_id=proposal_id, actor_id=person.id, at=now)
        for answer in (orders.agree, orders.decline, orders.withdraw):
            with pytest.raises(NotFound):
                answer(proposal_id=proposal_id, actor_id=make_user().id, at=now)
            with pytest.raises(NotFound):
                answer(proposal_id=uuid4(), actor_id=scene.seller.id, at=now)

        assert (the_proposal(proposal_id).state, asked()) == (ProposalState.OPEN, [])

    def test_what_cannot_go_back_any_more_stays_open_and_moves_nothing(self, order, scene, now):
        proposal_id = propose(order, scene.buyer, now)
        orders.accept(order_id=order.id, actor_id=scene.buyer.id, at=now)
        with pytest.raises(payments.MoneyNotHere):
            orders.agree(proposal_id=proposal_id, actor_id=scene.seller.id, at=now)

        assert (the_proposal(proposal_id).state, asked()) == (ProposalState.OPEN, [])
        (intent,) = db.session.scalars(select(MoneyIntent))
        assert intent.payload["amount_minor"] == 3_995_000


class TestFinance:
    def test_decides_and_both_are_told(self, order, scene, now):
        finance = make_staff("finance")
        orders.decide_by_finance(order_id=order.id, actor_id=finance.id, amount=PART, reason="The tip is worn.", at=now)

        assert asked() == [(125_000, "The tip is worn.")]
        row = db.session.execute(
            text("SELECT actor_id, data FROM audit_events WHERE kind = 'order:partial_refund_decided'")
        ).one()
        assert (row.actor_id, row.data) == (finance.id, {"amount_minor": 125_000, "reason": "The tip is worn."})
        assert subjects(scene.buyer)[-1] == subjects(scene.seller)[-1]
        assert views.order_for_staff(order.id).part_can_go_back

    def test_the_acceptance_then_pays_the_rest(self, order, scene, now):
        orders.decide_by_finance(order_id=order.id, actor_id=make_staff().id, amount=PART, reason="Worn.", at=now)
        orders.accept(order_id=order.id, actor_id=scene.buyer.id, at=now)

        release = db.session.scalars(select(MoneyIntent.payload).where(MoneyIntent.kind == "release")).one()
        assert release["amount_minor"] == 4_125_000 - 247_500
        assert any("$38,775" in str(mail.context) for mail in promised_mails(Mail.to == scene.seller.email))


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("amount_minor = 99", "refund_proposals_proposed_part_is_of_a_dollar_or_more"),
        ("reason = ' '", "refund_proposals_proposal_says_why"),
        ("closed_at = now()", "refund_proposals_proposal_is_closed_by_somebody"),
        ("state = 'declined'", "refund_proposals_proposal_is_closed_by_somebody"),
        (
            "state = 'agreed', closed_at = now(), closed_by = proposed_by",
            "refund_proposals_nobody_agrees_with_themselves",
        ),
    ],
)
def test_the_database_refuses(order, scene, now, setting, name):
    propose(order, scene.buyer, now)
    with assert_refused_by(name):
        db.session.execute(text(f"UPDATE refund_proposals SET {setting}"))


def test_the_database_knows_one_open_proposal(order, scene, now):
    propose(order, scene.buyer, now)
    with assert_refused_by("one_open_proposal_per_order"):
        db.session.execute(
            text(
                "INSERT INTO refund_proposals (id, order_id, side, amount_minor, reason, state, proposed_by, proposed_at)"
                " SELECT gen_random_uuid(), order_id, side, amount_minor, reason, state, proposed_by, proposed_at"
                " FROM refund_proposals"
            )
        )
