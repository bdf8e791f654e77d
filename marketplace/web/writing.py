"""Words to somebody whom one does not know yet: before they are sent, one reads what of them will arrive."""

from hashlib import sha256

from wtforms import HiddenField, TextAreaField
from wtforms.validators import InputRequired

from ..kernel.contacts import Cleaned, cleaned
from ..kernel.wording import gettext_noop
from .forms import Form


class WritingForm(Form):
    """What is said. `seen` names what the writer was shown of it; other words are shown again."""

    words = TextAreaField(gettext_noop("What you write"), validators=[InputRequired(gettext_noop("Write a sentence."))])
    seen = HiddenField()

    def to_be_seen(self) -> Cleaned | None:
        """Return what others would read, if contact was taken out and the writer has not seen that yet."""
        typed = (self.words.data or "").strip()
        said = cleaned(typed)
        name = sha256(typed.encode()).hexdigest()
        if not said.found or self.seen.data == name:
            return None
        self.seen.data = name
        return said
