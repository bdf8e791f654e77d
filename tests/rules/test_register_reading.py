"""Files of registers: what is taken from each kind, what is said of bad rows, what refuses the whole."""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.dev import rosters
from marketplace.dev.rosters import Licence
from marketplace.kernel.errors import Invalid
from marketplace.kernel.shapes import Misshapen
from marketplace.registers import reading, records
from marketplace.registers.arriving import Unreadable, Watch
from marketplace.registers.reading import check_columns, guessed_columns, header_key, headers_of, rows
from marketplace.registers.records import ROW_FIELDS, Problem, digest_of
from marketplace.registers.sources import Field, Reports, read_sources, rosters_of, sources

TODAY = date(2026, 11, 22)
ANN = Licence("Laser Technician", "0010442", "DE LA TORRE", "ADA", "ROSE", date(2027, 8, 31), date(2019, 5, 2))


def content_of(lines: Iterable[str]) -> bytes:
    return b"".join(rosters.written(lines))


def read(content: bytes, code: str, columns: dict[str, Field] | None = None):
    source = sources()[code]
    watch = Watch(source)
    assert b"".join(watch.through([content])) == content
    seen = watch.verdict()
    headers = headers_of(io.BytesIO(content), source, seen.encoding)
    columns = guessed_columns(headers, source) if columns is None else columns
    return list(rows(io.BytesIO(content), source, seen.encoding, columns, today=TODAY))


def only(content: bytes, code: str):
    [found] = read(content, code)
    return found


def refusal(content: bytes, code: str = "TX:TDLR") -> str:
    with pytest.raises(Unreadable) as refused:
        read(content, code)
    return refused.value.sentence


