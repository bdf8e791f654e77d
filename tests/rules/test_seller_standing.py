"""The badge of a seller: every criterion on both sides of its boundary, and no way to it but all of them."""

from dataclasses import replace

import pytest

from marketplace.reviews.standing import History, criteria, earned

PROVEN = History(checked=True, sales=3, clinics=2, given_back=0, days=10.0, reviews=3, rating=4.0)


def test_the_least_that_earns_it():
    assert earned(PROVEN)
    assert [one.found for one in criteria(PROVEN)] == [
        "checked",
        "3 sales to 2 clinics",
        "0 of 3",
        "10.0 days",
        "4.0 of 5 in 3 reviews",
    ]


@pytest.mark.parametrize(
    ("number", "changed", "found"),
    [
        (0, {"checked": False}, "not checked"),
        (1, {"sales": 2}, "2 sales to 2 clinics"),
        (1, {"clinics": 1}, "3 sales to 1 clinic"),
        (2, {"given_back": 1}, "1 of 4"),
        (2, {"sales": 8, "given_back": 1}, "1 of 9"),
        (3, {"days": 10.1}, "10.1 days"),
        (3, {"days": None}, "nothing sent yet"),
        (4, {"reviews": 2}, "4.0 of 5 in 2 reviews"),
        (4, {"rating": 3.99}, "4.0 of 5 in 3 reviews"),
        (4, {"reviews": 0, "rating": None}, "no reviews yet"),
    ],
)
def test_anything_less_does_not(number, changed, found):
    history = replace(PROVEN, **changed)

    assert [place for place, one in enumerate(criteria(history)) if not one.met] == [number]
    assert criteria(history)[number].found == found
    assert not earned(history)


def test_one_paid_order_in_ten_may_go_back():
    assert earned(replace(PROVEN, sales=9, given_back=1))


def test_nobody_begins_with_it():
    new = History(checked=True, sales=0, clinics=0, given_back=0, days=None, reviews=0, rating=None)

    assert [one.met for one in criteria(new)] == [True, False, False, False, False]
