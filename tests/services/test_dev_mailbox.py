"""The demo's mailbox, over its real sockets."""

import smtplib
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from email.message import EmailMessage
from pathlib import Path

import pytest

from marketplace.dev import mailbox
from tests.patience import let_end

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def letters(tmp_path):
    return mailbox.Letters(tmp_path / "mail")


@pytest.fixture
def address(letters):
    """The address of the pages."""
    reader = type("Reader", (mailbox.Reader,), {"letters": letters})
    web = mailbox.ThreadingHTTPServer(("127.0.0.1", 0), reader)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{web.server_port}"
    web.shutdown()
    let_end(thread)
    web.server_close()


def mail(**changes):
    message = EmailMessage()
    given = {
        "Subject": "Confirm your <address>",
        "From": "Second Light <post@second-light.example>",
        "To": "ada@example.test",
        "Date": "Mon, 01 Jun 2026 12:00:00 -0500",
    } | changes
    for name, value in given.items():
        if value is not None:
            message[name] = value
    message.set_content("Hello & welcome: http://localhost:8000/confirm/a?b=1&c=2.\n")
    return message


def page(url):
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an address of this machine
        return answer.read().decode(), answer.headers


class TestPages:
    def test_an_empty_mailbox_says_so(self, address):
        said, headers = page(address)
        assert "No mail yet." in said
        assert "default-src 'none'" in headers["Content-Security-Policy"]

    def test_lists_the_newest_first(self, address, letters):
        letters.keep(bytes(mail(Subject="first")))
        letters.keep(bytes(mail(Subject="second")))
        said, _ = page(address)
        assert said.index('<a href="/000002">second') < said.index('<a href="/000001">first')
        assert "to ada@example.test<br>01 Jun 2026, 17:00 UTC" in said

    def test_shows_a_mail_with_its_links_and_nothing_executed(self, address, letters):
        letters.keep(bytes(mail()))
        said, _ = page(f"{address}/000001")
        assert "<h1>Confirm your &lt;address&gt;</h1>" in said
        assert "from Second Light &lt;post@second-light.example&gt;" in said
        assert (
            '<a href="http://localhost:8000/confirm/a?b=1&amp;c=2">http://localhost:8000/confirm/a?b=1&amp;c=2</a>.'
        ) in said
        assert "formatted" not in said

    def test_offers_the_formatted_version_where_there_is_one(self, address, letters):
        message = mail()
        message.add_alternative("<p>Hello</p>", subtype="html")
        letters.keep(bytes(message))
        said, _ = page(f"{address}/000001")
        assert '<a href="/000001/formatted">' in said
        said, headers = page(f"{address}/000001/formatted")
        assert said.strip() == "<p>Hello</p>"
        assert "default-src 'none'" in headers["Content-Security-Policy"]

    def test_a_mail_without_subject_or_date_can_be_read(self, address, letters):
        letters.keep(bytes(mail(Subject=None, Date=None)))
        assert "(no subject)" in page(address)[0]
        assert "<h1>(no subject)</h1>" in page(f"{address}/000001")[0]

    @pytest.mark.parametrize("path", ["/000009", "/..%2Flock", "/000001/other", "/000001/formatted/more"])
    def test_anything_else_is_not_there(self, address, letters, path):
        letters.keep(bytes(mail()))
        with pytest.raises(urllib.error.HTTPError) as refusal:
            page(address + path)
        with refusal.value as answer:
            assert answer.code == 404
            assert "No such mail" in answer.read().decode()


class TestLetters:
    def test_survive_a_restart_and_go_on_counting(self, letters, tmp_path):
        letters.keep(b"Subject: one\n\n")
        again = mailbox.Letters(tmp_path / "mail")
        again.keep(b"Subject: two\n\n")
        assert again.names() == ["000002", "000001"]
        assert again.read("000001")["Subject"] == "one"


class TestTheProgram:
    @pytest.fixture
    def ports(self):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            two.bind(("127.0.0.1", 0))
            return one.getsockname()[1], two.getsockname()[1]

    def test_takes_mail_and_shows_it_until_it_is_told_to_end(self, tmp_path, ports):
        smtp, web = ports
        arguments = ["--smtp-port", str(smtp), "--web-port", str(web), "--directory", str(tmp_path)]
        program = subprocess.Popen([sys.executable, "-m", "marketplace.dev.mailbox", *arguments], cwd=ROOT)
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    with smtplib.SMTP("127.0.0.1", smtp, timeout=5) as post:
                        post.send_message(mail())
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            assert "Confirm your &lt;address&gt;" in page(f"http://127.0.0.1:{web}/")[0]
        finally:
            program.terminate()
        assert program.wait(10) == 0

    def test_in_this_process_ends_with_status_0(self, tmp_path, ports, monkeypatch):
        smtp, web = ports

        def serve(server):
            with smtplib.SMTP("127.0.0.1", smtp, timeout=5) as post:
                post.send_message(mail())
            mailbox._end(15, None)

        monkeypatch.setattr(mailbox.ThreadingHTTPServer, "serve_forever", serve)
        monkeypatch.setattr(mailbox.signal, "signal", lambda *_: None)
        status = mailbox.main(["--smtp-port", str(smtp), "--web-port", str(web), "--directory", str(tmp_path)])
        assert status == 0
        assert [path.name for path in tmp_path.iterdir()] == ["000001.eml"]

    @pytest.mark.parametrize("used", [0, 1])
    def test_a_port_in_use_is_one_sentence(self, tmp_path, ports, capsys, used):
        smtp, web = ports
        with socket.create_server(("127.0.0.1", ports[used])):
            status = mailbox.main(["--smtp-port", str(smtp), "--web-port", str(web), "--directory", str(tmp_path)])
        assert status == 1
        said = capsys.readouterr().err
        assert said.startswith("The mailbox cannot listen: ")
        assert "address already in use" in said.lower()
        assert said.count("\n") == 1
