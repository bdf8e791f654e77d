"""What a draft must still say before staff look at it, field by field."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ..catalog import queries as catalog
from ..catalog.queries import ModelFacts
from . import fields, liens, shots
from .drafting import codes_of
from .fields import Place
from .liens import Lien
from .models import Listing
from .papers import has_paper
from .prices import LEAST, MOST, reductions
from .record import locked
from .states import PhotoState
from .terms import Modification, PaperKind


@dataclass(frozen=True, slots=True)
class Missing:
    """
    Something a buyer needs to know that the draft does not say yet, or that cannot be sold here.

    `step` is the page that asks for it, `field` its field there; `handpiece_id` the handpiece it is about, if one.
    """

    step: str
    sentence: str
    field: str | None = None
    handpiece_id: UUID | None = None


def missing_from(listing_id: UUID) -> list[Missing]:
    """
    Return everything that stands between a draft and our staff; empty: it is complete.

    :raises NotFound: there is no such listing
    """
    return missing(locked(listing_id, lock=False))


def missing(listing: Listing) -> list[Missing]:
    """Return everything that stands between the row and our staff, in the order of the steps."""
    model = catalog.model(listing.model_id)
    return [
        *_of_the_device(listing),
        *_of_the_handpieces(listing),
        *_of_the_console(listing, model),
        *_of_the_condition(listing, model),
        *_of_the_law(listing, model),
        *_of_the_sale(listing),
        *_of_the_photos(listing),
    ]


def _of_the_device(listing: Listing) -> Iterator[Missing]:
    if not listing.serial_normal:
        yield Missing("device", "Write the serial number from the label.", "serial")
    if listing.year is None:
        yield Missing("device", "Write the year of manufacture.", "year")


def _of_the_handpieces(listing: Listing) -> Iterator[Missing]:
    if not listing.handpieces:
        yield Missing("handpieces", "Add at least one handpiece: they decide what a buyer must be cleared for.")
    for part in listing.handpieces:
        for key, sentence in fields.objections(Place.HANDPIECE, [part.modality_code], part.particulars):
            yield Missing("handpieces", f"{part.name}: {sentence}", key, part.id)


def _of_the_console(listing: Listing, model: ModelFacts) -> Iterator[Missing]:
    for key, sentence in fields.objections(Place.DEVICE, codes_of(listing, model), listing.particulars):
        yield Missing("console", sentence, key)


def _of_the_condition(listing: Listing, model: ModelFacts) -> Iterator[Missing]:
    if listing.grade is None:
        yield Missing("condition", "Choose the condition grade that fits.", "grade-0")
    for key, sentence in fields.objections(Place.CONDITION, codes_of(listing, model), listing.particulars):
        yield Missing("condition", sentence, key)


def _of_the_law(listing: Listing, model: ModelFacts) -> Iterator[Missing]:
    if listing.rx_label_present is None:
        yield Missing("statements", "Say whether the prescription legend is on the device.", "rx_label-0")
    if listing.id_label_present is None:
        yield Missing("statements", "Say whether the maker's label is on the device.", "id_label-0")
    if listing.modification is None:
        yield Missing("statements", "Say what was done to the device since its maker sold it.", "modification-0")
    if listing.modification is Modification.REMANUFACTURED:
        yield Missing(
            "statements",
            "A remanufactured device cannot be sold here: whoever remanufactured it answers for it as its maker.",
            "modification-0",
        )
    for key, sentence in fields.objections(Place.STATEMENT, codes_of(listing, model), listing.particulars):
        yield Missing("statements", sentence, key)
    if listing.particulars.get("title") == "released" and not has_paper(listing.id, PaperKind.LIEN_RELEASE):
        yield Missing("condition", "Attach the release of what rested on the device.", "papers")
    if (lien := liens.of(listing)) is not None:
        yield from _of_the_lien(listing, lien)


def _of_the_lien(listing: Listing, lien: Lien) -> Iterator[Missing]:
    if not lien.lender:
        yield Missing("statements", "Say who holds the loan or lien.", "lender")
    if lien.payoff_through is None:
        yield Missing("statements", "Say until which day the payoff letter is good.", "payoff_through")
    if not has_paper(listing.id, PaperKind.PAYOFF_LETTER):
        yield Missing("condition", "Attach the payoff letter of whoever holds the loan or lien.", "papers")


def _of_the_sale(listing: Listing) -> Iterator[Missing]:
    needed: list[tuple[Any, str, str, str]] = [
        (
            (listing.price_minor or MOST.minor) - reductions(listing.handpieces) >= LEAST.minor,
            "terms",
            "price",
            f"With every handpiece left out that lowers the price, at least {LEAST} must be left.",
        ),
        (
            listing.recertification,
            "terms",
            "recertification-0",
            "Say whether its maker asks a new owner for recertification.",
        ),
        (listing.warranty, "terms", "warranty-0", "Say which warranty it has, or that it has none."),
        (listing.price_minor, "terms", "price", "Name your price."),
    ]
    for given, step, field, sentence in needed:
        if not given:
            yield Missing(step, sentence, field)


def _of_the_photos(listing: Listing) -> Iterator[Missing]:
    if not listing.photos:
        yield Missing("photos", "Add at least one photo.", "photos")
        return
    for photo in listing.photos:
        if photo.state is PhotoState.WAITING:
            yield Missing("photos", f"Photo {photo.position} is still being worked on.", f"photo-{photo.id}")
        elif photo.refusal:
            yield Missing("photos", f"Photo {photo.position}: {photo.refusal}", f"photo-{photo.id}")
    for shot in shots.lacking(listing):
        yield Missing("photos", f"Add a photo of {shots.ASKED[shot]}, or say which photo shows it.", "shots")
