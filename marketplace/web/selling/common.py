"""What the pages of selling share: their words, whose listing it is, and how typed answers are read."""

from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, url_for
from wtforms.validators import Regexp

from ...clinics import queries as clinics
from ...clinics.access import MANAGERS
from ...clinics.queries import Membership
from ...kernel.errors import Invalid
from ...listings import noting, queries
from ...listings.facts import ListingFacts
from ...listings.noting import Spot
from ...listings.states import ListingEvent, ListingState
from ..access import me
from ..forms import Form
from ..options import options

F = TypeVar("F", bound=Form)

bp = Blueprint("selling", __name__)


STEPS = {
    "device": "Device",
    "handpieces": "Handpieces",
    "console": "Console",
    "condition": "Condition",
    "statements": "Lawful sale",
    "terms": "Price",
    "photos": "Photos",
}


STATE_WORDS = {
    ListingState.DRAFT: ("quiet", "draft"),
    ListingState.IN_REVIEW: ("not_yet", "with our staff"),
    ListingState.PUBLISHED: ("yes", "on the market"),
    ListingState.PAUSED: ("quiet", "paused"),
    ListingState.RESERVED: ("not_yet", "reserved for a buyer"),
    ListingState.SOLD: ("yes", "sold"),
    ListingState.WITHDRAWN: ("quiet", "withdrawn"),
}


EVENT_WORDS: dict[ListingEvent | None, str] = {
    None: "Drafted",
    ListingEvent.SUBMITTED: "Submitted",
    ListingEvent.APPROVED: "Approved and put on the market",
    ListingEvent.SENT_BACK: "Sent back by staff",
    ListingEvent.RECALLED: "Taken back to be changed",
    ListingEvent.STOPPED: "Stopped by the house and put before staff",
    ListingEvent.PAUSED: "Paused",
    ListingEvent.RESUMED: "Back on the market after a pause",
    ListingEvent.RESERVED: "Reserved by a buyer",
    ListingEvent.RELEASED: "Back on the market",
    ListingEvent.SOLD: "Sold",
    ListingEvent.WITHDRAWN: "Withdrawn",
}


ANSWERS = (("yes", "Yes"), ("no", "No"))


WHOLE = Regexp(r"^[0-9, ]*$", message="Write a whole number.")


LONGEST_TEXT, LONGEST_LINE = 8_000, 200


class ActForm(Form):
    """A button."""


@bp.context_processor
def _notes() -> dict[str, Any]:
    """Let the pages of selling show what staff ask."""
    return {"open_notes": noting.open_notes, "address_of": address_of, "part_id": None}


def address_of(facts: ListingFacts, spot: Spot) -> str:
    """Return where the seller answers what staff ask about a place."""
    if spot.part_id and spot.step == "handpieces":
        return url_for("selling.handpiece", listing_id=facts.id, handpiece_id=spot.part_id, _anchor=spot.anchor)
    if spot.part_id:
        return url_for("selling.counter", listing_id=facts.id, counter_id=spot.part_id, _anchor=spot.anchor)
    page = "pictures" if spot.step == "photos" else spot.step
    return url_for(f"selling.{page}", listing_id=facts.id, _anchor=spot.anchor or None)


def with_notes(form: F, facts: ListingFacts, step: str, part_id: UUID | None = None) -> F:
    """Let each field of a step's form show what staff ask there."""
    for note in noting.open_notes(facts):
        if note.spot.step == step and note.spot.part_id == part_id and note.spot.field in form:
            field: Any = form[note.spot.field]
            field.note = note.words  # For the macros of forms.
    return form


def selling_for() -> list[Membership]:
    """Return the clinics that the person can sell for."""
    return [one for one in clinics.memberships_of(me().id) if one.role in MANAGERS]


def mine(listing_id: UUID) -> ListingFacts:
    """Return a listing to somebody who sells for its clinic; strangers learn nothing of it."""
    facts = queries.listing(listing_id)
    clinics.require_role(user_id=me().id, clinic_id=facts.clinic_id, roles=MANAGERS)
    return facts


def codes_of(facts: ListingFacts) -> frozenset[str]:
    """Return the modalities that decide what is asked of the unit."""
    return frozenset((*facts.model.modality_codes, *(part.modality_code for part in facts.handpieces)))


def nothing_yet(words: str) -> list[Any]:
    """Return the first answer of a question that nobody may answer by passing it over."""
    return options([("", words)])


def key_of(text: str | None) -> UUID:
    """
    Return the key of a form, by which a second sending of it is known.

    :raises Invalid: it is none
    """
    try:
        return UUID(text or "")
    except ValueError:
        raise Invalid("This form has grown too old. Please send it again.") from None


def answer_of(stated: bool | None) -> str | None:  # noqa: FBT001  The answer is the whole question.
    return None if stated is None else "yes" if stated else "no"


def stated(answer: str | None) -> bool | None:
    return None if not answer else answer == "yes"


def number(field: Any) -> int | None:
    digits = "".join(letter for letter in field.data or "" if letter.isdecimal())
    if not digits:
        return None
    if int(digits) > 2_000_000_000:
        raise Invalid("This number is too large to be true.", field=field.short_name)
    return int(digits)
