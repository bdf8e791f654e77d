"""Which handpieces stand between a buyer and a unit, so that it can be offered without them. Pure."""

from collections.abc import Callable
from dataclasses import replace

from .facts import Facts, Handpiece
from .verdict import Verdict


def without_what_is_closed(
    facts: Facts, ask: Callable[[Facts], Verdict]
) -> tuple[tuple[Handpiece, ...], Verdict] | None:
    """
    Return the handpieces to leave out, as few as possible, and the yes to the rest; None where that does not help.

    A handpiece that is not cleared alone is not cleared beside others, so the largest sale that can be cleared is that
    of all handpieces that are. It is asked about as a whole all the same.
    """
    parts = facts.device.handpieces
    kept = tuple(part for part in parts if ask(_selling(facts, (part,))).cleared)
    if not kept or len(kept) == len(parts):
        return None
    verdict = ask(_selling(facts, kept))
    if not verdict.cleared:
        return None
    return tuple(part for part in parts if part not in kept), verdict


def _selling(facts: Facts, parts: tuple[Handpiece, ...]) -> Facts:
    """Return the same question about a smaller sale; uses that nothing in it serves are no longer declared."""
    serves = frozenset(use for part in parts for use in part.enables or ())
    return replace(
        facts,
        device=replace(facts.device, handpieces=parts),
        uses=replace(facts.uses, declared=facts.uses.declared & serves),
    )
