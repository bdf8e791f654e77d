"""What people hand in to be verified is deleted 90 days after the decision, and nothing that something rests on."""

import signal
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from marketplace import audit, jobs
from marketplace.accounts.models import User
from marketplace.adapters.storage import DiskStore
from marketplace.credentials import forgetting, service
from marketplace.credentials.models import ApprovalAudit, CredentialDocument, CredentialMove, RiskSignal
from marketplace.credentials.signals import raise_signals
from marketplace.documents import service as documents
from marketplace.documents.models import Document
from marketplace.documents.ports import DocumentStore
from marketplace.extensions import adapter_of, db, unit_of_work
from marketplace.kernel import clock
from tests.factories.accounts import kept, make_staff, make_user
from tests.factories.credentials import make_check, make_credential, make_signal
from tests.factories.documents import make_document, picture
from tests.factories.registers import make_finding, make_snapshot
from tests.support import assert_refused_by, count_statements, worker_environment

DAYS = timedelta(days=90)
AN_HOUR = timedelta(hours=1)  # After it was handed in a factory's case is verified.
NINETY = DAYS + AN_HOUR


def handed_in(credential, *, owner=None, **values):
    """A page of a credential, handed in with it."""
    paper = make_document(owner=owner, created_at=credential.submitted_at, **values)
    kept(CredentialDocument(credential_id=credential.id, document_id=paper.id, position=0))
    return paper


def a_case(at, **values):
    """A credential that was handed in an hour before `at`, and a page of it."""
    credential = make_credential(at=at - AN_HOUR, **values)
    return credential, handed_in(credential)


def happened(credential, event, state, at):
    """One more move of a credential, and what came of it."""
    kept(CredentialMove(credential_id=credential.id, event=event, state=state, actor_id=make_staff().id, at=at))
    credential.state, credential.reason = state, "A reason in words."
    db.session.flush()


def forgotten(paper):
    db.session.expire_all()
    return db.session.get(Document, paper.id).forgotten_at


def is_there(paper):
    try:
        adapter_of(DocumentStore).get(paper.storage_key)
    except KeyError:
        return False
    return True


def kinds(credential):
    return [event.kind for event in audit.events_about("credential", credential.id)]


class TestForget:
    @pytest.mark.parametrize("state", ["verified", "rejected", "revoked", "withdrawn", "superseded"])
    def test_deletes_ninety_days_after_the_decision_and_not_a_moment_before(self, now, state):
        credential, paper = a_case(now, state=state)
        decided = {
            "withdrawn": now - AN_HOUR / 2,
            "revoked": now + AN_HOUR / 2,
        }.get(state, now)

        assert service.forget_documents(at=decided + DAYS - timedelta(microseconds=1)) == 0
        assert (forgotten(paper), is_there(paper), kinds(credential)) == (None, True, [])

        assert service.forget_documents(at=decided + DAYS) == 1
        assert (forgotten(paper), is_there(paper)) == (decided + DAYS, False)
        assert kinds(credential) == ["document:forgotten"]

    def test_keeps_what_it_was(self, now):
        credential, paper = a_case(now)
        before = {name: getattr(paper, name) for name in ("digest", "received_digest", "size_bytes", "filename")}
        owner = paper.owner_id

        service.forget_documents(at=now + DAYS)

        db.session.expire_all()
        row = db.session.get(Document, paper.id)
        assert {name: getattr(row, name) for name in before} == before
        assert (row.owner_id, row.width, row.created_at) == (owner, paper.width, credential.submitted_at)
        (event,) = audit.events_about("credential", credential.id)
        assert (event.actor_id, event.data) == (
            None,
            {"document_id": str(paper.id), "sha256": sha256(picture()).hexdigest(), "bytes": len(picture())},
        )

    def test_once_more_does_nothing(self, now):
        credential, paper = a_case(now)
        service.forget_documents(at=now + DAYS)

        assert service.forget_documents(at=now + 2 * DAYS) == 0
        assert forgotten(paper) == now + DAYS
        assert kinds(credential) == ["document:forgotten"]

    @pytest.mark.parametrize(
        "state", ["submitted", "in_review", "needs_info", "awaiting_second", "in_second_review", "suspended"]
    )
    def test_keeps_what_is_not_decided_however_old(self, now, state):
        _, paper = a_case(now, state=state)

        assert service.forget_documents(at=now + 10 * DAYS) == 0
        assert (forgotten(paper), is_there(paper)) == (None, True)
        assert service.forgotten_from(paper_case(paper)) is None

    def test_counts_from_the_end_of_a_suspension_and_not_from_another_look(self, now):
        lifted, paper = a_case(now)
        happened(lifted, "suspended", "suspended", now + AN_HOUR)
        happened(lifted, "reinstated", "verified", now + timedelta(days=40))
        looked_at, other = a_case(now)
        happened(looked_at, "reconfirmed", "verified", now + timedelta(days=40))

        assert service.forget_documents(at=now + DAYS) == 1
        assert (forgotten(paper), forgotten(other)) == (None, now + DAYS)
        assert service.forgotten_from(lifted.id) == now + DAYS + timedelta(days=40)

    def test_is_bounded_and_comes_to_its_end(self, now, monkeypatch):
        monkeypatch.setattr(forgetting, "AT_ONCE", 2)
        papers = [a_case(now)[1] for _ in range(4)]

        assert service.forget_documents(at=now + DAYS) == 4
        assert not any(map(is_there, papers))

    def test_asks_as_many_statements_for_two_as_for_twenty(self, now):
        def asked(number):
            for _ in range(number):
                a_case(now)
            with count_statements() as statements:
                assert service.forget_documents(at=now + DAYS) == number
            return len(statements)

        assert asked(2) == asked(20)

    def test_says_in_the_log_how_much_it_was(self, now):
        a_case(now)
        with capture_logs() as said:
            service.forget_documents(at=now + DAYS)
        assert said == [{"event": "documents_forgotten", "log_level": "info", "documents": 1, "bytes": len(picture())}]

    def test_a_job_does_it_every_night_before_the_sweep(self, now):
        times = {name: task.cron for (name, _), task in jobs.worker_app.periodic_registry.periodic_tasks.items()}
        assert (times["forget_documents"], times["sweep_documents"]) == ("29 3 * * *", "41 3 * * *")
        _, paper = a_case(now - NINETY)
        jobs.JOBS["forget_documents"]()
        assert not is_there(paper)


