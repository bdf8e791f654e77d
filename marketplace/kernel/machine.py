"""State tables: what may follow what, written once, and an illegal move raises."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from .errors import Conflict

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class IllegalMove(Conflict):
    """The event cannot happen in this state."""

    code = "illegal_move"

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        super().__init__(
            f"This cannot be {_words(event)} while it is {_words(state)}.",
            cure="Look at it again: somebody may have changed it in the meantime.",
        )
        self.state = state
        self.event = event


class Machine(Generic[S, E]):
    """
    A table (state, event) -> state.

    Pages draw their buttons from `events_from`, services move with `after`: no button promises what is forbidden.
    """

    def __init__(self, table: Mapping[tuple[S, E], S]) -> None:
        self._table = dict(table)
        self._events: dict[S, tuple[E, ...]] = {}
        for state, event in self._table:
            self._events[state] = (*self._events.get(state, ()), event)

    def after(self, state: S, event: E) -> S:
        """
        Return the state that `event` leads to from `state`.

        :raises IllegalMove: the table does not list the pair
        """
        try:
            return self._table[state, event]
        except KeyError:
            raise IllegalMove(state, event) from None

    def allows(self, state: S, event: E) -> bool:
        """Say whether the table lists the pair."""
        return (state, event) in self._table

    def events_from(self, state: S) -> tuple[E, ...]:
        """Return the events possible in `state`, in the order of the table."""
        return self._events.get(state, ())

    def sources_of(self, event: E) -> tuple[S, ...]:
        """Return the states in which `event` can happen, in the order of the table."""
        return tuple(state for state, listed in self._table if listed is event)


def _words(name: StrEnum) -> str:
    return name.value.replace("_", " ")
