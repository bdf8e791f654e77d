"""Reading the catalogue's source files: by their headers, row by row, and everything that is wrong is said. Pure."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..kernel.shapes import Misshapen, read
from ..kernel.terms import ProcedureClass
from ..kernel.text import slug
from .terms import Emission, HazardClass, Standing
from .wavelengths import Pair, read_bands

MODALITIES, MAKERS, MODELS = "modalities.json", "makers.csv", "models.csv"

MAKER_COLUMNS = ("maker", "also_known_as", "note")
MODEL_COLUMNS = (
    "maker", "model", "modalities", "wavelengths_nm", "wavelengths_note", "k_numbers", "product_code", "standing",
    "note", "source",
)  # fmt: skip

BYTE_ORDER_MARK = "\ufeff"

_K_NUMBER = re.compile(r"^K\d{6}$")
_PRODUCT_CODE = re.compile(r"^[A-Z]{3}$")


@dataclass(frozen=True, slots=True)
class ModalityRow:
    """A way of treating, as `modalities.json` writes it; `bands` are pairs of nm."""

    code: str
    name: str
    aliases: tuple[str, ...]
    emission: Emission
    hazard_class: HazardClass
    bands: tuple[tuple[int, ...], ...]
    procedure_classes: tuple[ProcedureClass, ...]
    determined: bool
    caution: str | None
    source: str


@dataclass(frozen=True, slots=True)
class MakerRow:
    """A maker and the other names it is looked for under."""

    name: str
    aliases: tuple[str, ...]
    note: str | None


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model as its source names it; None and empty are unknown."""

    maker: str
    name: str
    modality_codes: tuple[str, ...]
    bands: tuple[Pair, ...]
    wavelengths_note: str | None
    k_numbers: tuple[str, ...]
    product_code: str | None
    standing: Standing
    note: str | None
    source: str

    @property
    def slug(self) -> str:
        """Name the model in an address: "candela-gentlemax-pro"."""
        return slug(f"{self.maker} {self.name.replace('+', ' plus')}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where. Rows count as a spreadsheet does: the header is row 1."""

    file: str
    sentence: str
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        """Write it as one line: "models.csv, row 14, k_numbers: …"."""
        place = [self.file]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column is not None:
            place.append(self.column)
        return f"{', '.join(place)}: {self.sentence}"


@dataclass(slots=True)
class Catalogue:
    """What was read. With a problem in it, nothing of it may be loaded."""

    modalities: list[ModalityRow] = field(default_factory=list)
    makers: list[MakerRow] = field(default_factory=list)
    models: list[ModelRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def parse(files: Mapping[str, str]) -> Catalogue:
    """Read the three files, given as text by name, and check them against each other; problems are kept, not raised."""
    found = Catalogue()
    _read_modalities(files[MODALITIES], found)
    for row in rows(MAKERS, files[MAKERS], MAKER_COLUMNS, found):
        _read_maker(row, found)
    for row in rows(MODELS, files[MODELS], MODEL_COLUMNS, found):
        _read_model(row, found)
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, and the way to say what is wrong with it."""

    file: str
    number: int
    cells: Mapping[str, str]
    problems: list[Problem]

    def wrong(self, column: str, sentence: str) -> None:
        self.problems.append(Problem(self.file, sentence, row=self.number, column=column))

    def needed(self, column: str) -> str:
        if not self.cells[column]:
            self.wrong(column, "This must not be empty.")
        return self.cells[column]

    def optional(self, column: str) -> str | None:
        return self.cells[column] or None

    def parts(self, column: str) -> tuple[str, ...]:
        parts = tuple(part.strip() for part in self.cells[column].split(";") if part.strip())
        if len(set(parts)) < len(parts):
            self.wrong(column, "Something stands here twice.")
        return parts


def _read_modalities(text: str, found: Catalogue) -> None:
    try:
        found.modalities = list(read(tuple[ModalityRow, ...], json.loads(text)))
    except json.JSONDecodeError as trouble:
        found.problems.append(Problem(MODALITIES, f"This is not JSON: {trouble.msg}.", row=trouble.lineno))
        return
    except Misshapen as trouble:
        found.problems.append(Problem(MODALITIES, f"{trouble}."))
        return
    seen: set[str] = set()
    for position, modality in enumerate(found.modalities, start=1):
        found.problems.extend(
            Problem(MODALITIES, sentence, row=position, column=modality.code)
            for sentence in _objections(modality, seen)
        )
        seen.add(modality.code)


def _objections(modality: ModalityRow, seen: set[str]) -> Iterator[str]:
    if modality.code in seen:
        yield "This code stands here twice."
    if not modality.determined and modality.procedure_classes:
        yield "What is undetermined cannot be known to enable a procedure."
    if any(len(band) != 2 or not 0 < band[0] <= band[1] for band in modality.bands):
        yield "A band has two ends in nm, the lower one first."


def rows(file: str, text: str, columns: tuple[str, ...], found: Catalogue) -> Iterator[Row]:
    """Yield the rows of a table by its header, whatever the order of its columns; none where a column is missing."""
    lines = _lines(file, text, found)
    header = [name.strip() for name in next(lines, (1, []))[1]]
    wrong = [(name, "This column is missing.") for name in columns if name not in header]
    wrong += [(name, "This column stands here twice.") for name in columns if header.count(name) > 1]
    found.problems.extend(Problem(file, sentence, row=1, column=name) for name, sentence in wrong)
    found.ignored.extend(f"{file}: {name or 'a column without a name'}" for name in header if name not in columns)
    if wrong:
        return
    for number, cells in lines:
        if not any(map(str.strip, cells)):
            continue
        if len(cells) != len(header):
            sentence = f"The header has {len(header)} columns, this row {len(cells)}."
            found.problems.append(Problem(file, sentence, row=number))
            continue
        by_name = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        yield Row(file, number, by_name, found.problems)


def _lines(file: str, text: str, found: Catalogue) -> Iterator[tuple[int, list[str]]]:
    table = csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline=""))
    try:
        for cells in table:
            yield table.line_num, cells
    except csv.Error as trouble:
        sentence = f"This breaks the form of a table ({trouble}); perhaps a quotation mark is open."
        found.problems.append(Problem(file, sentence, row=table.line_num))


def _read_maker(row: Row, found: Catalogue) -> None:
    maker = MakerRow(row.needed("maker"), row.parts("also_known_as"), row.optional("note"))
    if any(slug(maker.name) == slug(other.name) for other in found.makers):
        row.wrong("maker", "This maker stands here twice.")
    found.makers.append(maker)


def _read_model(row: Row, found: Catalogue) -> None:
    model = ModelRow(
        maker=row.needed("maker"),
        name=row.needed("model"),
        modality_codes=row.parts("modalities"),
        bands=_bands(row),
        wavelengths_note=row.optional("wavelengths_note"),
        k_numbers=row.parts("k_numbers"),
        product_code=row.optional("product_code"),
        standing=_standing(row),
        note=row.optional("note"),
        source=row.needed("source"),
    )
    if model.maker and model.maker not in {maker.name for maker in found.makers}:
        row.wrong("maker", f"{MAKERS} does not name {model.maker}.")
    if any(model.slug == other.slug for other in found.models):
        row.wrong("model", f"{model.maker} {model.name} stands here twice.")
    if not model.modality_codes:
        row.wrong("modalities", "A model has at least one modality, if only an undetermined one.")
    known = {modality.code for modality in found.modalities}
    for code in model.modality_codes:
        if known and code not in known:  # Where the modalities could not be read, that is the one thing to say.
            row.wrong("modalities", f"{MODALITIES} does not list {code}.")
    for number in model.k_numbers:
        if not _K_NUMBER.match(number):
            row.wrong("k_numbers", f"{number} is not a 510(k) number such as K123456.")
    if model.product_code is not None and not _PRODUCT_CODE.match(model.product_code):
        row.wrong("product_code", f"{model.product_code} is not a product code such as GEX.")
    found.models.append(model)


def _bands(row: Row) -> tuple[Pair, ...]:
    try:
        return read_bands(row.cells["wavelengths_nm"])
    except ValueError:
        row.wrong("wavelengths_nm", "Write wavelengths in nm such as 755;1064 or 400-1200.")
        return ()


def _standing(row: Row) -> Standing:
    written = row.needed("standing")
    if written in set(Standing):
        return Standing(written)
    if written:
        row.wrong("standing", f"{written} is not one of {', '.join(Standing)}.")
    return Standing.GENERAL_KNOWLEDGE
