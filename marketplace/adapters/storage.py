"""Bytes on a disk of this machine, under names that the server made."""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

_OURS = re.compile(r"[0-9a-f]{2}/[0-9a-f-]{36}[a-z0-9._-]{0,40}")


class DiskStore:
    """
    Answers for `documents.ports.DocumentStore`, both stores of `listings.ports`, and `registers.ports.RegisterFiles`.

    Files are readable by the server's own user alone. A name that is not of our making is refused before it becomes
    a path, and a path that leads out of the store (a link somebody put there) is not followed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, content: bytes) -> None:
        """Keep `content`, wholly or not at all, and only return when it is on the disk."""
        self.keep(key, [content])

    def keep(self, key: str, chunks: Iterable[bytes]) -> None:
        """Keep the chunks as one file, wholly or not at all, and only return when it is on the disk."""
        path = self._path(key)
        for folder in (self._root, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes it 0600; the rename is what makes it visible.
        # Begun by its own name, so that what a killed process leaves is found by `names`, and swept like any orphan.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync(path.parent)

    def get(self, key: str) -> bytes:
        """
        Return what was kept.

        :raises KeyError: nothing is kept under this name
        """
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None

    def opened(self, key: str) -> BinaryIO:
        """
        Open what was kept, for reading from its start.

        :raises KeyError: nothing is kept under this name
        """
        try:
            return self._path(key).open("rb")
        except FileNotFoundError:
            raise KeyError(key) from None

    def delete(self, key: str) -> None:
        """Forget it; nothing happens where nothing was."""
        self._path(key).unlink(missing_ok=True)

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Yield every name under which something is kept, and since when."""
        for path in sorted(self._root.glob("??/*")):
            key = path.relative_to(self._root).as_posix()
            if _OURS.fullmatch(key):
                yield key, datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not _OURS.fullmatch(key) or not path.is_relative_to(self._root.resolve()):
            raise KeyError(key)
        return path


def _sync(folder: Path) -> None:
    # The name, too, must survive a power cut.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
