"""What the listings room asks of places that keep photos, and of who knows what was answered about a unit."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


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


class AnsweredQuestions(Protocol):
    """Knows what was asked of a unit and answered. Bound by app.py; called inside the asker's transaction."""

    def of_unit(self, listing_id: UUID) -> list[dict[str, Any]]:
        """Return each question that is shown, with its answers, as the condition report keeps them."""
        ...
