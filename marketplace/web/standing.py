"""How the standing of a credential is said: a tone, a word, and what to do next."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..credentials.policy import Standing
from ..credentials.states import PENDING, CredentialEvent
from ..credentials.types import CredentialKind
from ..credentials.views import CredentialView
from ..eligibility import publishing
from ..eligibility.publishing import NoPolicy


@dataclass(frozen=True, slots=True)
class ShownStanding:
    """What the chip says, and the sentence under it."""

    standing: Standing
    tone: str
    word: str
    next: str


_WORDS: dict[Standing, tuple[str, str, str]] = {
    Standing.SUBMITTED: ("not_yet", "waiting for review", "Nothing to do: we usually look within two working days."),
    Standing.IN_REVIEW: ("not_yet", "in review", "Nothing to do: a verifier is looking at it now."),
    Standing.AWAITING_SECOND: (
        "not_yet",
        "in review",
        "Nothing to do: one verifier has confirmed it, a second one looks at it next.",
    ),
    Standing.IN_SECOND_REVIEW: ("not_yet", "in review", "Nothing to do: a second verifier is looking at it now."),
    Standing.NEEDS_INFO: ("not_yet", "we need more", "Answer what the verifier asks."),
    Standing.VERIFIED: ("yes", "verified", "Nothing to do."),
    Standing.NOT_YET_VALID: ("not_yet", "not valid yet", "It counts from its day of issue."),
    Standing.EXPIRED: ("not_yet", "expired", "Renew it with its issuer, then submit the new one here."),
    Standing.STALE: (
        "not_yet",
        "look too old",
        "We looked at its source too long ago. Submit it again, and we look anew.",
    ),
    Standing.REJECTED: ("wrong", "rejected", "If you can put it right, submit it again."),
    Standing.SUSPENDED: ("wrong", "suspended", "It opens nothing until we lift this. Write to us."),
    Standing.REVOKED: ("wrong", "revoked", "It opens nothing any more. Write to us if this is a mistake."),
    Standing.SUPERSEDED: ("quiet", "replaced", "A newer one has taken its place."),
    Standing.WITHDRAWN: ("quiet", "withdrawn", "You took it back. You can submit it again."),
}

RENEWABLE = frozenset({Standing.VERIFIED, Standing.EXPIRED, Standing.STALE, Standing.REJECTED, Standing.WITHDRAWN})
"""Standings in which submitting it again makes sense."""


def shower(at: datetime) -> Callable[[CredentialView], ShownStanding]:
    """Return a function that says what a credential is worth `at`, under the published policy."""
    fresh: dict[CredentialKind, timedelta | None] = {}
    # Without rules nothing is bought, and nothing can be too old for them.
    with suppress(NoPolicy):
        fresh = dict(publishing.published_policy().policy.decision_limits)

    def show(credential: CredentialView) -> ShownStanding:
        standing = credential.standing(at, fresh_for=fresh.get(credential.kind.kind))
        return ShownStanding(standing, *_WORDS[standing])

    return show


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One event of the timeline."""

    label: str
    at: datetime | None
    detail: str | None
    state: str


_STEPS: dict[CredentialEvent | None, str] = {
    None: "Submitted",
    CredentialEvent.CLAIMED: "A verifier took it",
    CredentialEvent.TAKEN_OVER: "Another verifier took it over",
    CredentialEvent.UNCLAIMED: "Back in the queue",
    CredentialEvent.FIRST_APPROVED: "Confirmed by a first verifier",
    CredentialEvent.VERIFIED: "Verified",
    CredentialEvent.REJECTED: "Rejected",
    CredentialEvent.INFO_ASKED: "We asked for more",
    CredentialEvent.RESUBMITTED: "Answered",
    CredentialEvent.WITHDRAWN: "Taken back",
    CredentialEvent.SUSPENDED: "Suspended",
    CredentialEvent.REINSTATED: "Suspension lifted",
    CredentialEvent.RECONFIRMED: "Seen again at its source",
    CredentialEvent.REVOKED: "Revoked",
    CredentialEvent.SUPERSEDED: "Replaced by a newer one",
}


def course(credential: CredentialView, *, names: bool) -> list[ShownStep]:
    """Return what happened, the last of it as now; `names`: say who did it."""
    last = len(credential.steps) - 1
    steps = [
        ShownStep(
            label=f"{_STEPS[step.event]}, by {step.actor}" if names else _STEPS[step.event],
            at=step.at,
            detail=step.reason,
            state="now" if number == last else "done",
        )
        for number, step in enumerate(credential.steps)
    ]
    if credential.state in PENDING:
        steps.append(ShownStep("Decision", None, None, "next"))
    return steps
