"""On the market and off it again: who decides, what is told, and what orders do to a unit."""

import pytest
from sqlalchemy import select

from marketplace.audit import events_about
from marketplace.catalog.models import DeviceModel
from marketplace.extensions import db, unit_of_work
from marketplace.kernel.errors import ChangedSinceRead, Conflict, Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.listings import queries, service
from marketplace.listings.models import ListingMove
from marketplace.listings.service import (
    ListingIncomplete,
    ListingTaken,
    OwnListing,
    SellerNotVerified,
    UnitAlreadyListed,
)
from marketplace.listings.states import ListingState, PhotoState
from marketplace.notifications.models import Mail
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_listing, make_photo
from tests.support import promised_jobs


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz", email="sella@example.test")


@pytest.fixture
def clinic(seller):
    return make_clinic(owner=seller, seller=True)


@pytest.fixture
def moderator():
    return make_staff("moderator")


def state_of(listing):
    db.session.expire_all()
    return db.session.get(type(listing), listing.id).state


def last_move(listing):
    return db.session.scalars(
        select(ListingMove).where(ListingMove.listing_id == listing.id, ListingMove.event.is_not(None))
    ).one()


class TestSubmit:
    def test_shows_it_to_staff(self, clinic, seller):
        listing = make_listing(state="draft", clinic=clinic, photos=1, review_note="Show the label.")
        service.submit(listing_id=listing.id, actor_id=seller.id, at=NOON)

        assert (state_of(listing), listing.submitted_at, listing.review_note) == (ListingState.IN_REVIEW, NOON, None)
        assert [line.id for line in queries.awaiting_review()] == [listing.id]
        assert (last_move(listing).event, last_move(listing).actor_id) == ("submitted", seller.id)
        assert [event.kind for event in events_about("listing", listing.id)] == ["listing:submitted"]

    def test_refuses_what_is_incomplete_and_names_everything(self, clinic, seller):
        listing = make_listing(state="draft", clinic=clinic, price_minor=None)
        with pytest.raises(ListingIncomplete) as refusal:
            service.submit(listing_id=listing.id, actor_id=seller.id, at=NOON)

        assert [item.sentence for item in refusal.value.missing] == ["Name your price.", "Add at least one photo."]
        assert state_of(listing) is ListingState.DRAFT

    @pytest.mark.parametrize("standing", ["unverified", "in_review", "refused", "suspended"])
    def test_refuses_a_clinic_that_was_not_verified(self, seller, standing):
        clinic = make_clinic(
            owner=seller,
            seller=True,
            seller_standing=standing,
            seller_statement="We treat.",
            seller_asked_at=NOON,
            seller_reason="Look.",
        )
        listing = make_listing(state="draft", clinic=clinic, photos=1)
        with pytest.raises(SellerNotVerified):
            service.submit(listing_id=listing.id, actor_id=seller.id, at=NOON)

        assert state_of(listing) is ListingState.DRAFT

    @pytest.mark.parametrize("state", ["in_review", "published", "reserved"])
    def test_refuses_a_unit_that_is_on_the_market_already(self, clinic, seller, state):
        other = make_listing(state=state, serial="ab 12")
        listing = make_listing(state="draft", clinic=clinic, photos=1, serial="AB-12", model=_model_of(other))
        with pytest.raises(UnitAlreadyListed) as refusal:
            service.submit(listing_id=listing.id, actor_id=seller.id, at=NOON)

        assert "Look at the serial number again." in refusal.value.cure
        assert state_of(listing) is ListingState.DRAFT

    @pytest.mark.parametrize("state", ["draft", "sold", "withdrawn"])
    def test_takes_a_unit_that_is_not_on_the_market_any_more(self, clinic, seller, state):
        other = make_listing(state=state, serial="ab 12")
        listing = make_listing(state="draft", clinic=clinic, photos=1, serial="AB-12", model=_model_of(other))
        service.submit(listing_id=listing.id, actor_id=seller.id, at=NOON)

        assert state_of(listing) is ListingState.IN_REVIEW

    def test_refuses_what_is_no_draft(self, clinic, seller):
        listing = make_listing(clinic=clinic)
        with pytest.raises(IllegalMove):
            service.submit(listing_id=listing.id, actor_id=seller.id, at=NOON)

    def test_lets_other_refusals_of_the_database_through(self, clinic, seller):
        listing = make_listing(state="draft", clinic=clinic, photos=1, created_by=seller.id)
        db.session.connection().exec_driver_sql(
            "ALTER TABLE listing_moves ADD CONSTRAINT no_more CHECK (event IS NULL) NOT VALID"
        )
        with pytest.raises(Exception, match="no_more"):
            service.submit(listing_id=listing.id, actor_id=seller.id, at=NOON)


