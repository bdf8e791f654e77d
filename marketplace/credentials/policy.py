"""What a credential is worth on a day, what may be claimed of one, and what a decision must rest on. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from ..kernel.days import day_in, end_of, written
from ..kernel.errors import Invalid
from ..kernel.terms import STATES
from ..kernel.text import in_our_letters, normal_number
from .standards import Standards
from .states import CredentialState
from .types import CredentialKind, CredentialType, Term

MOST_DOCUMENTS = 6
LONGEST_NUMBER = 64
LONGEST_NAME = 200
LONGEST_WORDS = 2_000
REMINDERS = (60, 30, 7, 0)
"""Days before expiry on which the holder is reminded; 0 is the last day itself."""

WITHOUT_NUMBER = frozenset(
    {CredentialKind.TRAINING_RECORD, CredentialKind.SUPERVISION_AGREEMENT, CredentialKind.LSO_DESIGNATION}
)
"""Papers that no issuer numbers: they get a reference of ours, as does a private certificate that carries none."""


class Standing(StrEnum):
    """What a credential is worth at one moment: its state, and for a verified one what the dates say."""

    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    AWAITING_SECOND = "awaiting_second"
    IN_SECOND_REVIEW = "in_second_review"
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
    _say(in_our_letters(number), "number", "Write the number with letters from A to Z and digits, as it is printed.")
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


def said(words: str) -> str:
    """
    Return what somebody wrote to explain themselves, trimmed.

    :raises Invalid: nothing, or a book
    """
    trimmed = words.strip()
    _say(bool(trimmed), "words", "Say why, in words that help the person.")
    _say(len(trimmed) <= LONGEST_WORDS, "words", f"At most {LONGEST_WORDS:,} characters, please.")
    return trimmed


def names_agree(one: str, other: str) -> bool:
    """
    Say whether two writings can be of one name: the same words in any order, where one may leave some out.

    Initials and legal forms count for nothing: "REYES, DANA M" agrees with "Dana Reyes". It never proves that two are
    one.
    """
    words = [frozenset(_name_words(name)) for name in (one, other)]
    shorter, longer = sorted(words, key=len)
    return shorter <= longer and len(shorter) >= min(2, len(longer)) and bool(shorter)


def agreement(claimed: Mapping[str, str], shown: Mapping[str, str]) -> int | None:
    """
    Return how many of a hundred fields that the source showed agree with what was claimed; None where nothing compares.

    Both map a field of the desk to its words; names are compared as names, all else as numbers are.
    """
    compared = [name for name, value in shown.items() if value and claimed.get(name)]
    if not compared:
        return None
    agreed = [
        names_agree(claimed[name], shown[name])
        if name == "name"
        else normal_number(claimed[name]) == normal_number(shown[name])
        for name in compared
    ]
    return 100 * sum(agreed) // len(agreed)


def strange_dates(
    *, issued_on: date | None, expires_on: date | None, first_uploaded_on: date, today: date, standards: Standards
) -> Iterator[str]:
    """Say what about the dates is hard to believe."""
    if issued_on is not None and first_uploaded_on < issued_on:
        yield f"A page of it was here on {written(first_uploaded_on)}, before it was issued on {written(issued_on)}."
    if issued_on is not None and today.year - issued_on.year > standards.oldest_issue_years:
        yield f"It was issued on {written(issued_on)}, more than {standards.oldest_issue_years} years ago."
    if expires_on is not None and expires_on.year - today.year > standards.longest_term_years:
        yield f"It runs until {written(expires_on)}, more than {standards.longest_term_years} years from now."


def why_two(*, dangerous: bool, signals: Iterable[bool]) -> str | None:
    """
    Say why one person alone may not approve, or None where one may.

    `dangerous`: the kind opens procedures that take two. `signals`: of each signal, whether it is still open or was
    resolved by the very person who now approves.
    """
    if dangerous:
        return "It opens ablative work or radio-frequency microneedling, which two verifiers confirm."
    if any(signals):
        return "There was a signal of doubt that nobody else has resolved, so that two verifiers confirm it."
    return None


def reminder_due(expires_on: date, *, today: date) -> int | None:
    """Return the latest of the `REMINDERS` whose day has come, or None: before the first, or once it is over."""
    left = (expires_on - today).days
    return min((days for days in REMINDERS if left <= days), default=None) if left >= 0 else None


class Question(StrEnum):
    """Why more is asked for."""

    UNREADABLE = "unreadable"
    PAGE_MISSING = "page_missing"
    NAME = "name"
    NUMBER = "number"
    DATES = "dates"
    SCOPE = "scope"
    SOURCE = "source"

    @property
    def words(self) -> str:
        """Say it to the person."""
        return _QUESTION_WORDS[self]


_QUESTION_WORDS = {
    Question.UNREADABLE: "We cannot read the document.",
    Question.PAGE_MISSING: "A page is missing.",
    Question.NAME: "The name on it is not the one of your account.",
    Question.NUMBER: "The number does not look right.",
    Question.DATES: "The dates do not look right.",
    Question.SCOPE: "We cannot see which level or procedures it covers.",
    Question.SOURCE: "Its issuer does not answer us, and you can help.",
}


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


class Asked(StrEnum):
    """Who is asked to confirm a claim by a mailed link."""

    ISSUER = "issuer"
    EMPLOYER = "employer"
    MEDICAL_DIRECTOR = "medical_director"


class AddressFrom(StrEnum):
    """Where the address of whoever is asked was found."""

    OWN_PAGE = "own_page"
    REGISTER = "register"
    CALL = "call"
    APPLICANT = "applicant"

    @property
    def is_independent(self) -> bool:
        """Whether somebody else than the applicant vouches for it: whoever owns an address can answer as anybody."""
        return self is not AddressFrom.APPLICANT


_LEGAL_FORMS = frozenset({"llc", "inc", "ltd", "pllc", "corp", "md", "do", "rn"})


def _name_words(name: str) -> list[str]:
    letters = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return [word for word in re.findall(r"[^\W_]+", plain) if len(word) > 1 and word not in _LEGAL_FORMS]


def _check_dates(claim: Claim, kind: CredentialType, today: date) -> None:
    issued, expires = claim.issued_on, claim.expires_on
    _say(issued is None or issued <= today, "issued_on", "The day of issue lies in the future.")
    _say(expires is not None or kind.term is Term.MAY_BE_OPEN, "expires_on", "Write the day it expires.")
    if expires is not None:
        _say(issued is None or expires >= issued, "expires_on", "It cannot expire before it was issued.")
        _say(expires >= today, "expires_on", "It has expired. Submit it again once it is renewed.")


def _say(holds: bool, field: str, sentence: str) -> None:  # noqa: FBT001  Whether it holds is the whole question.
    if not holds:
        raise Invalid(sentence, field=field)
