"""The audit trail on a page and in a table."""

import csv
import io
import re
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text

from marketplace import audit
from marketplace.audit import Wanted
from marketplace.extensions import db, unit_of_work
from marketplace.kernel import spreadsheets
from marketplace.trail import chain, service
from marketplace.web.staff import audit as page
from tests.factories.accounts import make_staff, make_user
from tests.pages import without_languages
from tests.support import count_statements, sign_in

ORDER = UUID(int=2)


def happened(kind, *, at, actor_id=None, subject_id=ORDER, **data):
    with unit_of_work():
        audit.record(kind, actor_id=actor_id, subject_type=kind.partition(":")[0], subject_id=subject_id, at=at, **data)


@pytest.fixture
def alice():
    return make_user(name="Alice Martin")


@pytest.fixture
def auditor(client, alice, now):
    happened("order:placed", at=now, actor_id=alice.id, price_minor=4_250_000)
    happened("listing:published", at=now, subject_id=UUID(int=9))
    happened("order:cancelled", at=now, actor_id=UUID(int=404), reason="=HYPERLINK(1)", parts=["a", 1])
    sign_in(client, make_staff("auditor", name="Audrey Lin"))  # which is an event, too
    return client


def kinds(answer) -> list[str]:
    return re.findall(r'href="/staff/audit\?kind=([^"]+)"', without_languages(answer.text))


class TestTrail:
    def test_shows_the_newest_first_with_who_and_what(self, auditor):
        answer = auditor.get("/staff/audit")

        assert kinds(answer) == ["account:signed_in", "order:cancelled", "listing:published", "order:placed"]
        assert "Alice Martin" in answer.text
        assert "somebody no longer known" in answer.text
        assert "the house" in answer.text
        assert '<span class="muted">price_minor</span> 4250000' in answer.text
        assert "[&#34;a&#34;, 1]" in answer.text

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("kind=order:placed", ["order:placed"]),
            ("subject_type=order", ["order:cancelled", "order:placed"]),
            (f"subject_id={UUID(int=9)}", ["listing:published"]),
            (f"subject_type=listing&subject_id={ORDER}", []),
            ("subject_id=nonsense", ["account:signed_in", "order:cancelled", "listing:published", "order:placed"]),
        ],
    )
    def test_is_narrowed_by_kind_and_subject(self, auditor, query, found):
        answer = auditor.get(f"/staff/audit?{query}")

        assert kinds(answer) == found
        assert ("No such events" in answer.text) == (not found)

    def test_goes_back_in_time_page_by_page(self, auditor, monkeypatch):
        monkeypatch.setattr(page, "PER_PAGE", 3)
        first = auditor.get("/staff/audit")
        older = re.search(r'href="(/staff/audit\?before=\d+)" rel="next"', first.text)[1]
        second = auditor.get(older)

        assert kinds(first) == ["account:signed_in", "order:cancelled", "listing:published"]
        assert kinds(second) == ["order:placed"]
        assert 'rel="next"' not in second.text
        assert '<a href="/staff/audit">Newest events</a>' in second.text

    @pytest.mark.parametrize("before", ["0", "-1", "x", str(2**63), "9" * 30])
    def test_a_position_that_cannot_be_means_the_newest(self, auditor, before):
        assert len(kinds(auditor.get(f"/staff/audit?before={before}"))) == 4

    def test_does_not_ask_more_for_more_events(self, auditor, now):
        with count_statements() as few:
            auditor.get("/staff/audit")
        for number in range(20):
            happened("order:placed", at=now, actor_id=make_user().id, subject_id=UUID(int=number))
        with count_statements() as many:
            auditor.get("/staff/audit")

        assert len(many) == len(few)


class TestChain:
    def test_is_said_to_hold(self, auditor):
        assert "The chain holds: 4 events, each in its place." in auditor.get("/staff/audit").text

    def test_the_head_can_be_noted(self, auditor):
        assert audit.extent().head in auditor.get("/staff/audit").text

    def test_a_break_is_said_aloud(self, auditor):
        broken = audit.newest(Wanted(kind="listing:published"), limit=1)[0].position
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(
            text("UPDATE audit_events SET actor_id = NULL, kind = 'x' WHERE position = :p"), {"p": broken}
        )
        db.session.execute(text("SET LOCAL session_replication_role = origin"))
        answer = auditor.get("/staff/audit")

        assert f"The chain is broken at 1 event: {broken}." in answer.text
        assert 'role="alert"' in answer.text

    def test_a_long_chain_is_walked_whole_when_asked(self, auditor, monkeypatch):
        monkeypatch.setattr(page, "WALKED", 2)

        assert "The newest 2 of 4 events hold together." in auditor.get("/staff/audit").text
        assert "The chain holds: 4 events" in auditor.get("/staff/audit?whole=1").text


