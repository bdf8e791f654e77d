"""What verifiers fill in, and how the desk words its lists."""

from collections.abc import Mapping
from datetime import UTC

from werkzeug.datastructures import FileStorage
from wtforms import (
    DateTimeLocalField,
    FileField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length

from ...credentials.models import CheckMethod, CheckOutcome
from ...credentials.policy import LONGEST_WORDS, Question, Rejection
from ...credentials.service import Look
from ..forms import Form
from ..options import options

METHODS = {
    CheckMethod.PORTAL: "Issuer's web page",
    CheckMethod.REGISTER_FILE: "Issuer's published file",
    CheckMethod.PHONE: "Telephone call to the issuer",
    CheckMethod.LETTER: "Letter or mail of the issuer",
    CheckMethod.ISSUER_LINK: "Answer through a link that we mailed",
    CheckMethod.DOCUMENT_SEEN: "The document itself: there is no register",
}
OUTCOMES = {
    CheckOutcome.CONFIRMED: "Confirms it",
    CheckOutcome.DIFFERS: "Shows something else",
    CheckOutcome.NOT_FOUND: "Does not know it",
    CheckOutcome.NOT_REACHABLE: "Did not answer",
}
MATCHED = {
    "name": "Name",
    "number": "Number",
    "level": "Level or procedures",
    "expires_on": "Expires",
    "standing": "Standing",
}
"""What is compared with the source, in the order of the desk."""

_MAILED = CheckMethod.ISSUER_LINK
_words = Length(max=LONGEST_WORDS)


class CheckForm(Form):
    """What the primary source showed."""

    same = SelectMultipleField("As claimed", choices=options(MATCHED.items()))
    name = StringField("Name", validators=[Length(max=200)])
    number = StringField("Number", validators=[Length(max=200)])
    level = StringField("Level or procedures", validators=[Length(max=200)])
    expires_on = StringField("Expires", validators=[Length(max=200)])
    standing = StringField("Standing", validators=[Length(max=200)])
    outcome = RadioField(
        "The source",
        choices=options((outcome.value, words) for outcome, words in OUTCOMES.items()),
        validators=[InputRequired("Say what the source answered.")],
    )
    source_name = StringField(
        "Source", validators=[InputRequired("Name the source that was looked at."), Length(max=200)]
    )
    source_url = StringField("Its address", validators=[Length(max=500)])
    method = SelectField(
        "How it was asked",
        validators=[InputRequired("Say how it was asked.")],
        # An answer through a link is recorded from where it stands on the case, as it was given.
        choices=options((method.value, words) for method, words in METHODS.items() if method is not _MAILED),
    )
    retrieved_at = DateTimeLocalField(
        "Looked at (UTC)", format="%Y-%m-%dT%H:%M", validators=[InputRequired("Say when you looked.")]
    )
    note = TextAreaField("Note", validators=[_words])
    screenshot = FileField("Screenshot")

    def look(self, claimed: Mapping[str, str]) -> Look:
        """Return what was seen; what is ticked as the same was seen as it is `claimed`."""
        assert self.retrieved_at.data is not None  # InputRequired saw to it.
        shot = self.screenshot.data
        return Look(
            source_name=self.source_name.data or "",
            source_url=self.source_url.data or None,
            method=CheckMethod(self.method.data),
            outcome=CheckOutcome(self.outcome.data),
            retrieved_at=self.retrieved_at.data.replace(tzinfo=UTC),
            matched={
                name: self[name].data or (claimed[name] if name in (self.same.data or []) else "") for name in MATCHED
            },
            note=self.note.data or "",
            screenshot=(shot.filename or "", shot.read()) if isinstance(shot, FileStorage) and shot.filename else None,
        )


class VerifyForm(Form):
    """Nothing but the yes: the evidence is on record."""


class RejectForm(Form):
    """Why not, in the list's words and in one's own."""

    because = RadioField(
        "Reason",
        choices=options((because.value, because.words) for because in Rejection),
        validators=[InputRequired("Choose the reason.")],
    )
    words = TextAreaField("What the person is told", validators=[InputRequired("Say it so that it helps."), _words])


class AskForm(Form):
    """What is missing, in the list's words and in one's own."""

    because = RadioField(
        "Reason",
        choices=options((because.value, because.words) for because in Question),
        validators=[InputRequired("Choose the reason.")],
    )
    words = TextAreaField("What the person is asked", validators=[InputRequired("Say it so that it helps."), _words])


class FoundForm(Form):
    """What came of a signal of doubt; staff only."""

    words = TextAreaField("What you found", validators=[InputRequired("Say what you found."), _words])


class WordsForm(Form):
    """What the person is told."""

    words = TextAreaField("What the person is told", validators=[InputRequired("Say it so that it helps."), _words])
