"""Numbers and names as registers write them, and what a likeness is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.registers.normal import (
    RegisterName,
    Strength,
    core_number,
    head,
    heads_of,
    is_npi,
    name_score,
    person_words,
    strength_of_name,
    words_of,
)


class TestCoreNumber:
    @pytest.mark.parametrize(
        ("number", "core"),
        [
            ("10442", "10442"),
            ("0010442", "10442"),
            ("ME 70416", "70416"),
            ("ME0070416", "70416"),
            ("036-118204", "36118204"),
            ("036.118204", "36118204"),
            ("MD.MD.60012345", "60012345"),
            ("20A1234", "1234"),
            ("１０４４２", "10442"),
            ("000000", None),
            ("", None),
            ("pending", None),
            ("A0", None),
        ],
    )
    def test_is_the_last_run_of_digits_without_leading_zeros(self, number, core):
        assert core_number(number) == core

    @given(st.integers(min_value=1, max_value=10**12), st.integers(0, 6), st.sampled_from(["", "ME", "md ", "TX-"]))
    def test_does_not_depend_on_zeros_or_letters_in_front(self, number, zeros, front):
        assert core_number(f"{front}{'0' * zeros}{number}") == str(number)

    @given(st.text(max_size=40))
    def test_of_anything_is_digits_without_a_leading_zero_or_none(self, number):
        core = core_number(number)
        assert core is None or (core.isascii() and core.isdecimal() and core[0] != "0")


class TestNpi:
    @pytest.mark.parametrize("number", ["1234567893", "1770626038", "1972902351", "1558598797"])
    def test_known_ones_pass(self, number):
        assert is_npi(number)

    @pytest.mark.parametrize(
        "number", ["1234567890", "0000000000", "3234567893", "123456789", "12345678933", "", "１２３４５６７８９３"]
    )
    def test_others_do_not(self, number):
        assert not is_npi(number)

    @given(st.integers(10**8, 3 * 10**8 - 1), st.integers(1, 9), st.integers(0, 9))
    def test_one_wrong_digit_never_passes(self, start, change, where):
        number = next(f"{start}{digit}" for digit in range(10) if is_npi(f"{start}{digit}"))
        wrong = (int(number[where]) + change) % 10
        assert not is_npi(f"{number[:where]}{wrong}{number[where + 1 :]}")


class TestWords:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("O’Hara-Smith", ("OHARA", "SMITH")),
            ("O'HARA SMITH", ("OHARA", "SMITH")),
            ("José Núñez", ("JOSE", "NUNEZ")),
            ("Søren Łuk", ("SOREN", "LUK")),
            ("  ", ()),
            ("42", ()),
        ],
    )
    def test_are_compared_without_accents_marks_and_case(self, name, words):
        assert words_of(name) == words

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("Amir Khan, MD", ("AMIR", "KHAN")),
            ("Ann Lee Jr. III", ("ANN", "LEE")),
            ("Pa Do", ("PA", "DO")),
            ("Amir", ("AMIR",)),
        ],
    )
    def test_of_a_person_leave_out_what_stands_behind(self, name, words):
        assert person_words(name) == words

    def test_the_head_is_the_first(self):
        assert (head("De La Cruz"), head("Smith-Jones"), head(""), head(None), head("-")) == (
            "DE",
            "SMITH",
            None,
            None,
            None,
        )

    def test_a_person_is_looked_for_under_every_word_that_may_begin_the_family_name(self):
        assert heads_of("Maria De La Cruz") == {
            (family, given) for family in ("DE", "LA", "CRUZ") for given in ("MARIA", "M")
        }
        assert heads_of("Cher") == frozenset()


class TestNameScore:
    @pytest.mark.parametrize(
        ("name", "row", "score"),
        [
            ("Dana Reyes", RegisterName("REYES", "DANA"), 85),
            ("Dana Marie Reyes", RegisterName("REYES", "DANA", "MARIE"), 100),
            ("Dana Marie Reyes", RegisterName("REYES", "DANA", "M"), 100),
            ("Dana M Reyes", RegisterName("REYES", "DANA", "MARIE"), 100),
            ("Dana Marie Reyes", RegisterName("REYES", "DANA MARIE"), 100),
            ("Dana Marie Reyes", RegisterName("REYES", "DANA", "LOUISE"), 55),
            ("Dana Marie Reyes", RegisterName("REYES", "DANA", "MONA"), 55),
            ("Dana M Reyes", RegisterName("REYES", "DANA", "LOUISE"), 55),
            ("Dana Marie Reyes", RegisterName("REYES", "DANA"), 85),
            ("Dana Reyes", RegisterName("REYES", "D"), 65),
            ("Dana Reyes-Soto", RegisterName("REYES", "DANA"), 65),
            ("Dana Reyes", RegisterName("REYES-SOTO", "DANA"), 65),
            ("Dana Reyes Soto", RegisterName("REYES-SOTO", "DANA"), 85),
            ("Maria De La Cruz", RegisterName("DE LA CRUZ", "MARIA"), 85),
            ("D Reyes", RegisterName("REYES-SOTO", "D", "X"), 65),
            ("Dana Reyes", RegisterName("REYES", "DIANA"), 0),
            ("Dana Reyes", RegisterName("REYES", "X"), 0),
            ("Dana Reyes", RegisterName("SOTO", "DANA"), 0),
            ("Dana", RegisterName("DANA", "DANA"), 0),
            ("Dana Reyes", RegisterName(None, "DANA"), 0),
            ("Dana Reyes", RegisterName("REYES", None), 0),
        ],
    )
    def test_counts_what_the_row_repeats(self, name, row, score):
        assert name_score(name, row) == score

    @given(st.text(max_size=30), st.text(max_size=20), st.text(max_size=20), st.text(max_size=10))
    def test_of_anything_lies_between_nothing_and_all(self, name, family, given_name, middle):
        assert 0 <= name_score(name, RegisterName(family, given_name, middle)) <= 100

    @pytest.mark.parametrize(
        ("score", "strength"),
        [
            (100, Strength.STRONG),
            (99, Strength.FAIR),
            (85, Strength.FAIR),
            (84, Strength.WEAK),
            (50, Strength.WEAK),
            (49, None),
            (0, None),
        ],
    )
    def test_is_worth_so_much(self, score, strength):
        assert strength_of_name(score) is strength

    def test_every_strength_has_its_words(self):
        assert [strength.words for strength in Strength] == [
            "Weak: only part of the name",
            "Fair: first and last name",
            "Strong",
            "Identified by its number",
        ]
