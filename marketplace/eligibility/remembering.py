"""What the gate answers to many sales, remembered while no fact, no rule and no time can have changed it. Pure."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from ..kernel.days import day_in
from .answering import end_of_day
from .facts import Facts
from .rulebook import Policy
from .verdict import Gist


def steady(facts: Facts, policy: Policy, at: datetime) -> tuple[datetime, datetime]:
    """
    Return from when until when, that moment excluded, the passing of time alone cannot change an answer given `at`.

    The device does not matter: nothing about it has a day. Rules and papers begin and end with days of the place; the
    rest are moments that stand in the facts, or lie a limit of the policy behind one.
    """
    zone = facts.place.time_zone
    today = day_in(at, zone)
    since, until = end_of_day(today - timedelta(days=1), zone), end_of_day(today, zone)
    for moment in _moments(facts, policy):
        # Some limits still count at their moment, others no longer do: the answer may change at it, or right behind it.
        for edge in (moment, moment + timedelta.resolution):
            if edge <= at:
                since = max(since, edge)
            else:
                until = min(until, edge)
    return since, until


def _moments(facts: Facts, policy: Policy) -> Iterator[datetime]:
    practitioner = facts.practitioner
    people = [*facts.site.colleagues, facts.operator, practitioner.person if practitioner else None]
    papers = [*facts.site.credentials, *(held for person in people if person for held in person.credentials)]
    for held in papers:
        if held.verified_at is not None:
            yield held.verified_at
            for limits in (policy.decision_limits, policy.release_limits):
                limit = limits[held.kind]
                if limit is not None:
                    yield held.verified_at + limit
        if held.register_until is not None:
            yield held.register_until
    if facts.exclusions_until is not None:
        yield facts.exclusions_until
    if practitioner is not None and practitioner.confirmation is not None:
        yield practitioner.confirmation.at
        yield practitioner.confirmation.at + timedelta(days=policy.document.ordering.confirmation_days)


@dataclass(frozen=True, slots=True)
class _Answers:
    since: datetime
    until: datetime
    by_sale: dict[Hashable, Gist] = field(default_factory=dict)


class Memory:
    """
    What the gate answers to sales, in a word, by everything that an answer depends on.

    That is the circumstances, the rules, the sale and the moment.

    Nothing has to be taken back: whoever gathers other facts asks another question. Of so many circumstances the ones
    asked about longest ago are forgotten.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: dict[Hashable, _Answers] = {}
        self._lock = Lock()

    def answers(
        self, circumstances: Hashable, facts: Callable[[], Facts], policy: Policy, at: datetime
    ) -> dict[Hashable, Gist]:
        """
        Return what is known of sales in these circumstances at this moment, to be looked in and added to.

        `circumstances` name the policy as well; `facts` returns those of any one of the sales.
        """
        with self._lock:
            found = self._known.pop(circumstances, None)
            if found is None or not found.since <= at < found.until:
                found = _Answers(*steady(facts(), policy, at))
            self._known[circumstances] = found
            for oldest in list(self._known)[: -self._size]:
                del self._known[oldest]
            return found.by_sale
