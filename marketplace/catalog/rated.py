"""
How long a part lasts, where somebody published it: the figure, who says so, and how well that is known. Pure.

Nearly every maker publishes nothing. A figure that is only second-hand is shown as such and never counted with.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from ..kernel.text import slug
from .parsing import Catalogue, Problem, Row, rows

RATED = "rated_life.csv"
COLUMNS = (
    "maker", "model", "part", "rated_value", "unit", "counter_unit", "models", "modalities", "standing", "source",
)  # fmt: skip

_FIGURE = re.compile(r"^(\d+)(?:-(\d+))?$")


class Evidence(StrEnum):
    """What was read: the maker's own text, or somebody's words about it."""

    PRIMARY = "P"
    SECOND_HAND = "S"


@dataclass(frozen=True, slots=True)
class RatedLife:
    """
    What is published about the life of a part. `most` is None where no figure is; `least` is below it for a range.

    `models` are slugs of the catalogue; `modalities` are codes that a general figure speaks of. `counter_unit` names
    the unit in which a counter can be held against it; None: it cannot.
    """

    maker: str
    model: str
    part: str
    least: int | None
    most: int | None
    unit: str
    counter_unit: str | None
    models: tuple[str, ...]
    modalities: tuple[str, ...]
    evidence: Evidence
    source: str

    @property
    def counts(self) -> bool:
        """Whether a counter may be held against it: one figure, of this very model, read in its maker's own text."""
        return (
            self.evidence is Evidence.PRIMARY
            and self.most is not None
            and self.least == self.most
            and self.counter_unit is not None
        )


def read(text: str) -> tuple[list[RatedLife], list[Problem]]:
    """Read the table by its header; what is wrong is said row by row, and nothing of a wrong file may be used."""
    found = Catalogue()
    lives = [_life(row) for row in rows(RATED, text, COLUMNS, found)]
    return lives, found.problems


@cache
def shipped() -> tuple[RatedLife, ...]:
    """
    Return what comes with the package; read once for a process.

    :raises ValueError: the table is wrong
    """
    lives, problems = read((files("marketplace.catalog") / "data" / RATED).read_text(encoding="utf-8"))
    if problems:
        raise ValueError("\n".join(map(str, problems)))
    return tuple(lives)


def of_model(model_slug: str) -> tuple[RatedLife, ...]:
    """Return what is published about the parts of a model."""
    return tuple(life for life in shipped() if model_slug in life.models)


def in_general(modality_code: str) -> tuple[RatedLife, ...]:
    """Return the general figures for a modality, never the maker's."""
    return tuple(life for life in shipped() if modality_code in life.modalities and life.most is not None)


def figure(model_slug: str, counter_unit: str) -> RatedLife | None:
    """Return the maker's own figure against which such a counter of a model may be held; None: none is known."""
    return next((life for life in of_model(model_slug) if life.counts and life.counter_unit == counter_unit), None)


def _life(row: Row) -> RatedLife:
    written = _FIGURE.match(row.cells["rated_value"])
    if row.cells["rated_value"] and written is None:
        row.wrong("rated_value", "Write a whole number, or two joined by a dash.")
    standing = row.needed("standing")
    if standing and standing not in set(Evidence):
        row.wrong("standing", f"{standing} is not one of {', '.join(Evidence)}.")
    models = row.parts("models")
    for name in models:
        if slug(name) != name:
            row.wrong("models", f"{name} is not written as in an address.")
    least = int(written[1]) if written else None
    return RatedLife(
        maker=row.needed("maker"),
        model=row.needed("model"),
        part=row.needed("part"),
        least=least,
        most=int(written[2]) if written and written[2] else least,
        unit=row.needed("unit"),
        counter_unit=row.optional("counter_unit"),
        models=models,
        modalities=row.parts("modalities"),
        evidence=Evidence(standing) if standing in set(Evidence) else Evidence.SECOND_HAND,
        source=row.needed("source"),
    )