class TestEveryRegister:
    @pytest.mark.parametrize("api", [False, True])
    def test_texas_writes_two_kinds_of_header_and_both_say_the_same(self, api):
        found = only(content_of(rosters.tdlr([ANN], api=api)), "TX:TDLR")

        assert (found.position, found.problems) == (1, ())
        assert found.row == records.Row(
            license_type="Laser Technician",
            number="0010442",
            number_key="10442",
            family_name="DE LA TORRE",
            given_name="ADA",
            middle_name="ROSE",
            family_head="DE",
            given_head="ADA",
            expires_on=date(2027, 8, 31),
            city="AUSTIN",
            state="TX",
            zip="78704",
        )

    def test_a_firm_of_texas_has_a_name_too(self):
        found = only(content_of(rosters.tdlr([ANN._replace(business="LONE STAR LASER, PLLC")])), "TX:TDLR")

        assert (found.row.business_name, found.row.family_name) == ("LONE STAR LASER, PLLC", None)

    def test_exclusions_have_their_day_and_no_birthday(self):
        found = only(content_of(rosters.leie([ANN._replace(npi="1234567893")])), "US:LEIE")

        assert (found.row.npi, found.row.issued_on, found.row.status) == ("1234567893", date(2019, 5, 2), "1128b4")
        assert "19700101" not in map(str, found.row.cells())

    def test_the_npi_of_ten_zeros_is_nobodys(self):
        found = only(content_of(rosters.leie([ANN])), "US:LEIE")

        assert (found.row.npi, found.problems) == (None, ())

    def test_an_npi_with_a_wrong_check_digit_is_reported(self):
        found = only(content_of(rosters.leie([ANN._replace(npi="1234567890")])), "US:LEIE")

        assert (found.row.npi, found.problems) == (None, ((Problem.NPI, "npi '1234567890'"),))

    def test_florida_ends_rows_with_a_separator_and_writes_both_statuses(self):
        found = only(
            content_of(rosters.mqa([ANN._replace(status="CLEAR", second_status="ACTIVE", discipline="Y")])), "FL:MQA"
        )

        assert found.problems == ()
        assert (found.row.status, found.row.discipline) == ("CLEAR · ACTIVE", "Y")
        assert "a@example.test" not in found.row.cells()

    def test_a_status_that_only_repeats_itself_is_said_once(self):
        assert only(content_of(rosters.mqa([ANN])), "FL:MQA").row.status == "Active"

    def test_florida_writes_hyphens_in_raw_headers(self):
        lines = [line.replace("_", "-").title() if not n else line for n, line in enumerate(rosters.mqa([ANN]))]

        assert only(content_of(lines), "FL:MQA").row.number == "0010442"

    def test_letters_of_florida_in_an_old_encoding_are_read(self):
        content = content_of(rosters.mqa([ANN._replace(family="MUÑOZ")])).decode().encode("cp1252")

        assert only(content, "FL:MQA").row.family_name == "MUÑOZ"

    def test_physicians_of_texas_have_no_discipline_when_it_says_none(self):
        found = only(content_of(rosters.tmb([ANN])), "TX:TMB")

        assert (found.row.discipline, found.row.expires_on) == (None, date(2027, 8, 31))

    def test_washington_tells_of_actions_taken(self):
        found = only(content_of(rosters.washington([ANN._replace(discipline="Yes")])), "WA:DOH")

        assert (found.row.discipline, found.row.issued_on, found.row.expires_on) == (
            "Yes",
            date(2019, 5, 2),
            date(2027, 8, 31),
        )
        assert "1970" not in found.row.cells()

    def test_illinois_tells_why(self):
        found = only(content_of(rosters.illinois([ANN._replace(discipline="Failure to supervise")])), "IL:IDFPR")

        assert (found.row.license_type, found.row.discipline) == ("Laser Technician", "Y · Failure to supervise")

    def test_nppes_answers_are_read_with_the_place_of_work(self):
        found = only(rosters.nppes([ANN._replace(npi="1234567893")]), "US:NPPES")

        assert (found.row.number, found.row.npi, found.row.city) == ("1234567893", "1234567893", "AUSTIN")
        assert (found.row.status, found.row.zip) == ("A", "78704")
        assert found.row.license_type == f"Dermatology, licence {ANN.number} of TX"

    @pytest.mark.parametrize("code", ["US:NPPES:FULL", "US:NPPES:WEEKLY"])
    @pytest.mark.parametrize(
        ("deactivated", "reactivated", "status"),
        [("", "", "A"), ("04/15/2026", "", "D"), ("04/15/2026", "05/02/2026", "A")],
    )
    def test_the_files_of_nppes_tell_who_has_a_number_and_whether_it_is_in_use(
        self, code, deactivated, reactivated, status
    ):
        headers = (
            "NPI,Entity Type Code,Provider Organization Name (Legal Business Name),Provider Last Name (Legal Name),"
            "Provider First Name,Provider Middle Name,Provider Business Practice Location Address City Name,"
            "Provider Business Practice Location Address State Name,Provider Enumeration Date,"
            "NPI Deactivation Date,NPI Reactivation Date,Healthcare Provider Taxonomy Code_1"
        )
        line = f"1234567893,1,,KHAN,AMIR,,AUSTIN,TX,05/23/2005,{deactivated},{reactivated},207N00000X"
        found = only(f"{headers}\n{line}\n".encode(), code)

        row = found.row
        assert (row.npi, row.family_name, row.given_name, row.status) == ("1234567893", "KHAN", "AMIR", status)
        assert (row.city, row.state, row.issued_on) == ("AUSTIN", "TX", date(2005, 5, 23))
        assert (row.license_type, found.problems) == ("207N00000X", ())

    def test_of_a_deactivated_number_no_name_is_left(self):
        full = b"NPI,Provider Last Name (Legal Name),NPI Deactivation Date\n1234567893,,04/15/2026\n"
        listed = b"NPI,NPPES Deactivation Date\n1234567893,04/15/2026\n"
        for found in (only(full, "US:NPPES:FULL"), only(listed, "US:NPPES:DEACTIVATED")):
            assert (found.row.npi, found.row.family_name, found.row.status) == ("1234567893", None, "D")
            assert found.problems == ()

    def test_a_row_of_nppes_without_a_number_is_lost(self):
        found = only(b"NPI,NPPES Deactivation Date\n,04/15/2026\n", "US:NPPES:DEACTIVATED")
        assert (found.row, found.problems) == (None, ((Problem.NO_KEY, "no npi"),))

    def test_no_source_reads_what_must_not_be_kept(self):
        headers = {alias for source in sources().values() for aliases in source.columns.values() for alias in aliases}

        assert not {header for header in headers if any(word in header for word in ("birth", "dob", "mail_", "phone"))}
        assert "email" not in headers

    @pytest.mark.parametrize("code", ["TX:TDLR", "US:LEIE", "FL:MQA", "TX:TMB", "WA:DOH", "IL:IDFPR"])
    def test_drawn_files_are_whole(self, code):
        writer = {
            "TX:TDLR": rosters.tdlr,
            "US:LEIE": rosters.leie,
            "FL:MQA": rosters.mqa,
            "TX:TMB": rosters.tmb,
            "WA:DOH": rosters.washington,
            "IL:IDFPR": rosters.illinois,
        }[code]
        found = read(content_of(writer(rosters.licences(60))), code)

        assert [entry.position for entry in found] == list(range(1, 61))
        assert all(entry.row is not None and not entry.problems for entry in found)


