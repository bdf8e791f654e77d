"""The walls stand, and each of them was seen to hold."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _lint(folder: Path) -> str:
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [command, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout + done.stderr


def _broken(report: str) -> list[str]:
    return sorted(line.removesuffix(" BROKEN") for line in report.splitlines() if line.endswith(" BROKEN"))


def test_every_import_goes_down():
    report = _lint(ROOT)

    assert _broken(report) == []
    assert " 0 broken" in report


def test_each_wall_is_seen_to_hold(tmp_path):
    shutil.copytree(ROOT / "marketplace", tmp_path / "marketplace")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, line in {
        "kernel/money.py": "from .. import audit",
        "accounts/models.py": "from . import service",
        "listings/states.py": "import sqlalchemy",
        "orders/service.py": "import flask",
        "notifications/service.py": "import smtplib",
    }.items():
        with (tmp_path / "marketplace" / module).open("a") as file:
            file.write(f"\n{line}\n")

    assert _broken(_lint(tmp_path)) == [
        "Inside a room: pure below models below queries below service",
        "Only adapters speak to the outside",
        "Pure files know no framework, no database, no provider",
        "Rooms never see the request",
        "Rooms stand in layers",
    ]
