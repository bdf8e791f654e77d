"""What machines read in a page: JSON-LD that says only what the page shows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ..catalog.queries import ModelFacts
from ..guides.knowing import UnitLine
from ..listings.facts import ListingFacts
from ..listings.states import ListingState
from . import photos

_AVAILABLE = {
    ListingState.PUBLISHED: "https://schema.org/InStock",
    ListingState.PAUSED: "https://schema.org/OutOfStock",
    ListingState.RESERVED: "https://schema.org/LimitedAvailability",
    ListingState.SOLD: "https://schema.org/SoldOut",
}


def of_model(model: ModelFacts, units: Sequence[UnitLine], number: int, address: str) -> Markup:
    """Return the model as a product; offers only where there are some, with the least and the most they ask."""
    product = _product(model, address)
    if units:
        prices = [unit.price for unit in units]
        product["offers"] = {
            "@type": "AggregateOffer",
            "offerCount": number,
            "lowPrice": _figure(min(prices).minor),
            "highPrice": _figure(max(prices).minor),
            "priceCurrency": prices[0].currency.upper(),
        }
    return _written(product)


def of_unit(listing: ListingFacts, address: str, house: str) -> Markup:
    """
    Return the unit as an offer of a used product, with its photos where it has some; `house`: its own address.

    The maker's number of the article (gtin, mpn) is not known to us, and the unit's serial number is for nobody here.
    """
    assert listing.price is not None  # What is on display has one.
    offer = {
        "@type": "Offer",
        "url": address,
        "price": _figure(listing.price.minor),
        "priceCurrency": listing.price.currency.upper(),
        "itemCondition": "https://schema.org/UsedCondition",
        "availability": _AVAILABLE[listing.state],
        "seller": {"@type": "Organization", "name": listing.clinic_name},
    }
    pictures = [house + photos.shown(photo.stem, photo.alternative_text).jpg_large for photo in listing.photos]
    told = {"image": pictures, "description": listing.description}
    return _written(
        {**_product(listing.model, address), **{name: said for name, said in told.items() if said}, "offers": offer}
    )


def _product(model: ModelFacts, address: str) -> dict[str, Any]:
    return {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": model.title,
        "model": model.name,
        "brand": {"@type": "Brand", "name": model.maker},
        "url": address,
    }


def _figure(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def _written(document: Mapping[str, Any]) -> Markup:
    # Inside a script nothing is unescaped: no sign may stand there that could end it.
    text = json.dumps(document)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(f'<script type="application/ld+json">{text}</script>')  # noqa: S704  As above.
