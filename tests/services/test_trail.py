"""The audit trail written out: whatever is changed in it is found, with its line, by somebody who has no database."""

import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from marketplace import audit, jobs
from marketplace.extensions import db, unit_of_work
from marketplace.trail import chain, service
from tests.support import count_statements, promised_mails

KEY, OTHER = service.new_key(), service.new_key()
PUBLIC = service.public_half(KEY)
ALICE = UUID(int=3)


def happened(at, *numbers):
    with unit_of_work():
        audit.record_all(
            audit.Happening("order:placed", ALICE if number % 2 else None, "order", UUID(int=number), at, {"n": number, "ü": "é"})
            for number in numbers
        )  # fmt: skip


def written_out(at, key=KEY):
    return [line.encode() for line in service.export(key=key, at=at)]


def faults(lines, heads=(), key=PUBLIC):
    return [(fault.where, fault.line) for fault in chain.verify(lines, key=key, heads=heads).faults]


def words(lines, heads=()):
    return [str(fault) for fault in chain.verify(lines, key=PUBLIC, heads=heads).faults]


def changed(line, **values):
    return f"{chain.written({**json.loads(line), **values})}\n".encode()


def rewritten(lines, since, at, *, keep=None):
    """What somebody with the database and its code could write: another story with hashes that hold, signed anew."""
    events = [json.loads(line) for line in lines[1:-1]][:keep]
    previous = events[since - 1]["hash"] if since else chain.GENESIS
    for event in events[since:]:
        event |= {"data": {"n": 0}, "previous_hash": previous}
        event["hash"] = previous = chain.digest(event)
    head = service._signed(len(events), previous, KEY, at)
    return [lines[0], *(f"{chain.written(event)}\n".encode() for event in events), f"{head}\n".encode()]


@pytest.fixture
def lines(now):
    """A file of five events: what it is, they, and the head in line 7."""
    happened(now, 1, 2, 3, 4, 5)
    return written_out(now)


@pytest.fixture
def kept(now, tmp_path):
    """A head that was kept after three events, and the file of all five."""
    happened(now, 1, 2, 3)
    file = tmp_path / "heads.jsonl"
    service.keep_head(key=KEY, file=file, to=None, at=now)
    happened(now, 4, 5)
    return file.read_bytes().splitlines(keepends=True), written_out(now)


class TestVerify:
    def test_finds_nothing_in_what_was_written_out(self, lines):
        assert chain.verify(lines, key=PUBLIC) == chain.Verified(5, ())
        assert len(lines) == 7

    def test_says_the_same_as_the_database_of_every_hash(self, lines):
        assert list(audit.broken_links()) == []
        assert [json.loads(line)["hash"] for line in lines[1:-1]] == [
            chain.digest(json.loads(line)) for line in lines[1:-1]
        ]

    @pytest.mark.parametrize("values", [
        {"data": {"n": 7}}, {"kind": "order:lost"}, {"actor_id": None}, {"subject_type": "listing"},
        {"subject_id": str(UUID(int=9))}, {"at": "2020-01-01T00:00:00+00:00"},
    ])  # fmt: skip
    def test_finds_a_changed_line(self, lines, values):
        lines[3] = changed(lines[3], **values)
        assert faults(lines) == [("trail", 4)]

    def test_finds_a_changed_line_whose_hash_was_made_to_fit(self, lines):
        event = json.loads(lines[3]) | {"data": {}}
        lines[3] = changed(lines[3], data={}, hash=chain.digest(event))
        assert faults(lines) == [("trail", 5)]

    @pytest.mark.parametrize("which", [1, 3])
    def test_finds_a_removed_line(self, lines, which):
        del lines[which]
        assert faults(lines) == [("trail", which + 1)]

    def test_finds_the_last_line_removed(self, lines):
        del lines[5]
        assert faults(lines) == [("trail", 6)]

    def test_finds_lines_that_changed_places(self, lines):
        lines[2], lines[3] = lines[3], lines[2]
        assert faults(lines) == [("trail", 3), ("trail", 4), ("trail", 5)]

    def test_finds_an_added_line(self, lines):
        lines.insert(3, lines[3])
        assert faults(lines) == [("trail", 5)]

    def test_finds_what_stands_behind_the_head(self, lines):
        assert words([*lines, lines[3]]) == ["trail, line 8: stands behind the head: it was added"]

    @pytest.mark.parametrize("left", [0, 1, 4, 6])
    def test_finds_a_file_that_was_cut_off(self, lines, left):
        assert faults(lines[:left]) == [("trail", left + 1)]

    def test_finds_a_line_that_was_cut_off(self, lines):
        lines[-1] = lines[-1][:-9]
        assert faults(lines) == [("trail", 7), ("trail", 8)]

    @pytest.mark.parametrize("line", [
        b"\n", b"[]\n", b"{\n", b'{"a":1, "b":2}\n', b'{"a":1,"a":1}\n', b"\xff\n", b"[" * 100_000 + b"\n", b"{}\n",
        b'{"number":"1"}\n',
    ])  # fmt: skip
    def test_finds_what_is_no_line_of_ours(self, lines, line):
        assert faults([*lines[:6], line, lines[6]]) == [("trail", 7)]

    def test_finds_another_beginning(self, lines):
        lines[0] = changed(lines[0], format="second-light-audit/2")
        assert faults(lines) == [("trail", 1)]

    @pytest.mark.parametrize(
        "values", [{"events": 4}, {"hash": "0" * 64}, {"at": "2020-01-01T00:00:00+00:00"}, {"x": 1}]
    )
    def test_finds_a_changed_head(self, lines, values):
        said = json.loads(lines[-1])
        lines[-1] = changed(lines[-1], head={**said["head"], **values})
        assert faults(lines) == [("trail", 7)]

    @pytest.mark.parametrize("signature", ["", "AAAA", "ü", None])
    def test_finds_a_signature_that_is_none(self, lines, signature):
        lines[-1] = changed(lines[-1], signature=signature)
        assert words(lines) == ["trail, line 7: the head is not signed by this key"]

    def test_finds_a_head_of_another_file(self, lines, now):
        happened(now, 6)
        assert faults([*lines[:-1], written_out(now)[-1]]) == [("trail", 7)]

    def test_finds_another_key(self, lines):
        assert faults(lines, key=service.public_half(OTHER)) == [("trail", 7)]

    def test_stops_where_nothing_is_right(self, lines):
        assert len(faults([b"\n"] * 1_000)) == chain.MOST_FAULTS

    def test_takes_no_key_that_is_none(self, lines):
        for key in ("", "ü", "AAAA"):
            with pytest.raises(ValueError, match=r"."):
                chain.verify(lines, key=key)


