"""The house reads its own lines."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "marketplace"
TEMPLATES = ROOT / "templates"
SOURCES = sorted(PRODUCT.rglob("*.py"))
# A developer's stand-ins keep their own time and their own books.
HOUSE = [path for path in SOURCES if "dev" not in path.relative_to(PRODUCT).parts]


def lines_matching(pattern: str, files=None) -> set[str]:
    found = re.compile(pattern)
    return {
        str(path.relative_to(PRODUCT))
        for path in (HOUSE if files is None else files)
        for line in path.read_text(encoding="utf-8").splitlines()
        if found.search(line)
    }


def test_only_the_unit_of_work_commits():
    assert lines_matching(r"\.commit\(") == {"extensions.py"}


def test_only_the_clock_asks_the_time():
    assert lines_matching(r"datetime\.now\(|utcnow\(|date\.today\(|time\.time\(") == {"kernel/clock.py"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PRODUCT)))
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_whoever_silences_a_rule_says_why_in_the_same_line():
    directive = r"#\s*(?:noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type: ignore(?:\[[\w, -]+\])?)"
    silenced, reason = re.compile(directive), re.compile(r"[^\W\d_]+\W+[^\W\d_]+")
    looked_at = [
        path for room in ("marketplace", "tests", "benchmarks", "migrations") for path in (ROOT / room).rglob("*.py")
    ]
    guilty = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [*ROOT.glob("*.py"), *looked_at]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (said := silenced.search(line)) and not reason.search(silenced.sub("", line[said.start() :]))
    ]
    assert guilty == []


def test_no_sentence_promises_what_only_a_bank_may():
    # Money waits with the platform until acceptance; that is not a trust account and must not be called one.
    word = "escr" + "ow"
    guilty = [
        str(path.relative_to(ROOT))
        for path in [*SOURCES, *TEMPLATES.rglob("*.*")]
        if word in path.read_text(encoding="utf-8").lower()
    ]
    assert guilty == []


def test_templates_carry_no_script_and_no_style():
    inline = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|<script(?![^>]*\ssrc=)", re.IGNORECASE)
    guilty = [
        str(path.relative_to(TEMPLATES))
        for path in TEMPLATES.rglob("*.html")
        if "mail" not in path.relative_to(TEMPLATES).parts and inline.search(path.read_text(encoding="utf-8"))
    ]
    assert guilty == []


def test_templates_trust_nothing_blindly():
    guilty = [
        str(path.relative_to(TEMPLATES))
        for path in TEMPLATES.rglob("*.*")
        if re.search(r"\|\s*safe\b|autoescape false", path.read_text(encoding="utf-8"))
    ]
    assert guilty == []


def test_every_template_is_used():
    spoken = "\n".join(
        path.read_text(encoding="utf-8") for path in [*SOURCES, *TEMPLATES.rglob("*.html"), *TEMPLATES.rglob("*.txt")]
    )
    unused = []
    for path in sorted(TEMPLATES.rglob("*.*")):
        name = str(path.relative_to(TEMPLATES))
        # Mails are named by their event, without the folder and the ending.
        known = name.removeprefix("mail/").rsplit(".", 1)[0] if name.startswith("mail/") else name
        if f'"{known}"' not in spoken and f'"{name}"' not in spoken:
            unused.append(name)
    assert unused == []


def test_every_macro_that_a_template_asks_for_is_used_there():
    idle = []
    for path in sorted(TEMPLATES.rglob("*.*")):
        page = path.read_text(encoding="utf-8")
        for names in re.findall(r"\{%-?\s*from \"[^\"]+\" import ([^%]+?)(?: with context)?\s*-?%\}", page):
            called = [name.split(" as ")[-1] for name in names.split(", ")]
            idle += [f"{path.name}: {name}" for name in called if len(re.findall(rf"\b{name}\b", page)) < 2]
    assert idle == []


def test_nothing_committed_names_a_package_registry():
    # Written in pieces, or this line would name one.
    marks = (
        "(index-" + "url|regis" + "try=|resolved).*:" + "//",
        r"files\.python" + "hosted",
        "/sim" + "ple/",
        "regis" + r"try\.npm",
    )
    address = re.compile("|".join(marks))
    looked_at = [*ROOT.glob("requirements/*"), *ROOT.glob("*.toml"), *ROOT.glob("*.py"), *ROOT.glob(".ci/*")]
    guilty = [str(path.relative_to(ROOT)) for path in looked_at if address.search(path.read_text(encoding="utf-8"))]
    assert guilty == []


def test_no_merge_was_left_half_done():
    mark = re.compile(r"^(<{7}|>{7}) |^={7}$", re.MULTILINE)
    looked_at = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *SOURCES, *TEMPLATES.rglob("*.*")]
    guilty = [str(path.relative_to(ROOT)) for path in looked_at if mark.search(path.read_text(encoding="utf-8"))]
    assert guilty == []
