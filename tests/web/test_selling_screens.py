"""The photo of a counter's screen, from the page of the counter to those who buy and those who approve."""

import io

import pytest
from PIL import Image

from marketplace.extensions import db
from marketplace.listings import service
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_counter, make_listing
from tests.pages import browser_of, text
from tests.support import run_jobs


def picture():
    out = io.BytesIO()
    Image.new("RGB", (1600, 1200), "navy").save(out, "JPEG")
    out.seek(0)
    return out


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def draft(seller):
    draft = make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True), photos=1)
    draft.counters = [make_counter()]
    db.session.commit()
    return draft


@pytest.fixture
def mine(app, seller):
    return browser_of(app, seller)


def addresses(draft):
    base = f"/sell/{draft.id}"
    return {
        draft.counters[0].id: f"{base}/counters/{draft.counters[0].id}",
        draft.handpieces[0].id: f"{base}/handpieces/{draft.handpieces[0].id}",
    }


def test_is_sent_from_the_page_of_the_counter_and_stands_beside_the_reading(app, client, draft, mine, seller):
    for part_id, address in addresses(draft).items():
        assert "Photo of its screen" in text(mine.get(address))
        answer = mine.post(f"/sell/{draft.id}/readings/{part_id}/photo", data={"photo": (picture(), "screen.jpg")})
        assert answer.location == address
        html = text(mine.get(address))
        assert "The photo of the screen was added." in html
        assert 'data-progress="waiting"' in html
    run_jobs(only="make_photo")
    db.session.expire_all()
    stems = {photo.counter_id or photo.handpiece_id: photo.storage_key for photo in draft.photos}
    for part_id, address in addresses(draft).items():
        html = text(mine.get(address))
        assert f"/photos/{stems[part_id]}-480.webp" in html
        assert "data-progress=" not in html
    html = text(mine.get(f"/sell/{draft.id}/photos"))
    assert f'<option selected value="{draft.counters[0].id}">Alexandrite laser head' in html

    service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
    moderator = make_staff("moderator")
    shown = [f'<a class="screen-photo" href="/photos/{stems[part_id]}-1280.jpg">' for part_id in addresses(draft)]
    html = text(browser_of(app, moderator).get(f"/staff/listings/{draft.id}"))
    assert [html.count(one) for one in shown] == [1, 1]
    service.approve(listing_id=draft.id, actor_id=moderator.id, at=NOON)
    html = text(client.get(f"/devices/{draft.id}"))
    assert [html.count(one) for one in shown] == [1, 1]


def test_is_chosen_among_the_photos(draft, mine):
    (photo,) = draft.photos
    name, part = f"photo-{photo.id}-", draft.handpieces[0].id
    address = f"/sell/{draft.id}/photos/{photo.id}/describe"
    given = {f"{name}alternative_text": "The screen", f"{name}screen_of": str(part)}
    assert mine.post(address, data=given).status_code == 303
    db.session.expire_all()
    assert photo.handpiece_id == part
    assert mine.post(address, data={**given, f"{name}screen_of": "nobody"}).status_code == 422


def test_that_was_refused_says_why(draft, mine):
    part_id, address = next(iter(addresses(draft).items()))
    mine.post(f"/sell/{draft.id}/readings/{part_id}/photo", data={"photo": (io.BytesIO(b"GIF89a"), "s.gif")})
    assert "s.gif is not a JPEG, PNG or WebP picture." in text(mine.get(address))
    mine.post(f"/sell/{draft.id}/readings/{part_id}/photo", data={})
    assert "Choose one photo of the screen." in text(mine.get(address))
    mine.post(f"/sell/{draft.id}/readings/{part_id}/photo", data={"photo": (picture(), "screen.jpg")})
    db.session.expire_all()
    photo = draft.photos[1]
    photo.state, photo.refusal = "refused", "screen.jpg is damaged and cannot be read. Choose another file."
    db.session.commit()
    html = text(mine.get(address))
    assert "screen.jpg is damaged and cannot be read." in html
    assert "Add another photo instead" in html


def test_is_nobody_elses_business(app, draft):
    stranger = browser_of(app, make_user())
    for part_id in addresses(draft):
        answer = stranger.post(f"/sell/{draft.id}/readings/{part_id}/photo", data={"photo": (picture(), "s.jpg")})
        assert answer.status_code == 404
    db.session.expire_all()
    assert len(draft.photos) == 1


def test_is_not_asked_of_what_does_not_count(draft, mine):
    part = draft.handpieces[0]
    part.counter_value = part.counter_unit = part.counter_direction = None
    draft.counters = []
    db.session.commit()
    assert "Photo of its screen" not in text(mine.get(f"/sell/{draft.id}/handpieces/{part.id}"))
    assert "of which" not in text(mine.get(f"/sell/{draft.id}/photos"))
    address = f"/sell/{draft.id}/readings/{part.id}/photo"
    assert mine.post(address, data={"photo": (picture(), "s.jpg")}).status_code == 404