class TestKeptHeads:
    def test_agree_with_a_trail_that_went_on(self, kept):
        heads, lines = kept
        assert faults(lines, heads) == []

    def test_show_a_tail_that_was_written_anew_and_signed(self, kept, now):
        heads, lines = kept
        forged = rewritten(lines, 2, now)
        assert faults(forged) == []
        (found,) = words(forged, heads)
        assert found.startswith("trail, line 4: event 3 is another than the head says that was kept elsewhere (line 1")

    def test_show_a_trail_that_was_cut_short_and_signed(self, kept, now):
        heads, lines = kept
        forged = rewritten(lines, 2, now, keep=2)
        assert faults(forged) == []
        (found,) = words(forged, heads)
        assert "counts 3 events: the trail was cut short" in found

    def test_say_nothing_of_what_came_after_them(self, kept, now):
        heads, lines = kept
        assert faults(rewritten(lines, 3, now), heads) == []

    def test_that_were_changed_are_found_themselves(self, kept):
        heads, lines = kept
        assert faults(lines, [heads[0], b"\n", changed(heads[0], signature="AAAA")]) == [
            ("kept heads", 2), ("kept heads", 3),
        ]  # fmt: skip


class TestExport:
    def test_needs_a_key(self, now):
        with pytest.raises(service.NoAuditKey):
            service.export(key=None, at=now)

    def test_of_nothing_is_a_beginning_and_a_head(self, now):
        lines = written_out(now)
        assert (len(lines), chain.verify(lines, key=PUBLIC)) == (2, chain.Verified(0, ()))

    def test_reads_in_pieces_and_ends_where_the_trail_ended_when_it_began(self, now, monkeypatch):
        happened(now, 1, 2, 3, 4)
        monkeypatch.setattr(service, "AT_ONCE", 2)
        with count_statements() as asked:
            reading = service.export(key=KEY, at=now)
            first = [next(reading), next(reading)]
            happened(now, 5)
            lines = [line.encode() for line in (*first, *reading)]

        assert chain.verify(lines, key=PUBLIC) == chain.Verified(4, ())
        assert len([one for one in asked if "LIMIT" in one and "previous_hash" in one and "ORDER BY" in one]) == 3


