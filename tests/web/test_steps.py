"""The steps of ranges on the page of the market: bars that say what they find, and find it."""

import re
from html import unescape

import pytest

from marketplace.listings.ladders import Step
from marketplace.web import stepping
from tests.factories.catalog import real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_handpiece, make_listing


@pytest.fixture(autouse=True)
def _market():
    clinic = make_clinic(seller=True)
    for price, year, used in (
        (999_999, 2009, 24),
        (1_000_000, 2010, 25),
        (1_999_950, 2012, 25),
        (8_000_000, 2022, 100),
    ):
        make_listing(
            clinic=clinic, model=real_model("Lumenis M22"), price_minor=price, year=year,
            handpieces=[make_handpiece("IPL", counter_value=used * 10_000)],
        )  # fmt: skip


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def bars(html, name):
    """Return what is read of each bar of a range, and where it leads; None: it is no link."""
    region = html.partition(f'id="steps-{name}" data-live-region>')[2].partition("</div>")[0]
    found = re.findall(
        r'<li[^>]*>(?:<a href="([^"]*)"[^>]*>|<span>).*?class="visually-hidden">(.*?)</span>', region, re.DOTALL
    )
    return [(words, unescape(address) or None) for address, words in found]


def test_each_bar_says_how_many_there_are_and_leads_to_them(client):
    html = page(client, "/devices?sort=price&maker=Lumenis")

    here = "/devices?sort=price&maker=Lumenis&"
    assert bars(html, "price") == [
        ("up to $9,999.99: 1 device", f"{here}max=9999.99"),
        ("$10,000 to $19,999.99: 2 devices", f"{here}min=10000&max=19999.99"),
        ("$20,000 to $29,999.99: no devices", None),
        ("$30,000 to $49,999.99: no devices", None),
        ("$50,000 to $79,999.99: no devices", None),
        ("$80,000 and more: 1 device", f"{here}min=80000"),
    ]
    assert bars(html, "year")[:2] == [
        ("up to 2009: 1 device", f"{here}year_to=2009"),
        ("2010 to 2012: 2 devices", f"{here}year=2010&year_to=2012"),
    ]
    assert bars(html, "used")[-2:] == [
        ("75 to 99 % of life used: no devices", None),
        ("100 % of life used and more: 1 device", f"{here}life_from=100"),
    ]
    assert bars(html, "light")[1] == ("600 to 799 nm: 4 devices", f"{here}nm_from=600&nm_to=799")


@pytest.mark.parametrize("name", ["price", "year", "used", "light"])
def test_whoever_follows_a_bar_finds_exactly_so_many(client, name):
    shown = [(words, address) for words, address in bars(page(client, "/devices"), name) if address]
    assert shown
    for words, address in shown:
        number = words.rpartition(": ")[2]
        narrowed = page(client, address)
        assert f"<h1>{number}</h1>" in narrowed
        # The range leaves its own bars as they were; the one in force leads out of it.
        assert [one.partition(";")[0] for one, _ in bars(narrowed, name)] == [
            one for one, _ in bars(page(client, "/devices"), name)
        ]
        assert [(one, there) for one, there in bars(narrowed, name) if "chosen" in one] == [
            (f"{words}; chosen, take it off", "/devices?")
        ]
        assert narrowed.count('aria-current="true"') == 1


def test_another_range_is_left_as_it_is_and_the_page_is_the_first_again(client):
    html = page(client, "/devices?max=19,999.99&zip=78701&sort=distance&after=x~y")

    assert bars(html, "year") == [
        ("up to 2009: 1 device", "/devices?max=19%2C999.99&zip=78701&sort=distance&year_to=2009"),
        ("2010 to 2012: 2 devices", "/devices?max=19%2C999.99&zip=78701&sort=distance&year=2010&year_to=2012"),
        *(
            (f"{words}: no devices", None)
            for words in ("2013 to 2015", "2016 to 2018", "2019 to 2021", "2022 and more")
        ),
    ]


def test_bars_within_the_range_are_marked_and_where_nothing_stands_there_are_none(client):
    html = page(client, "/devices?min=15000&max=30000")
    region = html.partition('id="steps-price"')[2].partition("</ol>")[0]

    assert [bool(mark) for mark in re.findall(r"<li( class=\"is-within\")?>", region)] == [
        False, True, True, True, False, False,
    ]  # fmt: skip
    assert bars(page(client, "/devices?q=nothinglikeit"), "price") == []


def test_what_somebody_types_beside_figures_is_no_place_for_bars(client):
    html = page(client, "/devices?zip=" + '"steps-price" data-live-region>{here}')

    assert 'value="&#34;steps-price&#34; data-live-region&gt;{here}"' in html
    assert len(bars(html, "price")) == 6
    assert html.count('<ol class="ladder') == 4


def test_long_numbers_are_written_smaller(app):
    with app.test_request_context():
        drawn = [
            stepping._piece("year", (Step(None, 9, 5), Step(10, None, units)), stepping.OPEN)
            for units in (99_999, 100_000)
        ]
    assert ["ladder--long" in one for one in drawn] == [False, True]


def test_one_among_thousands_is_seen():
    steps = [Step(None, 9, 100_000), Step(10, 19, 1), Step(20, None, 0)]

    assert [(bar.height, bar.edge) for bar in stepping.bars("year", steps, stepping.OPEN)] == [
        (40, "<10"), (1, "10"), (0, "20+"),
    ]  # fmt: skip
    assert [bar.within for bar in stepping.bars("year", steps, (None, 9))] == [True, False, False]
    assert [bar.within for bar in stepping.bars("year", steps, (19, None))] == [False, True, True]
