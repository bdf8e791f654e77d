"""What a listing says twice for the sake of finding and judging it, derived from what its seller stated."""

from ..catalog import queries as catalog
from ..catalog.queries import ModelFacts
from ..catalog.wavelengths import numbers
from ..kernel.terms import STATES
from .conditions import configuration, life_used
from .models import Listing
from .words import findable


def derive(listing: Listing, model: ModelFacts) -> None:
    """Bring the derived columns of `listing` to what it and its handpieces state. The only writer of these columns."""
    modalities = catalog.modalities()
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
    listing.title = model.title
    listing.modality_codes = codes
    listing.life_used_percent = max((percent for percent in used if percent is not None), default=None)
    listing.configuration = configuration(
        model_id=listing.model_id,
        modality_codes=[part.modality_code for part in listing.handpieces],
        rx_label_present=listing.rx_label_present,
        id_label_present=listing.id_label_present,
        modification=listing.modification,
    )
    others = [listing.city, STATES[listing.state_code], *(part.name for part in listing.handpieces)]
    for code in codes:
        known = modalities[code]
        others += [known.name, *known.aliases, *(kind.words for kind in known.procedure_classes)]
    sources = catalog.emits(codes, model_id=model.id, model_modalities=model.modality_codes, model_bands=model.bands)
    bands = [source for source in sources if not isinstance(source, str)]
    others += [*numbers(bands), *model.k_numbers, str(listing.year or ""), listing.description]
    listing.search_words = findable(names=[model.title, model.maker, *model.maker_aliases, model.name], others=others)
