"""What the documents room asks of a place that keeps bytes."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol


class CannotBeOpened(Exception):
    """Something is kept, and what it is cannot be had: its key is missing, or it was tampered with. Says which."""


class DocumentStore(Protocol):
    """Keeps the bytes of documents and nothing else, under names the server made: those without a row are swept."""

    def put(self, key: str, content: bytes) -> None:
        """Keep `content`, wholly or not at all."""
        ...

    def get(self, key: str) -> bytes:
        """
        Return what was kept.

        :raises KeyError: nothing is kept under this name
        :raises CannotBeOpened: it is, and cannot be read
        """
        ...

    def reseal(self, key: str) -> bool:
        """
        Let it be sealed as what is kept from now on is; say whether it was not yet.

        :raises KeyError: nothing is kept under this name
        :raises CannotBeOpened: it is, and cannot be read
        """
        ...

    def delete(self, key: str) -> None:
        """Forget it; nothing happens where nothing was."""
        ...

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Yield every name under which something is kept, and since when."""
        ...
