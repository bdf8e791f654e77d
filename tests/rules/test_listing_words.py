"""How people write what they look for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.listings.asked import words_asked
from marketplace.listings.words import LONGEST_WORD, MOST_WORDS, findable, typed, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Nd:YAG 1,064nm", ["nd", "yag", "1064"]),
        ("755 nm", ["755"]),
        ("10 600", ["10600"]),
        ("10,60", ["10", "60"]),
        ("Clínica MÉNIÈRE", ["clinica", "meniere"]),
        ("CO₂", ["co2"]),
        ("Elite+", ["elite"]),
        ("straße_nord", ["strasse", "nord"]),
        ("nm", ["nm"]),
        ("…", []),
    ],
)
def test_words_are_compared_without_case_accents_and_separators(text, words):
    assert words_of(text) == words


def test_names_are_also_found_as_one_word():
    assert findable(names=["Candela GentleMax Pro", "Candela"], others=["755 nm", "candela"]) == (
        "candela gentlemax pro candelagentlemaxpro 755"
    )


@given(st.text(max_size=3000))
def test_no_text_makes_a_question_that_is_malformed_or_long(text):
    words = typed(text)

    assert all(word.isalnum() for word in words)
    assert len(words) <= MOST_WORDS
    assert all(len(word) <= LONGEST_WORD for word in words)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", None),
        ("?!", []),
        ("gentle max", ["gentle", "max"]),
        ("used alex laser for sale", ["alex"]),
        ("buy an alexandrite laser near Austin", ["an", "alexandrite", "austin"]),
        ("laser", ["laser"]),
        ("the machine", ["the", "machine"]),
    ],
)
def test_words_that_say_nothing_are_passed_over_beside_others(text, asked):
    assert words_asked(text) == asked
