"""Staff by command: a password comes from a prompt or standard input, never from an argument."""

from datetime import timedelta

import pytest

from marketplace.accounts import factors, queries, service
from marketplace.kernel import clock
from marketplace.kernel.errors import NotFound
from marketplace.kernel.terms import StaffRole
from tests.factories.accounts import make_session, make_staff, make_user
from tests.factories.factors import with_second_factor

PASSWORD = "nine copper kettles"


@pytest.fixture
def run(app):
    def run(*arguments, **given):
        return app.test_cli_runner().invoke(args=["staff", *arguments], **given)

    return run


def test_hires_with_a_password_from_standard_input(run):
    result = run("hire", "vera@house.example", "verifier", "--name", "Vera", "--password-stdin", input=f"{PASSWORD}\n")

    assert (result.exit_code, result.output) == (0, "vera@house.example is verifier.\n")
    assert service.sign_in(email="vera@house.example", password=PASSWORD, at=clock.now()).token


def test_hires_with_a_password_from_a_prompt_that_asks_twice(run):
    result = run(
        "hire", "vera@house.example", "admin", "--name", "Vera", input=f"{PASSWORD}\nslip\n{PASSWORD}\n{PASSWORD}\n"
    )

    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert queries.person_at("vera@house.example").staff_role is StaffRole.ADMIN


def test_says_plainly_why_not_and_hires_nobody(run):
    result = run("hire", "vera@house.example", "admin", "--name", "Vera", "--password-stdin", input="short\n")

    assert result.exit_code == 1
    assert result.output.startswith("Error: Use at least 12 characters.")
    with pytest.raises(NotFound):
        queries.person_at("vera@house.example")


def test_appoints_and_dismisses(run):
    user = make_user(email="mo@house.example")

    assert run("appoint", "mo@house.example", "moderator").output == "mo@house.example is moderator.\n"
    assert queries.person(user.id).staff_role is StaffRole.MODERATOR
    assert run("dismiss", "mo@house.example").output == "mo@house.example is not staff.\n"
    assert queries.person(user.id).staff_role is None


def test_appoints_to_no_role_that_does_not_exist(run):
    user = make_user(email="mo@house.example")

    assert run("appoint", "mo@house.example", "king").exit_code == 2
    assert run("appoint", "nobody@house.example", "admin").output == "Error: Nobody has this address.\n"
    assert queries.person(user.id).staff_role is None


def test_takes_away_a_second_factor_that_was_lost(run):
    user = make_user()
    with_second_factor(user, at=clock.now() - timedelta(minutes=10))
    token, _ = make_session(user, at=clock.now())

    result = run("forget-second-factor", user.email)

    assert (result.exit_code, result.output) == (0, f"{user.email} has no second factor any more.\n")
    assert factors.recovery_codes_left(user.id) == 0
    assert service.identity_of(token=token, at=clock.now()) is None


def test_sets_a_password(run):
    make_staff(email="vera@house.example")

    result = run("password", "vera@house.example", "--password-stdin", input=f"{PASSWORD}\n")

    assert (result.exit_code, result.output) == (0, "The password of vera@house.example is set.\n")
    assert service.sign_in(email="vera@house.example", password=PASSWORD, at=clock.now()).token


def test_lists_who_is_staff(run):
    make_user()
    make_staff(StaffRole.ADMIN, name="Ada", email="ada@house.example")
    make_staff(StaffRole.VERIFIER, name="Vera", email="vera@house.example", disabled_at=clock.now())

    assert run("list").output == "admin\tada@house.example\tAda\nverifier\tvera@house.example\tVera (closed)\n"
