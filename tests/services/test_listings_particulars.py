"""What is said of a unit by modality, what its console has counted, copies of it, and what makes one look twice."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from marketplace.audit import events_about
from marketplace.catalog.queries import modalities
from marketplace.clinics.queries import WrongRole
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole
from marketplace.listings import copying, counting, drafting, fields, plausibility, queries, unsaid
from marketplace.listings.fields import Place
from marketplace.listings.models import Listing
from marketplace.listings.possible import Assurance, Counter
from marketplace.listings.states import ListingState
from marketplace.listings.terms import CounterDirection, CounterUnit, Recertification, Warranty
from tests.conftest import NOON
from tests.factories.accounts import make_user
from tests.factories.catalog import real_model
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_counter, make_handpiece, make_listing, said_in_full
from tests.support import assert_refused_by

TODAY = NOON.date()


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def clinic(seller):
    return make_clinic(owner=seller, seller=True)


@pytest.fixture
def draft(clinic):
    return make_listing(state="draft", clinic=clinic, model=real_model("Candela GentleMax Pro"), handpieces=["ALEX"])


def reload(row):
    db.session.expire_all()
    return db.session.get(type(row), row.id)


def of_console(listing):
    return {key: said for key, said in reload(listing).particulars.items() if key in fields.keys_of(Place.DEVICE)}


class TestTheTable:
    def test_speaks_of_modalities_that_the_catalogue_knows(self, draft):
        spoken = {code for field in fields.table() for code in field.required_for | field.optional_for}

        assert spoken - {"*"} <= set(modalities())


class TestParticulars:
    def console(self, draft, seller, **said):
        drafting.answer(listing_id=draft.id, actor_id=seller.id, place=Place.DEVICE, said=said)

    def test_are_kept_in_one_form(self, draft, seller):
        self.console(draft, seller, chiller="included", mains_volts="230 V", depth_mm="3")

        assert of_console(draft) == {"chiller": "included", "mains_volts": "230"}

    def test_of_other_places_stay_as_they_are(self, draft, seller):
        draft.particulars = {"chiller": "built_in", "said_elsewhere": "yes"}
        db.session.commit()
        self.console(draft, seller)

        assert reload(draft).particulars == {"said_elsewhere": "yes"}

    def test_that_are_no_answer_change_nothing(self, draft, seller):
        with pytest.raises(Invalid) as refusal:
            self.console(draft, seller, software_version="4", chiller="yes")

        assert refusal.value.field == "chiller"
        assert of_console(draft) == {"chiller": "built_in"}

    def test_are_their_sellers_alone_and_a_drafts(self, draft, seller, clinic):
        with pytest.raises(NotFound):
            self.console(draft, make_user(), chiller="none")
        with pytest.raises(Conflict):
            self.console(make_listing(clinic=clinic), seller, chiller="none")

        assert of_console(draft) == {"chiller": "built_in"}

    def handpiece(self, draft, seller, **changes):
        given = {"handpiece_id": None, "name": "Head", "modality_code": "NDYAG_LP", "serial": "", "counter": None, "rated_life": None, "rated_life_source": "", "at": NOON, **changes}  # fmt: skip
        drafting.put_handpiece(listing_id=draft.id, actor_id=seller.id, **given)
        return reload(draft).handpieces[-1]

    def test_of_a_handpiece(self, draft, seller):
        part = self.handpiece(
            draft, seller, particulars={"wavelengths_nm": "1064", "spot_sizes_mm": "", "chiller": "x"}
        )

        assert part.particulars == {"wavelengths_nm": "1064"}
        assert ("handpieces", "spot_sizes_mm", part.id, "Head: Say: Spot sizes.") in [
            (item.step, item.field, item.handpiece_id, item.sentence) for item in unsaid.missing_from(draft.id)
        ]

    def test_the_makers_own_figure_stands_where_the_seller_states_none(self, clinic, seller):
        draft = make_listing(state="draft", clinic=clinic, model=real_model("Ulthera Ulthera System"), handpieces=[])
        left = Counter(1_800, CounterUnit.LINES, CounterDirection.DOWN)
        part = self.handpiece(draft, seller, modality_code="HIFU", counter=left)

        assert (part.rated_life, part.rated_life_source[:42]) == (2_400, "its maker: Ulthera Instructions for Use, D")
        assert reload(draft).life_used_percent == 25
        part = self.handpiece(
            draft, seller, modality_code="HIFU", counter=left, rated_life=2_000, rated_life_source="me"
        )
        assert (part.rated_life, part.rated_life_source) == (2_000, "me")

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            (
                {"particulars": {**said_in_full(Place.CONDITION, []), **said_in_full(Place.STATEMENT, [])}},
                "Say: Chiller or cooling unit.",
            ),
            ({"warranty": None}, "Say which warranty it has, or that it has none."),
        ],
    )
    def test_are_asked_for_before_it_is_submitted(self, clinic, changes, sentence):
        listing = make_listing(state="draft", clinic=clinic, photos=1, **changes)

        assert [item.sentence for item in unsaid.missing_from(listing.id)] == [sentence]


class TestWarranty:
    def terms(self, draft, seller, warranty, **changes):
        drafting.describe_terms(
            listing_id=draft.id, actor_id=seller.id, recertification=Recertification.NO, recertification_quote=None,
            price=Money(4_250_000), warranty=warranty, **changes,
        )  # fmt: skip

    def test_is_what_a_buyer_can_hold_somebody_to(self, draft, seller):
        self.terms(draft, seller, Assurance(Warranty.SELLER, 6, None, " Lone Star "), training_included=True)
        facts = queries.listing(draft.id)

        assert (facts.warranty, facts.warranty_months, facts.warranty_transferable, facts.warranty_provider) == (
            Warranty.SELLER,
            6,
            None,
            "Lone Star",
        )
        assert facts.training_included is True
        self.terms(draft, seller, None)
        assert (reload(draft).warranty, draft.warranty_months, draft.training_included) == (None, None, None)

    @pytest.mark.parametrize(
        ("warranty", "field"),
        [
            (Assurance(Warranty.NONE, 3), "warranty"),
            (Assurance(Warranty.NONE, transferable=False), "warranty"),
            (Assurance(Warranty.NONE, provider="me"), "warranty"),
            (Assurance(Warranty.MAKER, 0), "warranty_months"),
            (Assurance(Warranty.MAKER, 121), "warranty_months"),
        ],
    )
    def test_that_cannot_be_changes_nothing(self, draft, seller, warranty, field):
        with pytest.raises(Invalid) as refusal:
            self.terms(draft, seller, warranty)

        assert (refusal.value.field, reload(draft).warranty) == (field, Warranty.NONE)

    @pytest.mark.parametrize("months", [1, 120])
    def test_takes_the_shortest_and_the_longest(self, draft, seller, months):
        self.terms(draft, seller, Assurance(Warranty.EXTENDED, months))

        assert reload(draft).warranty_months == months


class TestCounters:
    def put(self, draft, seller, **changes):
        given = {"counter_id": None, "part": " Nd:YAG head ", "serial": " ", "counter": Counter(500, CounterUnit.PULSES, CounterDirection.UP, TODAY), "rated_life": 1_000, "rated_life_source": " manual ", "at": NOON, **changes}  # fmt: skip
        counting.put(listing_id=draft.id, actor_id=seller.id, **given)

    def test_of_the_console_stand_beside_those_of_the_handpieces(self, draft, seller):
        self.put(draft, seller)
        (counter,) = queries.listing(draft.id).counters

        assert (counter.part, counter.serial, counter.value, counter.read_on, counter.rated_life_source) == (
            "Nd:YAG head",
            None,
            500,
            TODAY,
            "manual",
        )
        assert (counter.life_used, reload(draft).life_used_percent) == (50, 50)
        assert queries.counter_of(queries.listing(draft.id), counter.id) == counter

    def test_are_said_anew_and_taken_out(self, draft, seller):
        self.put(draft, seller)
        self.put(draft, seller, part="Lamp", serial="L-1")
        first, second = (counter.id for counter in reload(draft).counters)
        self.put(draft, seller, counter_id=second, part="Lamp 2")
        counting.remove(listing_id=draft.id, actor_id=seller.id, counter_id=first)

        assert [(counter.position, counter.part) for counter in reload(draft).counters] == [(1, "Lamp 2")]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"part": " "}, "part"),
            ({"rated_life_source": " "}, "rated_life_source"),
            ({"counter": Counter(1, CounterUnit.HOURS, CounterDirection.UP)}, "counter_read_on"),
            ({"counter": None}, "counter_value"),
            ({"counter": Counter(101, CounterUnit.PERCENT_LEFT, CounterDirection.DOWN, TODAY)}, "counter_value"),
        ],
    )
    def test_that_cannot_be_are_refused(self, draft, seller, changes, field):
        with pytest.raises(Invalid) as refusal:
            self.put(draft, seller, **changes)

        assert (refusal.value.field, reload(draft).counters) == (field, [])

    def test_are_twenty_at_most_and_of_this_unit(self, draft, seller):
        with pytest.raises(NotFound):
            self.put(draft, seller, counter_id=uuid4())
        draft.counters = [make_counter(position=number) for number in range(1, 21)]
        db.session.commit()
        with pytest.raises(Invalid):
            self.put(draft, seller)
        with pytest.raises(NotFound):
            queries.counter_of(queries.listing(draft.id), uuid4())

        assert len(reload(draft).counters) == 20

    def test_are_their_sellers_alone_and_a_drafts(self, draft, seller, clinic):
        with pytest.raises(NotFound):
            self.put(draft, make_user())
        with pytest.raises(Conflict):
            self.put(make_listing(clinic=clinic), seller)


class TestDuplicate:
    def test_takes_over_what_is_true_of_every_such_unit(self, clinic, seller):
        source = make_listing(
            clinic=clinic,
            serial="A-1",
            description="Mine",
            handpieces=[make_handpiece(serial="H-1", reduction_minor=50_000)],
            photos=1,
            inclusions={"keys": "included"},
        )
        source.counters = [make_counter()]
        db.session.commit()
        key = uuid4()
        copy_id = copying.duplicate(listing_id=source.id, actor_id=seller.id, form_key=key, at=NOON)
        copy = db.session.get(Listing, copy_id)

        assert (copy.state, copy.title, copy.price_minor, copy.warranty, copy.particulars) == (
            ListingState.DRAFT,
            source.title,
            4_250_000,
            Warranty.NONE,
            {"chiller": "built_in"},
        )
        assert (copy.serial, copy.grade, copy.rx_label_present, copy.modification, copy.inclusions) == (
            None,
            None,
            None,
            None,
            {},
        )
        assert (copy.counters, copy.photos, copy.description) == ([], [], "")
        (part,) = copy.handpieces
        assert (part.name, part.serial, part.counter_value, part.reduction_minor) == (
            "ALEX handpiece",
            None,
            None,
            50_000,
        )
        assert part.particulars == {"wavelengths_nm": "15", "spot_sizes_mm": "15"}
        assert [event.kind for event in events_about("listing", copy_id)] == ["listing:drafted"]
        assert copying.duplicate(listing_id=source.id, actor_id=seller.id, form_key=key, at=NOON) == copy_id
        assert db.session.scalar(select(func.count()).select_from(Listing)) == 2

    def test_is_for_owners_and_managers(self, clinic):
        source = make_listing(clinic=clinic)
        technician = make_user()
        make_member(clinic=clinic, user=technician, role=ClinicRole.TECHNICIAN)
        for person, refusal in ((technician, WrongRole), (make_user(), NotFound)):
            with pytest.raises(refusal):
                copying.duplicate(listing_id=source.id, actor_id=person.id, form_key=uuid4(), at=NOON)

        assert db.session.scalar(select(func.count()).select_from(Listing)) == 1


class TestDoubts:
    def of(self, listing, prices=()):
        return [(doubt.step, doubt.sentence) for doubt in plausibility.doubts(queries.listing(listing.id), prices=prices, at=TODAY)]  # fmt: skip

    def unit(self, **counter):
        values = {"counter_read_on": TODAY, "rated_life": None, **counter}
        return make_listing(year=2018, handpieces=[make_handpiece(name="Head", **values)])

    def test_are_none_about_an_ordinary_unit(self):
        assert self.of(self.unit()) == []

    # Made in the middle of 2018, asked in June 2026: 96 months.
    @pytest.mark.parametrize(("value", "odd"), [(24_000_000, False), (24_000_096, True), (1_920, False), (1_800, True)])
    def test_shots_a_month(self, value, odd):
        found = self.of(self.unit(counter_value=value))

        assert [step for step, _ in found] == (["handpieces"] if odd else [])

    def test_are_said_in_figures(self):
        assert self.of(self.unit(counter_value=48_000_000))[0][1] == (
            "Head: 48,000,000 shots since 2018 would be 500,000 a month. Look at the counter again."
        )

    @pytest.mark.parametrize(
        "counter",
        [
            {"counter_value": 30_000_000, "counter_direction": CounterDirection.DOWN},
            {"counter_value": 30_000_000, "counter_unit": CounterUnit.HOURS},
            {"counter_value": None, "counter_unit": None, "counter_direction": None},
        ],
    )
    def test_are_none_about_what_cannot_be_held_against_months(self, counter):
        assert self.of(self.unit(**counter)) == []

    def test_a_new_unit_may_have_few(self):
        assert (
            self.of(make_listing(year=2026, handpieces=[make_handpiece(counter_value=5, counter_read_on=TODAY)])) == []
        )

    @pytest.mark.parametrize(("days", "odd"), [(120, False), (121, True)])
    def test_a_reading_grows_old(self, days, odd):
        assert bool(self.of(self.unit(counter_read_on=TODAY - timedelta(days=days)))) is odd

    @pytest.mark.parametrize(
        ("direction", "said"),
        [
            (CounterDirection.UP, "Head is past its rated life, as you state it."),
            (CounterDirection.DOWN, "Head has more left than it ever had, as you state it."),
        ],
    )
    def test_more_than_a_life(self, direction, said):
        unit = self.unit(counter_value=400_001, rated_life=400_000, counter_direction=direction)

        assert self.of(unit) == [("handpieces", said)]

    def test_a_rated_life_beyond_what_its_maker_published(self):
        unit = make_listing(
            model=real_model("Ulthera Ulthera System"),
            handpieces=[make_handpiece("HIFU", name="4.5 mm", counter_value=100, counter_unit=CounterUnit.LINES, counter_direction=CounterDirection.DOWN, counter_read_on=TODAY, rated_life=2_401)],
        )  # fmt: skip

        assert self.of(unit) == [("handpieces", "4.5 mm: its maker published 2,400 treatment lines, which is less.")]

    def test_counters_of_the_console_as_well(self):
        unit = self.unit()
        unit.counters = [make_counter(read_on=TODAY, value=40_000_000, rated_life=None, rated_life_source=None)]
        db.session.commit()

        assert [sentence.partition(":")[0] for _, sentence in self.of(unit)] == ["Alexandrite laser head"]

    def test_a_service_before_it_was_made(self):
        unit = self.unit()
        unit.last_service_on = date(2017, 12, 31)
        db.session.commit()

        assert self.of(unit) == [("condition", "The last service lies before the year of manufacture.")]

    @pytest.mark.parametrize(
        ("prices", "odd"),
        [
            ([12_750_000] * 3, False),
            ([12_750_003] * 3, True),
            ([1_416_667] * 3, False),
            ([1_416_666] * 3, True),
            ([1, 1], False),
        ],
    )
    def test_a_price_far_from_what_others_ask(self, prices, odd):
        assert bool(self.of(self.unit(), prices)) is odd

    def test_a_recertification_dearer_than_the_unit(self):
        unit = self.unit()
        unit.recertification_minor = 4_250_001
        db.session.commit()

        assert [step for step, _ in self.of(unit)] == ["terms"]

    def test_no_price_is_no_doubt(self):
        assert self.of(make_listing(state="draft", price_minor=None, year=None, handpieces=[make_handpiece(counter_read_on=TODAY)]), [1] * 9) == []  # fmt: skip

    def test_compare_with_what_others_ask_now(self):
        unit = make_listing()
        other = make_listing(clinic=make_clinic(seller=True), model=reload(unit).handpieces and db.session.get(type(real_model("Lumenis M22")), unit.model_id), price_minor=111_00)  # fmt: skip
        make_listing(state="draft", price_minor=1_000_00)

        assert queries.prices_of_model(unit.model_id, but=unit.id) == [111_00]
        assert queries.prices_of_model(unit.model_id, but=other.id) == [4_250_000]


class TestTheDatabaseRefuses:
    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ("particulars = '[]'", "listings_particulars_are_answers"),
            ("warranty = 'seller', warranty_months = 121", "listings_warranty_months_are_plausible"),
            ("warranty = 'none', warranty_months = 1", "listings_no_warranty_promises_nothing"),
            ("warranty = NULL, warranty_provider = 'me'", "listings_no_warranty_promises_nothing"),
            ("warranty = 'lifelong'", "listings_warranty"),
        ],
    )
    def test_a_unit_that_lies(self, values, constraint):
        make_listing()
        with assert_refused_by(constraint):
            db.session.execute(text(f"UPDATE listings SET {values}"))

    def test_answers_of_a_handpiece_that_are_none(self):
        make_listing()
        with assert_refused_by("listing_handpieces_particulars_are_answers"):
            db.session.execute(text("UPDATE listing_handpieces SET particulars = '3'"))

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"value": -1}, "listing_counters_value_can_be"),
            ({"value": 101, "unit": "percent_left"}, "listing_counters_value_can_be"),
            ({"rated_life": 0}, "listing_counters_rated_life_is_positive"),
            ({"rated_life_source": None}, "listing_counters_rated_life_has_a_source"),
            ({"part": " "}, "listing_counters_part_is_named"),
            ({"unit": "miles"}, "listing_counters_counterunit"),
            ({"direction": "sideways"}, "listing_counters_counterdirection"),
        ],
    )
    def test_a_counter_that_lies(self, values, constraint):
        listing = make_listing()
        listing.counters.append(make_counter())
        db.session.flush()
        with assert_refused_by(constraint):
            db.session.execute(
                text(f"UPDATE listing_counters SET {', '.join(f'{name} = :{name}' for name in values)}"), values
            )

    def test_two_counters_in_one_place(self):
        listing = make_listing()
        with assert_refused_by("counter_positions_differ"):
            db.session.add_all([make_counter(listing_id=listing.id), make_counter(listing_id=listing.id)])
            db.session.flush()
            db.session.execute(text("SET CONSTRAINTS counter_positions_differ IMMEDIATE"))
