"""Finding units on the market."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.listings import search
from marketplace.listings.search import Sort, Wanted, find
from marketplace.listings.terms import Grade
from tests.factories.catalog import real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_handpiece, make_listing
from tests.support import count_statements


@pytest.fixture
def market():
    """Four units of one verified seller, oldest first."""
    clinic = make_clinic(seller=True)
    return {
        "gentle": make_listing(clinic=clinic, model=real_model("Candela GentleMax Pro"), handpieces=["ALEX", "NDYAG_LP"], price_minor=6_250_000),
        "m22": make_listing(clinic=clinic, model=real_model("Lumenis M22"), handpieces=["IPL"], price_minor=2_490_000, state_code="AZ", city="Phoenix", grade=Grade.A, year=2016),
        "icon": make_listing(clinic=clinic, model=real_model("Palomar (Cynosure) Icon"), handpieces=[make_handpiece("ER_YAG_FRAC", counter_value=900_000)], price_minor=3_300_000, state_code="FL", city="Miami", grade=Grade.C, year=2012),
        "thermage": make_listing(clinic=clinic, model=real_model("Solta Thermage CPT"), handpieces=[make_handpiece("RF_MONOPOLAR", rated_life=None)], price_minor=1_900_000, description="Bought from Clínica Ménière."),
    }  # fmt: skip


def names(market, found):
    known = {listing.id: name for name, listing in market.items()}
    return [known[card.id] for card in found.cards]


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
            "photofacial": ["m22"],
            "coherent": ["m22"],
            "BBL phoenix": ["m22"],
            "palomar": ["icon"],
            "cynosure": ["icon"],
            "erbium 2940": ["icon"],
            "meniere": ["thermage"],
            "clinica MÉNIÈRE": ["thermage"],
            "ｔｈｅｒｍａｇｅ": ["thermage"],
            "K131": [],
            "K132431": ["thermage"],
            "hair removal": ["m22", "gentle"],
            "gentlemax 2940": [],
            "???": [],
            "": ["thermage", "icon", "m22", "gentle"],
        }

        assert {text: names(market, find(Wanted(text=text))) for text in expected} == expected

    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80))
    def test_takes_any_text(self, text):
        assert find(Wanted(text=text)).page == 1

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
            (Wanted(modalities=("ALEX",)), ["gentle"]),
            (Wanted(modalities=("ALEX", "IPL")), ["m22", "gentle"]),
            (Wanted(modalities=("RAYGUN",)), []),
            (Wanted(makers=("Candela", "Lumenis")), ["m22", "gentle"]),
            (Wanted(places=("AZ",)), ["m22"]),
            (Wanted(grades=(Grade.A, Grade.C)), ["icon", "m22"]),
            (Wanted(price_from=2_490_000, price_to=3_300_000), ["icon", "m22"]),
            (Wanted(price_from=2_490_001, price_to=3_299_999), []),
            (Wanted(year_from=2016), ["thermage", "m22", "gentle"]),
            (Wanted(year_from=2017), ["thermage", "gentle"]),
            (Wanted(life_to=40), ["m22", "gentle"]),
            (Wanted(life_to=39), []),
            (Wanted(modalities=("ALEX", "IPL"), places=("TX",), makers=("Candela",), grades=(Grade.B,)), ["gentle"]),
            (Wanted(sort=Sort.CHEAPEST), ["thermage", "m22", "icon", "gentle"]),
            (Wanted(sort=Sort.DEAREST), ["gentle", "icon", "m22", "thermage"]),
            (Wanted(sort=Sort.LEAST_USED), ["m22", "gentle", "icon", "thermage"]),
        ]  # fmt: skip

        for wanted, expected in cases:
            found = find(wanted)
            assert (names(market, found), found.total) == (expected, len(expected)), wanted

    def test_by_what_the_gate_looks_at(self, market):
        key = market["m22"].configuration

        assert names(market, find(Wanted(configurations=(key,)))) == ["m22"]
        assert names(market, find(Wanted(configurations=()))) == []

    def test_by_what_the_gate_looks_at_leaves_out_sellers_who_are_not_verified(self, market):
        doubtful = make_listing(clinic=make_clinic(seller=False), model=real_model("Lumenis M22"), handpieces=["IPL"])

        assert doubtful.configuration == market["m22"].configuration
        assert names(market, find(Wanted(configurations=(doubtful.configuration,)))) == ["m22"]
        assert [known.listing_id for known in search.configurations() if known.key == doubtful.configuration] == [
            market["m22"].id
        ]

    @pytest.mark.parametrize("state", ["draft", "in_review", "reserved", "sold", "withdrawn"])
    def test_only_what_is_on_the_market(self, state):
        make_listing(state=state)

        assert find(Wanted()).total == 0
        assert search.newest(4) == []
        assert search.configurations() == []

    def test_counts_beside_each_value_what_choosing_it_would_find(self, market):
        found = find(Wanted(modalities=("ALEX",), grades=(Grade.B,)))

        assert found.total == 1
        assert found.counts["modality"] == {"ALEX": 1, "NDYAG_LP": 1, "RF_MONOPOLAR": 1}
        assert found.counts["grade"] == {"B": 1}
        assert found.counts["maker"] == {"Candela": 1}
        assert found.counts["place"] == {"TX": 1}

    def test_counts_everything_where_nothing_is_chosen(self, market):
        assert find(Wanted()).counts == {
            "modality": {"ALEX": 1, "NDYAG_LP": 1, "IPL": 1, "ER_YAG_FRAC": 1, "RF_MONOPOLAR": 1},
            "maker": {"Candela": 1, "Lumenis": 1, "Palomar (Cynosure)": 1, "Solta": 1},
            "place": {"TX": 2, "AZ": 1, "FL": 1},
            "grade": {"B": 2, "A": 1, "C": 1},
        }

    def test_a_card_says_what_it_shows(self, market):
        (card,) = find(Wanted(text="gentlemax")).cards

        assert (card.title, card.year, str(card.price), card.city, card.state_code) == (
            "Candela GentleMax Pro",
            2018,
            "$62,500",
            "Austin",
            "TX",
        )
        assert (card.grade, card.life_used_percent) == (Grade.B, 40)
        assert card.emits == ((755, 755), (1064, 1064))
        assert (card.photo, card.photo_text) == (None, None)

    def test_a_card_shows_the_first_photo(self):
        listing = make_listing(photos=2)
        (card,) = search.newest(4)

        assert (card.photo, card.photo_text) == (listing.photos[0].storage_key, "The console from the front")

    def test_pages_hold_24_and_the_last_is_the_limit(self):
        clinic = make_clinic(seller=True)
        first = make_listing(clinic=clinic)
        model = real_model("Lumenis M22")
        for _ in range(24):
            make_listing(clinic=clinic, model=model)

        assert (len(find(Wanted()).cards), find(Wanted()).pages) == (24, 2)
        assert [card.id for card in find(Wanted(page=2)).cards] == [first.id]
        assert [find(Wanted(page=page)).page for page in (-1, 0, 3, 10**9)] == [1, 1, 2, 2]

    def test_takes_two_statements_however_much_is_asked(self, market):
        everything = Wanted(
            "a", ("ALEX",), ("candela",), ("TX",), (Grade.B,), 1, 99_999_999, 2000, 90, Sort.LEAST_USED, 2, ("x",)
        )
        for wanted in (Wanted(), everything):
            with count_statements() as sent:
                find(wanted)
            assert len(sent) == 2
