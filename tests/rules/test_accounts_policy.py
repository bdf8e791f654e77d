"""Passwords, addresses and how long things last, without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.accounts.policy import (
    absolute_limit,
    email_problem,
    idle_limit,
    normal_password,
    password_problem,
    rested_too_long,
)

NOON = datetime(2026, 6, 1, 17, tzinfo=UTC)
TOO_EASY = "This is among the first that a stranger would try. Add words that have nothing to do with you or us."


class TestPassword:
    @pytest.mark.parametrize(
        "password",
        [
            "correct horse battery staple",
            "seven ruby lanterns",
            "Tr0ub4dor&3-gatepost",
            "kvpzhrwdtemb",  # twelve exactly
            "ü-ö-ä kräht der Güggel",
            "密码很长也很好很难猜测的呢",
            "x7#Qm!2vLp9&" + "z" * 116,  # 128 exactly
        ],
    )
    def test_long_and_surprising_is_enough(self, password):
        assert password_problem(password) is None

    @pytest.mark.parametrize(
        "password",
        [
            "passwordpassword",
            "Password1234",
            "p455w0rd!p455w0rd",
            "Welcome2026!!",
            "qwertyuiop123",
            "aaaaaaaaaaaa",
            "123456789012",
            "abcabcabcabc",
            "horsehorsehorsehorse",
            "iloveyou1987",
            "Second Light 2026",
            "laserlaser1234567",
            "            ",
        ],
    )
    def test_long_and_guessable_is_not(self, password):
        assert password_problem(password) == TOO_EASY

    def test_the_persons_own_name_and_address_add_nothing(self):
        about = ("Dana Reyes", "dana.reyes@lonestar.example")

        assert password_problem("danareyes-lonestar1", about=about) == TOO_EASY
        assert password_problem("danareyes-lonestar1") is None

    def test_length_counts_on_both_sides(self):
        assert "at least 12" in password_problem("kvpzhrwdtem")
        assert password_problem("kvpzhrwdtemb") is None
        assert password_problem("kvpzhrwdtemb" + "w" * 116) is None
        assert password_problem("kvpzhrwdtemb" + "w" * 117) == "Use at most 128 characters."

    def test_two_ways_to_type_one_password_are_equal(self):
        assert normal_password("cafe\u0301 ①") == normal_password("café 1")

    @given(st.text(max_size=140))
    def test_whatever_passes_is_long_enough_and_not_too_long(self, text):
        assert password_problem(text) is not None or 12 <= len(text) <= 128


class TestEmail:
    @pytest.mark.parametrize("address", ["a@b.co", "dana.o'neil+sell@clinic.example", "x_y@sub.clinic.example"])
    def test_takes_what_a_mail_program_takes(self, address):
        assert email_problem(address) is None

    @pytest.mark.parametrize(
        "address",
        ["", "dana", "@b.co", "a@", "a@localhost", "a b@c.co", "a@b.co, c@d.co", "<a@b.co>", 'a"@b.co', "a@b..co",
         "ꭰ@b.co", "a@b.co\nBcc: x@y.co", "A@b.co"],
    )  # fmt: skip
    def test_refuses_what_is_none_or_more_than_one(self, address):
        assert email_problem(address) == "Write a whole e-mail address, such as name@clinic.example."

    def test_length_counts_on_both_sides(self):
        assert email_problem("a" * 245 + "@b.co.uk"[:9]) is None
        assert email_problem("a" * 247 + "@b.co.uk") is not None


class TestSessionLength:
    @pytest.mark.parametrize(("staff", "hours"), [(False, 12), (True, 2)])
    def test_resting_ends_it_at_the_limit(self, staff, hours):
        seen = NOON - timedelta(hours=hours)

        assert rested_too_long(last_seen_at=seen, staff=staff, at=NOON)
        assert not rested_too_long(last_seen_at=seen + timedelta(seconds=1), staff=staff, at=NOON)

    def test_staff_stay_shorter(self):
        assert (idle_limit(staff=True), absolute_limit(staff=True)) == (timedelta(hours=2), timedelta(hours=12))
        assert (idle_limit(staff=False), absolute_limit(staff=False)) == (timedelta(hours=12), timedelta(days=7))
