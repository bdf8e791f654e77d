"""Changing one's own address: proved from the new mailbox, told to the old one, which can undo it for a week."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace import audit
from marketplace.accounts import addresses, browsers, queries, service, staffing
from marketplace.accounts.access import StaffRole
from marketplace.accounts.models import EmailChange, EmailChangeEnd, SessionEnd, User, UserSession
from marketplace.accounts.policy import EMAIL_CHANGE_LASTS, OLD_ADDRESS_KEPT_FOR
from marketplace.accounts.tokens import LinkIsDead
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid
from marketplace.notifications.models import Mail
from marketplace.orders.models import OrderHold
from marketplace.ripple import Cause
from tests.factories.accounts import PASSWORD, make_session, make_staff, make_user
from tests.factories.orders import make_order, make_scene
from tests.support import assert_refused_by, promised_mails

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
NEW, OTHER = "new@place.example", "thief@elsewhere.example"


@pytest.fixture
def user():
    return make_user(email="old@place.example")


def ask(user, at, email=NEW) -> str | None:
    """Ask for the change; return the token that the new mailbox got, if it got one."""
    addresses.ask(user_id=user.id, email=email, at=at)
    links = promised_mails(Mail.template == "email_change_link", Mail.to == email.strip().lower())
    return links[-1].context["token"] if links else None


def move(user, at, email=NEW) -> None:
    session = make_session(user, at=at)[1]
    addresses.move(token=ask(user, at, email), user_id=user.id, session_id=session.id, at=at)


def objection(to: str, template="email_changed") -> str:
    return promised_mails(Mail.template == template, Mail.to == to)[-1].context["token"]


def mails() -> list[tuple[str, str]]:
    return [(mail.template, mail.to) for mail in promised_mails()]


def address_of(user) -> str:
    return db.session.scalars(select(User.email).where(User.id == user.id)).one()


def ends() -> list[EmailChangeEnd | None]:
    return list(db.session.scalars(select(EmailChange.ended_because).order_by(EmailChange.asked_at, EmailChange.id)))


class TestAsk:
    def test_sends_a_link_to_the_new_address_and_tells_the_old_one_at_once(self, user, now):
        ask(user, now, " New@Place.example ")

        assert mails() == [("email_change_link", NEW), ("email_change_asked", "old@place.example")]
        assert address_of(user) == "old@place.example"
        assert queries.address_to_come(user.id, at=now) == NEW
        assert queries.address_to_come(user.id, at=now + EMAIL_CHANGE_LASTS) is None
        [event] = audit.events_about("user", user.id)
        assert (event.kind, event.actor_id) == ("account:email_change_asked", user.id)
        assert NEW not in str(event.data)

    def test_of_a_taken_address_only_its_own_mailbox_learns(self, user, now):
        make_user(email=NEW)

        assert ask(user, now) is None
        assert mails() == [("address_in_use", NEW), ("email_change_asked", "old@place.example")]
        assert queries.address_to_come(user.id, at=now) == NEW

    @pytest.mark.parametrize("email", ["old@place.example", "OLD@place.example ", "nonsense"])
    def test_refuses_the_present_address_and_what_is_none(self, user, now, email):
        with pytest.raises(Invalid) as refusal:
            addresses.ask(user_id=user.id, email=email, at=now)

        assert refusal.value.field == "email"
        assert mails() == []
        assert ends() == []

    def test_replaces_what_was_asked_for_before(self, user, now):
        first = ask(user, now)
        ask(user, now + HOUR, OTHER)

        assert ends() == [EmailChangeEnd.REPLACED, None]
        with pytest.raises(LinkIsDead):
            addresses.awaited(first, user_id=user.id, at=now + HOUR)

    def test_tells_no_old_address_that_nobody_proved(self, now):
        user = make_user(email="typo@place.example", confirmed=False)
        move(user, now)

        assert mails() == [("email_change_link", NEW)]
        row = db.session.get_one(User, user.id)
        assert (row.email, row.email_confirmed_at) == (NEW, now)


class TestWithdraw:
    def test_lets_the_link_die(self, user, now):
        link = ask(user, now)
        addresses.withdraw(user_id=user.id, at=now)

        assert ends() == [EmailChangeEnd.WITHDRAWN]
        assert queries.address_to_come(user.id, at=now) is None
        with pytest.raises(LinkIsDead):
            addresses.move(token=link, user_id=user.id, session_id=user.id, at=now)
        assert address_of(user) == "old@place.example"
        assert audit.events_about("user", user.id)[-1].kind == "account:email_change_withdrawn"

    def test_refuses_where_nothing_waits(self, user, now):
        with pytest.raises(Conflict):
            addresses.withdraw(user_id=user.id, at=now)
        assert audit.events_about("user", user.id) == []


class TestMove:
    def test_changes_the_address_and_signs_everybody_else_out(self, user, now):
        here, other = (make_session(user, at=now)[1] for _ in range(2))
        addresses.move(token=ask(user, now), user_id=user.id, session_id=here.id, at=now + HOUR)

        row = db.session.get_one(User, user.id)
        assert (row.email, row.email_confirmed_at) == (NEW, now + HOUR)
        rows = db.session.execute(select(UserSession.id, UserSession.ended_because))
        ended = {row.id: row.ended_because for row in rows}
        assert ended == {here.id: None, other.id: SessionEnd.EMAIL_CHANGED}
        assert mails()[2:] == [("email_changed", "old@place.example")]
        event = audit.events_about("user", user.id)[-1]
        assert (event.kind, event.data["sessions"]) == ("account:email_changed", [str(other.id)])
        assert queries.address_to_come(user.id, at=now + HOUR) is None

    def test_only_the_new_address_opens_the_account(self, user, now):
        move(user, now)

        with pytest.raises(service.SignInFailed):
            service.sign_in(email="old@place.example", password=PASSWORD, at=now)
        assert service.sign_in(email=NEW, password=PASSWORD, at=now).user_id == user.id

    def test_a_link_for_a_new_password_in_the_old_mailbox_dies(self, user, now):
        service.answer_reset_request(email=user.email, at=now)
        reset = promised_mails(Mail.template == "reset_password")[0].context["token"]
        move(user, now)

        with pytest.raises(LinkIsDead):
            service.reset_password(token=reset, password="nine copper kettles", at=now)

    def test_a_link_serves_once_and_for_two_days(self, user, now):
        session = make_session(user, at=now)[1].id
        link = ask(user, now)
        with pytest.raises(LinkIsDead):
            addresses.move(token=link, user_id=user.id, session_id=session, at=now + EMAIL_CHANGE_LASTS)
        assert address_of(user) == "old@place.example"

        addresses.move(token=link, user_id=user.id, session_id=session, at=now + EMAIL_CHANGE_LASTS - SECOND)
        with pytest.raises(LinkIsDead):
            addresses.move(token=link, user_id=user.id, session_id=session, at=now + EMAIL_CHANGE_LASTS - SECOND)

    def test_who_reads_the_new_mailbox_has_nothing_without_the_account(self, user, now):
        link, stranger = ask(user, now), make_user()

        with pytest.raises(addresses.NotTheirLink):
            addresses.move(token=link, user_id=stranger.id, session_id=stranger.id, at=now)
        assert address_of(user) == "old@place.example"

    def test_an_address_that_was_taken_meanwhile_is_not_given_twice(self, user, now):
        link = ask(user, now)
        make_user(email=NEW)

        with pytest.raises(addresses.AddressTaken):
            addresses.move(token=link, user_id=user.id, session_id=user.id, at=now)
        assert address_of(user) == "old@place.example"
        assert ends() == [None]

    def test_what_rests_on_the_person_and_has_not_left_waits_a_day(self, now):
        scene = make_scene(now)
        order = make_order("funds_held", scene, at=now)
        move(scene.buyer, now)

        [hold] = db.session.scalars(select(OrderHold)).all()
        change = db.session.scalars(select(EmailChange.id)).one()
        assert (hold.order_id, hold.cause, hold.reference) == (order.id, Cause.EMAIL_CHANGED, change)
        assert (hold.placed_at, hold.until) == (now, now + DAY)
        assert hold.words == f"{scene.buyer.name} changed the e-mail address of their account."

    def test_back_again_is_a_change_like_another(self, user, now):
        old = user.email
        move(user, now)
        move(user, now + HOUR, old)

        assert address_of(user) == old
        assert mails()[-1] == ("email_changed", NEW)

    def test_the_old_address_is_kept_for_a_week(self, user, now):
        old = user.email
        move(user, now)
        almost = now + OLD_ADDRESS_KEPT_FOR - SECOND
        service.register(name="Squatter", email=old, password="nine copper kettles", at=almost)
        assert mails()[-1] == ("address_in_use", old)
        assert db.session.scalars(select(User.id).where(User.email == old)).all() == []
        assert audit.events_about("user", user.id)[-1].kind == "account:registered_again"

        other = make_user()
        assert ask(other, almost, old) is None
        service.register(name="Next", email=old, password="nine copper kettles", at=almost + SECOND)
        assert mails()[-1] == ("confirm_email", old)


class TestObject:
    def test_to_what_was_made_gives_the_account_back_and_shuts_it(self, user, now):
        old = user.email
        move(user, now)
        at = now + HOUR
        right = addresses.object_to(token=objection(old), at=at)

        assert address_of(user) == old
        assert set(db.session.scalars(select(UserSession.ended_because))) == {SessionEnd.DISOWNED}
        with pytest.raises(service.SignInFailed):
            service.sign_in(email=old, password=PASSWORD, at=at)
        service.reset_password(token=right, password="nine copper kettles", at=at)
        assert service.sign_in(email=old, password="nine copper kettles", at=at).user_id == user.id
        assert "account:email_change_objected" in [event.kind for event in audit.events_about("user", user.id)]

    def test_to_what_was_only_asked_for_shuts_it_too(self, user, now):
        link = ask(user, now)
        assert addresses.contested(objection(user.email, "email_change_asked"), at=now) == addresses.Contested(
            user.email, NEW, made=False
        )
        addresses.object_to(token=objection(user.email, "email_change_asked"), at=now)

        assert ends() == [EmailChangeEnd.OBJECTED]
        with pytest.raises(service.SignInFailed):
            service.sign_in(email=user.email, password=PASSWORD, at=now)
        with pytest.raises(LinkIsDead):
            addresses.awaited(link, user_id=user.id, at=now)

    @pytest.mark.parametrize("template", ["email_change_asked", "email_changed"])
    def test_serves_once_and_for_a_week_from_either_mail(self, user, now, template):
        old = user.email
        move(user, now)
        token = objection(old, template)
        with pytest.raises(LinkIsDead):
            addresses.object_to(token=token, at=now + OLD_ADDRESS_KEPT_FOR)
        assert address_of(user) == NEW

        addresses.object_to(token=token, at=now + OLD_ADDRESS_KEPT_FOR - SECOND)
        for dead in ("email_change_asked", "email_changed"):
            with pytest.raises(LinkIsDead):
                addresses.object_to(token=objection(old, dead), at=now + OLD_ADDRESS_KEPT_FOR - SECOND)

    def test_undoes_all_that_was_changed_since_and_its_mails_undo_nothing(self, user, now):
        old = user.email
        move(user, now)
        ask(user, now + HOUR, "decoy@elsewhere.example")
        addresses.withdraw(user_id=user.id, at=now + HOUR)
        move(user, now + 2 * HOUR, OTHER)
        ask(user, now + 3 * HOUR, "third@elsewhere.example")
        at = now + 4 * HOUR
        addresses.object_to(token=objection(old), at=at)

        assert address_of(user) == old
        assert ends() == [EmailChangeEnd.OBJECTED] * 4
        for mail in promised_mails(Mail.template.in_(["email_changed", "email_change_asked"]), Mail.to != old):
            with pytest.raises(LinkIsDead):
                addresses.object_to(token=mail.context["token"], at=at)

    def test_leaves_what_was_changed_before(self, user, now):
        move(user, now)
        move(user, now + DAY, OTHER)
        addresses.object_to(token=objection(NEW), at=now + DAY + HOUR)

        assert address_of(user) == NEW
        assert ends() == [None, EmailChangeEnd.OBJECTED]

    def test_gives_staff_no_password_by_mail(self, now):
        staff = make_staff(StaffRole.VERIFIER)
        old = staff.email
        move(staff, now)

        assert addresses.object_to(token=objection(old), at=now) is None
        assert address_of(staff) == old

    def test_does_not_open_an_account_that_the_house_closed(self, user, now):
        old = user.email
        move(user, now)
        staffing.disable(user_id=user.id, actor_id=make_staff(StaffRole.ADMIN).id, reason="Fraud.", at=now)

        with pytest.raises(LinkIsDead):
            addresses.object_to(token=objection(old), at=now)
        assert address_of(user) == NEW

    def test_who_disowns_a_sign_in_has_back_the_address_it_changed(self, user, now):
        old = user.email
        service.sign_in(email=old, password=PASSWORD, at=now)
        service.sign_in(email=old, password=PASSWORD, at=now + HOUR)
        disowning = promised_mails(Mail.template == "new_browser")[0].context["token"]
        move(user, now + 2 * HOUR)
        browsers.disown(token=disowning, at=now + 3 * HOUR)

        assert address_of(user) == old
        assert ends() == [EmailChangeEnd.OBJECTED]


class TestFormerAddresses:
    def test_are_known_as_the_persons_own(self, user, now):
        old = user.email
        move(user, now)
        ask(user, now + HOUR, OTHER)

        assert queries.addresses_of([user.id]) == {old, NEW}
        assert queries.addresses_of([]) == set()

    def test_stay_when_what_never_came_to_be_is_swept(self, user, now):
        move(user, now)
        ask(user, now + HOUR, OTHER)
        service.sweep(at=now + timedelta(days=200))

        assert db.session.scalars(select(EmailChange.new_email)).all() == [NEW]


class TestDatabase:
    @pytest.fixture
    def row(self, user, now):
        def make(**values):
            fields = {
                "user_id": user.id, "old_email": user.email, "new_email": NEW, "link_digest": b"1" * 32,
                "asked_at": now, "expires_at": now + DAY,
            }  # fmt: skip
            db.session.add(EmailChange(**{**fields, **values}))
            db.session.flush()

        return make

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("email_changes_addresses_differ", {"new_email": "old@place.example"}),
            ("email_changes_new_email_is_normal", {"new_email": "New@place.example"}),
            ("email_changes_tokens_are_digested", {"asked_objection": b"plain"}),
            ("email_changes_moved_while_the_link_served", {"moved_at": "late"}),
            ("email_changes_end_has_a_reason", {"ended_because": "withdrawn"}),
            ("email_changes_made_is_only_undone", {"moved_at": "now", "ended_because": "withdrawn", "ended_at": "now"}),
        ],
    )
    def test_refuses_what_cannot_be(self, row, now, name, values):
        moments = {"now": now, "late": now + DAY}
        values = {key: moments.get(value, value) if key.endswith("_at") else value for key, value in values.items()}
        with assert_refused_by(name):
            row(**values)

    def test_lets_one_change_wait_at_a_time(self, row):
        row()
        with assert_refused_by("one_change_at_a_time"):
            row(link_digest=b"2" * 32)

    def test_has_each_link_once(self, row, now):
        row(ended_at=now, ended_because="withdrawn")
        with assert_refused_by("uq_email_changes_link_digest"):
            row()
