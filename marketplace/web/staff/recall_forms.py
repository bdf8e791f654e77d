"""Forms about units that are let out of an open recall."""

from wtforms import DateField, FileField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...recalls import releasing
from ..forms import Form

_WORDS = Length(max=releasing.LONGEST_WORDS)


class NarrowForm(Form):
    """The serial numbers that the notice names."""

    named = TextAreaField("Serial numbers that the notice names", validators=[InputRequired("Write them.")])
    words = TextAreaField("Where the notice says so", validators=[InputRequired("Say where it stands."), _WORDS])


class CorrectForm(Form):
    """One unit on which the correction was performed, and the paper that shows it."""

    serial = StringField("Serial number", validators=[InputRequired("Write the unit's serial number."), Length(max=80)])
    performed_by = StringField("Performed by", validators=[InputRequired("Say who performed it."), Length(max=200)])
    performed_on = DateField("Performed on", validators=[InputRequired("Say when it was performed.")])
    paper = FileField("Paper that shows it", validators=[InputRequired("Choose the paper.")])
    words = TextAreaField("What the paper says", validators=[InputRequired("Say what it says."), _WORDS])


class EndForm(Form):
    """Why it is taken back."""

    reason = TextAreaField("Why", validators=[InputRequired("Say why, for the record."), _WORDS])
