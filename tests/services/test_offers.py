"""Offers: only who is cleared names a price; what is agreed stands for days, for one buyer, to the cent."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from marketplace.audit import events_about
from marketplace.credentials.models import Credential
from marketplace.eligibility.models import EligibilityDecision, Moment
from marketplace.eligibility.reasons import ReasonCode
from marketplace.extensions import db
from marketplace.jobs import JOBS
from marketplace.kernel.errors import Conflict, Invalid, NotFound, Refused, TooMany
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from marketplace.listings import service as market
from marketplace.orders import offer_states, offering, offers, reserving
from marketplace.orders import service as orders
from marketplace.orders.models import Offer, OfferTerms, Order, Reservation
from marketplace.orders.offer_states import OfferState
from marketplace.orders.offering import NoOffers
from marketplace.orders.refusals import BuyerNotCleared, NotCleared
from marketplace.orders.reservation_states import ReservationState
from marketplace.orders.reserving import KeptForAnother
from tests.factories.accounts import make_user
from tests.factories.clinics import make_member, make_site
from tests.factories.credentials import make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import place, the_order
from tests.factories.orders import wish as wish_of
from tests.support import assert_refused_by, promised_mails

DAY = timedelta(days=1)
PRICE, OFFERED, COUNTER = Money(4_250_000), Money(3_900_000), Money(4_100_000)


@pytest.fixture
def offer_id(scene, now):
    return make(scene, now)


def make(scene, now, amount=OFFERED, **changed):
    wanted = {"listing_id": scene.listing.id, "buyer_id": scene.buyer.id, "site_id": scene.site.id, "amount": amount, "at": now}  # fmt: skip
    return offering.make(**wanted | changed)


def accept(scene, offer_id, now):
    return offering.accept(offer_id=offer_id, actor_id=scene.seller.id, at=now)


def counter(scene, offer_id, now, amount=COUNTER):
    offering.counter(offer_id=offer_id, actor_id=scene.seller.id, amount=amount, at=now)


def state_of(offer_id):
    return db.session.scalars(select(Offer.state).where(Offer.id == offer_id)).one()


def kept():
    return db.session.scalars(select(Offer)).all()


def terms(scene, now, **said):
    offering.set_terms(
        listing_id=scene.listing.id, actor_id=scene.seller.id, at=now, **{"taken": True, "floor": None, **said}
    )


def another_buyer(scene, now):
    """A colleague who is cleared as well."""
    buyer = make_user(name="Nina Roth")
    make_member(clinic=scene.clinic, user=buyer, role=ClinicRole.TECHNICIAN)
    make_credential(
        type_code="US-TX:TDLR:LHR", holder=buyer, level="SENIOR_TECHNICIAN",
        expires_on=(now + timedelta(days=200)).date(), at=now - 2 * DAY,
    )  # fmt: skip
    return buyer


def lose_the_licence(scene, now):
    db.session.execute(
        update(Credential).where(Credential.id == scene.licence.id).values(expires_on=(now - 2 * DAY).date())
    )
    db.session.commit()


class TestMake:
    def test_tells_the_seller_what_and_not_who(self, scene, now):
        offer_id = make(scene, now)

        (seen,) = offers.of_sellers(scene.seller.id, at=now)
        assert (seen.id, seen.amount, seen.asked, seen.state, seen.place) == (
            offer_id, OFFERED, PRICE, OfferState.OPEN, "TX",
        )  # fmt: skip
        mail = promised_mails()[-1]
        assert mail.to == scene.seller.email
        assert mail.context["lines"][0].startswith("$39,000 is offered for it, $42,500 is asked.")
        assert scene.buyer.name not in str(mail.context)
        assert events_about("listing", scene.listing.id)[-1].kind == "offer:made"
        assert reserving.kept(scene.listing.id, at=now) is None

    def test_keeps_the_answer_of_the_gate_it_was_made_with(self, scene, offer_id):
        decision = db.session.scalars(select(Offer.decision_id)).one()

        cleared = db.session.execute(
            text("SELECT moment, cleared, buyer_id FROM eligibility_decisions WHERE id = :id"), {"id": decision}
        )
        assert cleared.one() == ("offer", True, scene.buyer.id)

    def test_signs_nothing_and_no_order_at_the_agreed_price_does_without(self, scene, now):
        """Its light serves hair and pigment, and in Texas the buyer may do hair alone, under a restriction."""
        alex = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("ALEX")])
        offer_id = make(scene, now, listing_id=alex.id)

        asked = db.session.scalars(
            select(EligibilityDecision).join(Offer, Offer.decision_id == EligibilityDecision.id)
        ).one()
        assert (asked.moment, asked.cleared, asked.declared_uses) == (Moment.OFFER, True, ["HAIR_NONABLATIVE"])
        assert asked.facts["uses"] == {"declared": ["HAIR_NONABLATIVE"], "restriction_signed": False}
        accept(scene, offer_id, now)
        wanted = {"listing_id": alex.id, "declared_uses": (ProcedureClass.HAIR_NONABLATIVE,)}
        with pytest.raises(NotCleared) as refusal:
            place(scene, at=now, **wanted)
        assert [one.code for one in refusal.value.verdict.objections] == [ReasonCode.RESTRICTION_NOT_SIGNED]
        assert db.session.scalars(select(Order)).all() == []
        assert the_order(place(scene, at=now, restriction_signed=True, **wanted)).use_restriction is not None

    def test_is_refused_to_who_is_not_cleared(self, scene, now):
        lose_the_licence(scene, now)

        with pytest.raises(NotCleared):
            make(scene, now)

        assert kept() == []
        assert [one.template for one in promised_mails()] == []

    @pytest.mark.parametrize("amount", [Money(99_99), PRICE, PRICE + Money(1), Money(3_900_000, "eur")])
    def test_lies_between_a_hundred_and_the_price(self, scene, now, amount):
        with pytest.raises(Invalid) as refusal:
            make(scene, now, amount)

        assert (refusal.value.field, kept()) == ("amount", [])

    @pytest.mark.parametrize("amount", [Money(100_00), PRICE - Money(1)])
    def test_may_lie_at_the_edges(self, scene, now, amount):
        assert state_of(make(scene, now, amount)) is OfferState.OPEN

    def test_is_for_what_is_for_sale_by_somebody_else(self, scene, now):
        own = make_site(clinic=scene.seller_clinic)
        with pytest.raises(NoOffers, match="own clinic"):
            make(scene, now, buyer_id=scene.seller.id, site_id=own.id)
        with pytest.raises(NotFound):
            make(scene, now, site_id=own.id)
        with pytest.raises(NotFound):
            make(scene, now, listing_id=uuid4())
        market.pause(listing_id=scene.listing.id, actor_id=scene.seller.id, at=now)
        with pytest.raises(NoOffers, match="not on the market"):
            make(scene, now)

        assert kept() == []

    def test_is_one_at_a_time_for_a_unit_and_a_few_in_all(self, scene, offer_id, now, monkeypatch):
        with pytest.raises(Conflict):
            make(scene, now)
        monkeypatch.setattr(offering, "MOST_AT_ONCE", 1)
        other = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"], price_minor=4_250_000)
        with pytest.raises(TooMany):
            make(scene, now, listing_id=other.id)

        assert [one.id for one in kept()] == [offer_id]
        offering.withdraw(offer_id=offer_id, actor_id=scene.buyer.id, at=now)
        assert state_of(make(scene, now)) is OfferState.OPEN

    def test_waits_for_whom_the_unit_is_kept_for(self, scene, now):
        accept(scene, make(scene, now, buyer_id=another_buyer(scene, now).id), now)

        with pytest.raises(KeptForAnother):
            make(scene, now)


class TestTerms:
    def test_the_floor_declines_by_itself_and_is_told_to_nobody(self, scene, now):
        terms(scene, now, floor=Money(4_000_000))

        low = make(scene, now, Money(3_999_999))

        assert state_of(low) is OfferState.DECLINED
        assert offers.of_sellers(scene.seller.id, at=now) == []
        mail = promised_mails()[-1]
        assert (mail.to, mail.context["lines"]) == (scene.buyer.email, ["The seller takes no offer as low as yours."])
        assert state_of(make(scene, now, Money(4_000_000))) is OfferState.OPEN

    def test_a_seller_may_take_none(self, scene, now):
        terms(scene, now, taken=False)

        with pytest.raises(NoOffers, match="takes no offers"):
            make(scene, now)

        terms(scene, now, taken=True)
        assert offers.terms_of(scene.listing.id) == offers.Terms()
        assert state_of(make(scene, now)) is OfferState.OPEN
        assert events_about("listing", scene.listing.id)[0].data == {"taken": False, "floor": None}

    @pytest.mark.parametrize("floor", [PRICE, Money(0)])
    def test_the_floor_lies_below_the_price(self, scene, now, floor):
        with pytest.raises(Invalid):
            terms(scene, now, floor=floor)

        assert db.session.scalars(select(OfferTerms)).all() == []

    def test_they_are_the_sellers_alone(self, scene, now):
        for somebody in (scene.buyer, make_user()):
            with pytest.raises(NotFound):
                offering.set_terms(listing_id=scene.listing.id, actor_id=somebody.id, taken=False, floor=None, at=now)


class TestAgree:
    def test_an_accepted_offer_is_ordered_at_its_price_to_the_cent(self, scene, offer_id, now):
        until = accept(scene, offer_id, now)

        assert until == now + 5 * DAY
        assert [mail.to for mail in promised_mails()[-2:]] == [scene.buyer.email, scene.seller.email]
        order = the_order(place(scene, at=now))
        assert (order.price_minor, order.fee_minor, order.offer_id) == (3_900_000, 234_000, offer_id)
        assert scene.listing.price_minor == 4_250_000
        assert db.session.scalars(select(Reservation.state)).all() == [ReservationState.USED]
        (seen,) = offers.of_buyer(scene.buyer.id, at=now)
        assert (seen.state, seen.agreed, seen.stands_until) == (OfferState.ACCEPTED, OFFERED, None)

    def test_it_keeps_the_unit_from_everybody_else(self, scene, offer_id, now):
        accept(scene, offer_id, now)

        with pytest.raises(KeptForAnother):
            place(scene, at=now, buyer_id=another_buyer(scene, now).id)

        assert db.session.scalars(select(Order)).all() == []

    @pytest.mark.parametrize(("later", "stands"), [(5 * DAY - timedelta(seconds=1), True), (5 * DAY, False)])
    def test_its_price_stands_for_five_days(self, scene, offer_id, now, later, stands):
        accept(scene, offer_id, now)

        found = offers.agreed(
            listing_id=scene.listing.id, buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, at=now + later
        )
        assert (found is not None) is stands
        (seen,) = offers.of_buyer(scene.buyer.id, at=now + later)
        assert (seen.stands_until is not None) is stands

    def test_it_is_for_this_buyer_clinic_and_unit(self, scene, offer_id, now):
        accept(scene, offer_id, now)
        asked = {"listing_id": scene.listing.id, "buyer_id": scene.buyer.id, "clinic_id": scene.clinic.id, "at": now}

        assert offers.agreed(**asked) == (offer_id, OFFERED, now + 5 * DAY)
        for changed in ("listing_id", "buyer_id", "clinic_id"):
            assert offers.agreed(**asked | {changed: uuid4()}) is None

    def test_where_the_seller_asks_less_by_now_that_is_the_price(self, scene, offer_id, now):
        accept(scene, offer_id, now)
        market.change_price(listing_id=scene.listing.id, actor_id=scene.seller.id, price=Money(3_800_000), at=now)

        order = the_order(place(scene, at=now))

        assert (order.price_minor, order.offer_id) == (3_800_000, None)

    def test_the_gate_is_asked_again(self, scene, offer_id, now):
        lose_the_licence(scene, now)

        with pytest.raises(BuyerNotCleared):
            accept(scene, offer_id, now)

        assert state_of(offer_id) is OfferState.OPEN
        assert db.session.scalars(select(Reservation)).all() == []

    def test_what_was_asked_for_while_qualifying_is_granted_with_it(self, scene, offer_id, now):
        asked = Reservation(
            listing_id=scene.listing.id, buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, message="Soon.", asked_at=now
        )  # fmt: skip
        db.session.add(asked)
        db.session.commit()
        until = reserving.grant(reservation_id=asked.id, actor_id=scene.seller.id, days=2, at=now)

        assert accept(scene, offer_id, now) == until == now + 2 * DAY
        assert db.session.scalars(select(Offer.reservation_id)).one() == asked.id

    def test_a_unit_that_is_gone_or_kept_is_not_promised_twice(self, scene, offer_id, now):
        other = make(scene, now, buyer_id=another_buyer(scene, now).id)
        accept(scene, other, now)
        with pytest.raises(Conflict, match="another buyer"):
            accept(scene, offer_id, now)
        market.pause(listing_id=scene.listing.id, actor_id=scene.seller.id, at=now)
        with pytest.raises(Conflict, match="not on the market"):
            accept(scene, offer_id, now)

        assert state_of(offer_id) is OfferState.OPEN

    def test_nobody_agrees_to_more_than_is_asked(self, scene, offer_id, now):
        market.change_price(listing_id=scene.listing.id, actor_id=scene.seller.id, price=OFFERED, at=now)

        with pytest.raises(Conflict, match="No more than this"):
            accept(scene, offer_id, now)


class TestCounter:
    def test_the_buyer_takes_it_and_orders_at_it(self, scene, offer_id, now):
        counter(scene, offer_id, now)
        assert promised_mails()[-1].context["lines"][0] == (
            "You offered $39,000; the seller would sell it to you for $41,000."
        )
        until = offering.take(offer_id=offer_id, actor_id=scene.buyer.id, at=now)

        assert until == now + 5 * DAY
        assert the_order(place(scene, at=now)).price_minor == 4_100_000

    @pytest.mark.parametrize("amount", [OFFERED, PRICE, PRICE + Money(1)])
    def test_it_lies_between_offer_and_price(self, scene, offer_id, now, amount):
        with pytest.raises(Invalid):
            counter(scene, offer_id, now, amount)

        assert state_of(offer_id) is OfferState.OPEN

    def test_it_is_for_the_buyer_to_take_and_after_the_gate(self, scene, offer_id, now):
        with pytest.raises(IllegalMove):
            offering.take(offer_id=offer_id, actor_id=scene.buyer.id, at=now)
        counter(scene, offer_id, now)
        with pytest.raises(NotFound):
            offering.take(offer_id=offer_id, actor_id=scene.seller.id, at=now)
        with pytest.raises(IllegalMove):
            accept(scene, offer_id, now)
        lose_the_licence(scene, now)
        with pytest.raises(NotCleared):
            offering.take(offer_id=offer_id, actor_id=scene.buyer.id, at=now)

        assert state_of(offer_id) is OfferState.COUNTERED


class TestEnd:
    def test_the_seller_declines(self, scene, offer_id, now):
        offering.decline(offer_id=offer_id, actor_id=scene.seller.id, at=now)

        assert state_of(offer_id) is OfferState.DECLINED
        assert promised_mails()[-1].to == scene.buyer.email
        assert [one.state for one in offers.of_sellers(scene.seller.id, at=now)] == [OfferState.DECLINED]

    def test_the_buyer_takes_it_back(self, scene, offer_id, now):
        for somebody in (scene.seller, make_user()):
            with pytest.raises(NotFound):
                offering.withdraw(offer_id=offer_id, actor_id=somebody.id, at=now)
        offering.withdraw(offer_id=offer_id, actor_id=scene.buyer.id, at=now)

        assert state_of(offer_id) is OfferState.WITHDRAWN
        assert (promised_mails()[-1].to, promised_mails()[-1].context["lines"]) == (
            scene.seller.email, ["It was $39,000."],
        )  # fmt: skip

    def test_the_sellers_acts_are_the_sellers(self, scene, offer_id, now):
        helper = make_user()
        make_member(clinic=scene.seller_clinic, user=helper, role=ClinicRole.TECHNICIAN)
        for somebody, refusal in ((scene.buyer, NotFound), (make_user(), NotFound), (helper, Refused)):
            with pytest.raises(refusal):
                offering.accept(offer_id=offer_id, actor_id=somebody.id, at=now)
            with pytest.raises(refusal):
                offering.decline(offer_id=offer_id, actor_id=somebody.id, at=now)
            with pytest.raises(refusal):
                offering.counter(offer_id=offer_id, actor_id=somebody.id, amount=COUNTER, at=now)
        for act in (offering.accept, offering.decline, offering.withdraw):
            with pytest.raises(NotFound):
                act(offer_id=uuid4(), actor_id=scene.seller.id, at=now)

        assert state_of(offer_id) is OfferState.OPEN

    def test_unanswered_it_is_over_after_seven_days(self, scene, offer_id, now):
        assert offering.lapse_offers(at=now + 7 * DAY - timedelta(seconds=1)) == 0
        with pytest.raises(IllegalMove):
            accept(scene, offer_id, now + 7 * DAY)
        assert [one.state for one in offers.of_buyer(scene.buyer.id, at=now + 7 * DAY)] == [OfferState.LAPSED]
        JOBS["lapse_reservations"]()
        assert state_of(offer_id) is OfferState.OPEN

        assert offering.lapse_offers(at=now + 7 * DAY) == 1

        assert state_of(offer_id) is OfferState.LAPSED
        assert promised_mails()[-1].to == scene.buyer.email


class TestDatabase:
    def test_refuses_an_order_at_a_price_that_nobody_agreed_to(self, scene, offer_id, now, monkeypatch):
        wish = wish_of(scene, at=now)
        told = offers.Agreed(offer_id, Money(1_000_000), now)
        monkeypatch.setattr(offers, "agreed", lambda **_: told)
        accept(scene, offer_id, now)
        for _ in range(2):
            with pytest.raises(IntegrityError) as refusal:
                orders.place(**wish)
            assert refusal.value.orig.diag.constraint_name == "orders_match_their_listing"
            told = offers.Agreed(None, OFFERED, now)

    def test_refuses_an_offer_of_who_is_not_cleared_or_not_below_the_price(self, scene, offer_id, now):
        row = kept()[0]
        values = {column.key: getattr(row, column.key) for column in Offer.__mapper__.columns if column.key != "id"}
        values["state"] = OfferState.DECLINED
        for changed in ({"buyer_id": scene.owner.id}, {"amount_minor": 4_250_000}):
            with assert_refused_by("offers_are_cleared"):
                db.session.add(Offer(**values | changed))
                db.session.flush()

    @pytest.mark.parametrize(
        ("constraint", "change"),
        [
            ("offers_counter_is_above_the_offer", "counter_minor = 3900000, state = 'countered'"),
            ("offers_counter_names_a_price", "state = 'countered'"),
            ("offers_agreement_is_whole", "state = 'accepted'"),
            ("offers_keep_their_word", "amount_minor = 1000000"),
        ],
    )
    def test_refuses_what_was_not_said(self, offer_id, constraint, change):
        with assert_refused_by(constraint):
            db.session.execute(text(f"UPDATE offers SET {change}"))

    def test_keeps_what_was_agreed(self, scene, offer_id, now):
        accept(scene, offer_id, now)

        for change in ("UPDATE offers SET agreed_minor = 3900001", "DELETE FROM offers"):
            with assert_refused_by("offers_keep_their_word"):
                db.session.execute(text(change))

    def test_refuses_an_agreed_price_that_nobody_named(self, scene, offer_id, now):
        reservation = reserving.keep_for(
            listing_id=scene.listing.id, buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, decided_by=scene.seller.id,
            until=now + DAY, words="Kept.", at=now,
        )  # fmt: skip
        agreed = {"reservation": reservation.id, "by": scene.seller.id}
        with assert_refused_by("offers_agreed_price_was_named"):
            db.session.execute(
                text(
                    "UPDATE offers SET state = 'accepted', agreed_minor = 3900001, reservation_id = :reservation,"
                    " answered_by = :by"
                ),
                agreed,
            )

    @pytest.mark.parametrize(
        ("constraint", "changed"),
        [
            ("offers_offer_is_of_a_hundred_or_more", {"amount_minor": 9_999}),
            ("offers_offer_currency_is_iso", {"currency": "USD"}),
        ],
    )
    def test_refuses_what_is_no_amount(self, scene, offer_id, now, constraint, changed):
        row = kept()[0]
        values = {column.key: getattr(row, column.key) for column in Offer.__mapper__.columns if column.key != "id"}
        with assert_refused_by(constraint):
            db.session.add(Offer(**values | {"state": OfferState.DECLINED} | changed))
            db.session.flush()

    def test_refuses_a_second_open_one(self, offer_id):
        row = kept()[0]
        values = {column.key: getattr(row, column.key) for column in Offer.__mapper__.columns if column.key != "id"}
        with assert_refused_by("one_open_offer_per_buyer_and_unit"):
            db.session.add(Offer(**values))
            db.session.flush()

    def test_refuses_a_floor_of_nothing(self, scene, now):
        listing_id, by = scene.listing.id, scene.seller.id
        with assert_refused_by("offer_terms_floor_is_positive"):
            db.session.add(OfferTerms(listing_id=listing_id, taken=True, floor_minor=0, set_by=by, set_at=now))
            db.session.flush()

    def test_refuses_two_orders_of_one_offer(self, scene, offer_id, now):
        accept(scene, offer_id, now)
        order_id = place(scene, at=now)
        other = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"])
        second = place(scene, at=now, listing_id=other.id)

        with assert_refused_by("orders_promise_is_fixed"):
            db.session.execute(update(Order).where(Order.id == second).values(offer_id=offer_id))
        db.session.execute(text("ALTER TABLE orders DISABLE TRIGGER USER"))
        with assert_refused_by("uq_orders_offer_id"):
            db.session.execute(update(Order).where(Order.id == second).values(offer_id=offer_id))
        assert the_order(order_id).offer_id == offer_id


def test_days_are_said_once():
    assert (offer_states.KEPT_DAYS, offer_states.ANSWERED_WITHIN, offer_states.MOST_AT_ONCE) == (5, 7 * DAY, 10)
