"""One mechanism for every mailed link: bound to one thing, found by a digest, used once, answered for ever."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, text, update

from marketplace import audit
from marketplace.audit import AuditEvent
from marketplace.extensions import db, unit_of_work
from marketplace.kernel.tokens import digest_of
from marketplace.links import service as links
from marketplace.links.models import LinkAnswer, SignedLink
from marketplace.links.service import LinkIsOver, LinkSpeaksOfAnother, NoSuchLink, Said
from marketplace.links.states import Answer, LinkPurpose, LinkState, Worth
from tests.factories.accounts import make_staff, make_user
from tests.factories.links import BOUND, YES, make_link, the_link
from tests.support import assert_refused_by

CLAIM, ORDER = LinkPurpose.CONFIRM_CLAIM, LinkPurpose.SIGN_ORDER
SIGNED = Said(Answer.SIGNED, "Amir Khan", "ordering practitioner", "I order it.")


def living(issued, at, purpose=CLAIM):
    return links.living(issued.token, purpose=purpose, at=at)


def use(issued, at, *, bound=BOUND, said=YES) -> str:
    with unit_of_work():
        links.open_first(living(issued, at), at=at)
        return links.use(living(issued, at), said, bound=bound, at=at)


def answers() -> int:
    return db.session.scalar(select(func.count()).select_from(LinkAnswer))


def kinds(subject_type, subject_id) -> list[str]:
    return [event.kind for event in audit.events_about(subject_type, subject_id)]


class TestIssue:
    def test_keeps_the_digest_and_never_the_token(self, now):
        issued = make_link(at=now)

        row = the_link(issued.id)
        assert (row.digest, row.state, row.sent_at) == (digest_of(issued.token), LinkState.WAITING, now)
        assert len(issued.token) == 43
        whole = db.session.scalar(text("SELECT signed_links::text FROM signed_links WHERE id = :id"), {"id": issued.id})
        assert issued.token not in whole
        for event in db.session.scalars(select(AuditEvent)):
            assert issued.token not in str(event.data)

    def test_a_newer_one_ends_the_older_one_at_the_same_address(self, now):
        subject = uuid4()
        first = make_link(at=now, subject_id=subject)
        elsewhere = make_link(at=now, subject_id=subject, sent_to="other@board.example")
        second = make_link(at=now + timedelta(minutes=1), subject_id=subject)

        with pytest.raises(LinkIsOver) as refusal:
            living(first, now + timedelta(minutes=1))
        assert refusal.value.worth is Worth.REPLACED
        assert the_link(first.id).ended_at == now + timedelta(minutes=1)
        assert living(second, now + timedelta(minutes=1)).id == second.id
        assert living(elsewhere, now).id == elsewhere.id
        assert kinds("credential", subject) == ["link:sent", "link:sent", "link:replaced", "link:sent"]

    def test_links_about_a_thing_come_newest_first(self, now):
        subject = uuid4()
        first = make_link(at=now, subject_id=subject)
        second = make_link(at=now + timedelta(minutes=1), subject_id=subject)
        make_link(at=now)

        assert [link.id for link in links.links_about(subject, purpose=CLAIM)] == [second.id, first.id]
        assert links.links_about(subject, purpose=ORDER) == []


class TestLiving:
    def test_looking_changes_nothing(self, now):
        issued = make_link(at=now)
        events = db.session.scalar(select(func.count()).select_from(AuditEvent))

        link = living(issued, now)
        assert living(issued, now) == link
        assert (link.opened_at, link.state, dict(link.bound)) == (None, LinkState.WAITING, BOUND)
        assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == events

    def test_serves_until_the_instant_before_its_end(self, now):
        issued = make_link(at=now)
        end = now + timedelta(hours=1)

        assert living(issued, end - timedelta(microseconds=1)).id == issued.id
        with pytest.raises(LinkIsOver) as refusal:
            living(issued, end)
        assert (refusal.value.worth, refusal.value.sentence) == (Worth.EXPIRED, "The time of this link is over.")

    @pytest.mark.parametrize("forged", ["", "x", "ж" * 43, "A" * 43])
    def test_a_forged_one_is_not_ours(self, now, forged):
        make_link(at=now)
        with pytest.raises(NoSuchLink):
            links.living(forged, purpose=CLAIM, at=now)

    @pytest.mark.parametrize(("sent", "tried"), [(CLAIM, ORDER), (ORDER, CLAIM)])
    def test_one_for_something_else_is_none_for_this(self, now, sent, tried):
        issued = make_link(at=now, purpose=sent, recipient_id=make_user().id if sent is ORDER else None)

        with pytest.raises(NoSuchLink):
            living(issued, now, purpose=tried)
        assert the_link(issued.id).state is LinkState.WAITING


class TestOpenFirst:
    def test_keeps_the_first_time_only(self, now):
        subject = uuid4()
        issued = make_link(at=now, subject_id=subject)
        for minutes in (1, 2):
            at = now + timedelta(minutes=minutes)
            with unit_of_work():
                links.open_first(living(issued, at), at=at)

        assert the_link(issued.id).opened_at == now + timedelta(minutes=1)
        assert kinds("credential", subject) == ["link:sent", "link:opened"]

    def test_one_that_is_over_is_not_opened(self, now):
        issued = make_link(at=now)
        link = living(issued, now)

        with pytest.raises(LinkIsOver), unit_of_work():
            links.open_first(link, at=now + timedelta(hours=1))
        assert the_link(issued.id).opened_at is None

    def test_leaves_other_links_unopened(self, now):
        issued, other = make_link(at=now), make_link(at=now)

        with unit_of_work():
            links.open_first(living(issued, now), at=now)

        assert (the_link(issued.id).opened_at, the_link(other.id).opened_at) == (now, None)

    def test_one_that_ended_after_it_was_looked_at_stays_as_it_ended(self, now):
        issued = make_link(at=now)
        looked_at = living(issued, now)
        db.session.execute(update(SignedLink).values(state="withdrawn", ended_at=now))

        with unit_of_work():
            links.open_first(looked_at, at=now)

        assert (the_link(issued.id).opened_at, the_link(issued.id).state) == (None, LinkState.WITHDRAWN)


class TestUse:
    def test_keeps_the_answer_and_serves_no_more(self, now):
        issued = make_link(at=now)
        link = living(issued, now)

        digest = use(issued, now)

        row = db.session.get_one(LinkAnswer, issued.id)
        assert (row.answer, row.name, row.role, row.words) == (
            Answer.CONFIRMED, "Carla Munoz", "licensing clerk", "In force.",
        )  # fmt: skip
        assert (row.answered_at, row.digest) == (now, digest)
        assert digest == links.digest_of_answer(link, YES, at=now)
        assert digest != links.digest_of_answer(link, Said(Answer.CANNOT_SAY, YES.name, YES.role, YES.words), at=now)
        assert kinds("credential", link.subject_id) == ["link:sent", "link:opened", "link:used"]
        for again in (lambda: living(issued, now), lambda: use(issued, now)):
            with pytest.raises(LinkIsOver) as refusal:
                again()
            assert refusal.value.worth is Worth.USED
        assert answers() == 1

    def test_one_that_was_looked_at_before_somebody_else_used_it_is_refused(self, now):
        issued = make_link(at=now)
        seen = living(issued, now)
        use(issued, now)

        with pytest.raises(LinkIsOver) as refusal, unit_of_work():
            links.use(seen, YES, bound=BOUND, at=now)

        assert refusal.value.worth is Worth.USED
        assert answers() == 1

    def test_what_changed_since_cannot_be_answered(self, now):
        issued = make_link(at=now)

        with pytest.raises(LinkSpeaksOfAnother):
            use(issued, now, bound={"name": "Dana Reyes-Ortiz"})

        assert the_link(issued.id).state is LinkState.WAITING
        assert answers() == 0

    def test_is_refused_at_its_last_instant(self, now):
        issued = make_link(at=now)
        link = living(issued, now)

        with pytest.raises(LinkIsOver), unit_of_work():
            links.use(link, YES, bound=BOUND, at=now + timedelta(hours=1))

        assert the_link(issued.id).state is LinkState.WAITING


class TestWithdraw:
    def test_ends_it(self, now):
        subject, actor = uuid4(), make_staff()
        issued = make_link(at=now, subject_id=subject)

        with unit_of_work():
            links.withdraw(issued.id, purpose=CLAIM, subject_id=subject, actor_id=actor.id, at=now)

        with pytest.raises(LinkIsOver) as refusal:
            living(issued, now)
        assert refusal.value.worth is Worth.WITHDRAWN
        with pytest.raises(LinkIsOver), unit_of_work():
            links.withdraw(issued.id, purpose=CLAIM, subject_id=subject, actor_id=actor.id, at=now)

    def test_only_by_its_own_subject_and_purpose(self, now):
        subject, actor = uuid4(), make_staff()
        issued = make_link(at=now, subject_id=subject)

        for purpose, about in ((CLAIM, uuid4()), (ORDER, subject)):
            with pytest.raises(NoSuchLink), unit_of_work():
                links.withdraw(issued.id, purpose=purpose, subject_id=about, actor_id=actor.id, at=now)
        assert the_link(issued.id).state is LinkState.WAITING

    def test_all_of_one_thing_at_once(self, now):
        subject = uuid4()
        mine = [make_link(at=now, subject_id=subject, sent_to=f"{name}@board.example") for name in "ab"]
        other = make_link(at=now)

        with unit_of_work():
            links.withdraw_all(purpose=CLAIM, subject_id=subject, actor_id=None, at=now)

        assert [the_link(one.id).state for one in (*mine, other)] == ["withdrawn", "withdrawn", "waiting"]


class TestDatabase:
    """What it refuses, whoever writes to it."""

    def row(self, now, **changes):
        given = {
            "id": uuid4(),
            "purpose": CLAIM,
            "subject_id": uuid4(),
            "bound": BOUND,
            "digest": uuid4().bytes * 2,
            "sent_to": "clerk@board.example",
            "sent_by": make_staff().id,
            "sent_at": now,
            "expires_at": now + timedelta(hours=1),
            "state": LinkState.WAITING,
        }
        return {**given, **changes}

    @pytest.mark.parametrize(
        ("constraint", "changes"),
        [
            ("signed_links_token_is_digested", {"digest": b"short"}),
            ("signed_links_address_is_normal", {"sent_to": "Clerk@board.example"}),
            ("signed_links_address_is_normal", {"sent_to": "clerk"}),
            ("signed_links_who_signs_is_known_here", {"purpose": ORDER}),
        ],
    )
    def test_a_link_that_lies(self, now, constraint, changes):
        row = self.row(now, **changes)
        with assert_refused_by(constraint):
            db.session.execute(insert(SignedLink).values(row))

    def test_a_link_that_ends_as_it_begins(self, now):
        row = self.row(now, expires_at=now)
        with assert_refused_by("signed_links_expiry_follows_sending"):
            db.session.execute(insert(SignedLink).values(row))

    def test_a_claim_is_confirmed_by_nobody_with_an_account(self, now):
        row = self.row(now, recipient_id=make_user().id)
        with assert_refused_by("signed_links_who_signs_is_known_here"):
            db.session.execute(insert(SignedLink).values(row))

    def test_one_token_is_one_link(self, now):
        digest = the_link(make_link(at=now).id).digest
        row = self.row(now, digest=digest)
        with assert_refused_by("uq_signed_links_digest"):
            db.session.execute(insert(SignedLink).values(row))

    def test_one_address_has_one_waiting_link_about_one_thing(self, now):
        subject = uuid4()
        make_link(at=now, subject_id=subject)
        row = self.row(now, subject_id=subject)
        with assert_refused_by("one_waiting_link_per_address"):
            db.session.execute(insert(SignedLink).values(row))

    def test_a_link_is_known_with_its_subject(self, now):
        link_id = make_link(at=now).id
        # Two keys say the same of one row: the narrower one speaks first, and the wider is there to be pointed at.
        wide = "SELECT conname FROM pg_constraint WHERE conname = 'link_has_one_subject' AND contype = 'u'"
        assert db.session.scalar(text(wide)) == "link_has_one_subject"
        row = self.row(now, id=link_id)
        with assert_refused_by("pk_signed_links"):
            db.session.execute(insert(SignedLink).values(row))

    @pytest.mark.parametrize(
        ("constraint", "state", "minutes", "opened"),
        [
            ("signed_links_end_is_dated", "withdrawn", None, None),
            ("signed_links_end_is_dated", "waiting", 5, None),
            ("signed_links_end_follows_sending", "withdrawn", -1, None),
            ("signed_links_used_in_time", "used", 60, 5),
            ("signed_links_opened_in_time", "waiting", None, 60),
            ("signed_links_opened_in_time", "waiting", None, -1),
            ("signed_links_read_before_it_is_answered", "used", 5, None),
            ("signed_links_read_before_it_is_answered", "used", 5, 6),
        ],
    )
    def test_an_end_that_lies(self, now, constraint, state, minutes, opened):
        link_id = make_link(at=now).id
        with assert_refused_by(constraint):
            db.session.execute(
                update(SignedLink)
                .where(SignedLink.id == link_id)
                .values(
                    state=state,
                    ended_at=None if minutes is None else now + timedelta(minutes=minutes),
                    opened_at=None if opened is None else now + timedelta(minutes=opened),
                )
            )

    def test_a_link_is_used_until_the_instant_before_its_end(self, now):
        end = now + timedelta(hours=1) - timedelta(microseconds=1)
        issued = make_link(at=now)
        use(issued, end)

        assert the_link(issued.id).ended_at == end

    @pytest.mark.parametrize(
        "change",
        [
            {"bound": {"name": "Somebody else"}},
            {"subject_id": uuid4()},
            {"sent_to": "friend@home.example"},
            {"digest": b"x" * 32},
            {"purpose": ORDER},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_a_link_is_about_never_changes(self, now, change):
        link_id = make_link(at=now).id
        with assert_refused_by("signed_links_keep_their_word"):
            db.session.execute(update(SignedLink).where(SignedLink.id == link_id).values(**change))

    def test_its_time_is_not_made_longer(self, now):
        link_id = make_link(at=now).id
        with assert_refused_by("signed_links_keep_their_word"):
            db.session.execute(
                update(SignedLink).where(SignedLink.id == link_id).values(expires_at=now + timedelta(days=9))
            )

    def test_a_link_begins_as_waiting(self, now):
        for changes in ({"state": LinkState.USED, "ended_at": now}, {"opened_at": now}):
            row = self.row(now, **changes)
            with assert_refused_by("signed_links_keep_their_word"):
                db.session.execute(insert(SignedLink).values(row))

    def test_what_has_ended_stays_ended(self, now):
        issued = make_link(at=now)
        use(issued, now)
        for change in ({"state": LinkState.WAITING, "ended_at": None}, {"ended_at": now + timedelta(minutes=1)}):
            with assert_refused_by("signed_links_keep_their_word"):
                db.session.execute(update(SignedLink).where(SignedLink.id == issued.id).values(**change))

    def test_when_it_was_opened_stays(self, now):
        issued = make_link(at=now)
        with unit_of_work():
            links.open_first(living(issued, now), at=now)
        with assert_refused_by("signed_links_keep_their_word"):
            db.session.execute(update(SignedLink).where(SignedLink.id == issued.id).values(opened_at=None))

    @pytest.mark.parametrize(
        ("statement", "constraint"),
        [
            ("DELETE FROM signed_links", "signed_links_keep_their_word"),
            ("TRUNCATE signed_links CASCADE", "signed_links_is_append_only"),
            ("DELETE FROM link_answers", "link_answers_is_append_only"),
            ("UPDATE link_answers SET answer = 'not_confirmed'", "link_answers_is_append_only"),
            ("TRUNCATE link_answers", "link_answers_is_append_only"),
        ],
    )
    def test_nothing_is_taken_away(self, now, statement, constraint):
        use(make_link(at=now), now)
        db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        with assert_refused_by(constraint):
            db.session.execute(text(statement))

    def answer(self, through, at, **changes):
        link = the_link(through)
        given = {
            "link_id": through,
            "purpose": link.purpose,
            "subject_id": link.subject_id,
            "answer": Answer.CONFIRMED,
            "name": "Carla Munoz",
            "role": "licensing clerk",
            "words": "",
            "answered_at": at,
            "digest": "0" * 64,
        }
        db.session.execute(insert(LinkAnswer).values({**given, **changes}))

    def used(self, now):
        link_id = make_link(at=now).id
        db.session.execute(
            update(SignedLink)
            .where(SignedLink.id == link_id)
            .values(state=LinkState.USED, ended_at=now, opened_at=now)
            .execution_options(synchronize_session=False)
        )
        return link_id

    def test_an_answer_comes_through_a_link(self, now):
        link_id = self.used(now)
        for changes in ({"link_id": uuid4()}, {"answered_at": now + timedelta(seconds=1)}):
            with assert_refused_by("answers_use_their_link"):
                self.answer(link_id, now, **changes)

    def test_an_answer_is_about_what_its_link_asks(self, now):
        link_id = self.used(now)
        with assert_refused_by("answer_is_of_its_link"):
            self.answer(link_id, now, subject_id=uuid4())

    def test_no_answer_comes_through_a_link_that_waits_or_was_withdrawn(self, now):
        link_id = make_link(at=now).id
        with assert_refused_by("answers_use_their_link"):
            self.answer(link_id, now)
        db.session.execute(
            update(SignedLink).where(SignedLink.id == link_id).values(state=LinkState.WITHDRAWN, ended_at=now)
        )
        with assert_refused_by("answers_use_their_link"):
            self.answer(link_id, now)

    def test_two_answers(self, now):
        link_id = self.used(now)
        self.answer(link_id, now)
        with assert_refused_by("pk_link_answers"):
            self.answer(link_id, now)

    @pytest.mark.parametrize(
        ("constraint", "changes"),
        [
            ("link_answers_answer_fits_its_purpose", {"answer": Answer.SIGNED}),
            ("link_answers_answer_says_who", {"name": "  "}),
            ("link_answers_answer_says_who", {"role": ""}),
            ("link_answers_digest_is_sha256", {"digest": "abc"}),
        ],
    )
    def test_an_answer_that_lies(self, now, constraint, changes):
        link_id = self.used(now)
        with assert_refused_by(constraint):
            self.answer(link_id, now, **changes)

    def test_a_used_link_has_its_answer(self, now):
        self.used(now)
        with assert_refused_by("used_links_are_answered"):
            db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    def test_a_signature_through_a_link_is_the_orders_own(self, now):
        issued = make_link(at=now, purpose=ORDER, recipient_id=make_user().id)
        with assert_refused_by("signed_answers_are_the_orders"):
            links.use(living(issued, now, purpose=ORDER), SIGNED, bound=BOUND, at=now)
            db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
