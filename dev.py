#!/usr/bin/env python3
"""
What a developer does with Second Light.

    python3 dev.py demo      everything on this machine, with data to look at
    python3 dev.py test      every test, with coverage
    python3 dev.py check     lint, types, walls, migrations, messages, locks
    python3 dev.py mutants   take each check away and see a test fail
    python3 dev.py bench     how fast the pages are
    python3 dev.py messages  what pages say, and in which languages
    python3 dev.py lock      choose the versions of all packages anew

Needs nothing but Python 3.11: the environment is made in `.venv`, from the hash-locked files in `requirements`.
"""

from __future__ import annotations  # An older Python must get as far as being told that it is too old.

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "second-light.json"
REQUIREMENTS = ROOT / "requirements"
# Each set contains the ones before it.
SETS = ("app", "demo", "dev")
COVERED = 99.9  # Per cent of lines and branches. The aim is 100; a line that only a race takes may be missed once.
LONGEST_RUN = 2700  # Seconds. Whoever leads the run may stand still as well, where no test is to blame.
# Where a machine lays files in memory. Tests make tens of thousands of files that live for a moment: on a file system
# without a journal, finding a place for each took longer than many a test.
MEMORY = Path("/dev/shm")  # noqa: S108  What is made there is ours alone.
ROOM = 4 * 2**30
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Trouble(Exception):
    """One clear sentence about the machine, instead of a traceback."""


# --- the environment ---------------------------------------------------------------------------------------


def lock_of(name: str) -> Path:
    """Return the lock file of a set."""
    return REQUIREMENTS / f"{name}.txt"


