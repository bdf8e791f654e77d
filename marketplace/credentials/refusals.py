"""Why a person or a verifier is told no. Pure."""

from ..kernel.errors import Conflict, Invalid, Refused


class NumberIsHere(Invalid):
    """The number is already with us, under somebody else. An event is kept for staff."""

    code = "credential_number_is_here"

    def __init__(self) -> None:
        super().__init__(
            "This number is already with us.",
            field="number",
            cure="Check it against the document. If it is right, write to us: we will sort it out with you.",
        )


class AlreadySubmitted(Invalid):
    """The same holder has this number in review."""

    code = "credential_already_submitted"

    def __init__(self) -> None:
        super().__init__(
            "You have already submitted this number; it waits for review.",
            field="number",
            cure="You find it among your credentials.",
        )


class NotYoursToReview(Refused):
    """The reviewer is the holder, the submitter, or belongs to a clinic of the holder."""

    code = "credential_not_yours_to_review"

    def __init__(self) -> None:
        super().__init__(
            "You cannot review this one: it is your own, or of somebody you work with.",
            cure="Leave it to a colleague.",
        )


class AlreadyClaimed(Conflict):
    """A colleague has taken the case."""

    code = "credential_already_claimed"

    def __init__(self) -> None:
        super().__init__("A colleague is looking at this one.", cure="Take the next one in the queue.")


class NotClaimed(Refused):
    """The case must be taken before anything is decided in it."""

    code = "credential_not_claimed"

    def __init__(self) -> None:
        super().__init__("You have not taken this case.", cure="Take it first.")


class MovedMeanwhile(Conflict):
    """Somebody changed its state between the look and the act."""

    code = "credential_moved_meanwhile"

    def __init__(self) -> None:
        super().__init__("Somebody was faster: this credential has just changed.", cure="Look at it again.")


class EvidenceMissing(Conflict):
    """The decision needs a look at the primary source that says the same."""

    code = "credential_evidence_missing"


class EarlierIsSuspended(Conflict):
    """What this one would renew is suspended."""

    code = "credential_earlier_is_suspended"

    def __init__(self) -> None:
        super().__init__(
            "The earlier entry of this number is suspended, and a renewal would lift that unseen.",
            cure="Reinstate or revoke the earlier entry first.",
        )
