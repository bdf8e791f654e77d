"""Selling a device: the whole way to the market, and everybody who has no business there."""

import io
import re
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from PIL import Image
from sqlalchemy import select

from marketplace.clinics.models import Clinic
from marketplace.documents import isolation
from marketplace.documents.isolation import NotOpened
from marketplace.extensions import db
from marketplace.listings import unsaid
from marketplace.listings.conditions import INCLUSIONS
from marketplace.listings.models import Handpiece, Listing
from marketplace.listings.states import ListingState
from marketplace.listings.terms import CounterDirection, CounterUnit, Grade, Shot
from marketplace.notifications.models import Mail
from tests.factories.accounts import make_staff, make_user
from tests.factories.catalog import load_catalogue, real_model
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.listings import make_handpiece, make_listing
from tests.support import run_jobs, sign_in

UNSTATED = {f"has_{item}": "not_stated" for item in INCLUSIONS}


@pytest.fixture
def seller(client):
    user = make_user(name="Sella Ruiz", email="sella@example.test")
    sign_in(client, user)
    return user


@pytest.fixture
def clinic(seller):
    clinic = make_clinic(owner=seller, seller=True)
    make_site(clinic=clinic)
    return clinic


@pytest.fixture
def draft(clinic, seller):
    return make_listing(state="draft", clinic=clinic, model=real_model("Lumenis M22"), handpieces=["IPL"], photos=1)


def picture(color="navy"):
    out = io.BytesIO()
    Image.new("RGB", (1600, 1200), color).save(out, "JPEG")
    out.seek(0)
    return out


def page(client, address, status=200):
    answer = client.get(address)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def post(client, address, status=303, **fields):
    answer = client.post(address, data=fields)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer


def reload(row):
    db.session.expire_all()
    return db.session.get(type(row), row.id)


def show_everything(client, listing):
    """Say of every photo that it shows all that is asked for."""
    for photo in reload(listing).photos:
        name = f"photo-{photo.id}-"
        shown = {f"{name}alternative_text": "The device", f"{name}shows": [str(shot) for shot in Shot]}
        post(client, f"/sell/{listing.id}/photos/{photo.id}/describe", **shown)


@pytest.mark.parametrize(
    ("price", "least", "words"),
    [
        (None, 10_000, "When it is sold we keep 6 % of the price, $100 at least; nothing before that."),
        (4_250_000, 0, "When it is sold we keep 6 % of the price; nothing before that. Of $42,500 you get $39,950."),
        (
            100_000, 10_000,
            "When it is sold we keep 6 % of the price, $100 at least; nothing before that. Of $1,000 you get $900.",
        ),
    ],
)  # fmt: skip
def test_a_seller_reads_our_fee_where_the_price_is_named(app, client, clinic, price, least, words):
    settings = app.extensions["second_light_settings"]
    app.extensions["second_light_settings"] = replace(settings, platform_fee_least_minor=least)
    try:
        listing = make_listing(clinic=clinic, price_minor=price, state="draft")
        assert words in page(client, f"/sell/{listing.id}/terms")
    finally:
        app.extensions["second_light_settings"] = settings


