"""Whoever signs in with a browser that is new to the account is told of by mail, and can be shut out from there."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from marketplace import audit
from marketplace.accounts import browsers, factors, service
from marketplace.accounts.access import StaffRole
from marketplace.accounts.models import KnownBrowser, SecondFactor, SessionEnd, UserSession
from marketplace.accounts.policy import BROWSER_KNOWN_FOR, DISOWNING_LASTS
from marketplace.accounts.tokens import LinkIsDead
from marketplace.extensions import db
from marketplace.kernel.tokens import digest_of
from marketplace.notifications.models import Mail
from tests.factories.accounts import PASSWORD, make_staff, make_user
from tests.factories.factors import code_of, with_second_factor
from tests.support import assert_refused_by, promised_mails

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
HOUR = timedelta(hours=1)


def come(user, at, *kept):
    return service.sign_in(
        email=user.email, password=PASSWORD, at=at, user_agent=AGENT, address="198.51.100.7", kept=kept
    )


def told(user) -> list[dict]:
    return [mail.context for mail in promised_mails(Mail.template == "new_browser", Mail.to == user.email)]


def living(user) -> int:
    return db.session.scalar(select(func.count()).where(UserSession.user_id == user.id, UserSession.ended_at.is_(None)))


@pytest.fixture
def user():
    return make_user()


class TestMeet:
    def test_the_very_first_browser_is_kept_and_told_of_to_nobody(self, user, now):
        first = come(user, now)

        row = db.session.scalars(select(KnownBrowser)).one()
        assert (row.user_id, row.digest, row.first_at, row.user_agent) == (
            user.id, digest_of(first.browser), now, AGENT,
        )  # fmt: skip
        assert told(user) == []

    def test_one_that_is_known_is_told_of_to_nobody(self, user, now):
        first = come(user, now)
        again = come(user, now + HOUR, "somebody-elses", first.browser)

        assert again.browser == first.browser
        assert db.session.scalars(select(KnownBrowser.last_at)).all() == [now + HOUR]
        assert told(user) == []

    def test_of_another_the_person_reads_when_where_and_with_what(self, user, now):
        first = come(user, now)
        second = come(user, now + HOUR)

        assert second.browser != first.browser
        (context,) = told(user)
        assert (context["name"], context["user_agent"], context["address"], context["at"]) == (
            user.name, AGENT, "198.51.100.7", f"{now + HOUR:%B %-d, %Y, %H:%M} UTC",
        )  # fmt: skip

    def test_what_is_known_to_one_is_new_to_another_who_is_told(self, user, now):
        other = make_user()
        come(other, now)
        shared = come(user, now)
        theirs = come(other, now, shared.browser)

        assert theirs.browser != shared.browser
        assert (len(told(other)), told(user)) == (1, [])

    def test_is_forgotten_after_a_year_and_then_new(self, user, now):
        first = come(user, now)
        later = now + BROWSER_KNOWN_FOR
        come(user, later, first.browser)

        assert len(told(user)) == 1
        service.sweep(at=later)
        assert db.session.scalars(select(KnownBrowser.first_at)).all() == [later]

    def test_a_wrong_password_makes_nothing_known(self, user, now):
        with pytest.raises(service.SignInFailed):
            service.sign_in(email=user.email, password="wrong", at=now)

        assert db.session.scalars(select(KnownBrowser)).all() == []

    def test_only_digests_are_kept(self, user, now):
        come(user, now)
        with assert_refused_by("known_browsers_token_is_digested"):
            db.session.add(KnownBrowser(user_id=user.id, digest=b"x", first_at=now, last_at=now, user_agent=""))
            db.session.flush()


class TestDisown:
    @pytest.fixture
    def link(self, user, now):
        come(user, now)
        come(user, now + HOUR)
        return told(user)[0]["token"]

    def test_shuts_everybody_out_and_gives_a_link_for_a_new_password(self, user, now, link):
        at = now + 2 * HOUR
        right = browsers.disown(token=link, at=at)

        assert living(user) == 0
        assert set(db.session.scalars(select(UserSession.ended_because))) == {SessionEnd.DISOWNED}
        assert db.session.scalars(select(KnownBrowser)).all() == []
        with pytest.raises(service.SignInFailed):
            come(user, at)
        event = audit.events_about("user", user.id)[-1]
        assert (event.kind, event.actor_id, len(event.data["sessions"])) == ("account:sign_in_disowned", user.id, 2)
        service.reset_password(token=right, password="nine copper kettles", at=at)
        service.sign_in(email=user.email, password="nine copper kettles", at=at)
        assert living(user) == 1

    def test_serves_once_and_for_a_week(self, user, now, link):
        with pytest.raises(LinkIsDead):
            browsers.disown(token=link, at=now + HOUR + DISOWNING_LASTS)
        assert living(user) == 2
        browsers.disown(token=link, at=now + 2 * HOUR)
        with pytest.raises(LinkIsDead):
            browsers.disown(token=link, at=now + 2 * HOUR)

    def test_takes_a_second_factor_away_that_was_set_up_since(self, user, now, link):
        at = now + 2 * HOUR
        with_second_factor(user, at=at)
        browsers.disown(token=link, at=at + HOUR)

        assert db.session.scalars(select(SecondFactor)).all() == []
        words = [mail.context["what"] for mail in promised_mails(Mail.template == "account_changed")]
        assert words[-1] == "The second factor that was turned on after that sign-in was taken away."

    def test_takes_one_away_that_was_only_begun_and_tells_nobody(self, user, now, link):
        factors.begin(user_id=user.id, at=now + 2 * HOUR)
        browsers.disown(token=link, at=now + 3 * HOUR)

        assert db.session.scalars(select(SecondFactor)).all() == []
        assert promised_mails(Mail.template == "account_changed") == []

    def test_leaves_one_that_was_there_before(self, user, now):
        telephone = with_second_factor(user, at=now)
        for at in (now + HOUR, now + 2 * HOUR):
            half = come(user, at)
            service.finish_sign_in(token=half.token, code=code_of(telephone.secret, at), at=at, user_agent=AGENT)
        browsers.disown(token=told(user)[0]["token"], at=now + 3 * HOUR)

        assert factors.is_on(user.id)

    def test_gives_staff_no_password_by_mail(self, now):
        staff = make_staff(StaffRole.VERIFIER)
        come(staff, now)
        come(staff, now + HOUR)

        assert browsers.disown(token=told(staff)[0]["token"], at=now + 2 * HOUR) is None
        assert living(staff) == 0
        with pytest.raises(service.SignInFailed):
            come(staff, now + 2 * HOUR)
