"""The steps of ranges: each unit on one of them, and each step a range that finds what was counted on it."""

import csv
import json
from dataclasses import replace
from importlib.resources import files

import pytest

from marketplace.catalog.wavelengths import read_bands
from marketplace.listings import figures, search
from marketplace.listings.ladders import LADDERS, LIGHT
from marketplace.listings.places import point_of
from marketplace.listings.search import Wanted, find
from marketplace.listings.terms import Grade
from tests.factories.catalog import make_model, real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_handpiece, make_listing
from tests.support import count_statements


@pytest.fixture
def market():
    """Units at both sides of edges: of price, of year, and of life used; of one nobody knows how much it was used."""
    clinic = make_clinic(seller=True)
    shots = [0, 240_000, 250_000, 990_000, 1_000_000, None]
    prices = [99_99_00, 999_999, 1_000_000, 7_999_999, 8_000_000, 99_999_999]
    years = [1985, 2009, 2010, 2021, 2022, 2026]
    models = [real_model("Candela GentleMax Pro"), real_model("Lumenis M22")]
    return [
        make_listing(
            clinic=clinic,
            model=models[number % 2],
            handpieces=[
                make_handpiece(models[number % 2].modality_codes[0], counter_value=shots[number] or 0,
                               rated_life=None if shots[number] is None else 1_000_000)
            ],
            price_minor=prices[number],
            year=years[number],
            grade=Grade.A if number < 3 else Grade.B,
            description="Fibre renewed." if number == 4 else "",
        )
        for number in range(6)
    ]  # fmt: skip


def units(found, name):
    return [step.units for step in found.steps[name]]


def test_each_unit_stands_on_one_step_and_an_edge_belongs_to_the_step_that_it_begins(market):
    found = find(Wanted(), in_steps=True)

    assert units(found, "price") == [2, 1, 0, 0, 1, 2]
    assert units(found, "year") == [2, 1, 0, 0, 1, 2]
    assert units(found, "used") == [2, 1, 0, 1, 1]
    assert found.steps["price"][:2] == ((None, 999_999, 2), (1_000_000, 1_999_999, 1))
    assert found.steps["price"][-1] == (8_000_000, None, 2)


ASKED = [
    Wanted(),
    Wanted(text="fibre"),
    Wanted(text="candela"),
    Wanted(chosen={"maker": ("Lumenis",)}),
    Wanted(text="laser", chosen={"maker": ("Candela",)}),
    Wanted(chosen={"grade": ("A",)}),
    Wanted(chosen={"grade": ("B",), "maker": ("Candela",)}),
    Wanted(spans={"price": (1_000_000, 7_999_999)}),
    Wanted(spans={"price": (None, 8_000_000), "year": (2010, None), "used": (None, 100)}),
    Wanted(spans={"used": (25, None)}, light=(700, 800)),
    Wanted(light=(None, 599)),
]


@pytest.mark.parametrize("wanted", ASKED)
def test_a_step_as_a_range_finds_the_units_that_were_counted_on_it(market, wanted):
    for name, steps in find(wanted, in_steps=True).steps.items():
        for least, most, counted in steps:
            span = (least, most)
            narrowed = (
                replace(wanted, light=span) if name == "light" else replace(wanted, spans={**wanted.spans, name: span})
            )
            assert find(narrowed).total == counted, (name, span)


@pytest.mark.parametrize("wanted", ASKED)
def test_a_range_does_not_change_its_own_steps(market, wanted):
    for name in LADDERS:
        spans = {one: span for one, span in wanted.spans.items() if one != name}
        alone = find(replace(wanted, spans=spans), in_steps=True).steps[name]
        for span in LADDERS[name].spans:
            assert find(replace(wanted, spans={**spans, name: span}), in_steps=True).steps[name] == alone


def test_what_is_not_known_stands_on_no_step_and_in_no_range(market):
    unknown = market[5].id

    assert sum(units(find(Wanted(), in_steps=True), "used")) == 5
    for span in ((0, None), (None, 2**31 - 2), (100, None)):
        assert unknown not in {card.id for card in find(Wanted(spans={"used": span})).cards}


def test_a_unit_is_counted_on_every_step_of_light_that_it_emits(market):
    before = find(Wanted(), in_steps=True)
    make_listing(
        clinic=make_clinic(seller=True),
        model=make_model(modality_codes=["ALEX", "NDYAG_LP"], bands=[[755, 755], [1064, 1064]]),
        handpieces=["ALEX", "NDYAG_LP"],
    )
    after = find(Wanted(light=(1064, 1064)), in_steps=True)

    more = [now - then for now, then in zip(units(after, "light"), units(before, "light"), strict=True)]
    assert more == [0, 1, 0, 1, 0, 0]


