"""Drafting a unit step by step: who may, what cannot be, and what is derived."""

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from PIL import Image
from sqlalchemy import func, select, text

from marketplace.audit import events_about
from marketplace.clinics.queries import WrongRole
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.money import Money
from marketplace.listings import drafting, gallery, queries, unsaid
from marketplace.listings.conditions import INCLUSIONS
from marketplace.listings.gallery import Added
from marketplace.listings.images import PhotoRefused
from marketplace.listings.models import Listing
from marketplace.listings.possible import Counter
from marketplace.listings.states import ListingState
from marketplace.listings.terms import CounterDirection, CounterUnit, Grade, Modification, Recertification
from tests.conftest import NOON
from tests.factories.accounts import make_user
from tests.factories.catalog import make_model, real_model
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_handpiece, make_listing, make_photo
from tests.support import assert_refused_by, promised_jobs

DAY = timedelta(days=1)


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def clinic(seller):
    return make_clinic(owner=seller, seller=True)


@pytest.fixture
def draft(clinic):
    return make_listing(state="draft", clinic=clinic, model=real_model("Lumenis M22"), handpieces=["IPL"])


def picture(size=(800, 600)):
    out = io.BytesIO()
    Image.new("RGB", size).save(out, "JPEG")
    return out.getvalue()


def reload(row):
    db.session.expire_all()
    return db.session.get(type(row), row.id)


class TestDraft:
    def given(self, clinic, seller, **changes):
        return {"actor_id": seller.id, "clinic_id": clinic.id, "model_id": make_model().id, "city": " Austin ", "state_code": "TX", "form_key": uuid4(), "at": NOON, **changes}  # fmt: skip

    def test_begins_with_the_model_and_the_place(self, clinic, seller):
        listing = db.session.get(
            Listing, drafting.draft(**self.given(clinic, seller, model_id=make_model(name="GentleLASE").id))
        )

        assert (listing.title, listing.city, listing.state, listing.created_by) == (
            "Candela GentleLASE",
            "Austin",
            ListingState.DRAFT,
            seller.id,
        )
        assert (listing.serial, listing.serial_normal, listing.year, listing.modality_codes) == (None, None, None, [])
        assert [(move.event, move.state, move.actor_id, move.at) for move in queries.moves_of(listing.id)] == [
            (None, "draft", seller.id, NOON)
        ]
        assert [event.kind for event in events_about("listing", listing.id)] == ["listing:drafted"]

    def test_of_a_form_sent_twice_is_one(self, clinic, seller):
        given = self.given(clinic, seller)

        assert drafting.draft(**given) == drafting.draft(**given)
        assert db.session.scalar(select(func.count()).select_from(Listing)) == 1

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"state_code": "ZZ"}, "state_code"),
            ({"city": " "}, "city"),
            ({"postal_code": "7870"}, "postal_code"),
            ({"postal_code": "7870x"}, "postal_code"),
            ({"year": 1984}, "year"),
            ({"year": 2027}, "year"),
        ],
    )
    def test_refuses_what_cannot_be(self, clinic, seller, changes, field):
        with pytest.raises(Invalid) as refusal:
            drafting.draft(**self.given(clinic, seller, **changes))

        assert refusal.value.field == field
        assert db.session.scalars(select(Listing)).all() == []

    @pytest.mark.parametrize("year", [1985, 2026])
    def test_takes_the_first_and_the_present_year(self, clinic, seller, year):
        assert db.session.get(Listing, drafting.draft(**self.given(clinic, seller, year=year))).year == year

    def test_is_for_owners_and_managers(self, clinic, seller):
        technician = make_user()
        make_member(clinic=clinic, user=technician)
        with pytest.raises(WrongRole):
            drafting.draft(**self.given(clinic, seller, actor_id=technician.id))
        with pytest.raises(NotFound):
            drafting.draft(**self.given(clinic, seller, actor_id=make_user().id))
        with pytest.raises(NotFound):
            drafting.draft(**self.given(clinic, seller, model_id=uuid4()))

        assert db.session.scalars(select(Listing)).all() == []


