"""What can happen to a credential, from submission to the day it stops opening anything. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class CredentialState(StrEnum):
    """
    What is known of a credential. Only VERIFIED opens the gate.

    "Expired" and "stale" are not states: they follow from dates at the moment of use.
    """

    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    AWAITING_SECOND = "awaiting_second"  # One verifier said yes, and this one takes two.
    IN_SECOND_REVIEW = "in_second_review"
    NEEDS_INFO = "needs_info"
    VERIFIED = "verified"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class CredentialEvent(StrEnum):
    """What people do to a credential."""

    CLAIMED = "claimed"
    TAKEN_OVER = "taken_over"
    UNCLAIMED = "unclaimed"
    FIRST_APPROVED = "first_approved"
    VERIFIED = "verified"
    REJECTED = "rejected"
    INFO_ASKED = "info_asked"
    RESUBMITTED = "resubmitted"
    WITHDRAWN = "withdrawn"
    SUSPENDED = "suspended"
    REINSTATED = "reinstated"
    RECONFIRMED = "reconfirmed"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


_S, _E = CredentialState, CredentialEvent

CREDENTIAL: Machine[CredentialState, CredentialEvent] = Machine(
    {
        (_S.SUBMITTED, _E.CLAIMED): _S.IN_REVIEW,
        (_S.SUBMITTED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.IN_REVIEW, _E.TAKEN_OVER): _S.IN_REVIEW,
        (_S.IN_REVIEW, _E.VERIFIED): _S.VERIFIED,
        (_S.IN_REVIEW, _E.FIRST_APPROVED): _S.AWAITING_SECOND,
        (_S.IN_REVIEW, _E.REJECTED): _S.REJECTED,
        (_S.IN_REVIEW, _E.INFO_ASKED): _S.NEEDS_INFO,
        (_S.IN_REVIEW, _E.UNCLAIMED): _S.SUBMITTED,
        (_S.IN_REVIEW, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.AWAITING_SECOND, _E.CLAIMED): _S.IN_SECOND_REVIEW,
        (_S.AWAITING_SECOND, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.IN_SECOND_REVIEW, _E.TAKEN_OVER): _S.IN_SECOND_REVIEW,
        (_S.IN_SECOND_REVIEW, _E.VERIFIED): _S.VERIFIED,
        (_S.IN_SECOND_REVIEW, _E.FIRST_APPROVED): _S.AWAITING_SECOND,
        (_S.IN_SECOND_REVIEW, _E.REJECTED): _S.REJECTED,
        (_S.IN_SECOND_REVIEW, _E.INFO_ASKED): _S.NEEDS_INFO,
        (_S.IN_SECOND_REVIEW, _E.UNCLAIMED): _S.AWAITING_SECOND,
        (_S.IN_SECOND_REVIEW, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.NEEDS_INFO, _E.RESUBMITTED): _S.SUBMITTED,
        (_S.NEEDS_INFO, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.VERIFIED, _E.RECONFIRMED): _S.VERIFIED,
        (_S.VERIFIED, _E.SUSPENDED): _S.SUSPENDED,
        (_S.VERIFIED, _E.REVOKED): _S.REVOKED,
        (_S.VERIFIED, _E.SUPERSEDED): _S.SUPERSEDED,
        (_S.SUSPENDED, _E.REINSTATED): _S.VERIFIED,
        (_S.SUSPENDED, _E.REVOKED): _S.REVOKED,
    }
)

WAITING = frozenset({_S.SUBMITTED, _S.AWAITING_SECOND})
"""States in which a case waits for a verifier to take it."""

TAKEN = frozenset({_S.IN_REVIEW, _S.IN_SECOND_REVIEW})
"""States in which a verifier has it."""

OPEN = WAITING | TAKEN
"""States in which the desk has to act."""

PENDING = OPEN | {_S.NEEDS_INFO}
"""States in which somebody still has to decide."""

STANDING = frozenset({_S.VERIFIED, _S.SUSPENDED})
"""States that rest on a yes of the primary source."""
