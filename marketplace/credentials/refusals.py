"""Why a person or a verifier is told no. Pure."""

from ..kernel.errors import Conflict, Invalid, Refused


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


class DrawnForAnother(Refused):
    """The lot fell on a colleague: nobody chooses whom they verify."""

    code = "credential_drawn_for_another"

    def __init__(self) -> None:
        super().__init__("This case was drawn for a colleague.", cure="Take the next case: it is one drawn for you.")


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


class EvidenceTooOld(EvidenceMissing):
    """The look at the source was too long ago to be decided on."""

    code = "credential_evidence_too_old"


class SignalsOpen(Conflict):
    """Nobody has said what came of a signal."""

    code = "credential_signals_open"

    def __init__(self) -> None:
        super().__init__(
            "There is a signal of doubt that nobody has resolved.", cure="Say of each signal what came of it first."
        )


class AlreadyResolved(Conflict):
    """Somebody has said what came of the signal."""

    code = "credential_signal_already_resolved"

    def __init__(self) -> None:
        super().__init__("Somebody has resolved this signal already.", cure="Read what they found.")


class SecondEyesNeeded(Refused):
    """One person alone may not say yes here, and has said the first."""

    code = "credential_second_eyes_needed"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, cure="Leave it to a colleague.")


class NumberStandsElsewhere(Conflict):
    """Somebody else's entry of this number is verified or suspended: two cannot stand."""

    code = "credential_number_stands_elsewhere"

    def __init__(self) -> None:
        super().__init__(
            "Somebody else’s entry of this number stands, and two cannot.",
            cure="Find out whose it is, and revoke the other or reject this one.",
        )


class AlreadyAudited(Conflict):
    """Somebody has looked at the approval again."""

    code = "credential_already_audited"

    def __init__(self) -> None:
        super().__init__("Somebody has looked at this approval again already.", cure="Take the next one.")


class NotAnswered(Conflict):
    """There is no answer to record as a look yet."""

    code = "request_not_answered"

    def __init__(self) -> None:
        super().__init__("Nobody has answered this link.", cure="Wait, send it again, or ask in another way.")


class AnswerIsAboutAnotherClaim(Conflict):
    """The claim was corrected after the question was sent."""

    code = "answer_is_about_another_claim"

    def __init__(self) -> None:
        super().__init__(
            "The claim is not any more what was asked about, so this answer says nothing of it.", cure="Ask once more."
        )


class AddressIsTheApplicants(Refused):
    """A yes from an address that nobody but the applicant vouches for confirms nothing."""

    code = "address_is_the_applicants"

    def __init__(self) -> None:
        super().__init__(
            "The applicant gave this address, so a yes that comes from it confirms nothing.",
            cure="Find the address on the office's own page or in a register, and ask there.",
        )
