"""Whether the lines of a device can become a draft, by the rules of one that is typed; all that is wrong is named."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

from ..catalog.queries import ModalityFacts, ModelFacts
from ..kernel.errors import Invalid
from ..kernel.money import Money, parse_money
from ..kernel.terms import STATES
from ..listings import fields, possible
from ..listings.conditions import INCLUSIONS, Included
from ..listings.counting import MOST_COUNTERS
from ..listings.drafting import MOST_HANDPIECES
from ..listings.fields import Place
from ..listings.possible import Assurance, Counter
from ..listings.terms import CounterDirection, CounterUnit, Grade, Recertification, Warranty
from ..listings.whole import SaidCounter, SaidHandpiece, Whole
from .columns import Column, Line, columns
from .reading import ROW, Entry

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

LONGEST, LONGEST_NOTE = 200, 8_000
_LARGEST = 2_000_000_000


class Problem(NamedTuple):
    """What is wrong: in which row of the table, in which column, and in words."""

    row: int
    column: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows: models by maker and name, modalities by code and name, all in small letters."""

    models: Mapping[tuple[str, str], ModelFacts]
    modalities: Mapping[str, ModalityFacts]


@dataclass(slots=True)
class _Cells:
    """The cells of one line, read one by one; what is wrong with them is noted, and nothing is read then."""

    entry: Entry
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, column: str, sentence: str) -> None:
        self.problems.append(Problem(self.entry.number, column, sentence))

    def let(self, column: str, rule: Callable[[], T]) -> T | None:
        """Return what a rule lets through; what it refuses is wrong with the column."""
        try:
            return rule()
        except Invalid as refusal:
            self.wrong(column, refusal.sentence)
            return None

    def text(self, column: str, longest: int = LONGEST) -> str:
        said = self.entry.cells[column]
        if len(said) > longest:
            self.wrong(column, "This is longer than we keep here.")
        return said

    def whole(self, column: str) -> int | None:
        said = self.entry.cells[column].replace(",", "").replace(" ", "")
        if not said:
            return None
        figures = said.lstrip("0") or "0"
        if not said.isascii() or not said.isdecimal() or int(figures[:11]) > _LARGEST:
            self.wrong(column, "Write a whole number.")
            return None
        return int(figures)

    def money(self, column: str) -> Money | None:
        said = self.entry.cells[column]
        return self.let(column, lambda: parse_money(said)) if said else None

    def day(self, column: str) -> date | None:
        said = self.entry.cells[column]
        try:
            return date.fromisoformat(said) if said else None
        except ValueError:
            self.wrong(column, "Write the day as 2026-05-31.")
            return None

    def one_of(self, column: str, kind: type[E]) -> E | None:
        said = self.entry.cells[column].casefold()
        found = {str(one).casefold(): one for one in kind}.get(said)
        if said and found is None:
            self.wrong(column, f"This is one of {', '.join(kind)}.")
        return found

    def yes_or_no(self, column: str) -> bool | None:
        said = self.entry.cells[column].casefold()
        if said not in {"", "yes", "no"}:
            self.wrong(column, "Write yes or no, or leave it empty.")
        return {"yes": True, "no": False}.get(said)

    def answers(self, place: Place, codes: Sequence[str]) -> dict[str, str]:
        """Return the answers to what is asked at a place; an answer to what is not asked there is wrong."""
        asked = fields.asked(place, codes)
        for key in fields.keys_of(place) - {one.key for one in asked}:
            if self.entry.cells[key]:
                self.wrong(key, "This is not asked where its modalities treat. Leave it empty.")
        said = {one.key: self.let(one.key, partial(fields.normal, one, self.entry.cells[one.key])) for one in asked}
        return {key: answer for key, answer in said.items() if answer}


def judge(entries: Sequence[Entry], known: Known, *, at: datetime) -> tuple[Whole | None, list[Problem]]:
    """
    Return the unit that these lines say, or None and what is wrong with them, in the order of the lines.

    What stands in a line that is not about it is wrong, so that nothing is passed over in silence.
    """
    every = [_Cells(entry) for entry in entries]
    for cells in every:
        _shape(cells)
    by_line = {line: [cells for cells in every if cells.entry.line is line] for line in Line}
    devices = by_line[Line.DEVICE]
    if not devices and all(entry.line for entry in entries):
        every[0].wrong("line", "No line says of which device this is a part.")
    for cells in devices[1:]:
        cells.wrong("unit", "Another line says already which device this is.")
    for line, most in ((Line.HANDPIECE, MOST_HANDPIECES), (Line.COUNTER, MOST_COUNTERS)):
        for cells in by_line[line][most:]:
            cells.wrong("line", f"A device has at most {most} {line}s here.")
    parts = [_handpiece(cells, known, at) for cells in by_line[Line.HANDPIECE]]
    counters = [_counter(cells, at) for cells in by_line[Line.COUNTER]]
    whole = _device(devices[0], known, parts, counters, at) if devices else None
    problems = [problem for cells in every for problem in cells.problems]
    return (None if problems else whole), problems


def _shape(cells: _Cells) -> None:
    entry = cells.entry
    if entry.beyond:
        cells.wrong(ROW, "This row has more cells than the header.")
    if entry.line is None:
        cells.wrong("line", f"This is one of {', '.join(Line)}.")
        return
    for name in _needed(entry.line):
        if not entry.cells[name]:
            cells.wrong(name, "This must not be empty.")
    for name in entry.cells:
        lines = _by_name()[name].lines
        if entry.line not in lines:
            cells.wrong(name, f"This is said on the line of a {' or '.join(lines)}, not of a {entry.line}.")