def paper_case(paper):
    return db.session.scalar(select(CredentialDocument.credential_id).where(CredentialDocument.document_id == paper.id))


class TestOpen:
    """While something about a case is open its documents stay; once it is settled they go."""

    def both_ways(self, paper, at, settle):
        assert service.forget_documents(at=at) == 0
        assert (forgotten(paper), is_there(paper)) == (None, True)
        settle()
        db.session.flush()
        assert service.forget_documents(at=at) == 1
        assert not is_there(paper)

    def test_re_audit(self, now):
        credential, paper = a_case(now)
        found = kept(
            ApprovalAudit(
                credential_id=credential.id,
                check_id=credential.deciding_check_id,
                verified_by=credential.verified_by,
                chosen_at=now,
            )
        )
        again = make_check(credential, verifier=make_staff(), retrieved_at=now)

        def uphold():
            found.outcome, found.auditor_id, found.audited_at = "upheld", again.verifier_id, now
            found.audit_check_id = again.id

        self.both_ways(paper, now + DAYS, uphold)

    def test_doubt(self, now):
        credential, paper = a_case(now)
        signal = make_signal(credential)

        def resolve():
            signal.resolved_at, signal.resolved_by, signal.resolution = now, make_staff().id, "A slip of the pen."

        self.both_ways(paper, now + DAYS, resolve)

    def test_doubt_about_another_case_that_points_here(self, now):
        credential, paper = a_case(now)
        other = make_credential(state="submitted")
        make_signal(other, other_id=credential.id, kind="document_elsewhere")

        self.both_ways(paper, now + DAYS, lambda: happened(other, "withdrawn", "withdrawn", now))

    def test_doubt_that_nobody_resolved_before_the_no_keeps_nothing(self, now):
        credential, _ = a_case(now, state="rejected")
        make_signal(credential)
        assert service.forget_documents(at=now + DAYS) == 1

    @pytest.mark.parametrize("about", ["credential", "person"])
    def test_finding_of_a_register(self, now, about):
        credential, paper = a_case(now)
        of = {"credential_id": credential.id} if about == "credential" else {"user_id": credential.holder_id}
        finding = make_finding(make_snapshot(), kind="exclusion" if about == "person" else "discipline", **of)

        def dismiss():
            finding.state, finding.resolved_at, finding.resolved_by = "dismissed", now, make_staff().id
            finding.reason = "Somebody else of that name."

        self.both_ways(paper, now + DAYS, dismiss)

    @pytest.mark.parametrize("state", ["submitted", "needs_info"])
    def test_case_of_the_same_number(self, now, state):
        credential, paper = a_case(now, state="rejected")
        again = make_credential(
            holder=db.session.get(User, credential.holder_id), state=state, number=credential.number
        )

        self.both_ways(paper, now + DAYS, lambda: happened(again, "withdrawn", "withdrawn", now + DAYS))

    def test_case_of_another_number_or_kind_keeps_nothing(self, now):
        a_case(now)
        make_credential(state="submitted")
        assert service.forget_documents(at=now + DAYS) == 1