class TestDecide:
    def test_approval_puts_it_on_the_market_and_tells_the_seller(self, clinic, seller, moderator):
        listing = make_listing(state="in_review", clinic=clinic)
        service.approve(listing_id=listing.id, actor_id=moderator.id, at=NOON)

        assert (state_of(listing), listing.published_at, listing.approved_by) == (
            ListingState.PUBLISHED,
            NOON,
            moderator.id,
        )
        (mail,) = db.session.scalars(select(Mail))
        assert (mail.to, mail.template) == ("sella@example.test", "listing_published")
        assert mail.context == {"name": "Sella Ruiz", "title": listing.title, "listing_id": str(listing.id)}
        assert [name for name, _ in promised_jobs()] == ["send_mail"]

    def test_whoever_wrote_it_and_sells_for_the_clinic_no_longer_is_not_told(self, clinic, moderator):
        gone = make_user(email="gone@example.test")
        make_member(clinic=clinic, user=gone, role="manager", left_at=NOON)
        make_member(clinic=clinic, user=make_user(email="second@example.test"), role="manager")
        make_member(clinic=clinic, user=make_user(email="staff@example.test"), role="technician")
        listing = make_listing(state="in_review", clinic=clinic, created_by=gone)
        service.approve(listing_id=listing.id, actor_id=moderator.id, at=NOON)

        assert set(db.session.scalars(select(Mail.to))) == {"sella@example.test", "second@example.test"}

    def test_moves_of_one_moment_are_told_in_their_order(self, clinic, moderator):
        listing = make_listing(state="in_review", clinic=clinic)
        for _ in range(4):
            service.approve(listing_id=listing.id, actor_id=moderator.id, at=NOON)
            with unit_of_work():
                service.stop_stolen(listing.id, at=NOON)

        assert [move.event for move in queries.moves_of(listing.id)[-8:]] == ["approved", "stopped"] * 4

    def test_what_was_submitted_again_since_it_was_read_is_not_approved(self, clinic, moderator):
        listing = make_listing(state="in_review", clinic=clinic, submitted_at=NOON)
        with pytest.raises(ChangedSinceRead):
            service.approve(listing_id=listing.id, actor_id=moderator.id, at=NOON, read=NOON.replace(minute=1))

        assert state_of(listing) is ListingState.IN_REVIEW
        service.approve(listing_id=listing.id, actor_id=moderator.id, at=NOON, read=NOON)
        assert state_of(listing) is ListingState.PUBLISHED

    @pytest.mark.parametrize("state", ["in_review", "published"])
    def test_sending_back_makes_it_a_draft_with_a_note(self, clinic, moderator, state):
        listing = make_listing(state=state, clinic=clinic)
        service.send_back(listing_id=listing.id, actor_id=moderator.id, note=" Show the label. ", at=NOON)

        assert (state_of(listing), listing.review_note) == (ListingState.DRAFT, "Show the label.")
        assert (last_move(listing).reason, last_move(listing).actor_id) == ("Show the label.", moderator.id)

    def test_a_note_is_needed(self, clinic, moderator):
        listing = make_listing(state="in_review", clinic=clinic)
        with pytest.raises(Invalid):
            service.send_back(listing_id=listing.id, actor_id=moderator.id, note=" ", at=NOON)

        assert state_of(listing) is ListingState.IN_REVIEW

    def test_nobody_decides_for_a_clinic_they_belong_or_belonged_to(self, clinic, moderator):
        make_member(clinic=clinic, user=moderator, left_at=NOON)
        listing = make_listing(state="in_review", clinic=clinic)
        with pytest.raises(OwnListing):
            service.approve(listing_id=listing.id, actor_id=moderator.id, at=NOON)
        with pytest.raises(OwnListing):
            service.send_back(listing_id=listing.id, actor_id=moderator.id, note="x", at=NOON)

        assert state_of(listing) is ListingState.IN_REVIEW
        assert db.session.scalars(select(Mail)).all() == []

    def test_of_what_is_reserved_nothing_is_decided(self, clinic, moderator):
        listing = make_listing(state="reserved", clinic=clinic)
        with pytest.raises(IllegalMove):
            service.send_back(listing_id=listing.id, actor_id=moderator.id, note="x", at=NOON)

        assert state_of(listing) is ListingState.RESERVED


class TestTheSellersOwn:
    def test_recalls_and_withdraws(self, clinic, seller):
        listing = make_listing(clinic=clinic)
        service.recall(listing_id=listing.id, actor_id=seller.id, at=NOON)
        assert state_of(listing) is ListingState.DRAFT
        service.withdraw(listing_id=listing.id, actor_id=seller.id, at=NOON)
        assert state_of(listing) is ListingState.WITHDRAWN

    def test_cannot_withdraw_what_a_buyer_reserved(self, clinic, seller):
        listing = make_listing(state="reserved", clinic=clinic)
        for act in (service.recall, service.withdraw):
            with pytest.raises(IllegalMove):
                act(listing_id=listing.id, actor_id=seller.id, at=NOON)

        assert state_of(listing) is ListingState.RESERVED

    def test_strangers_find_nothing(self, clinic):
        listing = make_listing(clinic=clinic)
        for act in (service.recall, service.withdraw, service.submit):
            with pytest.raises(NotFound):
                act(listing_id=listing.id, actor_id=make_user().id, at=NOON)

        assert state_of(listing) is ListingState.PUBLISHED

    def test_a_price_changes_and_is_on_record_once(self, clinic, seller):
        listing = make_listing(clinic=clinic)
        for _ in range(2):
            service.change_price(listing_id=listing.id, actor_id=seller.id, price=Money(4_000_000), at=NOON)

        assert [(event.kind, event.data) for event in events_about("listing", listing.id)] == [
            ("listing:price_changed", {"before": 4_250_000, "after": 4_000_000})
        ]
        assert queries.price_history(listing.id)[-1] == (Money(4_000_000), NOON)

    @pytest.mark.parametrize("state", ["draft", "in_review", "reserved", "sold", "withdrawn"])
    def test_a_price_changes_on_the_market_only(self, clinic, seller, state):
        listing = make_listing(state=state, clinic=clinic)
        with pytest.raises(Conflict):
            service.change_price(listing_id=listing.id, actor_id=seller.id, price=Money(4_000_000), at=NOON)

        assert listing.price_minor == 4_250_000