class TestTable:
    def rows(self, answer):
        return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))

    def test_holds_what_was_asked_for_and_can_be_proved(self, auditor, alice, now):
        answer = auditor.get("/staff/audit.csv?kind=order:placed")
        (row,) = self.rows(answer)

        event = audit.newest(Wanted(kind="order:placed"), limit=1)[0]
        assert row == {
            "position": str(event.position),
            "at": now.isoformat(),
            "kind": "order:placed",
            "actor_id": str(alice.id),
            "actor": "Alice Martin",
            "subject_type": "order",
            "subject_id": str(ORDER),
            "data": '{"price_minor":4250000}',
            "previous_hash": event.previous_hash,
            "hash": event.hash,
        }
        assert answer.mimetype == "text/csv"
        assert answer.headers["Content-Disposition"] == "attachment; filename=second-light-audit.csv"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_names_no_formula(self, app, client, now):
        happened("order:placed", at=now, actor_id=make_user(name="=cmd|'/C calc'!A0").id)
        sign_in(client, make_staff("admin"))

        assert "'=cmd|'/C calc'!A0" in {row["actor"] for row in self.rows(client.get("/staff/audit.csv"))}

    def test_is_for_auditors_only(self, app):
        for user in (make_staff("finance"), make_user()):
            theirs = app.test_client()
            sign_in(theirs, user)
            assert theirs.get("/staff/audit.csv").status_code == 403
        assert app.test_client().get("/staff/audit.csv").status_code == 303


class TestCells:
    @given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
    @example(["'"])
    def test_any_text_comes_back_and_none_is_a_formula(self, row):
        written = spreadsheets.csv_of(["a"] * len(row), [row])
        (_, *read) = csv.reader(io.StringIO(written, newline=""))

        if row != [""]:
            assert [[spreadsheets.plain(cell) for cell in line] for line in read] == [row]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\0")) for line in read for cell in line)

    @pytest.mark.parametrize(
        ("text", "cell"), [(None, ""), (7, "7"), ("=1+1", "'=1+1"), ("-5", "'-5"), ("a=b", "a=b"), ("", "")]
    )
    def test_what_looks_like_a_formula_is_quoted(self, text, cell):
        assert spreadsheets.cell(text) == cell


class TestWhole:
    """The whole trail, signed, for whoever verifies it elsewhere."""

    @pytest.fixture
    def key(self, app, monkeypatch):
        key = service.new_key()
        settings = replace(app.extensions["second_light_settings"], audit_key=key)
        monkeypatch.setitem(app.extensions, "second_light_settings", settings)
        return key

    def test_is_sent_in_pieces_and_verifies(self, auditor, key):
        shown = auditor.get("/staff/audit").text
        answer = auditor.get("/staff/audit.jsonl")

        assert 'href="/staff/audit.jsonl" download' in shown
        assert service.public_half(key) in shown
        # Nobody gathered it to say how long it is.
        assert (answer.status_code, answer.mimetype, answer.content_length) == (200, "application/jsonl", None)
        assert answer.headers["Content-Disposition"] == "attachment; filename=second-light-audit.jsonl"
        lines = answer.data.splitlines(keepends=True)
        assert chain.verify(lines, key=service.public_half(key)) == chain.Verified(4, ())

    def test_is_not_there_without_a_key_and_the_page_says_why(self, auditor):
        assert "once whoever runs the house has set a key" in auditor.get("/staff/audit").text
        answer = auditor.get("/staff/audit.jsonl")
        assert answer.status_code == 503
        assert "flask audit key" in answer.text

    @pytest.mark.parametrize(("role", "status"), [("finance", 403), ("verifier", 403), (None, 403)])
    def test_is_the_auditors(self, client, key, role, status):
        sign_in(client, make_staff(role) if role else make_user())
        assert client.get("/staff/audit.jsonl").status_code == status
