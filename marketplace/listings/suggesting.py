"""What may be meant by the beginning of a question: makers, models, modalities, procedures that are on the market."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from ..catalog import queries as catalog
from ..kernel.terms import ProcedureClass
from . import figures
from .asked import Wanted, ask
from .kinds import Market
from .search import asking
from .vocabulary import Vocabulary
from .words import findable, typed

MOST = {"modality": 3, "procedure": 2, "maker": 2, "model": 6}
"""How many of each are shown, in this order."""
LEAST_LETTERS = 2
MOST_FORGIVEN = 4
"""So many words are read with slips in them; of more, only as they are typed: what a question costs is bounded."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An answer of a facet, what it is called, and how many units have it."""

    facet: str
    answer: str
    words: str
    units: int


@dataclass(frozen=True, slots=True)
class _Known:
    version: str
    names: tuple[tuple[Suggestion, tuple[str, ...]], ...]
    words: Vocabulary


_known = [_Known("", (), Vocabulary(()))]


def suggestions(text: str, *, version: str | None = None) -> list[Suggestion]:
    """
    Return what has words that begin as the typed ones do; nothing has: as nearly as they can; few of each kind.

    `version`: what the market is now, where the caller has just asked for it.
    """
    words = typed(text)
    if len("".join(words)) < LEAST_LETTERS:
        return []
    known = asking(_names, version)
    found = _beginning(known.names, words)
    if not found and len(words) <= MOST_FORGIVEN:
        found = _nearly(known, words)
    return [one for facet, most in MOST.items() for one in [two for two in found if two.facet == facet][:most]]


def _names(connection: Connection, market: Market) -> _Known:
    known = _known[0]
    if known.version != market.version or not market.version:
        counts = figures.counts(connection, market, ask(market, Wanted())).by_facet
        names = [
            (Suggestion(facet, answer, words, units), tuple(findable(names=by, others=()).split()))
            for facet, answer, words, by in _called(market)
            if (units := counts[facet].get(answer))
        ]
        names.sort(key=lambda one: (-one[0].units, one[0].words))
        vocabulary = Vocabulary((place, own) for place, (_, own) in enumerate(names))
        known = _known[0] = _Known(market.version, tuple(names), vocabulary)
    return known


def _called(market: Market) -> Iterable[tuple[str, str, str, tuple[str, ...]]]:
    """Return every answer that can be suggested: its facet, what it is called, and under which names it is found."""
    for code, modality in catalog.modalities().items():
        yield "modality", code, modality.name, (modality.name, *modality.aliases)
    for procedure in ProcedureClass:
        yield "procedure", str(procedure), procedure.words.capitalize(), (procedure.words,)
    for maker in {one.maker for one in market.kinds.values()}:
        yield "maker", maker, maker, (maker,)
    for maker, model in {(one.maker, one.model) for one in market.kinds.values()}:
        yield "model", model, model, (model, model.removeprefix(maker))


def _beginning(names: Iterable[tuple[Suggestion, tuple[str, ...]]], words: list[str]) -> list[Suggestion]:
    def begins(own: tuple[str, ...], typed: str) -> bool:
        return any(word.startswith(typed) for word in own)

    joined = "".join(words)
    return [one for one, own in names if all(begins(own, word) for word in words) or begins(own, joined)]


def _nearly(known: _Known, words: list[str]) -> list[Suggestion]:
    """Return what the fewest slips in all, in any of the words, keep from beginning as they do."""
    near = [known.words.nearly(word) for word in words]
    slips = {
        place: sum(one[place] for one in near) for place in frozenset.intersection(*(frozenset(one) for one in near))
    }
    for place, apart in known.words.nearly("".join(words)).items():
        slips[place] = min(apart, slips.get(place, apart))
    fewest = min(slips.values(), default=0)
    return [known.names[place][0] for place in sorted(slips) if slips[place] == fewest]
