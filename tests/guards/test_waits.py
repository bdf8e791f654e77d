"""
Whoever waits, waits with a bound: for a thread, a process, a lock, an answer.

A wait without one is noticed only when the other side fails to come, and then by nobody: once a run of all tests stood
still for ever, and did not say where.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("marketplace", "tests", "benchmarks")
# With nothing between their brackets these wait for as long as it takes.
ENDLESS = {"acquire", "communicate", "join", "result", "wait"}
# These take a `timeout`.
PROGRAMS = {"call", "check_call", "check_output", "run"}
# The program of the local Stripe lives until it is told to end.
MEANT = ["marketplace/dev/stripe/__main__.py: stripe.wait()", "marketplace/dev/stripe/server.py: self._thread.join()"]


def is_endless(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute):
        return False
    if function.attr in ENDLESS:
        return not call.args and not call.keywords
    of_subprocess = isinstance(function.value, ast.Name) and function.value.id == "subprocess"
    return of_subprocess and function.attr in PROGRAMS and not any(given.arg == "timeout" for given in call.keywords)


def endless_waits(source: str) -> list[str]:
    return [
        ast.unparse(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ENDLESS
        else ast.unparse(node.func)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and is_endless(node)
    ]


def test_every_wait_has_a_bound():
    found = {
        f"{path.relative_to(ROOT)}: {wait}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for wait in endless_waits(path.read_text(encoding="utf-8"))
    }
    assert sorted(found) == MEANT


@pytest.mark.parametrize(
    ("source", "waits"),
    [
        ("thread.join()", ["thread.join()"]),
        ("thread.join(timeout=5)", []),
        ("', '.join(words)", []),
        ("process.wait()", ["process.wait()"]),
        ("process.communicate()", ["process.communicate()"]),
        ("barrier.wait(30)", []),
        ("subprocess.run(['ps'], check=True)", ["subprocess.run"]),
        ("subprocess.run(['ps'], timeout=5)", []),
        ("join()", []),
    ],
)
def test_a_wait_without_a_bound_is_seen(source, waits):
    assert endless_waits(source) == waits
