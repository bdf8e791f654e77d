"""What the listings room asks of places that keep photos."""

from collections.abc import Iterator
from datetime import datetime
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

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Yield every name under which something is kept, and since when."""
        ...


class OriginalStore(PhotoStore, Protocol):
    """Keeps photos as they were sent until they are made anew. Nobody sees them: they tell where they were taken."""