@pytest.mark.parametrize("wanted", [*ASKED, Wanted(text="candlea", spans={"year": (2000, None)})])
def test_steps_come_with_the_figures(market, wanted):
    find(Wanted())
    figures.forget()
    with count_statements() as sent:
        assert find(wanted, in_steps=True).steps
    assert len(sent) <= 3
    with count_statements() as sent:
        find(wanted, in_steps=True)
    assert len(sent) <= 2


MOSTLY = [
    {"price": (None, 8_999_999)},
    {"year": (1985, 2025), "used": (0, None)},
    {"used": (0, None)},
]


@pytest.mark.parametrize("spans", MOSTLY)
@pytest.mark.parametrize("chosen", [{}, {"maker": ("Candela",)}, {"grade": ("A",)}])
def test_where_most_units_are_within_a_range_those_outside_are_read(market, spans, chosen):
    wanted = Wanted(chosen=chosen, spans=spans)
    with count_statements() as sent:
        read = find(wanted, in_steps=True)  # How many there are within is not known yet.
    assert "-1 FROM market_units" not in " ".join(sent)
    figures.forget()
    find(Wanted(), in_steps=True)

    with count_statements() as sent:
        assert find(wanted, in_steps=True) == read

    assert len(sent) == 3
    assert "-1 FROM market_units" in sent[1]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(spans={"price": (None, 1_000_000)}),
        Wanted(spans={"price": (None, 7_999_999)}),
        Wanted(spans={"price": (1_000_000, None), "year": (None, 2010)}),
        Wanted(spans={"price": (None, 8_000_000)}, text="fibre"),
        Wanted(spans={"price": (None, 8_000_000), "landed": (None, 99_000_000)}),
        Wanted(spans={"price": (None, 8_000_000), "spot": (None, 1_000)}),
        Wanted(spans={"price": (None, 8_000_000)}, near=search.Near(point_of("78701"), within=5_000)),
    ],
)
def test_where_few_are_within_or_more_is_asked_for_they_are_read_themselves(market, wanted):
    find(Wanted(), in_steps=True)

    with count_statements() as sent:
        find(wanted, in_steps=True)

    assert "-1 FROM market_units" not in " ".join(sent)


@pytest.mark.parametrize(
    ("span", "part"),
    [
        ((None, None), 1),
        ((0, None), 1),
        ((2_000_000, 2_999_999), 1),
        ((2_250_000, None), 0.75),
        ((None, 2_249_999), 0.25),
        ((2_250_000, 2_749_999), 0.5),
        ((3_000_000, None), 0),
        ((None, 1_999_999), 0),
        ((2_700_000, 2_300_000), 0),
    ],
)
def test_of_a_grain_that_a_range_cuts_a_part_is_within(span, part):
    assert figures._part(2_000_000, 1_000_000, span) == part


def test_of_an_empty_market_nothing_is_within():
    find(Wanted(), in_steps=True)

    assert find(Wanted(spans={"price": (None, 8_000_000)}), in_steps=True).total == 0


def test_steps_are_not_counted_where_nobody_shows_them(market):
    figures.forget()

    assert find(Wanted()).steps == {}
    assert len(figures.remembered()) == 1


def test_steps_follow_the_market(market):
    before = find(Wanted(), in_steps=True).steps
    market[0].price_minor = 1_000_000
    search.db.session.flush()

    assert units(find(Wanted(), in_steps=True), "price") == [1, 2, 0, 0, 1, 2]
    assert before["year"] == find(Wanted(), in_steps=True).steps["year"]


def test_no_line_of_the_catalogue_lies_between_two_steps():
    """Steps are asked for in whole nanometres."""
    data = files("marketplace.catalog") / "data"
    bands = [band for one in json.loads((data / "modalities.json").read_text()) for band in one["bands"]]
    with (data / "models.csv").open(encoding="utf-8") as models:
        bands += [band for row in csv.DictReader(models) for band in read_bands(row["wavelengths_nm"])]

    assert len(bands) > 100
    for start in LIGHT.starts:
        assert not [line for line, end in bands if line == end and start - 1 < line < start]


def test_steps_are_made_of_whole_grains():
    assert all(start % ladder.grain == 0 for ladder in LADDERS.values() for start in ladder.starts)
