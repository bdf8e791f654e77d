"""The photos a listing needs, and the code of the day that shows who holds the device."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from marketplace.extensions import db
from marketplace.listings import gallery, possession, queries, shots, unsaid
from marketplace.listings.terms import Shot
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_counter, make_handpiece, make_listing, make_photo
from tests.pages import browser_of
from tests.pages import text as words_of
from tests.support import assert_refused_by

UNIT = UUID(int=7)


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def draft(seller):
    return make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True))


def with_photo(draft, *shows):
    draft.photos = [make_photo(shows=list(shows))]
    db.session.commit()
    return draft


class TestShots:
    def test_are_asked_for_one_by_one(self, draft):
        with_photo(draft, Shot.FRONT, Shot.TIP)

        assert [(item.step, item.sentence) for item in unsaid.missing_from(draft.id)] == [
            ("photos", "Add a photo of the rating plate with maker and serial number, or say which photo shows it."),
            ("photos", "Add a photo of the prescription legend, or say which photo shows it."),
            ("photos", "Add a photo of the screen with the counters, or say which photo shows it."),
            ("photos", "Add a photo of the device with today’s code on paper, or say which photo shows it."),
        ]

    def test_depend_on_what_there_is(self, draft):
        bare = make_handpiece(counter_value=None, counter_unit=None, counter_direction=None)
        draft.handpieces = [bare]
        draft.rx_label_present = False
        assert shots.needed(draft) == (Shot.FRONT, Shot.RATING_PLATE, Shot.TIP, Shot.POSSESSION)
        draft.counters = [make_counter()]
        assert Shot.COUNTER_SCREEN in shots.needed(draft)
        draft.handpieces = []
        assert Shot.TIP not in shots.needed(draft)
        db.session.rollback()

    def test_are_said_of_a_photo(self, draft, seller):
        with_photo(draft)
        gallery.describe(
            listing_id=draft.id, actor_id=seller.id, photo_id=draft.photos[0].id, alternative_text="Plate",
            shows=[Shot.TIP, Shot.FRONT, Shot.TIP],
        )  # fmt: skip

        assert queries.listing(draft.id).photos[0].shows == (Shot.FRONT, Shot.TIP)

    def test_are_ours(self, draft):
        with_photo(draft)
        with assert_refused_by("listing_photos_photo_shows_what_is_asked"):
            db.session.execute(text("UPDATE listing_photos SET shows = '{sunset}'"))


class TestCode:
    def code(self, **changes):
        return possession.code_at(**{"secret": "s", "listing_id": UNIT, "at": NOON, **changes})

    def test_is_readable_and_the_same_all_day(self):
        code = self.code()
        assert len(code) == 7
        assert set(code) <= {*"23456789ABCDEFGHJKMNPQRSTVWXYZ", "-"}
        assert self.code(at=NOON + timedelta(hours=6)) == code

    @pytest.mark.parametrize(
        "changes", [{"at": NOON + timedelta(days=1)}, {"secret": "t"}, {"listing_id": UUID(int=8)}]
    )
    def test_is_another_one_for_another_day_unit_or_house(self, changes):
        assert self.code(**changes) != self.code()


class TestPages:
    def test_show_the_code_and_what_is_needed(self, app, draft, seller):
        with_photo(draft, Shot.FRONT)
        mine = browser_of(app, seller)
        html = words_of(mine.get(f"/sell/{draft.id}/photos"))
        assert "Today’s code:" in html
        assert "Photos that are still needed" in html
        name = f"photo-{draft.photos[0].id}-"
        mine.post(
            f"/sell/{draft.id}/photos/{draft.photos[0].id}/describe",
            data={f"{name}alternative_text": "All of it", f"{name}shows": [str(shot) for shot in Shot]},
        )
        assert set(queries.listing(draft.id).photos[0].shows) == set(Shot)
        assert "still needed" not in words_of(mine.get(f"/sell/{draft.id}/photos"))

    def test_tell_the_moderator_which_code_the_photo_must_show(self, app, draft):
        with_photo(draft, Shot.POSSESSION)
        settings = app.extensions["second_light_settings"]
        code = possession.code_at(
            secret=settings.secret_key, listing_id=draft.id, at=queries.listing(draft.id).photos[0].added_at
        )
        html = words_of(browser_of(app, make_staff("moderator")).get(f"/staff/listings/{draft.id}"))
        assert f"Photo 1 must show the code <strong>{code}</strong>" in html

    def test_show_a_code_that_was_read_before_midnight_and_sent_after_it(self):
        listing_id, evening = uuid4(), NOON.replace(hour=23, minute=50)
        read = possession.code_at(secret="s" * 32, listing_id=listing_id, at=evening)

        of_next_day, before = possession.codes_for(
            secret="s" * 32, listing_id=listing_id, at=evening + timedelta(minutes=20)
        )

        assert read == before != of_next_day
