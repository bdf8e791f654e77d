"""openFDA's files are read record by record, whatever stands in them, and what is no such file is refused."""

import io
import json
from datetime import date

import pytest

from marketplace.dev import openfda
from marketplace.registers import notices
from marketplace.registers.arriving import Unreadable, Watch
from marketplace.registers.notices import Notice
from marketplace.registers.reading import check_columns
from marketplace.registers.records import Problem
from marketplace.registers.sources import CLEARANCES, ENFORCEMENT, RECALLS, sources

TODAY = date(2026, 11, 1)


def read(content, source=RECALLS):
    return list(notices.rows(io.BytesIO(content), sources()[source], today=TODAY))


def results(*records, head=""):
    return f'{head}{{"results": [{",".join(json.dumps(one) for one in records)}]}}'.encode()


class TestRows:
    def test_reads_a_recall(self):
        solta, zeltiq = read(openfda.recalls(openfda.REAL))

        assert (solta.position, solta.problems) == (1, ())
        assert solta.row == Notice(
            number="Z-1354-2023",
            event="91847",
            firm="Solta Medical Inc",
            device="Thermage CPT System REF TG-2B",
            codes="1 unit, MD",
            reason="service unit possibly tested on a failed station",
            status="Ongoing",
            started_on=date(2023, 2, 16),
        )
        assert (zeltiq.row.product_code, zeltiq.row.k_numbers, zeltiq.row.license_type) == ("OOK", ("K181740",), "OOK")

    def test_reads_the_class_from_enforcement_and_nothing_from_its_n_a(self):
        record = {**openfda.REAL[1], "posted": date(2022, 7, 20)}
        (found,) = read(openfda.enforcement([record]), ENFORCEMENT)

        assert (found.row.number, found.row.classification, found.row.status) == (
            "Z-1346-2022",
            None,
            "Open, Classified",
        )
        assert (found.row.started_on, found.row.posted_on) == (date(2022, 6, 9), date(2022, 7, 20))
        assert found.row.k_numbers == ("K181740",)

    def test_reads_a_510k_decision(self):
        record = {"number": "K872032", "firm": "A firm", "device": "A kit", "product_code": "KTN"}
        (found,) = read(openfda.clearances([{**record, "posted": date(1987, 6, 29)}]), CLEARANCES)

        assert (found.row.number, found.row.classification, found.row.status) == (
            "K872032", "SESE", "Substantially Equivalent",
        )  # fmt: skip
        assert (found.row.posted_on, found.row.k_numbers) == (date(1987, 6, 29), ("K872032",))

    def test_takes_the_day_of_creation_where_none_of_posting_stands(self):
        (found,) = read(results({"product_res_number": "Z-1", "event_date_created": "2022-07-11"}))

        assert found.row.posted_on == date(2022, 7, 11)

    def test_says_which_days_cannot_be_and_reads_the_rest(self):
        (found,) = read(results({"product_res_number": "Z-1", "event_date_initiated": "2922-08-22"}))

        assert found.problems == ((Problem.DATE, "event_date_initiated '2922-08-22'"),)
        assert (found.row.started_on, found.row.flaw) == (None, "event_date_initiated '2922-08-22'")

    def test_loses_a_record_without_its_number(self):
        (found,) = read(results({"product_res_number": " ", "recalling_firm": "A"}))

        assert (found.row, found.problems) == (None, ((Problem.NO_KEY, "no product_res_number"),))

    def test_takes_the_product_code_that_openfda_added_and_no_odd_numbers(self):
        record = {"product_res_number": "Z-1", "k_numbers": ["K12", 7, "K181740"], "openfda": {"product_code": "GEX"}}
        (found,) = read(results(record))

        assert (found.row.product_code, found.row.k_numbers) == ("GEX", ("K181740",))

    def test_leaves_out_what_no_database_takes(self):
        (found,) = read(results({"product_res_number": "Z-1", "code_info": "a\x00b\ud800", "openfda": []}))

        assert found.row.codes == "a b?"

    def test_reads_pieces_as_they_come(self, monkeypatch):
        monkeypatch.setattr(notices, "_PIECE", 7)

        assert [found.row.number for found in read(openfda.recalls(openfda.REAL))] == ["Z-1354-2023", "Z-1346-2022"]

    def test_writes_numbers_as_the_database_reads_a_list(self):
        cells = dict(
            zip(notices.NOTICE_FIELDS, Notice(number="Z-1", k_numbers=("K181740", "K172144")).cells(), strict=True)
        )

        assert (cells["number"], cells["k_numbers"]) == ("Z-1", "{K181740,K172144}")

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"{}", "This is not an openFDA file: it has no list of results."),
            (
                b'{"results": [{"product_res_number": "Z-1"}',
                "A record has no end: the file was cut off or damaged. Fetch it again.",
            ),
            (b'{"results": [7]}', "Something in the list of results is not a record."),
        ],
    )
    def test_refuses_what_is_no_such_file(self, content, sentence):
        with pytest.raises(Unreadable) as refused:
            read(content)
        assert refused.value.sentence == sentence

    def test_refuses_what_has_no_list_of_results_before_it_fills_the_memory(self, monkeypatch):
        monkeypatch.setattr(notices, "LARGEST_RECORD", 100)
        monkeypatch.setattr(notices, "_PIECE", 64)
        file = io.BytesIO(b'{"meta": "' + b"x" * 1_000)

        with pytest.raises(Unreadable, match="no list of results"):
            notices.first(file, sources()[RECALLS])

        assert file.tell() == 128

    def test_refuses_a_record_without_an_end_before_it_fills_the_memory(self, monkeypatch):
        monkeypatch.setattr(notices, "LARGEST_RECORD", 100)
        monkeypatch.setattr(notices, "_PIECE", 64)

        with pytest.raises(Unreadable):
            read(results({"product_res_number": "Z-1", "code_info": "x" * 1000}))


class TestFirst:
    def test_returns_the_first_record_as_it_is_written(self):
        file = io.BytesIO(openfda.recalls(openfda.REAL))

        assert notices.first(file, sources()[RECALLS])["product_res_number"] == "Z-1354-2023"

    @pytest.mark.parametrize("content", [openfda.enforcement(openfda.REAL), results()])
    def test_refuses_another_registers_file(self, content):
        with pytest.raises(Unreadable) as refused:
            notices.first(io.BytesIO(content), sources()[RECALLS])
        assert refused.value.sentence == (
            "This is no openFDA file of this register: its first record has no product_res_number."
        )


class TestWatch:
    @pytest.mark.parametrize("size", [5, 64, 10_000])
    def test_counts_records_across_pieces_for_the_progress(self, size):
        content, watch = openfda.recalls(openfda.strangers(9)), Watch(sources()[RECALLS])
        list(watch.through(content[start : start + size] for start in range(0, len(content), size)))

        assert watch.verdict().lines == 10


def test_there_are_no_columns_to_choose():
    check_columns({}, [], sources()[RECALLS])
