"""The catalogue's import: whole or not at all, the same files twice change nothing."""

import csv
import io
import json

import pytest
from sqlalchemy import func, select

from marketplace.audit import events_about
from marketplace.catalog import queries, service
from marketplace.catalog.models import DeviceModel, Maker, Modality
from marketplace.catalog.parsing import MAKERS, MODALITIES, MODELS
from marketplace.extensions import db
from marketplace.kernel.errors import NotFound
from tests.conftest import NOON
from tests.factories.catalog import load_catalogue, real_model
from tests.support import assert_refused_by


def counts():
    return tuple(db.session.scalar(select(func.count()).select_from(kind)) for kind in (Modality, Maker, DeviceModel))


def with_row(file, **cells):
    """The shipped files, with one more row in `file`."""
    files = service.shipped()
    header = next(csv.reader(io.StringIO(files[file])))
    out = io.StringIO()
    csv.DictWriter(out, header, lineterminator="\n").writerow(
        {"standing": "sourced", **cells} if file == MODELS else cells
    )
    return {**files, file: files[file] + out.getvalue()}


def with_modality(**changes):
    files = service.shipped()
    modalities = json.loads(files[MODALITIES])
    modalities[0].update(changes)
    return {**files, MODALITIES: json.dumps(modalities)}


class TestLoad:
    def test_brings_the_whole_catalogue(self):
        done = service.load(sources=service.shipped(), at=NOON)

        assert (done.created, done.changed, done.unchanged, done.ignored) == (128, 0, 0, [])
        assert counts() == (32, 20, 76)
        assert [event.data for event in events_about("catalogue", service.CATALOGUE)] == [
            {"created": 128, "changed": 0}
        ]

    def test_changes_nothing_the_second_time_and_says_so(self):
        service.load(sources=service.shipped(), at=NOON)
        done = service.load(sources=service.shipped(), at=NOON)

        assert (done.created, done.changed, done.unchanged) == (0, 0, 128)
        assert len(events_about("catalogue", service.CATALOGUE)) == 1

    def test_changes_only_what_differs(self):
        service.load(sources=service.shipped(), at=NOON)
        done = service.load(sources=with_modality(caution="Ask."), at=NOON)

        assert (done.created, done.changed, done.unchanged) == (0, 1, 127)
        assert queries.modalities()["ALEX"].caution == "Ask."

    def test_takes_columns_in_any_order_and_names_those_it_does_not_know(self):
        files = service.shipped()
        rows = list(csv.DictReader(io.StringIO(files[MAKERS])))
        out = io.StringIO()
        table = csv.DictWriter(out, ["note", "colour", "maker", "also_known_as", ""], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        done = service.load(sources={**files, MAKERS: "\ufeff" + out.getvalue() + ",,,,\n"}, at=NOON)

        assert (done.created, done.ignored) == (128, ["makers.csv: colour", "makers.csv: a column without a name"])

    @pytest.mark.parametrize(
        ("sources", "said"),
        [
            (with_row(MODELS, maker="Acme", model="X", modalities="ALEX", source="s"), ["models.csv, row 78, maker: makers.csv does not name Acme."]),
            (with_row(MODELS, maker="Candela", model="", modalities="ALEX", source="s"), ["models.csv, row 78, model: This must not be empty."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="ALEX"), ["models.csv, row 78, source: This must not be empty."]),
            (with_row(MODELS, maker="Candela", model="GentleMax Pro", modalities="ALEX", source="s"), ["models.csv, row 78, model: Candela GentleMax Pro stands here twice."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="", source="s"), ["models.csv, row 78, modalities: A model has at least one modality, if only an undetermined one."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="ALEX;ALEX", source="s"), ["models.csv, row 78, modalities: Something stands here twice."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="RAYGUN", source="s"), ["models.csv, row 78, modalities: modalities.json does not list RAYGUN."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="ALEX", source="s", k_numbers="K12345"), ["models.csv, row 78, k_numbers: K12345 is not a 510(k) number such as K123456."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="ALEX", source="s", product_code="gex"), ["models.csv, row 78, product_code: gex is not a product code such as GEX."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="ALEX", source="s", wavelengths_nm="755;red"), ["models.csv, row 78, wavelengths_nm: Write wavelengths in nm such as 755;1064 or 400-1200."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="ALEX", source="s", wavelengths_nm="1200-400"), ["models.csv, row 78, wavelengths_nm: Write wavelengths in nm such as 755;1064 or 400-1200."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="ALEX", source="s", standing="rumour"), ["models.csv, row 78, standing: rumour is not one of sourced, general knowledge."]),
            (with_row(MODELS, maker="Candela", model="X", modalities="ALEX", source="s", standing=""), ["models.csv, row 78, standing: This must not be empty."]),
            (with_row(MAKERS, maker="candela"), ["makers.csv, row 22, maker: This maker stands here twice."]),
            ({**service.shipped(), MAKERS: "maker,maker,note\n"}, ["makers.csv, row 1, also_known_as: This column is missing.", "makers.csv, row 1, maker: This column stands here twice."]),
            ({**service.shipped(), MODELS: ""}, [f"models.csv, row 1, {name}: This column is missing." for name in ("maker", "model", "modalities", "wavelengths_nm", "wavelengths_note", "k_numbers", "product_code", "standing", "note", "source")]),
            ({**service.shipped(), MAKERS: service.shipped()[MAKERS] + "Acme,one too many,,\n"}, ["makers.csv, row 22: The header has 3 columns, this row 4."]),
            (
                {**service.shipped(), MAKERS: service.shipped()[MAKERS] + f'Acme,"{"x" * 131_100}'},
                ["makers.csv, row 22: This breaks the form of a table (field larger than field limit (131072)); perhaps a quotation mark is open."],
            ),
            ({**service.shipped(), MODALITIES: "[\n oops"}, ["modalities.json, row 2: This is not JSON: Expecting value."]),
            (with_modality(determined=False), ["modalities.json, row 1, ALEX: What is undetermined cannot be known to enable a procedure."]),
            (with_modality(bands=[[1064, 755]]), ["modalities.json, row 1, ALEX: A band has two ends in nm, the lower one first."]),
            (with_modality(hazard_class="V"), ["modalities.json: [0].hazard_class: one of IV, not_a_laser, unknown expected, not 'V'."]),
        ],
    )  # fmt: skip
    def test_says_what_is_wrong_and_loads_nothing(self, sources, said):
        with pytest.raises(service.CatalogueRefused) as refusal:
            service.load(sources=sources, at=NOON)

        problems = [str(problem) for problem in refusal.value.problems]
        assert [problem for problem in problems if "makers.csv does not name" not in problem or problem in said] == said
        assert counts() == (0, 0, 0)

    def test_refuses_a_code_that_stands_twice(self):
        files = service.shipped()
        modalities = json.loads(files[MODALITIES])
        with pytest.raises(service.CatalogueRefused) as refusal:
            service.load(sources={**files, MODALITIES: json.dumps([*modalities, modalities[0]])}, at=NOON)

        assert refusal.value.sentence == "modalities.json, row 33, ALEX: This code stands here twice."
        assert counts() == (0, 0, 0)


class TestWhatTheCatalogueSays:
    def test_of_a_model_with_sources(self):
        model = queries.model(real_model("Candela GentleMax Pro").id)

        assert (model.title, model.slug, model.product_code) == (
            "Candela GentleMax Pro",
            "candela-gentlemax-pro",
            "GEX",
        )
        assert model.k_numbers == ("K133283", "K140122")
        assert model.bands == ((755, 755), (1064, 1064))

    def test_of_a_model_without_sources_nothing_is_invented(self):
        model = queries.model(real_model("InMode Morpheus8 / Fractora").id)

        assert (model.k_numbers, model.product_code, model.bands, model.standing) == ((), None, (), "general knowledge")

    def test_of_a_model_it_does_not_know(self):
        with pytest.raises(NotFound):
            queries.model(service.CATALOGUE)

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("ALEX", "hair removal, vascular and pigment treatment"),
            ("VACUUM", "nothing on its own"),
            ("LASER_MULTI", "not known until its modality is named"),
        ],
    )
    def test_what_a_modality_lets_one_do(self, code, words):
        load_catalogue()
        queries.forget()

        assert queries.modalities()[code].lets_you_do == words

    @pytest.mark.parametrize(
        ("title", "code", "bar"),
        [
            ("Candela GentleMax Pro", "ALEX", ((755, 755),)),
            ("Lumenis M22", "IPL", ((400, 1200),)),
            ("Lumenis M22", "ER_GLASS_FRAC", ((1565, 1565),)),
            ("Cutera xeo", "IPL", ((400, 1200),)),
            ("Lumenis LightSheer Duet", "DIODE_HR", ((800, 800), (790, 950))),
            ("Solta Thermage CPT", "RF_MONOPOLAR", ("radio frequency",)),
            ("Syneron (Candela) eMax", "ELOS_IPL_RF", ("radio frequency",)),
            ("Alma Harmony", "LASER_MULTI", ()),
            ("Syneron (Candela) VelaSmooth / VelaShaper", "VACUUM", ("vacuum",)),
        ],
    )
    def test_what_a_handpiece_emits(self, title, code, bar):
        model = queries.model(real_model(title).id)
        queries.forget()

        assert [
            queries.emits([code], model_modalities=model.modality_codes, model_bands=model.bands) for _ in "ab"
        ] == [bar, bar]

    def test_the_models_to_choose_from_stand_under_their_makers(self):
        load_catalogue()
        choice = queries.models_for_choice()

        assert list(choice)[:3] == ["Alma", "BTL", "Candela"]
        assert [name for _, name in choice["Zeltiq"]] == ["CoolSculpting", "CoolSculpting Elite"]
        assert len(choice) == 20


