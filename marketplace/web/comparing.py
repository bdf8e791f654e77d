"""Up to four devices side by side: the address says which, so it can be kept, sent and changed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, after_this_request, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..eligibility import publishing
from ..eligibility import service as eligibility
from ..guides import knowing
from ..kernel import clock
from ..kernel.errors import NotFound
from ..listings import queries
from ..listings.conditions import GRADES
from ..listings.facts import ListingFacts
from ..listings.landed import Landed
from ..recalls import queries as recalls
from . import gate, landing, photos, standpoint, unit
from .access import public
from .language import gettext, in_every_language
from .standpoint import Chip, Standpoint

bp = Blueprint("comparing", __name__)

MOST = 4
RECENT = 8
_SEEN = "seen"


@dataclass(frozen=True, slots=True)
class Column:
    """One device of the comparison."""

    listing: ListingFacts
    photo: photos.ShownPhoto | None
    grade: str | None
    life: str | None
    handpieces: tuple[str, ...]
    recalls: tuple[str, ...]
    recertification: str | None
    cost: Landed
    verdict: Chip | None
    without: str


@bp.get("/compare")
@public
@in_every_language
def compare() -> ResponseReturnValue:
    """Show up to four devices side by side, as the address names them."""
    listings, left_out = _asked_for()
    seen = standpoint.look()
    site = seen.site
    chips = _chips(listings, seen)
    assumed = landing.assumed_in(request.args)
    open_recalls = recalls.shown_for({listing.model.id for listing in listings})
    ids = [listing.id for listing in listings]
    return render_template(
        "comparing/compare.html",
        columns=[
            Column(
                listing=listing,
                photo=photos.shown(listing.photos[0].stem, listing.photos[0].alternative_text)
                if listing.photos
                else None,
                grade=f"{listing.grade} · {gettext(GRADES[listing.grade].name)}" if listing.grade else None,
                life=None if listing.life_used_percent is None else f"{100 - listing.life_used_percent} %",
                handpieces=tuple(part.name for part in listing.handpieces),
                recalls=tuple(one.number for one in open_recalls.get(listing.model.id, ()) if one.is_open),
                recertification=gettext(unit.RECERTIFICATIONS[listing.recertification])
                if listing.recertification
                else None,
                cost=landing.cost_of(listing, assumed),
                verdict=chips.get(listing.id),
                without=url_for("comparing.compare", d=[one for one in ids if one != listing.id]),
            )
            for listing in listings
        ],
        left_out=left_out,
        most=MOST,
        site=site,
        assumed=assumed,
        ids=ids,
        recent=recently_viewed(beside=ids),
        more=len(ids) < MOST,
    )


def _chips(listings: Sequence[ListingFacts], seen: Standpoint) -> dict[UUID, Chip]:
    """Return what the gate would answer the reader about each; without rules there is nothing to tell."""
    if seen.around is None or not listings:
        return {}
    sales, state = [listing.sale for listing in listings], seen.around.circumstances.place.state
    try:
        verdicts = eligibility.previews(sales=sales, purchase=seen.around, at=clock.now())
    except publishing.NoPolicy:
        return {}
    return {
        sale.listing_id: Chip(str(verdict.outcome), gate.chip(verdict.gist, state))
        for sale, verdict in zip(sales, verdicts, strict=True)
    }


def remember(listing_id: UUID) -> None:
    """Remember that the device was looked at, in a cookie of this browser and nowhere else."""
    seen = _seen()
    if seen[:1] == [listing_id]:
        return
    kept = [listing_id, *(one for one in seen if one != listing_id)][:RECENT]

    @after_this_request
    def tell(response: Response) -> Response:
        written = ".".join(one.hex for one in kept)
        response.set_cookie(_SEEN, written, httponly=True, samesite="Lax", secure=request.is_secure)
        return response


def recently_viewed(*, beside: list[UUID]) -> list[dict[str, Any]]:
    """Return the devices that this browser looked at last, with the address that compares each with those at hand."""
    seen = [one for one in _seen() if one not in beside]
    titles = knowing.titles_of(seen) if seen else {}
    return [
        {
            "title": titles[one],
            "url": url_for("browse.device", listing_id=one),
            "compare": url_for("comparing.compare", d=[*beside, one]),
        }
        for one in seen
        if one in titles
    ]


def _seen() -> list[UUID]:
    try:
        return [UUID(hex=one) for one in request.cookies.get(_SEEN, "").split(".")[:RECENT] if one]
    except ValueError:
        return []  # Somebody wrote it by hand.


def _asked_for() -> tuple[list[ListingFacts], int]:
    """Return the devices that the address names and how many it names that cannot be shown; beyond four none is."""
    found: list[ListingFacts] = []
    left_out = 0
    for written in dict.fromkeys(request.args.getlist("d")):
        listing = _on_display(written) if len(found) < MOST else None
        if listing is None:
            left_out += 1
        else:
            found.append(listing)
    return found, left_out


def _on_display(written: str) -> ListingFacts | None:
    try:
        return queries.on_display(UUID(written))
    except (ValueError, NotFound):
        return None