class TestTheWholeWay:
    def test_from_the_first_step_to_the_market(self, client, clinic, seller, now):
        load_catalogue()
        model = real_model("Candela GentleMax Pro")
        assert "Sell a device" in page(client, "/sell")
        assert 'value="Austin"' in page(client, "/sell/new")
        key = str(uuid4())
        device = {
            "clinic_id": str(clinic.id),
            "model_id": str(model.id),
            "serial": "9914-0880",
            "year": "2019",
            "city": "Austin",
            "state_code": "TX",
            "form_key": key,
        }
        first = post(client, "/sell/new", **device)
        again = post(client, "/sell/new", **device)
        assert again.location == first.location
        base = first.location.removesuffix("/handpieces")
        listing = db.session.scalars(select(Listing)).one()
        assert base == f"/sell/{listing.id}"

        assert "Alexandrite 755 nm" in page(client, f"{base}/handpieces")
        assert '<option selected value="">Choose what it treats with' in page(client, f"{base}/handpieces/new")
        assert '<option selected value="NDYAG_LP">' in page(client, f"{base}/handpieces/new?modality=NDYAG_LP")
        post(
            client,
            f"{base}/handpieces/new?modality=ALEX",
            name="18 mm",
            modality_code="ALEX",
            counter_value="1,234,567",
            counter_unit="shots",
            counter_direction="up",
            counter_read_on="2026-01-05",
            rated_life="",
            rated_life_source="",
            wavelengths_nm="755 nm",
            spot_sizes_mm="12, 15 and 18",
            optic="clean",
        )
        part = db.session.scalars(select(Handpiece)).one()
        assert (part.counter_value, part.counter_unit, part.counter_direction, part.rated_life) == (
            1_234_567,
            CounterUnit.SHOTS,
            CounterDirection.UP,
            None,
        )
        post(
            client,
            f"{base}/handpieces/{part.id}",
            name="18 mm",
            modality_code="ALEX",
            counter_value="",
            counter_unit="shots",
            counter_direction="up",
            rated_life="",
            wavelengths_nm="755 nm",
            spot_sizes_mm="12, 15 and 18",
            optic="clean",
        )
        assert reload(part).counter_value is None
        assert part.particulars == {"wavelengths_nm": "755", "spot_sizes_mm": "12;15;18", "optic": "clean"}
        post(client, f"{base}/console", chiller="built_in", cryogen_cans="2")
        assert reload(listing).particulars == {"chiller": "built_in", "cryogen_cans": "2"}
        assert "Class IV" in page(client, f"{base}/statements")

        page(client, f"{base}/condition")
        post(
            client,
            f"{base}/condition",
            grade="B",
            last_service_on="2026-01-03",
            description="Runs well.",
            cosmetic="A scratch.",
            functional="Fires and cools.",
            known_faults="None known.",
            **{**UNSTATED, "has_keys": "included", "has_goggles": "absent"},
        )
        page(client, f"{base}/statements")
        post(
            client,
            f"{base}/statements",
            rx_label="yes",
            id_label="no",
            modification="serviced",
            title="free",
            decontaminated="y",
            patient_data="none",
        )
        page(client, f"{base}/terms")
        post(
            client,
            f"{base}/terms",
            recertification="yes",
            recertification_quote="$3,500",
            warranty="seller",
            warranty_months="6",
            warranty_provider="us",
            training_included="yes",
            price="$42,500",
        )
        page(client, f"{base}/photos")
        post(client, f"{base}/photos", photos=[(picture(), "front.jpg"), (picture("red"), "back.jpg")])
        show_everything(client, listing)
        assert "Photo 1 is still being worked on." in page(client, base)
        assert run_jobs(only="make_photo") == ["make_photo", "make_photo"]
        assert "Ready to submit" in page(client, base)
        post(client, f"{base}/submit")

        listing = reload(listing)
        assert (listing.state, listing.grade, listing.price_minor, listing.recertification_minor) == (
            ListingState.IN_REVIEW,
            Grade.B,
            4_250_000,
            350_000,
        )
        assert (listing.rx_label_present, listing.id_label_present, listing.inclusions) == (
            True,
            False,
            {"keys": "included", "goggles": "absent"},
        )
        assert [photo.position for photo in listing.photos] == [1, 2]
        assert client.get(f"/devices/{listing.id}").status_code == 404

        client.post("/sign-out")
        sign_in(client, make_staff("moderator"))
        assert "Candela GentleMax Pro" in page(client, "/staff/listings")
        assert "9914-0880" in page(client, f"/staff/listings/{listing.id}")
        post(client, f"/staff/listings/{listing.id}/approve", read=reload(listing).submitted_at.isoformat())
        assert reload(listing).state is ListingState.PUBLISHED
        assert [(mail.to, mail.template) for mail in db.session.scalars(select(Mail))] == [
            ("sella@example.test", "listing_published")
        ]
        assert "$42,500" in page(client, f"/devices/{listing.id}")

    def test_what_is_missing_is_listed_with_the_way_to_it(self, client, clinic):
        listing = make_listing(
            state="draft",
            clinic=clinic,
            handpieces=[],
            serial="",
            year=None,
            grade=None,
            price_minor=None,
            rx_label_present=None,
            id_label_present=None,
            modification=None,
            recertification=None,
            warranty=None,
        )
        html = post(client, f"/sell/{listing.id}/submit", 422).get_data(as_text=True)

        for step, sentence in (
            ("device#serial", "Write the serial number from the label."),
            ("device#year", "Write the year of manufacture."),
            ("handpieces", "Add at least one handpiece: they decide what a buyer must be cleared for."),
            ("condition#grade-0", "Choose the condition grade that fits."),
            ("terms#warranty-0", "Say which warranty it has, or that it has none."),
            ("terms#price", "Name your price."),
            ("photos#photos", "Add at least one photo."),
        ):
            assert f'{sentence} <a href="/sell/{listing.id}/{step}">' in html
        assert reload(listing).state is ListingState.DRAFT

    @pytest.mark.parametrize(
        ("step", "marked"),
        [
            ("device", {"Serial number": "serial", "Year of manufacture": "year"}),
            ("handpiece", {"Part number of the applicator": "applicator_part_number"}),
            ("console", {"Will the maker supply a new owner?": "supply_to_new_owner"}),
            (
                "condition",
                {
                    "Condition grade": "grade-0",
                    "How it looks": "cosmetic",
                    "What was tested, and works": "functional",
                    "Known faults": "known_faults",
                },
            ),
            (
                "statements",
                {
                    "Is the prescription legend on the device?": "rx_label-0",
                    "Is the maker’s label with its address and date on the device?": "id_label-0",
                    "What was done to it since its maker sold it?": "modification-0",
                    "Whose is it?": "title",
                    "It was cleaned and disinfected after its last use": "decontaminated",
                    "Patients’ data in it": "patient_data",
                },
            ),
            (
                "terms",
                {
                    "Does its maker ask a new owner for recertification?": "recertification-0",
                    "Which warranty does the buyer get?": "warranty-0",
                    "Asking price (USD)": "price",
                },
            ),
        ],
    )
    def test_each_step_marks_what_is_missing_from_an_empty_draft_and_nothing_else(self, client, clinic, step, marked):
        listing = make_listing(
            state="draft",
            clinic=clinic,
            model=real_model("Zeltiq CoolSculpting"),
            handpieces=[make_handpiece("CRYO", particulars={})],
            particulars={},
            serial="",
            year=None,
            grade=None,
            price_minor=None,
            rx_label_present=None,
            id_label_present=None,
            modification=None,
            recertification=None,
            warranty=None,
        )
        address = f"handpieces/{listing.handpieces[0].id}" if step == "handpiece" else step
        html = page(client, f"/sell/{listing.id}/{address}")

        assert re.findall(r">([^<>]+) <span class=.until-review.>\(needed before review\)<", html) == list(marked)
        missing = [one.field for one in unsaid.missing(reload(listing)) if one.step.startswith(step) and one.field]
        assert sorted(missing) == sorted(marked.values())

    def test_a_unit_that_the_label_names_is_not_said_twice(self, client, clinic):
        listing = make_listing(state="draft", clinic=clinic, model=real_model("Lumenis M22"))
        assert ">Keys that come with it <" in page(client, f"/sell/{listing.id}/console")
        assert ">Power it needs (V) <" in page(client, f"/sell/{listing.id}/console")
        assert ">Months that are left of it <" in page(client, f"/sell/{listing.id}/terms")


