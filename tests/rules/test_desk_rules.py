"""What the desk works by, without a database: its figures, names and dates that agree, and who approves with whom."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.credentials.policy import (
    LONGEST_WORDS,
    Question,
    agreement,
    names_agree,
    said,
    strange_dates,
    why_two,
)
from marketplace.credentials.standards import review_is_due, standards, working_days
from marketplace.credentials.types import CredentialKind, credential_types
from marketplace.kernel.days import is_working_day
from marketplace.kernel.errors import Invalid
from marketplace.kernel.shapes import Misshapen
from marketplace.kernel.terms import ProcedureClass
from tests.factories.gate import reference_policy

_K = CredentialKind
MONDAY = datetime(2026, 6, 1, 9, tzinfo=UTC)


class TestStandards:
    def test_evidence_grows_too_old_after_120_days_and_certificates_after_90_as_ncqa_says(self):
        limits = {kind: standards().days_of_evidence(kind) for kind in CredentialKind}

        assert {kind for kind, days in limits.items() if days == 90} == {_K.STATE_CERTIFICATE, _K.PRIVATE_CERT}
        assert set(limits.values()) == {90, 120}
        assert "NCQA" in standards().evidence_source

    def test_a_look_falls_due_on_the_day_it_has_grown_too_old(self):
        assert standards().next_due(_K.STATE_LICENSE, MONDAY) == date(2026, 9, 29)
        assert standards().next_due(_K.STATE_CERTIFICATE, MONDAY) == date(2026, 8, 30)

    def test_a_claim_is_stale_a_moment_after_an_hour(self):
        hour = timedelta(hours=1)

        assert not standards().claim_is_stale(MONDAY, MONDAY + hour)
        assert standards().claim_is_stale(MONDAY, MONDAY + hour + timedelta(microseconds=1))

    def test_about_five_of_a_hundred_are_audited_and_always_the_same(self):
        ids = [UUID(int=number) for number in range(4_000)]
        chosen = [one for one in ids if standards().is_audited(one)]

        assert 150 < len(chosen) < 250
        assert chosen == [one for one in ids if standards().is_audited(one)]

    @pytest.mark.parametrize(("percent", "answer"), [(0, False), (100, True)])
    def test_the_share_is_a_figure(self, percent, answer):
        assert replace(standards(), audit_percent=percent).is_audited(uuid4()) is answer

    @pytest.mark.parametrize(
        "change",
        [
            {"target_working_days": 0},
            {"claim_minutes": 0},
            {"evidence_days": 0},
            {"evidence_days_of_kind": {_K.PRIVATE_CERT: 0}},
            {"audit_percent": -1},
            {"audit_percent": 101},
            {"evidence_source": " "},
            {"document_days": 0},
            {"document_days_source": " "},
        ],
    )
    def test_figures_that_let_everything_through_are_refused(self, change):
        with pytest.raises(Misshapen):
            replace(standards(), **change)


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        ("2026-06-01T09:00", "2026-06-01T09:00", 0),
        ("2026-06-01T09:00", "2026-06-02T09:00", 1),
        ("2026-06-05T12:00", "2026-06-08T12:00", 1),  # Friday to Monday
        ("2026-06-06T00:00", "2026-06-08T00:00", 0),  # a weekend
        ("2026-06-01T00:00", "2026-06-15T00:00", 10),
        ("2026-06-18T00:00", "2026-06-22T00:00", 1),  # Juneteenth, then a weekend
        ("2026-11-25T12:00", "2026-11-27T12:00", 1),  # Thanksgiving
    ],
)
def test_weekends_and_bank_holidays_do_not_count(since, until, days):
    assert working_days(datetime.fromisoformat(since), datetime.fromisoformat(until)) == days


@given(st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2027-01-01")))
def test_what_is_due_is_two_working_days_away(submitted):
    due = review_is_due(submitted)

    assert is_working_day(due.date())
    # What comes in on a weekend or a holiday has all of its first working day, too.
    assert 2 <= working_days(submitted, due) + (not is_working_day(submitted.date())) < 3.0001


class TestNames:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Dana Reyes", "REYES, DANA M"),
            ("Patrick O’Hara", "O'HARA, PATRICK"),
            ("José Núñez", "JOSE NUNEZ"),
            ("Lone Star Laser", "Lone Star Laser, PLLC"),
            ("Anna Maria Lopez", "Anna Lopez"),
            ("Дана Рейес", "РЕЙЕС ДАНА"),
            ("Cher", "CHER"),
        ],
    )
    def test_agree_in_any_order_and_case(self, one, other):
        assert names_agree(one, other)
        assert names_agree(other, one)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Dana Reyes", "Dana Ruiz"),
            ("Dana Reyes", "Dana"),
            ("Dana Reyes", ""),
            ("", ""),
            ("D. R.", "Dana Reyes"),
            ("Reyes, D.", "Dana D. Reyes"),
            ("Smith MD", "Joan Smith, MD"),
            ("Anna Lopez", "Anna Maria Ruiz"),
        ],
    )
    def test_do_not_agree_in_one_word_only(self, one, other):
        assert not names_agree(one, other)
        assert not names_agree(other, one)


class TestAgreement:
    CLAIMED = {"name": "Dana Reyes", "number": "LHR-10442"}  # noqa: RUF012  Nobody changes it.

    @pytest.mark.parametrize(
        ("shown", "score"),
        [
            ({"name": "REYES, DANA M", "number": "lhr 10442"}, 100),
            ({"name": "REYES, DANA M", "number": "10442"}, 50),
            ({"name": "Mallory Stone", "number": "7"}, 0),
            ({"number": "LHR10442", "standing": "Active"}, 100),
            ({"standing": "Active"}, None),
            ({"name": ""}, None),
            ({}, None),
        ],
    )
    def test_counts_what_compares(self, shown, score):
        assert agreement(self.CLAIMED, shown) == score


class TestStrangeDates:
    TODAY = date(2026, 6, 1)

    def found(self, **changes):
        given = {"issued_on": None, "expires_on": None, "first_uploaded_on": self.TODAY, **changes}
        return list(strange_dates(**given, today=self.TODAY, standards=standards()))

    def test_are_none_where_nothing_is_stated(self):
        assert self.found() == []

    def test_a_page_is_not_here_before_it_was_issued(self):
        assert self.found(issued_on=self.TODAY) == []
        assert self.found(issued_on=self.TODAY, first_uploaded_on=date(2026, 5, 31)) == [
            "A page of it was here on 31 May 2026, before it was issued on 1 Jun 2026."
        ]

    def test_nobody_holds_one_for_sixty_one_years(self):
        assert self.found(issued_on=date(1966, 1, 1)) == []
        assert self.found(issued_on=date(1965, 12, 31)) == ["It was issued on 31 Dec 1965, more than 60 years ago."]

    def test_none_runs_for_thirteen_years(self):
        assert self.found(expires_on=date(2038, 12, 31)) == []
        assert self.found(expires_on=date(2039, 1, 1)) == ["It runs until 1 Jan 2039, more than 12 years from now."]


class TestWhyTwo:
    def test_one_person_is_enough_where_nothing_asks_for_two(self):
        assert why_two(dangerous=False, signals=[]) is None
        assert why_two(dangerous=False, signals=[False, False]) is None

    def test_two_where_it_is_dangerous_or_doubted(self):
        assert "ablative" in why_two(dangerous=True, signals=[])
        assert "signal" in why_two(dangerous=False, signals=[False, True])

    def test_whatever_the_rules_ask_for_dangerous_work_is_confirmed_by_two(self):
        dangerous = {ProcedureClass.ABLATIVE, ProcedureClass.RF_NEEDLE}
        floors = [floor for floor in reference_policy().document.floors if dangerous <= set(floor.procedure_classes)]

        asked = {code for floor in floors for code in floor.requires.types}

        assert asked
        assert {code for code, kind in credential_types().items() if kind.two_verifiers} == asked | {
            "PHYSICIAN_DELEGATION"
        }


class TestSaid:
    @pytest.mark.parametrize("words", ["", " \n", "x" * (LONGEST_WORDS + 1)])
    def test_is_neither_nothing_nor_a_book(self, words):
        with pytest.raises(Invalid) as refusal:
            said(words)
        assert refusal.value.field == "words"

    def test_is_trimmed(self):
        assert said(f" {'x' * LONGEST_WORDS} ") == "x" * LONGEST_WORDS


@pytest.mark.parametrize("because", Question)
def test_a_question_has_words(because):
    assert because.words.endswith(".")
