"""
By what units can be chosen, as data: one more facet is one more entry.

A facet of the *kind* is read from the kinds that the process knows. A facet of the *face* is a column of it, or one
kind of its traits. Its figures are counted beside all other facets, but not beside itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .kinds import Kind
from .traits import TRAITS


@dataclass(frozen=True, slots=True)
class OfKind:
    """Something that all units of a kind have."""

    answers: Callable[[Kind], Iterable[str]]


@dataclass(frozen=True, slots=True)
class OfFace:
    """Something that is counted with each unit: a column of its face; `trait`: those of its traits of this kind."""

    column: str
    trait: str | None = None


KIND_FACETS: dict[str, OfKind] = {
    "modality": OfKind(lambda kind: kind.modality_codes),
    "procedure": OfKind(lambda kind: kind.procedures),
    "maker": OfKind(lambda kind: (kind.maker,)),
    "model": OfKind(lambda kind: (kind.model,)),
    "recall": OfKind(lambda kind: ("open" if kind.recalled else "none",)),
}
FACE_FACETS: dict[str, OfFace] = {
    "grade": OfFace("grade"),
    "state": OfFace("state_code"),
    **{name: OfFace("traits", trait=name) for name in TRAITS},
}
FACETS = (*KIND_FACETS, *FACE_FACETS)

RANGES: dict[str, str] = {
    "price": "price_minor",
    "year": "year",
    "used": "used",
    "shots": "shots_left",
    "landed": "landed",
}
"""Name of a range -> column of a unit's row. Both ends belong to it; what is not known is in none."""