class TestWhatOrdersDo:
    def test_reserving_takes_it_off_the_market_at_its_price(self, seller):
        listing = make_listing()
        with unit_of_work():
            taken = service.reserve(listing_id=listing.id, actor_id=seller.id, at=NOON)

        assert (taken.listing_id, taken.clinic_id, taken.model_id) == (listing.id, listing.clinic_id, listing.model_id)
        assert (taken.title, taken.serial, taken.price) == (listing.title, listing.serial, Money(4_250_000))
        assert state_of(listing) is ListingState.RESERVED
        assert (last_move(listing).event, last_move(listing).actor_id) == ("reserved", seller.id)

    @pytest.mark.parametrize("state", ["draft", "in_review", "reserved", "sold", "withdrawn"])
    def test_only_what_is_on_the_market_is_reserved(self, seller, state):
        listing = make_listing(state=state)
        with pytest.raises(ListingTaken), unit_of_work():
            service.reserve(listing_id=listing.id, actor_id=seller.id, at=NOON)

        assert state_of(listing) == state

    @pytest.mark.parametrize(("act", "state"), [(service.release, "published"), (service.mark_sold, "sold")])
    def test_what_is_reserved_returns_or_leaves(self, act, state):
        listing = make_listing(state="reserved")
        with unit_of_work():
            act(listing_id=listing.id, actor_id=None, at=NOON)

        assert state_of(listing) == state

    @pytest.mark.parametrize("act", [service.release, service.mark_sold])
    @pytest.mark.parametrize("state", ["draft", "in_review", "published", "sold", "withdrawn"])
    def test_what_is_not_reserved_does_neither(self, act, state):
        listing = make_listing(state=state)
        with pytest.raises(Conflict), unit_of_work():
            act(listing_id=listing.id, actor_id=None, at=NOON)

        assert state_of(listing) == state


class TestQueries:
    def test_a_unit_asks_the_gate_with_all_its_handpieces(self):
        listing = make_listing(handpieces=["ALEX", "NDYAG_LP"])
        sale = queries.sale_of(listing.id)

        assert sale == queries.listing(listing.id).sale
        assert [part.modality_code for part in sale.handpieces] == ["ALEX", "NDYAG_LP"]
        assert (sale.seller_clinic_id, sale.model_id, sale.rx_label_present, sale.modification) == (
            listing.clinic_id,
            listing.model_id,
            True,
            "none",
        )

    def test_what_was_done_to_it_is_unknown_until_somebody_says(self):
        assert queries.listing(make_listing(state="draft", modification=None).id).sale.modification == "unknown"

    def test_an_unknown_unit_is_not_found(self, clinic):
        for ask in (queries.sale_of, queries.listing, queries.on_display):
            with pytest.raises(NotFound):
                ask(clinic.id)

    def test_the_longest_waiting_stands_first(self, clinic):
        late = make_listing(state="in_review", clinic=clinic, submitted_at=NOON)
        early = make_listing(state="in_review", clinic=clinic, submitted_at=NOON.replace(hour=1))

        assert [line.id for line in queries.awaiting_review()] == [early.id, late.id]

    def test_a_clinics_units_are_its_own(self, clinic):
        mine = make_listing(clinic=clinic)
        make_listing()

        assert [line.id for line in queries.of_clinics([clinic.id])] == [mine.id]

    def test_a_line_shows_the_first_photo_that_is_ready(self, clinic):
        pictured = make_listing(state="draft", clinic=clinic, serial="AB-1")
        bare = make_listing(state="draft", clinic=clinic, serial="AB-2")
        waiting = make_photo(position=1, state=PhotoState.WAITING, digest=None, filename="a.jpg")
        second, first = make_photo(position=3), make_photo(position=2)
        with unit_of_work():
            pictured.photos.extend([waiting, second, first])

        lines = {line.id: (line.serial, line.cover) for line in queries.of_clinics([clinic.id])}
        assert lines == {pictured.id: ("AB-1", first.storage_key), bare.id: ("AB-2", None)}


def _model_of(listing):
    return db.session.get(DeviceModel, listing.model_id)
