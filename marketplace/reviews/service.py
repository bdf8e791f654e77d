"""A buyer says how a sale went, its seller answers once, and staff take away words that must not stand there."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..accounts import queries as accounts
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..clinics.models import ClinicMember
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..listings.models import Listing
from ..notifications import service as notifications
from ..orders import belonging
from ..orders.access import Party
from ..orders.models import Order
from .models import Review
from .queries import COMPLETED

RATINGS = range(1, 6)
_MOST, _MOST_WHY = 2000, 500


class NotForReview(Refused):
    """There is nothing to review here yet, or not for this person."""

    code = "not_for_review"


class OwnReview(Refused):
    """Nobody takes away words about their own clinic, or of it."""

    code = "own_review"

    def __init__(self) -> None:
        super().__init__(
            "You belong, or belonged, to a clinic that bought or sold here.", cure="Leave this review to a colleague."
        )


def may_write(*, order_id: UUID, actor_id: UUID) -> bool:
    """Say whether the person can say now how this sale went."""
    with unit_of_work():
        order = db.session.get(Order, order_id)
        return order is not None and _why_not(order, actor_id) is None and _of_order(order_id) is None


def write(*, order_id: UUID, actor_id: UUID, rating: int, words: str, at: datetime) -> UUID:
    """
    Say how a completed sale went, as its buyer. Everybody reads it; it cannot be changed.

    :raises NotFound: there is no such order, or it is none of the person's business
    :raises NotForReview: it is not accepted yet, the person did not buy it, or they have a part in its seller
    :raises Invalid: the rating is none of one to five, or nothing is said
    :raises Conflict: something was said of it already
    """
    said = words.strip()
    if rating not in RATINGS:
        raise Invalid("Choose from one to five.", field="rating")
    if not 0 < len(said) <= _MOST:
        raise Invalid("Say in a few sentences how it went.", field="words")
    with unit_of_work():
        # The order is locked: of two forms of one sale the second one sees the first.
        order = db.session.get(Order, order_id, with_for_update={"key_share": True})
        if order is None:
            raise NotFound("There is no such order, or it is not yours to see.")
        refusal = _why_not(order, actor_id)
        if refusal is not None:
            raise refusal
        if _of_order(order_id) is not None:
            raise Conflict("You have said how this sale went already.", cure="It stands on the seller’s page.")
        review = Review(
            order_id=order_id, seller_clinic_id=order.seller_clinic_id, author_id=actor_id, rating=rating, words=said,
            written_at=at,
        )  # fmt: skip
        db.session.add(review)
        db.session.flush()
        audit.record(
            "review:written", actor_id=actor_id, subject_type="review", subject_id=review.id, at=at, order=order_id,
            rating=rating,
        )  # fmt: skip
        _tell(review, "Your buyer has said how it went", [f"{rating} of 5: {said}"], to_seller=True, at=at)
        return review.id


def answer(*, review_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Answer a review, once, as its seller. Everybody reads it.

    :raises NotFound: there is no such review of what the person sells
    :raises Invalid: nothing is said, or too much
    :raises Conflict: it is answered already, or its words are hidden
    """
    said = words.strip()
    if not 0 < len(said) <= _MOST:
        raise Invalid("Say something in at most a few sentences.", field="words")
    with unit_of_work():
        review = _locked(review_id)
        runs = {one.clinic_id for one in clinics.memberships_of(actor_id) if one.role in MANAGERS}
        if review.seller_clinic_id not in runs:
            raise NotFound("There is no such review.")
        if review.answer is not None:
            raise Conflict("It is answered already.")
        if review.hidden_because is not None:
            raise Conflict("Our staff have taken its words away.")
        review.answer, review.answered_by, review.answered_at = said, actor_id, at
        db.session.flush()
        audit.record("review:answered", actor_id=actor_id, subject_type="review", subject_id=review_id, at=at)
        _tell(review, "The seller has answered what you said", [said], to_seller=False, at=at)


def hide(*, review_id: UUID, actor_id: UUID, because: str, at: datetime) -> None:
    """
    Take the words of a review away, as staff. The rating stays, and everybody reads why. The caller has checked that
    they may.

    :raises NotFound: there is no such review
    :raises Invalid: no reason is given
    :raises OwnReview: they have or had a part in the seller or the buyer
    :raises Conflict: they are hidden already
    """
    said = because.strip()
    if not 0 < len(said) <= _MOST_WHY:
        raise Invalid("Say why: everybody reads it.", field="because")
    with unit_of_work():
        review = _locked(review_id)
        if belonging.is_own(review.order_id, user_id=actor_id):
            raise OwnReview
        if review.hidden_because is not None:
            raise Conflict("Its words are hidden already.")
        review.hidden_because, review.hidden_by, review.hidden_at = said, actor_id, at
        db.session.flush()
        audit.record(
            "review:hidden", actor_id=actor_id, subject_type="review", subject_id=review_id, at=at, because=said
        )
        told = ["Our staff have taken away the words of your review. The rating stays.", f"Why: {said}"]
        _tell(review, "The words of your review are hidden", told, to_seller=False, at=at)


def _why_not(order: Order, actor_id: UUID) -> NotFound | NotForReview | None:
    parties = belonging.parties_of(order, actor_id)
    if not parties:
        return NotFound("There is no such order, or it is not yours to see.")
    if Party.BUYER not in parties:
        return NotForReview("Only whoever bought the device says how it went.")
    if order.state not in COMPLETED:
        return NotForReview(
            "How it went can be said once the device is accepted.",
            cure="Until then, the order’s page tells what is next.",
        )
    part_in_seller = select(ClinicMember.id).where(
        ClinicMember.clinic_id == order.seller_clinic_id, ClinicMember.user_id == actor_id
    )
    if db.session.scalar(part_in_seller.limit(1)) is not None:
        return NotForReview("You belong, or belonged, to the clinic that sold it.")
    return None


def _of_order(order_id: UUID) -> UUID | None:
    return db.session.scalar(select(Review.id).where(Review.order_id == order_id))


def _locked(review_id: UUID) -> Review:
    review = db.session.get(Review, review_id, with_for_update=True, populate_existing=True)
    if review is None:
        raise NotFound("There is no such review.")
    return review


def _tell(review: Review, subject: str, lines: list[str], *, to_seller: bool, at: datetime) -> None:
    order = db.session.get_one(Order, review.order_id)
    title = db.session.scalars(select(Listing.title).where(Listing.id == order.listing_id)).one()
    people = belonging.in_charge_of(review.seller_clinic_id) if to_seller else [review.author_id]
    for person in accounts.people(people).values():
        notifications.promise_mail(
            to=person.email,
            template="order_news",
            context={
                "name": person.name,
                "subject": subject,
                "lines": [*lines, f"It is about the {title}."],
                "action": "Read it" if not to_seller else "Read it, and answer",
                "path": "/sales/reviews" if to_seller else f"/sellers/{review.seller_clinic_id}",
                "number": order.number,
            },
            at=at,
        )
