"""What is asked of a unit by modality: a table, read whole or not at all."""

import csv
import io

import pytest

from marketplace.kernel.errors import Invalid
from marketplace.listings import fields
from marketplace.listings.fields import COLUMNS, Kind, Place
from marketplace.listings.terms import CounterDirection, CounterUnit


def by_key(key):
    return next(field for field in fields.table() if field.key == key)


def read(**cells):
    row = {"place": "device", "key": "x", "label": "X", "kind": "text", "required_for": "*"}
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerow({**row, **cells})
    return fields.read(out.getvalue())


class TestAsked:
    def test_depends_on_the_modality(self):
        assert [field.key for field in fields.asked(Place.HANDPIECE, ["ALEX"])] == [
            "wavelengths_nm",
            "spot_sizes_mm",
            "optic",
        ]
        assert [field.key for field in fields.asked(Place.HANDPIECE, ["HIFU"])] == ["optic", "depth_mm"]
        assert fields.asked(Place.HANDPIECE, ["VACUUM"]) == ()

    def test_the_same_question_may_be_needed_by_one_and_not_by_another(self):
        assert by_key("spot_sizes_mm").needed_for(["ALEX"])
        assert not by_key("spot_sizes_mm").needed_for(["CO2"])
        assert by_key("spot_sizes_mm").applies_to(["CO2"])
        assert by_key("software_version").applies_to([])

    def test_the_counters_that_a_console_usually_has(self):
        assert [(one.part, one.unit, one.direction) for one in fields.counters_of(["CRYO"])] == [
            ("Cycle card", CounterUnit.CYCLES, CounterDirection.DOWN),
            ("Console", CounterUnit.HOURS, CounterDirection.UP),
        ]

    @pytest.mark.parametrize(("kept", "read"), [("2026-03-02", "2 Mar 2026"), ("in spring", "in spring")])
    def test_a_day_is_written_so_that_nobody_can_mistake_it(self, kept, read):
        assert by_key("last_calibration_on").written(kept) == read

    def test_an_ordinary_console_needs_few_answers(self):
        codes = ["ALEX", "NDYAG_LP"]
        needed = [
            field.key
            for place in (Place.DEVICE, Place.HANDPIECE)
            for field in fields.asked(place, codes)
            if field.needed_for(codes)
        ]

        assert needed == ["chiller", "wavelengths_nm", "spot_sizes_mm", "optic"]


class TestNormal:
    @pytest.mark.parametrize(
        ("key", "typed", "kept"),
        [
            ("wavelengths_nm", " 755 nm and 1064 nm ", "755;1064"),
            ("wavelengths_nm", "515 – 1200", "515-1200"),
            ("spot_sizes_mm", "3, 6, 6, 9.5", "3;6;9.5"),
            ("cryogen_cans", "1,000", "1000"),
            ("chiller", "built_in", "built_in"),
            ("software_version", " 4.2 ", "4.2"),
            ("software_version", " ", ""),
        ],
    )
    def test_keeps_one_form_of_what_people_type(self, key, typed, kept):
        assert fields.normal(by_key(key), typed) == kept

    @pytest.mark.parametrize(
        ("key", "typed", "said"),
        [
            ("wavelengths_nm", "red", "Write numbers with commas between them, such as 6, 9, 12."),
            ("wavelengths_nm", "nm", "Write numbers with commas between them, such as 6, 9, 12."),
            ("cryogen_cans", "two", "Write a whole number."),
            ("chiller", "perhaps", "Choose one of the answers."),
            ("software_version", "x" * 201, "This is longer than we keep here."),
        ],
    )
    def test_refuses_what_is_no_answer_and_names_the_field(self, key, typed, said):
        with pytest.raises(Invalid) as refusal:
            fields.normal(by_key(key), typed)

        assert (refusal.value.field, refusal.value.sentence) == (key, said)

    def test_leaves_out_what_is_not_asked_here(self):
        assert fields.answers(Place.DEVICE, ["CO2"], {"cryogen_cans": "2", "software_version": "4"}) == {
            "software_version": "4"
        }


