"""Finding a device: the front page, the search with its filters, and the page of one unit."""

import re
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup

from ..accounts.access import Permission
from ..eligibility import publishing
from ..eligibility.verdict import Outcome, Reach
from ..extensions import reading
from ..guides import showing
from ..kernel import clock
from ..kernel.errors import NotFound
from ..kernel.terms import STATES
from ..listings import gallery, qualified, reports, search, suggesting, views
from ..listings.conditions import GRADES, INCLUSIONS, checklist
from ..listings.facts import ListingFacts
from ..listings.qualified import Reached
from ..listings.search import Card
from ..listings.states import ListingState
from . import (
    comparing,
    fragments,
    freshness,
    gate,
    guide,
    landing,
    language,
    linked,
    narrowing,
    photos,
    searching,
    standpoint,
    unit,
)
from .access import public
from .language import gettext, in_every_language, ngettext
from .standpoint import Chip, Standpoint

bp = Blueprint("browse", __name__)

_PHOTO = re.compile(r"^[0-9a-f]{2}/[0-9a-f-]{36}-(?:480|1280)\.(webp|jpg)$")
_TYPES = {"webp": "image/webp", "jpg": "image/jpeg"}


@bp.get("/")
@public
@in_every_language
@freshness.of_the_market(standpoint.market)
def home(version: str) -> ResponseReturnValue:
    """Show what this house is, its search, and what came in last."""
    return render_template(
        "browse/home.html",
        cards=_cards(search.newest(8, version=version), standpoint.look(), version, at_once=4),
    )


@bp.get("/devices/suggestions")
@public
@in_every_language
@freshness.of_the_market(search.version)
def suggestions(version: str) -> ResponseReturnValue:
    """Say what may be meant by the beginning of a question, as JSON for the search box."""
    found = suggesting.suggestions(searching.typed(request.args), version=version)
    return jsonify(searching.suggested(found))


@bp.get("/devices")
@public
@in_every_language
@freshness.of_the_market(standpoint.market)
def devices(version: str) -> ResponseReturnValue:
    """Show the units that were asked for, with the figures beside every filter."""
    wanted, ignored = searching.wanted_by(request.args)
    seen = standpoint.look()
    site = seen.site
    reached = _reached(seen, version)
    verdicts = searching.verdicts_in(request.args) if site else ()
    wanted = reached.narrow(wanted, verdicts)
    found = search.find(
        wanted,
        literally=searching.literally(request.args),
        version=version,
        next_to=reached.next_to if site else None,
        in_steps=True,
    )
    meant = replace(wanted, text=found.meant or wanted.text)
    return render_template(
        "browse/devices.html",
        found=found,
        wanted=wanted,
        ignored=ignored,
        site=site,
        sites=seen.sites,
        states=STATES,
        found_words=_found_words(found.total, can_buy_today=verdicts == (Reach.TODAY,)),
        only_today=verdicts == (Reach.TODAY,),
        verdicts=narrowing.verdict_choices(reached.count(meant, version=version), verdicts) if site else (),
        cards=_cards(found.cards, seen, version, at_once=3),
        filters=narrowing.filters_of(wanted, found),
        chips=narrowing.chips_of(wanted, verdicts=verdicts, site=site),
        order=narrowing.order_of(wanted),
        figures=narrowing.figures_of(wanted, found),
        turning=narrowing.turning(wanted, found),
        literal_address=narrowing.literal_address() if found.meant else None,
    )


def _found_words(number: int, *, can_buy_today: bool) -> str:
    if can_buy_today:
        found = ngettext("%(num)s device you can buy today", "%(num)s devices you can buy today", number)
        return found if number else gettext("No devices you can buy today")
    return ngettext("%(num)s device", "%(num)s devices", number) if number else gettext("No devices")


@bp.get("/devices/<uuid:listing_id>")
@public
@in_every_language
def device(listing_id: UUID) -> ResponseReturnValue:
    """Show one unit, and what stands between the reader and it."""
    with reading():
        told = showing.told(listing_id, at=clock.now())
        shown = showing.shown(told) if current_user.is_authenticated else None
        if shown is None or not _of_the_house(shown.listing):
            views.seen(listing_id, at=clock.now())
        comparing.remember(listing_id)
        return freshness.once(showing.named(told), lambda: _device(shown or showing.shown(told)))