class TestForms:
    def test_a_device_that_cannot_be(self, client, clinic):
        load_catalogue()
        html = post(
            client, "/sell/new", 422, clinic_id=str(uuid4()), model_id="x", year="12345", city="", state_code="ZZ"
        ).get_data(as_text=True)

        assert "Write four digits." in html
        assert db.session.scalars(select(Listing)).all() == []

    def test_a_form_without_its_key(self, client, clinic):
        model = real_model("Lumenis M22")
        html = post(
            client,
            "/sell/new",
            422,
            clinic_id=str(clinic.id),
            model_id=str(model.id),
            city="Austin",
            state_code="TX",
            form_key="x",
        ).get_data(as_text=True)

        assert "This form has grown too old" in html

    def test_a_year_that_lies_ahead(self, client, draft):
        html = post(
            client,
            f"/sell/{draft.id}/device",
            422,
            clinic_id=str(draft.clinic_id),
            model_id=str(draft.model_id),
            year="2099",
            city="Austin",
            state_code="TX",
        ).get_data(as_text=True)

        assert "Write the year of manufacture, from 1985 to" in html

    def test_the_device_can_be_said_anew(self, client, draft):
        page(client, f"/sell/{draft.id}/device")
        post(
            client,
            f"/sell/{draft.id}/device",
            clinic_id=str(draft.clinic_id),
            model_id=str(draft.model_id),
            serial="77",
            year="",
            city="Waco",
            state_code="TX",
        )

        assert (reload(draft).serial, draft.year, draft.city) == ("77", None, "Waco")

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"name": ""}, "Name the handpiece."),
            ({"counter_value": "many"}, "Write a whole number."),
            ({"counter_value": "99999999999"}, "This number is too large to be true."),
            (
                {"counter_value": "101", "counter_unit": "percent_left"},
                "A part cannot have more than 100 per cent left.",
            ),
            (
                {"counter_value": "1", "counter_read_on": "2099-01-01"},
                "The counter cannot have been read in the future.",
            ),
        ],
    )
    def test_a_handpiece_that_cannot_be(self, client, draft, fields, said):
        given = {
            "name": "x",
            "modality_code": "IPL",
            "counter_value": "",
            "counter_unit": "shots",
            "counter_direction": "up",
            **fields,
        }
        html = post(client, f"/sell/{draft.id}/handpieces/new", 422, **given).get_data(as_text=True)

        assert said in html
        assert len(reload(draft).handpieces) == 1

    def test_a_handpiece_is_left_out(self, client, draft):
        address = f"/sell/{draft.id}/handpieces/{draft.handpieces[0].id}"
        page(client, address)
        post(client, f"{address}/remove")

        assert reload(draft).modality_codes == []
        page(client, address, 404)

    def test_a_service_that_lies_ahead(self, client, draft):
        html = post(
            client, f"/sell/{draft.id}/condition", 422, last_service_on="2099-01-01", description="", **UNSTATED
        ).get_data(as_text=True)

        assert "The last service cannot lie ahead of us." in html

    def test_nothing_said_stays_unsaid(self, client, clinic):
        draft = make_listing(
            state="draft",
            clinic=clinic,
            grade=None,
            rx_label_present=None,
            id_label_present=None,
            modification=None,
            recertification=None,
            warranty=None,
        )
        post(client, f"/sell/{draft.id}/condition", description="", **UNSTATED)
        post(client, f"/sell/{draft.id}/statements")
        post(client, f"/sell/{draft.id}/terms", recertification_quote="", price="")
        listing = reload(draft)

        said = (listing.grade, listing.rx_label_present, listing.modification, listing.warranty, listing.price_minor)
        assert said == (None, None, None, None, None)

    @pytest.mark.parametrize(
        ("price", "said"),
        [("a lot", "Write an amount such as $42,500"), ("99.99", "A device can be sold here for $100 to $999,999.99.")],
    )
    def test_a_price_that_cannot_be(self, client, draft, price, said):
        html = post(client, f"/sell/{draft.id}/terms", 422, price=price).get_data(as_text=True)

        assert said in html
        assert f'value="{price}"' in html


