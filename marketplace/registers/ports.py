"""What the registers room asks of a place that keeps large files for a while."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import BinaryIO, Protocol


class RegisterFiles(Protocol):
    """Keeps files from their arrival until they are loaded or refused, under names the server made."""

    def keep(self, key: str, chunks: Iterable[bytes]) -> None:
        """Keep the chunks as one file, wholly or not at all, without holding it in memory."""
        ...

    def opened(self, key: str) -> BinaryIO:
        """
        Open what was kept, for reading from its start.

        :raises KeyError: nothing is kept under this name
        """
        ...

    def delete(self, key: str) -> None:
        """Forget it; nothing happens where nothing was."""
        ...

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Yield every name under which something is kept, and since when."""
        ...
