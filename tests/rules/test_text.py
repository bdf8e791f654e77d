"""Normal forms: two writings of one thing are one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.text import in_our_letters, normal_email, normal_number, slug

SEPARATORS = st.text(" -_./#\t", max_size=3)


class TestNumbers:
    @pytest.mark.parametrize(
        ("written", "normal"),
        [
            ("tx-12 345", "TX12345"),
            ("TX.12/345", "TX12345"),
            ("# 0012-a", "0012A"),
            ("ＴＸ１２", "TX12"),
            ("lhr_0042", "LHR0042"),
            (" \t ", ""),
        ],
    )
    def test_drops_what_does_not_matter_and_keeps_leading_zeros(self, written, normal):
        assert normal_number(written) == normal

    @given(st.lists(st.text(st.characters(codec="ascii", categories=("Lu", "Nd")), min_size=1), min_size=1), SEPARATORS)
    def test_separators_and_case_do_not_tell_numbers_apart(self, parts, separator):
        assert normal_number(separator.join(parts).lower()) == "".join(parts)

    @given(st.text(max_size=30))
    def test_a_normal_form_is_its_own(self, written):
        once = normal_number(written)

        assert normal_number(normal_number(once)) == normal_number(once)

    @given(st.text(st.characters(codec="ascii"), max_size=30))
    def test_a_normal_form_of_plain_text_is_its_own_at_once(self, written):
        assert normal_number(normal_number(written)) == normal_number(written)

    @pytest.mark.parametrize("written", ["tx-12 345", "ＴＸ１２", "٣٤٥", "# 0012-a", "", "TX\N{SOFT HYPHEN}12"])
    def test_are_in_our_letters_however_they_are_typed(self, written):
        assert in_our_letters(written)

    @pytest.mark.parametrize(
        "written", ["\N{CYRILLIC CAPITAL LETTER TE}X12", "LHR-\N{GREEK CAPITAL LETTER OMICRON}1", "SÉRIE 4"]
    )
    def test_are_not_where_a_letter_only_looks_like_one(self, written):
        assert not in_our_letters(written)


class TestAddresses:
    def test_is_trimmed_and_in_lower_case(self):
        assert normal_email("  Alice.Martin@Example.TEST ") == "alice.martin@example.test"

    @given(st.emails())
    def test_case_and_space_around_do_not_matter(self, address):
        assert normal_email(f" {address.upper()}\n") == normal_email(address)

    @given(st.text(st.characters(codec="ascii"), max_size=30))
    def test_a_normal_form_is_its_own(self, address):
        assert normal_email(normal_email(address)) == normal_email(address)


class TestSlugs:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("GentleMax Pro", "gentlemax-pro"),
            ("  Crème & Co. ", "creme-co"),
            ("Er:YAG 2,940", "er-yag-2-940"),
            ("激光", ""),
        ],
    )
    def test_is_fit_for_an_address(self, text, address):
        assert slug(text) == address

    @given(st.text(max_size=40))
    def test_is_always_plain(self, text):
        assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug(text))