class TestPhotos:
    def test_are_described_moved_and_removed(self, client, draft):
        post(client, f"/sell/{draft.id}/photos", photos=[(picture(), "front.jpg")])
        run_jobs()
        first, second = reload(draft).photos
        html = page(client, f"/sell/{draft.id}/photos")
        name = f"photo-{second.id}-alternative_text"
        assert f'name="{name}"' in html

        post(client, f"/sell/{draft.id}/photos/{second.id}/describe", **{name: "The label with its date"})
        post(client, f"/sell/{draft.id}/photos/{second.id}/earlier")
        assert [photo.alternative_text for photo in reload(draft).photos] == [
            "The label with its date",
            "The console from the front",
        ]
        post(client, f"/sell/{draft.id}/photos/{second.id}/later")
        assert [photo.id for photo in reload(draft).photos] == [first.id, second.id]
        stem = second.storage_key
        post(client, f"/sell/{draft.id}/photos/{second.id}/remove")
        assert [photo.id for photo in reload(draft).photos] == [first.id]
        assert client.get(f"/photos/{stem}-480.jpg").status_code == 404

    def test_of_needed_shots_have_a_place_each(self, client, clinic, seller):
        draft = make_listing(state="draft", clinic=clinic, model=real_model("Lumenis M22"), handpieces=["IPL"])
        html = page(client, f"/sell/{draft.id}/photos")
        assert [f'id="shot_{shot}"' in html for shot in Shot] == [True, True, True, True, True, False, True]
        sent = {"shot_front": (picture(), "front.jpg"), "shot_tip": (picture("red"), "tip.jpg")}
        post(client, f"/sell/{draft.id}/photos", **sent, photos=[(picture(), "side.jpg")])
        assert [(photo.shows, photo.filename) for photo in reload(draft).photos] == [
            (["front"], "front.jpg"),
            (["tip"], "tip.jpg"),
            ([], "side.jpg"),
        ]
        html = page(client, f"/sell/{draft.id}/photos")
        assert [f'id="shot_{shot}"' in html for shot in Shot] == [False, True, True, True, False, False, True]
        assert "It shows: the tip of each handpiece" in html

    def test_in_work_have_a_place_that_is_filled_in(self, client, draft):
        post(client, f"/sell/{draft.id}/photos", photos=[(picture(), "front.jpg"), (picture(), "side.jpg")])
        _, second, _ = reload(draft).photos
        html = page(client, f"/sell/{draft.id}/photos")
        assert "2 photos are still being worked on." in html
        assert f'id="picture-{second.id}" data-swap data-progress="waiting"' in html
        assert "js/progress.js" in html
        assert second.storage_key not in html
        assert "/photos/" not in page(client, f"/sell/{draft.id}").partition(second.storage_key)[2]
        run_jobs()
        html = page(client, f"/sell/{draft.id}/photos")
        assert "data-progress=" not in html
        assert "js/progress.js" not in html
        assert f"/photos/{second.storage_key}-480.webp" in html

    def test_sent_by_the_script_of_the_page_are_told_of_when_it_is_loaded_anew(self, client, draft):
        files = [(picture(), "front.jpg"), (io.BytesIO(b"<svg/>"), "draft.svg")]
        answer = client.post(f"/sell/{draft.id}/photos", data={"photos": files}, headers={"X-Upload": "yes"})
        assert (answer.status_code, answer.data) == (204, b"")
        html = page(client, f"/sell/{draft.id}/photos")
        assert "1 photo was added." in html
        assert "draft.svg is not a JPEG, PNG or WebP picture." in html
        client.post(f"/sell/{draft.id}/photos", data={}, headers={"X-Upload": "yes"})
        assert "Choose at least one photo." in page(client, f"/sell/{draft.id}/photos")

    def test_that_could_not_be_used_say_why_and_what_to_do(self, client, draft, monkeypatch):
        def told(_function, _content):
            raise NotOpened("could not be opened safely")

        address = f"/sell/{draft.id}/photos"
        post(client, address, photos=[(picture(), "front.jpg")])
        photo = reload(draft).photos[1]
        monkeypatch.setattr(isolation, "told", told)
        run_jobs()
        html = page(client, address)
        assert "front.jpg could not be opened safely." in html
        assert f'href="/sell/{draft.id}/photos#photo-{photo.id}"' in page(client, f"/sell/{draft.id}")
        assert "data-progress=" not in html

        again, other = f"{address}/{photo.id}/again", f"{address}/{photo.id}/replace"
        assert f'action="{again}"' in html
        assert f'action="{other}"' in html
        assert post(client, again).location == f"{address}#photo-{photo.id}"
        assert "still being worked on" in page(client, address)
        run_jobs()
        name = f"photo-{photo.id}-photo"
        assert "is not a JPEG" in post(client, other, 422, **{name: (io.BytesIO(b"GIF89a"), "a.gif")}).get_data(
            as_text=True
        )
        assert "is not a JPEG" in post(client, other, 422).get_data(as_text=True)
        monkeypatch.undo()
        assert post(client, other, **{name: (picture("red"), "b.jpg")}).location == f"{address}#photo-{photo.id}"
        run_jobs()
        assert "cannot be used" not in page(client, address)

        client.post("/sign-out")
        sign_in(client, make_user())
        for act in (again, other):
            post(client, act, 404)

    @pytest.mark.parametrize("words", ["", " "])
    def test_need_words(self, client, draft, words):
        (photo,) = draft.photos
        html = post(
            client, f"/sell/{draft.id}/photos/{photo.id}/describe", 422, **{f"photo-{photo.id}-alternative_text": words}
        ).get_data(as_text=True)

        assert "Say in a few words what the photo shows." in html

    @pytest.mark.parametrize(
        ("files", "said"),
        [
            ([], "Choose at least one photo."),
            ([(io.BytesIO(b"%PDF-1.7"), "front.jpg")], "front.jpg is not a JPEG, PNG or WebP picture."),
        ],
    )
    def test_that_are_none_are_refused(self, client, draft, files, said):
        html = post(client, f"/sell/{draft.id}/photos", 422, photos=files).get_data(as_text=True)

        assert said in html
        assert len(reload(draft).photos) == 1


