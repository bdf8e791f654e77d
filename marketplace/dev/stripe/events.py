"""Webhook endpoints, and the events of the last thirty days."""

import operator
from collections.abc import Callable
from datetime import datetime
from secrets import token_hex
from urllib.parse import urlencode

from .store import Document
from .wire import ApiError, Params, page, present
from .world import API_VERSION, DAY, World

KEPT_SECONDS = 30 * DAY
FAR = 2**40


def create_endpoint(world: World, params: Params) -> Document:
    """Keep an address to deliver to; its secret is told now and never again."""
    url = params.text("url")
    enabled = params.texts("enabled_events")
    version = params.maybe_text("api_version") or API_VERSION
    description, metadata = params.maybe_text("description"), params.notes()
    params.end()
    if not url.startswith(("http://", "https://")):
        raise ApiError("Invalid URL: An explicit scheme (such as https) must be provided.", param="url")
    if not enabled:
        raise ApiError("Missing required param: enabled_events.", param="enabled_events")
    if version != API_VERSION:
        raise ApiError(f"Only {API_VERSION} is spoken here.", param="api_version")
    endpoint = add_endpoint(world, url, f"whsec_{token_hex(16)}", enabled)
    endpoint |= {"description": description, "metadata": metadata}
    world.store.put(endpoint)
    return endpoint | {"secret": endpoint["_secrets"][0]}


def add_endpoint(world: World, url: str, secret: str, enabled: list[str]) -> Document:
    """Keep an address to deliver to under a secret that both sides know already."""
    endpoint = world.new(
        "webhook_endpoint",
        "we",
        api_version=API_VERSION,
        application=None,
        description=None,
        enabled_events=enabled,
        livemode=False,
        metadata={},
        status="enabled",
        url=url,
        _secrets=[secret],
    )
    with world.store.change():
        for known in world.store.all("webhook_endpoint", url=url):
            endpoint["id"] = known["id"]
        world.store.put(endpoint)
    return endpoint


def roll_secret(world: World, endpoint_id: str) -> Document:
    """Give an endpoint a new secret; until the next roll, the old one signs as well."""
    endpoint = world.get("webhook_endpoint", endpoint_id)
    endpoint["_secrets"] = [f"whsec_{token_hex(16)}", endpoint["_secrets"][0]]
    world.store.put(endpoint)
    return endpoint | {"secret": endpoint["_secrets"][0]}


def list_events(world: World, params: Params) -> Document:
    """List the events of the last thirty days, as they were when they happened."""
    types = params.texts("types") or [kind for kind in [params.maybe_text("type")] if kind]
    delivered = params.truth("delivery_success")
    created = moments(params)
    since = world.now() - KEPT_SECONDS
    found = [
        event
        for event in world.store.all("event")
        if event["created"] >= since
        and (not types or event["type"] in types)
        and event["created"] in created
        and delivered in (None, waiting(world, event) == 0)
    ]
    return page([event | {"pending_webhooks": waiting(world, event)} for event in found], params, "/v1/events")


def list_thin_events(world: World, params: Params) -> Document:
    """List the thin events of the last thirty days, the newest first; the v2 API turns its pages by an address."""
    types, about = params.texts("types"), params.maybe_text("object_id")
    created = params.group("created")
    bounds = {name: created.maybe_text(name) for name in ("gt", "gte", "lt", "lte")}
    created.end()
    limit, first = params.maybe_number("limit", 20), params.maybe_number("page", 0)
    params.end()
    within = {name: datetime.fromisoformat(moment) for name, moment in bounds.items() if moment is not None}
    found = [
        event
        for event in world.store.all("v2.core.event")
        if (not types or event["type"] in types)
        and about in (None, event["related_object"].get("id"))
        and _falls(datetime.fromisoformat(event["created"]), within)
    ]
    more = f"/v2/core/events?{urlencode({'limit': limit, 'page': first + limit, **_again(bounds)})}"
    return {
        "data": [present(event) for event in found[first : first + limit]],
        "next_page_url": more if len(found) > first + limit else None,
        "previous_page_url": None,
    }


def _falls(moment: datetime, within: dict[str, datetime]) -> bool:
    return all(_COMPARED[name](moment, bound) for name, bound in within.items())


def _again(bounds: dict[str, str | None]) -> dict[str, str]:
    return {f"created[{name}]": moment for name, moment in bounds.items() if moment is not None}


_COMPARED: dict[str, Callable[[datetime, datetime], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def moments(params: Params) -> range:
    """Return the seconds that `created[gt|gte|lt|lte]` leave."""
    created = params.group("created")
    first = max(created.maybe_number("gte", 0), created.maybe_number("gt", -1) + 1)
    last = min(created.maybe_number("lte", FAR), created.maybe_number("lt", FAR + 1) - 1)
    created.end()
    return range(first, last + 1)


def retrieve_event(world: World, event_id: str) -> Document:
    """Return an event of the last thirty days."""
    event = world.get("event", event_id)
    return event | {"pending_webhooks": waiting(world, event)}


def waiting(world: World, event: Document) -> int:
    """Return how many endpoints have not taken the event yet."""
    deliveries = world.store.all("delivery", event=event["id"])
    return sum(delivery["state"] != "delivered" for delivery in deliveries)
