"""Refusals: every no that a person can meet has a stable code, a sentence and, where there is one, a cure."""

from typing import ClassVar


class Refusal(Exception):
    """
    A use-case said no.

    `code` never changes; the sentence may. `cure` says what the reader can do about it. It knows no HTTP.
    """

    code: ClassVar[str] = "refusal"
    cure: str | None = None

    def __init__(self, sentence: str, *, cure: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if cure is not None:
            self.cure = cure


class NotFound(Refusal):
    """What was asked for does not exist, or is not this person's to know of."""

    code = "not_found"


class Gone(NotFound):
    """It was there once and is over: a link that was used, an offer that was taken back."""

    code = "gone"


class Refused(Refusal):
    """The person may not do this."""

    code = "refused"


class Conflict(Refusal):
    """It was possible a moment ago, or would contradict what is already so."""

    code = "conflict"


class ChangedSinceRead(Conflict):
    """What somebody signs, as the second person, is not what they read: it was changed in between."""

    code = "changed_since_read"
    cure = "Nothing was decided. Read it again as it is now."

    def __init__(self) -> None:
        super().__init__("This was changed after you opened it.")


class Invalid(Refusal):
    """
    What was sent cannot be understood or accepted as it stands.

    `field` names the form field to point at, if there is one.
    """

    code = "invalid"

    def __init__(self, sentence: str, *, field: str | None = None, cure: str | None = None) -> None:
        super().__init__(sentence, cure=cure)
        self.field = field


class TooMany(Refusal):
    """The limit for this is reached; later it will be possible again."""

    code = "too_many"


class Unavailable(Refusal):
    """Something we depend on does not answer; nothing was changed."""

    code = "unavailable"
