"""Bring the catalogue's source files into the database: all of it, or nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..extensions import Base, db, unit_of_work
from ..kernel.errors import Invalid
from ..kernel.text import slug
from . import queries
from .models import DeviceModel, Maker, Modality
from .parsing import MAKERS, MODALITIES, MODELS, Catalogue, Problem, parse

CATALOGUE = UUID("ca7a1060-0000-4000-8000-000000000001")  # What the audit trail calls the catalogue as a whole.


class CatalogueRefused(Invalid):
    """Something in the source files is wrong; `problems` says what, row by row. Nothing was loaded."""

    code = "catalogue_refused"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(
            "\n".join(map(str, problems)), cure="Correct the files and load them again; nothing was changed."
        )
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did, and which columns it did not know."""

    created: int
    changed: int
    unchanged: int
    ignored: list[str] = field(default_factory=list)


def shipped() -> dict[str, str]:
    """Return the source files that come with the package, as text by name."""
    folder = files("marketplace.catalog") / "data"
    return {name: (folder / name).read_text(encoding="utf-8") for name in (MODALITIES, MAKERS, MODELS)}


def from_folder(folder: Path) -> dict[str, str]:
    """
    Return the source files of a folder, as text by name.

    :raises CatalogueRefused: one of them is not there, or is not UTF-8 text
    """
    found, problems = {}, []
    for name in (MODALITIES, MAKERS, MODELS):
        try:
            found[name] = (folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            problems.append(Problem(name, "There is no such file in the folder."))
        except UnicodeDecodeError:
            problems.append(Problem(name, "This is not UTF-8 text."))
    if problems:
        raise CatalogueRefused(problems)
    return found


def load(*, sources: Mapping[str, str], at: datetime) -> Loaded:
    """
    Bring the catalogue to what the files say. A second load of the same files changes nothing.

    What the files no longer name stays: units of it may be on the market.

    :raises CatalogueRefused: a row is wrong; nothing was loaded
    """
    catalogue = parse(sources)
    if catalogue.problems:
        raise CatalogueRefused(catalogue.problems)
    with unit_of_work():
        counts = _write(catalogue)
        done = Loaded(counts["created"], counts["changed"], counts["unchanged"], catalogue.ignored)
        if done.created or done.changed:
            audit.record(
                "catalogue:loaded",
                actor_id=None,
                subject_type="catalogue",
                subject_id=CATALOGUE,
                at=at,
                created=done.created,
                changed=done.changed,
            )
    queries.forget()
    return done


def _write(catalogue: Catalogue) -> Counter[str]:
    counts: Counter[str] = Counter()
    modalities = {row.code: row for row in db.session.scalars(select(Modality))}
    for position, modality in enumerate(catalogue.modalities, start=1):
        counts[
            _bring(Modality, modalities.get(modality.code), code=modality.code, name=modality.name,
                   aliases=list(modality.aliases), emission=modality.emission, hazard_class=modality.hazard_class,
                   bands=[list(band) for band in modality.bands],
                   procedure_classes=[str(kind) for kind in modality.procedure_classes],
                   determined=modality.determined, caution=modality.caution, source=modality.source,
                   position=position)
        ] += 1  # fmt: skip
    makers = {row.slug: row for row in db.session.scalars(select(Maker))}
    for maker in catalogue.makers:
        counts[
            _bring(Maker, makers.get(slug(maker.name)), name=maker.name, slug=slug(maker.name),
                   aliases=list(maker.aliases), note=maker.note)
        ] += 1  # fmt: skip
    db.session.flush()  # Models point at makers by the keys these have now.
    maker_ids = dict(db.session.execute(select(Maker.name, Maker.id)).all())
    models = {row.slug: row for row in db.session.scalars(select(DeviceModel))}
    for model in catalogue.models:
        counts[
            _bring(DeviceModel, models.get(model.slug), maker_id=maker_ids[model.maker], name=model.name,
                   slug=model.slug, modality_codes=list(model.modality_codes),
                   bands=[list(band) for band in model.bands], wavelengths_note=model.wavelengths_note,
                   k_numbers=list(model.k_numbers), product_code=model.product_code, standing=model.standing,
                   note=model.note, source=model.source)
        ] += 1  # fmt: skip
    return counts


def _bring(kind: type[Base], row: Base | None, **values: Any) -> str:
    """Make the row, or bring it to `values`; say which."""
    if row is None:
        db.session.add(kind(**values))
        return "created"
    different = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in different.items():
        setattr(row, name, value)
    return "changed" if different else "unchanged"
