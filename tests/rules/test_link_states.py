"""A link waits, and ends once; at the end of its time it is worth nothing."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from marketplace.kernel.machine import IllegalMove
from marketplace.links.states import LINK, LinkEvent, LinkState, Worth, worth

END = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(("state", "event"), list(product(LinkState, LinkEvent)))
def test_what_has_ended_does_not_end_again(state, event):
    if state is LinkState.WAITING:
        assert LINK.after(state, event) == event.value
    else:
        with pytest.raises(IllegalMove):
            LINK.after(state, event)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (END - timedelta(microseconds=1), Worth.WAITING),
        (END, Worth.EXPIRED),
        (END + timedelta(days=1), Worth.EXPIRED),
    ],
)
def test_a_waiting_link_is_over_at_its_last_instant(at, expected):
    assert worth(LinkState.WAITING, expires_at=END, at=at) is expected


@pytest.mark.parametrize("state", [state for state in LinkState if state is not LinkState.WAITING])
def test_what_ended_stays_what_it_was_whatever_the_time(state):
    assert [worth(state, expires_at=END, at=at) for at in (END - timedelta(1), END)] == [Worth(state.value)] * 2
