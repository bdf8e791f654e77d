"""
What stands around a purchase, told by the database in one statement for pages that only show what the gate would say.

The text that is told names everything that follows from it: the same text has the same circumstances. So these are kept
under it, and nothing has to be taken back when a fact changes: what is told then is another text. It is asked anew for
every request. Whoever sells asks row by row instead (`gathering`), and remembers nothing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from ..clinics import told as clinics
from ..clinics.queries import Member, Site
from ..credentials import exclusions
from ..credentials import queries as credentials
from ..credentials.exclusions import Filed
from ..extensions import db, reading
from ..kernel.errors import NotFound
from ..kernel.terms import ProcedureClass
from .facts import OneOff
from .gathering import Circumstances, Sources, as_facts, circumstances_of
from .publishing import IN_FORCE
from .sale import Purchase
from .states import ReviewState

T = TypeVar("T")

_ONE_OFFS = f"""
    SELECT id, place, procedure, listing_id, site_id, operator_id, valid_from, valid_to, cited_ref, cited_version,
        cited_evidence, cited_url
    FROM rule_reviews WHERE site_id = (SELECT id FROM site) AND state = '{ReviewState.APPROVED}' ORDER BY id
"""  # noqa: S608  Names of ours.
_ASKED = {
    "sites": f"SELECT * FROM sites ORDER BY {clinics.IN_ORDER}",  # noqa: S608  Names of ours.
    "site": "SELECT * FROM site",
    "members": "SELECT * FROM member ORDER BY name, user_id",
    "held": credentials.HELD,
    "one_offs": _ONE_OFFS,
    "policy": IN_FORCE,
    **exclusions.LOOK,
}


class Around(NamedTuple):
    """A purchase with what stands around it, as it was told. `policy_id`: None while the gate is shut."""

    text: str
    purchase: Purchase
    policy_id: UUID | None
    circumstances: Circumstances

    @property
    def name(self) -> tuple[str, Purchase]:
        """Return what is never given to anything else: the same name, the same circumstances and rules."""
        return self.text, self.purchase


@dataclass(frozen=True, slots=True)
class Told:
    """
    What was told of sites, and of everything that the gate looks at around one of them.

    `people` are those it was told of, and `filed` is under which words they may stand in the list of exclusions.
    """

    text: str
    sites: tuple[Site, ...]
    site: Site | None
    policy_id: UUID | None
    members: tuple[Member, ...]
    people: frozenset[UUID]
    filed: Filed
    sources: Sources
    known: dict[Purchase, Circumstances] = field(default_factory=dict)

    def around(self, purchase: Purchase) -> Around:
        """
        Return what stands around a purchase. Of another site, or of people it was not told of, the database is asked.

        :raises NotFound: the site is not one of the buying clinic's open sites
        """
        here = self.site is not None and self.site.id == purchase.site_id
        told_of = {purchase.buyer_id, purchase.operator_id or purchase.buyer_id} <= self.people
        return self._around(purchase) if here and told_of else around(purchase)

    def _around(self, purchase: Purchase) -> Around:
        found = self.known.get(purchase)
        if found is None:
            found = circumstances_of(purchase, self.sources)
            if len(self.known) < MOST_KEPT:
                self.known[purchase] = found
        return Around(self.text, purchase, self.policy_id, found)


def around(purchase: Purchase | Around) -> Around:
    """
    Return what stands around a purchase, in one statement; in none where the caller has just been told.

    :raises NotFound: the site is not one of the buying clinic's open sites
    """
    if isinstance(purchase, Around):
        return purchase
    people = [purchase.buyer_id, *([purchase.operator_id] if purchase.operator_id else [])]
    told, _ = _tell(_statement("place.id = %(site)s::uuid", ""), {"site": purchase.site_id, "people": people})
    return told._around(purchase)  # noqa: SLF001  It was told of this very purchase.


def at_site(site_id: UUID, people: Iterable[UUID] = ()) -> Told:
    """
    Return what stands around one open site, and these people beside its clinic's members, in one statement.

    :raises NotFound: there is no such site, or it is closed
    """
    told, _ = _tell(_statement("place.id = %(site)s::uuid", ""), {"site": site_id, "people": sorted(people)})
    if told.site is None:
        raise NotFound("There is no such site, or it is closed.")
    return told


def look(*, reader_id: UUID, site_id: UUID | None, beside: str = "") -> tuple[Told, Any]:
    """
    Return a person's sites with what stands around the one asked for, else around the first, in one statement.

    `beside` is one more question of the caller, which has one answer; it is returned as well.
    """
    return _tell(_statement(clinics.OF_READER, beside), {"reader": reader_id, "site": site_id, "people": [reader_id]})


@cache
def _statement(which: str, beside: str) -> str:
    parts = ", ".join(
        f"(SELECT json_agg(one) FROM ({asked}) one) AS {name}"  # noqa: S608  Statements and names of ours.
        for name, asked in _ASKED.items()
    )
    whole = f"""
        WITH sites AS ({clinics.SITES} AND {which}),
        site AS (SELECT * FROM sites ORDER BY id IS NOT DISTINCT FROM %(site)s::uuid DESC, {clinics.IN_ORDER} LIMIT 1),
        member AS ({clinics.MEMBERS}),
        person AS (SELECT user_id AS id FROM member UNION SELECT unnest(%(people)s::uuid[])),
        list AS ({exclusions.LIST})
        SELECT (SELECT row_to_json(whole)::text FROM (SELECT {parts}) whole), ({beside or "NULL"})
    """  # noqa: S608  Names of ours; values are bound.
    return " ".join(whole.split())


MOST_KEPT = 256
"""Different texts, and people whose names are known to the process: those asked about longest ago are forgotten."""
_kept: dict[str, Told] = {}
_needed: dict[str, Filed] = {}


def forget() -> None:
    """Keep nothing."""
    _kept.clear()
    _needed.clear()


def _tell(statement: str, asked: Mapping[str, Any]) -> tuple[Told, Any]:
    """
    Ask, and read what is told unless it was read before.

    Only with their names it is known under which words people may stand in the list of exclusions. So it is asked under
    those that were needed the last time, and once more where these were not enough.
    """
    who = repr(asked)
    filed = _needed.pop(who, Filed())
    if db.session.registry.has():
        db.session.flush()  # What a transaction has changed and not sent yet is a fact as well.
    while True:
        words = {"families": [family for family, _ in filed], "givens": [given for _, given in filed]}
        with reading() as connection:
            text, beside = connection.exec_driver_sql(statement, {**asked, **words}).one()
        told = _kept.pop(text, None) or _read(text)
        if told.filed <= filed:
            _keep(_kept, text, told)
            _keep(_needed, who, filed)
            return told, beside
        filed = told.filed


def _keep(kept: dict[str, T], name: str, value: T) -> None:
    kept[name] = value
    while len(kept) > MOST_KEPT:
        kept.pop(next(iter(kept)), None)


def _read(text: str) -> Told:
    told = {name: found or [] for name, found in json.loads(text).items()}
    sites = tuple(map(clinics.site, told["sites"]))
    site = next(map(clinics.site, told["site"]), None)
    members = tuple(map(clinics.member, told["members"]))
    of_people, of_sites = credentials.held_told(told["held"])
    one_offs = tuple(map(_one_off, told["one_offs"]))

    def open_site(site_id: UUID) -> Site:
        if site is None or site.id != site_id:
            raise NotFound("There is no such site, or it is closed.")
        return site

    return Told(
        text=text,
        sites=sites,
        site=site,
        policy_id=UUID(told["policy"][0]["id"]) if told["policy"] else None,
        members=members,
        people=frozenset(UUID(one["id"]) for one in told["people"]),
        filed=exclusions.filed(one["name"] for one in told["people"]),
        sources=Sources(
            site=open_site,
            members_of=lambda _: list(members),
            held_by=lambda _: of_people,
            held_by_sites=lambda _: of_sites,
            one_offs_of=lambda _: one_offs,
            exclusions_of=lambda user_ids: as_facts(exclusions.look_told(told, user_ids)),
        ),
    )


def _one_off(told: Mapping[str, Any]) -> OneOff:
    return OneOff(
        id=UUID(told["id"]),
        state=told["place"],
        procedure=ProcedureClass(told["procedure"]),
        listing_id=UUID(told["listing_id"]),
        site_id=UUID(told["site_id"]),
        operator_id=UUID(told["operator_id"]),
        valid_from=date.fromisoformat(told["valid_from"]),
        valid_to=date.fromisoformat(told["valid_to"]),
        ref=told["cited_ref"],
        text_version=told["cited_version"],
        evidence=told["cited_evidence"],
        url=told["cited_url"],
    )
