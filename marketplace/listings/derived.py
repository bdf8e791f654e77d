"""What a listing says twice for the sake of finding and judging it, derived from what its seller stated."""

from ..catalog.queries import ModelFacts
from ..kernel.terms import STATES
from .conditions import configuration, left, life_used
from .models import Listing
from .places import point_of
from .traits import traits_of
from .words import findable


def derive(listing: Listing, model: ModelFacts) -> None:
    """Bring the derived columns of `listing` to what it and its handpieces state. The only writer of these columns."""
    codes = list(dict.fromkeys(part.modality_code for part in listing.handpieces))
    used = [
        life_used(
            value=part.counter_value, unit=part.counter_unit, direction=part.counter_direction, rated=part.rated_life
        )
        for part in listing.handpieces
    ] + [
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
