"""One-time codes and recovery codes: each serves once, and without the password neither changes anything."""

from datetime import timedelta
from uuid import uuid4

import pyotp
import pytest
from sqlalchemy import func, select, text, update

from marketplace import audit
from marketplace.accounts import confirming, factors, service, staffing
from marketplace.accounts.models import RecoveryCode, SecondFactor, User, UserSession
from marketplace.accounts.sealing import Seal, SealBroken
from marketplace.accounts.tokens import LinkIsDead
from marketplace.extensions import adapter_of, db
from marketplace.kernel.errors import Conflict, Invalid
from marketplace.notifications.models import Mail
from tests.conftest import NOON
from tests.factories.accounts import PASSWORD, make_session, make_user
from tests.factories.factors import code_of, with_second_factor
from tests.support import assert_refused_by, promised_mails

STEP = timedelta(seconds=30)
LATER = NOON + 10 * STEP


def kinds(user) -> list[str]:
    return [event.kind for event in audit.events_about("user", user.id)]


def half_way(user, *, at=LATER) -> str:
    return service.sign_in(email=user.email, password=PASSWORD, at=at).token


def finish(token, code, *, at=LATER):
    return service.finish_sign_in(token=token, code=code, at=at)


def sessions() -> int:
    return db.session.scalar(select(func.count()).select_from(UserSession))


@pytest.fixture
def user():
    return make_user()


class TestSetUp:
    def test_counts_from_the_first_code_on(self, user):
        setup = factors.begin(user_id=user.id, at=NOON)
        assert not factors.is_on(user.id)
        assert factors.under_way(user.id) == setup
        assert setup.address == pyotp.TOTP(setup.secret).provisioning_uri(name=user.email, issuer_name="Second Light")

        codes = factors.turn_on(user_id=user.id, code=pyotp.TOTP(setup.secret).at(NOON), at=NOON)

        assert factors.is_on(user.id)
        assert len(set(codes)) == factors.recovery_codes_left(user.id) == 10
        assert kinds(user) == ["account:second_factor_on"]
        assert [mail.context["what"] for mail in promised_mails()] == [
            "A second factor was turned on for your account."
        ]

    def test_a_wrong_first_code_turns_nothing_on(self, user):
        factors.begin(user_id=user.id, at=NOON)

        with pytest.raises(factors.WrongCode):
            factors.turn_on(user_id=user.id, code="12345", at=NOON)

        assert (factors.is_on(user.id), factors.recovery_codes_left(user.id), kinds(user)) == (False, 0, [])

    def test_begun_again_only_the_newer_secret_serves(self, user):
        old = factors.begin(user_id=user.id, at=NOON)
        new = factors.begin(user_id=user.id, at=NOON)

        with pytest.raises(factors.WrongCode):
            factors.turn_on(user_id=user.id, code=pyotp.TOTP(old.secret).at(NOON), at=NOON)
        assert factors.turn_on(user_id=user.id, code=pyotp.TOTP(new.secret).at(NOON), at=NOON)

    def test_one_that_is_on_is_not_replaced(self, user):
        secret = with_second_factor(user, at=NOON).secret

        with pytest.raises(Conflict):
            factors.begin(user_id=user.id, at=LATER)
        with pytest.raises(Conflict):
            factors.turn_on(user_id=user.id, code=code_of(secret, LATER), at=LATER)

        assert finish(half_way(user), code_of(secret, LATER)).user_id == user.id

    def test_neither_secret_nor_codes_stand_in_the_database(self, user):
        mine = with_second_factor(user, at=NOON)

        kept = db.session.scalars(select(SecondFactor)).one()

        assert mine.secret.encode() not in kept.sealed
        digests = db.session.scalars(select(RecoveryCode.digest)).all()
        assert {len(digest) for digest in digests} == {32}
        assert adapter_of(Seal).open(kept.sealed, whose=user.id) == mine.secret


class TestSeal:
    def test_another_persons_row_and_another_key_open_nothing(self):
        seal, whose = Seal(["new", "old"]), uuid4()
        sealed = seal.close("secret", whose=whose)

        assert seal.open(sealed, whose=whose) == "secret"
        assert Seal(["newer", "new"]).open(sealed, whose=whose) == "secret"
        for broken, person in ((Seal(["old"]), whose), (seal, uuid4())):
            with pytest.raises(SealBroken):
                broken.open(sealed, whose=person)


