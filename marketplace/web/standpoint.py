"""From where a signed-in person looks at the market: one of their sites, and what they may operate there."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from flask import g, request
from flask_login import current_user

from ..accounts.access import Permission
from ..clinics import queries as clinics
from ..clinics.queries import Site
from ..eligibility import service as eligibility
from ..eligibility.reasons import Key, ReasonCode
from ..eligibility.sale import Purchase
from ..eligibility.told import Around, Told
from ..eligibility.verdict import Verdict
from ..kernel import clock
from ..kernel.terms import STATES
from ..listings import qualified, search
from ..listings.facts import ListingFacts
from .gate import Around as Asked
from .gate import ShownVerdict, shown, words_of
from .language import gettext
from .options import options

ABOUT_OPERATING = frozenset({Key.OPERATOR, Key.RULE, Key.SUPERVISION})
"""The keys that a person's own proofs turn; the others are about the clinic, the site or the unit."""


class Chip(NamedTuple):
    """What the verdict chip takes."""

    outcome: str
    text: str


class Standpoint(NamedTuple):
    """The sites that the reader can buy for, the one they look from, and what stands around a purchase for it."""

    sites: Sequence[Site] = ()
    site: Site | None = None
    around: Around | None = None


def look() -> Standpoint:
    """Return from where the reader looks: the site chosen in the address, else the first; strangers from nowhere."""
    if not _buys():
        return Standpoint()
    told = g.get("standpoint") or _ask()[0]
    return Standpoint(told.sites, told.site, told.around(purchase(told.site)) if told.site else None)


def market() -> str:
    """Return what the market is now; for somebody who buys the same statement tells from where they look at it."""
    return _ask()[1] if _buys() else search.version()


def sites() -> list[Site]:
    """Return the sites that a signed-in person can buy for; none for strangers and staff."""
    return clinics.sites_of_person(current_user.id) if _buys() else []


def chosen(among: Sequence[Site]) -> Site | None:
    """Return the site that the reader looks from: the one chosen in the address, else the first."""
    asked = request.args.get("site", "")
    return next((site for site in among if str(site.id) == asked), among[0] if among else None)


def to_buy_from(seller_id: UUID) -> tuple[Site | None, list[Any]]:
    """Return the site that the reader looks from and the answers to "Site", leaving out those of the seller itself."""
    among = [site for site in sites() if site.clinic_id != seller_id]
    return chosen(among), options((str(site.id), f"{site.name}, {STATES[site.state]}") for site in among)


def purchase(site: Site) -> Purchase:
    """Return the purchase that the reader would make for this site, operating the device themselves."""
    return Purchase(buyer_id=current_user.id, clinic_id=site.clinic_id, site_id=site.id, operator_id=current_user.id)


def answer_for(device: ListingFacts, site: Site) -> ShownVerdict:
    """Return what the gate answers the reader who would buy the device for this site, as pages show it."""
    (verdict,) = eligibility.previews(sales=[device.sale], purchase=purchase(site), at=clock.now())
    return shown(verdict, state=site.state, around=Asked(clinic_id=site.clinic_id, listing_id=device.id))


def _buys() -> bool:
    return bool(current_user.is_authenticated and current_user.may(Permission.ORDER_PLACE))


def _ask() -> tuple[Told, str]:
    told, version = qualified.look(reader_id=current_user.id, site_id=request.args.get("site", type=UUID))
    g.standpoint = told
    return told, version


def may_operate(verdict: Verdict) -> Chip:
    """Say what the person's own proofs allow, leaving out what concerns the purchase as a whole."""
    against = [objection for objection in verdict.objections if objection.key in ABOUT_OPERATING]
    if not against and verdict.restriction:
        return Chip("yes", gettext("for %(uses)s", uses=words_of(verdict.restriction.uses)))
    if not against:
        return Chip("yes", gettext("cleared"))
    if any(objection.code is ReasonCode.NO_RULE for objection in against):
        return Chip("no_rule", gettext("no rule here yet"))
    return Chip("not_yet", gettext("not yet"))
