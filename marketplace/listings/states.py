"""What can happen to a listing and to each of its photos. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class ListingState(StrEnum):
    """Where a unit stands on the market."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    PAUSED = "paused"
    RESERVED = "reserved"
    SOLD = "sold"
    WITHDRAWN = "withdrawn"


class ListingEvent(StrEnum):
    """What people do to a listing."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    SENT_BACK = "sent_back"
    RECALLED = "recalled"
    STOPPED = "stopped"
    PAUSED = "paused"
    RESUMED = "resumed"
    RESERVED = "reserved"
    RELEASED = "released"
    SOLD = "sold"
    WITHDRAWN = "withdrawn"


_S, _E = ListingState, ListingEvent

LISTING: Machine[ListingState, ListingEvent] = Machine(
    {
        (_S.DRAFT, _E.SUBMITTED): _S.IN_REVIEW,
        (_S.DRAFT, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.IN_REVIEW, _E.APPROVED): _S.PUBLISHED,
        (_S.IN_REVIEW, _E.SENT_BACK): _S.DRAFT,
        (_S.IN_REVIEW, _E.RECALLED): _S.DRAFT,
        (_S.PUBLISHED, _E.RESERVED): _S.RESERVED,
        (_S.PUBLISHED, _E.SENT_BACK): _S.DRAFT,
        (_S.PUBLISHED, _E.RECALLED): _S.DRAFT,
        (_S.PUBLISHED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.PUBLISHED, _E.STOPPED): _S.IN_REVIEW,
        (_S.PAUSED, _E.STOPPED): _S.IN_REVIEW,
        (_S.PUBLISHED, _E.PAUSED): _S.PAUSED,
        (_S.PAUSED, _E.RESUMED): _S.PUBLISHED,
        (_S.PAUSED, _E.SENT_BACK): _S.DRAFT,
        (_S.PAUSED, _E.RECALLED): _S.DRAFT,
        (_S.PAUSED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.RESERVED, _E.RELEASED): _S.PUBLISHED,
        (_S.RESERVED, _E.SOLD): _S.SOLD,
    }
)


LIVE = (ListingState.IN_REVIEW, ListingState.PUBLISHED, ListingState.PAUSED, ListingState.RESERVED)
"""States in which a unit was sent in to be sold, and is neither sold nor taken back."""


class PhotoState(StrEnum):
    """How far a photo is on its way from the file that was sent to the files that pages show."""

    WAITING = "waiting"
    READY = "ready"
    REFUSED = "refused"
    FAILED = "failed"


class PhotoEvent(StrEnum):
    """What happens to a photo: the worker makes it or not, and its seller tries again or sends another file."""

    MADE = "made"
    REFUSED = "refused"
    GIVEN_UP = "given_up"
    TRIED_AGAIN = "tried_again"
    REPLACED = "replaced"


# Refused is the file, which will be the same at the next try; given up was the work on it, which may go better then.
PHOTO: Machine[PhotoState, PhotoEvent] = Machine(
    {
        (PhotoState.WAITING, PhotoEvent.MADE): PhotoState.READY,
        (PhotoState.WAITING, PhotoEvent.REFUSED): PhotoState.REFUSED,
        (PhotoState.WAITING, PhotoEvent.GIVEN_UP): PhotoState.FAILED,
        (PhotoState.FAILED, PhotoEvent.TRIED_AGAIN): PhotoState.WAITING,
        (PhotoState.FAILED, PhotoEvent.REPLACED): PhotoState.WAITING,
        (PhotoState.REFUSED, PhotoEvent.REPLACED): PhotoState.WAITING,
    }
)