class TestSource:
    """Where the paper itself was looked at, it is what the yes rests on, and stays as long as that."""

    def a_record(self, now, **values):
        credential, paper = a_case(now, type_code="MODEL_TRAINING", jurisdiction="TX", **values)
        make_check(credential, verifier=make_staff(), retrieved_at=now, method="document_seen")
        return credential, paper

    def test_stays_while_it_counts(self, now):
        credential, paper = self.a_record(now)
        assert service.forgotten_from(credential.id) is None
        assert service.forget_documents(at=now + 40 * DAYS) == 0
        assert is_there(paper)

    def test_goes_after_its_last_day(self, now):
        last = now.date() + timedelta(days=200)
        credential, _ = self.a_record(now, expires_on=last)
        ends = service.forgotten_from(credential.id)

        assert ends.date() == last + timedelta(days=91)
        assert service.forget_documents(at=ends - timedelta(microseconds=1)) == 0
        assert service.forget_documents(at=ends) == 1

    def test_that_had_ended_when_it_was_decided_goes_with_the_decision(self, now):
        credential, _ = self.a_record(now, expires_on=now.date() - timedelta(days=30))
        assert service.forgotten_from(credential.id) == now + DAYS

    @pytest.mark.parametrize(("event", "state"), [("revoked", "revoked"), ("superseded", "superseded")])
    def test_goes_after_it_was_taken_away_or_replaced(self, now, event, state):
        credential, _ = self.a_record(now)
        happened(credential, event, state, now + timedelta(days=300))

        assert service.forgotten_from(credential.id) == now + timedelta(days=390)
        assert service.forget_documents(at=now + timedelta(days=390)) == 1

    def test_that_was_seen_and_did_not_convince_is_no_source(self, now):
        credential, _ = a_case(now, state="rejected")
        make_check(credential, verifier=make_staff(), retrieved_at=now, method="document_seen", outcome="differs")
        assert service.forget_documents(at=now + DAYS) == 1

    def test_letter_of_a_check_is_never_asked_about(self, now):
        credential, _ = a_case(now)
        letter = make_document()
        make_check(credential, verifier=make_staff(), retrieved_at=now, document_id=letter.id, method="letter")

        assert service.forget_documents(at=now + 40 * DAYS) == 1
        assert (forgotten(letter), is_there(letter)) == (None, True)


class TestDatabase:
    def set_forgotten(self, paper, at):
        db.session.execute(text("UPDATE documents SET forgotten_at = :at WHERE id = :id"), {"at": at, "id": paper.id})

    def test_nothing_that_was_forgotten_comes_back(self, now):
        paper = make_document()
        self.set_forgotten(paper, now)
        for later in (None, now + AN_HOUR):
            with assert_refused_by("document_is_forgotten_once"):
                self.set_forgotten(paper, later)

    def test_nothing_is_forgotten_before_it_came(self, now):
        paper = make_document(created_at=now)
        with assert_refused_by("documents_forgotten_after_it_came"):
            self.set_forgotten(paper, now)

    def test_source_is_not_forgotten(self, now):
        letter = make_document()
        make_check(make_credential(), verifier=make_staff(), retrieved_at=now, document_id=letter.id)
        with assert_refused_by("source_is_not_forgotten"):
            self.set_forgotten(letter, now)

    @pytest.mark.parametrize("state", ["submitted", "in_review", "needs_info", "awaiting_second", "suspended"])
    def test_open_case_keeps_its_documents(self, now, state):
        _, paper = a_case(now, state=state)
        with assert_refused_by("open_case_keeps_its_documents"):
            self.set_forgotten(paper, now + DAYS)