class TestBadRows:
    @pytest.mark.parametrize(
        ("written", "day", "sound"),
        [
            ("08/31/2027", date(2027, 8, 31), True),
            ("2027-08-31", date(2027, 8, 31), True),
            ("2027-08-31T00:00:00.000", date(2027, 8, 31), True),
            ("20270831", date(2027, 8, 31), True),
            ("00000000", None, True),
            ("", None, True),
            ("08/22/2922", None, False),
            ("01/01/1900", None, False),
            ("02/30/2026", None, False),
            ("soon", None, False),
            ("2027083", None, False),
            ("1/2", None, False),
            ("01/02", None, False),
        ],
    )
    def test_a_day_that_cannot_be_is_reported_and_left_out(self, written, day, sound):
        lines = [*rosters.tmb([ANN])]
        lines[1] = lines[1].replace("2027-08-31T00:00:00.000", written)

        found = only(content_of(lines), "TX:TMB")

        assert found.row.expires_on == day
        assert found.problems == (() if sound else ((Problem.DATE, f"expires_on {written!r}"),))
        assert found.row.flaw == (None if sound else f"expires_on {written!r}")

    def test_the_limits_of_a_day_still_count(self):
        latest = TODAY + records._LONGEST_TERM
        assert records.plausible_day(latest.isoformat(), latest) == (latest, True)
        assert records.plausible_day("1950-01-01", latest) == (date(1950, 1, 1), True)
        assert records.plausible_day("1949-12-31", latest) == (None, False)

    def test_a_twentieth_column_is_reported_and_the_row_not_guessed_at(self):
        lines = [*rosters.tdlr([ANN, ANN])]
        lines[1] += ",20"

        wide, sound = read(content_of(lines), "TX:TDLR")

        assert (wide.row, wide.problems) == (None, ((Problem.WIDTH, "20 columns where the header has 19"),))
        assert sound.row is not None

    def test_only_an_empty_column_may_follow_in_florida(self):
        lines = [*rosters.mqa([ANN])]
        lines[1] += "more|"

        assert only(content_of(lines), "FL:MQA").problems == ((Problem.WIDTH, "41 columns where the header has 39"),)

    def test_one_that_says_something_shifts_the_row_and_counts(self):
        lines = [*rosters.mqa([ANN])]
        lines[1] += "more"

        found = only(content_of(lines), "FL:MQA")
        assert (found.row, found.problems) == (None, ((Problem.WIDTH, "40 columns where the header has 39"),))

    def test_elsewhere_not_even_that(self):
        lines = [*rosters.tmb([ANN])]
        lines[1] += ","

        assert only(content_of(lines), "TX:TMB").problems[0][0] is Problem.WIDTH

    def test_blanks_say_nothing(self):
        row = only(content_of(rosters.mqa([ANN._replace(city="   ")])), "FL:MQA").row

        assert row.city is None
        assert row.family_name == ANN.family.upper()

    def test_a_row_without_what_names_it_is_reported(self):
        found = only(content_of(rosters.tdlr([ANN._replace(number="", family="", given="", middle="")])), "TX:TDLR")

        assert (found.row.family_name if found.row else None, found.problems[-1][0]) == (None, Problem.NO_KEY)
        assert found.problems[-1][1] == "no number and no name"

    def test_a_name_without_a_comma_is_that_of_a_firm(self):
        lines = [*rosters.tdlr([ANN])]
        lines[1] = lines[1].replace('"DE LA TORRE, ADA ROSE"', "SOLO SPA")

        assert only(content_of(lines), "TX:TDLR").row.business_name == "SOLO SPA"

    def test_a_place_that_is_none_is_left_out(self):
        lines = [*rosters.tdlr([ANN])]
        lines[1] = lines[1].replace("AUSTIN TX 78704", "SOMEWHERE")

        assert only(content_of(lines), "TX:TDLR").row.city is None

    def test_every_problem_has_its_words(self):
        assert all(problem.words for problem in Problem)

    def test_blank_lines_are_no_rows(self):
        assert [entry.position for entry in read(content_of([*rosters.tmb([ANN]), "", ""]), "TX:TMB")] == [1]


