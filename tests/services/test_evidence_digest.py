"""What verifiers are mailed about evidence that is due: once a working day, and only when something is; and holders."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from marketplace import jobs
from marketplace.accounts.models import User
from marketplace.credentials import service as credentials
from marketplace.eligibility import ageing, digest
from marketplace.eligibility.models import EvidenceDigest
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.terms import StaffRole
from marketplace.notifications.models import Mail
from tests.factories.accounts import make_staff
from tests.factories.credentials import make_check, make_credential
from tests.factories.orders import publish_rules
from tests.support import assert_refused_by, count_statements

TUESDAY = datetime(2026, 6, 2, 13, 5, tzinfo=UTC)
AGREEMENT = "US-TX:CONSULTING_PHYSICIAN_CONTRACT"
DAY = timedelta(days=1)


@pytest.fixture
def rules():
    publish_rules(TUESDAY - 300 * DAY)


def verified(at_limit, type_code="US-TX:TDLR:LHR", **values):
    """Keep a credential that opens nothing from `at_limit` on."""
    kind = ageing.credential_types()[type_code].kind
    seen = at_limit - ageing.published_policy().policy.decision_limits[kind]
    return make_credential(type_code=type_code, verified_at=seen, at=seen - DAY, **values)


def mails(template="evidence_due"):
    return db.session.scalars(select(Mail).where(Mail.template == template).order_by(Mail.promised_at, Mail.to)).all()


def days():
    rows = select(EvidenceDigest.on_day, EvidenceDigest.overdue, EvidenceDigest.due_soon)
    return [tuple(row) for row in db.session.execute(rows.order_by(EvidenceDigest.on_day))]


class TestVerifiers:
    def test_get_one_mail_with_what_is_overdue_and_what_is_due(self, rules):
        verifier, other = make_staff("verifier"), make_staff("verifier")
        make_staff("auditor")
        make_staff("verifier", email="gone@staff.test", disabled_at=TUESDAY)
        for limit in (-timedelta(seconds=1), 14 * DAY, 14 * DAY + timedelta(seconds=1)):
            verified(TUESDAY + limit, verifier=verifier)
        theirs = select(User.email).where(User.staff_role == StaffRole.VERIFIER, User.disabled_at.is_(None))
        readers = sorted(db.session.scalars(theirs))

        assert digest.mail_evidence_due(at=TUESDAY) == len(readers)

        assert [mail.to for mail in mails()] == readers
        assert {verifier.email, other.email} <= set(readers)
        assert "gone@staff.test" not in readers
        mail = mails()[0]
        assert (mail.context["overdue"], mail.context["soon"]) == (1, 1)
        late, soon = mail.context["parts"]
        assert late["lines"] == ["Texas laser hair removal certificate (TDLR), TX: 2 Jun 2026"]
        assert soon["lines"] == ["Texas laser hair removal certificate (TDLR), TX: 16 Jun 2026"]
        assert (late["more"], soon["more"]) == (0, 0)
        assert days() == [(TUESDAY.date(), 1, 1)]

    def test_get_it_once_a_day_however_often_the_job_runs(self, rules):
        make_staff("verifier")
        verified(TUESDAY)
        sent = digest.mail_evidence_due(at=TUESDAY)

        assert sent > 0
        assert digest.mail_evidence_due(at=TUESDAY + timedelta(hours=3)) == 0
        assert len(mails()) == sent
        assert digest.mail_evidence_due(at=TUESDAY + DAY) == sent
        assert [day for day, *_ in days()] == [TUESDAY.date(), (TUESDAY + DAY).date()]

    def test_get_nothing_when_nothing_is_due(self, rules):
        make_staff("verifier")
        verified(TUESDAY + 15 * DAY)

        assert digest.mail_evidence_due(at=TUESDAY) == 0
        assert (mails(), days()) == ([], [])

    @pytest.mark.parametrize(("after", "sent"), [(3, True), (4, False), (5, False), (6, True)])
    def test_get_nothing_on_saturdays_and_sundays(self, rules, after, sent):
        verified(TUESDAY)

        assert (digest.mail_evidence_due(at=TUESDAY + after * DAY) > 0) is sent
        assert bool(mails()) is sent

    def test_get_nothing_where_no_rules_are_published(self):
        make_credential()

        assert digest.mail_evidence_due(at=TUESDAY) == 0
        assert mails() == []

    def test_a_long_list_is_cut_and_says_so(self, rules, monkeypatch):
        monkeypatch.setattr(digest, "MOST_LISTED", 2)
        verifier = make_staff("verifier")
        for _ in range(3):
            verified(TUESDAY + DAY, verifier=verifier)

        digest.mail_evidence_due(at=TUESDAY)

        late, soon = mails()[0].context["parts"]
        assert (late["lines"], len(soon["lines"]), soon["more"]) == ([], 2, 1)

    def test_it_can_be_read(self, rules, app, tmp_path):
        from marketplace.adapters.mail import SmtpMailer
        from tests.conftest import settings_for

        make_staff("verifier", name="Vera <b>Lang</b>")
        verified(TUESDAY - DAY)
        digest.mail_evidence_due(at=TUESDAY)
        mail = mails()[-1]
        mailer = SmtpMailer(app, settings_for("postgresql+psycopg://nowhere/none", tmp_path))

        message = mailer.written(mail_id=mail.id, to=mail.to, template=mail.template, context=mail.context)

        assert message["Subject"] == "Evidence to look at again: 1 overdue, 0 due within two weeks"
        body, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert "Overdue: opens nothing now:\n- Texas laser hair removal certificate (TDLR), TX: 1 Jun 2026\n" in body
        assert "Due within two weeks" not in body
        assert 'href="http://localhost/staff/monitoring"' in html

    def test_takes_no_more_statements_for_three_than_for_one(self, rules):
        verifier = make_staff("verifier")
        counted = []
        for day in range(2):
            for _ in range(1 + 2 * day):
                verified(TUESDAY + DAY, verifier=verifier)
            with count_statements() as sent:
                digest.mail_evidence_due(at=TUESDAY + day * DAY)
            counted.append(len(sent))

        assert counted[0] == counted[1]

    def test_the_job_does_it(self, rules, monkeypatch):
        monkeypatch.setattr(clock, "now", lambda: TUESDAY)
        verified(TUESDAY)

        jobs.JOBS["mail_evidence_due"]()

        assert len(mails()) > 0


class TestHolders:
    def on_paper(self, at_limit, **values):
        found = verified(at_limit, AGREEMENT, **values)
        db.session.execute(text("ALTER TABLE credential_checks DISABLE TRIGGER USER"))
        db.session.execute(text("UPDATE credential_checks SET method = 'document_seen'"))
        db.session.execute(text("ALTER TABLE credential_checks ENABLE TRIGGER USER"))
        db.session.commit()
        return found

    def told(self):
        return [(mail.context["credential_id"], mail.context["happened"]) for mail in mails("credential")]

    def test_are_asked_for_the_present_paper_once_before_and_once_after(self, rules):
        paper = self.on_paper(TUESDAY + 2 * DAY)
        for day in (0, 1, 2, 3, 6):  # Two days later it is too old, and the fourth and fifth are a weekend.
            digest.mail_evidence_due(at=TUESDAY + day * DAY + timedelta(minutes=1))

        assert self.told() == [(str(paper.id), "due"), (str(paper.id), "overdue")]

    def test_are_asked_again_for_the_next_look(self, rules):
        paper = self.on_paper(TUESDAY + DAY)
        digest.mail_evidence_due(at=TUESDAY)
        check = make_check(paper, verifier=make_staff(), retrieved_at=TUESDAY, method="document_seen")
        db.session.execute(text("ALTER TABLE credentials DISABLE TRIGGER USER"))
        db.session.execute(
            text("UPDATE credentials SET deciding_check_id = :check WHERE id = :id"),
            {"check": check.id, "id": paper.id},
        )
        db.session.execute(text("ALTER TABLE credentials ENABLE TRIGGER USER"))
        db.session.commit()

        assert credentials.ask_for_newer_papers(stale_at={paper.id: TUESDAY + DAY}, at=TUESDAY) == 1

    def test_are_left_alone_where_a_verifier_looks_it_up(self, rules):
        verified(TUESDAY)

        digest.mail_evidence_due(at=TUESDAY)

        assert self.told() == []

    def test_are_not_asked_for_what_no_longer_stands(self, rules):
        paper = self.on_paper(TUESDAY + DAY)
        db.session.execute(text("UPDATE credentials SET state = 'revoked', reason = 'x'"))
        db.session.commit()

        assert credentials.ask_for_newer_papers(stale_at={paper.id: TUESDAY + DAY}, at=TUESDAY) == 0


class TestFacts:
    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("evidence_digests_digest_is_about_something", "('2026-06-02', now(), 0, 0)"),
            ("evidence_digests_digest_is_about_something", "('2026-06-02', now(), -1, 2)"),
            ("evidence_digests_digest_is_of_a_working_day", "('2026-06-06', now(), 1, 0)"),
            ("pk_evidence_digests", "('2026-06-02', now(), 1, 0), ('2026-06-02', now(), 1, 0)"),
        ],
    )
    def test_the_database_refuses(self, constraint, values):
        with assert_refused_by(constraint):
            db.session.execute(text(f"INSERT INTO evidence_digests VALUES {values}"))