class TestSignIn:
    def test_the_password_alone_opens_no_session(self, user):
        with_second_factor(user, at=NOON)

        half_way(user)

        assert sessions() == 0
        assert "account:signed_in" not in kinds(user)

    @pytest.mark.parametrize("steps", [-1, 0, 1])
    def test_a_code_of_this_step_or_one_beside_it_opens_it(self, user, steps):
        secret = with_second_factor(user, at=NOON).secret

        assert finish(half_way(user), code_of(secret, LATER + steps * STEP)).user_id == user.id

    @pytest.mark.parametrize("steps", [-2, 2])
    def test_one_further_away_does_not(self, user, steps):
        secret = with_second_factor(user, at=NOON).secret

        with pytest.raises(factors.WrongCode):
            finish(half_way(user), code_of(secret, LATER + steps * STEP))

        assert sessions() == 0

    def test_a_code_that_was_seen_over_the_shoulder_is_worth_nothing(self, user):
        secret = with_second_factor(user, at=NOON).secret
        code = code_of(secret, LATER)
        finish(half_way(user), code)

        with pytest.raises(factors.WrongCode):
            finish(half_way(user), code)
        with pytest.raises(factors.WrongCode):
            finish(half_way(user), code_of(secret, LATER - STEP))

        assert sessions() == 1

    def test_a_wrong_code_may_be_put_right_with_the_same_password(self, user):
        secret = with_second_factor(user, at=NOON).secret
        token = half_way(user)
        for wrong in ("000 00", "no code", "é", ""):
            with pytest.raises(factors.WrongCode):
                finish(token, wrong)

        code = code_of(secret, LATER)
        assert finish(token, f" {code[:3]} {code[3:]} ").user_id == user.id
        with pytest.raises(LinkIsDead):
            finish(token, code_of(secret, LATER + STEP), at=LATER + STEP)

    def test_the_second_step_does_not_wait_for_ever(self, user):
        secret = with_second_factor(user, at=NOON).secret
        token, late = half_way(user), LATER + timedelta(minutes=10)

        with pytest.raises(LinkIsDead):
            finish(token, code_of(secret, late), at=late)

        assert sessions() == 0

    def test_a_new_password_ends_it(self, user):
        secret = with_second_factor(user, at=NOON).secret
        token = half_way(user)
        staffing.set_password(email=user.email, password="four words nobody says", at=LATER)

        with pytest.raises(LinkIsDead):
            finish(token, code_of(secret, LATER))

    def test_an_account_closed_meanwhile_stays_closed(self, user):
        secret = with_second_factor(user, at=NOON).secret
        token = half_way(user)
        db.session.execute(update(User).values(disabled_at=LATER))

        with pytest.raises(service.SignInFailed):
            finish(token, code_of(secret, LATER))

        assert sessions() == 0

    def test_who_lost_it_and_was_vouched_for_meanwhile_needs_no_code(self, user):
        with_second_factor(user, at=NOON)
        token = half_way(user)
        staffing.forget_second_factor(email=user.email, at=LATER)

        assert finish(token, "").user_id == user.id

    def test_the_token_of_a_link_is_no_half_sign_in(self, user):
        with_second_factor(user, at=NOON)
        service.answer_reset_request(email=user.email, at=LATER)
        [mail] = promised_mails(Mail.template == "reset_password")

        with pytest.raises(LinkIsDead):
            finish(mail.context["token"], "123456")


class TestRecoveryCodes:
    def test_one_serves_once_and_the_person_is_told(self, user):
        codes = with_second_factor(user, at=NOON).codes

        assert finish(half_way(user), codes[3].lower()).user_id == user.id

        assert factors.recovery_codes_left(user.id) == 9
        with pytest.raises(factors.WrongCode):
            finish(half_way(user), codes[3])
        assert sessions() == 1
        told = [mail.context["what"] for mail in promised_mails() if mail.template == "account_changed"]
        assert told[-1] == "A recovery code of your account was used in place of a code of your telephone."
        assert "account:recovery_code_used" in kinds(user)

    def test_another_persons_code_is_none(self, user):
        with_second_factor(user, at=NOON)
        theirs = with_second_factor(make_user(), at=NOON).codes

        with pytest.raises(factors.WrongCode):
            finish(half_way(user), theirs[0])

    def test_new_ones_take_the_place_of_the_old(self, user):
        old = with_second_factor(user, at=NOON).codes

        new = factors.new_recovery_codes(user_id=user.id, at=LATER)

        assert set(old).isdisjoint(new)
        with pytest.raises(factors.WrongCode):
            finish(half_way(user), old[0])
        assert finish(half_way(user), new[0]).user_id == user.id

    def test_without_a_second_factor_there_are_none(self, user):
        with pytest.raises(Conflict):
            factors.new_recovery_codes(user_id=user.id, at=NOON)


