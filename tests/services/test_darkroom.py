"""Photos on their way: taken in by the page, made by the worker in a child, refused, tried again, swept away."""

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from PIL import Image
from sqlalchemy import select, text, update

from marketplace.adapters.storage import DiskStore
from marketplace.audit import AuditEvent
from marketplace.documents import isolation
from marketplace.documents.contents import NotTaken
from marketplace.extensions import adapter_of, db, unit_of_work
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.listings import counting, darkroom, gallery, images, queries, reports, service, unsaid
from marketplace.listings.images import PhotoRefused
from marketplace.listings.models import Photo
from marketplace.listings.ports import OriginalStore, PhotoStore
from marketplace.listings.states import ListingState, PhotoState
from marketplace.listings.terms import Shot
from tests.conftest import NOON
from tests.factories.accounts import make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_counter, make_listing, make_photo
from tests.support import assert_refused_by, promised_jobs, run_jobs


def picture(size=(800, 600), form="JPEG", **options):
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, form, **options)
    return out.getvalue()


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def draft(seller):
    return make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True))


@pytest.fixture
def stores(app):
    return adapter_of(OriginalStore), adapter_of(PhotoStore)


@pytest.fixture
def child(monkeypatch):
    """The child within this process, for what does not depend on the wall; what it tells can be replaced."""
    tells = {"of": images.told}
    monkeypatch.setattr(isolation, "told", lambda _function, content: tells["of"](content))
    return tells


def failing(trouble):
    def told(content):
        raise trouble

    return told


def sent(draft, seller, *files):
    given = files or (("front.jpg", picture()),)
    gallery.add(listing_id=draft.id, actor_id=seller.id, at=NOON, files=given)
    return reload(draft).photos[-1]


def reload(row):
    db.session.expire_all()
    return db.session.get(type(row), row.id)


def kept(store, stem):
    return [ending for ending in ("", *images.ENDINGS) if _there(store, stem + ending)]


def _there(store, name):
    try:
        store.get(name)
    except KeyError:
        return False
    return True


def happened(draft):
    events = select(AuditEvent.kind).where(AuditEvent.subject_id == draft.id, AuditEvent.kind.like("photo:%"))
    return list(db.session.scalars(events.order_by(AuditEvent.position)))


class TestAdd:
    def test_looks_at_a_file_keeps_it_and_promises_the_work(self, draft, seller, stores, monkeypatch):
        monkeypatch.setattr(Image, "open", None)
        monkeypatch.setattr(isolation, "told", None)
        photo = sent(draft, seller)

        assert (photo.state, photo.width, photo.height, photo.digest, photo.filename) == (
            PhotoState.WAITING, 800, 600, None, "front.jpg",
        )  # fmt: skip
        originals, store = stores
        assert originals.get(photo.storage_key) == picture()
        assert kept(store, photo.storage_key) == []
        assert promised_jobs() == [("make_photo", {"photo_id": str(photo.id)})]
        # Behind money and mail, and one after another for one unit.
        how = db.session.execute(text("SELECT priority, lock FROM procrastinate_jobs")).one()
        assert tuple(how) == (-10, f"photos:{draft.id}")

    def test_says_of_each_file_why_it_was_not_taken_and_takes_the_others(self, draft, seller):
        files = [("a.svg", b"<svg/>"), ("dir/b.jpg", picture()), ("c.png", b"\x89PNG\r\n\x1a\n")]
        added = gallery.add(listing_id=draft.id, actor_id=seller.id, at=NOON, files=files)

        assert added == gallery.Added(
            1, ("a.svg is not a JPEG, PNG or WebP picture.", "c.png is damaged and cannot be read.")
        )
        assert [photo.filename for photo in reload(draft).photos] == ["b.jpg"]

    def test_keeps_which_of_the_needed_shots_it_is(self, draft, seller):
        files = [gallery.Sent("a.jpg", picture(), (Shot.RX_LABEL,)), ("b.jpg", picture())]
        gallery.add(listing_id=draft.id, actor_id=seller.id, at=NOON, files=files)
        assert [(photo.shows, photo.alternative_text) for photo in reload(draft).photos] == [
            (["rx_label"], f"{draft.title}: the prescription legend"),
            ([], f"{draft.title}, photo 2"),
        ]