class TestWritten:
    def test_with_its_unit_or_in_its_words(self):
        assert fields.written(
            Place.HANDPIECE, ["ALEX"], {"wavelengths_nm": "755", "optic": "worn", "depth_mm": "3"}
        ) == [
            ("Wavelengths", "755 nm"),
            ("Window, lens or tip", "needs replacing"),
        ]

    def test_a_confirmation_is_stated(self):
        (field,), _ = read(kind="confirm")
        assert field.written("yes") == "stated"


class TestObjections:
    def test_name_each_thing_that_is_needed(self):
        assert list(fields.objections(Place.HANDPIECE, ["ALEX"], {"optic": "clean"})) == [
            ("wavelengths_nm", "Say: Wavelengths."),
            ("spot_sizes_mm", "Say: Spot sizes."),
        ]

    @pytest.mark.parametrize(
        ("code", "said", "key"),
        [
            ("RF_MONOPOLAR", {"tip_supply": "reactivated"}, "tip_supply"),
            ("CRYO", {"applicator_part_number": "brz-ap1-080-000"}, "applicator_part_number"),
        ],
    )
    def test_name_what_cannot_be_sold_here(self, code, said, key):
        (objection,) = fields.objections(Place.HANDPIECE, [code], said)

        assert objection == (key, by_key(key).refused_because)

    def test_are_none_for_another_applicator(self):
        assert list(fields.objections(Place.HANDPIECE, ["CRYO"], {"applicator_part_number": "BRZ-AP1-999-000"})) == []

    def test_ask_to_confirm_what_is_confirmed(self, monkeypatch):
        (field,), _ = read(kind="confirm", label="It is clean")
        monkeypatch.setattr(fields, "table", lambda: (field,))
        assert list(fields.objections(Place.DEVICE, [], {})) == [("x", "Confirm: It is clean.")]


class TestTheTable:
    def test_that_is_shipped_is_whole(self):
        keys = [field.key for field in fields.table()]

        assert len(keys) == len(set(keys))
        assert fields.keys_of(Place.HANDPIECE) >= {"wavelengths_nm", "tip_supply"}
        assert {field.kind for field in fields.table() if field.place is Place.COUNTER} == {Kind.UP, Kind.DOWN}

    @pytest.mark.parametrize(
        ("cells", "said"),
        [
            ({"key": "A b"}, "key: A key is written in small letters, digits and underscores."),
            ({"kind": "colour"}, "kind: colour is not one of text, note, number, numbers, date, choice, confirm, up, down."),
            ({"place": ""}, "place: This must not be empty."),
            ({"kind": "up", "unit": "hours"}, "kind: A counter counts up or down, and nothing else does."),
            ({"place": "counter"}, "kind: A counter counts up or down, and nothing else does."),
            ({"place": "counter", "kind": "up", "unit": "miles"}, "unit: miles is not one of shots, pulses, hours, lines, cycles, percent_left."),
            ({"kind": "choice"}, "answers: A choice has answers, and nothing else has."),
            ({"answers": "a=b"}, "answers: A choice has answers, and nothing else has."),
            ({"refused": "a"}, "refused_because: Say why an answer is refused, where one is."),
            ({"required_for": ""}, "required_for: Name the modalities that it is asked for, or * for every one."),
        ],
    )  # fmt: skip
    def test_that_is_wrong_says_where(self, cells, said):
        _, problems = read(**cells)

        assert f"fields.csv, row 2, {said}" in list(map(str, problems))

    def test_asks_nothing_twice(self):
        text = ",".join(COLUMNS) + "\n" + 2 * "device,x,X,,text,*,,,,,\n"
        _, problems = fields.read(text)

        assert list(map(str, problems)) == ["fields.csv, row 3, key: This key stands here twice."]

    def test_that_is_wrong_is_not_used(self, monkeypatch):
        fields.table.cache_clear()
        monkeypatch.setattr(fields, "read", lambda _: ([], ["wrong"]))
        with pytest.raises(ValueError, match="wrong"):
            fields.table()
        fields.table.cache_clear()

    def test_an_answer_without_words_reads_as_it_is_kept(self):
        (field,), problems = read(kind="choice", answers="plain|b=in words")
        assert (field.answers, problems) == ((("plain", "plain"), ("b", "in words")), [])
