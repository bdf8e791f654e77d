"""What is written down of a request: one line of JSON, and nothing that people wrote."""

import errno
import io
import json
import sys

import pytest
import structlog

from marketplace import logs
from marketplace.accounts.access import Grant
from tests.factories.orders import make_order
from tests.web.test_bad_input import FIELDS, address, known, routes
from tests.web.test_bad_input import people as people  # noqa: PLC0414  The fixture.

WRITTEN = "Kestrel-7719-Harbour"
"""Words that stand nowhere but in what somebody sends."""


@pytest.fixture
def plain():
    """Log as in production."""
    before = structlog.get_config()
    logs.configure(human=False)
    yield
    structlog.configure(**before)


def lines(capsys) -> list[str]:
    return capsys.readouterr().err.splitlines()


class FullDisk(io.StringIO):
    """Where nothing more can be written."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("plain")
def test_a_disk_that_is_full_of_logs_stops_no_page(client, monkeypatch):
    monkeypatch.setattr(sys, "stderr", FullDisk())

    with pytest.raises(OSError, match="No space left"):
        print("This much is so.", file=sys.stderr)
    assert client.get("/devices/00000000-0000-0000-0000-000000000007").status_code == 404
    assert client.post("/sign-in", data={"email": "nobody@example.test", "password": "x"}).status_code == 422


@pytest.mark.usefixtures("plain")
class TestLines:
    def test_nobody_writes_a_line_of_their_own(self, client, capsys):
        client.get('/devices/00000000-0000-0000-0000-000000000007%0D%0A{"event": "forged"}')
        client.get("/rules/TX%0D%0Aforged", headers={"User-Agent": "x\u2028forged"})
        client.post("/sign-in", data={"email": "a\r\nforged", "password": "b\nforged"})

        written = [json.loads(line) for line in lines(capsys)]  # Each is whole.
        assert {line["event"] for line in written} <= {"refused"}
        assert all({"request_id", "method", "path", "timestamp", "level"} <= line.keys() for line in written)
        assert "refused" in {line["event"] for line in written}

    def test_what_members_write_is_in_none_of_them(self, app, people, scene, now, capsys):
        ids = known(scene, make_order("awaiting_payment", scene, at=now))
        said = dict.fromkeys((*FIELDS, "old_password", "new_password", "amount", "words", "note", "serial"), WRITTEN)
        capsys.readouterr()
        headers = {"User-Agent": WRITTEN, "Referer": f"http://localhost/devices?q={WRITTEN}"}
        for rule, grant in routes(app, "POST"):
            if grant is Grant.MEMBER and rule.endpoint not in {"account.sign_out", "buying.pay", "sales.open_account"}:
                people[grant].post(address(app, rule, ids), data=said, headers=headers)
        for path in ("/devices", "/no-such-page", "/account", "/check"):
            people[None].get(path, query_string={"q": WRITTEN, "code": WRITTEN, "next": WRITTEN}, headers=headers)

        written = lines(capsys)
        assert len(written) > 50
        assert [line for line in written if WRITTEN.casefold() in line.casefold()] == []
