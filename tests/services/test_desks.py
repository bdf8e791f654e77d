"""What moderators and finance are mailed about their desks: once a working day, and only when something waits."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from marketplace import jobs
from marketplace.desks import service as desks
from marketplace.desks.models import DeskDigest
from marketplace.extensions import db
from marketplace.inspections import service as inspections
from marketplace.inspections.states import InspectionKind
from marketplace.kernel import clock
from marketplace.kernel.days import written
from marketplace.leads import service as leads
from marketplace.leads.service import HandedIn
from marketplace.leads.states import LeadKind
from marketplace.notifications.models import Mail
from marketplace.orders import receiving
from marketplace.orders import service as orders
from marketplace.orders.handovers import LienRelease
from tests.factories.accounts import kept, make_staff
from tests.factories.documents import make_document
from tests.factories.orders import make_order, make_scene
from tests.support import assert_refused_by, count_statements, promised_mails

TUESDAY = datetime(2026, 6, 2, 13, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def staff():
    return {role: make_staff(role) for role in ("moderator", "finance", "verifier")}


def ask_for_a_trade_in(scene, at=TUESDAY):
    said = HandedIn(LeadKind.TRADE_IN, scene.clinic.id, "Lumenis M22, 2016")
    return leads.hand_in(user_id=scene.buyer.id, said=said, at=at)


def let_an_inspector_in(scene, at=TUESDAY):
    one = inspections.ask(
        listing_id=scene.listing.id, asker_id=scene.buyer.id, kind=InspectionKind.PACKED, words="All.", at=at
    )
    inspections.let_in(inspection_id=one, actor_id=scene.seller.id, words="Tuesday.", at=at)


def hand_in_a_release(scene, now, at=TUESDAY):
    order = make_order("funds_held", scene, at=now)
    kept(
        LienRelease(
            order_id=order.id, document_id=make_document(owner=scene.seller).id, words="Release",
            handed_in_by=scene.seller.id, handed_in_at=at,
        )
    )  # fmt: skip


def let_others_sign(now):
    """Let two devices be signed for by somebody whom nobody names, of which one is settled."""
    for settled in (True, False):
        scene = make_scene(now)
        order = make_order("in_transit", scene, at=now)
        signer = orders.Signer(name="Karl Brandt")
        orders.report_arrival(order_id=order.id, actor_id=scene.buyer.id, signer=signer, at=now)
        if settled:
            receiving.settle(order_id=order.id, actor_id=make_staff("finance").id, finding="A porter.", at=now)


def told():
    return {mail.to: mail.context for mail in promised_mails(Mail.template == "desk_waiting")}


def days():
    rows = select(DeskDigest.on_day, DeskDigest.leads, DeskDigest.inspections, DeskDigest.releases, DeskDigest.doubts)
    return [tuple(row) for row in db.session.execute(rows.order_by(DeskDigest.on_day))]


def test_each_desk_reads_what_waits_for_it(scene, staff, now):
    ask_for_a_trade_in(scene, TUESDAY - 3 * DAY)
    ask_for_a_trade_in(scene)
    let_an_inspector_in(scene)
    hand_in_a_release(scene, now)
    let_others_sign(now)

    sent = desks.tell_desks(at=TUESDAY)

    mails = told()
    assert sent == len(mails)
    assert mails[staff["moderator"].email] == {
        "name": staff["moderator"].name,
        "waiting": 3,
        "desks": [
            {"line": "2 requests wait for a partner, the oldest since 30 May 2026", "path": "/staff/arrangements"},
            {"line": "1 inspection waits for an inspector, the oldest since 2 Jun 2026", "path": "/staff/inspections"},
        ],
    }
    assert mails[staff["finance"].email]["desks"] == [
        {"line": "1 release of a lien waits to be read, the oldest since 2 Jun 2026", "path": "/staff/liens"},
        {
            "line": "1 delivery was signed for by somebody whom the clinic does not name, the oldest since "
            + written(now.date()),
            "path": "/staff/finance#doubts",
        },
    ]
    assert staff["verifier"].email not in mails
    assert days() == [(TUESDAY.date(), 2, 1, 1, 1)]


def test_a_desk_on_which_nothing_waits_hears_nothing(scene, staff):
    ask_for_a_trade_in(scene)

    desks.tell_desks(at=TUESDAY)

    assert staff["moderator"].email in told()
    assert staff["finance"].email not in told()


def test_what_is_proposed_or_taken_back_waits_for_nobody_here(scene, staff):
    lead = ask_for_a_trade_in(scene)
    leads.withdraw(lead_id=lead, user_id=scene.buyer.id, at=TUESDAY)

    assert desks.tell_desks(at=TUESDAY) == 0
    assert (told(), days()) == ({}, [])


def test_it_is_one_mail_a_day_however_often_the_job_runs(scene, staff):
    ask_for_a_trade_in(scene)
    sent = desks.tell_desks(at=TUESDAY)

    assert sent > 0
    assert desks.tell_desks(at=TUESDAY + timedelta(hours=3)) == 0
    assert desks.tell_desks(at=TUESDAY + DAY) == sent
    assert [day for day, *_ in days()] == [TUESDAY.date(), (TUESDAY + DAY).date()]


@pytest.mark.parametrize(("after", "sent"), [(3, True), (4, False), (5, False), (6, True)])
def test_nothing_comes_on_saturdays_and_sundays(scene, staff, after, sent):
    ask_for_a_trade_in(scene)

    assert (desks.tell_desks(at=TUESDAY + after * DAY) > 0) is sent
    assert bool(told()) is sent


def test_it_takes_as_many_statements_for_three_as_for_one(scene, staff):
    counted = []
    for day in range(2):
        for _ in range(1 + 2 * day):
            ask_for_a_trade_in(scene)
        with count_statements() as sent:
            desks.tell_desks(at=TUESDAY + day * DAY)
        counted.append(len(sent))

    assert counted[0] == counted[1]


def test_it_can_be_read(scene, app, tmp_path):
    from marketplace.adapters.mail import SmtpMailer
    from tests.conftest import settings_for

    make_staff("moderator", name="Mo <b>Lang</b>")
    ask_for_a_trade_in(scene)
    desks.tell_desks(at=TUESDAY)
    mail = next(one for one in promised_mails(Mail.template == "desk_waiting") if one.context["name"].startswith("Mo"))
    mailer = SmtpMailer(app, settings_for("postgresql+psycopg://nowhere/none", tmp_path))

    message = mailer.written(mail_id=mail.id, to=mail.to, template=mail.template, context=mail.context)

    assert message["Subject"] == "1 matter waits on your desk"
    body, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert (
        "- 1 request waits for a partner, the oldest since 2 Jun 2026:\n  http://localhost/staff/arrangements\n" in body
    )
    assert 'href="http://localhost/staff/arrangements"' in html
    assert "Mo &lt;b&gt;Lang" in html


def test_the_job_does_it(scene, staff, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: TUESDAY)
    ask_for_a_trade_in(scene)

    jobs.JOBS["tell_desks"]()

    assert staff["moderator"].email in told()


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("desk_digests_desk_digest_is_about_something", "('2026-06-02', now(), 0, 0, 0, 0)"),
        ("desk_digests_desk_digest_is_about_something", "('2026-06-02', now(), -1, 2, 0, 0)"),
        ("desk_digests_desk_digest_is_about_something", "('2026-06-02', now(), 2, 0, 0, -1)"),
        ("desk_digests_desk_digest_is_of_a_working_day", "('2026-06-06', now(), 1, 0, 0, 0)"),
        ("pk_desk_digests", "('2026-06-02', now(), 1, 0, 0, 0), ('2026-06-02', now(), 1, 0, 0, 0)"),
    ],
)
def test_the_database_refuses(constraint, values):
    with assert_refused_by(constraint):
        db.session.execute(text(f"INSERT INTO desk_digests VALUES {values}"))
