"""What machines fetch: the site map, what they may look at, and a feed of every search."""

from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from ..catalog import queries as catalog
from ..guides import knowing
from ..kernel import clock
from ..kernel.errors import NotFound
from ..kernel.terms import STATES
from ..listings import search
from . import guide, searching
from .access import public

bp = Blueprint("crawling", __name__)

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
ATOM = "http://www.w3.org/2005/Atom"

# What is for one person, or does something, is nobody else's to fetch.
_ROBOTS = """User-agent: *
Disallow: /account
Disallow: /orders
Disallow: /sell
Disallow: /staff
Disallow: /sign-in
Disallow: /devices?

Sitemap: {sitemap}
"""


@bp.get("/robots.txt")
@public
def robots() -> ResponseReturnValue:
    """Say what machines may look at."""
    return Response(_ROBOTS.format(sitemap=_absolute("crawling.sitemap")), content_type="text/plain; charset=utf-8")


@bp.get("/sitemap.xml")
@public
def sitemap() -> ResponseReturnValue:
    """List the parts of the site map."""
    root = Element("sitemapindex", xmlns=SITEMAP)
    parts = [_absolute("crawling.sitemap_pages")]
    parts += [_absolute("crawling.sitemap_units", part=part) for part in range(1, knowing.parts_of_units() + 1)]
    for address in parts:
        SubElement(SubElement(root, "sitemap"), "loc").text = address
    return _xml(root, "application/xml")


@bp.get("/sitemap-pages.xml")
@public
def sitemap_pages() -> ResponseReturnValue:
    """List the pages that do not come and go with a unit."""
    lines = knowing.lines()
    addresses = [_absolute(name) for name in ("browse.home", "browse.devices", "rules.index", "guide.models")]
    addresses += [_absolute("guide.price_guide"), _absolute("receipts.check")]
    addresses += [_absolute("rules.place", state=state) for state in STATES]
    addresses += [_absolute("guide.modality", code=code) for code in catalog.modalities()]
    addresses += [_absolute("guide.maker", slug=slug) for slug in dict.fromkeys(line.maker_slug for line in lines)]
    addresses += [_absolute("guide.model", slug=line.slug) for line in lines]
    return _urls([(address, None) for address in addresses])


@bp.get("/sitemap-units-<int(min=1, max=1000000):part>.xml")
@public
def sitemap_units(part: int) -> ResponseReturnValue:
    """List a part of the units for sale."""
    found = knowing.addresses_of_units(part)
    if not found and part != 1:
        raise NotFound("The site map has no such part.")
    return _urls([(_absolute("browse.device", listing_id=unit), since) for unit, since in found])


@bp.get("/devices.atom")
@public
def feed() -> ResponseReturnValue:
    """Give out the newest units of a search, whatever its address narrows, and in whatever order its page stands."""
    wanted, _ = searching.wanted_by(request.args)
    found = search.find(search.kept(wanted))
    since = knowing.published_of([card.id for card in found.cards])
    query = request.query_string.decode("ascii", "ignore")
    page = _absolute("browse.devices") + (f"?{query}" if query else "")
    root = Element("feed", xmlns=ATOM)
    SubElement(root, "id").text = page
    SubElement(root, "title").text = "Second Light: devices for sale"
    SubElement(root, "updated").text = _stamp(max(since.values(), default=clock.now()))
    SubElement(SubElement(root, "author"), "name").text = "Second Light"
    SubElement(root, "link", rel="self", href=_absolute("crawling.feed") + (f"?{query}" if query else ""))
    SubElement(root, "link", rel="alternate", href=page)
    for card in found.cards:
        entry = SubElement(root, "entry")
        address = _absolute("browse.device", listing_id=card.id)
        SubElement(entry, "id").text = address
        SubElement(entry, "title").text = f"{card.title} {card.year}, {card.price}"
        SubElement(entry, "updated").text = _stamp(since[card.id])
        SubElement(entry, "link", href=address)
        SubElement(entry, "summary").text = f"Grade {card.grade}, {card.city}, {card.state_code}"
    return _xml(root, "application/atom+xml")


def _urls(addresses: list[tuple[str, datetime | None]]) -> Response:
    root = Element("urlset", xmlns=SITEMAP)
    for address, since in addresses:
        url = SubElement(root, "url")
        SubElement(url, "loc").text = address
        if since is not None:
            SubElement(url, "lastmod").text = _stamp(since)
    return _xml(root, "application/xml")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _absolute(endpoint: str, **values: Any) -> str:
    return guide.base() + url_for(endpoint, **values)


def _xml(root: Element, media_type: str) -> Response:
    content = b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root)
    return Response(content, content_type=f"{media_type}; charset=utf-8")
