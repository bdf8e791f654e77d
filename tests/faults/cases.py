"""The registry of what can go wrong with money."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@cache
def registry() -> dict[str, Any]:
    """Return what stands in `cases.toml`."""
    return tomllib.loads((HERE / "cases.toml").read_text(encoding="utf-8"))


@cache
def named() -> frozenset[str]:
    """Return every test that claims a case."""
    return frozenset(test for case in registry()["case"] for test in case["tests"])
