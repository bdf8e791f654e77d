"""Tables of devices: their form, how they are taken apart, and what goes back to be repaired."""

from itertools import product

import pytest

from marketplace.kernel.errors import Invalid
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.spreadsheets import csv_of
from marketplace.listings import fields
from marketplace.listings.fields import Place
from marketplace.sheets import columns, reading
from marketplace.sheets.columns import Line
from marketplace.sheets.reading import Entry, Row
from marketplace.sheets.states import IMPORT, MOVING, ImportEvent, ImportState

HEADER = "unit,line,maker,model,city,state"


def numbers(text):
    return [[row.number for row in group] for group in reading.read(f"{HEADER}\n{text}").groups]


@pytest.mark.parametrize(("state", "event"), list(product(ImportState, ImportEvent)))
def test_a_move_is_listed_or_refused(state, event):
    if event in IMPORT.events_from(state):
        assert IMPORT.after(state, event) in ImportState
    else:
        with pytest.raises(IllegalMove):
            IMPORT.after(state, event)


def test_what_moves_by_itself_is_what_reads_and_what_writes():
    assert MOVING == (ImportState.RECEIVED, ImportState.WRITING)
    assert [state for state in ImportState if not IMPORT.events_from(state)] == ["done", "cancelled", "refused"]


class TestColumns:
    def test_no_two_have_the_same_name_and_each_says_what_is_written_there(self):
        assert len(set(columns.names())) == len(columns.names())
        assert all(column.said and column.lines for column in columns.columns())

    def test_every_question_has_one_but_those_that_are_attested_and_the_usual_counters(self):
        asked = {field.key for field in fields.table() if field.place not in {Place.STATEMENT, Place.COUNTER}}
        attested = fields.keys_of(Place.STATEMENT) | {"rx_label_present", "id_label_present", "modification"}

        assert asked <= set(columns.names())
        assert attested.isdisjoint(columns.names())
        assert {"id", "standing", "state_of_listing", "published_at"}.isdisjoint(columns.names())

    def test_what_must_be_there(self):
        assert columns.needed() == ("maker", "model", "city", "state")
        assert [column.name for column in columns.columns() if Line.COUNTER in column.needed] == [
            "name", "counter", "counter_unit", "counter_direction", "counter_read_on",
        ]  # fmt: skip

    def test_the_template_explains_itself_in_remarks_and_holds_no_device(self):
        with pytest.raises(Invalid, match="no device below its header"):
            reading.read(columns.template())
        assert columns.template().count("\r\n") == 5
        assert "Whole number" not in columns.template()
        assert "Chiller or cooling unit: built_in, included, absent, none." in columns.template()


class TestRead:
    def test_parts_belong_to_the_device_above_them(self):
        assert numbers(",,a,b,c,d\n,handpiece,,,,\n,counter,,,,\n,device,a,b,c,d\n") == [[2, 3, 4], [5]]

    def test_lines_with_the_same_word_belong_together_in_whatever_order(self):
        assert numbers("x,counter,,,,\ny,,a,b,c,d\nx,,a,b,c,d\n,handpiece,,,,\ny,handpiece,,,,\n") == [
            [2, 4, 5],
            [3, 6],
        ]

    def test_what_is_about_something_else_stays_where_it_stands(self):
        assert numbers(",toy,a,b,c,d\n,,a,b,c,d\n,toy,,,,\n") == [[2], [3, 4]]

    def test_remarks_and_empty_lines_are_passed_over_and_numbers_stay_those_of_the_spreadsheet(self):
        sheet = reading.read(f"{HEADER}\n# a remark,,,,,\n\n,,,,,\n,,a,b,c,d\n")

        assert (sheet.remarks, [[row.number for row in group] for group in sheet.groups]) == (1, [[5]])

    @pytest.mark.parametrize("between", [",", ";", "\t"])
    def test_cells_stand_between_whatever_the_header_has_between_them(self, between):
        sheet = reading.read("\ufeffMaker,model, City ,state\na,'=b,c,d\n".replace(",", between))

        assert sheet.header == ("maker", "model", "city", "state")
        assert sheet.groups == ((Row(2, ("a", "=b", "c", "d")),),)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "These columns are missing: maker, model, city, state."),
            ("maker,model\nA,B\n", "These columns are missing: city, state."),
            (f"{HEADER},model,line\n", "These columns are there twice: line, model."),
            (HEADER, "The table has no device below its header."),
            (f'{HEADER}\n"a', "This is no table that can be read"),
        ],
    )
    def test_what_is_no_such_table_is_refused(self, text, words):
        with pytest.raises(Invalid, match=words):
            reading.read(text)

    def test_a_table_has_its_limit(self, monkeypatch):
        monkeypatch.setattr(reading, "MOST_ROWS", 1)

        assert numbers(",,a,b,c,d\n") == [[2]]
        with pytest.raises(Invalid, match="A table may have 1 rows"):
            numbers(",,a,b,c,d\n,,a,b,c,d\n")

    def test_of_a_line_that_says_little_the_other_cells_are_empty(self):
        header = ("maker", "mine", "line", "model")

        assert reading.entry(header, Row(2, (" Candela ", "x", "Device"))) == Entry(
            2, Line.DEVICE, {"maker": "Candela", "line": "Device"}, beyond=False
        )
        assert reading.entry(header, Row(2, ("", "", "", "", " ", ""))).beyond is False
        found = reading.entry(header, Row(2, ("", "", "toy", "", "over")))
        assert (found.line, found.beyond, found.cells["model"]) == (None, True, "")

    def test_names_the_columns_that_say_nothing_here(self):
        assert reading.passed_over(("maker", "standing", "problems", "", "id")) == ["standing", "id"]


class TestText:
    def test_is_what_was_sent_without_the_mark_of_spreadsheets(self):
        assert reading.text_of("\ufeffmäker".encode()) == "mäker"

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"\xff\xfe", "not in UTF-8"),
            (b"a\0,b\n", "has a NUL in it"),
            (b"x" * (5 * 1024 * 1024 + 1), "may have 5 MB"),
        ],
    )
    def test_refuses_what_is_none(self, content, words):
        with pytest.raises(Invalid, match=words):
            reading.text_of(content)


class TestToRepair:
    def test_is_the_table_as_it_was_sent_with_what_is_wrong_in_a_last_column(self):
        header = ("maker", "problems", "mine")
        rows = [Row(2, ("=A", "old words", "kept")), Row(3, ("B",)), Row(4, ("C", "", "", "beyond"))]
        written = reading.to_repair(header, [(rows[:2], {2: "maker: Unknown."}), (rows[2:], {4: "row: Too long."})])

        assert written == csv_of(
            ("maker", "mine", "problems"),
            [("=A", "kept", "maker: Unknown."), ("B", "", ""), ("C", "", "row: Too long.", "beyond")],
        )
