"""Where a ZIP code lies, and how far it is."""

import pytest

from marketplace.listings.places import Point, is_zip, miles, point_of


@pytest.mark.parametrize(
    ("code", "point"),
    [
        ("00601", Point(18.181, -66.75)),
        ("78701", Point(30.271, -97.743)),
        ("99929", Point(56.221, -131.924)),
        ("00000", None),
        ("7870", None),
        ("787011", None),
        ("７８７０１", None),
        ("78701,30", None),
        ("", None),
    ],
)
def test_a_zip_code_is_the_middle_of_its_area_or_unknown(code, point):
    assert point_of(code) == point


def test_five_figures_are_a_zip_code():
    assert [is_zip(text) for text in ("78701", "78701-1234", "7870a")] == [True, False, False]


def test_the_way_is_measured_along_the_surface():
    """One degree of a great circle of a globe with a radius of 3,958.8 miles is 69.094 miles."""
    assert miles(Point(30, -97), Point(31, -97)) == pytest.approx(69.0941, abs=0.0001)
    assert miles(Point(0, 0), Point(0, 90)) == pytest.approx(90 * 69.0941, abs=0.01)
    assert miles(Point(30.271, -97.743), Point(30.271, -97.743)) == 0
