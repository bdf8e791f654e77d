"""What a credential is worth on a day, what may be claimed of one, and what a decision must rest on. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from ..kernel.days import day_in, end_of
from ..kernel.errors import Invalid
from ..kernel.terms import STATES
from ..kernel.text import normal_number
from .states import CredentialState
from .types import CredentialKind, CredentialType, Term

MOST_DOCUMENTS = 6
LONGEST_NUMBER = 64
LONGEST_NAME = 200
LONGEST_WORDS = 2_000
TARGET_WORKING_DAYS = 2
REMINDERS = (60, 30, 7)
"""Days before expiry on which the holder is reminded."""

WITHOUT_NUMBER = frozenset(
    {CredentialKind.TRAINING_RECORD, CredentialKind.SUPERVISION_AGREEMENT, CredentialKind.LSO_DESIGNATION}
)
"""Papers that no issuer numbers: they get a reference of ours, as does a private certificate that carries none."""


class Standing(StrEnum):
    """What a credential is worth at one moment: its state, and for a verified one what the dates say."""

    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    NEEDS_INFO = "needs_info"
    VERIFIED = "verified"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    STALE = "stale"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


def standing_of(
    *,
    state: CredentialState,
    issued_on: date | None,
    expires_on: date | None,
    verified_at: datetime | None,
    at: datetime,
    zone: str,
    fresh_for: timedelta | None = None,
) -> Standing:
    """
    Return what a credential is worth `at`, where days end in the IANA `zone`.

    `fresh_for` is how long a look at the source counts; None: for ever.
    """
    if state is not CredentialState.VERIFIED:
        return Standing(state.value)
    if expires_on is not None and at >= end_of(expires_on, zone):
        return Standing.EXPIRED
    if issued_on is not None and day_in(at, zone) < issued_on:
        return Standing.NOT_YET_VALID
    if fresh_for is not None and verified_at is not None and at - verified_at > fresh_for:
        return Standing.STALE
    return Standing.VERIFIED


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says of a credential. `number` is empty where the paper carries none."""

    type_code: str
    jurisdiction: str
    number: str
    name_on_credential: str
    level: str | None = None
    endorsements: Sequence[str] = ()
    device_model_id: UUID | None = None
    issued_on: date | None = None
    expires_on: date | None = None


def checked(claim: Claim, kind: CredentialType, *, today: date) -> Claim:
    """
    Return the claim with nothing in it that its type does not ask for.

    :raises Invalid: naming the first field that cannot be so
    """
    _say(claim.jurisdiction in STATES and kind.issued_in(claim.jurisdiction), "jurisdiction", "Choose the state.")
    name = claim.name_on_credential.strip()
    _say(0 < len(name) <= LONGEST_NAME, "name_on_credential", "Write the name exactly as it is on the document.")
    number = "" if kind.kind in WITHOUT_NUMBER else claim.number.strip()
    _say(
        bool(normal_number(number)) or kind.kind in WITHOUT_NUMBER | {CredentialKind.PRIVATE_CERT},
        "number",
        "Write the number as it is on the document.",
    )
    _say(len(number) <= LONGEST_NUMBER, "number", f"A number has at most {LONGEST_NUMBER} characters.")
    if kind.levels:
        _say(claim.level in {level.code for level in kind.levels}, "level", "Choose the level on the document.")
    listed = {endorsement.code for endorsement in kind.endorsements}
    _say(listed.issuperset(claim.endorsements), "endorsements", "Choose from the list.")
    # Where the document may also list whole kinds of device, it need not name a model.
    needs_model = kind.asks_device_model and not kind.endorsements
    _say(not needs_model or claim.device_model_id is not None, "device_model_id", "Choose the model it names.")
    _check_dates(claim, kind, today)
    return replace(
        claim,
        number=number,
        name_on_credential=name,
        level=claim.level if kind.levels else None,
        endorsements=tuple(sorted(set(claim.endorsements))),
        device_model_id=claim.device_model_id if kind.asks_device_model else None,
    )


def review_is_due(submitted_at: datetime) -> datetime:
    """Return the end of the second working day after a submission, by the hour: Friday 15:00 -> Tuesday 15:00."""
    due, left = submitted_at, TARGET_WORKING_DAYS
    while left:
        due += timedelta(days=1)
        if due.weekday() < 5:
            left -= 1
    return due


def reminder_due(expires_on: date, *, today: date) -> int | None:
    """Return the latest of the `REMINDERS` whose day has come, or None: before the first, or once it is over."""
    left = (expires_on - today).days
    return min((days for days in REMINDERS if left <= days), default=None) if left >= 0 else None


class Rejection(StrEnum):
    """Why a credential was rejected."""

    NOT_FOUND = "not_found"
    DIFFERS = "differs"
    NOT_IN_FORCE = "not_in_force"
    SOMEBODY_ELSES = "somebody_elses"
    ALTERED = "altered"
    OTHER_PAPER = "other_paper"

    @property
    def words(self) -> str:
        """Say it to the person."""
        return _REJECTION_WORDS[self]

    @property
    def rests_on_the_source(self) -> bool:
        """Whether only the primary source can show it; the others are seen on the document."""
        return self in {Rejection.NOT_FOUND, Rejection.DIFFERS, Rejection.NOT_IN_FORCE}


_REJECTION_WORDS = {
    Rejection.NOT_FOUND: "The issuer's register does not know this credential.",
    Rejection.DIFFERS: "What the issuer's register shows differs from what was submitted.",
    Rejection.NOT_IN_FORCE: "The issuer's register shows that it is not in force.",
    Rejection.SOMEBODY_ELSES: "The document names somebody else.",
    Rejection.ALTERED: "The document was altered.",
    Rejection.OTHER_PAPER: "The document is not the kind of credential that was chosen.",
}


def _check_dates(claim: Claim, kind: CredentialType, today: date) -> None:
    issued, expires = claim.issued_on, claim.expires_on
    _say(issued is None or issued <= today, "issued_on", "The day of issue lies in the future.")
    _say(expires is not None or kind.term is Term.MAY_BE_OPEN, "expires_on", "Write the day it expires.")
    if expires is not None:
        _say(issued is None or expires >= issued, "expires_on", "It cannot expire before it was issued.")
        _say(expires >= today, "expires_on", "It has expired. Submit it again once it is renewed.")


def _say(holds: bool, field: str, sentence: str) -> None:  # noqa: FBT001
    if not holds:
        raise Invalid(sentence, field=field)
