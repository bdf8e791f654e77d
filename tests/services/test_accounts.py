"""Accounts: registering, confirming, signing in and out, passwords, sessions, staff. Refusals change nothing."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from marketplace import audit
from marketplace.accounts import queries, service, staffing
from marketplace.accounts.models import (
    MailedToken,
    ParkedForm,
    SessionEnd,
    TokenPurpose,
    User,
    UserSession,
)
from marketplace.accounts.passwords import Passwords
from marketplace.accounts.tokens import LinkIsDead
from marketplace.extensions import adapter_of, db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.terms import StaffRole
from marketplace.notifications.models import Mail
from tests.conftest import NOON
from tests.factories.accounts import PASSWORD, hash_of, make_session, make_staff, make_user
from tests.support import count_statements, promised_jobs, promised_mails, run_jobs

SECOND = timedelta(seconds=1)
NOBODY = UUID(int=0)
NEW_PASSWORD = "nine copper kettles"


def mails() -> list[tuple[str, str]]:
    return [(mail.to, mail.template) for mail in promised_mails()]


def mailed_token(template: str) -> str:
    """What the newest mail of that template carries."""
    return promised_mails(Mail.template == template)[-1].context["token"]


def events(user) -> list[str]:
    return [event.kind for event in audit.events_about("user", user.id)]


def ends(user) -> list[SessionEnd | None]:
    rows = select(UserSession).where(UserSession.user_id == user.id).order_by(UserSession.created_at)
    return [row.ended_because for row in db.session.scalars(rows)]


def sign_in(user, *, password=PASSWORD, at=NOON):
    return service.sign_in(email=user.email, password=password, at=at)


class TestRegister:
    def register(self, **changes):
        given = {"name": "  Dana   Reyes ", "email": " Dana@Clinic.Example ", "password": NEW_PASSWORD}
        service.register(**{**given, **changes}, at=NOON)

    def test_opens_an_account_and_mails_a_link(self):
        self.register()

        user = db.session.scalars(select(User)).one()
        assert (user.name, user.email) == ("Dana Reyes", "dana@clinic.example")
        assert (user.email_confirmed_at, user.staff_role, user.disabled_at) == (None, None, None)
        assert adapter_of(Passwords).fits(NEW_PASSWORD, user.password_hash)
        assert mails() == [("dana@clinic.example", "confirm_email")]
        assert [name for name, _ in promised_jobs()] == ["send_mail"]
        assert events(user) == ["account:registered"]

    def test_keeps_only_the_digest_of_what_it_mails(self):
        self.register()

        token = db.session.scalars(select(MailedToken)).one()
        assert token.digest == sha256(mailed_token("confirm_email").encode()).digest()

    def test_tells_the_owner_of_a_known_address_and_changes_nothing(self):
        known = make_user(email="dana@clinic.example")
        before = known.password_hash

        self.register()

        assert db.session.scalars(select(User)).all() == [known]
        assert (known.name, known.password_hash) == ("Alice Martin", before)
        assert mails() == [("dana@clinic.example", "address_taken")]
        assert db.session.scalars(select(MailedToken)).all() == []
        assert events(known) == ["account:registered_again"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"name": "   "}, "name"),
            ({"name": "Da\x07na"}, "name"),
            ({"name": "x" * 121}, "name"),
            ({"email": "dana"}, "email"),
            ({"email": "dana@clinic.example\r\nBcc: all@clinic.example"}, "email"),
            ({"password": "short"}, "password"),
            ({"password": "dana-reyes-clinic"}, "password"),
        ],
    )
    def test_refuses_what_will_not_do_and_keeps_nothing(self, change, field):
        with pytest.raises(Invalid) as refusal:
            self.register(**change)

        assert refusal.value.field == field
        assert db.session.scalars(select(User)).all() == []
        assert promised_jobs() == []

    def test_takes_a_name_of_just_the_greatest_length(self):
        self.register(name="x" * 120)

        assert db.session.scalars(select(User.name)).one() == "x" * 120


class TestConfirmEmail:
    def test_takes_the_link_as_proof_once(self):
        service.register(name="Dana", email="d@clinic.example", password=NEW_PASSWORD, at=NOON)
        token = mailed_token("confirm_email")

        user_id = service.confirm_email(token=token, at=NOON + SECOND)

        user = db.session.get(User, user_id)
        assert user.email_confirmed_at == NOON + SECOND
        assert events(user) == ["account:registered", "account:email_confirmed"]
        with pytest.raises(LinkIsDead):
            service.confirm_email(token=token, at=NOON + SECOND)

    def test_holds_the_person_before_their_link_as_signing_in_does(self):
        user = make_user(confirmed=False)
        service.request_email_confirmation(user_id=user.id, at=NOON)
        confirming = mailed_token("confirm_email")
        service.answer_reset_request(email=user.email, at=NOON)
        for act in (
            lambda: service.confirm_email(token=confirming, at=NOON),
            lambda: service.reset_password(token=mailed_token("reset_password"), password=NEW_PASSWORD, at=NOON),
        ):
            with count_statements() as statements:
                act()
            held = next(number for number, one in enumerate(statements) if "FROM users" in one and "FOR " in one)
            used = next(number for number, one in enumerate(statements) if one.startswith("UPDATE mailed_tokens"))
            assert held < used

    @pytest.mark.parametrize(("after", "lives"), [(timedelta(days=2) - SECOND, True), (timedelta(days=2), False)])
    def test_a_link_serves_for_two_days(self, after, lives):
        user = make_user(confirmed=False)
        service.request_email_confirmation(user_id=user.id, at=NOON)
        token = mailed_token("confirm_email")

        if lives:
            assert service.confirm_email(token=token, at=NOON + after) == user.id
        else:
            with pytest.raises(LinkIsDead):
                service.confirm_email(token=token, at=NOON + after)
            assert user.email_confirmed_at is None

    def test_a_newer_link_replaces_the_older(self):
        user = make_user(confirmed=False)
        service.request_email_confirmation(user_id=user.id, at=NOON)
        older = mailed_token("confirm_email")
        service.request_email_confirmation(user_id=user.id, at=NOON + SECOND)

        with pytest.raises(LinkIsDead):
            service.confirm_email(token=older, at=NOON + SECOND)
        assert service.confirm_email(token=mailed_token("confirm_email"), at=NOON + SECOND) == user.id

    def test_a_link_for_something_else_does_not_serve(self):
        user = make_user(confirmed=False)
        service.answer_reset_request(email=user.email, at=NOON)

        with pytest.raises(LinkIsDead):
            service.confirm_email(token=mailed_token("reset_password"), at=NOON)
        assert user.email_confirmed_at is None

    def test_looking_does_not_use_it_up(self):
        user = make_user(confirmed=False)
        service.request_email_confirmation(user_id=user.id, at=NOON)
        token = mailed_token("confirm_email")

        for _ in range(2):
            person = queries.person_of_link(token, purpose=TokenPurpose.CONFIRM_EMAIL, at=NOON)
            assert person.id == user.id
        service.confirm_email(token=token, at=NOON)
        with pytest.raises(LinkIsDead):
            queries.person_of_link(token, purpose=TokenPurpose.CONFIRM_EMAIL, at=NOON)

    def test_a_confirmed_address_needs_no_link(self):
        user = make_user()

        with pytest.raises(Conflict):
            service.request_email_confirmation(user_id=user.id, at=NOON)
        assert promised_jobs() == []


class TestSignIn:
    def test_opens_a_session_under_a_new_token(self):
        user = make_user()

        first, second = sign_in(user), sign_in(user)

        assert first.token != second.token
        assert (first.user_id, first.expires_at) == (user.id, NOON + timedelta(days=7))
        rows = db.session.scalars(select(UserSession)).all()
        assert {row.token_digest for row in rows} == {
            sha256(session.token.encode()).digest() for session in (first, second)
        }
        assert events(user) == ["account:signed_in", "account:signed_in"]

    def test_keeps_where_it_came_from_and_not_more_of_it_than_needed(self):
        user = make_user()

        service.sign_in(email=user.email, password=PASSWORD, at=NOON, user_agent="x" * 1000, address="203.0.113.7")

        row = db.session.scalars(select(UserSession)).one()
        assert (row.user_agent, row.address) == ("x" * 300, "203.0.113.7")

    def test_does_not_mind_how_the_address_is_written(self):
        user = make_user(email="dana@clinic.example")

        session = service.sign_in(email="  DANA@clinic.example", password=PASSWORD, at=NOON)

        assert session.user_id == user.id

    def test_staff_sessions_are_shorter(self):
        assert sign_in(make_staff()).expires_at == NOON + timedelta(hours=12)

    @pytest.mark.parametrize("password", ["", "wrong but long enough", PASSWORD.upper(), "x" * 100_000])
    def test_refuses_a_wrong_password_and_opens_nothing(self, password):
        user = make_user()

        with pytest.raises(service.SignInFailed) as refusal:
            sign_in(user, password=password)

        assert refusal.value.sentence == "This address and this password do not belong together."
        assert db.session.scalars(select(UserSession)).all() == []
        assert events(user) == []

    def test_says_the_same_of_an_unknown_address_and_hashes_for_it_too(self, monkeypatch):
        hashed = []
        real = PasswordHasher.verify
        monkeypatch.setattr(PasswordHasher, "verify", lambda *given: hashed.append(1) or real(*given))

        with pytest.raises(service.SignInFailed) as refusal:
            service.sign_in(email="nobody@example.test", password="", at=NOON)

        assert refusal.value.sentence == "This address and this password do not belong together."
        assert hashed == [1]

    def test_refuses_a_disabled_account_with_the_same_words(self):
        user = make_user(disabled_at=NOON)

        with pytest.raises(service.SignInFailed):
            sign_in(user)
        assert ends(user) == []

    def test_an_unconfirmed_person_may_sign_in(self):
        user = make_user(confirmed=False)

        identity = service.identity_of(token=sign_in(user).token, at=NOON)

        assert identity.email_confirmed is False

    def test_a_password_changed_while_it_was_checked_wins(self, monkeypatch):
        user = make_user()
        passwords = adapter_of(Passwords)

        def fits(password, kept):
            db.session.execute(update(User).values(password_hash=hash_of(NEW_PASSWORD)))
            return True

        monkeypatch.setattr(passwords, "fits", fits)

        with pytest.raises(service.SignInFailed):
            sign_in(user)
        assert ends(user) == []

    def test_makes_an_outdated_hash_anew(self):
        old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
        user = make_user()
        user.password_hash = old
        db.session.commit()

        sign_in(user)

        assert user.password_hash != old
        assert adapter_of(Passwords).fits(PASSWORD, user.password_hash)
        kept = user.password_hash
        sign_in(user)
        assert user.password_hash == kept

    def test_lets_reset_links_die(self):
        user = make_user()
        service.answer_reset_request(email=user.email, at=NOON)

        sign_in(user)

        with pytest.raises(LinkIsDead):
            service.reset_password(token=mailed_token("reset_password"), password=NEW_PASSWORD, at=NOON)


class TestPasswords:
    def test_costs_what_owasp_asks_for(self):
        assert "$argon2id$v=19$m=19456,t=2,p=1$" in Passwords().hash("seven ruby lanterns")

    def test_nothing_fits_nobody_nor_a_broken_hash(self):
        passwords = Passwords(memory_kib=8, passes=1)

        assert not passwords.fits("", None)
        assert not passwords.fits("anything", "not a hash")
        assert not passwords.fits("x" * 129, passwords.hash("x" * 129))


class TestIdentityOf:
    def test_says_who_is_asking_in_one_statement(self):
        user = make_staff(StaffRole.MODERATOR, name="Mo Derator")
        token, session = make_session(user, at=NOON)
        user_id, session_id, email = user.id, session.id, user.email

        with count_statements() as sent:
            identity = service.identity_of(token=token, at=NOON)

        assert (identity.id, identity.session_id, identity.name, identity.email) == (
            user_id,
            session_id,
            "Mo Derator",
            email,
        )
        assert (identity.staff_role, identity.email_confirmed) == (StaffRole.MODERATOR, True)
        assert [statement.split()[0] for statement in sent if "SAVEPOINT" not in statement] == ["SELECT"]

    def test_writes_that_it_was_seen_at_most_once_a_minute(self):
        token, session = make_session(make_user(), at=NOON)

        service.identity_of(token=token, at=NOON + timedelta(seconds=59))
        assert session.last_seen_at == NOON
        service.identity_of(token=token, at=NOON + timedelta(seconds=60))
        assert session.last_seen_at == NOON + timedelta(seconds=60)

    def test_knows_nobody_under_a_foreign_token(self):
        make_session(make_user(), at=NOON)

        assert service.identity_of(token="guessed", at=NOON) is None

    @pytest.mark.parametrize("make", [make_user, make_staff])
    def test_a_session_ends_by_resting(self, make):
        limit = timedelta(hours=12 if make is make_user else 2)
        token, _ = make_session(make(), at=NOON, expires_at=NOON + timedelta(days=7))

        assert service.identity_of(token=token, at=NOON + limit) is None
        assert service.identity_of(token=token, at=NOON + limit - SECOND) is not None

    def test_a_session_ends_at_its_end_however_busy(self):
        end = NOON + timedelta(days=7)
        token, _ = make_session(make_user(), at=NOON, expires_at=end, last_seen_at=end - SECOND)

        assert service.identity_of(token=token, at=end - SECOND) is not None
        assert service.identity_of(token=token, at=end) is None

    def test_a_disabled_account_has_no_living_session(self):
        token, _ = make_session(make_user(disabled_at=NOON), at=NOON)

        assert service.identity_of(token=token, at=NOON) is None

    def test_having_been_seen_does_not_revive_an_ended_session(self, monkeypatch):
        """The session is ended after it was looked up and before it is written that it was seen."""
        user = make_user()
        token, session = make_session(user, at=NOON)
        real = service.seen

        def seen(*, session_id, at):
            db.session.execute(update(UserSession).values(ended_at=at, ended_because=SessionEnd.ENDED_BY_STAFF))
            real(session_id=session_id, at=at)

        monkeypatch.setattr(service, "seen", seen)

        service.identity_of(token=token, at=NOON + timedelta(minutes=5))

        db.session.refresh(session)
        assert session.last_seen_at == NOON
        assert session.ended_because is SessionEnd.ENDED_BY_STAFF
        assert service.identity_of(token=token, at=NOON + timedelta(minutes=5)) is None


class TestSignOut:
    def test_ends_the_session_for_whoever_copied_the_cookie(self):
        user = make_user()
        token, _ = make_session(user, at=NOON)

        service.sign_out(token=token, at=NOON)

        assert service.identity_of(token=token, at=NOON) is None
        assert ends(user) == [SessionEnd.SIGNED_OUT]
        assert events(user) == ["account:signed_out"]

    def test_a_second_time_and_a_foreign_token_change_nothing(self):
        user = make_user()
        token, session = make_session(user, at=NOON)
        service.sign_out(token=token, at=NOON)

        service.sign_out(token=token, at=NOON + SECOND)
        service.sign_out(token="guessed", at=NOON)

        assert session.ended_at == NOON
        assert events(user) == ["account:signed_out"]


class TestEndSession:
    def test_ends_one_of_ones_own(self):
        user = make_user()
        _, one = make_session(user, at=NOON)
        other_token, _ = make_session(user, at=NOON)

        service.end_session(user_id=user.id, session_id=one.id, at=NOON)

        assert one.ended_because is SessionEnd.ENDED_BY_OWNER
        assert service.identity_of(token=other_token, at=NOON) is not None
        assert events(user) == ["account:sessions_ended"]

    def test_refuses_another_persons_and_leaves_it_alone(self):
        stranger = make_user()
        token, session = make_session(make_user(), at=NOON)

        with pytest.raises(NotFound):
            service.end_session(user_id=stranger.id, session_id=session.id, at=NOON)

        assert service.identity_of(token=token, at=NOON) is not None
        assert events(stranger) == []

    def test_refuses_one_that_has_ended(self):
        user = make_user()
        token, session = make_session(user, at=NOON)
        service.sign_out(token=token, at=NOON)

        with pytest.raises(NotFound):
            service.end_session(user_id=user.id, session_id=session.id, at=NOON + SECOND)
        assert session.ended_at == NOON

    def test_all_others_leave_this_one_and_other_peoples(self):
        user, somebody = make_user(), make_user()
        here, session = make_session(user, at=NOON)
        there, _ = make_session(user, at=NOON)
        theirs, _ = make_session(somebody, at=NOON)

        assert service.end_other_sessions(user_id=user.id, session_id=session.id, at=NOON) == 1
        assert service.end_other_sessions(user_id=user.id, session_id=session.id, at=NOON) == 0

        assert service.identity_of(token=there, at=NOON) is None
        assert service.identity_of(token=here, at=NOON) is not None
        assert service.identity_of(token=theirs, at=NOON) is not None
        assert events(user) == ["account:sessions_ended"]


class TestResetPassword:
    def test_the_asking_only_promises_to_look(self):
        make_user(email="dana@clinic.example")

        service.request_password_reset(email=" Dana@clinic.example")
        service.request_password_reset(email="nobody@clinic.example")

        assert promised_jobs() == [
            ("answer_reset_request", {"email": "dana@clinic.example"}),
            ("answer_reset_request", {"email": "nobody@clinic.example"}),
        ]
        assert mails() == []

    def test_the_job_mails_a_link_to_a_member(self):
        user = make_user()
        service.request_password_reset(email=user.email)

        run_jobs(only="answer_reset_request")

        assert mails() == [(user.email, "reset_password")]
        assert events(user) == ["account:reset_requested"]

    def test_nobody_and_a_disabled_account_get_nothing(self):
        gone = make_user(disabled_at=NOON)

        service.answer_reset_request(email="nobody@example.test", at=NOON)
        service.answer_reset_request(email=gone.email, at=NOON)

        assert mails() == []
        assert db.session.scalars(select(MailedToken)).all() == []

    def test_a_mailbox_alone_does_not_open_the_desks(self):
        staff = make_staff()

        service.answer_reset_request(email=staff.email, at=NOON)

        assert mails() == [(staff.email, "staff_reset")]
        assert db.session.scalars(select(MailedToken)).all() == []

    def test_sets_the_password_ends_every_session_and_tells(self):
        user = make_user(confirmed=False)
        make_session(user, at=NOON)
        service.answer_reset_request(email=user.email, at=NOON)

        service.reset_password(token=mailed_token("reset_password"), password=NEW_PASSWORD, at=NOON + SECOND)

        assert sign_in(user, password=NEW_PASSWORD, at=NOON + 2 * SECOND).user_id == user.id
        with pytest.raises(service.SignInFailed):
            sign_in(user)
        assert ends(user) == [SessionEnd.PASSWORD_CHANGED, None]
        assert user.email_confirmed_at == NOON + SECOND
        assert mails()[-2:] == [(user.email, "password_changed"), (user.email, "new_browser")]
        assert events(user)[:2] == ["account:reset_requested", "account:password_reset"]

    def test_a_link_serves_once(self):
        user = make_user()
        service.answer_reset_request(email=user.email, at=NOON)
        token = mailed_token("reset_password")
        service.reset_password(token=token, password=NEW_PASSWORD, at=NOON)

        with pytest.raises(LinkIsDead):
            service.reset_password(token=token, password="ten iron anchors up", at=NOON)
        assert sign_in(user, password=NEW_PASSWORD).user_id == user.id

    @pytest.mark.parametrize(("after", "lives"), [(timedelta(hours=1) - SECOND, True), (timedelta(hours=1), False)])
    def test_a_link_serves_for_an_hour(self, after, lives):
        user = make_user()
        before = user.password_hash
        service.answer_reset_request(email=user.email, at=NOON)
        token = mailed_token("reset_password")

        if lives:
            service.reset_password(token=token, password=NEW_PASSWORD, at=NOON + after)
            assert user.password_hash != before
        else:
            with pytest.raises(LinkIsDead):
                service.reset_password(token=token, password=NEW_PASSWORD, at=NOON + after)
            assert user.password_hash == before

    def test_a_password_that_will_not_do_leaves_the_link_alive(self):
        user = make_user()
        service.answer_reset_request(email=user.email, at=NOON)
        token = mailed_token("reset_password")

        with pytest.raises(Invalid) as refusal:
            service.reset_password(token=token, password="short", at=NOON)

        assert refusal.value.field == "password"
        service.reset_password(token=token, password=NEW_PASSWORD, at=NOON)

    def test_changing_the_password_lets_links_die(self):
        user = make_user()
        _, session = make_session(user, at=NOON)
        service.answer_reset_request(email=user.email, at=NOON)
        service.change_password(
            user_id=user.id, session_id=session.id, old_password=PASSWORD, new_password=NEW_PASSWORD, at=NOON
        )

        with pytest.raises(LinkIsDead):
            service.reset_password(token=mailed_token("reset_password"), password="ten iron anchors up", at=NOON)


class TestChangePassword:
    def change(self, user, session, **changes):
        given = {"old_password": PASSWORD, "new_password": NEW_PASSWORD, **changes}
        service.change_password(user_id=user.id, session_id=session.id, **given, at=NOON)

    def test_ends_the_other_sessions_and_tells(self):
        user = make_user()
        here, session = make_session(user, at=NOON)
        there, _ = make_session(user, at=NOON)

        self.change(user, session)

        assert service.identity_of(token=here, at=NOON) is not None
        assert service.identity_of(token=there, at=NOON) is None
        assert mails() == [(user.email, "password_changed")]
        assert events(user) == ["account:password_changed"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [({"old_password": "wrong"}, "old_password"), ({"new_password": "short"}, "new_password")],
    )
    def test_refuses_and_changes_nothing(self, change, field):
        user = make_user()
        before = user.password_hash
        _, session = make_session(user, at=NOON)
        there, _ = make_session(user, at=NOON)

        with pytest.raises(Invalid) as refusal:
            self.change(user, session, **change)

        assert refusal.value.field == field
        assert user.password_hash == before
        assert service.identity_of(token=there, at=NOON) is not None
        assert mails() == []

    def test_a_change_in_the_meantime_wins(self, monkeypatch):
        user = make_user()
        _, session = make_session(user, at=NOON)
        real = service.new_hash

        def meanwhile(password, **given):
            db.session.execute(update(User).values(password_hash="another"))
            return real(password, **given)

        monkeypatch.setattr(service, "new_hash", meanwhile)

        with pytest.raises(Conflict):
            self.change(user, session)
        assert mails() == []


class TestStaffActs:
    def test_ends_all_sessions_of_a_person(self):
        admin, user = make_staff(StaffRole.ADMIN), make_user()
        make_session(user, at=NOON)
        make_session(user, at=NOON)

        assert staffing.end_sessions_of(user_id=user.id, actor_id=admin.id, at=NOON) == 2

        assert ends(user) == [SessionEnd.ENDED_BY_STAFF] * 2
        [event] = audit.events_about("user", user.id)
        assert (event.kind, event.actor_id) == ("account:sessions_ended", admin.id)

    def test_disables_an_account_and_all_that_opens_it(self):
        admin, user = make_staff(StaffRole.ADMIN), make_user()
        token, _ = make_session(user, at=NOON)
        service.answer_reset_request(email=user.email, at=NOON)

        staffing.disable(user_id=user.id, actor_id=admin.id, reason=" Stolen identity. ", at=NOON)

        assert user.disabled_at == NOON
        assert service.identity_of(token=token, at=NOON) is None
        assert ends(user) == [SessionEnd.ACCOUNT_DISABLED]
        with pytest.raises(LinkIsDead):
            service.reset_password(token=mailed_token("reset_password"), password=NEW_PASSWORD, at=NOON)
        with pytest.raises(service.SignInFailed):
            sign_in(user)
        event = audit.events_about("user", user.id)[-1]
        assert (event.kind, event.actor_id, event.data) == (
            "account:disabled",
            admin.id,
            {"reason": "Stolen identity."},
        )

    def test_does_not_disable_oneself(self):
        admin = make_staff(StaffRole.ADMIN)

        with pytest.raises(staffing.NotYourself):
            staffing.disable(user_id=admin.id, actor_id=admin.id, reason="Tired.", at=NOON)
        assert admin.disabled_at is None

    def test_disables_once_and_with_a_reason(self):
        admin, user = make_staff(StaffRole.ADMIN), make_user()

        with pytest.raises(Invalid):
            staffing.disable(user_id=user.id, actor_id=admin.id, reason="  ", at=NOON)
        assert user.disabled_at is None
        staffing.disable(user_id=user.id, actor_id=admin.id, reason="Fraud.", at=NOON)
        with pytest.raises(Conflict):
            staffing.disable(user_id=user.id, actor_id=admin.id, reason="Fraud.", at=NOON + SECOND)
        assert user.disabled_at == NOON

    def test_enables_again_but_revives_no_session(self):
        admin, user = make_staff(StaffRole.ADMIN), make_user()
        token, _ = make_session(user, at=NOON)
        staffing.disable(user_id=user.id, actor_id=admin.id, reason="Fraud?", at=NOON)

        staffing.enable(user_id=user.id, actor_id=admin.id, reason="No fraud.", at=NOON)

        assert user.disabled_at is None
        assert service.identity_of(token=token, at=NOON) is None
        assert sign_in(user).user_id == user.id

    def test_enables_only_what_is_disabled_and_with_a_reason(self):
        admin, user, closed = make_staff(StaffRole.ADMIN), make_user(), make_user(disabled_at=NOON)

        with pytest.raises(Conflict):
            staffing.enable(user_id=user.id, actor_id=admin.id, reason="Why not.", at=NOON)
        with pytest.raises(Invalid):
            staffing.enable(user_id=closed.id, actor_id=admin.id, reason=" ", at=NOON)
        assert closed.disabled_at == NOON

    def test_knows_when_there_is_no_such_person(self):
        admin = make_staff(StaffRole.ADMIN)

        with pytest.raises(NotFound):
            staffing.end_sessions_of(user_id=NOBODY, actor_id=admin.id, at=NOON)
        with pytest.raises(NotFound):
            queries.person(NOBODY)


class TestCommands:
    def test_appoints_and_ends_sessions(self):
        user = make_user(confirmed=False)
        token, _ = make_session(user, at=NOON)

        person = staffing.appoint(email=user.email.upper(), role=StaffRole.FINANCE, at=NOON)

        assert (person.id, person.staff_role, person.email_confirmed_at) == (user.id, StaffRole.FINANCE, NOON)
        assert service.identity_of(token=token, at=NOON) is None
        assert ends(user) == [SessionEnd.ROLE_CHANGED]
        [event] = audit.events_about("user", user.id)
        assert (event.kind, event.actor_id, event.data) == ("staff:appointed", None, {"role": "finance"})

    def test_dismisses(self):
        staff = make_staff()

        staffing.appoint(email=staff.email, role=None, at=NOON)

        assert staff.staff_role is None
        assert events(staff) == ["staff:dismissed"]

    def test_appoints_nobody_unknown(self):
        with pytest.raises(NotFound):
            staffing.appoint(email="nobody@example.test", role=StaffRole.ADMIN, at=NOON)

    def test_hires_with_a_confirmed_address(self):
        person = staffing.hire(
            name="Vera", email="Vera@House.example", password=NEW_PASSWORD, role=StaffRole.VERIFIER, at=NOON
        )

        assert (person.email, person.staff_role, person.email_confirmed_at) == (
            "vera@house.example",
            StaffRole.VERIFIER,
            NOON,
        )
        assert mails() == []
        assert queries.staff() == [person]

    def test_hires_nobody_at_a_known_address(self):
        user = make_user()

        with pytest.raises(Conflict):
            staffing.hire(name="Vera", email=user.email, password=NEW_PASSWORD, role=StaffRole.VERIFIER, at=NOON)
        assert user.staff_role is None

    def test_sets_a_password_and_ends_sessions(self):
        staff = make_staff()
        make_session(staff, at=NOON)

        staffing.set_password(email=staff.email, password=NEW_PASSWORD, at=NOON)

        assert sign_in(staff, password=NEW_PASSWORD).user_id == staff.id
        assert ends(staff)[0] is SessionEnd.PASSWORD_CHANGED
        assert mails() == [(staff.email, "password_changed"), (staff.email, "new_browser")]
        with pytest.raises(NotFound):
            staffing.set_password(email="nobody@example.test", password=NEW_PASSWORD, at=NOON)


class TestQueries:
    def test_people_by_id_leave_out_who_does_not_exist(self):
        one, two = make_user(name="One"), make_user(name="Two")

        assert {person.name for person in queries.people([one.id, two.id, NOBODY]).values()} == {"One", "Two"}

    def test_person_at_an_address(self):
        user = make_user(email="dana@clinic.example")

        assert queries.person_at("DANA@clinic.example").id == user.id
        with pytest.raises(NotFound):
            queries.person_at("nobody@clinic.example")

    def test_finds_people_by_every_word_in_name_or_address(self):
        make_user(name="Dana Reyes", email="d1@lonestar.example", created_at=NOON)
        make_user(name="Dana Smith", email="d2@bluebonnet.example", created_at=NOON + SECOND)

        def names(text):
            return [person.name for person in queries.found_people(text=text).people]

        assert names("dana") == ["Dana Smith", "Dana Reyes"]
        assert names("dana lonestar") == ["Dana Reyes"]
        assert names("%") == names("_") == names("\\") == []

    def test_shows_one_page_of_people_and_knows_how_many_there_are(self, monkeypatch):
        monkeypatch.setattr(queries, "PEOPLE_PER_PAGE", 2)
        for number in range(3):
            make_user(name=f"P{number}", created_at=NOON + number * SECOND)

        first, second = queries.found_people(page=1), queries.found_people(page=2)

        assert [person.name for person in (*first.people, *second.people)] == ["P2", "P1", "P0"]
        assert (first.total, first.pages) == (3, 2)
        assert queries.found_people(text="nobody at all").pages == 1

    def test_living_sessions_leave_out_the_ended_the_rested_and_the_expired(self):
        user = make_user()
        _, fresh = make_session(user, at=NOON)
        _, older = make_session(user, at=NOON, last_seen_at=NOON - SECOND)
        make_session(user, at=NOON, last_seen_at=NOON - timedelta(hours=12))
        make_session(user, at=NOON - timedelta(days=8), expires_at=NOON)
        make_session(user, at=NOON, ended_at=NOON, ended_because=SessionEnd.SIGNED_OUT)

        assert [session.id for session in queries.sessions_of(user.id, at=NOON)] == [fresh.id, older.id]

    def test_knows_whose_session_it_was(self):
        user = make_user()
        token, _ = make_session(user, at=NOON)
        service.sign_out(token=token, at=NOON)

        assert queries.user_behind(token) == user.id
        assert queries.user_behind("guessed") is None


class TestParkedForms:
    FIELDS = [("name", "Lone Star"), ("uses", "hair"), ("uses", "skin")]  # noqa: RUF012  Nobody changes it.

    def test_are_found_again_under_their_ticket(self):
        ticket = service.park_form(path="/clinics/new", fields=self.FIELDS, user_id=None, at=NOON)

        parked = queries.parked_form(ticket, user_id=None, at=NOON)

        assert (parked.path, parked.fields) == ("/clinics/new", self.FIELDS)
        assert db.session.scalars(select(ParkedForm)).one().ticket_digest == sha256(ticket.encode()).digest()
        assert queries.parked_form("guessed", user_id=None, at=NOON) is None

    def test_are_shown_to_nobody_but_their_author(self):
        author, other = make_user(), make_user()
        ticket = service.park_form(path="/x", fields=self.FIELDS, user_id=author.id, at=NOON)

        assert queries.parked_form(ticket, user_id=other.id, at=NOON) is None
        assert queries.parked_form(ticket, user_id=None, at=NOON) is None
        assert queries.parked_form(ticket, user_id=author.id, at=NOON) is not None

    def test_are_kept_for_half_a_day(self):
        ticket = service.park_form(path="/x", fields=self.FIELDS, user_id=None, at=NOON)
        end = NOON + timedelta(hours=12)

        assert queries.parked_form(ticket, user_id=None, at=end - SECOND) is not None
        assert queries.parked_form(ticket, user_id=None, at=end) is None


class TestSweep:
    def test_removes_what_is_of_no_use_and_nothing_else(self):
        user = make_user(confirmed=False)
        late = NOON + timedelta(days=97)
        make_session(user, at=NOON, expires_at=late - timedelta(days=90))
        make_session(user, at=NOON, expires_at=late - timedelta(days=90) + SECOND)
        service.park_form(path="/x", fields=[], user_id=None, at=late - timedelta(hours=12))
        service.park_form(path="/y", fields=[], user_id=None, at=late - timedelta(hours=12) + SECOND)
        service.request_email_confirmation(user_id=user.id, at=late - timedelta(days=92))
        service.request_email_confirmation(user_id=user.id, at=late - timedelta(days=92) + SECOND)

        service.sweep(at=late)

        assert len(db.session.scalars(select(UserSession)).all()) == 1
        assert db.session.scalars(select(ParkedForm.path)).all() == ["/y"]
        assert len(db.session.scalars(select(MailedToken)).all()) == 1
