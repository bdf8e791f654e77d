"""What people do about what is held of them: take it along."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ..accounts import steps
from ..extensions import unit_of_work
from . import held


def take(*, user_id: UUID, at: datetime) -> dict[str, Any]:
    """
    Return everything that is held about a person (`held.as_values`). That it was taken stays in the trail.

    :raises NotFound: there is no such person
    """
    with unit_of_work():
        user = steps.locked(user_id)
        values = held.as_values(user_id, at=at)
        steps.record("account:data_taken", user, actor_id=user_id, at=at)
        return values
