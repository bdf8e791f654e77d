"""`flask catalog load` and the reference data as a whole, as the people who run the house see them."""

import pytest

from marketplace.catalog import service
from marketplace.catalog.parsing import MAKERS, MODALITIES, MODELS


@pytest.fixture
def run(app):
    runner = app.test_cli_runner()
    return lambda *words: runner.invoke(args=words)


def put(folder, **changes):
    for name, text in {**service.shipped(), **changes}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder)


def test_loads_what_ships_and_says_what_changed(run):
    first, second = run("catalog", "load"), run("catalog", "load")

    assert (
        first.output
        == "Catalogue: 128 created, 0 changed, 0 unchanged.\nRunning web servers show it once they are restarted.\n"
    )
    assert second.output == "Catalogue: 0 created, 0 changed, 128 unchanged.\n"


def test_loads_from_a_folder_and_names_columns_it_does_not_know(run, tmp_path):
    folder = put(
        tmp_path,
        **{MAKERS: "maker,also_known_as,note,colour\n", MODELS: service.shipped()[MODELS].splitlines()[0] + "\n"},
    )
    done = run("catalog", "load", "--from", folder)

    assert done.output.splitlines()[:2] == [
        "Passed over a column that is not known: makers.csv: colour.",
        "Catalogue: 32 created, 0 changed, 0 unchanged.",
    ]


def test_says_what_is_wrong_and_fails(run, tmp_path):
    folder = put(tmp_path, **{MODALITIES: "[]x"})
    done = run("catalog", "load", "--from", folder)

    assert done.exit_code == 1
    assert "modalities.json, row 1: This is not JSON: Extra data." in done.output
    assert "nothing was changed" in done.output


def test_says_which_file_is_missing_or_is_no_text(run, tmp_path):
    (tmp_path / MAKERS).write_bytes(b"\xff\xfe")
    done = run("catalog", "load", "--from", str(tmp_path))

    assert done.exit_code == 1
    assert "modalities.json: There is no such file in the folder." in done.output
    assert "makers.csv: This is not UTF-8 text." in done.output
    assert "models.csv: There is no such file in the folder." in done.output


def test_the_reference_data_includes_the_catalogue(run):
    said = run("reference", "load").output

    assert "Catalogue: 128 created, 0 changed, 0 unchanged." in said
    assert "Costs in all counted anew: 0 were another." in said
