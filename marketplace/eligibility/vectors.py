"""
The public test vectors: situations in words, the facts they stand for, and the answer the gate owes each of them. Pure.

Whoever reads the rules can check the answers; whoever builds a gate of their own can run them.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from uuid import UUID, uuid5

from ..clinics.states import SellerStanding
from ..credentials.states import CredentialState
from ..credentials.types import credential_types
from ..kernel.shapes import read
from ..kernel.terms import STATES, ProcedureClass, time_zone_of
from .facts import (
    Asked,
    Buyer,
    Confirmation,
    Device,
    Exclusion,
    Facts,
    Handpiece,
    Hazard,
    Held,
    Modification,
    Person,
    Place,
    Practitioner,
    Site,
    Uses,
)
from .policy import judge
from .rulebook import Policy
from .verdict import Verdict

VECTORS_FILE = Path(__file__).parent / "data" / "vectors.json"
_NAMES = UUID("6e2f9c1a-0d57-4b43-9f0e-2a8c5b7d1e64")
_MODEL = uuid5(_NAMES, "model")


@dataclass(frozen=True, slots=True)
class Paper:
    """A credential of the situation. `seen_at` is when its primary source was last seen to confirm it."""

    type: str
    state: str
    level: str | None = None
    endorsements: frozenset[str] = frozenset()
    on_model: bool = False
    standing: CredentialState = CredentialState.VERIFIED
    issued_on: date | None = None
    expires_on: date | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Human:
    """A person of the situation, by what the person holds. `excluded`: an entry in an exclusion list is not settled."""

    papers: tuple[Paper, ...] = ()
    member: bool = True
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What a kind of handpiece does; `enables` is absent where its description is too vague to know."""

    hazard: Hazard
    enables: frozenset[ProcedureClass] | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """
    The answer: yes, or what stands against it as `key:REASON`, in alphabetical order.

    `rules` are those that the yes rests on, or that the objections name; `cites` are texts that the answer must name.
    """

    cleared: bool
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    One situation. Everything that it does not mention is sound: the device, its labels, its seller, its buyer.

    `handpieces` are codes of the file's own table. `colleagues` hold one paper each.
    """

    id: str
    words: str
    place: str
    at: datetime
    handpieces: tuple[str, ...]
    expected: Expected
    asked: Asked = Asked.ORDER
    declared: frozenset[ProcedureClass] = frozenset()
    restriction_signed: bool = False
    operator: Human | None = None
    practitioner: Human | None = None
    confirmed_at: datetime | None = None
    signed: frozenset[str] = frozenset()
    site: tuple[Paper, ...] = ()
    safety_officer_named: bool = False
    colleagues: tuple[Paper, ...] = ()
    seller: SellerStanding = SellerStanding.VERIFIED
    rx_label_seen: bool = True
    modification: Modification = Modification.NONE
    product_code: str | None = None
    recall_open: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Why the expected answers are what they are since this version. `digest` is of all of them."""

    version: int
    on: date
    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Vectors:
    """The whole file."""

    format: int
    reading: str
    changelog: tuple[Change, ...]
    handpieces: Mapping[str, Part]
    scenarios: tuple[Scenario, ...]

    @property
    def version(self) -> int:
        """Return the number of the newest edition."""
        return self.changelog[-1].version

    @property
    def explained(self) -> bool:
        """Say whether the newest entry of the changelog is about exactly these answers."""
        return self.changelog[-1].digest == digest_of(self.scenarios)


@cache
def vectors() -> Vectors:
    """Return the vectors that ship with the product; they are about the reference policy."""
    return read(Vectors, json.loads(VECTORS_FILE.read_text(encoding="utf-8")))


def digest_of(scenarios: Iterable[Scenario]) -> str:
    """Return the SHA-256 of what is expected of every situation."""
    answers = [
        [each.id, each.expected.cleared, each.expected.reasons, each.expected.rules, each.expected.cites]
        for each in scenarios
    ]
    return hashlib.sha256(json.dumps(answers, separators=(",", ":")).encode()).hexdigest()


def answer_to(scenario: Scenario, parts: Mapping[str, Part], policy: Policy) -> Expected:
    """Return what the gate answers; `cites` are all texts that stand behind it."""
    verdict = judge(facts_of(scenario, parts), policy, scenario.at)
    if verdict.cleared:
        rules = verdict.rule_ids
        cited = {c.ref for rule in policy.document.rules if rule.id in rules for c in rule.citations}
    else:
        rules = tuple(dict.fromkeys(entry.rule_id for entry in verdict.objections if entry.rule_id is not None))
        cited = {citation.ref for entry in verdict.objections for citation in entry.citations}
    return Expected(verdict.cleared, _reasons(verdict), rules, tuple(sorted(cited)))


