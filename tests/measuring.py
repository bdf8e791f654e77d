"""
Count which lines and branches of the house the tests take: `-p tests.measuring`.

Slipcover writes its marks into the bytecode and takes them out again when they were met, so that tests run at nearly
their usual speed; counting by trace function made them nearly three times as slow (docs/decisions/0013). Its own plugin
also wraps pytest's way of loading tests, which does not go with importlib mode; only the house is counted here.
"""

import json
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

import pytest
import slipcover
from slipcover.importer import SlipcoverLoader

HOUSE = Path(__file__).resolve().parents[1] / "marketplace"
LEFT_OUT = [
    r"if TYPE_CHECKING:",
    r"\.\.\.$",  # The body of a Protocol's method.
    r"@overload",
    r"if __name__ == .__main__.:",  # Each of these is one call of a `main` that has tests of its own.
]


class Counting(MetaPathFinder):
    """Load the modules of the house with marks in them."""

    def __init__(self, counter):
        self._counter = counter

    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] != HOUSE.name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = SlipcoverLoader(self._counter, spec.loader, spec.origin)
        return spec


assert HOUSE.name not in sys.modules, "The house must not be loaded before its lines can be counted."
# Marks that were met are taken out once one was met so often; each time all functions of the house are looked through.
_counter = slipcover.Slipcover(branch=True, exclude_also=LEFT_OUT, d_miss_threshold=2000)
_whole = slipcover.Slipcover(branch=True, exclude_also=LEFT_OUT, source=[str(HOUSE)])
sys.meta_path.insert(0, Counting(_counter))
_reports = []


def pytest_addoption(parser):
    parser.addoption("--covered", type=float, default=0.0, help="fail below this many per cent of lines and branches")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    _reports.append(json.loads(getattr(node, "workeroutput", {}).get("measured", "null")))


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["measured"] = json.dumps(_counter.get_coverage())
        return
    measured = session.config.measured = _counter.get_coverage()
    for report in filter(None, _reports):
        slipcover.merge_coverage(measured, report)
    if _unseen(measured):  # To count the lines of all files again takes seconds, in which nothing else is done.
        slipcover.merge_coverage(measured, _whole.get_coverage())
    if session.exitstatus == pytest.ExitCode.OK and _share(measured) < session.config.getoption("covered"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("lines and branches")
    slipcover.print_coverage(config.measured, outfile=terminalreporter, skip_covered=True)
    wanted = config.getoption("covered")
    terminalreporter.write_line(f"{_share(config.measured):.2f} % were taken; at least {wanted:g} % are wanted.")


def _unseen(measured):
    """Return the files of the house that no test so much as imported: all their lines are missing."""
    seen = {Path(name).resolve() for name in measured["files"]}
    return [path for path in HOUSE.rglob("*.py") if path not in seen]


def _share(measured):
    return measured["summary"]["percent_covered"]