def digest(path: Path) -> str:
    """Return what tells one content of the file from another."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_environment(wanted: str) -> None:
    """Make `.venv` hold the packages of the set, if it does not already."""
    ROOT.joinpath("var").mkdir(exist_ok=True)
    with (ROOT / "var" / "environment.lock").open("w") as lock:
        # Two commands at once must not both install.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_installed(wanted):
            begun = time.monotonic()
            install(wanted)
            print(f"{time.monotonic() - begun:5.1f} s  the packages are installed", flush=True)


def is_installed(wanted: str) -> bool:
    """Say whether the environment holds this set, or a larger one, as the lock now says."""
    stamp = recorded()
    larger = SETS[SETS.index(wanted) :]
    return is_usable() and stamp.get("set") in larger and stamp["lock"] == digest(lock_of(stamp["set"]))


def is_usable() -> bool:
    """Say whether the environment can be kept: it was not moved, and its Python is still the same one."""
    stamp = recorded()
    return PYTHON.exists() and here() == {key: stamp.get(key, value) for key, value in here().items()}


def here() -> dict[str, str]:
    """Return what an environment cannot outlive: its own place, and the Python that it was made of."""
    return {"place": str(VENV), "python": str(PYTHON.resolve())}


def recorded() -> dict[str, str]:
    """Return what the last installation wrote down; nothing if it did not come to its end."""
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def install(wanted: str) -> None:
    """
    Install exactly what the lock says: with uv, or with pip where uv cannot.

    :raises Trouble: with the reason in a sentence
    """
    lock_file = lock_of(wanted)
    if not is_usable():
        shutil.rmtree(VENV, ignore_errors=True)
        # Without pip: minimal systems lack ensurepip, and any pip that there is can serve the environment.
        said = failure_of([sys.executable, "-m", "venv", "--without-pip", VENV])
        if said is not None:
            raise Trouble(sentence("The environment cannot be made", said))
    STAMP.unlink(missing_ok=True)
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        pip("install", "--no-deps", "--require-hashes", "-r", only("uv", lock_file))
    # An account without a home has no place for a cache.
    cache = [] if os.access(Path.home(), os.W_OK) else ["--no-cache"]
    said = failure_of([uv, "pip", "sync", *cache, "--quiet", "--require-hashes", "--python", PYTHON, lock_file])
    if said is not None:
        # pip knows what uv does not: the index and the certificates that the machine's pip.conf names.
        # The lock is the whole truth: what it leaves out is not asked for.
        said = pip("install", "--no-deps", "--require-hashes", "-r", lock_file)
    if said is not None:
        raise Trouble(sentence("The packages cannot be installed", said))
    STAMP.write_text(json.dumps({"set": wanted, "lock": digest(lock_file), **here()}))


def only(package: str, lock_file: Path) -> Path:
    """Return a lock file with one package of this one, hashes included."""
    found = re.search(rf"^{package}==(.|\\\n)*?[^\\]$", lock_file.read_text(), re.MULTILINE)
    assert found, f"{lock_file} locks no {package}"
    path = VENV / f"{package}.txt"
    path.write_text(found[0] + "\n")
    return path


def pip(*arguments: str | Path) -> str | None:
    """
    Run a pip for the environment, wherever it may come from; return what it said if it failed.

    :raises Trouble: there is none to be had
    """
    environment = {**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"}
    command: list[str | Path] = [*a_pip(), "--disable-pip-version-check", "--retries", "1", "--quiet", *arguments]
    return failure_of(command, environment=environment)


def a_pip() -> list[str | Path]:
    """
    Return the command that runs pip on the environment's Python.

    :raises Trouble: there is none on the machine and none to be had from its distribution
    """
    of_the_machine: list[str | Path] = [sys.executable, "-m", "pip", "--python", PYTHON]
    if failure_of([*of_the_machine, "--version"]) is None:
        return of_the_machine
    wheel = bundled_pip() or distribution_pip()
    if wheel is None:
        raise Trouble("There is no pip on this machine: apt-get install python3-venv, then start again.")
    # A wheel is a zip file, and Python runs a package inside a zip file.
    return [PYTHON, wheel / "pip"]


def bundled_pip() -> Path | None:
    """Return the wheel of pip that this Python or its distribution carries."""
    places = [Path(os.__file__).parent / "ensurepip" / "_bundled", Path("/usr/share/python-wheels"), VENV / "pip"]
    wheels = [wheel for place in places for wheel in sorted(place.glob("**/pip-*.whl"))]
    return wheels[0] if wheels else None


def distribution_pip() -> Path | None:
    """
    Fetch Debian's or Ubuntu's pip wheel with apt, which checks its signature, and unpack it in the environment.

    Nothing is installed and no right of root is needed.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    print("        this Python carries no pip; fetching the one of the distribution", flush=True)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        download = ["apt-get", "-q", "download", "python3-pip-whl"]
        if failure_of(download, directory=directory) is not None:
            # Lists of packages of our own, for a machine that has none or that is not ours.
            (directory / "lists" / "partial").mkdir(parents=True)
            own = ["-o", f"Dir::State::lists={directory / 'lists'}", "-o", f"Dir::Cache={directory}"]
            own += ["-o", "APT::Sandbox::User="]
            failure_of(["apt-get", "-q", *own, "update"], directory=directory)
            failure_of([*download, *own], directory=directory)
        for package in directory.glob("python3-pip-whl*.deb"):
            failure_of(["dpkg-deb", "-x", package, VENV / "pip"])
    return bundled_pip()


# --- running programs --------------------------------------------------------------------------------------


def failure_of(
    command: Sequence[str | Path], *, environment: dict[str, str] | None = None, directory: Path = ROOT
) -> str | None:
    """Run a program; return nothing when it succeeds, else what it said."""
    try:
        answer = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=False, env=environment, cwd=directory
        )
    except OSError as problem:
        return str(problem)
    return None if answer.returncode == 0 else (answer.stdout + answer.stderr).strip() or "it said nothing"


def sentence(what: str, said: str) -> str:
    """Return in one sentence what went wrong, from what a program said about it."""
    known = {
        "No module named venv": "this Python has no venv module; apt-get install python3-venv",
        "No space left on device": "there is no space left on the disk",
        r"(?i)hash mismatch|do(es)? not match the hash|THESE PACKAGES DO NOT MATCH": (
            "a downloaded package is not the one that was locked; the download is broken or was tampered with"
        ),
        r"(?i)dns error|name resolution|error sending request|failed to establish|connection (refused|reset)|"
        r"network is unreachable|timed out|could not connect|failed to fetch": (
            "the place where packages come from cannot be reached; there may be no network"
        ),
        r"(?i)bad ?zip|unexpected end of file|incomplete|corrupt|invalid zip": (
            "a downloaded package is broken; start again"
        ),
    }
    for pattern, meaning in known.items():
        if re.search(pattern, said):
            return f"{what}: {meaning}."
    return f"{what}: {said.splitlines()[-1]}"