class TestWhatRestsOnTheRow:
    def test_says_when_it_was_deleted(self, now):
        _, paper = a_case(now)
        service.forget_documents(at=now + DAYS)

        for ask in (lambda: documents.content_of(paper.id), lambda: documents.page_of(paper.id, 1)):
            with pytest.raises(documents.DocumentForgotten, match=r"This document was deleted on \d+ \w+ \d{4}\."):
                ask()

    def test_counts_against_nobodys_quota(self, now):
        alice = make_user()
        credential = make_credential(holder=alice, at=now - AN_HOUR)
        handed_in(credential, owner=alice)
        one = documents.examine(filename="a.png", content=picture())
        service.forget_documents(at=now + DAYS)

        with unit_of_work():
            documents.receive(owner_id=alice.id, file=one, at=now + DAYS, quota=len(one.content))

    def test_is_still_found_on_another_account(self, now):
        _, paper = a_case(now)
        service.forget_documents(at=now + DAYS)
        thief = make_credential(state="submitted")
        handed_in(thief)

        with unit_of_work():
            raise_signals(thief, at=now + DAYS)

        assert set(db.session.scalars(select(RiskSignal.kind).where(RiskSignal.credential_id == thief.id))) >= {
            "document_elsewhere"
        }
        assert forgotten(paper) is not None


class TestSweep:
    def test_deletes_the_file_of_what_was_forgotten_at_once(self, now):
        _, paper = a_case(now)
        with unit_of_work():
            documents.forget([paper.id], at=now + DAYS)
        assert is_there(paper)
        assert paper.storage_key in documents.astray().lingering

        assert documents.sweep(at=now + DAYS) >= 1
        assert not is_there(paper)

    def test_finds_the_half_of_a_file_that_a_killed_process_left(self, now, app):
        paper = make_document()
        store = adapter_of(DocumentStore)
        half = f"{paper.storage_key}.x7_k9abc"
        store.put(half, b"half")
        assert half in [key for key, _ in documents.astray().orphans]
        documents.sweep(at=now + timedelta(hours=25))
        assert half not in [key for key, _ in documents.astray().orphans]
        assert is_there(paper)


KILLED = """
import os, signal, sys
from marketplace.app import create_app
from marketplace.credentials import service
from marketplace.documents import service as documents
from marketplace.kernel import clock

def die(keys):
    keys = list(keys)
    if sys.argv[1] == "between":
        adapter.delete(keys[0])
    os.kill(os.getpid(), signal.SIGKILL)

app = create_app()
with app.app_context():
    from marketplace.documents.ports import DocumentStore
    from marketplace.extensions import adapter_of
    adapter = adapter_of(DocumentStore)
    documents.erase = die
    service.forget_documents(at=clock.now())
"""


@pytest.mark.own_database
@pytest.mark.parametrize("when", ["before", "between"])
def test_killed_after_the_row_and_before_the_file_leaves_no_file_for_ever(own_app, stripe_alone, when):
    with own_app.app_context():
        at = clock.now()
        papers = [a_case(at - NINETY)[1] for _ in range(2)]
        db.session.commit()
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, when],
            env=worker_environment(own_app, stripe_alone),
            check=False,
            timeout=60,
        )
        assert ended.returncode == -signal.SIGKILL

        assert sum(map(is_there, papers)) == (2 if when == "before" else 1)
        for paper in papers:
            with pytest.raises(documents.DocumentForgotten):
                documents.content_of(paper.id)
        assert service.forget_documents(at=clock.now()) == 0
        documents.sweep(at=clock.now())
        assert not any(map(is_there, papers))
        assert documents.astray() == documents.Astray((), (), ())


class TestCommands:
    @pytest.fixture
    def run(self, app):
        return lambda *words: app.test_cli_runner().invoke(args=["documents", *words])

    def test_names_what_is_astray_and_fails(self, app, run, now, tmp_path, monkeypatch):
        monkeypatch.setitem(app.extensions["second_light_ports"], DocumentStore, DiskStore(tmp_path))
        lost, gone = make_document(), a_case(now)[1]
        adapter_of(DocumentStore).delete(lost.storage_key)
        with unit_of_work():
            documents.forget([gone.id], at=now + DAYS)
        orphan = "ab/00000000-0000-4000-8000-000000000000.png"
        adapter_of(DocumentStore).put(orphan, b"left behind")

        result = run("check")

        assert result.exit_code == 1
        first, *others = result.output.splitlines()
        assert first.startswith(f"no row knows\t{orphan}\tsince 20")
        assert others == [
            f"its row says it is deleted\t{gone.storage_key}",
            f"its file is not there\t{lost.id}",
            "Error: 3 are not as they must be. The nightly sweep deletes what lies there.",
        ]

    def test_says_when_all_is_there(self, app, run, tmp_path, monkeypatch):
        monkeypatch.setitem(app.extensions["second_light_ports"], DocumentStore, DiskStore(tmp_path))
        make_document()
        assert run("check").output == "Every document is there, and nothing else.\n"

    def test_forgets_when_asked(self, run, now):
        _, paper = a_case(now - NINETY)
        assert run("forget").output.splitlines()[-1] == "Documents deleted: 1."
        assert not is_there(paper)
