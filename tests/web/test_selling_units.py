"""The pages of selling that ask by modality: what they ask, what they keep, and whom they let in."""

from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from marketplace.extensions import db
from marketplace.listings.models import Listing
from marketplace.listings.terms import CounterDirection, CounterUnit, Warranty
from marketplace.web.selling import console, handpieces
from tests.factories.accounts import make_staff, make_user
from tests.factories.catalog import real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_counter, make_handpiece, make_listing
from tests.pages import browser_of, text


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def clinic(seller):
    return make_clinic(owner=seller, seller=True, name="Lone Star Skin")


@pytest.fixture
def draft(clinic):
    return make_listing(
        state="draft", clinic=clinic, model=real_model("Candela GentleMax Pro"), handpieces=["ALEX"], photos=1
    )


@pytest.fixture
def mine(app, seller):
    return browser_of(app, seller)


def reload(row):
    db.session.expire_all()
    return db.session.get(type(row), row.id)


class TestHandpieces:
    def test_are_asked_what_their_modality_asks(self, mine, draft):
        html = text(mine.get(f"/sell/{draft.id}/handpieces/new?modality=ALEX"))
        assert "Wavelengths (nm)" in html
        assert "Spot sizes (mm)" in html
        assert "Wavelengths" not in text(mine.get(f"/sell/{draft.id}/handpieces/new?modality=CRYO"))
        assert "Wavelengths" not in text(mine.get(f"/sell/{draft.id}/handpieces/new?modality=RAYGUN"))

    @pytest.mark.parametrize(
        ("code", "typed"),
        [
            ("ALEX", 'name="wavelengths_nm" type="text" value="755"'),
            ("NDYAG_LP", 'name="wavelengths_nm" type="text" value="1064"'),
            # What the model is not known to have is read from the label.
            ("IPL", 'name="wavelengths_nm" type="text" value=""'),
            ("NDYAG_QS", 'name="wavelengths_nm" type="text" value=""'),
        ],
    )
    def test_begin_with_the_only_line_they_have_on_this_model(self, mine, draft, code, typed):
        assert typed in text(mine.get(f"/sell/{draft.id}/handpieces/new?modality={code}"))

    def test_begin_with_no_line_where_there_is_a_range_of_them(self, mine, draft, monkeypatch):
        monkeypatch.setattr(handpieces, "emitted", lambda **_: ((400, 1200),))
        html = text(mine.get(f"/sell/{draft.id}/handpieces/new?modality=ALEX"))
        assert 'name="wavelengths_nm" type="text" value=""' in html

    def test_and_counters_begin_as_read_today_where_the_unit_stands(self, mine, draft, monkeypatch):
        draft.state_code = "AZ"
        db.session.commit()
        for step in (handpieces, console):
            monkeypatch.setattr(step, "day_in", lambda _at, zone: {"America/Phoenix": date(2026, 11, 28)}[zone])
        read_on = 'type="date" value="2026-11-28"'
        assert read_on in text(mine.get(f"/sell/{draft.id}/handpieces/new?modality=ALEX"))
        assert read_on in text(mine.get(f"/sell/{draft.id}/handpieces/new"))
        assert read_on in text(mine.get(f"/sell/{draft.id}/counters/new?usual=lamp"))

    def test_of_the_model_lead_to_the_next_one(self, mine, draft):
        draft.handpieces.clear()
        db.session.commit()
        address, then = (
            f"/sell/{draft.id}/handpieces/new",
            '<button type="submit" class="btn btn-outline-secondary" name="then" value=',
        )
        assert f'{then}"NDYAG_LP"' in text(mine.get(f"{address}?modality=ALEX"))
        given = {"name": "18 mm", "modality_code": "ALEX", "counter_unit": "shots", "counter_direction": "up"}
        answer = mine.post(f"{address}?modality=ALEX", data={**given, "then": "NDYAG_LP"})
        assert answer.location == f"{address}?modality=NDYAG_LP"
        assert then not in text(mine.get(answer.location))
        answer = mine.post(f"{address}?modality=ALEX", data={**given, "then": "RAYGUN"})
        assert answer.location == f"/sell/{draft.id}/handpieces"
        assert [part.modality_code for part in reload(draft).handpieces] == ["ALEX", "ALEX"]

    def test_that_treat_with_something_else_now_are_asked_again(self, mine, draft):
        given = {"name": "x", "counter_value": "", "counter_unit": "shots", "counter_direction": "up"}
        answer = mine.post(f"/sell/{draft.id}/handpieces/new", data={**given, "modality_code": "NDYAG_LP"})
        added = reload(draft).handpieces[-1]
        assert answer.location == f"/sell/{draft.id}/handpieces/{added.id}"
        assert "asks for a few more answers" in text(mine.get(answer.location))
        answer = mine.post(answer.location, data={**given, "modality_code": "VACUUM"})
        assert answer.location == f"/sell/{draft.id}/handpieces"

    def test_say_what_is_published_of_their_life(self, mine, clinic):
        ulthera = make_listing(
            state="draft", clinic=clinic, model=real_model("Ulthera Ulthera System"), handpieces=["HIFU"]
        )
        html = text(mine.get(f"/sell/{ulthera.id}/handpieces/{ulthera.handpieces[0].id}"))
        assert "transducer: 2,400 treatment lines." in html
        m22 = make_listing(state="draft", clinic=clinic, model=real_model("Lumenis M22"), handpieces=["IPL"])
        html = text(mine.get(f"/sell/{m22.id}/handpieces/{m22.handpieces[0].id}"))
        assert "A general figure, second-hand" in html

    def test_count_per_cent_without_a_unit(self, mine, draft):
        mine.post(
            f"/sell/{draft.id}/handpieces/{draft.handpieces[0].id}?",
            data={"name": "x", "modality_code": "ALEX", "counter_value": "70", "counter_direction": "percent"},
        )
        part = reload(draft).handpieces[0]
        assert (part.counter_value, part.counter_unit, part.counter_direction) == (
            70,
            CounterUnit.PERCENT_LEFT,
            CounterDirection.DOWN,
        )
        assert '<option selected value="percent">' in text(mine.get(f"/sell/{draft.id}/handpieces/{part.id}"))