# --- commands ----------------------------------------------------------------------------------------------


def demo(arguments: Sequence[str]) -> int:
    """Become the demo: the same process, so that whoever ends us ends it."""
    make_environment("demo")
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "marketplace.dev.supervisor", *arguments])


def test(arguments: Sequence[str]) -> int:
    """Run the tests; a whole run also demands that every branch was taken."""
    make_environment("dev")
    browser_is_required = os.environ.get("SECOND_LIGHT_REQUIRE_BROWSER") == "1"
    if not any(shutil.which(browser) for browser in BROWSERS):
        if browser_is_required:
            raise Trouble("No Chromium was found, and the browser tests are required: apt-get install chromium.")
        print("No Chromium was found: the browser tests are skipped.", flush=True)
    results = ROOT / "var" / "test-results.xml"
    # What hangs fails, with the stacks of all threads, where it would otherwise keep the run from ever ending.
    # A worker that dies ends the run: another one in its place would begin with the very test that killed it.
    workers = ["-n", "2", "--dist", "loadgroup", "--max-worker-restart", "0"]
    whole = [*workers, "--timeout", "300", f"--junitxml={results}", *measured()]
    command: list[str | Path] = [PYTHON, "-m", "pytest", *(arguments or whole)]
    longest = None if arguments else LONGEST_RUN
    with short_lived_files() as place:
        environment = {**os.environ, "COLUMNS": "110", **place}
        try:
            status = subprocess.run(command, check=False, cwd=ROOT, env=environment, timeout=longest).returncode
        except subprocess.TimeoutExpired as problem:
            raise Trouble(f"The tests came to no end within {LONGEST_RUN // 60} minutes.") from problem
    if status == 0 and browser_is_required and not arguments:
        expect_journeys(results)
    return status


@contextmanager
def short_lived_files() -> Iterator[dict[str, str]]:
    """Lay what the programs inside put into temporary files in memory, if there is room: what tells them so."""
    if not os.path.ismount(MEMORY) or shutil.disk_usage(MEMORY).free < ROOM:
        yield {}
        return
    for left in MEMORY.glob("second-light-run-*"):  # By a run that was killed.
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    place = MEMORY / f"second-light-run-{os.getpid()}"
    place.mkdir(mode=0o700)
    try:
        yield {"TMPDIR": str(place)}
    finally:
        shutil.rmtree(place, ignore_errors=True)


def measured() -> list[str]:
    """Return what lets pytest count the lines and branches taken; nothing where the machine has no counter for it."""
    if failure_of([PYTHON, "-c", "import slipcover"]) is None:
        return ["-p", "tests.measuring", "--covered", str(COVERED)]
    print("There is no slipcover for this machine: lines and branches are not counted.", flush=True)
    return []


def expect_journeys(results: Path) -> None:
    """:raises Trouble: a browser test was skipped, or there was none"""
    journeys = [case for case in ET.parse(results).iter("testcase") if ".journeys." in case.get("classname", "")]
    skipped = [case for case in journeys if case.find("skipped") is not None]
    if skipped or not journeys:
        raise Trouble(f"{len(skipped)} of {len(journeys)} browser tests were skipped, but all are required.")


