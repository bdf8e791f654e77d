"""What a device costs in all, as pages show it: the assumptions stand in the address, so no account is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from ..guides import maker_policy
from ..guides.maker_policy import Statement, Topic
from ..kernel.errors import Invalid
from ..kernel.money import Money, parse_money
from ..listings import landed
from ..listings.facts import ListingFacts
from ..listings.landed import ASKS, Landed, Part
from . import fragments
from .filters import fee
from .language import gettext, kept_in_each
from .phrases import theirs

PREFIX = "cost_"


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the reader put into the address: figures, what was typed, and what of it cannot be read."""

    amounts: Mapping[Part, Money]
    typed: Mapping[str, str]
    wrong: Mapping[str, str]


def assumed_in(args: Mapping[str, str]) -> Assumed:
    """Read the reader's own figures from an address; what cannot be read is said and counts for nothing."""
    amounts, typed, wrong = {}, {}, {}
    for part in Part:
        written = args.get(PREFIX + part, "").strip()
        if not written:
            continue
        typed[part.value] = written[:40]
        try:
            amounts[part] = parse_money(written)
        except Invalid as trouble:
            wrong[part.value] = gettext(trouble.sentence)
    return Assumed(amounts, typed, wrong)


def policy_of(listing: ListingFacts) -> dict[Topic, tuple[Statement, ...]]:
    """Return what is said of the policy of the unit's maker, by topic."""
    model = listing.model
    return _policy(model.maker, tuple(model.maker_aliases), model.name, tuple(model.modality_codes))


def drawn_policy(listing: ListingFacts) -> Markup:
    """Return what is said of the policy of the unit's maker, drawn."""
    model = listing.model
    return _drawn(model.maker, tuple(model.maker_aliases), model.name, tuple(model.modality_codes))


@lru_cache(maxsize=512)
def _policy(
    maker: str, aliases: tuple[str, ...], model: str, modalities: tuple[str, ...]
) -> dict[Topic, tuple[Statement, ...]]:
    """Look it up among what came with the house, which does not change while it runs."""
    return maker_policy.said_of(
        maker=maker, aliases=aliases, model=model, modalities=modalities, statements=maker_policy.shipped()
    )


@kept_in_each(512)
def _drawn(maker: str, aliases: tuple[str, ...], model: str, modalities: tuple[str, ...]) -> Markup:
    policy = _policy(maker, aliases, model, modalities)
    return fragments.drawn("browse/_landed.html", "maker_policy", policy, maker_policy.STANDINGS, folded=True)


def cost_of(listing: ListingFacts, assumed: Assumed) -> Landed:
    """Return what a unit on display costs in all."""
    assert listing.price is not None  # What is on display has one.
    unit = landed.Unit(
        price=listing.price,
        asks_for_it=ASKS[listing.recertification],
        quote=listing.recertification_quote,
        training_included=bool(listing.training_included),
        lives=[(part.name, part.life_used) for part in listing.handpieces],
    )
    return landed.landed(unit, assumed.amounts, published=_published(policy_of(listing)))


def _published(policy: Mapping[Topic, tuple[Statement, ...]]) -> str | None:
    fees = [
        Markup("{} ({}{}; {})").format(
            fee(one),
            theirs(one.said_by or ""),
            f", {one.date}" if one.date else "",
            gettext(maker_policy.STANDINGS[one.standing]),
        )
        for one in policy[Topic.RECERTIFICATION]
        if fee(one)
    ]
    figures = Markup("; ").join(fees)
    return Markup(gettext("Published figures: %(figures)s.")) % {"figures": figures} if fees else None  # noqa: S704  Our own words.
