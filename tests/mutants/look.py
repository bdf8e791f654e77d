"""
Take every check of a module away that a machine can see, and print what no test notices.

    python3 dev.py mutants --look marketplace/registers                     by all tests of rules, services and web
    python3 dev.py mutants --look marketplace/recalls/queries.py tests/services/test_recalls.py …   by these
    python3 dev.py mutants --look marketplace/links/service.py:84 …         of these lines alone
    python3 dev.py mutants --look --refusals marketplace/links              where it is decided that something is refused
    python3 dev.py mutants --look --budget=3 marketplace/eligibility tests/rules   by at most three seconds of them

The lists beside this file were written by people, who know what a check is for; this finds the ones they did not think of.
All changes stand in the modules at once, each with a switch. The tests run once to see which of them come by which change;
then, for each change, a process is forked in which it is on and only those tests run. What was noticed is kept in
`var/look.txt` and not asked again while the function stands as it stood: a run that was broken off goes on where it was, and
one with other tests asks only for what is left. Some survivors are no harm: what is asked twice, or only saves time. Each is
for a person to judge.
"""

import hashlib
import importlib
import json
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from itertools import accumulate
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.mutants import changes

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "var" / "look.txt"
MET = ROOT / "var" / "look"
TESTS = ("tests/rules", "tests/services", "tests/web")
BUDGET = 20.0  # Seconds of tests for one change, as long as they took when nothing was changed.
LEAST = 10  # Tests for one change, whatever they took.
PATIENCE = 20  # Seconds for one change beside five times what its tests took: the machine does other things as well.
WHOLE = 7200  # Seconds for all tests.
SPOKEN = 60  # Seconds between two sentences on how far it has come.


class Look:
    """A plugin of pytest that goes through the changes where others go through the tests."""

    def __init__(
        self, files: Sequence[Path], lines: Collection[tuple[Path, int]], budget: float, *, refusals: bool = False
    ) -> None:
        self.changes: list[tuple[Path, changes.Change]] = []
        self.alive = 0
        self._files = files
        self._lines = lines
        self._refusals = refusals
        self._budget = budget
        self._names: dict[int, str] = {}
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
        source = path.read_text(encoding="utf-8")
        tree, found = changes.changed(source, len(self.changes))
        names = changes.names(str(path.relative_to(ROOT)), source, found)
        self._names |= dict(enumerate(names, start=len(self.changes)))
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
        known = set(KEPT.read_text(encoding="utf-8").split()) if KEPT.exists() else set()
        todo = [one for one in enumerate(self.changes) if self._names[one[0]] not in known]
        lines = self._lines
        if self._refusals:  # That everybody is refused is noticed by whatever test does the thing.
            sources = {path: path.read_text(encoding="utf-8") for path, _ in self.changes}
            lines = {(path, line) for path, source in sources.items() for line in changes.refusals(source)}
            todo = [one for one in todo if one[1][1].now != "True"]
        if lines:
            todo = [one for one in todo if (one[1][0], one[1][1].line) in lines]
        print(f"{len(todo)} of {len(self.changes)} changes were not noticed before.", flush=True)
        took = self._met_by(session)
        _open_the_house(session)
        by = {item.nodeid: item for item in session.items}
        print(f"{len(took)} tests come by one of them.", flush=True)
        begun = spoken = time.monotonic()
        for done, (number, (path, change)) in enumerate(sorted(todo, key=self._rank)):
            if time.monotonic() - spoken > SPOKEN:
                spoken = time.monotonic()
                left = (spoken - begun) / done * (len(todo) - done) / 60
                print(f"… {done} of {len(todo)}, {self.alive} survive; {left:.0f} minutes more", flush=True)
            meets = {name: seconds for name, (seconds, met) in took.items() if number in met}
            names = self._in_order(path, meets)
            spent = list(accumulate((meets[name] for name in names), initial=0))
            tried = [name for n, name in enumerate(names) if n < LEAST or spent[n] < self._budget]
            seconds = sum(meets[name] for name in tried)
            fate = self._fate(session, number, [by[name] for name in tried], seconds) if tried else "no test"
            if fate in by:
                self._killed[path, fate] += 1
                _keep(self._names[number])
                continue
            self.alive += 1
            where = f"{path.relative_to(ROOT)}:{change.line}"
            print(f"{where}  {fate} ({len(tried)} of {len(names)})\n    {change.was}\n  > {change.now}", flush=True)
        print(f"{len(todo) - self.alive} of {len(todo)} were noticed.", flush=True)
        return True

    def _in_order(self, path: Path, meets: dict[str, float]) -> list[str]:
        """
        What noticed other changes of this file comes first, then what is done soonest, of each file of tests in turn.

        Tests that name the module come before those that only come by.
        """
        before = Counter[str]()
        cost = {}
        for name in sorted(meets, key=meets.__getitem__):
            file = name.partition("::")[0]
            before[file] += 1
            before[name.partition("[")[0]] += 1
            cost[name] = meets[name] * before[file] * before[name.partition("[")[0]]
            if not _names(ROOT / file, path.stem):
                cost[name] *= 10
        return sorted(meets, key=lambda name: (-self._killed[path, name], cost[name]))

    def _fate(self, session, number: int, items: list, seconds: float) -> str:
        try:
            return _asked_of_a_child(PATIENCE + 5 * seconds, self._try, session, number, items) or "SURVIVES"
        except TimeoutError:
            return "TOO SLOW"

    def _met_by(self, session) -> dict[str, tuple[float, set[int]]]:
        """Return how long each test took as it is, and by which changes it came; kept until its file or ours change."""
        house = _digest(sorted({path for path, _ in self.changes}))
        kept = MET / f"{house}.json"
        known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        files = {item.path: _digest([item.path]) for item in session.items}
        new = [item for item in session.items if f"{files[item.path]} {item.nodeid}" not in known]
        if new:
            took = _asked_of_a_child(WHOLE, self._record, session, new)
            known |= {f"{files[item.path]} {item.nodeid}": took[item.nodeid] for item in new if item.nodeid in took}
            MET.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(known), encoding="utf-8")
        keys = {item.nodeid: f"{files[item.path]} {item.nodeid}" for item in session.items}
        all_of = {name: known[key] for name, key in keys.items() if key in known}
        return {name: (seconds, set(met)) for name, (seconds, met) in all_of.items() if met}

    def _record(self, session, items: list):
        """Run tests as they are; return of those that pass how long each took, and by which changes it came."""
        took = {}
        for place, item in enumerate(items):
            self._met.clear()
            self._failed = None
            begun = time.monotonic()
            following = items[place + 1] if place + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed is None:
                took[item.nodeid] = (time.monotonic() - begun, sorted(self._met))
        return took

    def _try(self, session, number: int, items: list) -> str | None:
        """Run some tests with a change on; return the one that noticed."""
        self._on = number
        self._failed = None
        for place, item in enumerate(items):
            following = items[place + 1] if place + 1 < len(items) else _Nowhere(session)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
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


