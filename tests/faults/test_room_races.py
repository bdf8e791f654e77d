"""Arrangements, liens and inspections in many hands at the same instant: one answer each, and nothing leaves unasked."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from marketplace.app import create_app
from marketplace.clinics.models import Clinic
from marketplace.documents.models import Document
from marketplace.extensions import db
from marketplace.inspections import form
from marketplace.inspections import queries as inspection_queries
from marketplace.inspections import service as inspections
from marketplace.inspections.form import Found
from marketplace.inspections.models import Inspection, InspectionMove, InspectionReport
from marketplace.inspections.states import InspectionKind, InspectionState, Outcome
from marketplace.kernel import clock
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole
from marketplace.leads import queries as lead_queries
from marketplace.leads import service as leads
from marketplace.leads.models import Lead, LeadProposal
from marketplace.leads.service import HandedIn
from marketplace.leads.states import LeadKind, LeadState
from marketplace.listings import reports
from marketplace.listings.liens import Search
from marketplace.listings.terms import FilingFound
from marketplace.notifications.models import Mail
from marketplace.orders import freeing
from marketplace.orders import service as orders
from marketplace.orders.freeing import LienRests
from marketplace.orders.handovers import LienRelease
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from tests.conftest import settings_for
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.documents import picture
from tests.factories.listings import make_listing
from tests.factories.orders import make_order, make_scene

pytestmark = pytest.mark.own_database

HANDS = 4


@pytest.fixture(scope="module")
def own_app(fresh_database, tmp_path_factory):
    """One house for all of them: each race has people and units of its own."""
    app = create_app(settings_for(fresh_database(), tmp_path_factory.mktemp("rooms")))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="module")
def around(own_app):
    """The two clinics of a sale with a second manager of the seller, two moderators and two of finance: their ids."""
    with own_app.app_context():
        now = clock.now().replace(microsecond=0)
        scene = make_scene(now)
        manager = make_user()
        make_member(clinic=scene.seller_clinic, user=manager, role=ClinicRole.MANAGER)
        people = {
            "buyer": scene.buyer.id, "seller": scene.seller.id, "manager": manager.id, "site": scene.site.id,
            "clinic": scene.clinic.id, "sellers": scene.seller_clinic.id, "now": now,
            "moderators": [make_staff("moderator").id for _ in range(2)],
            "finance": [make_staff("finance").id for _ in range(2)],
        }  # fmt: skip
        db.session.remove()
    return people


@pytest.fixture
def unit(own_app, around):
    """A unit on the market for this race alone."""
    with own_app.app_context():
        listing_id = make_listing(clinic=db.session.get_one(Clinic, around["sellers"]), handpieces=["DIODE_HR"]).id
        db.session.remove()
    return listing_id


def names(answers):
    return sorted(type(answer).__name__ for answer in answers)


def count(what, *which):
    return db.session.scalar(select(func.count()).select_from(what).where(*which))


class TestLeads:
    @pytest.fixture
    def lead(self, own_app, around):
        """A request for which a partner is proposed: its id, and the number that its person read."""
        with own_app.app_context():
            said = HandedIn(LeadKind.TRADE_IN, around["clinic"], "Lumenis M22, 2016")
            lead_id = leads.hand_in(user_id=around["buyer"], said=said, at=around["now"])
            partner = f"{lead_id.hex}@lender.example"
            leads.propose(
                lead_id=lead_id, actor_id=around["moderators"][0], partner="First", partner_email=partner,
                words="They lend.", at=around["now"],
            )  # fmt: skip
            read = lead_queries.own(around["buyer"], lead_id).proposed.number
            db.session.remove()
        yield lead_id, read, partner
        with own_app.app_context():  # Ten at a time are the most that somebody can ask for.
            if lead_queries.own(around["buyer"], lead_id).state in {LeadState.OPEN, LeadState.PROPOSED}:
                leads.withdraw(lead_id=lead_id, user_id=around["buyer"], at=around["now"])
            db.session.remove()

    def agreeing(self, lead, around):
        lead_id, read, _ = lead
        return lambda: leads.agree(lead_id=lead_id, user_id=around["buyer"], read=read, at=around["now"])

    def test_is_handed_on_once_however_often_it_is_pressed(self, own_app, at_once, around, lead):
        answers = at_once(*[self.agreeing(lead, around)] * HANDS)

        assert names(answers) == ["IllegalMove"] * (HANDS - 1) + ["NoneType"]
        with own_app.app_context():
            assert count(Mail, Mail.to == lead[2]) == 1
            assert db.session.get_one(Lead, lead[0]).state is LeadState.HANDED_ON

    @pytest.mark.parametrize("other", ["withdraw", "decline", "close"])
    def test_goes_out_only_if_its_persons_yes_was_first(self, own_app, at_once, around, lead, other):
        lead_id, read, partner = lead
        now, buyer = around["now"], around["buyer"]
        against = {
            "withdraw": lambda: leads.withdraw(lead_id=lead_id, user_id=buyer, at=now),
            "decline": lambda: leads.decline(lead_id=lead_id, user_id=buyer, read=read, at=now),
            "close": lambda: leads.close(lead_id=lead_id, actor_id=around["moderators"][1], because="No.", at=now),
        }[other]

        agreed, refused = at_once(self.agreeing(lead, around), against)

        with own_app.app_context():
            state = db.session.get_one(Lead, lead_id).state
            (said,) = db.session.scalars(select(LeadProposal.agreed).where(LeadProposal.lead_id == lead_id))
            sent = count(Mail, Mail.to == partner)
        if agreed is None:  # What a partner has can be closed still; nobody takes it back.
            closed = other == "close" and refused is None
            assert isinstance(refused, IllegalMove) or closed
            assert (state, said, sent) == (LeadState.CLOSED if closed else LeadState.HANDED_ON, True, 1)
        else:
            assert (type(agreed), refused) == (IllegalMove, None)
            ended = {"withdraw": LeadState.WITHDRAWN, "decline": LeadState.OPEN, "close": LeadState.CLOSED}[other]
            assert (state, said, sent) == (ended, False, 0)

    def test_one_of_two_moderators_proposes(self, own_app, at_once, around, lead):
        lead_id, read, _ = lead
        now = around["now"]
        with own_app.app_context():
            leads.decline(lead_id=lead_id, user_id=around["buyer"], read=read, at=now)
            told = count(Mail, Mail.template == "lead_news")
            db.session.remove()

        def propose(moderator):
            return lambda: leads.propose(
                lead_id=lead_id, actor_id=moderator, partner=str(moderator), partner_email="desk@other.example",
                words="They lend.", at=now,
            )  # fmt: skip

        answers = at_once(*[propose(one) for one in around["moderators"]])

        assert names(answers) == ["IllegalMove", "NoneType"]
        with own_app.app_context():
            waiting = select(LeadProposal.proposed_by).where(
                LeadProposal.lead_id == lead_id, LeadProposal.answered_at.is_(None)
            )
            assert db.session.scalars(waiting).all() == [around["moderators"][answers.index(None)]]
            assert count(Mail, Mail.template == "lead_news") == told + 1

    def test_financing_of_one_unit_is_asked_for_once(self, own_app, at_once, around, unit):
        def ask():
            return leads.finance(
                user_id=around["buyer"], listing_id=unit, site_id=around["site"], amount=Money(500_000), months=None,
                words="", at=around["now"],
            )  # fmt: skip

        answers = at_once(*[ask] * HANDS)

        assert names(answers) == ["AlreadyAsked"] * (HANDS - 1) + ["UUID"]
        with own_app.app_context():
            assert count(Lead, Lead.listing_id == unit) == 1


class TestLiens:
    @pytest.fixture
    def order(self, own_app, around):
        """A paid order of a unit on which a lien is stated."""
        with own_app.app_context():
            scene, now = make_scene(around["now"]), around["now"]
            scene.listing.particulars = {
                **scene.listing.particulars, "title": "financed", "lender": "First Equipment Finance",
                "payoff_through": str((now + timedelta(10)).date()),
            }  # fmt: skip
            db.session.commit()
            order_id, seller = make_order("funds_held", scene, at=now).id, scene.seller.id
            db.session.remove()
        return order_id, seller

    def hand_in(self, order, around):
        order_id, seller = order
        return freeing.hand_in(
            order_id=order_id, actor_id=seller, words="Release", filename="a.png", content=picture(), at=around["now"]
        )

    def judging(self, order, around, who, *, confirmed):
        return lambda: freeing.judge(
            order_id=order[0], actor_id=around["finance"][who], confirmed=confirmed, because="Called.", at=around["now"]
        )

    def releasing(self, order, around):
        order_id, seller = order
        return lambda: orders.release_to_ship(order_id=order_id, actor_id=seller, at=around["now"])

    def test_one_release_is_handed_in_however_often_it_is_pressed(self, own_app, at_once, around, order):
        answers = at_once(*[lambda: self.hand_in(order, around)] * HANDS)

        assert names(answers) == ["Conflict"] * (HANDS - 1) + ["UUID"]
        with own_app.app_context():
            assert count(LienRelease, LienRelease.order_id == order[0]) == 1
            assert count(Document, Document.owner_id == order[1]) == 1

    def test_two_of_finance_say_one_thing(self, own_app, at_once, around, order):
        with own_app.app_context():
            self.hand_in(order, around)
            db.session.remove()

        answers = at_once(
            self.judging(order, around, 0, confirmed=True), self.judging(order, around, 1, confirmed=False)
        )

        assert names(answers) == ["Conflict", "NoneType"]
        with own_app.app_context():
            (release,) = freeing.of_order(order[0]).releases
            assert release.confirmed is (answers[0] is None)

    @pytest.mark.parametrize("confirmed", [True, False])
    def test_a_device_leaves_only_after_its_release_was_found_good(self, own_app, at_once, around, order, confirmed):
        with own_app.app_context():
            self.hand_in(order, around)
            db.session.remove()

        judged, left = at_once(self.judging(order, around, 0, confirmed=confirmed), self.releasing(order, around))

        assert judged is None
        with own_app.app_context():
            state = db.session.get_one(Order, order[0]).state
        if left is None:
            assert (confirmed, state) == (True, OrderState.RELEASED_TO_SHIP)
        else:
            assert (type(left), state) == (LienRests, OrderState.FUNDS_HELD)

    def test_a_filing_that_is_found_as_it_leaves_keeps_it_or_came_too_late(self, own_app, at_once, around):
        with own_app.app_context():
            scene, now = make_scene(around["now"]), around["now"]
            order, listing_id = (make_order("funds_held", scene, at=now).id, scene.seller.id), scene.listing.id
            db.session.remove()
        made = Search("Desert", "Arizona, online", now.date(), FilingFound.THIS_UNIT, "2024-1", now)

        found, left = at_once(
            lambda: freeing.note_search(listing_id=listing_id, actor_id=around["moderators"][0], made=made),
            self.releasing(order, around),
        )

        assert found is None
        with own_app.app_context():
            state = db.session.get_one(Order, order[0]).state
            assert freeing.of_order(order[0]).takes_a_release
            if left is None:  # It was released first, and is not sent off any more.
                assert state is OrderState.RELEASED_TO_SHIP
                with pytest.raises(LienRests):
                    orders.dispatch(order_id=order[0], actor_id=order[1], carrier="A", tracking="1", at=now)
            else:
                assert (type(left), state) == (LienRests, OrderState.FUNDS_HELD)

    def test_a_search_waits_for_whoever_lets_the_device_leave(self, own_app, around):
        with own_app.app_context():
            scene, now = make_scene(around["now"]), around["now"]
            order_id, listing_id = make_order("funds_held", scene, at=now).id, scene.listing.id
            db.session.remove()
            with db.engine.connect() as leaving, db.engine.connect() as searching:
                leaving.execute(text("SELECT FROM orders WHERE id = :id FOR NO KEY UPDATE"), {"id": order_id})
                searching.execute(text("SET lock_timeout = 50"))
                with pytest.raises(OperationalError, match="lock timeout"):
                    searching.execute(
                        text(
                            "INSERT INTO filing_searches (id, listing_id, debtor_name, office, through, found,"
                            " file_number, searched_by, at) VALUES (gen_random_uuid(), :unit, 'D', 'O', current_date,"
                            " 'this_unit', '1', :by, now())"
                        ),
                        {"unit": listing_id, "by": around["moderators"][0]},
                    )


class TestInspections:
    @pytest.fixture
    def asked(self, own_app, around, unit):
        with own_app.app_context():
            inspection_id = self.ask(around, unit)
            db.session.remove()
        return inspection_id

    @pytest.fixture
    def inspectors(self, own_app, around):
        with own_app.app_context():
            people = [make_user(name="Irma Looks") for _ in range(2)]
            for one in people:
                inspections.appoint(
                    email=one.email, firm="Looks", skills="Twenty years.", actor_id=around["moderators"][0],
                    at=around["now"],
                )  # fmt: skip
            found = [(one.id, one.email) for one in people]
            db.session.remove()
        return found

    @pytest.fixture
    def assigned(self, own_app, around, asked, inspectors):
        """An inspection to which the first inspector is sent, and the form as they would fill it in."""
        with own_app.app_context():
            self.let_in(asked, around)
            self.assign(asked, inspectors[0][0], around["moderators"][0], around)
            report_id = inspection_queries.one(asked, user_id=inspectors[0][0]).report_id
            found = [Found(Outcome.AS_STATED) for _ in form.lines_of(reports.report(report_id).document)]
            db.session.remove()
        return found

    def ask(self, around, unit):
        return inspections.ask(
            listing_id=unit, asker_id=around["buyer"], kind=InspectionKind.OPERATING, words="All.", at=around["now"]
        )

    def let_in(self, asked, around, who="seller"):
        inspections.let_in(inspection_id=asked, actor_id=around[who], words="Tuesday.", at=around["now"])

    def assign(self, asked, inspector, moderator, around):
        inspections.assign(inspection_id=asked, inspector_id=inspector, actor_id=moderator, at=around["now"])

    def signing(self, asked, found, inspectors, around):
        return lambda: inspections.sign(
            inspection_id=asked, actor_id=inspectors[0][0], found=found, remarks="", name="Irma Looks", at=around["now"]
        )

    def closing(self, asked, around):
        return lambda: inspections.close(
            inspection_id=asked, actor_id=around["moderators"][1], because="Ill.", at=around["now"]
        )

    def ended(self, asked):
        row = db.session.get_one(Inspection, asked)
        moves = select(InspectionMove.state).where(InspectionMove.inspection_id == asked)
        return row.state, db.session.scalars(moves.order_by(InspectionMove.position)).all()[-1]

    def test_is_asked_for_once(self, own_app, at_once, around, unit):
        answers = at_once(*[lambda: self.ask(around, unit)] * HANDS)

        assert names(answers) == ["AskedAlready"] * (HANDS - 1) + ["UUID"]
        with own_app.app_context():
            assert count(Inspection, Inspection.listing_id == unit) == 1

    def test_two_of_the_seller_give_one_answer(self, own_app, at_once, around, asked):
        answers = at_once(
            lambda: self.let_in(asked, around, "manager"),
            lambda: inspections.decline(
                inspection_id=asked, actor_id=around["seller"], words="Packed.", at=around["now"]
            ),
        )

        assert names(answers) == ["IllegalMove", "NoneType"]
        with own_app.app_context():
            row = db.session.get_one(Inspection, asked)
            said = (row.state, row.seller_words, row.answered_by)
        assert said == (
            (InspectionState.AGREED, "Tuesday.", around["manager"])
            if answers[0] is None
            else (InspectionState.DECLINED, "Packed.", around["seller"])
        )

    def test_one_inspector_is_sent_by_one_moderator(self, own_app, at_once, around, asked, inspectors):
        with own_app.app_context():
            self.let_in(asked, around)
            db.session.remove()

        answers = at_once(
            *[
                lambda one=one, by=by: self.assign(asked, one[0], by, around)
                for one, by in zip(inspectors, around["moderators"], strict=True)
            ]
        )

        assert names(answers) == ["IllegalMove", "NoneType"]
        with own_app.app_context():
            row, sent = db.session.get_one(Inspection, asked), answers.index(None)
            assert (row.inspector_id, row.assigned_by) == (inspectors[sent][0], around["moderators"][sent])
            assert [count(Mail, Mail.to == email) for _, email in inspectors] == [int(sent == 0), int(sent == 1)]

    def test_taken_back_while_somebody_is_sent_it_is_one_or_the_other(
        self, own_app, at_once, around, asked, inspectors
    ):
        with own_app.app_context():
            self.let_in(asked, around)
            db.session.remove()

        sent, taken_back = at_once(
            lambda: self.assign(asked, inspectors[0][0], around["moderators"][0], around),
            lambda: inspections.withdraw(inspection_id=asked, actor_id=around["buyer"], at=around["now"]),
        )

        with own_app.app_context():
            state = InspectionState.ASSIGNED if sent is None else InspectionState.WITHDRAWN
            assert names([sent, taken_back]) == ["IllegalMove", "NoneType"]
            assert self.ended(asked) == (state, state)
            assert count(Mail, Mail.to == inspectors[0][1]) == int(sent is None)

    def test_is_signed_once(self, own_app, at_once, around, asked, inspectors, assigned):
        answers = at_once(*[self.signing(asked, assigned, inspectors, around)] * HANDS)

        assert names(answers) == ["IllegalMove"] * (HANDS - 1) + ["NoneType"]
        with own_app.app_context():
            assert count(InspectionReport, InspectionReport.inspection_id == asked) == 1

    def test_closed_while_it_is_signed_it_is_one_or_the_other(
        self, own_app, at_once, around, asked, inspectors, assigned
    ):
        signed, closed = at_once(self.signing(asked, assigned, inspectors, around), self.closing(asked, around))

        assert names([signed, closed]) == ["IllegalMove", "NoneType"]
        with own_app.app_context():
            state = InspectionState.SIGNED if signed is None else InspectionState.CLOSED
            assert self.ended(asked) == (state, state)
            assert count(InspectionReport, InspectionReport.inspection_id == asked) == int(signed is None)