LAMP = {
    "part": "Lamp", "serial": "L-1", "counter_value": "1,200", "counter_direction": "up", "counter_unit": "hours",
    "counter_read_on": "2026-05-04", "rated_life": "", "rated_life_source": "",
}  # fmt: skip


class TestCounters:
    def test_are_offered_as_such_consoles_have_them(self, mine, draft):
        html = text(mine.get(f"/sell/{draft.id}/console"))
        assert f'href="/sell/{draft.id}/counters/new?usual=alexandrite_head">Add: Alexandrite laser head' in html
        html = text(mine.get(f"/sell/{draft.id}/counters/new?usual=alexandrite_head"))
        assert 'value="Alexandrite laser head"' in html
        assert '<option selected value="pulses">' in html
        assert 'value="Alexandrite' not in text(mine.get(f"/sell/{draft.id}/counters/new?usual=piano"))

    def test_are_added_changed_and_taken_out(self, mine, draft):
        assert mine.post(f"/sell/{draft.id}/counters/new", data=LAMP).location == f"/sell/{draft.id}/console"
        (counter,) = reload(draft).counters
        assert (counter.part, counter.value, counter.unit) == ("Lamp", 1_200, CounterUnit.HOURS)
        html = text(mine.get(f"/sell/{draft.id}/counters/{counter.id}"))
        assert 'value="1,200"' in html
        mine.post(f"/sell/{draft.id}/counters/{counter.id}", data={**LAMP, "rated_life": "4000", "rated_life_source": "manual"})  # fmt: skip
        assert 'value="4,000"' in text(mine.get(f"/sell/{draft.id}/counters/{counter.id}"))
        assert "30 % of its life used" in text(mine.get(f"/sell/{draft.id}/console"))
        address = f"/sell/{draft.id}/counters/{counter.id}"
        mine.post(f"{address}/remove")
        assert reload(draft).counters == []
        assert mine.get(address).status_code == 404

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"part": ""}, "Name the part."),
            ({"counter_value": ""}, "Write what the counter shows."),
            ({"counter_value": ","}, "Write what the counter shows."),
            ({"counter_unit": "miles"}, "Choose what it counts."),
            ({"rated_life": "5"}, "Name who states the rated life, or leave it empty."),
        ],
    )
    def test_that_cannot_be_are_said_beside_their_field(self, mine, draft, changes, said):
        answer = mine.post(f"/sell/{draft.id}/counters/new", data={**LAMP, **changes})
        assert (answer.status_code, said in text(answer)) == (422, True)
        assert reload(draft).counters == []

    def test_are_nobody_elses_business(self, app, draft):
        draft.counters.append(make_counter())
        db.session.commit()
        stranger = browser_of(app, make_user())
        counter = f"/sell/{draft.id}/counters/{draft.counters[0].id}"
        assert [stranger.get(f"/sell/{draft.id}/counters/new").status_code, stranger.get(counter).status_code] == [
            404,
            404,
        ]
        assert stranger.post(f"{counter}/remove").status_code == 404
        assert len(reload(draft).counters) == 1


