"""What a unit may cost here, and what is left of its price when a buyer leaves handpieces out."""

from collections.abc import Iterable

from ..kernel.money import Money
from .models import Handpiece

LEAST, MOST = Money(10_000), Money(99_999_999)


def reductions(parts: Iterable[Handpiece]) -> int:
    """Return by how many minor units the price falls when every handpiece that lowers it is left out."""
    return sum(part.reduction_minor or 0 for part in parts)