class TestMake:
    def test_makes_the_files_in_a_process_apart_and_deletes_what_was_sent(self, draft, seller, stores):
        exif = Image.Exif()
        exif[0x010F] = "Secret Camera"
        photo = sent(draft, seller, ("front.jpg", picture((1600, 1200), exif=exif)))
        darkroom.make(photo_id=photo.id, at=NOON)

        photo = reload(photo)
        originals, store = stores
        large = store.get(f"{photo.storage_key}-1280.jpg")
        assert (photo.state, photo.width, photo.height, photo.filename) == (PhotoState.READY, 1280, 960, None)
        assert photo.digest == images.hashlib.sha256(large).hexdigest()
        assert kept(store, photo.storage_key) == list(images.ENDINGS)
        assert kept(originals, photo.storage_key) == []
        assert b"Secret" not in large
        assert happened(draft) == ["photo:made"]

    def test_a_child_that_dies_takes_nobody_along(self, draft, seller, stores, monkeypatch):
        photo = sent(draft, seller)
        monkeypatch.setattr(isolation, "_START", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        darkroom.make(photo_id=photo.id, at=NOON)

        assert (reload(photo).state, photo.refusal) == (
            PhotoState.FAILED,
            "front.jpg could not be opened safely. Try again; if that does not help, choose another file.",
        )
        assert kept(stores[0], photo.storage_key) == [""]

    @pytest.mark.parametrize("trouble", [NotTaken("is damaged and cannot be read"), None])
    def test_says_why_a_file_is_refused_and_keeps_nothing_of_it(self, draft, seller, stores, child, trouble):
        photo = sent(draft, seller)
        if trouble is None:
            stores[0].delete(photo.storage_key)
        else:
            child["of"] = failing(trouble)
        darkroom.make(photo_id=photo.id, at=NOON)

        why = "did not arrive whole" if trouble is None else "is damaged and cannot be read"
        assert (reload(photo).state, photo.refusal) == (
            PhotoState.REFUSED,
            f"front.jpg {why}. Choose another file.",
        )
        assert [kept(store, photo.storage_key) for store in stores] == [[], []]
        assert happened(draft) == ["photo:refused"]

    def test_believes_a_child_nothing_that_cannot_be(self, draft, seller, stores, child):
        photo = sent(draft, seller)
        child["of"] = lambda _: ({"width": 1, "height": 1, "lengths": [1, 1, 1, 1]}, b"<htm")
        darkroom.make(photo_id=photo.id, at=NOON)

        assert reload(photo).state is PhotoState.FAILED
        assert kept(stores[1], photo.storage_key) == []

    def test_leaves_alone_what_does_not_wait(self, draft, seller, child):
        photo = sent(draft, seller)
        darkroom.make(photo_id=photo.id, at=NOON)
        child["of"] = failing(AssertionError())
        darkroom.make(photo_id=photo.id, at=NOON)
        darkroom.make(photo_id=uuid4(), at=NOON)

        assert happened(draft) == ["photo:made"]

    def test_what_was_removed_in_the_meantime_leaves_nothing(self, draft, seller, stores, child):
        photo = sent(draft, seller)
        stem = photo.storage_key

        def told(content):
            gallery.remove(listing_id=draft.id, actor_id=seller.id, photo_id=photo.id)
            return images.told(content)

        child["of"] = told
        darkroom.make(photo_id=photo.id, at=NOON)

        assert reload(draft).photos == []
        assert [kept(store, stem) for store in stores] == [[], []]

    def test_of_two_workers_one_wins(self, draft, seller, stores, child):
        photo = sent(draft, seller)

        def told(content):
            child["of"] = images.told
            darkroom.make(photo_id=photo.id, at=NOON)
            return images.told(content)

        child["of"] = told
        darkroom.make(photo_id=photo.id, at=NOON)

        assert reload(photo).state is PhotoState.READY
        assert kept(stores[1], photo.storage_key) == list(images.ENDINGS)
        assert happened(draft) == ["photo:made"]


class TestTryAgain:
    @pytest.fixture
    def failed(self, draft, seller, child):
        photo = sent(draft, seller)
        child["of"] = failing(isolation.NotOpened("could not be opened safely"))
        assert run_jobs() == ["make_photo"]
        child["of"] = images.told
        return reload(photo)

    def test_lets_the_same_file_be_worked_again(self, draft, seller, failed):
        gallery.try_again(listing_id=draft.id, actor_id=seller.id, photo_id=failed.id, at=NOON)
        assert (reload(failed).state, failed.refusal) == (PhotoState.WAITING, None)
        assert run_jobs() == ["make_photo"]
        assert reload(failed).state is PhotoState.READY
        assert happened(draft) == ["photo:given_up", "photo:tried_again", "photo:made"]

    def test_is_for_what_failed_alone(self, draft, seller, child):
        photo = sent(draft, seller)
        with pytest.raises(IllegalMove):
            gallery.try_again(listing_id=draft.id, actor_id=seller.id, photo_id=photo.id, at=NOON)
        assert len(promised_jobs()) == 1


class TestReplace:
    @pytest.fixture
    def refused(self, draft, seller, child):
        photo = sent(draft, seller)
        gallery.describe(
            listing_id=draft.id, actor_id=seller.id, photo_id=photo.id, alternative_text="The plate", shows=[Shot.FRONT]
        )
        child["of"] = failing(NotTaken("is damaged and cannot be read"))
        run_jobs()
        child["of"] = images.told
        return reload(photo)

    def test_takes_another_file_in_its_place(self, draft, seller, refused, stores):
        before = refused.storage_key
        file = ("b.png", picture((640, 480), "PNG"))
        gallery.replace(listing_id=draft.id, actor_id=seller.id, photo_id=refused.id, file=file, at=NOON)
        assert (reload(refused).state, refused.refusal, refused.filename) == (PhotoState.WAITING, None, "b.png")
        run_jobs()

        assert (reload(refused).state, refused.width, refused.alternative_text, refused.shows) == (
            PhotoState.READY, 640, "The plate", ["front"],
        )  # fmt: skip
        assert refused.storage_key != before
        assert [kept(store, before) for store in stores] == [[], []]

    def test_refuses_what_is_no_picture_either(self, draft, seller, refused):
        with pytest.raises(PhotoRefused) as refusal:
            gallery.replace(
                listing_id=draft.id, actor_id=seller.id, photo_id=refused.id, file=("c.gif", b"GIF89a"), at=NOON
            )
        assert (refusal.value.sentence, refusal.value.field) == ("c.gif is not a JPEG, PNG or WebP picture.", "photo")
        assert (reload(refused).state, promised_jobs()) == (PhotoState.REFUSED, [])

    def test_is_not_for_a_photo_that_is_ready_nor_for_strangers(self, draft, seller, refused):
        photo = make_photo(position=2)
        draft.photos.append(photo)
        db.session.commit()
        file = ("b.jpg", picture())
        with pytest.raises(IllegalMove):
            gallery.replace(listing_id=draft.id, actor_id=seller.id, photo_id=photo.id, file=file, at=NOON)
        with pytest.raises(NotFound):
            gallery.replace(listing_id=draft.id, actor_id=make_user().id, photo_id=refused.id, file=file, at=NOON)
        assert promised_jobs() == []


class TestScreens:
    """The photo of a counter's screen: one for each, tied to what it shows."""

    @pytest.fixture
    def counted(self, draft):
        draft.counters = [make_counter(), make_counter(position=2, part="Lamp")]
        db.session.commit()
        return draft

    def test_are_added_as_such(self, counted, seller):
        head = counted.counters[0]
        gallery.add(listing_id=counted.id, actor_id=seller.id, at=NOON, files=[("s.jpg", picture())], screen_of=head.id)
        photo = reload(counted).photos[0]
        assert (photo.counter_id, photo.handpiece_id, photo.shows, photo.alternative_text) == (
            head.id, None, ["counter_screen"], "The screen with the counter of Alexandrite laser head",
        )  # fmt: skip
        assert queries.listing(counted.id).screen_of(head.id).id == photo.id
        assert queries.listing(counted.id).screen_of(counted.counters[1].id) is None

    def test_what_is_said_last_holds(self, counted, seller):
        part, lamp = counted.handpieces[0], counted.counters[1]
        counted.photos = [make_photo(shows=[]), make_photo(position=2, shows=[])]
        db.session.commit()
        first, second = (photo.id for photo in counted.photos)
        for photo_id, of in ((first, part.id), (second, part.id), (first, lamp.id)):
            gallery.describe(
                listing_id=counted.id, actor_id=seller.id, photo_id=photo_id, alternative_text="x", screen_of=of
            )
        assert [(photo.counter_id, photo.handpiece_id) for photo in reload(counted).photos] == [
            (lamp.id, None),
            (None, part.id),
        ]
        gallery.describe(listing_id=counted.id, actor_id=seller.id, photo_id=first, alternative_text="x")
        assert reload(counted).photos[0].counter_id is None

    def test_let_go_when_what_counts_is_taken_out(self, counted, seller):
        counted.photos = [make_photo(counter_id=counted.counters[0].id)]
        db.session.commit()
        counting.remove(listing_id=counted.id, actor_id=seller.id, counter_id=counted.counters[0].id)
        assert [photo.counter_id for photo in reload(counted).photos] == [None]

    def test_stand_in_the_report_of_the_condition(self, counted):
        counted.photos = [make_photo(counter_id=counted.counters[1].id), make_photo(position=2)]
        db.session.commit()
        told = reports.document_of(queries.listing(counted.id))["photos"]
        assert [photo.get("counter") for photo in told] == ["Lamp", None]

    def test_are_one_photo_of_what_counts(self, counted, seller):
        part = counted.handpieces[0]
        part.counter_value = part.counter_unit = part.counter_direction = None
        db.session.commit()
        one = [("s.jpg", picture())]
        for files, of, refusal in (
            (one * 2, counted.counters[0].id, Invalid),
            ([], counted.counters[0].id, Invalid),
            (one, part.id, NotFound),
            (one, uuid4(), NotFound),
        ):
            with pytest.raises(refusal):
                gallery.add(listing_id=counted.id, actor_id=seller.id, at=NOON, files=files, screen_of=of)
        assert (reload(counted).photos, promised_jobs()) == ([], [])


class TestSubmit:
    def test_waits_until_every_photo_is_ready(self, draft, seller, child):
        draft.photos.append(make_photo())
        db.session.commit()
        photo = sent(draft, seller)
        broken = sent(draft, seller, ("b.jpg", picture()))
        with pytest.raises(service.ListingIncomplete) as refusal:
            service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        assert [(item.step, item.field, item.sentence) for item in refusal.value.missing] == [
            ("photos", f"photo-{photo.id}", "Photo 2 is still being worked on."),
            ("photos", f"photo-{broken.id}", "Photo 3 is still being worked on."),
        ]
        darkroom.make(photo_id=photo.id, at=NOON)
        child["of"] = failing(NotTaken("is damaged and cannot be read"))
        darkroom.make(photo_id=broken.id, at=NOON)
        assert [(item.field, item.sentence) for item in unsaid.missing_from(draft.id)] == [
            (f"photo-{broken.id}", "Photo 3: b.jpg is damaged and cannot be read. Choose another file.")
        ]
        assert len(queries.listing(draft.id).all_photos) == 3
        assert len(queries.listing(draft.id).photos) == 2

        gallery.remove(listing_id=draft.id, actor_id=seller.id, photo_id=broken.id)
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        assert reload(draft).state is ListingState.IN_REVIEW
        with pytest.raises(Conflict):
            sent(draft, seller)


class TestSweep:
    @pytest.mark.usefixtures("child")
    def test_deletes_what_nobody_knows_after_a_day(self, app, draft, seller, tmp_path, monkeypatch):
        originals, store = DiskStore(tmp_path / "originals"), DiskStore(tmp_path / "photos")
        for port, adapter in ((OriginalStore, originals), (PhotoStore, store)):
            monkeypatch.setitem(app.extensions["second_light_ports"], port, adapter)
        waiting, ready, lost = sent(draft, seller), sent(draft, seller), f"ab/{uuid4()}"
        darkroom.make(photo_id=ready.id, at=NOON)
        originals.put(ready.storage_key, b"left lying when the worker was killed")
        for place, name in ((originals, lost), (store, f"{lost}-480.jpg")):
            place.put(name, b"lost")
        (_, since), *_ = store.names()

        assert darkroom.sweep(at=since + timedelta(hours=23)) == 0
        assert darkroom.sweep(at=since + timedelta(hours=25)) == 3
        assert [name for name, _ in originals.names()] == [waiting.storage_key]
        assert len(list(store.names())) == 4


class TestTheDatabaseRefuses:
    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"digest": None}, "listing_photos_ready_photo_has_its_files"),
            ({"state": PhotoState.WAITING}, "listing_photos_ready_photo_has_its_files"),
            ({"width": 0}, "listing_photos_photo_has_its_dimensions"),
            ({"height": -1}, "listing_photos_photo_has_its_dimensions"),
            ({"state": PhotoState.REFUSED, "digest": None}, "listing_photos_refused_photo_says_why"),
            ({"state": PhotoState.FAILED, "digest": None, "refusal": " "}, "listing_photos_refused_photo_says_why"),
            ({"refusal": "Too dark."}, "listing_photos_refused_photo_says_why"),
        ],
    )
    def test_a_photo_that_cannot_be(self, draft, values, constraint):
        draft.photos.append(make_photo())
        db.session.commit()
        with assert_refused_by(constraint):
            db.session.execute(update(Photo).values(**values))

    def test_to_offer_a_unit_whose_photo_is_in_work(self, draft, seller):
        sent(draft, seller)
        with assert_refused_by("offered_photos_are_ready"):
            db.session.execute(text("UPDATE listings SET state = 'in_review'"))

    def test_a_photo_in_work_of_a_unit_that_is_offered(self):
        unit = make_listing(photos=1)
        with assert_refused_by("offered_photos_stay_ready"):
            db.session.execute(text("UPDATE listing_photos SET state = 'waiting', digest = NULL"))
        assert reload(unit).photos[0].state is PhotoState.READY

    def test_two_photos_of_one_counter(self, draft):
        draft.counters = [make_counter()]
        draft.photos = [make_photo(), make_photo(position=2)]
        db.session.commit()
        for column, row, index in (
            ("counter_id", draft.counters[0], "a_counter_has_one_photo"),
            ("handpiece_id", draft.handpieces[0], "a_handpiece_counter_has_one_photo"),
        ):
            with assert_refused_by(index):
                db.session.execute(update(Photo).values({column: row.id}))

    def test_a_photo_of_two_counters_or_of_another_units(self, draft):
        draft.counters = [make_counter()]
        draft.photos = [make_photo()]
        other = make_listing(state="draft")
        db.session.commit()
        with assert_refused_by("listing_photos_photo_is_of_one_counter"):
            db.session.execute(
                update(Photo).values(counter_id=draft.counters[0].id, handpiece_id=draft.handpieces[0].id)
            )
        with assert_refused_by("photo_is_of_a_counter_of_its_unit"):
            db.session.execute(update(Photo).values(handpiece_id=other.handpieces[0].id))


def test_what_a_killed_worker_left_lying_is_queued_again(draft, seller):
    from marketplace import queue

    sent(draft, seller)
    db.session.execute(
        text(
            "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (clock_timestamp() - interval '29 seconds') RETURNING id)"
            " UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM dead)"
        )
    )
    with unit_of_work():
        assert queue.take_up() == 0
    db.session.execute(
        text("UPDATE procrastinate_workers SET last_heartbeat = clock_timestamp() - interval '31 seconds'")
    )
    with unit_of_work():
        assert queue.take_up() == 1
    assert [name for name, _ in promised_jobs()] == ["make_photo"]
    assert db.session.scalar(text("SELECT attempts FROM procrastinate_jobs")) == 1

    # What its worker always dies of waits for a person; what the clock promises is promised by the clock.
    for lies in ("attempts = 10, queueing_lock = NULL", "attempts = 0, queueing_lock = 'x'"):
        db.session.execute(text(f"UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL, {lies}"))
        with unit_of_work():
            assert queue.take_up() == 0
