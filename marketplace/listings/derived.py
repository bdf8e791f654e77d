"""What a listing says twice for the sake of finding and judging it, derived from what its seller stated."""

from ..catalog.queries import ModelFacts
from ..kernel.money import Money
from ..kernel.terms import STATES
from .conditions import configuration, left, life_used
from .landed import ASKS, Unit, landed
from .models import Listing
from .places import point_of
from .traits import traits_of
from .words import findable


def derive(listing: Listing, model: ModelFacts) -> None:
    """Bring the derived columns of `listing` to what it and its handpieces state. The only writer of these columns."""
    codes = list(dict.fromkeys(part.modality_code for part in listing.handpieces))
    used = _lives(listing) + [
        life_used(value=part.value, unit=part.unit, direction=part.direction, rated=part.rated_life)
        for part in listing.counters
    ]
    shots = [
        left(value=part.counter_value, unit=part.counter_unit, direction=part.counter_direction, rated=part.rated_life)
        for part in listing.handpieces
    ] + [
        left(value=part.value, unit=part.unit, direction=part.direction, rated=part.rated_life)
        for part in listing.counters
    ]
    listing.title = model.title
    listing.maker_id = model.maker_id
    listing.modality_codes = codes
    listing.life_used_percent = max((percent for percent in used if percent is not None), default=None)
    listing.shots_left = min((number for number in shots if number is not None), default=None)
    listing.configuration = configuration(
        model_id=listing.model_id,
        modality_codes=[part.modality_code for part in listing.handpieces],
        rx_label_present=listing.rx_label_present,
        id_label_present=listing.id_label_present,
        modification=listing.modification,
    )
    listing.beyond_minor = beyond(listing)
    point = point_of(listing.postal_code) if listing.postal_code else None
    listing.latitude, listing.longitude = (point.latitude, point.longitude) if point else (None, None)
    listing.traits = traits_of(listing)
    # What its model and modalities are called is said once for all units of its kind: see `kinds`.
    listing.search_words = findable(
        names=(),
        others=[
            listing.city, STATES[listing.state_code], *(part.name for part in listing.handpieces),
            str(listing.year or ""), listing.description,
        ],
    )  # fmt: skip


def beyond(listing: Listing) -> int | None:
    """Return what the unit costs beyond its price, without any assumption; None: not known."""
    quote = listing.recertification_minor
    unit = Unit(
        price=Money(0, listing.currency),
        asks_for_it=ASKS[listing.recertification],
        quote=None if quote is None else Money(quote, listing.currency),
        lives=[(part.name, used) for part, used in zip(listing.handpieces, _lives(listing), strict=True)],
        training_included=bool(listing.training_included),
    )
    found = landed(unit, {}).comparable
    return None if found is None else found.minor


def _lives(listing: Listing) -> list[int | None]:
    """Return how much of its life each handpiece has used, in per cent; None: not known."""
    return [
        life_used(
            value=part.counter_value, unit=part.counter_unit, direction=part.counter_direction, rated=part.rated_life
        )
        for part in listing.handpieces
    ]
