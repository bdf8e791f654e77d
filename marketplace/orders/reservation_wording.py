"""What buyer and seller are told about a reservation while qualifying, word for word. Pure."""

from dataclasses import dataclass
from datetime import datetime

from ..kernel.days import written

_NO_MONEY = "No money is taken, and the gate asks for the same as before."


@dataclass(frozen=True, slots=True)
class News:
    """One message to one side."""

    subject: str
    lines: tuple[str, ...]


def asked(device: str, buyer: str, clinic: str, message: str) -> News:
    """Tell the seller who would like them to wait."""
    return News(
        f"Somebody asks you to wait with your {device}",
        (
            f"{buyer} of {clinic} would like to buy your {device} and is still qualifying for it. They write:",
            f"“{message}”",
            "You can keep it for them for up to 14 days, or decline. While you wait nobody else can order it.",
        ),
    )


def granted(device: str, until: datetime) -> News:
    """Tell the buyer that the seller waits."""
    return News(
        f"The {device} is reserved for you",
        (
            f"The seller keeps the {device} for you until {_moment(until)}. {_NO_MONEY}",
            "Order it as soon as you are cleared; after that moment it is free for everybody again.",
        ),
    )


def declined(device: str) -> News:
    """Tell the buyer that the seller does not wait."""
    return News(
        f"The seller does not wait with the {device}",
        (f"The {device} stays on the market for everybody. You can still order it once you are cleared.",),
    )


def given_up(device: str) -> News:
    """Tell the seller that the buyer no longer asks."""
    return News(
        f"Nobody asks you to wait with your {device} any more",
        (f"The buyer took it back. Your {device} is free for everybody.",),
    )


def lapsed(device: str, *, granted: bool) -> News:
    """Tell the buyer that the time is over."""
    what = "The time for which the seller kept it is over" if granted else "The seller did not answer your request"
    return News(
        f"The {device} is no longer reserved for you" if granted else f"Your request for the {device} has lapsed",
        (f"{what}. The {device} is free for everybody; you can order it once you are cleared, if it is still there.",),
    )


def _moment(at: datetime) -> str:
    return f"{written(at)}, {at:%H:%M} UTC"
