"""What the documents room asks of a place that keeps bytes."""

from typing import Protocol


class DocumentStore(Protocol):
    """Keeps bytes under names that the server made."""

    def put(self, key: str, content: bytes) -> None:
        """Keep `content`, wholly or not at all."""
        ...

    def get(self, key: str) -> bytes:
        """
        Return what was kept.

        :raises KeyError: nothing is kept under this name
        """
        ...

    def delete(self, key: str) -> None:
        """Forget it; nothing happens where nothing was."""
        ...