class _Nowhere:
    """What comes after the last test of a process: its modules are cleared up, the house stays open."""

    def __init__(self, session) -> None:
        self._session = session

    def listchain(self):
        return [self._session]


def _open_the_house(session) -> None:
    """Do once what a test of the house begins with, for all the processes to come; each opens its own connections."""
    # `own_database` and rules do without the tests' app.
    for item in session.items:
        if "app" in item.fixturenames and not item.get_closest_marker("own_database"):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=_Nowhere(session))
            app = item._fixtureinfo.name2fixturedefs["app"][-1].cached_result[0]
            with app.app_context():
                importlib.import_module("marketplace.extensions").db.engine.dispose()
            return


@cache
def _names(path: Path, word: str) -> bool:
    return re.search(rf"\b{word}\b", path.read_text(encoding="utf-8")) is not None


def _digest(paths: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in paths)).hexdigest()[:16]


def _keep(name: str) -> None:
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a", encoding="utf-8") as kept:  # One line in one go: two looks may write at once.
        kept.write(f"{name}\n")


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
    budget = next((float(word.partition("=")[2]) for word in words if word.startswith("--budget=")), BUDGET)
    alone = "--refusals" in words
    words = [word for word in words if not word.startswith("--")]
    named = [word.partition(":") for word in words if not word.startswith("tests/")]
    files = list(dict.fromkeys((ROOT / path).resolve() for path, _, _ in named))
    lines = {((ROOT / path).resolve(), int(line)) for path, _, line in named if line}
    plugin = Look(files, lines, budget, refusals=alone)
    from hypothesis import HealthCheck, Phase, settings  # The other runs of this folder must not know it before pytest.

    # No dice: what notices a change does so each time. Nor is the shortest example looked for, which takes minutes.
    settings.register_profile(
        "look",
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    for name in [name for name in sys.modules if name.partition(".")[0] == "marketplace"]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Changing(plugin))
    tests = [word for word in words if word.startswith("tests/")] or list(TESTS)
    status = pytest.main(
        ["-q", "--capture=no", "--hypothesis-profile=look", "--assert=plain", "--tb=native", *tests], plugins=[plugin]
    )
    return plugin.alive or int(status)
