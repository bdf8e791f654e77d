"""Where a PostgreSQL server of our own keeps its things: made, owned, and cleared away when nobody holds it."""

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .trouble import Trouble

PORT: Final = 5432
# `sun_path` holds 108 bytes on Linux and 104 on macOS, with the closing zero.
_LONGEST_SOCKET: Final = 103

# Where an account with fewer rights can reach what root made for it.
SHARED: Final = Path("/var/tmp")  # noqa: S108 - the owner of every directory in it is checked
_SHORT: Final = Path("/tmp")  # noqa: S108 - as above; for sockets whose own path would be too long
# What is not kept needs no disk. A file system that has no journal searches long for a place for each new file, and a
# copy of a database is some hundred files: where thousands of them come and go, that was a fifth of all the time.
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - as above
_ROOM: Final = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Account:
    """The account that PostgreSQL runs under when we are root, which it refuses to run as."""

    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server keeps its things, and whom it runs as; no account means ourselves."""

    base: Path
    sockets: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """The cluster itself."""
        return self.base / "data"

    @property
    def log(self) -> Path:
        """What the server said since its last start."""
        return self.base / "log"

    @property
    def lock(self) -> Path:
        """Held by whoever starts the server, and by the server as long as it lives."""
        return self.base / "lock"

    @property
    def disposable(self) -> Path:
        """Present when nothing here is worth keeping once the lock is free."""
        return self.base / "disposable"


def _account() -> Account | None:
    """Return whom the server must run as: nobody in particular when we are root, else ourselves."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def place_of(directory: Path, *, durable: bool = True) -> Place:
    """
    Return where the server of this directory lives, with the place made and its owner checked.

    Another account could not pass through our own directories, so its server lives under `SHARED`, in a
    place that only we can change. What is not durable lives in memory, where the machine has room there.
    """
    account = _account()
    directory = directory.resolve()
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    base = directory if account is None else SHARED / f"second-light-{name}"
    if not durable and _room_in_memory() >= _ROOM:
        base = MEMORY / f"second-light-{name}"
    base.parent.mkdir(parents=True, exist_ok=True)
    own(base, mode=0o700 if account is None else 0o711)
    sockets = base / "run"
    if len(os.fsencode(sockets / f".s.PGSQL.{PORT}")) > _LONGEST_SOCKET:
        sockets = _SHORT / f"second-light-{os.geteuid()}-{name}"
    return Place(base, sockets, account)


def _room_in_memory() -> int:
    """Return how many bytes may be laid in memory as files; none where the machine knows no such thing, as macOS."""
    if not os.path.ismount(MEMORY):
        return 0
    return shutil.disk_usage(MEMORY).free


def own(directory: Path, *, mode: int, account: Account | None = None) -> None:
    """
    Make the directory, or take it as it is when it is ours already, and give it to the account.

    :raises Trouble: somebody else made it, and could read or change what we put there
    """
    with suppress(FileExistsError):
        directory.mkdir(mode=mode)
    found = directory.lstat()
    trusted = {os.geteuid()} if account is None else {os.geteuid(), account.user}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in trusted:
        raise Trouble(f"{directory} belongs to somebody else; remove it, or have its owner do so.")
    directory.chmod(mode)
    if account is not None:
        os.chown(directory, account.user, account.group)


def still_the_same(path: Path, descriptor: int) -> bool:
    """Say whether the name still means the file we hold: whoever erased the place took the name away."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return False


def sweep() -> None:
    """Erase what killed runs left behind in memory and under `SHARED`: disposable places that nobody holds."""
    for marker in (*SHARED.glob("second-light-*/disposable"), *MEMORY.glob("second-light-*/disposable")):
        place = Place(marker.parent, marker.parent / "run", None)
        # Another account's place cannot be opened, and another sweep may be faster.
        with suppress(OSError):
            lock = os.open(place.lock, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                clear(place)
            finally:
                os.close(lock)


def clear(place: Place) -> None:
    """Remove everything of a place whose lock we hold; the lock goes last."""
    for room in (place.data, place.base / "data.unfinished", place.sockets):
        remove(room)
    for file in (place.log, place.disposable, place.lock):
        file.unlink(missing_ok=True)
    # The place may hold what others put there.
    with suppress(OSError):
        place.base.rmdir()


def remove(directory: Path) -> None:
    """Remove a directory with what is in it, if it is there."""
    with suppress(FileNotFoundError):
        shutil.rmtree(directory)