class TestOnTheMarket:
    @pytest.fixture
    def unit(self, clinic, seller):
        return make_listing(clinic=clinic)

    def test_the_price_changes_at_once(self, client, unit):
        post(client, f"/sell/{unit.id}/price", price="$39,900")

        assert reload(unit).price_minor == 3_990_000

    @pytest.mark.parametrize(
        ("price", "said"), [("", "Write a price such as $42,500."), ("free", "Write an amount such as")]
    )
    def test_a_price_that_is_none_changes_nothing(self, client, unit, price, said):
        assert said in post(client, f"/sell/{unit.id}/price", 422, price=price).get_data(as_text=True)
        assert reload(unit).price_minor == 4_250_000

    def test_cannot_be_changed_before_it_is_a_draft_again(self, client, unit):
        assert "not a draft" in page(client, f"/sell/{unit.id}/terms")
        post(client, f"/sell/{unit.id}/terms", 409, price="1000")
        post(client, f"/sell/{unit.id}/recall")
        assert reload(unit).state is ListingState.DRAFT
        post(client, f"/sell/{unit.id}/terms", price="1000")

    def test_is_withdrawn(self, client, unit):
        post(client, f"/sell/{unit.id}/withdraw")

        assert reload(unit).state is ListingState.WITHDRAWN
        assert "withdrawn" in page(client, "/sell")
        post(client, f"/sell/{unit.id}/withdraw", 409)


