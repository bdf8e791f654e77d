"""A buyer leaves a handpiece out: the gate, the price, the papers and the database all speak of what is left."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from marketplace.eligibility import service as eligibility
from marketplace.eligibility.models import EligibilityDecision
from marketplace.eligibility.sale import Purchase
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid
from marketplace.kernel.money import Money
from marketplace.listings import drafting, unsaid
from marketplace.listings import queries as listings
from marketplace.listings import service as market
from marketplace.notifications.models import Mail
from marketplace.orders import service as orders
from marketplace.orders import views
from marketplace.orders.models import Order
from marketplace.orders.service import NotCleared
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_order, place, the_order
from tests.support import assert_refused_by, count_statements


@pytest.fixture
def scene(scene):
    """A diode laser for hair with an ablative handpiece beside it, which the buyer is not cleared for."""
    scene.listing = make_listing(
        clinic=scene.seller_clinic,
        handpieces=[
            make_handpiece("DIODE_HR", name="Diode"),
            make_handpiece("CO2", name="CO2 scanner", reduction_minor=500_000),
        ],
    )
    return scene


@pytest.fixture
def co2(scene):
    return scene.listing.handpieces[1].id


@pytest.fixture
def order(scene, co2, now):
    return the_order(place(scene, left_out=[co2], at=now))


def purchase(scene):
    return Purchase(scene.buyer.id, scene.clinic.id, scene.site.id, scene.buyer.id)


def judged_handpieces(decision_id):
    facts = db.session.get_one(EligibilityDecision, decision_id).facts
    return [part["name"] for part in facts["device"]["handpieces"]]


class TestOffer:
    def test_names_the_handpiece_that_alone_stands_in_the_way(self, scene, now):
        found = eligibility.smaller(sale=listings.sale_of(scene.listing.id), purchase=purchase(scene), at=now)

        assert found.left_out == ((scene.listing.handpieces[1].id, "CO2 scanner"),)
        assert found.verdict.cleared

    def test_is_not_made_to_who_may_have_all_of_it(self, scene, now):
        unit = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR", "DIODE_HR"])

        assert eligibility.smaller(sale=listings.sale_of(unit.id), purchase=purchase(scene), at=now) is None

    def test_is_not_made_where_every_handpiece_is_closed(self, scene, now):
        unit = make_listing(clinic=scene.seller_clinic, handpieces=["CO2", "RF_NEEDLE"])

        assert eligibility.smaller(sale=listings.sale_of(unit.id), purchase=purchase(scene), at=now) is None


class TestOfUnit:
    """All that a unit's page asks the gate, at once."""

    @pytest.mark.parametrize(
        "codes", [["DIODE_HR"], ["CO2"], ["DIODE_HR", "DIODE_HR"], ["CO2", "RF_NEEDLE"], ["DIODE_HR", "CO2", "CO2"]]
    )
    def test_is_what_would_be_answered_one_by_one_and_gathers_once(self, scene, now, codes):
        unit = make_listing(clinic=scene.seller_clinic, handpieces=codes)
        sale, buyer = listings.sale_of(unit.id), purchase(scene)
        alone = [replace(sale, listing_id=part.id, handpieces=(part,)) for part in sale.handpieces]
        eligibility.of_unit(sale=sale, purchase=buyer, at=now)  # What a process asks once is known from here on.
        with count_statements() as one_by_one:
            whole, *parts = eligibility.previews(sales=[sale, *alone], purchase=buyer, at=now)
        with count_statements() as at_once:
            found = eligibility.of_unit(sale=sale, purchase=buyer, at=now)

        assert (found.whole, list(found.parts.values())) == (whole, parts)
        assert list(found.parts) == [part.id for part in sale.handpieces]
        assert found.smaller == eligibility.smaller(sale=sale, purchase=buyer, at=now)
        assert len(at_once) == len(one_by_one)


class TestOrder:
    def test_the_whole_unit_is_refused_and_the_smaller_sale_is_placed(self, scene, co2, now):
        with pytest.raises(NotCleared):
            place(scene, at=now)

        order = the_order(place(scene, left_out=[co2, co2], at=now))

        assert order.left_out == [co2]
        assert judged_handpieces(order.decision_id) == ["Diode"]

    def test_the_price_falls_by_what_the_seller_named(self, order):
        assert (order.price_minor, order.fee_minor) == (3_750_000, 225_000)

    def test_the_price_stays_where_the_seller_named_nothing(self, scene, now):
        scene.listing = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR", "CO2"])
        order = the_order(place(scene, left_out=[scene.listing.handpieces[1].id], at=now))

        assert order.price_minor == scene.listing.price_minor

    @pytest.mark.parametrize("of", ["strange", "everything"])
    def test_what_is_left_out_is_part_of_the_unit_and_not_all_of_it(self, scene, of, now):
        left_out = [uuid4()] if of == "strange" else [part.id for part in scene.listing.handpieces]

        with pytest.raises(Invalid):
            place(scene, left_out=left_out, at=now)

        assert db.session.scalars(select(Order)).all() == []
        assert db.session.scalars(select(EligibilityDecision)).all() == []

    def test_every_later_answer_is_about_the_smaller_sale(self, scene, co2, now):
        order = make_order("released_to_ship", scene, at=now, left_out=[co2])

        assert judged_handpieces(order.payment_decision_id) == ["Diode"]
        assert judged_handpieces(order.release_decision_id) == ["Diode"]
        assert orders.clearance_now(order.id, at=now).cleared

    def test_the_papers_name_what_is_left_out(self, scene, order, now):
        asked = orders.to_sign(order_id=order.id, actor_id=scene.practitioner.id, at=now)
        mails = db.session.scalars(select(Mail.context).where(Mail.template == "order_news")).all()

        assert ", without “CO2 scanner”, for " in asked.statement
        assert asked.verdict.cleared
        assert views.order_for(order.id, user_id=scene.seller.id).left_out == ("CO2 scanner",)
        assert {mail["lines"][-1] for mail in mails} == {
            "Sold without “CO2 scanner”: what is left out stays with the seller."
        }


