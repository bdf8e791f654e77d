"""
What units on the market have in common, as this process knows it, and the name of what the market is now.

There are hundreds of kinds however many units there are. Words, makers, modalities and wavelengths are asked of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from ..catalog import queries as catalog
from ..catalog.queries import Source
from ..catalog.terms import HazardClass
from ..catalog.wavelengths import Pair, numbers
from .ladders import LIGHT
from .vocabulary import Vocabulary
from .words import findable


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A configuration on the market, from checked sellers or from others.

    `configuration` tells it from all others that the gate is asked about: units that were let out of every open recall
    have another than those that were not. `shines_on`: the steps of `ladders.LIGHT` on which it emits. `recalled`: a
    recall is open for its units.
    """

    id: int
    configuration: str
    checked: bool
    maker: str
    model: str
    modality_codes: tuple[str, ...]
    procedures: tuple[str, ...]
    emits: tuple[Source, ...]
    shines_on: tuple[int, ...]
    recalled: bool

    def shines_within(self, least: float | None, most: float | None) -> bool:
        """Say whether it emits light between two wavelengths, in nm; both ends belong to it."""
        return _shine_within(self.emits, least, most)


def _shine_within(emits: Iterable[Source], least: float | None, most: float | None) -> bool:
    return any(
        (most is None or band[0] <= most) and (least is None or band[1] >= least)
        for band in emits
        if not isinstance(band, str)
    )


@dataclass(frozen=True, slots=True)
class Market:
    """The kinds as of one version of the market, the words they are found by, and what was found by their answers."""

    version: str
    kinds: Mapping[int, Kind]
    vocabulary: Vocabulary
    chosen: dict[tuple[str, frozenset[str]], frozenset[int]] = field(default_factory=dict, compare=False)


QUESTION = "CASE WHEN kind.spared THEN md5(kind.configuration || ' spared') ELSE kind.configuration END"
"""What the gate is asked about all units of a kind, by name: of a spared one it is another question."""

VERSION = "SELECT string_agg(version::text, '' ORDER BY shard) FROM market_shards"
"""What names the market as it is now; see `version`."""
_KINDS = f"""
    SELECT kind.id, {QUESTION} AS configuration, kind.checked, kind.modality_codes, model.name AS model,
        model.modality_codes AS model_modalities, model.bands, model.k_numbers, maker.name AS maker, maker.aliases,
        NOT spared AND EXISTS (SELECT FROM recall_matches WHERE model_id = model.id AND state = 'confirmed') AS recalled
    FROM market_kinds kind JOIN device_models model ON model.id = kind.model_id JOIN makers maker ON maker.id = maker_id
    ORDER BY kind.id
"""  # noqa: S608  Its name is ours.

_OF_UNITS = """
    SELECT unit.id AS listing_id, unit.configuration, clinic.seller_standing = 'verified' AS checked,
        unit.modality_codes, model.name AS model, model.modality_codes AS model_modalities, model.bands,
        model.k_numbers, maker.name AS maker, maker.aliases,
        spared,
        NOT spared AND EXISTS (SELECT FROM recall_matches WHERE model_id = model.id AND state = 'confirmed') AS recalled
    FROM listings unit JOIN clinics clinic ON clinic.id = unit.clinic_id
    JOIN device_models model ON model.id = unit.model_id JOIN makers maker ON maker.id = model.maker_id
    CROSS JOIN LATERAL (SELECT recall_spares(model.id, unit.serial_normal) AS spared) recalls
    WHERE unit.id = ANY(%(units)s::uuid[]) ORDER BY unit.id
"""

_NOTHING = Market("", {}, Vocabulary(()))
_known = [_NOTHING]


def version(connection: Connection) -> str:
    """Return the name of what the market is now. It is another one after every change, and never the same again."""
    return connection.exec_driver_sql(VERSION).scalar() or ""


def market(connection: Connection, now: str | None = None) -> Market:
    """
    Return the market's kinds, in one statement while nothing changes, in two after a change.

    The version is asked first, or was asked just `now`: what is read after it can be newer than its name, never older.
    """
    if now is None:
        now = version(connection)
    known = _known[0]
    if known.version != now:
        known = _known[0] = _read(connection, now)
    return known


def forget() -> None:
    """Let the next question read the kinds anew."""
    _known[0] = _NOTHING


def of_units(connection: Connection, units: Sequence[UUID]) -> tuple[Market, dict[UUID, int]]:
    """Return the kinds that these units are of or would be, under numbers of their own, and which is whose."""
    numbers: dict[tuple[str, bool, bool], int] = {}
    of_unit: dict[UUID, int] = {}
    rows = []
    for row in connection.exec_driver_sql(_OF_UNITS, {"units": list(units)}):
        key = (row.configuration, row.checked, row.spared)
        if key not in numbers:
            numbers[key] = len(numbers) + 1
            rows.append((numbers[key], row))
        of_unit[row.listing_id] = numbers[key]
    return _market("", rows), of_unit


def _read(connection: Connection, now: str) -> Market:
    return _market(now, [(row.id, row) for row in connection.exec_driver_sql(_KINDS)])


def _market(now: str, rows: Iterable[tuple[int, Any]]) -> Market:
    kinds: dict[int, Kind] = {}
    words: list[tuple[int, tuple[str, ...]]] = []
    for number, row in rows:
        common = _common(
            row.maker, tuple(row.aliases), row.model, tuple(row.k_numbers),
            tuple(row.model_modalities), tuple(tuple(band) for band in row.bands), tuple(row.modality_codes),
        )  # fmt: skip
        kinds[number] = Kind(
            number, row.configuration, row.checked, row.maker, f"{row.maker} {row.model}", tuple(row.modality_codes),
            common.procedures, common.emits, common.shines_on, row.recalled,
        )  # fmt: skip
        words.append((number, common.words))
    return Market(now, kinds, Vocabulary(words))


@dataclass(frozen=True, slots=True)
class _Common:
    procedures: tuple[str, ...]
    emits: tuple[Source, ...]
    shines_on: tuple[int, ...]
    words: tuple[str, ...]


@lru_cache(maxsize=4096)
def _common(
    maker: str,
    aliases: tuple[str, ...],
    model: str,
    k_numbers: tuple[str, ...],
    model_modalities: tuple[str, ...],
    model_bands: tuple[Pair, ...],
    codes: tuple[str, ...],
) -> _Common:
    """Return what follows from a model and the modalities of its handpieces."""
    modalities = catalog.modalities()
    emits = catalog.emits(codes, model_modalities=model_modalities, model_bands=model_bands)
    procedures = tuple(dict.fromkeys(kind for code in codes for kind in modalities[code].procedure_classes))
    others = [kind.words for kind in procedures]
    for code in codes:
        others += [modalities[code].name, *modalities[code].aliases]
        if modalities[code].hazard_class is HazardClass.CLASS_IV:
            others.append("laser")
    others += [*numbers(band for band in emits if not isinstance(band, str)), *k_numbers]
    words = findable(names=[f"{maker} {model}", maker, *aliases, model], others=others).split()
    shines_on = tuple(step for step, span in enumerate(LIGHT.spans) if _shine_within(emits, *span))
    return _Common(tuple(map(str, procedures)), emits, shines_on, tuple(words))