class TestWho:
    ADDRESSES = (
        "",
        "/device",
        "/console",
        "/handpieces",
        "/handpieces/new",
        "/condition",
        "/statements",
        "/terms",
        "/photos",
    )
    ACTS = ("/submit", "/recall", "/withdraw", "/price")

    def test_strangers_learn_nothing(self, client):
        listing = make_listing(state="draft", photos=1)
        sign_in(client, make_user())
        for address in self.ADDRESSES:
            page(client, f"/sell/{listing.id}{address}", 404)
        for act in self.ACTS:
            post(client, f"/sell/{listing.id}{act}", 404, price="$1,000")
        post(client, f"/sell/{listing.id}/photos/{listing.photos[0].id}/remove", 404)
        assert len(reload(listing).photos) == 1

    def test_technicians_of_the_clinic_are_told_whom_to_ask(self, client):
        listing = make_listing(state="draft")
        technician = make_user()
        make_member(clinic=db.session.get(Clinic, listing.clinic_id), user=technician)
        sign_in(client, technician)

        assert "Ask one who is manager or owner there." in page(client, f"/sell/{listing.id}", 403)

    def test_who_belongs_to_no_clinic_is_told_so(self, client, seller):
        assert "Selling is done for a clinic" in page(client, "/sell")
        assert "Selling is done for a clinic" in page(client, "/sell/new")

    def test_a_clinic_that_was_not_checked_cannot_submit(self, client, seller):
        clinic = make_clinic(owner=seller)
        listing = make_listing(state="draft", clinic=clinic, photos=1)

        assert "has yet to be checked as a seller" in page(client, "/sell")
        assert "has not been checked as a seller" in post(client, f"/sell/{listing.id}/submit", 403).get_data(
            as_text=True
        )
        assert reload(listing).state is ListingState.DRAFT

    def test_signed_out_people_are_asked_to_sign_in(self, client):
        assert client.get("/sell").status_code == 303
        assert client.get(f"/staff/listings/{UUID(int=0)}").status_code == 303
