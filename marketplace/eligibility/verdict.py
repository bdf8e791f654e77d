"""The gate's answer: yes, or everything that stands against it, each with its reason, its cure and its source. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from ..kernel.shapes import read, write
from ..kernel.terms import ProcedureClass
from .reasons import CureCode, Key, ReasonCode


class Evidence(StrEnum):
    """How a legal text is known. Only texts that were read (P) or summarised by the agency itself (O) may gate."""

    PRIMARY = "P"
    OFFICIAL = "O"
    SECONDARY = "S"
    NOT_SOURCED = "X"


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a rule is written, in which version. An empty field is not known, until somebody reads the text."""

    ref: str
    url: str | None = None
    text_version: str | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Cure:
    """
    What the reader can do. `target` is what it is done to: a credential type or id, a handpiece id, a person's id, a
    procedure class; `state` is where a credential must come from.
    """

    code: CureCode
    sentence: str
    target: str | None = None
    state: str | None = None

    @property
    def action(self) -> str:
        """Name the cure for a machine: `submit_credential:US-TX:TDLR:LHR`."""
        return self.code if self.target is None else f"{self.code}:{self.target}"


@dataclass(frozen=True, slots=True)
class Route:
    """
    One way the rule offers, and what it lacks here.

    `confirmed` is False for what is believed but not confirmed in law; such a route never opens.
    """

    rule_id: str
    name: str
    confirmed: bool
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing that stands against the purchase. `subjects` are procedure classes, handpieces or people, by name."""

    code: ReasonCode
    key: Key
    subjects: tuple[str, ...]
    sentence: str
    cures: tuple[Cure, ...]
    citations: tuple[Citation, ...] = ()
    rule_id: str | None = None
    credential_id: UUID | None = None
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What turned a key, or that it did not. The operator key is answered once for each procedure class."""

    key: Key
    subject: str
    met: bool
    sentence: str
    credential_ids: tuple[UUID, ...] = ()
    rule_id: str | None = None
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that the ordering practitioner signs for this order, because a rule asks for it."""

    code: str
    text: str
    rule_id: str


class Outcome(StrEnum):
    """The answer in one word. `no_rule`: the law of the place is not known here, so nobody can qualify yet."""

    YES = "yes"
    NOT_YET = "not_yet"
    NO_RULE = "no_rule"


class Reach(StrEnum):
    """How far a purchase is from being allowed, for whoever looks for something to buy."""

    TODAY = "today"
    MISSING = "missing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Restriction:
    """What the buyer signs to keep to, where one wavelength serves more procedures than were declared."""

    uses: tuple[ProcedureClass, ...]
    left_out: tuple[ProcedureClass, ...]
    sentence: str


class Gist(NamedTuple):
    """A verdict in a word: how many things stand against it, and the uses that a yes is restricted to."""

    outcome: Outcome
    reach: Reach
    against: int
    uses: tuple[ProcedureClass, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Cleared when nothing stands against it.

    `valid_until` is the first moment at which something it rests on no longer holds; None: nothing it rests on ends.
    `statements` are what the practitioner must have signed, or will be asked to sign. `limits` are the rule's own
    exclusions, to be shown with the yes.
    """

    objections: tuple[Objection, ...] = ()
    answers: tuple[Answer, ...] = ()
    restriction: Restriction | None = None
    statements: tuple[Statement, ...] = ()
    limits: tuple[str, ...] = ()
    credential_ids: tuple[UUID, ...] = ()
    rule_ids: tuple[str, ...] = ()
    valid_until: datetime | None = None

    @property
    def cleared(self) -> bool:
        """Say whether the purchase may go on."""
        return not self.objections

    @property
    def outcome(self) -> Outcome:
        """Return the answer in one word."""
        if self.cleared:
            return Outcome.YES
        unruled = any(objection.code is ReasonCode.NO_RULE for objection in self.objections)
        return Outcome.NO_RULE if unruled else Outcome.NOT_YET

    @property
    def reach(self) -> Reach:
        """Say whether nothing is missing, only what the buyer can bring or wait for, or something that they cannot."""
        if self.cleared:
            return Reach.TODAY
        return Reach.CLOSED if any(map(_closed, self.objections)) else Reach.MISSING

    @property
    def gist(self) -> Gist:
        """Return it in a word, for whoever looks at many."""
        uses = self.restriction.uses if self.restriction else ()
        return Gist(self.outcome, self.reach, len(self.objections), uses)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain JSON; `cleared` and `outcome` stand in it for whoever reads it later."""
        return {"cleared": self.cleared, "outcome": str(self.outcome), **write(self)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Verdict":
        """
        Return the verdict that `to_json` wrote.

        :raises Misshapen: the document does not have this shape
        """
        return read(cls, {name: value for name, value in document.items() if name not in ("cleared", "outcome")})


_NOT_THE_BUYERS = frozenset(
    {CureCode.ASK_SELLER, CureCode.CHOOSE_ANOTHER_DEVICE, CureCode.ASK_FOR_REVIEW, CureCode.CONTACT_STAFF}
)
"""Cures that lie with others: with these alone nobody can say that it will ever be open to this buyer."""


def _closed(objection: Objection) -> bool:
    """Say whether no buyer, or not this one, can do away with it. What a place has no rule for, nobody can."""
    if objection.code is ReasonCode.NO_RULE or objection.key is Key.SELLER:
        return True
    return all(cure.code in _NOT_THE_BUYERS for cure in objection.cures)
