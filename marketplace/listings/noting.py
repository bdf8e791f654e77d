"""
What staff ask to be changed, place by place: each note stands beside its field until something else is said there.

Nobody ticks a note off: it is answered when what stands there differs from what stood there when it was asked. What was
asked stays for ever in the listing's course.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ..kernel.errors import Invalid
from . import fields
from .conditions import INCLUSIONS, checklist
from .facts import CounterFacts, HandpieceFacts, ListingFacts
from .fields import Place
from .states import ListingState

WHOLE = "This step as a whole"
_DEVICE = {
    "model_id": "Model",
    "serial": "Serial number",
    "year": "Year of manufacture",
    "city": "City",
    "state_code": "State",
    "postal_code": "ZIP code",
}
_COUNTED = {"rated_life": "Rated life", "rated_life_source": "Who says so"}
_HANDPIECE = {
    "name": "What it is called",
    "modality_code": "Modality",
    "serial": "Serial number",
    "counter_value": "Counter",
    "counter_direction": "Which way it counts",
    "counter_unit": "What it counts",
    "counter_read_on": "Read on",
    **_COUNTED,
    "reduction": "What the price falls by without it",
}
_COUNTER = {
    "part": "Part that counts",
    "serial": "Serial number",
    "counter_value": "What it shows",
    "counter_direction": "Which way it counts",
    "counter_unit": "What it counts",
    "counter_read_on": "Read on",
    **_COUNTED,
}
_LABELS = {"rx_label": "Prescription legend", "id_label": "Maker’s label", "modification": "What was changed"}
_TERMS = {
    "recertification": "Recertification",
    "recertification_quote": "The maker’s quote for it",
    "warranty": "Warranty",
    "warranty_months": "Months that are left of it",
    "warranty_provider": "Who gives it",
    "warranty_transferable": "Whether it goes with the device",
    "training_included": "Training",
    "price": "Asking price",
}
_RADIOS = {
    "grade",
    "warranty_transferable",
    "training_included",
    "recertification",
    "warranty",
    *_LABELS,
    *(f"has_{item}" for item in INCLUSIONS),
}


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of a listing about which staff may ask. `field` is that of its step's form; empty: the whole step."""

    key: str
    step: str
    field: str
    label: str
    said: str
    part_id: UUID | None = None

    @property
    def anchor(self) -> str:
        """Return where on its page it stands."""
        return f"{self.field}-0" if self.field in _RADIOS else self.field


@dataclass(frozen=True, slots=True)
class Note:
    """What staff ask at a place, still unanswered."""

    spot: Spot
    words: str


def spots(listing: ListingFacts) -> list[Spot]:
    """Return every place about which staff may ask, step by step; each step begins with the whole of it."""
    found: list[Spot] = []
    steps = {
        "device": _of_the_device,
        "handpieces": _of_the_handpieces,
        "console": _of_the_console,
        "condition": _of_the_condition,
        "statements": _of_the_law,
        "terms": _of_the_sale,
        "photos": _of_the_photos,
    }
    for step, places in steps.items():
        inner = [
            Spot(f"{step}.{part_id}.{field}" if part_id else f"{step}.{field}", step, field, label, said, part_id)
            for field, label, said, part_id in places(listing)
        ]
        everything = "\n".join(f"{spot.key}={spot.said}" for spot in inner)
        found += [Spot(step, step, "", WHOLE, everything), *inner]
    return found


def asked(listing: ListingFacts, notes: Mapping[str, str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """
    Return notes as they are kept, each with what stood at its place when it was asked, and how they read.

    :raises Invalid: one is about a place that the listing does not have
    """
    known = {spot.key: spot for spot in spots(listing)}
    kept, written = {}, []
    for key, words in notes.items():
        if not words.strip():
            continue
        if key not in known:
            raise Invalid("The listing has no such place any more. Look at it again.")
        spot = known[key]
        kept[key] = {"words": words.strip(), "was": spot.said}
        place = spot.step.capitalize() if spot.label == WHOLE else spot.label
        written.append(f"{place}: {words.strip()}")
    return kept, written


def open_notes(listing: ListingFacts) -> list[Note]:
    """Return what staff ask of a draft and is not answered yet, in the order of the steps."""
    if listing.state is not ListingState.DRAFT or not listing.review_notes:
        return []
    return [
        Note(spot, kept["words"])
        for spot in spots(listing)
        if (kept := listing.review_notes.get(spot.key)) is not None and kept.get("was", spot.said) == spot.said
    ]


_Place = tuple[str, str, str, UUID | None]


def _of_the_device(listing: ListingFacts) -> Iterator[_Place]:
    said = {"model_id": f"{listing.model.maker} {listing.model.name}"}
    return _of(listing, _DEVICE, said)


def _of_the_handpieces(listing: ListingFacts) -> Iterator[_Place]:
    for part in listing.handpieces:
        for field, label, said, _ in _of(part, _HANDPIECE, {}):
            yield field, f"{part.name}: {label}", said, part.id
        for question in fields.asked(Place.HANDPIECE, [part.modality_code]):
            yield question.key, f"{part.name}: {question.label}", part.particulars.get(question.key, ""), part.id


def _of_the_console(listing: ListingFacts) -> Iterator[_Place]:
    for counter in listing.counters:
        kept = {name: _written(getattr(counter, name.removeprefix("counter_"))) for name in _COUNTER}
        for field, label, said, _ in _of(counter, _COUNTER, kept):
            yield field, f"{counter.part}: {label}", said, counter.id
    yield from _asked_at(listing, Place.DEVICE)


def _of_the_condition(listing: ListingFacts) -> Iterator[_Place]:
    yield from _of(listing, {"grade": "Condition grade"}, {})
    yield from _asked_at(listing, Place.CONDITION)
    yield from _of(listing, {"last_service_on": "Last service", "description": "What else a buyer should know"}, {})
    for item, answer in checklist(listing.inclusions).items():
        yield f"has_{item}", INCLUSIONS[item], str(answer), None
    yield "papers", "Papers", ", ".join(paper.words for paper in listing.papers), None


def _of_the_law(listing: ListingFacts) -> Iterator[_Place]:
    said = {"rx_label": _written(listing.rx_label_present), "id_label": _written(listing.id_label_present)}
    yield from _of(listing, _LABELS, said)
    yield from _asked_at(listing, Place.STATEMENT)


def _of_the_sale(listing: ListingFacts) -> Iterator[_Place]:
    return _of(listing, _TERMS, {})


def _of_the_photos(listing: ListingFacts) -> Iterator[_Place]:
    for number, photo in enumerate(listing.all_photos, start=1):
        # Another file is another answer, as are other words.
        said = f"{photo.alternative_text} ({', '.join(photo.shows)}) {photo.stem}"
        yield f"photo-{photo.id}", f"Photo {number}", said, None


def _asked_at(listing: ListingFacts, place: Place) -> Iterator[_Place]:
    codes = [*listing.model.modality_codes, *(part.modality_code for part in listing.handpieces)]
    for question in fields.asked(place, codes):
        yield question.key, question.label, listing.particulars.get(question.key, ""), None


def _of(
    row: ListingFacts | HandpieceFacts | CounterFacts, labels: Mapping[str, str], said: Mapping[str, str]
) -> Iterator[_Place]:
    for field, label in labels.items():
        yield field, label, said[field] if field in said else _written(getattr(row, field)), None


def _written(answer: Any) -> str:
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return "" if answer is None else str(answer)
