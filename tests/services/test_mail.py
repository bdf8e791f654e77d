"""The post: messages as their readers get them, over a real SMTP server."""

import re
import smtplib
import socket
import ssl
from email import message_from_bytes, policy
from pathlib import Path
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from jinja2 import meta

from marketplace.adapters.mail import SmtpMailer
from marketplace.notifications.ports import MailNotSent
from tests.conftest import settings_for

MAIL = UUID(int=9)
CONTEXT = {"name": "Alice <b>Martin</b>", "link": "/confirm-email/abc", "path": "/confirm-email/abc"}
TEMPLATES = sorted(path.stem for path in (Path(__file__).parents[2] / "templates" / "mail").glob("*.txt"))


class Takes:
    """An SMTP server's manners: keeps every message, or refuses."""

    def __init__(self) -> None:
        self.messages = []
        self.refuses = False

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802  The library's own name for it.
        if self.refuses:
            return "554 not today"
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


@pytest.fixture
def server():
    handler = Takes()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        handler.port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    yield handler
    controller.stop()


@pytest.fixture
def mailer(app, tmp_path):
    def make(**changed) -> SmtpMailer:
        return SmtpMailer(app, settings_for("postgresql+psycopg://nowhere/", tmp_path, **changed))

    return make


class TestSending:
    def test_the_message_arrives_in_text_and_html(self, server, mailer):
        mailer(mail_port=server.port).send(
            mail_id=MAIL, to="alice@example.test", template="confirm_email", context=CONTEXT
        )

        (message,) = server.messages
        assert message["To"] == "alice@example.test"
        assert message["From"] == "Second Light <post@second-light.example>"
        assert message["Message-ID"] == f"<{MAIL}@second-light.example>"
        assert message["Subject"]
        assert not message["Subject"].startswith("Subject:")
        text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert not text.startswith("Subject:")
        assert "<b>Martin</b>" not in html
        assert "http://localhost" in text
        assert "http://localhost" in html

    def test_a_server_that_is_away_is_said_so(self, mailer):
        with pytest.raises(MailNotSent) as refusal:
            mailer(mail_port=1).send(mail_id=MAIL, to="a@b.test", template="confirm_email", context=CONTEXT)

        assert refusal.value.sentence.startswith("The mail server did not take the message: ")

    def test_a_server_that_refuses_is_said_so(self, server, mailer):
        server.refuses = True

        with pytest.raises(MailNotSent, match="not today"):
            mailer(mail_port=server.port).send(mail_id=MAIL, to="a@b.test", template="confirm_email", context=CONTEXT)

        assert server.messages == []

    def test_a_server_that_cannot_encrypt_gets_nothing(self, server, mailer):
        with pytest.raises(MailNotSent, match="STARTTLS"):
            mailer(mail_port=server.port, mail_tls=True).send(
                mail_id=MAIL, to="a@b.test", template="confirm_email", context=CONTEXT
            )

        assert server.messages == []

    def test_encrypts_with_a_certificate_it_can_check_before_it_signs_in(self, monkeypatch, mailer):
        done = []

        class Server:
            def __init__(self, host, port, timeout):
                done.append(("connect", host, port, timeout))

            def __enter__(self):
                return self

            def __exit__(self, *_):
                done.append(("quit",))

            def starttls(self, context):
                done.append(("starttls", context.verify_mode, context.check_hostname))

            def login(self, user, password):
                done.append(("login", user, password))

            def send_message(self, message):
                done.append(("send", message["To"]))

        monkeypatch.setattr(smtplib, "SMTP", Server)
        mailer(
            mail_host="smtp.example", mail_port=587, mail_tls=True, mail_username="post", mail_password="lantern"
        ).send(mail_id=MAIL, to="a@b.test", template="confirm_email", context=CONTEXT)

        assert done == [
            ("connect", "smtp.example", 587, 10),
            ("starttls", ssl.CERT_REQUIRED, True),
            ("login", "post", "lantern"),
            ("send", "a@b.test"),
            ("quit",),
        ]


class TestWriting:
    def test_a_sender_without_a_host_still_gets_a_message_id(self, mailer):
        message = mailer(mail_from="post").written(
            mail_id=MAIL, to="a@b.test", template="confirm_email", context=CONTEXT
        )

        assert message["Message-ID"] == f"<{MAIL}@second-light.invalid>"

    @pytest.mark.parametrize("to", ["a@b.test\r\nBcc: all@b.test", "a@b.test\nBcc: all@b.test"])
    def test_an_address_cannot_add_headers(self, mailer, to):
        with pytest.raises(ValueError, match="linefeed or carriage return"):
            mailer().written(mail_id=MAIL, to=to, template="confirm_email", context=CONTEXT)

    def test_a_name_cannot_add_headers(self, mailer):
        message = mailer().written(
            mail_id=MAIL,
            to="a@b.test",
            template="confirm_email",
            context={**CONTEXT, "name": "Alice\r\nBcc: all@b.test"},
        )

        assert message["Bcc"] is None

    @pytest.mark.parametrize("broken", ["one\rtwo", "one\x0btwo", "one\x1ctwo", "one\x85two", "one\u2028two"])
    def test_a_strange_break_of_a_line_in_the_subject_does_not_stop_the_mail(self, mailer, broken):
        message = mailer().written(
            mail_id=MAIL,
            to="a@b.test",
            template="order_news",
            context={**CONTEXT, "subject": broken, "lines": [], "action": "Look at the order", "number": 10001},
        )

        assert message["Subject"] == "one two"

    @pytest.mark.parametrize("template", TEMPLATES)
    def test_every_mail_begins_with_its_subject_and_has_both_forms(self, template):
        folder = Path(__file__).parents[2] / "templates" / "mail"

        assert (folder / f"{template}.html").is_file()
        assert "Subject: " in (folder / f"{template}.txt").read_text(encoding="utf-8")

    def test_the_button_of_an_order_s_news_says_what_it_does(self, mailer):
        message = mailer().written(
            mail_id=MAIL,
            to="a@b.test",
            template="order_news",
            context={**CONTEXT, "subject": "Paid", "lines": [], "action": "Look at the order", "number": 10001},
        )

        html = message.get_body(("html",)).get_content()
        assert re.findall(r">([^<>]+)</a></p>", html)[0] == "Look at the order"

    @pytest.mark.parametrize("template", TEMPLATES)
    def test_no_macro_of_the_frame_hides_what_a_mail_is_told(self, app, template):
        folder = Path(__file__).parents[2] / "templates" / "mail"
        text, html, frame = (
            (folder / name).read_text(encoding="utf-8")
            for name in (f"{template}.txt", f"{template}.html", "frame.html")
        )

        macros = set(re.findall(r"macro (\w+)\(", frame))
        assert macros == {"action_button"}
        assert meta.find_undeclared_variables(app.jinja_env.parse(text)).isdisjoint(macros)
        assert not re.search(r"(?<!action_)button\(", html)