class TestDescribe:
    def test_the_unit_is_found_by_what_it_is_now(self, draft, seller):
        drafting.describe_device(
            listing_id=draft.id,
            actor_id=seller.id,
            model_id=real_model("Cutera xeo").id,
            serial=" ab-12/3 ",
            year=2015,
            city="Reno",
            state_code="NV",
            postal_code=" 89501-1234",
            at=NOON,
        )

        listing = reload(draft)
        assert (listing.title, listing.serial, listing.serial_normal) == ("Cutera xeo", "ab-12/3", "AB123")
        assert listing.search_words == "reno nevada ipl handpiece 2015"
        assert (listing.postal_code, listing.latitude, listing.longitude) == ("89501", 39.526, -119.813)

    def test_a_serial_number_that_only_looks_like_another_is_not_taken(self, draft, seller):
        with pytest.raises(Invalid) as refusal:
            drafting.describe_device(
                listing_id=draft.id, actor_id=seller.id, model_id=draft.model_id, at=NOON,
                serial="\N{CYRILLIC CAPITAL LETTER ES}N-4711", year=2015, city="Reno", state_code="NV", postal_code="89501",
            )  # fmt: skip

        assert refusal.value.field == "serial"
        assert reload(draft).serial == draft.serial

    def test_the_condition_keeps_what_was_stated(self, draft, seller):
        drafting.describe_condition(
            listing_id=draft.id,
            actor_id=seller.id,
            grade=Grade.C,
            inclusions={"keys": "included", "crate": "not_stated", "piano": "included"},
            last_service_on=NOON.date(),
            description=" Worn lamp. ",
            at=NOON,
        )

        listing = reload(draft)
        assert (listing.grade, listing.inclusions, listing.last_service_on, listing.description) == (
            Grade.C,
            {"keys": "included"},
            NOON.date(),
            "Worn lamp.",
        )
        assert "worn" in listing.search_words

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"last_service_on": (NOON + DAY).date()}, "last_service_on"),
            ({"inclusions": {"keys": "perhaps"}}, "inclusions"),
        ],
    )
    def test_a_condition_that_cannot_be_changes_nothing(self, draft, seller, changes, field):
        given = {"grade": None, "inclusions": {}, "last_service_on": None, "description": "", **changes}
        with pytest.raises(Invalid) as refusal:
            drafting.describe_condition(listing_id=draft.id, actor_id=seller.id, at=NOON, **given)

        assert refusal.value.field == field
        assert reload(draft).grade is Grade.B

    def terms(self, draft, seller, **changes):
        given = {"recertification": Recertification.NO, "recertification_quote": None, "price": Money(4_250_000), **changes}  # fmt: skip
        drafting.describe_terms(listing_id=draft.id, actor_id=seller.id, **given)

    def test_what_can_be_found_by_its_terms_follows_them(self, draft, seller):
        self.terms(draft, seller, recertification_quote=Money(900_000), training_included=True)
        assert reload(draft).beyond_minor == 900_000
        assert "recertification:no" in draft.traits
        assert "training:included" in draft.traits

        self.terms(draft, seller, recertification=None)
        assert reload(draft).beyond_minor is None
        assert "training:included" not in draft.traits

    def test_what_the_gate_looks_at_follows_the_labels(self, draft, seller):
        before = draft.configuration
        drafting.attest(
            listing_id=draft.id, actor_id=seller.id, rx_label_present=False, id_label_present=True,
            modification=Modification.NONE, said={"title": "free"},
        )  # fmt: skip

        assert reload(draft).configuration != before

    @pytest.mark.parametrize(
        ("price", "taken"), [(9_999, False), (10_000, True), (99_999_999, True), (100_000_000, False)]
    )
    def test_a_price_is_one_that_can_be_paid(self, draft, seller, price, taken):
        if taken:
            self.terms(draft, seller, price=Money(price))
            assert reload(draft).price_minor == price
        else:
            with pytest.raises(Invalid) as refusal:
                self.terms(draft, seller, price=Money(price))
            assert (refusal.value.field, reload(draft).price_minor) == ("price", 4_250_000)

    def test_only_a_draft_changes(self, clinic, seller):
        for state in ("in_review", "published", "reserved", "sold", "withdrawn"):
            listing = make_listing(state=state, clinic=clinic)
            with pytest.raises(Conflict):
                self.terms(listing, seller, price=Money(10_000))
            assert reload(listing).price_minor == 4_250_000