class TestDatabase:
    def copy(self, order, **changed):
        columns = {column.name: getattr(order, column.name) for column in order.__table__.columns}
        columns |= {"id": uuid4(), "form_key": uuid4(), "number": order.number + 1} | changed
        names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        db.session.execute(
            text(f"INSERT INTO orders ({names}) OVERRIDING SYSTEM VALUE VALUES ({marks})"),
            {name: getattr(value, "value", value) for name, value in columns.items()},
        )

    def test_the_price_is_that_of_what_is_sold(self, order):
        with assert_refused_by("orders_match_their_listing"):
            self.copy(order, price_minor=order.price_minor - 1)
        with assert_refused_by("orders_match_their_listing"):
            self.copy(order, left_out=[])

    def test_no_order_of_another_configuration_than_was_judged(self, scene, order):
        diode = scene.listing.handpieces[0].id
        with assert_refused_by("orders_sell_what_was_judged"):
            self.copy(order, left_out=[diode], price_minor=scene.listing.price_minor)
        with assert_refused_by("orders_sell_what_was_judged"):
            self.copy(order, left_out=[], price_minor=scene.listing.price_minor)

    def test_no_order_of_a_handpiece_that_was_changed_after_the_answer(self, scene, order):
        db.session.execute(
            text("UPDATE listing_handpieces SET modality_code = 'ALEX' WHERE modality_code = 'DIODE_HR'")
        )
        with assert_refused_by("orders_sell_what_was_judged"):
            self.copy(order)

    def test_nothing_is_paid_or_shipped_on_an_answer_about_more_or_less(self, scene, co2, now):
        order = make_order("funds_held", scene, at=now, left_out=[co2])
        db.session.execute(
            text("UPDATE listing_handpieces SET modality_code = 'ALEX' WHERE modality_code = 'DIODE_HR'")
        )
        for column in ("payment_decision_id", "release_decision_id"):
            with assert_refused_by("orders_sell_what_was_judged"):
                db.session.execute(text(f"UPDATE orders SET {column} = decision_id WHERE id = :id"), {"id": order.id})

    @pytest.mark.parametrize("of", ["strange", "everything"])
    def test_what_is_left_out_is_part_of_the_unit_and_not_all_of_it(self, scene, order, of):
        left_out = [uuid4()] if of == "strange" else [part.id for part in scene.listing.handpieces]
        price = scene.listing.price_minor - (500_000 if of == "everything" else 0)
        with assert_refused_by("orders_leave_out_parts_of_their_unit"):
            self.copy(order, left_out=left_out, price_minor=price)

    def test_what_is_left_out_does_not_change(self, order):
        with assert_refused_by("orders_left_out_is_fixed"):
            db.session.execute(text("UPDATE orders SET left_out = '{}'"))

    def test_a_handpiece_stays_with_its_unit(self, scene):
        other = make_listing(clinic=scene.seller_clinic)
        with assert_refused_by("listing_handpieces_is_append_only"):
            db.session.execute(text("UPDATE listing_handpieces SET listing_id = :other"), {"other": other.id})

    def test_a_reduction_is_an_amount(self, scene):
        with assert_refused_by("listing_handpieces_reduction_is_positive"):
            db.session.execute(text("UPDATE listing_handpieces SET reduction_minor = 0"))


class TestSeller:
    @pytest.fixture
    def draft(self, scene):
        return make_listing(state="draft", clinic=scene.seller_clinic, price_minor=None, photos=1)

    def put(self, scene, draft, reduction, now):
        drafting.put_handpiece(
            listing_id=draft.id, actor_id=scene.seller.id, handpiece_id=None, name="CO2", modality_code="CO2", serial="",
            counter=None, rated_life=None, rated_life_source="", reduction=reduction, at=now,
            particulars={"wavelengths_nm": "10600", "optic": "clean"},
        )  # fmt: skip

    def test_names_by_how_much_the_price_falls(self, scene, draft, now):
        self.put(scene, draft, Money(900_000), now)

        part = listings.listing(draft.id).handpieces[-1]
        assert (part.name, part.reduction) == ("CO2", Money(900_000))
        assert listings.listing(draft.id).price_without([part.id]) is None

    @pytest.mark.parametrize("minor", [0, -1, 100_000_000])
    def test_names_no_amount_that_cannot_be(self, scene, draft, minor, now):
        with pytest.raises(Invalid) as refusal:
            self.put(scene, draft, Money(minor), now)

        assert refusal.value.field == "reduction"
        assert len(listings.listing(draft.id).handpieces) == 1

    def test_cannot_promise_a_price_below_what_can_be_paid(self, scene, draft, now):
        self.put(scene, draft, Money(900_000), now)
        sentence = "With every handpiece left out that lowers the price, at least $100 must be left."
        for price, complaint in ((909_999, [sentence]), (910_000, [])):
            db.session.execute(
                text("UPDATE listings SET price_minor = :price WHERE id = :id"), {"price": price, "id": draft.id}
            )
            assert [one.sentence for one in unsaid.missing_from(draft.id)] == complaint

    def test_cannot_lower_the_price_below_it_either(self, scene, now):
        market.change_price(listing_id=scene.listing.id, actor_id=scene.seller.id, price=Money(510_000), at=now)
        with pytest.raises(Invalid):
            market.change_price(listing_id=scene.listing.id, actor_id=scene.seller.id, price=Money(509_999), at=now)

        assert listings.listing(scene.listing.id).price == Money(510_000)
