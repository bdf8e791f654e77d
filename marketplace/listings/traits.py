"""What else units can be filtered by, from a short list of answers. One more is one more entry here and in `facets`."""

from collections.abc import Callable

from .conditions import Included
from .models import Listing
from .terms import Recertification

_NOT_SAID = (None, Recertification.UNKNOWN)

TRAITS: dict[str, Callable[[Listing], str | None]] = {
    "service": lambda unit: "record" if (unit.inclusions or {}).get("service_record") == Included.INCLUDED else None,
    "warranty": lambda unit: None if unit.warranty is None else str(unit.warranty),
    "training": lambda unit: "included" if unit.training_included else None,
    "recertification": lambda unit: None if unit.recertification in _NOT_SAID else str(unit.recertification),
}
"""
Kind of trait -> what a unit's answer is; None: it has none.

Every combination of answers is counted on its own, so there must be few: a list to choose from, no text, no figure.
"""


def traits_of(listing: Listing) -> list[str]:
    """Return what a unit says, as kind:value, always in the same order."""
    return sorted(f"{kind}:{answer}" for kind, read in TRAITS.items() if (answer := read(listing)) is not None)
