"""
Everything the gate looks at, as plain values that somebody else gathered. Pure.

What is not known is `None`, never a guess. Facts are stored with the answer, so that it can be given again.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..clinics.states import SellerStanding
from ..credentials.states import CredentialState
from ..credentials.types import CredentialKind
from ..kernel.shapes import Misshapen, read, write
from ..kernel.terms import STATES, ProcedureClass


class Asked(StrEnum):
    """
    When the gate is asked. A preview is shown and forgotten; every other answer is kept.

    What a partner asks about a unit elsewhere is asked like a preview, and kept in a table of its own.
    """

    PREVIEW = "preview"
    OFFER = "offer"
    ORDER = "order"
    PAYMENT_START = "payment_start"
    PAYMENT_RECEIVED = "payment_received"
    SHIP_RELEASE = "ship_release"

    @property
    def confirmation_is_due(self) -> bool:
        """Say whether the ordering practitioner must have confirmed the order by now."""
        return self not in (Asked.PREVIEW, Asked.OFFER, Asked.ORDER)

    @property
    def restriction_is_due(self) -> bool:
        """Say whether the buyer must have signed what the device is not for: with the order, not before."""
        return self not in (Asked.PREVIEW, Asked.OFFER)


class Exclusion(StrEnum):
    """What a look into the lists of excluded persons left behind."""

    NONE = "none"
    OPEN = "open"
    CONFIRMED = "confirmed"


class Modification(StrEnum):
    """What the seller states was done to the unit since its maker sold it."""

    NONE = "none"
    SERVICED = "serviced"
    REMANUFACTURED = "remanufactured"
    UNKNOWN = "unknown"


class Hazard(StrEnum):
    """Whether laser light leaves the handpiece. What is not known counts as a laser where that is stricter."""

    LASER = "laser"
    NOT_A_LASER = "not_a_laser"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where the device will be used; its law decides, not the buyer's home and not the seller's.

    :raises Misshapen: no such state or IANA time zone
    """

    state: str
    time_zone: str

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise Misshapen("state", f"no such state: {self.state!r}")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise Misshapen("time_zone", f"no such time zone: {self.time_zone!r}") from None


@dataclass(frozen=True, slots=True)
class Handpiece:
    """A part of the sale that treats. `enables` is None where its modality is too vague to know."""

    id: UUID
    name: str
    modality: str
    enables: frozenset[ProcedureClass] | None
    hazard: Hazard = Hazard.UNKNOWN


@dataclass(frozen=True, slots=True)
class OpenRecall:
    """A recall that staff found to concern the model and that is not closed. `fetched_on` is the day of its file."""

    number: str
    firm: str | None
    classification: str | None
    source: str
    fetched_on: date


@dataclass(frozen=True, slots=True)
class Device:
    """
    The unit in the configuration that is sold. `model_id` is None for a model the catalogue does not know.

    `recall_open` is None while nobody can look; `recalls` are those that are open, where they are known by number.
    """

    model_id: UUID | None
    maker: str
    model: str
    product_code: str | None
    rx_label_seen: bool | None
    id_label_seen: bool | None
    modification: Modification
    recall_open: bool | None
    handpieces: tuple[Handpiece, ...]
    listing_id: UUID | None = None
    recalls: tuple[OpenRecall, ...] = ()

    @property
    def name(self) -> str:
        """Name the device as the trade does."""
        return f"{self.maker} {self.model}"


@dataclass(frozen=True, slots=True)
class Held:
    """
    A credential that a person or a site has here, in whatever state.

    `verified_at` is when its primary source was last seen to confirm it; `register_until`, where that was a register,
    until when the newest file of it may be relied on. `does_not_open` is what its type says of
    itself when it is evidence of training, repair or anything else that never makes an operator.
    """

    id: UUID
    type: str
    type_name: str
    kind: CredentialKind
    jurisdiction: str
    state: CredentialState
    issued_on: date | None = None
    expires_on: date | None = None
    verified_at: datetime | None = None
    level: str | None = None
    endorsements: frozenset[str] = frozenset()
    device_model_id: UUID | None = None
    does_not_open: str | None = None
    register_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tenure:
    """From which day through which a membership was agreed, where the device is used; None: no such bound."""

    starts_on: date | None = None
    ends_on: date | None = None

    def covers(self, day: date) -> bool:
        """Say whether the day lies within it; the first and the last do."""
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True)
class Person:
    """
    Someone the purchase depends on. `member`: of the buying clinic, with an open account, within the days of `tenure`.

    `exclusion` is None if nobody looked.
    """

    id: UUID
    name: str
    member: bool
    credentials: tuple[Held, ...] = ()
    exclusion: Exclusion | None = None
    tenure: Tenure = Tenure()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the ordering practitioner signed for this very order: maker, model, serial, and these statements."""

    at: datetime
    statements: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Practitioner:
    """The clinic's member who orders the device, 21 CFR 801.109(a)(2)."""

    person: Person
    confirmation: Confirmation | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """The place of use as an establishment, with the clinic's other members, whom some rules ask for."""

    credentials: tuple[Held, ...] = ()
    safety_officer_named: bool = False
    colleagues: tuple[Person, ...] = ()
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Uses:
    """What the buyer declares the device will be used for; empty: nothing declared, so everything it enables."""

    declared: frozenset[ProcedureClass] = frozenset()
    restriction_signed: bool = False


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who places the order."""

    id: UUID
    in_good_standing: bool
    exclusion: Exclusion | None = None
    tenure: Tenure = Tenure()


@dataclass(frozen=True, slots=True)
class OneOff:
    """
    What two members of staff decided for exactly one purchase where no rule opens, with the text they decided by.

    Both days are included. `evidence` is how that text is known; see `Evidence`.
    """

    id: UUID
    state: str
    procedure: ProcedureClass
    listing_id: UUID
    site_id: UUID
    operator_id: UUID
    valid_from: date
    valid_to: date
    ref: str
    text_version: str
    evidence: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """One question to the gate, whole. `exclusions_until`: until when the list may be relied on that was looked in."""

    asked: Asked
    place: Place
    device: Device
    seller: SellerStanding
    buyer: Buyer
    site: Site
    operator: Person | None = None
    practitioner: Practitioner | None = None
    uses: Uses = Uses()
    one_offs: tuple[OneOff, ...] = ()
    exclusions_until: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain JSON, to be kept with the answer."""
        document: dict[str, Any] = write(self)
        return document

    @classmethod
    def from_json(cls, document: object) -> "Facts":
        """
        Return the facts that `to_json` wrote.

        :raises Misshapen: the document does not have this shape
        """
        return read(cls, document)
