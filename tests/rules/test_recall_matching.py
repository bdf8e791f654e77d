"""Which recalls are worth a look beside which model, and what may become of one."""

from itertools import product

import pytest

from marketplace.kernel.machine import IllegalMove
from marketplace.recalls.matching import Basis, Known, basis_of
from marketplace.recalls.states import MATCH, MatchEvent, MatchState

THERMAGE = Known(("Solta", "Solta Medical"), "Thermage CPT", frozenset({"K132431"}), "GEI")


@pytest.mark.parametrize(
    ("told", "basis"),
    [
        ({"k_numbers": ["K132431"]}, Basis.K_NUMBER),
        ({"firm": "Solta Medical Inc", "device": "Thermage CPT System REF TG-2B"}, Basis.NAME),
        ({"firm": "SOLTA MEDICAL, INC.", "device": "THERMAGE  CPT"}, Basis.NAME),
        ({"firm": "Another", "device": "Solta Thermage CPT"}, Basis.NAME),
        ({"firm": "Solta", "device": "Thermage FLX", "product_code": "GEI"}, Basis.PRODUCT_CODE),
        ({"firm": "Solta", "device": "Thermage FLX", "product_code": "GEX"}, None),
        ({"firm": "Solta", "device": "Thermage FLX"}, None),
        ({"firm": "Soltana", "device": "Thermage CPT"}, None),
        ({"firm": "Another", "device": "Thermage CPT", "product_code": "GEI"}, None),
        ({}, None),
    ],
)
def test_a_number_or_the_maker_with_something_of_the_model_is_a_reason_to_look(told, basis):
    asked = {"firm": None, "device": None, "k_numbers": [], "product_code": None, **told}

    assert basis_of(THERMAGE, **asked) is basis


def test_a_model_without_a_product_code_is_not_every_model_without_one():
    unknown = Known(("Solta",), "Nothing", frozenset(), None)

    assert basis_of(unknown, firm="Solta", device="x", k_numbers=[], product_code=None) is None


def test_every_basis_has_its_words():
    assert [basis.words for basis in Basis] == [
        "It names a 510(k) number of the model",
        "It names the maker and the model",
        "The maker's name, and the product code of the model",
    ]


@pytest.mark.parametrize(("state", "event"), list(product(MatchState, MatchEvent)))
def test_a_move_is_listed_or_refused(state, event):
    if event in MATCH.events_from(state):
        assert MATCH.after(state, event) in MatchState
    else:
        with pytest.raises(IllegalMove):
            MATCH.after(state, event)


def test_only_a_judgement_opens_or_closes_the_gate():
    assert MATCH.sources_of(MatchEvent.SAYS_MORE) == (MatchState.REJECTED, MatchState.CLOSED)
    assert MATCH.sources_of(MatchEvent.CONFIRMED) == (MatchState.CANDIDATE, MatchState.REJECTED, MatchState.CLOSED)
