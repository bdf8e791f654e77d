"""Sellers: v2 accounts that can receive, and the links on which their owners answer questions."""

from secrets import token_urlsafe

from .store import Document
from .wire import ApiError, Params
from .world import World

LINK_SECONDS = 5 * 60
INCLUDABLE = ("configuration.recipient", "defaults", "identity", "requirements")
CAPABILITY = "v2.core.account[configuration.recipient].capability_status_updated"
REQUIREMENTS = "v2.core.account[requirements].updated"
STATUSES = ("active", "pending", "rejected", "restricted", "unsupported")
QUESTIONS = ("external_account", "identity.business_details.registered_name", "representative.given_name")


def create_account(world: World, params: Params) -> Document:
    """Keep a seller who cannot be paid yet: their owner has answered nothing."""
    responsibilities = _read_defaults(params.group("defaults"))
    country, entity = _read_identity(params.group("identity"))
    requested = _read_configuration(params.group("configuration"))
    include = _included(params)
    account = world.new(
        "v2.core.account",
        "acct",
        applied_configurations=["recipient"] if requested else [],
        closed=False,
        contact_email=params.maybe_text("contact_email"),
        dashboard=params.maybe_text("dashboard"),
        display_name=params.maybe_text("display_name"),
        livemode=False,
        metadata=params.notes(),
        _country=country,
        _entity=entity,
        _responsibilities=responsibilities,
        _requested=requested,
        _status="restricted",
        _due=list(QUESTIONS),
        _spent=0,
    )
    params.end()
    account["created"] = world.moment(account["created"])
    world.store.put(account)
    world.emit_thin("v2.core.account.created", account)
    return _shown(account, include)


def retrieve_account(world: World, params: Params, account_id: str) -> Document:
    """Return a seller, with the parts that were asked for."""
    include = _included(params)
    params.end()
    return _shown(world.get("v2.core.account", account_id), include)


def _read_defaults(defaults: Params) -> Document:
    responsibilities = defaults.group("responsibilities")
    read = {
        "fees_collector": responsibilities.maybe_text("fees_collector"),
        "losses_collector": responsibilities.maybe_text("losses_collector"),
        "requirements_collector": "stripe",
    }
    defaults.maybe_text("currency")
    for group in (responsibilities, defaults):
        group.end()
    if read["losses_collector"] == "stripe":
        raise ApiError(
            "Separate charges and transfers need a platform that answers for losses.",
            param="losses_collector",
        )
    return read


def _read_identity(identity: Params) -> tuple[str | None, str | None]:
    read = identity.maybe_text("country"), identity.maybe_text("entity_type")
    identity.end()
    return read


def _read_configuration(configuration: Params) -> bool:
    recipient = configuration.group("recipient")
    capabilities = recipient.group("capabilities")
    balance = capabilities.group("stripe_balance")
    transfers = balance.group("stripe_transfers")
    requested = bool(transfers.truth("requested"))
    for group in (transfers, balance, capabilities, recipient, configuration):
        group.end()
    return requested


def _included(params: Params) -> list[str]:
    include = params.texts("include")
    for name in include:
        if name not in INCLUDABLE:
            raise ApiError(f"Cannot include {name}.", code="invalid_field", param="include")
    return include


def _shown(account: Document, include: list[str]) -> Document:
    """Return the account with only the parts that were asked for, as the v2 API does."""
    parts = {
        "configuration.recipient": ("configuration", {"recipient": _recipient(account)}),
        "defaults": ("defaults", {"currency": "usd", "responsibilities": account["_responsibilities"]}),
        "identity": ("identity", {"country": account["_country"], "entity_type": account["_entity"]}),
        "requirements": ("requirements", {"entries": [_entry(name) for name in account["_due"]]}),
    }
    unasked = {part: None for part, _ in parts.values()}
    return account | unasked | dict(parts[name] for name in include)


def _recipient(account: Document) -> Document:
    if not account["_requested"]:
        return {"applied": False, "capabilities": None}
    transfers = {"status": account["_status"], "status_details": _details(account)}
    return {"applied": True, "capabilities": {"stripe_balance": {"stripe_transfers": transfers}}}


def _details(account: Document) -> list[Document]:
    """Say why not; while Stripe is still looking, there is nothing to say."""
    if account["_status"] in {"active", "pending"}:
        return []
    code = "requirements_past_due" if account["_due"] else "restricted_other"
    return [{"code": code, "resolution": "provide_info"}]


def _entry(name: str) -> Document:
    return {
        "awaiting_action_from": "user",
        "description": name,
        "errors": [],
        "impact": {"restricts_capabilities": []},
        "minimum_deadline": {"status": "currently_due"},
        "requested_reasons": [{"code": "routine_onboarding"}],
    }


# -- the owner's answers -------------------------------------------------------------------------


def create_link(world: World, params: Params) -> Document:
    """Mint a link that opens once, for five minutes."""
    account = world.get("v2.core.account", params.text("account"))
    case = params.group("use_case")
    kind = case.text("type")
    onboarding = case.group("account_onboarding")
    urls = {"refresh_url": onboarding.text("refresh_url"), "return_url": onboarding.maybe_text("return_url")}
    for group in (onboarding, case, params):
        group.end()
    if kind != "account_onboarding":
        raise ApiError("Only account_onboarding is understood here.", param="use_case[type]")
    token = token_urlsafe(16)
    created, expires = world.now(), world.now() + LINK_SECONDS
    link = {
        "object": "v2.core.account_link",
        "account": account["id"],
        "created": world.moment(created),
        "expires_at": world.moment(expires),
        "livemode": False,
        "url": f"{world.base_url}/setup/{token}",
        "use_case": {"type": kind, "account_onboarding": urls},
    }
    world.store.put(link | {"id": token, "_expires": expires, "_state": "new"})
    return link


def open_link(world: World, token: str) -> tuple[Document, bool]:
    """Return a link and whether this visit is the one that it is good for."""
    with world.store.change():
        link = world.get("v2.core.account_link", token)
        good = link["_state"] == "new" and world.now() < link["_expires"]
        if good:
            world.store.put(link | {"_state": "opened"})
    return link, good


def answer_link(world: World, token: str, *, complete: bool) -> str:
    """Keep the owner's answers from an opened link; return where to send them next."""
    with world.store.change():
        link = world.get("v2.core.account_link", token)
        urls = link["use_case"]["account_onboarding"]
        if link["_state"] != "opened":
            return str(urls["refresh_url"])
        world.store.put(link | {"_state": "used"})
        if complete:
            set_status(world, link["account"], "active")
    return str(urls["return_url"] or urls["refresh_url"])


def set_status(world: World, account_id: str, status: str) -> Document:
    """Change whether a seller can be paid, and tell it, in thin events only."""
    if status not in STATUSES:
        raise ApiError(f"No such status: {status}")
    account = world.get("v2.core.account", account_id)
    account |= {"_status": status, "_due": [] if status == "active" else account["_due"]}
    world.store.put(account)
    world.emit_thin(CAPABILITY, account)
    world.emit_thin(REQUIREMENTS, account)
    return _shown(account, ["configuration.recipient", "requirements"])
