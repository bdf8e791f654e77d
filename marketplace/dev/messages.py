"""
The messages of pages, and what they are in other languages: `python3 dev.py messages`.

Reads every message out of templates, code and data, brings the files in `marketplace/translations` in step (what is
not said any more leaves them), compiles them, and names what is not translated, or says something else than its
original. With `--check` nothing is written, and what would be is wrong.
"""

import argparse
import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HOUSE = Path(__file__).parents[2]
TRANSLATIONS = "marketplace/translations"

_KEYWORDS = {"_": None, "gettext": None, "gettext_noop": None, "ngettext": (1, 2)}
_METHODS = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
_OPTIONS = {
    "**.html": {"extensions": "jinja2.ext.i18n", "trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
}
_MEASURES = {"", "V", "nm", "mm"}
"""Written alike in every language."""

_NO_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""Git knows when a file was changed; a date in it would change it."""

_KEPT_ALIKE = re.compile(r"%\(\w+\)s|%%|</?\w+|^\s|\s$")
"""What a translation has as often as its original: values, elements, space at either end."""


def messages() -> Catalog:
    """Return everything that pages say, without any translation, by where it stands."""
    said = Catalog(fuzzy=False)
    for folder in ("marketplace", "templates"):
        found = extract_from_dir(str(HOUSE / folder), _METHODS, _OPTIONS, _KEYWORDS)
        for path, _, message, _, _ in sorted(found, key=lambda one: one[:2]):
            said.add(message, locations=[(f"{folder}/{path}", 0)])
    for path, words in _of_data():
        said.add(words, locations=[(path, 0)])
    return said


def _of_data() -> Iterator[tuple[str, str]]:
    """Return what stands in the tables that came with the house, and is shown by the names that it has there."""
    path = "marketplace/catalog/data/modalities.json"
    for modality in json.loads((HOUSE / path).read_text(encoding="utf-8")):
        yield path, modality["name"]
    path = "marketplace/listings/data/fields.csv"
    with (HOUSE / path).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield path, row["label"]
            for answer in filter(None, row["answers"].split("|")):
                kept, _, words = answer.partition("=")
                yield path, words or kept
            if row["unit"] not in _MEASURES:
                yield path, row["unit"]


def in_step(code: str, said: Catalog) -> Catalog:
    """Return what is said with what a language has for it, as far as it has."""
    path = _path(code)
    told = Catalog(
        locale=code, project="Second Light", version="1", header_comment=f"# What pages say, in {code}.",
        creation_date=_NO_DAY, revision_date=_NO_DAY, fuzzy=False,
    )  # fmt: skip
    known = Catalog(locale=code)
    if path.exists():
        with path.open("rb") as file:
            known = read_po(file, locale=code)
    for message in said:
        if message.id:
            has = known.get(message.id)
            told.add(message.id, has.string if has and not has.fuzzy else None, message.locations, message.flags)
    return told


def wrongs_of(told: Catalog) -> Iterator[str]:
    """Say of each message what is wrong with its translation."""
    for message in told:
        originals, strings = _forms(message.id), _forms(message.string)
        if not originals[0]:
            continue
        if not all(strings):
            yield f"not translated: {originals[0]!r}"
        elif any('"' in string for string in strings):
            yield f"a mark in it would end an attribute: {originals[0]!r}"
        elif not _alike(originals[-1], strings[-1]):
            yield f"it has not the values, elements or spaces of its original: {originals[0]!r}"


def _forms(words: object) -> tuple[str, ...]:
    """Return the forms that a message has by number; most have one."""
    return tuple(map(str, words)) if isinstance(words, (tuple, list)) else (str(words or ""),)


def _alike(original: str, string: str) -> bool:
    return Counter(_KEPT_ALIKE.findall(original)) == Counter(_KEPT_ALIKE.findall(string))


def _path(code: str) -> Path:
    return HOUSE / TRANSLATIONS / code / "LC_MESSAGES" / "messages.po"


def _files(told: Catalog) -> tuple[bytes, bytes]:
    """Return the file that people write, and the one that gettext reads; the same for the same messages, whenever."""
    written, compiled = BytesIO(), BytesIO()
    write_po(written, told, width=120, sort_output=True, include_lineno=False, omit_header=False)
    write_mo(compiled, told)
    return written.getvalue(), compiled.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring the files in step, or say that they are not; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--check", action="store_true", help="write nothing")
    checking = parser.parse_args(arguments).check
    said, wrong = messages(), []
    for folder in sorted((HOUSE / TRANSLATIONS).iterdir()):
        code, path = folder.name, _path(folder.name)
        told = in_step(code, said)
        wrong += [f"{code}: {one}" for one in wrongs_of(told)]
        for file, content in zip((path, path.with_suffix(".mo")), _files(told), strict=True):
            if checking and (not file.exists() or file.read_bytes() != content):
                wrong.append(f"{file.relative_to(HOUSE)} is not in step: run `python3 dev.py messages`.")
            elif not checking:
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(content)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