class TestHandpieces:
    def put(self, draft, seller, **changes):
        given = {"handpiece_id": None, "name": " Head ", "modality_code": "NDYAG_LP", "serial": " ", "counter": None, "rated_life": None, "rated_life_source": "", "at": NOON, **changes}  # fmt: skip
        drafting.put_handpiece(listing_id=draft.id, actor_id=seller.id, **given)

    def test_decide_what_the_unit_is_found_and_judged_by(self, draft, seller):
        before = draft.configuration
        self.put(
            draft,
            seller,
            counter=Counter(900, CounterUnit.SHOTS, CounterDirection.UP),
            rated_life=1000,
            rated_life_source="manual",
        )

        listing = reload(draft)
        assert [(part.position, part.name, part.serial) for part in listing.handpieces] == [
            (1, "IPL handpiece", None),
            (2, "Head", None),
        ]
        assert (listing.modality_codes, listing.life_used_percent) == (["IPL", "NDYAG_LP"], 90)
        assert listing.configuration != before
        assert listing.search_words.split()[-3:] == ["handpiece", "head", "2018"]

    def test_leave_the_unit_as_it_was_when_taken_out(self, draft, seller):
        before = draft.configuration
        self.put(draft, seller)
        drafting.remove_handpiece(listing_id=draft.id, actor_id=seller.id, handpiece_id=reload(draft).handpieces[1].id)

        assert (reload(draft).modality_codes, draft.configuration) == (["IPL"], before)

    def test_keep_their_order_when_one_is_taken_out(self, draft, seller):
        self.put(draft, seller)
        first = reload(draft).handpieces[0].id
        drafting.remove_handpiece(listing_id=draft.id, actor_id=seller.id, handpiece_id=first)

        assert [(part.position, part.name) for part in reload(draft).handpieces] == [(1, "Head")]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"modality_code": "RAYGUN"}, "modality_code"),
            ({"counter": Counter(-1, CounterUnit.SHOTS, CounterDirection.UP)}, "counter_value"),
            ({"counter": Counter(101, CounterUnit.PERCENT_LEFT, CounterDirection.DOWN)}, "counter_value"),
            ({"counter": Counter(1, CounterUnit.HOURS, CounterDirection.UP, (NOON + DAY).date())}, "counter_read_on"),
            ({"rated_life": 0, "rated_life_source": "manual"}, "rated_life"),
        ],
    )
    def test_that_cannot_be_are_refused(self, draft, seller, changes, field):
        with pytest.raises(Invalid) as refusal:
            self.put(draft, seller, **changes)

        assert refusal.value.field == field
        assert len(reload(draft).handpieces) == 1

    def test_are_twenty_at_most(self, clinic, seller):
        draft = make_listing(state="draft", clinic=clinic, handpieces=["ALEX"] * 20)
        with pytest.raises(Invalid):
            self.put(draft, seller)

        assert len(reload(draft).handpieces) == 20

    def test_are_found_by_their_id_among_the_others(self, clinic):
        unit = make_listing(clinic=clinic, model=real_model("Lumenis M22"), handpieces=["IPL", "ER_GLASS_FRAC"])

        facts = queries.listing(unit.id)

        assert [queries.handpiece_of(facts, part.id) for part in facts.handpieces] == list(facts.handpieces)

    def test_of_other_units_are_not_found(self, draft, seller):
        with pytest.raises(NotFound):
            self.put(draft, seller, handpiece_id=uuid4())


