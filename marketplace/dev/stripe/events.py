"""Webhook endpoints, and the events of the last thirty days."""

from secrets import token_hex

from .store import Document
from .wire import ApiError, Params, page
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