class TestKeepHead:
    def test_appends_each_night_and_mails(self, now, tmp_path):
        happened(now, 1)
        file = tmp_path / "heads.jsonl"
        first = service.keep_head(key=KEY, file=file, to="auditor@example.test", at=now)
        happened(now, 2)
        second = service.keep_head(key=KEY, file=file, to="auditor@example.test", at=now)
        service.keep_head(key=KEY, file=None, to="auditor@example.test", at=now)

        assert file.read_text() == f"{first}\n{second}\n"
        assert [json.loads(line)["head"]["events"] for line in (first, second)] == [1, 2]
        mails = [mail for mail in promised_mails() if mail.template == "audit_head"]
        assert {(mail.to, mail.context["line"], mail.context["key"]) for mail in mails} == {
            ("auditor@example.test", first, PUBLIC), ("auditor@example.test", second, PUBLIC),
        }  # fmt: skip

    def test_keeps_nothing_without_key_place_or_event(self, now, tmp_path):
        file = tmp_path / "heads.jsonl"
        assert service.keep_head(key=KEY, file=file, to=None, at=now) is None
        happened(now, 1)
        assert service.keep_head(key=None, file=file, to="a@b.test", at=now) is None
        assert service.keep_head(key=KEY, file=None, to=None, at=now) is None
        assert (file.exists(), promised_mails()) == (False, [])

    def test_is_done_every_night(self, now, app):
        crons = {name: task.cron for (name, _), task in jobs.worker_app.periodic_registry.periodic_tasks.items()}
        assert crons["keep_audit_head"] == "53 4 * * *"
        happened(now, 1)
        jobs.JOBS["keep_audit_head"]()
        assert promised_mails() == []


class TestAlone:
    """The verifier is one file that knows nothing of the house."""

    def run(self, *arguments):
        given = [sys.executable, "-I", str(Path(chain.__file__)), *map(str, arguments)]
        return subprocess.run(given, capture_output=True, text=True, check=False, env={}, timeout=60)

    def test_verifies_a_file_without_the_house(self, lines, tmp_path):
        file = tmp_path / "trail.jsonl"
        file.write_bytes(b"".join(lines))
        done = self.run(file, "--key", PUBLIC)
        assert (done.returncode, done.stdout) == (0, "5 events, each in its place, and the head is signed.\n")

    def test_names_the_line_and_fails(self, kept, tmp_path, capsys):
        heads, lines = kept
        file, heads_file = tmp_path / "trail.jsonl", tmp_path / "kept.jsonl"
        file.write_bytes(b"".join([*lines[:3], changed(lines[3], data={}), *lines[4:]]))
        heads_file.write_bytes(b"".join(heads))

        assert chain.main([str(file), "--key", PUBLIC, "--heads", str(heads_file)]) == 1
        assert capsys.readouterr().out == "trail, line 4: event 3 is not what was written\n"
        with pytest.raises(SystemExit):
            chain.main([str(file), "--key", "AAAA"])

    def test_says_when_all_is_well(self, lines, tmp_path, capsys):
        file = tmp_path / "trail.jsonl"
        file.write_bytes(b"".join(lines))
        assert chain.main([str(file), "--key", PUBLIC]) == 0
        assert "5 events" in capsys.readouterr().out


class TestCommands:
    @pytest.fixture
    def run(self, app, tmp_path, monkeypatch):
        from dataclasses import replace

        settings = app.extensions["second_light_settings"]
        given = replace(settings, audit_key=KEY, audit_heads_file=tmp_path / "heads.jsonl")
        monkeypatch.setitem(app.extensions, "second_light_settings", given)
        return lambda *arguments: app.test_cli_runner().invoke(args=["audit", *map(str, arguments)])

    def test_write_out_keep_and_verify(self, run, now, tmp_path):
        happened(now, 1, 2)
        file = tmp_path / "trail.jsonl"
        assert run("export", file).exit_code == 0
        assert json.loads(run("head").output)["head"]["events"] == 2

        done = run("verify", file, "--key", PUBLIC, "--heads", tmp_path / "heads.jsonl")
        assert (done.exit_code, done.output) == (0, "2 events, each in its place, and the head is signed.\n")
        file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:2]))
        wrong = run("verify", file, "--key", PUBLIC)
        assert (wrong.exit_code, wrong.output) == (
            1, "trail, line 3: the signed head is missing: the file was cut off\nError: 1 lines are not as they must be.\n"
        )  # fmt: skip
        assert run("verify", file, "--key", "AAAA").output == "Error: This is no public key of Ed25519 in base64.\n"

    def test_keep_nothing_of_nothing(self, run):
        assert run("head").exit_code == 1

    def test_make_a_key_whose_half_verifies(self, run):
        secret, public = run("key").output.split()[0::2][0], run("key").output
        assert secret.startswith("SECOND_LIGHT_AUDIT_KEY=")
        assert "public: " in public


def test_a_trail_that_was_changed_in_the_database_is_found_in_what_is_written_out(now):
    happened(now, 1, 2, 3)
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    db.session.execute(text("UPDATE audit_events SET data = '{}' WHERE subject_id = :it"), {"it": UUID(int=2)})
    db.session.execute(text("SET LOCAL session_replication_role = origin"))
    db.session.commit()
    assert faults(written_out(now)) == [("trail", 3)]
