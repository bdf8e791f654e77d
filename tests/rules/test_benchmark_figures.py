"""Benchmarks speak one language, and each writes its own section of the page."""

import os
from dataclasses import replace

import pytest

from benchmarks import __main__ as command
from benchmarks import figures
from benchmarks.figures import Benchmark, Figure, Part, cpu_of_tree, in_parts, record, section, spent

QUICK = Figure("a page", 4.237, "ms", 10, "p95 5 ms")
SLOW = Figure("a register", 1_234.5, "s", 60)
PLAIN = Figure("memory", 12.34, "MB")


class TestFigure:
    def test_stands_beside_its_bar(self):
        assert QUICK.said() == "a page: 4.24 ms, bar 10 ms: met (p95 5 ms)"
        assert QUICK.row() == "| a page | 4.24 ms | under 10 ms | met | p95 5 ms |"
        assert SLOW.said() == "a register: 1,234 s, bar 60 s: NOT MET"
        assert SLOW.row() == "| a register | 1,234 s | under 60 s | **not met** |  |"
        assert PLAIN.said() == "memory: 12.3 MB"

    def test_the_bar_itself_is_not_under_it(self):
        assert Figure("x", 9.99, "s", 10).met
        assert not Figure("x", 10, "s", 10).met


def the(title, *measured):
    return Benchmark(title, " About it.", lambda _scale: iter(measured))


class TestRecord:
    @pytest.fixture(autouse=True)
    def page(self, tmp_path, monkeypatch):
        monkeypatch.setattr(figures, "RESULTS", tmp_path / "RESULTS.md")
        return tmp_path / "RESULTS.md"

    def test_writes_a_section_in_its_place_and_leaves_the_others(self, page):
        order = ["First", "Second"]
        record(section(the("Second"), [Part("", 0, "Yesterday.", [SLOW])]), order)
        record(section(the("First"), [Part("", 0, "Yesterday.", [PLAIN])]), order)
        record(section(the("Second"), [Part("", 0, "Today.", [QUICK])]), order)

        head, first, second = page.read_text().split("\n## ")
        assert head.startswith("# Measurements\n\nWritten by `python3 dev.py bench --record`")
        assert first == (
            "First\n\nAbout it.\n\nYesterday.\n\n| what | measured | bar | | beside it |\n|--|--|--|--|--|\n"
            "| memory | 12.3 MB |  |  |  |\n"
        )
        assert "Today." in second
        assert QUICK.row() in second
        assert "register" not in page.read_text()

    def test_of_a_section_in_parts_only_what_was_measured_is_replaced(self, page):
        record(section(the("One"), [Part("10", 0, "Monday.", [SLOW]), Part("100", 0, "Monday.", [SLOW])]), ["One"])
        page.write_text(page.read_text() + "\n### Read elsewhere\n\nBy hand.\n")
        record(section(the("One"), [Part("10", 0, "Today.", [QUICK]), Part("1,000", 0, "Today.", [PLAIN])]), ["One"])

        head, ten, hundred, elsewhere, thousand = page.read_text().split("\n### ")
        assert head.endswith("## One\n\nAbout it.\n")
        assert ten.startswith("10\n\nToday.\n\n| what |")
        assert ten.endswith(f"{QUICK.row()}\n")
        assert hundred.startswith("100\n\nMonday.\n\n| what |")
        assert hundred.endswith(f"{SLOW.row()}\n")
        assert elsewhere == "Read elsewhere\n\nBy hand.\n"
        assert thousand.endswith(f"{PLAIN.row()}\n")

    def test_figures_are_put_together_by_their_parts(self, monkeypatch):
        loads = iter([1.0, 2.0, 3.0, 4.0, 5.0])
        monkeypatch.setattr(figures.os, "getloadavg", lambda: (next(loads), 0, 0))
        first, other = replace(QUICK, part="a"), replace(SLOW, part="b")
        parts = list(in_parts([first, first, other]))

        assert [(one.title, one.figures) for one in parts] == [("a", [first, first]), ("b", [other])]
        assert "load 1.0 when it began, 2.0 when it ended" in parts[0].when
        assert "load 3.0 when it began, 4.0 when it ended" in parts[1].when
        assert list(in_parts([])) == []

    def test_says_how_busy_the_machine_was(self, monkeypatch):
        monkeypatch.setattr(figures.os, "cpu_count", lambda: 2)
        monkeypatch.setattr(figures.os, "getloadavg", lambda: (3.04, 0, 0))

        assert "2 processors, load 1.5 when it began, 3.0 when it ended." in figures.circumstances(1.5)
        assert "ended (others were using the machine)." in figures.circumstances(2.1)


class TestCommand:
    @pytest.fixture
    def benchmarks(self, monkeypatch, tmp_path):
        monkeypatch.setattr(figures, "RESULTS", tmp_path / "RESULTS.md")
        known = {"good": the("Good", QUICK), "bad": the("Bad", SLOW)}
        monkeypatch.setattr(command, "NAMES", tuple(known))
        monkeypatch.setattr(command, "benchmark", known.__getitem__)
        return tmp_path / "RESULTS.md"

    def ask(self, monkeypatch, *arguments):
        monkeypatch.setattr("sys.argv", ["bench", *arguments])
        command.main()

    def test_runs_the_one_that_is_named_and_writes_nothing(self, benchmarks, monkeypatch, capsys):
        self.ask(monkeypatch, "good")

        assert capsys.readouterr().out == f"\nGood\n  {QUICK.said()}\n"
        assert not benchmarks.exists()

    def test_fails_when_a_bar_is_not_met_and_records_what_was_seen(self, benchmarks, monkeypatch):
        with pytest.raises(SystemExit, match=r"A bar is not met\."):
            self.ask(monkeypatch, "--record")

        assert [line for line in benchmarks.read_text().splitlines() if line.startswith("##")] == ["## Good", "## Bad"]

    def test_knows_no_other_name(self, benchmarks, monkeypatch, capsys):
        with pytest.raises(SystemExit):
            self.ask(monkeypatch, "god")

        assert "there is no benchmark 'god', but good, bad" in capsys.readouterr().err

    @pytest.mark.parametrize("name", command.NAMES)
    def test_every_name_is_a_benchmark(self, name):
        assert isinstance(command.benchmark(name), Benchmark)


def test_seconds_of_processor_include_what_was_started():
    before = cpu_of_tree(os.getpid())
    with spent() as took:
        sum(range(100_000))

    assert took.wall > 0
    assert 0 <= took.cpu <= cpu_of_tree(os.getpid()) - before + 0.02
