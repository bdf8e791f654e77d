"""What buyers say of sales: only of completed ones, once, for good; and what a seller's history comes to."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from marketplace import audit
from marketplace.clinics.models import Clinic, ClinicMember
from marketplace.clinics.states import SellerStanding
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.terms import ClinicRole
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from marketplace.reviews import queries, service
from marketplace.reviews.models import Review
from marketplace.reviews.service import NotForReview
from tests.factories.accounts import make_staff, make_user
from tests.factories.catalog import real_model
from tests.factories.clinics import make_clinic, make_member
from tests.factories.orders import make_order, make_scene
from tests.factories.sales import make_sales, unguarded
from tests.support import assert_refused_by, promised_mails

SAID = "It was as described, and packed well."


@pytest.fixture
def sold(accepted):
    return accepted


def write(order, who, now, **changed):
    given = {"rating": 5, "words": SAID, **changed}
    return service.write(order_id=order.id, actor_id=who.id, at=now, **given)


def reviews():
    return db.session.scalars(select(Review)).all()


class TestWrite:
    def test_stands_for_everybody_and_tells_the_seller(self, scene, sold, now):
        assert service.may_write(order_id=sold.id, actor_id=scene.buyer.id)

        review_id = write(sold, scene.buyer, now, words=f"  {SAID}\n")

        (shown,) = queries.seller(scene.seller_clinic.id, at=now).reviews
        assert (shown.id, shown.rating, shown.words, shown.state) == (review_id, 5, SAID, "TX")
        assert queries.of_order(sold.id) == shown
        assert [event.kind for event in audit.events_about("review", review_id)] == ["review:written"]
        mail = promised_mails()[-1]
        assert (mail.to, mail.context["lines"][0]) == (scene.seller.email, f"5 of 5: {SAID}")
        assert not service.may_write(order_id=sold.id, actor_id=scene.buyer.id)

    def test_is_said_once_of_a_sale(self, scene, sold, now):
        write(sold, scene.buyer, now)

        with pytest.raises(Conflict):
            write(sold, scene.buyer, now, rating=1)

        assert [one.rating for one in reviews()] == [5]

    @pytest.mark.parametrize(
        "state", [state for state in OrderState if state not in {"accepted", "settled", "lapsed", "refunding", "refunded"}]
    )  # fmt: skip
    def test_refuses_a_sale_that_is_not_completed(self, scene, now, state):
        order = make_order(state, scene, at=now)

        with pytest.raises(NotForReview, match="once the device is accepted"):
            write(order, scene.buyer, now)

        assert not service.may_write(order_id=order.id, actor_id=scene.buyer.id)
        assert reviews() == []

    def test_is_for_the_buyer_alone(self, scene, sold, now):
        for somebody in (scene.seller, scene.owner, scene.practitioner):
            with pytest.raises(NotForReview, match="Only whoever bought"):
                write(sold, somebody, now)
        for order_id in (sold.id, uuid4()):
            with pytest.raises(NotFound):
                service.write(order_id=order_id, actor_id=make_user().id, rating=5, words=SAID, at=now)

        assert reviews() == []
        assert not service.may_write(order_id=uuid4(), actor_id=scene.buyer.id)

    def test_is_for_whoever_runs_the_clinic_once_its_buyer_is_gone(self, scene, sold, now):
        db.session.execute(update(ClinicMember).where(ClinicMember.user_id == scene.buyer.id).values(left_at=now))
        db.session.commit()

        with pytest.raises(NotFound):
            write(sold, scene.buyer, now)
        write(sold, scene.owner, now)

        assert [one.author_id for one in reviews()] == [scene.owner.id]

    @pytest.mark.parametrize("left", [False, True])
    def test_refuses_who_has_or_had_a_part_in_the_seller(self, scene, sold, now, left):
        member = make_member(clinic=scene.seller_clinic, user=scene.buyer, role=ClinicRole.TECHNICIAN)
        if left:
            member.left_at = now
            db.session.commit()

        with pytest.raises(NotForReview, match="belong, or belonged"):
            write(sold, scene.buyer, now)

        assert reviews() == []

    @pytest.mark.parametrize(
        ("changed", "field"),
        [({"rating": 0}, "rating"), ({"rating": 6}, "rating"), ({"words": " "}, "words"), ({"words": "x" * 2001}, "words")],
    )  # fmt: skip
    def test_refuses_what_says_nothing(self, scene, sold, now, changed, field):
        with pytest.raises(Invalid) as refusal:
            write(sold, scene.buyer, now, **changed)

        assert (refusal.value.field, reviews()) == (field, [])


class TestAnswer:
    def test_is_given_once_by_who_runs_the_seller(self, scene, sold, now):
        review_id = write(sold, scene.buyer, now)
        service.answer(review_id=review_id, actor_id=scene.seller.id, words=" Thank you. ", at=now)

        with pytest.raises(Conflict):
            service.answer(review_id=review_id, actor_id=scene.seller.id, words="And again.", at=now)

        (shown,) = queries.of_sellers(scene.seller.id)
        assert shown.answer == "Thank you."
        assert audit.events_about("review", review_id)[-1].kind == "review:answered"
        assert (promised_mails()[-1].to, promised_mails()[-1].context["lines"][0]) == (scene.buyer.email, "Thank you.")

    def test_is_nobody_elses(self, scene, sold, now):
        review_id = write(sold, scene.buyer, now)
        technician = make_user()
        make_member(clinic=scene.seller_clinic, user=technician, role=ClinicRole.TECHNICIAN)

        for somebody in (scene.buyer, technician, make_user()):
            with pytest.raises(NotFound):
                service.answer(review_id=review_id, actor_id=somebody.id, words="No.", at=now)
            assert queries.of_sellers(somebody.id) == []
        with pytest.raises(NotFound):
            service.answer(review_id=uuid4(), actor_id=scene.seller.id, words="No.", at=now)
        with pytest.raises(Invalid):
            service.answer(review_id=review_id, actor_id=scene.seller.id, words=" ", at=now)

        assert [one.answer for one in reviews()] == [None]


class TestHide:
    def test_takes_the_words_away_and_leaves_the_rating(self, scene, sold, now):
        review_id = write(sold, scene.buyer, now, rating=1)
        staff = make_staff("moderator")
        service.hide(review_id=review_id, actor_id=staff.id, because="It names a person.", at=now)

        (shown,) = queries.newest()
        assert (shown.words, shown.hidden_because, shown.rating) == (None, "It names a person.", 1)
        assert queries.seller(scene.seller_clinic.id, at=now).figure == queries.Figure(1, 1.0)
        event = audit.events_about("review", review_id)[-1]
        assert (event.kind, event.actor_id, event.data) == (
            "review:hidden", staff.id, {"because": "It names a person."},
        )  # fmt: skip
        assert promised_mails()[-1].context["lines"][1] == "Why: It names a person."
        with pytest.raises(Conflict):
            service.hide(review_id=review_id, actor_id=staff.id, because="Again.", at=now)
        with pytest.raises(Conflict):
            service.answer(review_id=review_id, actor_id=scene.seller.id, words="Thank you.", at=now)

    @pytest.mark.parametrize("side", ["seller_clinic", "clinic"])
    def test_is_not_for_staff_with_a_part_in_the_sale(self, scene, sold, now, side):
        review_id = write(sold, scene.buyer, now, rating=1)
        staff = make_staff("moderator")
        make_member(clinic=getattr(scene, side), user=staff, left_at=now)

        with pytest.raises(service.OwnReview):
            service.hide(review_id=review_id, actor_id=staff.id, because="It is unkind.", at=now)

        assert queries.newest()[0].words == SAID

    def test_says_why(self, scene, sold, now):
        review_id = write(sold, scene.buyer, now)

        with pytest.raises(Invalid):
            service.hide(review_id=review_id, actor_id=make_staff("moderator").id, because=" ", at=now)

        assert queries.newest()[0].words == SAID


class TestSeller:
    def test_who_only_buys_is_shown_to_nobody(self, scene, now):
        for clinic_id in (scene.clinic.id, uuid4()):
            with pytest.raises(NotFound):
                queries.seller(clinic_id, at=now)

    def test_is_told_with_what_it_sells_and_without_anything_yet(self, scene, now):
        seller = queries.seller(scene.seller_clinic.id, at=now)

        assert (seller.name, seller.standing, seller.figure.words) == (
            "Desert Aesthetics", SellerStanding.VERIFIED, "No reviews yet",
        )  # fmt: skip
        assert [one.listing_id for one in seller.for_sale] == [scene.listing.id]
        assert (seller.sold, seller.reviews) == ((), ())
        assert (seller.history.sales, seller.history.days, seller.history.rating) == (0, None, None)

    def test_history_counts_what_happened_within_two_years(self, scene, sold, now):
        sold.dispatched_at = sold.placed_at + timedelta(days=4)
        db.session.commit()
        write(sold, scene.buyer, now, rating=4)
        model = real_model("Lumenis M22")
        others = make_sales(scene, model, 20_000, 21_000, 22_000, at=now)
        with unguarded("orders"):
            of = Order.listing_id
            db.session.execute(
                update(Order).where(of.in_(others)).values(seller_clinic_id=scene.seller_clinic.id, dispatched_at=None)
            )
            db.session.execute(update(Order).where(of == others[1]).values(state="refunded"))
            db.session.execute(update(Order).where(of == others[2]).values(placed_at=now - timedelta(days=731)))

        seller = queries.seller(scene.seller_clinic.id, at=now)

        found = seller.history
        assert (found.sales, found.clinics, found.given_back, found.reviews, found.rating) == (2, 1, 1, 1, 4.0)
        assert found.days == pytest.approx(4.0)
        assert seller.figure.words == "4.0 of 5 in 1 review"
        assert {one.listing_id for one in seller.sold} == {sold.listing_id, others[0], others[2]}

    def test_history_does_not_count_what_a_sellers_own_people_bought(self, scene, sold, now):
        make_member(clinic=scene.seller_clinic, user=scene.buyer).left_at = now
        db.session.commit()

        assert (queries.seller(scene.seller_clinic.id, at=now).history.sales, sold.state) == (0, OrderState.ACCEPTED)

    def test_one_that_may_not_sell_for_now_is_still_shown(self, scene, now):
        db.session.execute(
            update(Clinic).where(Clinic.id == scene.seller_clinic.id).values(
                seller_standing="suspended", seller_reason="Asked for papers."
            )
        )  # fmt: skip
        db.session.commit()

        assert not queries.seller(scene.seller_clinic.id, at=now).history.checked


class TestDatabase:
    @pytest.fixture
    def values(self, scene, sold, now):
        return {
            "order_id": sold.id, "seller_clinic_id": scene.seller_clinic.id, "author_id": scene.buyer.id, "rating": 5,
            "words": SAID, "written_at": now,
        }  # fmt: skip

    def insert(self, values, **changed):
        db.session.add(Review(**{**values, **changed}))
        db.session.flush()

    @pytest.mark.parametrize(
        ("constraint", "changed"),
        [
            ("reviews_rating_is_from_one_to_five", {"rating": 6}),
            ("reviews_review_has_words", {"words": " "}),
            ("reviews_answer_is_signed", {"answer": "Thanks."}),
            ("reviews_hiding_is_signed", {"hidden_because": "It names a person."}),
        ],
    )
    def test_refuses_what_says_nothing(self, values, constraint, changed):
        with assert_refused_by(constraint):
            self.insert(values, **changed)

    def test_refuses_empty_answers_and_reasons(self, scene, values, now):
        by = scene.seller.id
        with assert_refused_by("reviews_answer_has_words"):
            self.insert(values, answer=" ", answered_at=now, answered_by=by)
        with assert_refused_by("reviews_hiding_says_why"):
            self.insert(values, hidden_because=" ", hidden_at=now, hidden_by=by)

    def test_refuses_a_second_one_of_a_sale(self, values):
        self.insert(values)

        with assert_refused_by("uq_reviews_order_id"):
            self.insert(values)

    def test_refuses_strangers_other_sellers_and_sales_that_are_not_completed(self, values, now):
        scene = make_scene(now)
        other = make_order("under_inspection", scene, at=now)
        for changed in (
            {"author_id": make_user().id},
            {"seller_clinic_id": make_clinic(seller=True).id},
            {"order_id": other.id, "seller_clinic_id": other.seller_clinic_id, "author_id": other.buyer_id},
        ):
            with assert_refused_by("reviews_are_of_completed_sales"):
                self.insert(values, **changed)

    def test_refuses_the_sellers_own_people(self, scene, values):
        make_member(clinic=scene.seller_clinic, user=scene.buyer)

        with assert_refused_by("reviews_are_independent"):
            self.insert(values)

    def test_nobody_empties_the_table(self):
        with assert_refused_by("reviews_is_append_only"):
            db.session.execute(text("TRUNCATE reviews CASCADE"))

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE reviews SET rating = 5",
            "UPDATE reviews SET words = 'Better.'",
            "UPDATE reviews SET answer = 'Other words.'",
            "UPDATE reviews SET hidden_because = NULL, hidden_by = NULL, hidden_at = NULL",
            "DELETE FROM reviews",
        ],
    )
    def test_keeps_what_was_said(self, scene, sold, now, change):
        review_id = write(sold, scene.buyer, now, rating=1)
        service.answer(review_id=review_id, actor_id=scene.seller.id, words="Thank you.", at=now)
        service.hide(review_id=review_id, actor_id=make_staff().id, because="It names a person.", at=now)

        with assert_refused_by("reviews_keep_their_words"):
            db.session.execute(text(change))