class TestTurnOff:
    def test_takes_both(self, user):
        mine = with_second_factor(user, at=NOON)
        code = code_of(mine.secret, LATER)

        with pytest.raises(Invalid) as refusal:
            factors.turn_off(user_id=user.id, password="guess", code=code, at=LATER)
        assert refusal.value.field == "password"
        with pytest.raises(factors.WrongCode):
            factors.turn_off(user_id=user.id, password=PASSWORD, code="123", at=LATER)
        assert factors.is_on(user.id)

        factors.turn_off(user_id=user.id, password=PASSWORD, code=code, at=LATER)

        assert (factors.is_on(user.id), factors.recovery_codes_left(user.id)) == (False, 0)
        assert kinds(user)[-1] == "account:second_factor_off"

    def test_there_must_be_one(self, user):
        with pytest.raises(Conflict):
            factors.turn_off(user_id=user.id, password=PASSWORD, code="123456", at=LATER)

    def test_by_command_it_ends_the_sessions_and_tells_the_person(self, user):
        with_second_factor(user, at=NOON)
        token, _ = make_session(user, at=NOON)

        staffing.forget_second_factor(email=user.email, at=LATER)

        assert not factors.is_on(user.id)
        assert service.identity_of(token=token, at=LATER) is None
        with pytest.raises(Conflict):
            staffing.forget_second_factor(email=user.email, at=LATER)


class TestAskedAgain:
    def test_who_has_one_confirms_with_both(self, user):
        secret = with_second_factor(user, at=NOON).secret
        _, session = make_session(user, at=NOON)
        who = {"user_id": user.id, "session_id": session.id, "password": PASSWORD, "at": LATER}

        with pytest.raises(factors.WrongCode):
            confirming.confirm(**who)
        assert session.confirmed_at == NOON

        confirming.confirm(**who, code=code_of(secret, LATER))
        assert session.confirmed_at == LATER

    def test_and_changes_the_password_with_both(self, user):
        secret = with_second_factor(user, at=NOON).secret
        _, session = make_session(user, at=NOON)
        who = {"user_id": user.id, "session_id": session.id, "old_password": PASSWORD, "at": LATER}
        was = user.password_hash

        with pytest.raises(factors.WrongCode):
            service.change_password(**who, new_password="four words nobody says")
        assert db.session.get_one(User, user.id).password_hash == was

        service.change_password(**who, new_password="four words nobody says", code=code_of(secret, LATER))
        assert db.session.get_one(User, user.id).password_hash != was


class TestDatabase:
    @pytest.fixture
    def on(self, user):
        with_second_factor(user, at=NOON)

    @pytest.mark.parametrize(
        "setting", ["last_step = last_step - 1", "last_step = NULL, on_since = NULL", "sealed = sealed || 'x'::bytea"]
    )
    def test_steps_only_rise_and_the_secret_stays(self, on, setting):
        with assert_refused_by("second_factors_steps_only_rise"):
            db.session.execute(text(f"UPDATE second_factors SET {setting}"))

    def test_a_used_code_stays_used(self, on):
        db.session.execute(text("UPDATE recovery_codes SET used_at = now()"))
        with assert_refused_by("recovery_codes_serve_once"):
            db.session.execute(text("UPDATE recovery_codes SET used_at = NULL"))

    @pytest.mark.parametrize(
        ("constraint", "statement"),
        [
            ("recovery_codes_code_is_digested", "UPDATE recovery_codes SET digest = 'x'"),
            (
                "recovery_codes_differ",
                "INSERT INTO recovery_codes SELECT gen_random_uuid(), user_id, digest, made_at FROM recovery_codes",
            ),
        ],
    )
    def test_codes_are_digests_and_differ(self, on, constraint, statement):
        db.session.execute(text("ALTER TABLE recovery_codes DISABLE TRIGGER codes_serve_once"))
        with assert_refused_by(constraint):
            db.session.execute(text(statement))

    @pytest.mark.parametrize(
        ("constraint", "setting"),
        [
            ("second_factors_secret_is_sealed", "sealed = 'plain'"),
            ("second_factors_first_code_turns_it_on", "last_step = 1"),
        ],
    )
    def test_a_secret_is_sealed_and_a_step_belongs_to_one_that_is_on(self, user, constraint, setting):
        factors.begin(user_id=user.id, at=NOON)
        with assert_refused_by(constraint):
            db.session.execute(text(f"UPDATE second_factors SET {setting}"))