class TestMissing:
    def test_lists_nothing_for_a_unit_that_is_complete(self, clinic):
        assert unsaid.missing_from(make_listing(state="draft", clinic=clinic, photos=1).id) == []

    @pytest.mark.parametrize(
        ("changes", "step"),
        [
            ({"serial": "-"}, "device"),
            ({"year": None}, "device"),
            ({"handpieces": []}, "handpieces"),
            ({"grade": None}, "condition"),
            ({"rx_label_present": None}, "statements"),
            ({"id_label_present": None}, "statements"),
            ({"modification": None}, "statements"),
            ({"modification": Modification.REMANUFACTURED}, "statements"),
            ({"recertification": None}, "terms"),
            ({"price_minor": None}, "terms"),
            ({"photos": 0}, "photos"),
        ],
    )
    def test_names_each_thing_and_its_step(self, clinic, changes, step):
        listing = make_listing(state="draft", clinic=clinic, **{"photos": 1, **changes})

        assert [item.step for item in unsaid.missing_from(listing.id)] == [step]

    def test_knows_no_other_listing(self):
        with pytest.raises(NotFound):
            unsaid.missing_from(uuid4())

    def test_every_item_of_the_checklist_may_stay_unsaid(self):
        assert len(INCLUSIONS) == 14


class TestGallery:
    def test_takes_several_at_once_and_refuses_when_none_can_be_used(self, draft, seller):
        with pytest.raises(PhotoRefused) as refusal:
            gallery.add(listing_id=draft.id, actor_id=seller.id, at=NOON, files=[("a.jpg", b"no"), ("b.jpg", b"no")])
        assert refusal.value.sentence == (
            "a.jpg is not a JPEG, PNG or WebP picture. b.jpg is not a JPEG, PNG or WebP picture."
        )
        assert (reload(draft).photos, promised_jobs()) == ([], [])

        files = [("a.jpg", picture()), ("b.jpg", picture((600, 800)))]
        assert gallery.add(listing_id=draft.id, actor_id=seller.id, at=NOON, files=files) == Added(2, ())
        assert [
            (photo.position, photo.alternative_text, photo.width, photo.height) for photo in reload(draft).photos
        ] == [
            (1, "Lumenis M22, photo 1", 800, 600),
            (2, "Lumenis M22, photo 2", 600, 800),
        ]

    @pytest.mark.parametrize(("had", "more", "taken"), [(11, 1, True), (11, 2, False), (0, 0, False)])
    def test_holds_twelve(self, clinic, seller, had, more, taken):
        draft = make_listing(state="draft", clinic=clinic, photos=had)
        files = [("a.jpg", picture((80, 60)))] * more
        if taken:
            assert gallery.add(listing_id=draft.id, actor_id=seller.id, at=NOON, files=files) == Added(more, ())
        else:
            with pytest.raises(Invalid):
                gallery.add(listing_id=draft.id, actor_id=seller.id, at=NOON, files=files)
            assert len(reload(draft).photos) == had

    def test_stays_as_it_is_at_its_ends(self, clinic, seller):
        draft = make_listing(state="draft", clinic=clinic, photos=2)
        first, last = draft.photos[0].id, draft.photos[1].id
        gallery.move(listing_id=draft.id, actor_id=seller.id, photo_id=first, earlier=True)
        gallery.move(listing_id=draft.id, actor_id=seller.id, photo_id=last, earlier=False)

        assert [photo.id for photo in reload(draft).photos] == [first, last]

    def test_closes_up_when_one_is_taken_out(self, clinic, seller):
        draft = make_listing(state="draft", clinic=clinic, photos=3)
        gallery.remove(listing_id=draft.id, actor_id=seller.id, photo_id=draft.photos[0].id)

        assert [photo.position for photo in reload(draft).photos] == [1, 2]

    def test_wants_words_and_its_own_photos(self, clinic, seller):
        draft = make_listing(state="draft", clinic=clinic, photos=1)
        with pytest.raises(Invalid):
            gallery.describe(listing_id=draft.id, actor_id=seller.id, photo_id=draft.photos[0].id, alternative_text=" ")
        with pytest.raises(NotFound):
            gallery.describe(listing_id=draft.id, actor_id=seller.id, photo_id=uuid4(), alternative_text="x")

        assert reload(draft).photos[0].alternative_text == "The console from the front"