class TestHostileFiles:
    def test_nothing(self):
        assert refusal(b"") == "The file is empty."

    def test_nul_bytes(self):
        content = content_of(rosters.tdlr([ANN, ANN]))
        assert refusal(content[:-30] + b"\0" + content[-30:]) == (
            "Line 3 has a NUL byte in it: this is not a text file, or it is damaged."
        )

    @pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x1f\x8b\x08"])
    def test_packed(self, start):
        assert refusal(start + b"rest\n") == "The file is packed. Unpack it and send what is inside."

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf_16(self, encoding):
        mark = "\ufeff".encode(encoding)
        assert refusal(mark + "a,b\n".encode(encoding)) == "The file is in UTF-16. Save it as UTF-8."

    @pytest.mark.parametrize("cut", [0, 1])
    def test_another_encoding(self, cut):
        content = "license_type,license_number\nMUÑ".encode()[: -1 if cut else None]
        content = content + b"\n" if not cut else content
        if not cut:
            content = content.decode().encode("latin-1")
        assert refusal(content) == "The file is not in UTF-8, as this register's files are: letters would be lost."

    def test_a_giant_field(self):
        assert refusal(b"license_type,license_number\n" + b"x" * 70_000 + b",1\n") == (
            "Line 2 has more than 65,536 bytes: no register writes so."
        )

    def test_a_giant_line_in_pieces(self):
        watch = Watch(sources()["TX:TDLR"])
        with pytest.raises(Unreadable):
            list(watch.through([b"x" * 40_000, b"x" * 40_000]))

    def test_lines_in_pieces_are_counted_whole(self):
        watch = Watch(sources()["TX:TDLR"])
        list(watch.through([b"\xef\xbb\xbfa", b",b\n1,", b"2\n", b""]))
        assert watch.verdict().lines == 2

    def test_the_longest_line_is_read_and_none_that_is_longer(self):
        for pieces in ([b"x" * 65_536], [b"y\nx", b"x" * 65_535]):
            assert list(Watch(sources()["TX:TDLR"]).through([*pieces, b"\n"])) == [*pieces, b"\n"]
            with pytest.raises(Unreadable, match="has more than 65,536 bytes"):
                list(Watch(sources()["TX:TDLR"]).through([*pieces, b"x\n"]))

    def test_a_file_is_known_by_the_digest_of_all_its_bytes(self):
        watch = Watch(sources()["TX:TDLR"])
        list(watch.through([b"a,b\n", b"1,2\n"]))
        seen = watch.verdict()
        assert (seen.digest, seen.size) == (hashlib.sha256(b"a,b\n1,2\n").hexdigest(), 8)

    def test_letters_that_are_no_utf_8_stay_so_in_later_pieces(self):
        watch = Watch(sources()["FL:MQA"])
        list(watch.through([b"a|\xd1\n", b"b|c\n"]))
        assert watch.verdict().encoding == "cp1252"

    def test_letters_that_are_utf_8_are_read_so_where_others_may_come(self):
        watch = Watch(sources()["FL:MQA"])
        list(watch.through(["a|Ñ\n".encode()]))
        assert watch.verdict().encoding == "utf-8-sig"

    def test_a_cut_off_end(self):
        assert refusal(content_of(rosters.tdlr([ANN]))[:-5]) == (
            "The last line has no end: the file was cut off. Fetch it again."
        )

    def test_a_list_of_exclusions_with_a_row_cut_off(self):
        assert refusal(content_of([*rosters.leie([ANN]), '"A","B"']), "US:LEIE") == (
            "Row 2 has 2 columns where the header has 18: the file was cut off or damaged. Fetch it again."
        )

    def test_a_list_of_exclusions_with_other_columns(self):
        assert refusal(b"LASTNAME,FIRSTNAME\n", "US:LEIE") == (
            "This register's files have 18 columns, from LASTNAME to WVRSTATE; this one has 2, or others."
        )

    @pytest.mark.parametrize("header", ["one\n", "a,,b\n", "\n"])
    def test_no_header(self, header):
        assert refusal(header.encode()) == "The first line does not name columns."

    def test_a_header_that_says_the_same_twice(self):
        assert refusal(b"License Type,license-type\n") == "Two columns have the same name."

    def test_an_open_quotation_mark(self):
        lines = [*rosters.tmb([ANN, ANN])]
        lines[1] = lines[1].replace("ADA", '"ADA')
        assert refusal(content_of(lines), "TX:TMB").startswith("Row 1 breaks the form of the file (")

    @pytest.mark.parametrize(
        "content", [b"{", b"[]", b"{}", b'{"results": [1]}', b'{"results": [{}]}', b"[" * 100_000, b'{"results": 5}']
    )
    def test_no_answer_of_nppes(self, content):
        assert refusal(content, "US:NPPES") == "This is not an answer of the NPPES API: no list of results in it."

    def test_answers_without_end(self, monkeypatch):
        monkeypatch.setattr(reading, "LARGEST_ANSWER", 10)
        assert refusal(rosters.nppes([ANN]), "US:NPPES") == "Saved answers may have up to 0 MB."

    def test_an_answer_without_a_place_is_read(self):
        answer = {"results": [{"number": "1234567893", "basic": {"last_name": "TORRE"}}]}
        found = only(json.dumps(answer).encode(), "US:NPPES")
        assert (found.row.family_name, found.row.city) == ("TORRE", None)

    @settings(deadline=None)  # A busy machine may take its time for any one of them.
    @given(st.binary(max_size=300))
    def test_anything_is__refused_in_a_sentence(self, content):
        for code in ("TX:TDLR", "FL:MQA", "US:NPPES"):
            with contextlib.suppress(Unreadable):
                read(content, code, {})