def _device(shown: showing.Shown) -> str:
    """Draw the page of a unit. What it shows strangers is in `shown` or in the address, and nowhere else."""
    listing, kept = shown.listing, shown.kept
    kept_for_me = kept is not None and current_user.is_authenticated and kept.buyer_id == current_user.id
    seen = standpoint.look()
    site = seen.site
    judged = unit.judged(shown, seen)
    verdict, parts = (judged.whole, judged.parts) if judged else (None, {})
    state_code = site.state if site else _place_asked_for()
    assumed = landing.assumed_in(request.args)
    return render_template(
        "browse/device.html",
        listing=listing,
        canonical=guide.canonical(),
        json_ld=linked.of_unit(listing, guide.canonical(), guide.base()),
        prices=shown.prices,
        asked=shown.asked,
        passport=shown.passport,
        figure=unit.figure,
        part_words=unit.part_words,
        masked_serial=reports.masked(listing.serial),
        recalls=shown.recalls,
        cost=landing.cost_of(listing, assumed),
        assumed=assumed,
        policy=landing.drawn_policy(listing),
        for_sale=listing.state is ListingState.PUBLISHED,
        photos=[photos.shown(photo.stem, photo.alternative_text) for photo in listing.photos],
        handpieces=[unit.shown_handpiece(listing, part, parts.get(part.id)) for part in listing.handpieces],
        counters=[unit.shown_counter(listing, counter) for counter in listing.counters],
        particulars=unit.particulars(listing),
        warranty=unit.warranty(listing),
        condition_said=unit.stated(listing)[0],
        statements=unit.stated(listing)[1],
        cleared=unit.cleared_bands(listing, parts) if site else None,
        site=site,
        state_code=state_code,
        states=STATES,
        choice_of_states=tuple(STATES.items()),
        verdict=gate.shown(
            verdict, state=site.state, around=gate.Around(clinic_id=site.clinic_id, listing_id=listing.id)
        )
        if verdict and site
        else None,
        offer=unit.offer(listing, site, judged.smaller) if site and judged else None,
        rules=unit.who_may_buy(listing, state_code, shown.policy_id) if site is None and state_code else None,
        grade=GRADES[listing.grade] if listing.grade else None,
        inclusions=tuple((INCLUSIONS[item], str(answer)) for item, answer in checklist(listing.inclusions).items()),
        modification=gettext(unit.MODIFICATIONS[listing.modification]) if listing.modification else None,
        recertification=unit.recertification(listing),
        kept=kept,
        said_of_seller=shown.said_of_seller.told(language),
        kept_for_me=kept_for_me,
        may_ask_to_wait=kept is None and verdict is not None and verdict.outcome is Outcome.NOT_YET,
        may_ask=current_user.is_authenticated and current_user.may(Permission.QUESTION_ASK),
        may_order=current_user.is_authenticated and current_user.may(Permission.ORDER_PLACE),
    )


def _of_the_house(listing: ListingFacts) -> bool:
    """Say whether the look is its seller's own or staff's, which tells nobody anything."""
    return current_user.staff_role is not None or listing.created_by == current_user.id


@bp.get("/photos/<path:name>")
@public
def photo(name: str) -> ResponseReturnValue:
    """Send a file of a photo. Its name is never given to another picture, so it may be kept for ever."""
    known = _PHOTO.match(name)
    if known is None:
        raise NotFound("There is no such photo.")
    response = Response(gallery.file(name), mimetype=_TYPES[known[1]])
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def _reached(seen: Standpoint, version: str) -> Reached:
    """Return what the gate would answer the reader; where no rules are published everything is closed."""
    if seen.around is None:
        return Reached()
    try:
        return qualified.reached_by(purchase=seen.around, at=clock.now(), version=version)
    except publishing.NoPolicy:
        return Reached()


def _cards(cards: Sequence[Card], seen: Standpoint, version: str, *, at_once: int) -> list[Markup]:
    """Draw units among others; the pictures of the first come `at_once`, the others as they are scrolled to."""
    chips = _chips(cards, seen, version)
    base = url_for("browse.devices")
    return [fragments.card(card, base, chips.get(card.id), lazy=place >= at_once) for place, card in enumerate(cards)]


def _chips(cards: Sequence[Card], seen: Standpoint, version: str) -> dict[UUID, Chip]:
    """Return what the gate would answer the reader about each; without rules there is nothing to tell."""
    if seen.around is None:
        return {}
    try:
        gists = qualified.of_cards(cards, purchase=seen.around, at=clock.now(), version=version)
    except publishing.NoPolicy:
        return {}
    state = seen.around.circumstances.place.state
    return {listing_id: Chip(str(gist.outcome), gate.chip(gist, state)) for listing_id, gist in gists.items()}


def _place_asked_for() -> str | None:
    asked = request.args.get("state", "")
    return asked if asked in STATES else None