class TestConsole:
    def test_is_asked_what_its_modalities_ask(self, mine, draft):
        html = text(mine.get(f"/sell/{draft.id}/console"))
        assert 'Cryogen canisters that come with it <span class="optional">' in html
        assert '<option selected value="built_in">' in html

    def test_an_answer_that_is_none_stands_beside_its_field(self, mine, draft):
        answer = mine.post(f"/sell/{draft.id}/console", data={"cryogen_cans": "two"})
        assert answer.status_code == 422
        assert 'href="#cryogen_cans">Write a whole number.' in text(answer)


class TestOverview:
    def test_says_what_looks_odd(self, mine, draft):
        draft.handpieces[0].counter_value = 1_900_000_000
        db.session.commit()
        html = text(mine.get(f"/sell/{draft.id}"))
        assert "Is this right?" in html
        assert "a month. Look at the counter again." in html

    def test_leads_to_the_handpiece_that_lacks_an_answer(self, mine, draft):
        draft.handpieces[0].particulars = {}
        db.session.commit()
        assert f'href="/sell/{draft.id}/handpieces/{draft.handpieces[0].id}#spot_sizes_mm"' in text(
            mine.get(f"/sell/{draft.id}")
        )

    def test_another_one_like_it_is_begun_once(self, mine, draft):
        key = str(uuid4())
        first = mine.post(f"/sell/{draft.id}/duplicate", data={"form_key": key})
        again = mine.post(f"/sell/{draft.id}/duplicate", data={"form_key": key})
        assert first.location == again.location
        assert "A draft of another one." in text(mine.get(first.location))
        assert db.session.scalar(select(func.count()).select_from(Listing)) == 2

    def test_a_copy_needs_its_key_and_its_seller(self, app, mine, draft):
        assert mine.post(f"/sell/{draft.id}/duplicate").status_code == 422
        stranger = browser_of(app, make_user())
        assert stranger.post(f"/sell/{draft.id}/duplicate", data={"form_key": str(uuid4())}).status_code == 404
        assert db.session.scalar(select(func.count()).select_from(Listing)) == 1


class TestTerms:
    def test_keep_the_warranty(self, mine, draft):
        given = {
            "warranty": "extended",
            "warranty_months": "9",
            "warranty_transferable": "yes",
            "warranty_provider": "Acme",
        }
        mine.post(f"/sell/{draft.id}/terms", data={**given, "price": "$1,000"})
        assert (reload(draft).warranty, draft.warranty_months, draft.warranty_transferable) == (
            Warranty.EXTENDED,
            9,
            True,
        )
        html = text(mine.get(f"/sell/{draft.id}/terms"))
        assert 'value="Acme"' in html
        mine.post(f"/sell/{draft.id}/terms", data={**given, "warranty": "none"})
        assert (reload(draft).warranty, draft.warranty_months) == (Warranty.NONE, None)

    def test_refuse_months_that_cannot_be(self, mine, draft):
        answer = mine.post(f"/sell/{draft.id}/terms", data={"warranty": "seller", "warranty_months": "999"})
        assert "Write the months that are left, from 1 to 120." in text(answer)


class TestWhatBuyersAndStaffSee:
    @pytest.fixture
    def unit(self, clinic):
        unit = make_listing(
            clinic=clinic,
            warranty=Warranty.SELLER,
            warranty_months=6,
            warranty_provider="Lone Star Skin",
            handpieces=[make_handpiece(name="18 mm", counter_value=1_900_000_000)],
        )
        unit.counters = [make_counter(), make_counter(position=2, part="Cycle card", serial="PRIVATE-1", value=40, unit=CounterUnit.CYCLES, direction=CounterDirection.DOWN, rated_life=None, rated_life_source=None)]  # fmt: skip
        db.session.commit()
        return unit

    def test_the_public_sees_counters_warranty_and_answers_but_no_serial_number(self, client, unit):
        html = text(client.get(f"/devices/{unit.id}"))
        for said in (
            "Alexandrite laser head",
            "600,000 pulses / 2,000,000 pulses",
            "30 % of its life used",
            "rated life: the maker&#39;s manual",
            "40 cycles left / not stated",
            "The seller’s own; 6 months left; given by Lone Star Skin; whether it goes with the device: ask",
            "Chiller or cooling unit",
            "Wavelengths: 15 nm",
        ):
            assert said in html
        assert "PRIVATE-1" not in html

    @pytest.mark.parametrize(
        ("warranty", "said"), [({"warranty": Warranty.NONE}, "<dd>none</dd>"), ({"warranty": None}, "not known")]
    )
    def test_or_that_there_is_none(self, client, clinic, warranty, said):
        assert said in text(client.get(f"/devices/{make_listing(clinic=clinic, **warranty).id}"))

    def test_a_moderator_sees_what_looks_odd(self, app, unit):
        html = text(browser_of(app, make_staff("moderator")).get(f"/staff/listings/{unit.id}"))
        assert "Looks odd" in html
        assert "Cycle card" in html
