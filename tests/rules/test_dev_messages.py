"""What keeps the translations in step with what pages say, in a house of its own with a page and a few tables."""

import gettext
import json

import pytest
from babel.messages.pofile import read_po, write_po

from marketplace.dev import messages

CODE = """
from kernel import gettext, gettext_noop, ngettext

SORTS = {"new": gettext_noop("Newest first")}

def found(number, place):
    return gettext("In %(place)s", place=place) + ngettext("%(num)s device", "%(num)s devices", number)
"""
PAGE = """
<h1 title="{{ _("Of the house") }}">{{ _("Devices") }}</h1>
{% trans name=person %}
  Welcome <strong>{{ name }}</strong>,
  50 % is done.
{% endtrans %}
"""
SAID = {
    "Newest first": "marketplace/pages.py",
    "In %(place)s": "marketplace/pages.py",
    ("%(num)s device", "%(num)s devices"): "marketplace/pages.py",
    "Of the house": "templates/page.html",
    "Devices": "templates/page.html",
    "Welcome <strong>%(name)s</strong>, 50 %% is done.": "templates/page.html",
    "Ruby 694 nm": "marketplace/catalog/data/modalities.json",
    "Laser class": "marketplace/listings/data/fields.csv",
    "Class IV": "marketplace/listings/data/fields.csv",
    "none": "marketplace/listings/data/fields.csv",
    "days": "marketplace/listings/data/fields.csv",
}
TOLD = {
    "Newest first": "Primero lo nuevo",
    "In %(place)s": "En %(place)s",
    "Of the house": "De la casa",
    "Devices": "Equipos",
    "Welcome <strong>%(name)s</strong>, 50 %% is done.": "Hola, <strong>%(name)s</strong>: va el 50 %%.",
    "Ruby 694 nm": "Rubí 694 nm",
    "Laser class": "Clase",
    "Class IV": "Clase IV",
    "none": "ninguna",
    "days": "días",
}


@pytest.fixture
def house(tmp_path, monkeypatch):
    for name, content in {
        "marketplace/pages.py": CODE,
        "templates/page.html": PAGE,
        "marketplace/catalog/data/modalities.json": json.dumps([{"name": "Ruby 694 nm"}]),
        "marketplace/listings/data/fields.csv": "label,answers,unit\nLaser class,4=Class IV|none,mm\nDevices,,days\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (tmp_path / messages.TRANSLATIONS / "es").mkdir(parents=True)
    monkeypatch.setattr(messages, "HOUSE", tmp_path)
    return tmp_path


def translate(**changed):
    """Write the translations as a person would; what is `changed` is told otherwise."""
    path = messages._path("es")
    with path.open("rb") as file:
        catalogue = read_po(file, locale="es")
    for message in catalogue:
        if isinstance(message.id, (tuple, list)):
            message.string = changed.get("device", ("%(num)s equipo", "%(num)s equipos", "%(num)s equipos"))
        elif message.id:
            message.string = changed.get(message.id, TOLD[message.id])
    with path.open("wb") as file:
        write_po(file, catalogue)


@pytest.fixture
def told(house, capsys):
    """The house with everything translated, written, and nothing wrong with it."""
    messages.main([])
    translate()
    assert messages.main([]) == 0
    capsys.readouterr()
    return house


def test_all_that_is_said_is_found_where_it_stands(house):
    said = {one.id: one.locations[0][0] for one in messages.messages() if one.id}

    assert said == SAID


def test_what_is_not_translated_is_named(house, capsys):
    assert messages.main([]) == 1

    assert sorted(capsys.readouterr().out.splitlines()) == sorted(
        f"es: not translated: {(one if isinstance(one, str) else one[0])!r}" for one in SAID
    )


def test_what_is_translated_is_told(told):
    spoken = gettext.translation("messages", told / messages.TRANSLATIONS, ["es"])

    assert spoken.gettext("Newest first") == "Primero lo nuevo"
    assert [spoken.ngettext("%(num)s device", "%(num)s devices", number) for number in (1, 2)] == [
        "%(num)s equipo",
        "%(num)s equipos",
    ]


def test_the_same_messages_are_the_same_files(told):
    files = [messages._path("es"), messages._path("es").with_suffix(".mo")]
    before = [file.read_bytes() for file in files]

    assert messages.main([]) == 0
    assert messages.main(["--check"]) == 0
    assert [file.read_bytes() for file in files] == before


def test_a_check_writes_nothing_and_says_what_is_not_in_step(told, capsys):
    page = told / "templates/page.html"
    page.write_text(PAGE.replace("Of the house", "Of this house"), encoding="utf-8")
    before = messages._path("es").read_bytes()

    assert messages.main(["--check"]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "es: not translated: 'Of this house'",
        "marketplace/translations/es/LC_MESSAGES/messages.po is not in step: run `python3 dev.py messages`.",
        "marketplace/translations/es/LC_MESSAGES/messages.mo is not in step: run `python3 dev.py messages`.",
    ]
    assert messages._path("es").read_bytes() == before


def test_a_file_that_is_not_there_is_not_in_step(told, capsys):
    messages._path("es").with_suffix(".mo").unlink()

    assert messages.main(["--check"]) == 1
    assert "messages.mo is not in step" in capsys.readouterr().out


def test_what_is_not_said_any_more_leaves(told):
    (told / "templates/page.html").write_text("", encoding="utf-8")

    assert messages.main([]) == 0
    assert b"De la casa" not in messages._path("es").read_bytes()


def test_what_is_doubtful_is_not_told(told, capsys):
    path = messages._path("es")
    marked = path.read_text(encoding="utf-8").replace('msgid "Of the house"', '#, fuzzy\nmsgid "Of the house"')
    path.write_text(marked, encoding="utf-8")

    assert messages.main([]) == 1
    assert capsys.readouterr().out == "es: not translated: 'Of the house'\n"


@pytest.mark.parametrize(
    ("message", "told_as", "wrong"),
    [
        ("Of the house", 'De "la casa"', "a mark in it would end an attribute"),
        ("In %(place)s", "En %(lugar)s", "it has not the values, elements or spaces of its original"),
        ("In %(place)s", "En %(place)s ", "it has not the values, elements or spaces of its original"),
        (
            "Welcome <strong>%(name)s</strong>, 50 %% is done.",
            "Hola, <em>%(name)s</em>: va el 50 %%.",
            "it has not the values, elements or spaces of its original",
        ),
        (
            "Welcome <strong>%(name)s</strong>, 50 %% is done.",
            "Hola, <strong>%(name)s</strong>: va el 50 %.",
            "it has not the values, elements or spaces of its original",
        ),
    ],
)
def test_what_would_break_a_page_is_named(told, capsys, message, told_as, wrong):
    translate(**{message: told_as})

    assert messages.main([]) == 1
    assert capsys.readouterr().out == f"es: {wrong}: {message!r}\n"


def test_a_plural_has_the_values_of_its_original(told, capsys):
    translate(device=("%(num)s equipo", "%(num)s equipos", "equipos"))

    assert messages.main([]) == 1
    assert capsys.readouterr().out == (
        "es: it has not the values, elements or spaces of its original: '%(num)s device'\n"
    )