def check(arguments: Sequence[str]) -> int:
    """Run every check, two at a time; show what the failing ones said."""
    make_environment("dev")
    tool = VENV / "bin"
    checks: dict[str, Callable[[], str | None]] = {
        "lint": lambda: failure_of([tool / "ruff", "check", "--output-format", "concise", "."]),
        "format": lambda: failure_of([tool / "ruff", "format", "--check", "--output-format", "concise", "."]),
        "types": lambda: failure_of([tool / "mypy"]),
        "walls": lambda: failure_of([tool / "lint-imports"]),
        "migrations": lambda: failure_of([PYTHON, "-m", "marketplace.dev.migrations"]),
        "messages": lambda: failure_of([PYTHON, "-m", "marketplace.dev.messages", "--check"]),
        "locks": stale_lock,
    }
    chosen = {name: checks[name] for name in arguments} or checks
    with ThreadPoolExecutor(max_workers=2) as pool:
        begun = time.monotonic()
        running = {name: pool.submit(ask) for name, ask in chosen.items()}
        failed = 0
        for name, answer in running.items():
            said = answer.result()
            failed += said is not None
            print(f"{time.monotonic() - begun:5.1f} s  {name}: {'good' if said is None else 'FAILED'}", flush=True)
            if said is not None:
                print(said, flush=True)
    return 1 if failed else 0


def bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks."""
    make_environment("dev")
    return subprocess.run([PYTHON, "-m", "benchmarks", *arguments], check=False, cwd=ROOT).returncode


def messages(arguments: Sequence[str]) -> int:
    """Read what pages say, and bring its translations in step."""
    make_environment("dev")
    return subprocess.run([PYTHON, "-m", "marketplace.dev.messages", *arguments], check=False, cwd=ROOT).returncode


def mutants(arguments: Sequence[str]) -> int:
    """Take the checks away one by one and see that the tests notice."""
    make_environment("dev")
    return subprocess.run([PYTHON, "-m", "tests.mutants.run", *arguments], check=False, cwd=ROOT).returncode


# --- locks -------------------------------------------------------------------------------------------------


def inputs() -> str:
    """Return what tells one set of wishes from another; comments and order of lines do not matter."""
    lines = {
        (name, line.split("#")[0].strip())
        for name in (*SETS, "left_out")
        for line in (REQUIREMENTS / f"{name}.in").read_text().splitlines()
    }
    return hashlib.sha256(repr(sorted(lines)).encode()).hexdigest()


def stale_lock() -> str | None:
    """Return which lock file was not made from the present wishes, or names a place to download from."""
    for name in SETS:
        text = lock_of(name).read_text()
        if not text.startswith(f"# inputs: {inputs()}\n"):
            return f"requirements/{name}.txt is older than the .in files: run `python3 dev.py lock`."
        if "://" in text:
            return f"requirements/{name}.txt names an address: only names, versions and hashes belong there."
    return None


def lock(arguments: Sequence[str]) -> int:
    """Write the lock files; versions stay unless a wish or `--upgrade` moves them."""
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        make_environment("dev")
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--quiet"]
    options += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--overrides", "left_out.in"]
    for name in reversed(SETS):
        target = lock_of(name)
        # The smaller sets take their versions from the largest, so that one environment can serve all.
        same = [] if name == "dev" else ["-c", "dev.txt"]
        command: list[str | Path] = [
            VENV / "bin" / "uv",
            "pip",
            "compile",
            f"{name}.in",
            *same,
            "-o",
            target,
            *options,
            *arguments,
        ]
        said = failure_of(command, directory=REQUIREMENTS)
        if said is not None:
            raise Trouble(sentence("The versions cannot be chosen", said))
        target.write_text(f"# inputs: {inputs()}\n" + re.sub(r"\A(#.*\n)*", "", target.read_text()))
    return 0


def main(arguments: Sequence[str]) -> int:
    """Do what was asked; return the exit status."""
    commands = {
        "demo": demo,
        "test": test,
        "check": check,
        "messages": messages,
        "mutants": mutants,
        "bench": bench,
        "lock": lock,
    }
    parser = argparse.ArgumentParser(
        prog="dev.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=commands)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed on to the command")
    given = parser.parse_args(arguments)
    # Many programs import the same modules; without kept bytecode each would compile them for seconds.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        return commands[given.command](given.arguments)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
    except OSError as problem:
        print(f"This machine refuses: {problem}.", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("Second Light needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")
    sys.exit(main(sys.argv[1:]))
