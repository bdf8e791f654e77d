"""What both sides are told of a lien on an ordered unit. Pure."""

from .wording import News, Told


def found_to_buyer(told: Told) -> News:
    """A filing on the device was found that its seller had not stated."""
    return News(
        f"A filing was found on the {told.device}",
        (
            "Our staff found a filing on this very device that its seller had not stated. The seller was told.",
            "It does not leave, and nothing is paid out for it, before we have read a release by whoever filed.",
        ),
        "Look at what was found",
    )


def freed_to_buyer(told: Told) -> News:
    """Nothing rests on the device any more."""
    return News(
        f"The {told.device} is free of its lien",
        (
            "The seller handed in the release, and our finance desk has read it.",
            "The device can leave once the gate says yes again.",
        ),
        "Look at the order",
    )


def freed_to_seller(told: Told) -> News:
    """The release was found good."""
    return News(
        f"The release for the {told.device} is accepted",
        ("Our finance desk has read it. Get the release to ship on the order's page: the gate is asked again.",),
        "Look at the sale",
    )


def refused_to_seller(told: Told, because: str) -> News:
    """The release does not free the device."""
    return News(
        f"The release for the {told.device} does not do",
        (f"Our finance desk read it and writes: {because}", "Hand in another one on the order's page."),
        "Look at the sale",
    )
