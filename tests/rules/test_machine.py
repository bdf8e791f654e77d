"""State tables: what is listed happens, what is not raises."""

from enum import StrEnum
from itertools import product

import pytest

from marketplace.kernel.errors import Conflict
from marketplace.kernel.machine import IllegalMove, Machine


class Door(StrEnum):
    SHUT = "shut"
    OPEN = "open"
    BRICKED_UP = "bricked_up"


class Act(StrEnum):
    OPENED = "opened"
    CLOSED = "closed"
    WALLED_OFF = "walled_off"


DOOR = Machine(
    {
        (Door.SHUT, Act.OPENED): Door.OPEN,
        (Door.OPEN, Act.CLOSED): Door.SHUT,
        (Door.SHUT, Act.WALLED_OFF): Door.BRICKED_UP,
        (Door.OPEN, Act.WALLED_OFF): Door.BRICKED_UP,
    }
)


@pytest.mark.parametrize(("state", "event"), list(product(Door, Act)))
def test_a_move_is_listed_or_refused(state, event):
    if DOOR.allows(state, event):
        assert event in DOOR.events_from(state)
        assert state in DOOR.sources_of(event)
        assert DOOR.after(state, event) in Door
    else:
        assert event not in DOOR.events_from(state)
        assert state not in DOOR.sources_of(event)
        with pytest.raises(IllegalMove):
            DOOR.after(state, event)


def test_the_order_is_that_of_the_table():
    assert DOOR.events_from(Door.SHUT) == (Act.OPENED, Act.WALLED_OFF)
    assert DOOR.sources_of(Act.WALLED_OFF) == (Door.SHUT, Door.OPEN)


def test_a_last_state_has_no_events():
    assert DOOR.events_from(Door.BRICKED_UP) == ()


def test_an_illegal_move_says_what_and_is_a_conflict():
    with pytest.raises(Conflict) as refusal:
        DOOR.after(Door.BRICKED_UP, Act.OPENED)

    assert refusal.value.sentence == "This cannot be opened while it is bricked up."
    assert (refusal.value.code, refusal.value.state, refusal.value.event) == (
        "illegal_move", Door.BRICKED_UP, Act.OPENED,
    )  # fmt: skip
    assert refusal.value.__suppress_context__
