"""The moderators' desk."""

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.listings.states import ListingState
from marketplace.notifications.models import Mail
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_listing
from tests.support import sign_in


@pytest.fixture
def listing():
    sella = make_user(name="Sella Ruiz")
    clinic = make_clinic(owner=sella, seller=True)
    return make_listing(state="in_review", clinic=clinic, created_by=sella, photos=1, submitted_at=NOON)


@pytest.fixture
def moderator(client):
    moderator = make_staff("moderator")
    sign_in(client, moderator)
    return moderator


def state_of(listing):
    db.session.expire_all()
    return db.session.get(type(listing), listing.id).state


def test_sends_a_listing_back_with_a_note(client, moderator, listing):
    answer = client.post(f"/staff/listings/{listing.id}/send-back", data={"note": "Show the label, please."})

    assert (answer.status_code, answer.location) == (303, "/staff/listings")
    assert state_of(listing) is ListingState.DRAFT
    assert listing.review_note == "Show the label, please."
    (mail,) = db.session.scalars(select(Mail))
    assert (mail.template, mail.context["note"]) == ("listing_sent_back", "Show the label, please.")


@pytest.mark.parametrize("note", ["", " "])
def test_a_note_is_needed(client, moderator, listing, note):
    answer = client.post(f"/staff/listings/{listing.id}/send-back", data={"note": note})

    assert answer.status_code == 422
    assert "Say what the seller should change." in answer.get_data(as_text=True)
    assert state_of(listing) is ListingState.IN_REVIEW


def test_nobody_decides_on_their_own_clinics_device(client, moderator):
    clinic = make_clinic(seller=True)
    make_member(clinic=clinic, user=moderator)
    listing = make_listing(state="in_review", clinic=clinic, submitted_at=NOON)

    assert client.post(f"/staff/listings/{listing.id}/approve", data={"read": NOON.isoformat()}).status_code == 403
    assert client.post(f"/staff/listings/{listing.id}/send-back", data={"note": "x"}).status_code == 403
    assert state_of(listing) is ListingState.IN_REVIEW


@pytest.mark.parametrize("read", ["", "yesterday", "2020-01-01T00:00:00", "2020-01-01T00:00:00+00:00"])
def test_what_was_not_read_as_it_is_is_not_approved(client, moderator, listing, read):
    answer = client.post(f"/staff/listings/{listing.id}/approve", data={"read": read})

    assert (answer.status_code, "This was changed after you opened it." in answer.text) == (409, True)
    assert state_of(listing) is ListingState.IN_REVIEW


def test_what_does_not_wait_cannot_be_approved(client, moderator):
    listing = make_listing(state="sold", submitted_at=NOON)

    assert client.post(f"/staff/listings/{listing.id}/approve", data={"read": NOON.isoformat()}).status_code == 409
    assert "There is nothing to decide while it is sold." in client.get(f"/staff/listings/{listing.id}").get_data(
        as_text=True
    )


def test_a_draft_is_shown_with_its_gaps(client, moderator):
    listing = make_listing(
        state="draft",
        handpieces=[],
        serial="",
        year=None,
        grade=None,
        price_minor=None,
        rx_label_present=None,
        id_label_present=None,
        modification=None,
    )

    assert "No photo yet" in client.get(f"/staff/listings/{listing.id}").get_data(as_text=True)


def test_auditors_look_and_decide_nothing(client, listing):
    sign_in(client, make_staff("auditor"))

    assert "Decision</h2>" not in client.get(f"/staff/listings/{listing.id}").get_data(as_text=True)
    assert client.post(f"/staff/listings/{listing.id}/approve").status_code == 403


@pytest.mark.parametrize("address", ["/staff/listings", "/staff/listings/00000000-0000-0000-0000-000000000000"])
def test_members_have_no_business_there(client, address):
    sign_in(client, make_user())

    assert client.get(address).status_code == 403


def test_an_empty_desk_says_so(client, moderator):
    assert "Nothing waits" in client.get("/staff/listings").get_data(as_text=True)
