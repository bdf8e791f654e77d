"""What the listings room asks of a place that keeps photos."""

from typing import Protocol


class PhotoStore(Protocol):
    """Keeps the files of photos under names that the server made. They are public to whoever knows the name."""

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