class TestTheDatabaseRefuses:
    def test_a_model_that_stands_twice_under_its_maker(self):
        model = real_model("Candela GentleMax Pro")
        with assert_refused_by("model_name_is_unique_per_maker"):
            db.session.add(DeviceModel(**{**_copied(model), "slug": "another"}))
            db.session.flush()

    def test_two_models_at_one_address(self):
        model = real_model("Candela GentleMax Pro")
        with assert_refused_by("uq_device_models_slug"):
            db.session.add(DeviceModel(**{**_copied(model), "name": "Another"}))
            db.session.flush()

    def test_a_product_code_that_is_none(self):
        model = real_model("Candela GentleMax Pro")
        with assert_refused_by("device_models_product_code_is_three_letters"):
            db.session.add(
                DeviceModel(**{**_copied(model), "name": "Another", "slug": "another", "product_code": "GE"})
            )
            db.session.flush()

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"name": "Candela", "slug": "other"}, "uq_makers_name"),
            ({"name": "Other", "slug": "candela"}, "uq_makers_slug"),
        ],
    )
    def test_two_makers_of_one_name(self, values, constraint):
        load_catalogue()
        with assert_refused_by(constraint):
            db.session.add(Maker(aliases=[], **values))
            db.session.flush()

    @pytest.mark.parametrize(
        ("column", "constraint"),
        [("emission", "modalities_emission"), ("hazard_class", "modalities_hazardclass")],
    )
    def test_words_that_the_catalogue_does_not_have(self, column, constraint):
        load_catalogue()
        with assert_refused_by(constraint):
            db.session.connection().exec_driver_sql(f"UPDATE modalities SET {column} = 'x'")

    def test_a_standing_that_is_no_standing(self):
        load_catalogue()
        with assert_refused_by("device_models_standing"):
            db.session.connection().exec_driver_sql("UPDATE device_models SET standing = 'rumour'")


def _copied(model):
    return {column.name: getattr(model, column.name) for column in DeviceModel.__table__.columns if column.name != "id"}