def _reasons(verdict: Verdict) -> tuple[str, ...]:
    return tuple(sorted({f"{entry.key}:{entry.code}" for entry in verdict.objections}))


def meets(found: Expected, expected: Expected) -> bool:
    """Say whether an answer is the one that is owed."""
    same = (found.cleared, found.reasons, found.rules) == (expected.cleared, expected.reasons, expected.rules)
    return same and set(expected.cites) <= set(found.cites)


def differing(before: Policy, after: Policy) -> Iterator[tuple[Scenario, Verdict, Verdict]]:
    """Yield every public situation that two policies answer differently, with both answers."""
    kept = vectors()
    for scenario in kept.scenarios:
        facts = facts_of(scenario, kept.handpieces)
        then, now = (judge(facts, policy, scenario.at) for policy in (before, after))
        if (then.cleared, _reasons(then)) != (now.cleared, _reasons(now)):
            yield scenario, then, now


def facts_of(scenario: Scenario, parts: Mapping[str, Part]) -> Facts:
    """Return the whole question that a situation puts to the gate."""
    practitioner = _person("the practitioner", scenario.practitioner)
    confirmation = Confirmation(scenario.confirmed_at, scenario.signed) if scenario.confirmed_at else None
    return Facts(
        asked=scenario.asked,
        place=Place(scenario.place, time_zone_of(scenario.place)),
        device=Device(
            model_id=_MODEL,
            maker="Example",
            model="Device",
            product_code=scenario.product_code,
            rx_label_seen=scenario.rx_label_seen,
            id_label_seen=True,
            modification=scenario.modification,
            recall_open=scenario.recall_open,
            handpieces=tuple(
                Handpiece(
                    uuid5(_NAMES, f"{n} {code}"), f"{code} handpiece", code, parts[code].enables, parts[code].hazard
                )
                for n, code in enumerate(scenario.handpieces)
            ),
        ),
        seller=scenario.seller,
        buyer=Buyer(uuid5(_NAMES, "the buyer"), in_good_standing=True, exclusion=Exclusion.NONE),
        site=Site(
            credentials=_papers("the site", scenario.site),
            safety_officer_named=scenario.safety_officer_named,
            colleagues=tuple(
                Person(uuid5(_NAMES, f"colleague {n}"), f"colleague {n}", True, _papers(f"colleague {n}", [paper]))
                for n, paper in enumerate(scenario.colleagues, start=1)
            ),
        ),
        operator=_person("the operator", scenario.operator),
        practitioner=Practitioner(practitioner, confirmation) if practitioner else None,
        uses=Uses(scenario.declared, scenario.restriction_signed),
    )


def as_csv(kept: Vectors) -> str:
    """Return the vectors as a table that a spreadsheet opens."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(
        ["id", "situation", "place", "handpieces", "asked at", "moment", "answer", "reasons", "rules", "texts"]
    )
    for each in kept.scenarios:
        table.writerow(
            [
                each.id,
                each.words,
                STATES[each.place],
                " ".join(each.handpieces),
                each.asked.replace("_", " "),
                each.at.isoformat(),
                "yes" if each.expected.cleared else "no",
                " ".join(each.expected.reasons),
                " ".join(each.expected.rules),
                "; ".join(each.expected.cites),
            ]
        )
    return out.getvalue()


def _person(name: str, human: Human | None) -> Person | None:
    if human is None:
        return None
    exclusion = Exclusion.OPEN if human.excluded else Exclusion.NONE
    return Person(uuid5(_NAMES, name), name, human.member, _papers(name, human.papers), exclusion)


def _papers(holder: str, papers: Iterable[Paper]) -> tuple[Held, ...]:
    held = []
    for position, paper in enumerate(papers):
        known = credential_types()[paper.type]
        held.append(
            Held(
                id=uuid5(_NAMES, f"{holder} {position}"),
                type=paper.type,
                type_name=known.name,
                kind=known.kind,
                jurisdiction=paper.state,
                state=paper.standing,
                issued_on=paper.issued_on,
                expires_on=paper.expires_on,
                verified_at=paper.seen_at,
                level=paper.level,
                endorsements=paper.endorsements,
                device_model_id=_MODEL if paper.on_model else None,
                does_not_open=known.does_not_open,
            )
        )
    return tuple(held)