class TestTheDatabaseRefuses:
    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"price_minor": 9_999}, "listings_price_is_within_limits"),
            ({"price_minor": 100_000_000}, "listings_price_is_within_limits"),
            ({"currency": "USD"}, "listings_currency_is_iso"),
            ({"year": 1984}, "listings_year_is_plausible"),
            ({"state_code": "Texas"}, "listings_place_is_a_postal_code"),
            ({"serial_normal": None}, "listings_offered_unit_is_complete"),
            ({"rx_label_present": None}, "listings_offered_unit_is_complete"),
            ({"approved_by": None}, "listings_published_was_approved"),
            ({"state": "lost"}, "listings_listingstate"),
            ({"grade": "E"}, "listings_grade"),
            ({"modification": "painted"}, "listings_modification"),
            ({"recertification": "maybe"}, "listings_recertification"),
        ],
    )
    def test_a_listing_that_lies(self, values, constraint):
        listing = make_listing()
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        with assert_refused_by(constraint):
            db.session.execute(text(f"UPDATE listings SET {assignments} WHERE id = :id"), {**values, "id": listing.id})

    def test_two_drafts_of_one_form(self, clinic):
        key = make_listing(state="draft", clinic=clinic).form_key
        other = make_listing(state="draft", clinic=clinic)
        with assert_refused_by("uq_listings_form_key"):
            db.session.execute(text("UPDATE listings SET form_key = :key WHERE id = :id"), {"key": key, "id": other.id})

    def test_one_unit_on_the_market_twice(self):
        listing = make_listing()
        other = make_listing(state="draft", serial=listing.serial)
        with assert_refused_by("one_live_listing_per_unit"):
            db.session.execute(text("UPDATE listings SET state = 'in_review' WHERE id = :id"), {"id": other.id})

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"counter_value": -1}, "listing_handpieces_counter_is_not_negative"),
            ({"rated_life": 0}, "listing_handpieces_rated_life_is_positive"),
            ({"counter_unit": None}, "listing_handpieces_counter_is_whole"),
            ({"counter_direction": None}, "listing_handpieces_counter_is_whole"),
            ({"counter_unit": "miles"}, "listing_handpieces_counterunit"),
            ({"counter_direction": "sideways"}, "listing_handpieces_counterdirection"),
        ],
    )
    def test_a_handpiece_that_lies(self, values, constraint):
        make_listing()
        with assert_refused_by(constraint):
            db.session.execute(
                text(f"UPDATE listing_handpieces SET {', '.join(f'{name} = :{name}' for name in values)}"), values
            )

    def test_two_handpieces_in_one_place(self):
        listing = make_listing()
        with assert_refused_by("handpiece_positions_differ"):
            db.session.add(make_handpiece(listing_id=listing.id, position=1))
            db.session.flush()
            db.session.execute(text("SET CONSTRAINTS handpiece_positions_differ IMMEDIATE"))

    def test_two_photos_in_one_place(self):
        listing = make_listing(photos=1)
        with assert_refused_by("photo_positions_differ"):
            db.session.add(make_photo(listing_id=listing.id, position=1))
            db.session.flush()
            db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"digest": "x"}, "listing_photos_digest_is_sha256"),
            ({"storage_key": "../x"}, "listing_photos_storage_key_is_ours"),
        ],
    )
    def test_a_photo_that_is_not_ours(self, values, constraint):
        listing = make_listing()
        with assert_refused_by(constraint):
            db.session.add(make_photo(listing_id=listing.id, **values))
            db.session.flush()

    @pytest.mark.parametrize(
        ("column", "constraint"), [("event", "listing_moves_listingevent"), ("state", "listing_moves_listingstate")]
    )
    def test_a_move_that_is_none(self, column, constraint):
        listing = make_listing()
        values = {"event": "sold", "state": "sold", column: "eaten"}
        with assert_refused_by(constraint):
            db.session.execute(
                text(
                    "INSERT INTO listing_moves (id, listing_id, event, state, at) VALUES (:id, :listing, :event, :state, now())"
                ),
                {"id": uuid4(), "listing": listing.id, **values},
            )

    @pytest.mark.parametrize("statement", ["UPDATE listing_moves SET reason = 'x'", "DELETE FROM listing_moves"])
    def test_a_move_that_did_not_happen(self, statement):
        make_listing()
        with assert_refused_by("listing_moves_is_append_only"):
            db.session.execute(text(statement))
