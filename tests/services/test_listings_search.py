"""Finding units on the market."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.catalog import queries as catalog
from marketplace.listings import figures, kinds, search
from marketplace.listings.places import Point
from marketplace.listings.search import Near, Sort, Wanted, find
from marketplace.listings.terms import Grade, Recertification, Warranty
from marketplace.recalls.states import MatchState
from tests.factories.accounts import LONG_AGO
from tests.factories.catalog import make_model, real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.recalls import make_recall
from tests.support import count_statements


@pytest.fixture
def market():
    """Four units of one verified seller, oldest first."""
    clinic = make_clinic(seller=True)
    return {
        "gentle": make_listing(clinic=clinic, model=real_model("Candela GentleMax Pro"), handpieces=[make_handpiece("ALEX", particulars={"spot_sizes_mm": "8-12"}), make_handpiece("NDYAG_LP", particulars={})], price_minor=6_250_000, postal_code="78701"),
        "m22": make_listing(clinic=clinic, model=real_model("Lumenis M22"), handpieces=[make_handpiece("IPL", particulars={})], price_minor=2_490_000, state_code="AZ", city="Phoenix", postal_code="85004", grade=Grade.A, year=2016, inclusions={"service_record": "included"}, recertification=Recertification.NO, warranty=Warranty.SELLER, training_included=True),
        "icon": make_listing(clinic=clinic, model=real_model("Palomar (Cynosure) Icon"), handpieces=[make_handpiece("ER_YAG_FRAC", counter_value=900_000, particulars={"spot_sizes_mm": "3.25;6"})], price_minor=3_300_000, state_code="FL", city="Miami", grade=Grade.C, year=2012, recertification=Recertification.YES),
        "thermage": make_listing(clinic=clinic, model=real_model("Solta Thermage CPT"), handpieces=[make_handpiece("RF_MONOPOLAR", rated_life=None)], price_minor=1_900_000, description="Bought from Clínica Ménière."),
    }  # fmt: skip


def names(market, found):
    known = {listing.id: name for name, listing in market.items()}
    return [known[card.id] for card in found.cards]


def chosen(**answers):
    return Wanted(chosen={name: tuple(values) for name, values in answers.items()})


AUSTIN = Point(30.271, -97.742)


class TestFind:
    def test_by_words(self, market):
        expected = {
            "gentlem": ["gentle"],
            "Gentle Max Pro": ["gentle"],
            "candela gentle max": ["gentle"],
            "GENTLEMAXPRO": ["gentle"],
            "alex 755": ["gentle"],
            "755nm": ["gentle"],
            "1,064 nm": ["gentle"],
            "nd:yag": ["gentle"],
            "yag laser": ["icon", "gentle"],
            "laser": ["icon", "gentle"],
            "photofacial": ["m22"],
            "coherent": ["m22"],
            "BBL phoenix": ["m22"],
            "used photofacial machine for sale": ["m22"],
            "phoenix 2016": ["m22"],
            "palomar": ["icon"],
            "cynosure": ["icon"],
            "erbium 2940": ["icon"],
            "meniere": ["thermage"],
            "clinica MÉNIÈRE": ["thermage"],
            "ｔｈｅｒｍａｇｅ": ["thermage"],
            "K131": [],
            "K132431": ["thermage"],
            "hair removal": ["m22", "gentle"],
            "epilation": ["m22", "gentle"],
            "gentlemax 2940": [],
            "???": [],
            "": ["thermage", "icon", "m22", "gentle"],
        }

        assert {text: names(market, find(Wanted(text=text))) for text in expected} == expected

    @settings(max_examples=120, deadline=None)
    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80))
    def test_takes_any_text(self, text):
        assert find(Wanted(text=text)).earlier is None

    def test_takes_what_looks_like_a_query(self, market):
        texts = [
            "'",
            "zz' | 'a",
            "!(a)",
            "a:*",
            "\\",
            "<->",
            "& |",
            "x" * 5000,
            "zz " * 500,
            "²½№",
            "ß",
            "日本語",
            "\x1f",
        ]

        assert [find(Wanted(text=text)).total for text in texts] == [0, 0, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    def test_by_filters(self, market):
        cases = [
            (chosen(modality=["ALEX"]), ["gentle"]),
            (chosen(modality=["ALEX", "IPL"]), ["m22", "gentle"]),
            (chosen(modality=["RAYGUN"]), []),
            (chosen(modality=[]), ["thermage", "icon", "m22", "gentle"]),
            (chosen(procedure=["HAIR_NONABLATIVE"]), ["m22", "gentle"]),
            (chosen(maker=["Candela", "Lumenis"]), ["m22", "gentle"]),
            (chosen(model=["Lumenis M22"]), ["m22"]),
            (chosen(state=["AZ"]), ["m22"]),
            (chosen(grade=["A", "C"]), ["icon", "m22"]),
            (chosen(service=["record"]), ["m22"]),
            (chosen(warranty=["seller", "maker"]), ["m22"]),
            (chosen(training=["included"]), ["m22"]),
            (chosen(recall=["none"]), ["thermage", "icon", "m22", "gentle"]),
            (chosen(recall=["open"]), []),
            (chosen(recertification=["yes"]), ["icon"]),
            (chosen(recertification=["yes", "no"]), ["icon", "m22"]),
            (chosen(modality=["ALEX", "IPL"], state=["TX"], maker=["Candela"], grade=["B"]), ["gentle"]),
        ]  # fmt: skip

        for wanted, expected in cases:
            found = find(wanted)
            assert (names(market, found), found.total) == (expected, len(expected)), wanted

    @pytest.mark.parametrize(
        ("name", "span", "expected"),
        [
            ("price", (2_490_000, 3_300_000), ["icon", "m22"]),
            ("price", (2_490_001, 3_299_999), []),
            ("price", (None, 1_900_000), ["thermage"]),
            ("price", (6_250_000, None), ["gentle"]),
            ("price", (6_250_000, 6_250_000), ["gentle"]),
            ("price", (6_250_001, None), []),
            ("year", (2016, None), ["thermage", "m22", "gentle"]),
            ("year", (2017, None), ["thermage", "gentle"]),
            ("year", (None, 2012), ["icon"]),
            ("year", (2012, 2016), ["icon", "m22"]),
            ("used", (None, 40), ["m22", "gentle"]),
            ("used", (None, 39), []),
            ("used", (90, 2**31 - 2), ["icon"]),
            ("spot", (600, 600), ["icon"]),
            ("spot", (601, 799), []),
            ("spot", (None, 600), ["icon"]),
            ("spot", (800, 800), ["gentle"]),
            ("spot", (1000, 1100), ["gentle"]),
            ("spot", (1201, None), []),
            ("spot", (1200, 600), []),
            ("shots", (600_000, None), ["m22", "gentle"]),
            ("shots", (600_001, None), []),
            ("shots", (None, 100_000), ["icon"]),
        ],
    )
    def test_both_ends_of_a_range_belong_to_it_and_the_unknown_does_not(self, market, name, span, expected):
        found = find(Wanted(spans={name: span}))

        assert (names(market, found), found.total) == (expected, len(expected))

    @pytest.mark.parametrize(
        ("light", "expected"),
        [
            ((755, 755), ["m22", "gentle"]),
            ((1064, 1064), ["m22", "gentle"]),
            ((1201, 2939), []),
            ((1200, 2940), ["icon", "m22"]),
            ((2940, None), ["icon"]),
            ((None, 399), []),
            ((None, 400), ["m22"]),
        ],
    )
    def test_by_wavelength(self, market, light, expected):
        assert names(market, find(Wanted(light=light))) == expected
        assert names(market, find(Wanted(light=light, text="a"))) == expected

    def test_by_distance(self, market):
        """Phoenix is 868.2 miles from Austin; where the others stand nobody said."""
        near = {miles: find(Wanted(near=Near(AUSTIN, miles), sort=Sort.NEAREST)) for miles in (1, 868, 869, None)}

        assert {miles: names(market, found) for miles, found in near.items()} == {
            1: ["gentle"],
            868: ["gentle"],
            869: ["gentle", "m22"],
            None: ["gentle", "m22", "icon", "thermage"]
            if market["icon"].id < market["thermage"].id
            else ["gentle", "m22", "thermage", "icon"],
        }
        assert [card.miles and round(card.miles) for card in near[None].cards] == [0, 868, None, None]

    def test_nearest_first_means_newest_first_where_nobody_says_from_where(self, market):
        assert names(market, find(Wanted(sort=Sort.NEAREST))) == ["thermage", "icon", "m22", "gentle"]

    def test_in_order(self, market):
        orders = {
            sort: names(market, find(Wanted(sort=sort, text="a")))
            for sort in (Sort.NEWEST, Sort.CHEAPEST, Sort.DEAREST, Sort.LEAST_USED)
        }
        first = ["m22", "gentle"] if market["m22"].id < market["gentle"].id else ["gentle", "m22"]

        assert orders == {
            Sort.NEWEST: ["thermage", "icon", "m22", "gentle"],
            Sort.CHEAPEST: ["thermage", "m22", "icon", "gentle"],
            Sort.DEAREST: ["gentle", "icon", "m22", "thermage"],
            Sort.LEAST_USED: [*first, "icon", "thermage"],
        }

    def test_by_what_the_gate_looks_at(self, market):
        key = market["m22"].configuration

        assert names(market, find(Wanted(configurations=(key,)))) == ["m22"]
        assert names(market, find(Wanted(configurations=(key,), text="a"))) == ["m22"]
        assert names(market, find(Wanted(configurations=(key,), light=(755, 755), spans={"year": (2016, None)}))) == [
            "m22"
        ]
        assert names(market, find(Wanted(configurations=()))) == []

    def test_by_what_the_gate_looks_at_or_single_units(self, market):
        key, unit = market["m22"].configuration, market["gentle"].id

        assert names(market, find(Wanted(configurations=(key,), units=(unit,)))) == ["m22", "gentle"]
        assert names(market, find(Wanted(configurations=(), units=(unit,)))) == ["gentle"]
        assert names(market, find(Wanted(configurations=(), units=(unit,), text="candela"))) == ["gentle"]
        assert names(market, find(Wanted(configurations=(), units=(unit,), text="lumenis"))) == []
        assert names(market, find(Wanted(configurations=(), units=(unit,), light=(2000, None)))) == []

    def test_by_what_the_gate_looks_at_leaves_out_sellers_who_are_not_verified(self, market):
        doubtful = make_listing(clinic=make_clinic(seller=False), model=real_model("Lumenis M22"), handpieces=["IPL"])

        assert doubtful.configuration == market["m22"].configuration
        assert names(market, find(Wanted(configurations=(doubtful.configuration,)))) == ["m22"]
        assert find(Wanted(configurations=(), units=(doubtful.id,))).total == 0
        assert [known.listing_id for known in search.configurations() if known.key == doubtful.configuration] == [
            market["m22"].id
        ]

    @pytest.mark.parametrize("state", ["draft", "in_review", "reserved", "sold", "withdrawn"])
    def test_only_what_is_on_the_market(self, state):
        make_listing(state=state)

        assert find(Wanted()).total == 0
        assert search.newest(4) == []
        assert search.configurations() == []

    def test_a_card_says_what_it_shows(self, market):
        (card,) = find(Wanted(text="gentlemax")).cards

        assert (card.title, card.year, str(card.price), card.city, card.state_code) == (
            "Candela GentleMax Pro",
            2018,
            "$62,500",
            "Austin",
            "TX",
        )
        assert (card.grade, card.life_used_percent, card.miles) == (Grade.B, 40, None)
        assert card.emits == ((755, 755), (1064, 1064))
        assert (card.photo, card.photo_text) == (None, None)

    def test_a_card_shows_the_first_photo(self):
        listing = make_listing(photos=2)
        (card,) = search.newest(4)

        assert (card.photo, card.photo_text) == (listing.photos[0].storage_key, "The console from the front")


class TestCounts:
    def test_say_beside_each_answer_what_choosing_it_would_find(self, market):
        found = find(chosen(modality=["ALEX"], grade=["B"]))

        assert found.total == 1
        assert found.counts == {
            "modality": {"ALEX": 1, "NDYAG_LP": 1, "RF_MONOPOLAR": 1},
            "procedure": {"HAIR_NONABLATIVE": 1, "VASCULAR_PIGMENT": 1},
            "maker": {"Candela": 1},
            "model": {"Candela GentleMax Pro": 1},
            "grade": {"B": 1},
            "state": {"TX": 1},
            "recall": {"none": 1},
            "warranty": {"none": 1},
            "training": {},
            "service": {},
            "recertification": {},
        }

    def test_count_everything_where_nothing_is_chosen(self, market):
        assert find(Wanted()).counts == {
            "modality": {"ALEX": 1, "NDYAG_LP": 1, "IPL": 1, "ER_YAG_FRAC": 1, "RF_MONOPOLAR": 1},
            "procedure": {"HAIR_NONABLATIVE": 2, "VASCULAR_PIGMENT": 2, "ABLATIVE": 1, "RF_SURFACE": 1},
            "maker": {"Candela": 1, "Lumenis": 1, "Palomar (Cynosure)": 1, "Solta": 1},
            "model": {
                "Candela GentleMax Pro": 1,
                "Lumenis M22": 1,
                "Palomar (Cynosure) Icon": 1,
                "Solta Thermage CPT": 1,
            },
            "state": {"TX": 2, "AZ": 1, "FL": 1},
            "grade": {"B": 2, "A": 1, "C": 1},
            "recall": {"none": 4},
            "warranty": {"none": 3, "seller": 1},
            "training": {"included": 1},
            "service": {"record": 1},
            "recertification": {"yes": 1, "no": 1},
        }

    def test_of_a_trait_leave_its_own_choice_out(self, market):
        assert find(chosen(recertification=["yes"], grade=["A", "C"])).counts["recertification"] == {"yes": 1, "no": 1}
        assert find(chosen(recertification=["yes"], state=["AZ"])).counts["grade"] == {}

    def test_a_confirmed_recall_is_counted_for_every_unit_of_its_model(self, market):
        make_recall(market["m22"].model_id, state=MatchState.CONFIRMED)
        make_recall(market["gentle"].model_id, number="Z-2-2026")

        assert find(Wanted()).counts["recall"] == {"none": 3, "open": 1}
        assert names(market, find(chosen(recall=["open"]))) == ["m22"]
        assert names(market, find(chosen(recall=["none"]))) == ["thermage", "icon", "gentle"]


class TestWhatWasMeant:
    def test_looks_for_the_nearest_word_where_nothing_has_the_typed_one(self, market):
        cases = {
            "thermge": ("thermage", ["thermage"]),
            "gentelmax": ("gentlemax", ["gentle"]),
            "candella alex": ("candela alex", ["gentle"]),
            "lumnis photofacail": ("lumenis photofacial", ["m22"]),
            "tattoo lumenis": (None, []),
            "xy": (None, []),
            "9999": (None, []),
            "zzzzzzzz": (None, []),
        }

        found = {typed: find(Wanted(text=typed)) for typed in cases}
        assert {typed: (one.meant, names(market, one)) for typed, one in found.items()} == cases

    def test_looks_for_the_typed_word_alone_where_asked_to(self, market):
        found = find(Wanted(text="thermge"), literally=True)

        assert (found.meant, found.total) == (None, 0)

    def test_says_nothing_of_what_was_meant_where_that_finds_nothing_either(self, market):
        found = find(Wanted(text="thermge", chosen={"state": ("WY",)}))

        assert (found.meant, found.total) == (None, 0)


class TestPages:
    def all_pages(self, wanted, limit=10):
        """Return the ids of all units, page after page forward, and again backward from the last."""
        forward, page = [], find(wanted)
        forward.append([card.id for card in page.cards])
        while page.later and len(forward) < limit:
            page = find(Wanted(**{**fields(wanted), "cursor": page.later}))
            forward.append([card.id for card in page.cards])
        backward = [forward[-1]]
        while page.earlier and len(backward) < limit:
            page = find(Wanted(**{**fields(wanted), "cursor": page.earlier}))
            backward.insert(0, [card.id for card in page.cards])
        return forward, backward

    @pytest.mark.parametrize("sort", Sort)
    @pytest.mark.parametrize("few", [0, 10_000])
    def test_hold_24_and_show_every_unit_once_in_both_directions(self, monkeypatch, sort, few):
        """Also where many units have the same price, age and use, and however the page is read."""
        monkeypatch.setattr(search, "_FEW", few)
        clinic = make_clinic(seller=True)
        model = real_model("Lumenis M22")
        for number in range(50):
            make_listing(
                clinic=clinic, model=model, price_minor=100_000 + number % 3, published_at=LONG_AGO,
                postal_code=["78701", "85004", None][number % 3],
            )  # fmt: skip
        everything = Wanted(sort=sort, near=Near(AUSTIN))
        forward, backward = self.all_pages(everything)

        assert [len(page) for page in forward] == [24, 24, 2]
        assert len({one for page in forward for one in page}) == 50
        assert backward == forward
        # The same where the first of each kind are looked for in their own order.
        of_kinds = Wanted(**{**fields(everything), "chosen": {"modality": ("IPL",)}})
        assert self.all_pages(of_kinds) == (forward, backward)

    def test_a_unit_that_comes_or_goes_moves_no_other_to_a_page_already_seen(self):
        clinic = make_clinic(seller=True)
        model = real_model("Lumenis M22")
        units = [make_listing(clinic=clinic, model=model, published_at=LONG_AGO + timedelta(days=n)) for n in range(30)]
        first = find(Wanted())
        make_listing(clinic=clinic, model=model, published_at=LONG_AGO + timedelta(days=99))
        second = find(Wanted(cursor=first.later))

        assert [card.id for card in second.cards] == [unit.id for unit in reversed(units[:6])]
        assert second.total == 31


def fields(wanted):
    return {name: getattr(wanted, name) for name in Wanted.__dataclass_fields__}


class TestStatements:
    EVERYTHING = Wanted(
        text="a", chosen={"modality": ("ALEX",), "maker": ("Candela",), "state": ("TX",), "grade": ("B",)},
        spans={"price": (1, 99_999_999), "year": (2000, None), "used": (None, 90)}, light=(700, 1100),
        near=Near(AUSTIN, 3000), sort=Sort.LEAST_USED,
    )  # fmt: skip

    @pytest.mark.parametrize("wanted", [Wanted(), EVERYTHING, Wanted(text="candela alex", sort=Sort.CHEAPEST)])
    def test_are_four_after_a_change_three_for_another_question_and_two_for_the_same(self, market, wanted):
        catalog.modalities()
        kinds.forget()
        figures.forget()
        taken = []
        for forgetting in (lambda: None, figures.forget, lambda: None):
            forgetting()
            with count_statements() as sent:
                assert find(wanted).total
            taken.append(len(sent))

        assert taken == [4, 3, 2]

    def test_are_three_where_something_else_was_meant(self, market):
        find(Wanted())
        with count_statements() as sent:
            assert find(Wanted(text="thermge")).meant == "thermage"

        assert len(sent) == 3

    def test_what_will_be_counted_next_comes_with_the_figures(self, market):
        find(Wanted())
        others = [Wanted(spans={"price": (None, 1_900_000)}), Wanted(text="thermage", chosen={"state": ("TX",)})]
        alone = [find(one) for one in others]
        figures.forget()
        with count_statements() as sent:
            find(Wanted(spans={"year": (2000, None)}), next_to=lambda _: others)
        assert len(sent) == 3
        with count_statements() as sent:
            together = [find(one) for one in others]
        assert len(sent) == 2 * sum(1 for one in alone if one.total) + sum(1 for one in alone if not one.total)
        assert together == alone


class TestMemory:
    def test_is_asked_no_more_after_any_change(self, market):
        def seen():
            found = find(Wanted())
            return found.total, found.counts["state"], str(found.cards[0].price), found.cards[0].photo_text

        assert seen() == (4, {"TX": 2, "AZ": 1, "FL": 1}, "$19,000", None)
        make_listing(clinic=make_clinic(seller=True), price_minor=100_000, state_code="NV", photos=1)
        assert seen() == (5, {"TX": 2, "AZ": 1, "FL": 1, "NV": 1}, "$1,000", "The console from the front")

    def test_keeps_no_more_than_it_should(self, market, monkeypatch):
        monkeypatch.setattr(figures, "MOST_REMEMBERED", 2)
        for year in (2001, 2002, 2003):
            find(Wanted(spans={"year": (year, None)}))

        assert len(figures.remembered()) == 1

    def test_a_kind_that_came_in_the_meantime_is_read_at_once(self, market):
        """Between two statements a seller may put something new on the market."""
        find(Wanted())
        make_listing(clinic=make_clinic(seller=True), model=make_model(name="Brand new"))
        stale = kinds._known[0]
        for question in (Wanted(), Wanted(sort=Sort.CHEAPEST)):
            kinds._known[0] = kinds.Market(search.version(), stale.kinds, stale.vocabulary)
            assert find(question).total == 5
            kinds._known[0] = kinds.Market(search.version(), stale.kinds, stale.vocabulary)
            assert len(search.newest(5)) == 5