class TestFirstRecord:
    def test_is_nothing_where_the_first_row_is_broken_or_missing(self):
        source = sources()["TX:TMB"]
        header, row = list(rosters.tmb([ANN]))[:2]
        first, second = header.split(",")[:1][0], row.split(",")[:1][0]

        def first_of(*lines):
            return reading.first_record(io.BytesIO("\n".join(lines).encode()), source, "utf-8")

        assert first_of(header, row)[first.strip('"')] == second.strip('"')
        assert first_of(header) == {}
        assert first_of(header, 'a,"b') == {}


class TestColumns:
    SOURCE = sources()["TX:TDLR"]

    @pytest.mark.parametrize(
        ("header", "key"),
        [
            ("License-Number", "license_number"),
            ("LICENSE NUMBER", "license_number"),
            (" license_number ", "license_number"),
            ("BUSINESS ADDRESS-LINE1", "business_address_line1"),
            ("!", ""),
        ],
    )
    def test_are_known_however_they_are_written(self, header, key):
        assert header_key(header) == key

    def test_of_two_that_may_be_it_the_first_is(self):
        assert guessed_columns(["license_type", "LICENSE TYPE"], self.SOURCE) == {"license_type": Field.LICENSE_TYPE}

    @pytest.mark.parametrize(
        ("columns", "sentence"),
        [
            ({"c": Field.NUMBER}, "A column was chosen that the file does not have."),
            ({"a": Field.NUMBER, "b": Field.NUMBER}, "Only one column can be the number."),
            ({"a": Field.NUMBER}, "Choose the column with the licence type: it names a row."),
            ({"a": Field.NUMBER, "b": Field.LICENSE_TYPE}, "Choose the column with the name."),
        ],
    )
    def test_must_name_a_row(self, columns, sentence):
        with pytest.raises(Invalid) as refused:
            check_columns(columns, ["a", "b"], self.SOURCE)
        assert refused.value.sentence == sentence

    def test_may_say_status_twice(self):
        chosen = [Field.NUMBER, Field.LICENSE_TYPE, Field.BUSINESS_NAME, Field.STATUS, Field.STATUS]
        check_columns(dict(zip("abcde", chosen, strict=True)), list("abcde"), self.SOURCE)

    def test_every_field_has_its_words(self):
        assert [Field.NUMBER.words, Field.NPI.words, Field.FAMILY_NAME.words] == ["Number", "NPI", "Family name"]


def test_the_digest_of_a_row_is_that_of_its_kept_values():
    cells = [None] * len(ROW_FIELDS)
    assert digest_of(cells) != digest_of(["x", *cells[1:]])
    assert digest_of(["ab", ""]) != digest_of(["a", "b"])
    assert len(digest_of(cells)) == 32


class TestSources:
    def test_texas_has_two_rosters(self):
        assert [source.code for source in rosters_of("TX")] == ["TX:TDLR", "TX:TMB"]
        assert rosters_of("OH") == []

    def test_those_that_tell_of_discipline_have_a_column_for_it(self):
        for source in sources().values():
            assert (Reports.DISCIPLINE in source.reports) == (Field.DISCIPLINE in source.columns)

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"jurisdiction": "XX"}, "A"),
            ({"jurisdiction": None}, "A"),
            ({"kind": "exclusions"}, "A"),
            ({"fresh_days": 0}, "A"),
            ({"layout": "openfda"}, "A"),
            ({"number_field": "k_number"}, "A"),
        ],
    )
    def test_one_that_contradicts_itself_is_refused(self, change, path):
        entry = {
            "code": "A", "name": "A", "publisher": "A", "address": "A", "standing": "P", "jurisdiction": "TX",
            "kind": "roster", "covers": "A", "layout": "csv", "fresh_days": 31, "reports": [], "key": [], "columns": {},
        }  # fmt: skip
        assert list(read_sources([entry])) == ["A"]
        with pytest.raises(Misshapen, match=path):
            read_sources([{**entry, **change}])
        with pytest.raises(Misshapen, match="twice"):
            read_sources([entry, entry])
