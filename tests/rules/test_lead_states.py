"""What may happen to a request to arrange something, in every state."""

from itertools import product

import pytest

from marketplace.kernel.machine import IllegalMove
from marketplace.leads.states import ALIVE, LEAD, LeadEvent, LeadState

S, E = LeadState, LeadEvent
MOVES = {
    (S.OPEN, E.PROPOSED): S.PROPOSED,
    (S.OPEN, E.CLOSED): S.CLOSED,
    (S.OPEN, E.WITHDRAWN): S.WITHDRAWN,
    (S.PROPOSED, E.AGREED): S.HANDED_ON,
    (S.PROPOSED, E.DECLINED): S.OPEN,
    (S.PROPOSED, E.CLOSED): S.CLOSED,
    (S.PROPOSED, E.WITHDRAWN): S.WITHDRAWN,
    (S.HANDED_ON, E.CLOSED): S.CLOSED,
}


@pytest.mark.parametrize(("state", "event"), list(product(S, E)))
def test_a_move_is_listed_or_refused(state, event):
    if (state, event) in MOVES:
        assert LEAD.after(state, event) is MOVES[state, event]
    else:
        with pytest.raises(IllegalMove):
            LEAD.after(state, event)


def test_it_can_be_taken_back_as_long_as_nobody_outside_has_it():
    assert {state for state in S if LEAD.allows(state, E.WITHDRAWN)} == set(ALIVE)
