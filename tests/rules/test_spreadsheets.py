"""Tables for spreadsheets: no cell is a formula, and every text comes back as it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.kernel.errors import Invalid
from marketplace.kernel.spreadsheets import cell, csv_of, plain, rows_of

SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
texts = st.text() | st.builds("".join, st.lists(st.sampled_from([*SIGNS, "'", "1", '"', ","]), max_size=5))


@settings(deadline=None)
@given(texts)
def test_any_text_comes_back_and_no_cell_begins_with_a_formula(text):
    assert plain(cell(text)) == text
    assert not cell(text).startswith(SIGNS)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=4))
def test_a_table_of_any_texts_comes_back(rows):
    found = rows_of(csv_of(("a", "b"), rows))

    assert found == [{"a": one, "b": other} for one, other in rows]


@pytest.mark.parametrize(
    ("written", "text"), [("=1", "=1"), ("'tis", "'tis"), ("''tis", "'tis"), ("'=1", "=1"), ("x", "x"), ("", "")]
)
def test_what_was_written_elsewhere_is_taken_as_it_stands(written, text):
    assert plain(written) == text


def test_a_header_is_read_whatever_its_case_and_blank_lines_are_none():
    assert rows_of("\ufeff A ,b\n\n1,2\n") == [{"a": "1", "b": "2"}]
    assert rows_of("") == []


@pytest.mark.parametrize("text", ["a,b\n1,2,3\n", 'a,b\n"1,2\n'])
def test_what_is_no_table_is_refused(text):
    with pytest.raises(Invalid):
        rows_of(text)
