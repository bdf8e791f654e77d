"""What a device costs in all, on its page: the reader's figures live in the address."""

import pytest

from tests.factories.catalog import real_model
from tests.factories.listings import make_handpiece, make_listing
from tests.pages import text


@pytest.fixture
def unit():
    return make_listing(
        model=real_model("Sciton JOULE ProFractional"),
        handpieces=[make_handpiece("ER_YAG_FRAC")],
        price_minor=4_100_000,
    )


def test_says_at_least_and_names_what_is_not_known(client, unit):
    page = text(client.get(f"/devices/{unit.id}"))

    assert "At least $41,000" in page
    assert "without what nobody knows yet: recertification by the maker" in page
    assert "Published figures: $25,000 to $50,000 (ACBA (buyers' association" in page.replace("&#39;", "'")
    assert "The seller pays it out of the price." in page


def test_the_readers_figures_are_added_and_shown_again_to_anybody(client, unit):
    parts = ("recertification", "deinstallation", "crate", "freight", "handpieces", "training")
    asked = "&".join(f"cost_{part}=%24100.10" for part in parts)
    page = text(client.get(f"/devices/{unit.id}?state=TX&{asked}"))

    assert "<strong>$41,600.60</strong>" in page
    assert page.count('value="$100.10"') == 6
    assert page.count("Your assumption") == 6
    assert '<input type="hidden" name="state" value="TX">' in page


def test_what_cannot_be_read_is_said_and_not_added(client, unit):
    page = text(client.get(f"/devices/{unit.id}?cost_freight=lots"))

    assert "Write an amount such as $42,500 or 42500.00." in page
    assert 'value="lots"' in page
    assert "At least $41,000" in page


def test_makers_policies_stand_with_who_said_it_and_unknown_where_unknown(client, unit):
    page = text(client.get(f"/devices/{unit.id}"))

    assert "What makers ask of second owners" in page
    assert "Sciton: defends recertification: returns the unit to maker-safe specifications." in page
    assert "Second-hand; Marisa Trasatti, general counsel of Sciton, 2017-07" in page
    assert '<h3>Training</h3> <p class="muted">Not known.</p>' in page


def test_a_quote_of_the_seller_counts_and_says_so(client):
    unit = make_listing(price_minor=1_000_000, recertification="yes", recertification_minor=250_000)

    page = text(client.get(f"/devices/{unit.id}"))

    assert "At least $12,500" in page
    assert "Quoted to the seller." in page
