"""What a typed word stands for, and what was meant by one that nobody knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog import service as catalogue
from marketplace.catalog.parsing import parse
from marketplace.listings import vocabulary
from marketplace.listings.vocabulary import Vocabulary, says_nothing, slips, slips_to_begin, stands_for
from marketplace.listings.words import words_of

KNOWN = Vocabulary(
    [
        (1, ["candela", "gentlemax", "alexandrite", "alex", "755", "hair", "removal"]),
        (2, ["candela", "vbeam", "dye", "595", "vascular"]),
        (3, ["cutera", "xeo", "hair", "removal", "vascular"]),
    ]
)


@pytest.mark.parametrize(
    ("typed", "meaning"),
    [
        ("candela", {1, 2}),
        ("c", {1, 2, 3}),
        ("alexa", {1}),
        ("alexandrites", set()),
        ("epilation", {1, 3}),
        ("depilacion", {1, 3}),
        ("veins", {2, 3}),
        ("tattoos", set()),
        ("zz", set()),
    ],
)
def test_a_word_means_what_has_a_word_that_begins_so_or_what_it_stands_for(typed, meaning):
    assert KNOWN.meaning(typed) == meaning


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("alexandrte", "alexandrite"),
        ("aelxandrite", "alexandrite"),
        ("alexandritee", "alexandrite"),
        ("candelaa", "candela"),
        ("cnadela", "candela"),
        ("epilatoin", "epilation"),
        ("tatuage", "tatuaje"),
        ("hiar", "hair"),
        ("hai", None),
        ("7555", None),
        ("vbaem", "vbeam"),
        ("vbxxm", None),
        ("gentxxmax", "gentlemax"),
        ("gentxxxax", None),
    ],
)
def test_one_slip_is_forgiven_and_two_in_a_long_word(typed, meant):
    assert KNOWN.meant_by(typed) == meant
    assert KNOWN.meant_by(typed) == meant


@pytest.mark.parametrize(
    ("typed", "nearly"),
    [
        ("cand", {1: 0, 2: 0}),
        ("cnad", {1: 1, 2: 1}),
        ("candx", {1: 1, 2: 1}),
        ("gentelm", {1: 1}),
        ("gnetlema", {1: 1}),
        ("gnetelma", {1: 2}),
        ("hia", {}),
        ("hai", {1: 0, 3: 0}),
        ("7551", {}),
        ("755a", {}),
        ("qqqqqqqq", {}),
    ],
)
def test_what_nearly_begins_so_is_known_with_its_slips(typed, nearly):
    assert KNOWN.nearly(typed) == nearly
    assert KNOWN.nearly(typed) == nearly


def test_of_several_words_the_nearest_says_how_many_slips_there_are():
    assert Vocabulary([(1, ["hare", "hair"])]).nearly("hair") == {1: 0}
    assert Vocabulary([(1, ["hair", "hare"])]).nearly("hair") == {1: 0}


def test_of_two_words_equally_near_the_one_that_means_more_is_meant():
    assert Vocabulary([(1, ["lamp", "camp"]), (2, ["camp"])]).meant_by("xamp") == "camp"


def test_what_strangers_type_does_not_fill_the_memory():
    words = Vocabulary([(1, ["candela"])])
    for number in range(2_100):
        words.meaning(f"a{number}")
        words.meant_by(f"abcde{number}")
        words.nearly(f"abcde{number}")

    assert (len(words._asked), len(words._meant), len(words._near)) == (99, 99, 96)


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_slips_are_counted_as_a_slow_definition_counts_them(typed, word):
    assert slips(typed, word, most=9) == slowly(typed, word)
    assert slips(typed, word, most=1) == min(2, slowly(typed, word))
    beginnings = [word[:length] for length in range(len(word) + 1)]
    assert slips_to_begin(typed, word, most=1) == min(2, *(slowly(typed, one) for one in beginnings), 2)


def slowly(left, right):
    if not left or not right:
        return len(left) + len(right)
    best = min(
        slowly(left[1:], right) + 1, slowly(left, right[1:]) + 1, slowly(left[1:], right[1:]) + (left[0] != right[0])
    )
    if left[:2] == right[1::-1] and len(left) > 1 and len(right) > 1:
        best = min(best, slowly(left[2:], right[2:]) + 1)
    return best


@pytest.fixture(scope="module")
def catalogue_words():
    parsed = parse(catalogue.shipped())
    words = {"laser"}
    for modality in parsed.modalities:
        words |= set(words_of(" ".join([modality.name, *modality.aliases])))
        words |= {word for kind in modality.procedure_classes for word in words_of(kind.words)}
    return words


class TestTheWordsThatAreShipped:
    def test_stand_for_words_of_the_catalogue(self, catalogue_words):
        lost = {word: meant for word, meant in stands_for().items() if not set(meant) <= catalogue_words}

        assert lost == {}

    def test_are_written_as_they_are_compared(self):
        assert [word for word in (*stands_for(), *says_nothing()) if words_of(word) != [word]] == []

    def test_are_not_known_already(self, catalogue_words):
        assert sorted(set(stands_for()) & catalogue_words) == []

    @pytest.mark.parametrize(
        "word", ["alex", "yag", "co2", "erbium", "ipl", "photofacial", "pico", "dye", "rf", "hifu"]
    )
    def test_of_the_trade_are_in_the_catalogue(self, word, catalogue_words):
        assert word in catalogue_words

    def test_are_read_once(self):
        assert vocabulary.stands_for() is vocabulary.stands_for()
