"""What may be meant by the beginning of a question."""

import pytest

from marketplace.listings import suggesting
from marketplace.listings.suggesting import suggestions
from tests.factories.catalog import real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_listing
from tests.support import count_statements


@pytest.fixture(autouse=True)
def market():
    clinic = make_clinic(seller=True)
    for title, handpieces in (
        ("Candela GentleMax Pro", ["ALEX", "NDYAG_LP"]),
        ("Candela GentleMax Pro", ["ALEX"]),
        ("Candela GentleLASE Pro / Pro LE", ["ALEX"]),
        ("Cutera xeo", ["NDYAG_LP"]),
        ("Cynosure Elite+", ["ALEX"]),
    ):
        make_listing(clinic=clinic, model=real_model(title), handpieces=handpieces)
    make_listing(clinic=clinic, model=real_model("Lumenis M22"), state="sold")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("alex", [("Alexandrite 755 nm", 4)]),
        ("yag 1064", [("Nd:YAG 1064 nm, long pulse", 2)]),
        ("hair rem", [("Hair removal", 5)]),
        ("candela", [("Candela", 3), ("Candela GentleMax Pro", 2), ("Candela GentleLASE Pro / Pro LE", 1)]),
        ("gentle max", [("Candela GentleMax Pro", 2)]),
        ("gentlem", [("Candela GentleMax Pro", 2)]),
        ("gentlemaxpro", [("Candela GentleMax Pro", 2)]),
        ("gentelmax", [("Candela GentleMax Pro", 2)]),
        ("cynosre eilte", [("Cynosure Elite+", 1)]),
        ("eilte cynosre", [("Cynosure Elite+", 1)]),
        ("cynosre elit", [("Cynosure Elite+", 1)]),
        ("cnadela gentelm", [("Candela GentleMax Pro", 2)]),
        ("cnadela gentel", [("Candela GentleMax Pro", 2), ("Candela GentleLASE Pro / Pro LE", 1)]),
        ("gentel max", [("Candela GentleMax Pro", 2)]),
        ("hiar removla", [("Hair removal", 5)]),
        ("canddela gentelmax pro cand", [("Candela GentleMax Pro", 2)]),
        ("canddela gentelmax pro cand cand", []),
        ("cynosre xeo", []),
        ("1046", []),
        ("yga 1046", []),
        ("m22", []),
        ("a", []),
        ("?!", []),
        ("", []),
    ],
)
def test_begin_with_what_was_typed_the_most_frequent_first(typed, expected):
    assert [(one.words, one.units) for one in suggestions(typed)] == expected


def test_take_one_statement_until_something_changes():
    suggestions("candela")
    with count_statements() as sent:
        suggestions("cutera")
    assert len(sent) == 1

    make_listing(clinic=make_clinic(seller=True), model=real_model("Cutera xeo"), handpieces=["NDYAG_LP"])
    assert [(one.words, one.units) for one in suggestions("xeo")] == [("Cutera xeo", 2)]


def test_are_few_of_each_kind(monkeypatch):
    monkeypatch.setitem(suggesting.MOST, "model", 1)

    assert [one.words for one in suggestions("candela")] == ["Candela", "Candela GentleMax Pro"]