@cache
def _needed(line: Line) -> tuple[str, ...]:
    return tuple(column.name for column in columns() if line in column.needed)


@cache
def _by_name() -> Mapping[str, Column]:
    return {column.name: column for column in columns()}


def _device(
    cells: _Cells,
    known: Known,
    parts: Sequence[SaidHandpiece | None],
    counters: Sequence[SaidCounter | None],
    at: datetime,
) -> Whole | None:
    said = cells.entry.cells
    model = known.models.get((said["maker"].casefold(), said["model"].casefold()))
    if model is None:
        if said["maker"] and said["model"]:
            cells.wrong("model", "The catalogue does not know this maker and model.")
        codes: list[str] = []
    else:
        codes = [*model.modality_codes, *(part.modality_code for part in parts if part)]
    state = said["state"].upper()
    if state and state not in STATES:
        cells.wrong("state", "Write the state by its two letters, such as TX.")
    cells.let("serial", lambda: possible.require_serial(said["serial"]))
    year = cells.whole("year")
    cells.let("year", lambda: possible.require_year(year, at))
    price = cells.money("price_usd")
    if price is not None:
        cells.let("price_usd", lambda: possible.require_payable(price))
    serviced = cells.day("last_service_on")
    if serviced is not None and serviced > at.date():
        cells.wrong("last_service_on", "The last service cannot lie ahead of us.")
    whole: dict[str, Any] = {
        "serial": cells.text("serial"),
        "grade": cells.one_of("grade", Grade),
        "city": cells.text("city"),
        "postal_code": cells.let("zip", lambda: possible.zip_of(said["zip"])),
        "description": cells.text("description", LONGEST_NOTE),
        "recertification": cells.one_of("recertification", Recertification),
        "recertification_quote": cells.money("recertification_quote_usd"),
        "warranty": _warranty(cells),
        "training_included": cells.yes_or_no("training_included"),
        "inclusions": _inclusions(cells),
        "particulars": cells.answers(Place.DEVICE, codes) | cells.answers(Place.CONDITION, codes) if model else {},
    }
    if model is None:
        return None
    return Whole(
        model=model,
        year=year,
        price=price,
        state_code=state,
        last_service_on=serviced,
        handpieces=tuple(part for part in parts if part),
        counters=tuple(one for one in counters if one),
        **whole,
    )


def _warranty(cells: _Cells) -> Assurance | None:
    said = Assurance(
        cells.one_of("warranty", Warranty) or Warranty.NONE,
        cells.whole("warranty_months"),
        cells.yes_or_no("warranty_transferable"),
        cells.text("warranty_provider"),
    )
    cells.let("warranty", lambda: possible.require_warranty(said))
    return said if cells.entry.cells["warranty"] else None


def _inclusions(cells: _Cells) -> dict[str, str]:
    stated: dict[str, str] = {}
    for column, answer in (("comes_with", Included.INCLUDED), ("absent", Included.ABSENT)):
        for item in filter(None, (one.strip() for one in cells.entry.cells[column].casefold().split(";"))):
            if item not in INCLUSIONS:
                cells.wrong(column, f"“{item[:40]}” is not one of {', '.join(INCLUSIONS)}.")
            elif stated.setdefault(item, answer) != answer:
                cells.wrong(column, f"“{item}” cannot both come with it and be absent.")
    return stated


def _handpiece(cells: _Cells, known: Known, at: datetime) -> SaidHandpiece | None:
    said = cells.entry.cells
    modality = known.modalities.get(said["modality"].casefold())
    if modality is None and said["modality"]:
        cells.wrong("modality", "The catalogue does not know this modality.")
    counter, rated_life, source = _counted(cells, at)
    reduction = cells.money("reduction_usd")
    cells.let("reduction_usd", lambda: possible.require_reduction(reduction))
    name, serial = cells.text("name"), cells.text("serial")
    if modality is None:
        return None
    return SaidHandpiece(
        name=name,
        modality_code=modality.code,
        serial=serial,
        counter=counter,
        rated_life=rated_life,
        rated_life_source=source,
        reduction=reduction,
        particulars=cells.answers(Place.HANDPIECE, [modality.code]),
    )


def _counter(cells: _Cells, at: datetime) -> SaidCounter | None:
    counter, rated_life, source = _counted(cells, at)
    if rated_life is not None and not source:
        cells.wrong("rated_life_source", "Name who states the rated life, or leave it empty.")
    part, serial = cells.text("name"), cells.text("serial")
    return SaidCounter(part, serial, counter, rated_life, source) if counter else None


def _counted(cells: _Cells, at: datetime) -> tuple[Counter | None, int | None, str]:
    value, unit = cells.whole("counter"), cells.one_of("counter_unit", CounterUnit)
    direction, read_on = cells.one_of("counter_direction", CounterDirection), cells.day("counter_read_on")
    rated_life, source = cells.whole("rated_life"), cells.text("rated_life_source")
    if rated_life == 0:
        cells.wrong("rated_life", "A rated life is above zero.")
    said = [cells.entry.cells[name] for name in ("counter", "counter_unit", "counter_direction", "counter_read_on")]
    if value is None or unit is None or direction is None:
        # On the line of a counter each of them must be there, and is asked for as such.
        if any(said) and not all(said[:3]) and cells.entry.line is Line.HANDPIECE:
            cells.wrong("counter", "Write what it shows, its unit and its direction, or none of them.")
        return None, rated_life, source
    counter = Counter(value, unit, direction, read_on)
    cells.let("counter", lambda: possible.require_possible(counter, at))
    return counter, rated_life, source
