"""What other rooms and pages ask of the catalogue, as plain values."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, literal_column, select

from ..extensions import as_text, db, reading
from ..kernel.errors import NotFound
from ..kernel.terms import ProcedureClass
from ..kernel.wording import gettext_noop
from .models import DeviceModel, Maker, Modality
from .terms import Emission, HazardClass, Standing
from .wavelengths import Pair, emitted


@dataclass(frozen=True, slots=True)
class ModalityFacts:
    """A way of treating. `bands` are pairs of nm; not `determined`: too vague to know what it enables."""

    code: str
    name: str
    aliases: tuple[str, ...]
    emission: Emission
    hazard_class: HazardClass
    bands: tuple[Pair, ...]
    procedure_classes: tuple[ProcedureClass, ...]
    determined: bool
    caution: str | None
    source: str

    @property
    def lets_you_do(self) -> str:
        """Say what it is used for: "hair removal, vascular and pigment treatment"."""
        return self.used_for(str)

    def used_for(self, tell: Callable[[str], str]) -> str:
        """Say what it is used for, with our words as `tell` says them in the reader's language."""
        if not self.determined:
            return tell(gettext_noop("not known until its modality is named"))
        return ", ".join(tell(kind.words) for kind in self.procedure_classes) or tell(
            gettext_noop("nothing on its own")
        )


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model as its maker names it; None and empty are unknown."""

    id: UUID
    maker_id: UUID
    maker: str
    maker_aliases: tuple[str, ...]
    name: str
    slug: str
    modality_codes: tuple[str, ...]
    bands: tuple[Pair, ...]
    wavelengths_note: str | None
    k_numbers: tuple[str, ...]
    product_code: str | None
    standing: Standing
    note: str | None
    source: str

    @property
    def title(self) -> str:
        """Name it as the trade does: "Candela GentleMax Pro"."""
        return f"{self.maker} {self.name}"


Source = Pair | str
"""What a bar of the spectrum takes: a pair of ends in nm, or the name of something that is not light."""

_M = DeviceModel.__table__.c
_NAMED = select(*_M, Maker.name.label("maker"), Maker.aliases.label("maker_aliases")).join(
    Maker, Maker.id == _M.maker_id
)
_MODELS = _NAMED.where(_M.id == func.any(bindparam("ids", type_=ARRAY(Uuid()))))
OF_UNIT = as_text(_NAMED.where(_M.id == literal_column("unit.model_id")))
"""The model of a listing that is called `unit`, for a larger statement; `model_told` reads the answer."""

_kept: dict[str, ModalityFacts] = {}
_digest: list[str] = []


def modalities() -> Mapping[str, ModalityFacts]:
    """Return every modality by its code, in the catalogue's order; kept per process until the catalogue is loaded."""
    if not _kept:
        columns = Modality.__table__.c
        with reading() as connection:
            rows = connection.execute(select(*columns).order_by(columns.position)).all()
        for row in rows:
            _kept[row.code] = ModalityFacts(
                code=row.code,
                name=row.name,
                aliases=tuple(row.aliases),
                emission=row.emission,
                hazard_class=row.hazard_class,
                bands=_pairs(row.bands),
                procedure_classes=tuple(map(ProcedureClass, row.procedure_classes)),
                determined=row.determined,
                caution=row.caution,
                source=row.source,
            )
    return _kept


def modalities_digest() -> str:
    """Return what names the modalities as this process knows them: whoever knows others shows other pages."""
    if not _digest:
        _digest.append(sha256(repr(modalities()).encode()).hexdigest())
    return _digest[0]


def forget() -> None:
    """Let the next question read the modalities anew."""
    _kept.clear()
    _digest.clear()
    _emits.clear()


def models_for_choice() -> dict[str, list[tuple[UUID, str]]]:
    """Return the models by maker, both in the order of their names."""
    choice: dict[str, list[tuple[UUID, str]]] = {}
    rows = db.session.execute(
        select(Maker.name, DeviceModel.id, DeviceModel.name)
        .join(DeviceModel, DeviceModel.maker_id == Maker.id)
        .order_by(Maker.name, DeviceModel.name)
    )
    for maker, model_id, name in rows:
        choice.setdefault(maker, []).append((model_id, name))
    return choice


def model(model_id: UUID) -> ModelFacts:
    """
    Return one model.

    :raises NotFound: the catalogue does not know it
    """
    found = models_by_id([model_id])
    if not found:
        raise NotFound("The catalogue does not know this model.")
    return found[model_id]


def models_by_id(model_ids: Iterable[UUID]) -> dict[UUID, ModelFacts]:
    """Return the models among `model_ids` that the catalogue knows, in one statement."""
    with reading() as connection:
        rows = connection.execute(_MODELS, {"ids": list(model_ids)}).mappings().all()
    return {row["id"]: _model(row) for row in rows}


def model_of_slug(slug: str) -> ModelFacts | None:
    """Return the model of this name in an address; None: the catalogue does not know it."""
    with reading() as connection:
        row = connection.execute(_NAMED.where(_M.slug == slug)).mappings().one_or_none()
    return _model(row) if row else None


def model_told(told: Mapping[str, Any]) -> ModelFacts:
    """Return a model as a larger statement told it, in JSON."""
    return _model(
        {
            **told,
            "id": UUID(told["id"]),
            "maker_id": UUID(told["maker_id"]),
            "standing": Standing(told["standing"]),
        }
    )


def _model(row: Mapping[Any, Any]) -> ModelFacts:
    return ModelFacts(
        id=row["id"],
        maker_id=row["maker_id"],
        maker=row["maker"],
        maker_aliases=tuple(row["maker_aliases"]),
        name=row["name"],
        slug=row["slug"],
        modality_codes=tuple(row["modality_codes"]),
        bands=_pairs(row["bands"]),
        wavelengths_note=row["wavelengths_note"],
        k_numbers=tuple(row["k_numbers"]),
        product_code=row["product_code"],
        standing=row["standing"],
        note=row["note"],
        source=row["source"],
    )


_emits: dict[tuple[tuple[str, ...], tuple[str, ...], tuple[Pair, ...]], tuple[Source, ...]] = {}


def emits(
    modality_codes: Iterable[str],
    *,
    model_modalities: Iterable[str],
    model_bands: Iterable[Iterable[float]],
) -> tuple[Source, ...]:
    """
    Return what handpieces of these modalities emit on a model, for the spectral bar; empty: not known.

    Kept per process, as the modalities are.
    """
    key = (tuple(modality_codes), tuple(model_modalities), _pairs(model_bands))
    found = _emits.get(key)
    if found is None:
        codes, own, named = key
        sources = (source for code in codes for source in _emitted(modalities()[code], own, named))
        found = _emits[key] = tuple(dict.fromkeys(sources))
    return found


def usually_emits(modality_code: str) -> tuple[Source, ...]:
    """Return what handpieces of a modality emit where no model says otherwise."""
    return tuple(_emitted(modalities()[modality_code], (), ()))


def _emitted(modality: ModalityFacts, own: tuple[str, ...], named: tuple[Pair, ...]) -> Iterator[Source]:
    if modality.emission in (Emission.LIGHT, Emission.LIGHT_AND_RADIO_FREQUENCY):
        yield from emitted(modality=modality.code, usual=modality.bands, model_modalities=own, model=named)
    if modality.emission.dark:
        yield modality.emission.dark


def _pairs(bands: Iterable[Iterable[float]]) -> tuple[Pair, ...]:
    return tuple((low, high) for low, high in bands)
