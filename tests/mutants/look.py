"""
Take every check of a module away that a machine can see, and print what no test notices.

    python3 dev.py mutants --look marketplace/registers                     by all tests of rules, services and web
    python3 dev.py mutants --look marketplace/recalls/queries.py tests/services/test_recalls.py …   by these

The lists beside this file were written by people, who know what a check is for; this finds the ones they did not think of.
All changes stand in the modules at once, each with a switch. The tests run once to see which of them come by which change;
then, for each change, a process is forked in which it is on and only those tests run. Some survivors are no harm: what is
asked twice, or only saves time. Each is for a person to judge.
"""

import importlib
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from itertools import accumulate
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.mutants import changes

ROOT = Path(__file__).parents[2]
TESTS = ("tests/rules", "tests/services", "tests/web")
BUDGET = 20  # Seconds of tests for one change, as long as they took when nothing was changed.
PATIENCE = 120  # Seconds for one change, on a machine that does other things as well.
WHOLE = 7200  # Seconds for all tests.


class Look:
    """A plugin of pytest that goes through the changes where others go through the tests."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.changes: list[tuple[Path, changes.Change]] = []
        self.alive = 0
        self._files = files
        self._on: int | None = None
        self._met: set[int] = set()
        self._failed: str | None = None
        self._killed = Counter[tuple[Path, str]]()

    # --- the modules -------------------------------------------------------------------------------------------

    def asked(self, number: int) -> bool:
        """Say whether a change is on, and note that somebody came by."""
        self._met.add(number)
        return number == self._on

    def code_of(self, path: Path):
        """Compile a module with all its changes."""
        tree, found = changes.changed(path.read_text(encoding="utf-8"), len(self.changes))
        self.changes += [(path, change) for change in found]
        return compile(tree, str(path), "exec", dont_inherit=True)

    def looks_at(self, path: Path) -> bool:
        return any(path == file or file in path.parents for file in self._files)

    def _rank(self, numbered: tuple[int, tuple[Path, changes.Change]]) -> tuple[int, Path]:
        """Keep to the order in which the rooms and files were named."""
        _, (path, _) = numbered
        return next(place for place, file in enumerate(self._files) if path == file or file in path.parents), path

    # --- the tests ---------------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self._failed = report.nodeid

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        for path in self._files:  # What is imported later would be numbered anew by each process.
            for module in [path] if path.is_file() else sorted(path.rglob("*.py")):
                importlib.import_module(
                    ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                )
        session.config._tmp_path_factory.getbasetemp()  # One for all: each process would clear up those of others.
        took = _asked_of_a_child(WHOLE, self._record, session)
        by = {item.nodeid: item for item in session.items}
        print(f"{len(self.changes)} changes, {len(took)} tests that come by one of them", flush=True)
        for number, (path, change) in sorted(enumerate(self.changes), key=self._rank):
            meets = {name: seconds for name, (seconds, met) in took.items() if number in met}
            # What has noticed other changes of this file comes first, then what is done soonest.
            names = sorted(meets, key=lambda name, path=path: (-self._killed[path, name], meets[name]))
            spent = accumulate((meets[name] for name in names), initial=0)
            tried = [name for name, before in zip(names, spent, strict=False) if before < BUDGET]
            fate = "no test" if not tried else self._fate(session, number, [by[name] for name in tried])
            if fate in by:
                self._killed[path, fate] += 1
                continue
            self.alive += 1
            where = f"{path.relative_to(ROOT)}:{change.line}"
            print(f"{where}  {fate} ({len(tried)} of {len(names)})\n    {change.was}\n  > {change.now}", flush=True)
        print(f"{len(self.changes) - self.alive} of {len(self.changes)} were noticed.", flush=True)
        return True

    def _fate(self, session, number: int, items: list) -> str:
        try:
            return _asked_of_a_child(PATIENCE, self._try, session, number, items) or "SURVIVES"
        except TimeoutError:
            return "TOO SLOW"

    def _record(self, session):
        """Run each test as it is; return how long it took, and by which changes it came."""
        took = {}
        for place, item in enumerate(session.items):
            self._met.clear()
            self._failed = None
            begun = time.monotonic()
            following = session.items[place + 1] if place + 1 < len(session.items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed is None and self._met:
                took[item.nodeid] = (time.monotonic() - begun, sorted(self._met))
        return took

    def _try(self, session, number: int, items: list) -> str | None:
        """Run some tests with a change on; return the one that noticed."""
        self._on = number
        self._failed = None
        for place, item in enumerate(items):
            following = items[place + 1] if place + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
                session._setupstate.teardown_exact(None)
                return item.nodeid
        return None


class _Changing(MetaPathFinder):
    def __init__(self, look: Look) -> None:
        self._look = look

    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] != "marketplace":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin and self._look.looks_at(Path(spec.origin)):
            spec.loader = _Loader(self._look, spec.name, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, look: Look, fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self._look = look

    def get_code(self, fullname):
        return self._look.code_of(Path(self.path))

    def exec_module(self, module):
        setattr(module, changes.ASKED, self._look.asked)
        super().exec_module(module)


def _asked_of_a_child(seconds: float, ask, *given):
    """Fork a process, let it ask, and return its answer."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_answer, args=(theirs, ask, given))
    child.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            raise TimeoutError
        return ours.recv()
    except EOFError:
        return "the process ended"
    finally:
        child.join(timeout=10)
        if child.is_alive():
            child.kill()
            child.join(timeout=10)
        ours.close()


def _answer(theirs: Connection, ask, given) -> None:
    with Path(os.devnull).open("r+") as nowhere:
        for stream in (0, 1, 2):
            os.dup2(nowhere.fileno(), stream)
    try:
        theirs.send(ask(*given))
    finally:
        os._exit(0)


def look(words: Sequence[str]) -> int:
    """Look at the named rooms or files by the named tests; return how many changes nobody noticed."""
    files = [(ROOT / word).resolve() for word in words if not word.startswith("tests/")]
    plugin = Look(files)
    for name in [name for name in sys.modules if name.partition(".")[0] == "marketplace"]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Changing(plugin))
    tests = [word for word in words if word.startswith("tests/")] or list(TESTS)
    status = pytest.main(["-q", "--capture=no", *tests], plugins=[plugin])
    return plugin.alive or int(status)
