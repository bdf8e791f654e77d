"""What holders are mailed: every message, in text and HTML, with the way to the cure."""

from uuid import uuid4

import pytest

from marketplace.credentials.moving import MAILED
from tests.conftest import settings_for

HAPPENED = ["submitted", "expiring", "due", "overdue", *(event.value for event in sorted(MAILED))]


@pytest.mark.parametrize("happened", HAPPENED)
def test_every_message_can_be_read(app, tmp_path, happened):
    from marketplace.adapters.mail import SmtpMailer

    mailer = SmtpMailer(app, settings_for("postgresql+psycopg://nowhere/none", tmp_path))
    message = mailer.written(
        mail_id=uuid4(),
        to="dana@example.test",
        template="credential",
        context={
            "happened": happened,
            "name": "Dana <b>Reyes</b>",
            "credential_id": "0f0f0f0f-0000-4000-8000-000000000000",
            "type_name": "Registered nurse's licence",
            "number": "RN 7",
            "expires_on": "1 Jan 2027",
            "reason": "The <i>second</i> page is cut off.",
        },
    )
    text = message.get_body(("plain",)).get_content()
    html = message.get_body(("html",)).get_content()

    assert message["Subject"].endswith(": Registered nurse's licence")
    for words in (
        "RN 7, until 1 Jan 2027.",
        "The <i>second</i> page is cut off.",
        "http://localhost/credentials/0f0f0f0f",
    ):
        assert words in text
    assert "&lt;i&gt;second&lt;/i&gt;" in html
    assert "<b>Reyes</b>" not in html
    assert 'href="http://localhost/credentials/0f0f0f0f-0000-4000-8000-000000000000"' in html
