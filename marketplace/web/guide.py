"""What is known of makers, models and modalities, for everybody: specifications, recalls, rules, prices, units."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ..catalog import queries as catalog
from ..catalog.queries import ModelFacts
from ..config import Settings
from ..eligibility import publishing
from ..guides import elsewhere as asked_elsewhere
from ..guides import knowing, maker_policy, prices
from ..guides.elsewhere import Listed
from ..guides.prices import Guide
from ..guides.spread import FEWEST, WIDTH, Chart, chart
from ..kernel.errors import NotFound
from ..kernel.terms import STATES, ProcedureClass
from ..kernel.wording import gettext_noop
from ..recalls import queries as recalls
from . import linked, rules
from .access import public
from .language import gettext, in_every_language

bp = Blueprint("guide", __name__)

UNITS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """
    Who may operate a model in one state: for each procedure the ways, by name; none: no rule there yet.

    Both as they are called in English: procedures are told where they are shown, ways as their rules call them.
    """

    code: str
    name: str
    ways: tuple[tuple[str, tuple[str, ...]], ...]


@bp.get("/models")
@public
@in_every_language
def models() -> ResponseReturnValue:
    """List every model by maker."""
    return _kept(render_template("guide/models.html", lines=knowing.lines(), canonical=canonical()))


@bp.get("/makers/<slug>")
@public
@in_every_language
def maker(slug: str) -> ResponseReturnValue:
    """Show a maker: its models, and what is said of its policy."""
    found = knowing.maker_at(slug)
    return _kept(
        render_template(
            "guide/maker.html",
            maker=found,
            lines=knowing.lines(maker_slug=slug),
            policy=maker_policy.said_of(
                maker=found.name, aliases=found.aliases, model="", modalities=(), statements=maker_policy.shipped()
            ),
            standings=maker_policy.STANDINGS,
            canonical=canonical(),
        )
    )


@bp.get("/modalities/<code>")
@public
@in_every_language
def modality(code: str) -> ResponseReturnValue:
    """Show a modality: what it is used for, who may operate it where, and which models can have it."""
    known = catalog.modalities().get(code)
    if known is None:
        raise NotFound(gettext_noop("There is no such modality."), cure=gettext_noop("Look for it among all models."))
    return _kept(
        render_template(
            "guide/modality.html",
            modality=known,
            emits=catalog.usually_emits(code),
            lines=knowing.lines(modality=code),
            places=places_for(known.procedure_classes),
            canonical=canonical(),
        )
    )


@bp.get("/models/<slug>")
@public
@in_every_language
def model(slug: str) -> ResponseReturnValue:
    """Show a model: everything that is known of it, and what is for sale."""
    found = knowing.model_at(slug)
    modalities = [catalog.modalities()[code] for code in found.modality_codes]
    enabled = {kind for one in modalities for kind in one.procedure_classes}
    units, guide = knowing.units_of(found.id, most=UNITS_SHOWN), prices.guide(found.id)
    elsewhere = asked_elsewhere.listed(maker=found.maker, model=found.name)
    return _kept(
        render_template(
            "guide/model.html",
            model=found,
            modalities=modalities,
            emits=catalog.emits(
                found.modality_codes,
                model_modalities=found.modality_codes,
                model_bands=found.bands,
            ),
            decisions=knowing.decisions_on(found.k_numbers) if found.k_numbers else [],
            recalls=recalls.shown_for([found.id]).get(found.id, ()),
            places=places_for([kind for kind in ProcedureClass if kind in enabled]),
            policy=_policy_of(found),
            standings=maker_policy.STANDINGS,
            units=units,
            guide=guide,
            elsewhere=elsewhere,
            chart=_chart(guide, elsewhere) if guide.whole.sold else None,
            width=WIDTH,
            fewest=FEWEST,
            canonical=canonical(),
            json_ld=linked.of_model(found, units, guide.offers, canonical()),
        )
    )


def _chart(guide: Guide, elsewhere: Sequence[Listed]) -> Chart:
    """Draw all years together, then each year of which enough were sold here."""
    rows = [(gettext("All"), guide.whole.sold, guide.whole.asked, [one.price for one in elsewhere])]
    rows += [
        (str(of.year), of.sold, of.asked, [one.price for one in elsewhere if one.year == of.year])
        for of in guide.years
        if of.sold
    ]
    return chart(rows)


@bp.get("/prices")
@public
@in_every_language
def price_guide() -> ResponseReturnValue:
    """List the models of which enough were sold here to say what was paid."""
    return _kept(
        render_template("guide/prices.html", known=prices.models_with_a_guide(), fewest=FEWEST, canonical=canonical())
    )


@bp.get("/prices/sold.csv")
@public
def sold_file() -> ResponseReturnValue:
    """Give out what was paid, for whoever works with it; no row can be told to be a certain sale."""
    return rules.saved(prices.sold_csv(), "text/csv; charset=utf-8", "second-light-sold.csv")


def canonical() -> str:
    """Return the one address of the page that is asked for, without what only narrows or sorts it."""
    return base() + request.path


def base() -> str:
    """Return the address of the house itself."""
    settings: Settings = current_app.extensions["second_light_settings"]
    return settings.base_url


def places_for(procedures: Iterable[ProcedureClass]) -> tuple[PlaceRow, ...]:
    """Return who may operate a device that enables these, state by state; empty while no rules are published."""
    published = publishing.in_force()
    return _places(published.version_id, tuple(procedures)) if published else ()


@lru_cache(maxsize=256)
def _places(version_id: UUID, procedures: tuple[ProcedureClass, ...]) -> tuple[PlaceRow, ...]:
    policy = publishing.policy_of(version_id)
    return tuple(
        PlaceRow(
            code,
            name,
            tuple(
                (kind.words, tuple(dict.fromkeys(way.option.name for way in policy.ways(code, kind))))
                for kind in procedures
            ),
        )
        for code, name in STATES.items()
    )


def _policy_of(found: ModelFacts) -> object:
    return maker_policy.said_of(
        maker=found.maker,
        aliases=found.maker_aliases,
        model=found.name,
        modalities=found.modality_codes,
        statements=maker_policy.shipped(),
    )


def _kept(page: str) -> Response:
    """Let a stranger's browser ask whether the page is still the same; what is shown to somebody is never kept."""
    answer = Response(page, mimetype="text/html")
    if not current_user.is_authenticated:
        answer.add_etag(weak=True)
        answer.vary.update(("Accept-Language", "Cookie"))
        answer.headers["Cache-Control"] = "no-cache"
        answer.make_conditional(request)
    return answer
