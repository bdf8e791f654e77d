"""Who may do what to a want: one table, which pages ask as well. Pure."""

from enum import StrEnum


class Part(StrEnum):
    """What somebody is to a want."""

    POSTER = "poster"
    IN_CHARGE = "in_charge"  # owner or manager of the clinic that it is for


class WantAct(StrEnum):
    """What is done to it."""

    READ = "read"
    CHANGE = "change"
    MOVE = "move"  # pause, resume, close
    MUTE = "mute"


GRANTED: dict[WantAct, frozenset[Part]] = {
    WantAct.READ: frozenset({Part.POSTER, Part.IN_CHARGE}),
    WantAct.CHANGE: frozenset({Part.POSTER, Part.IN_CHARGE}),
    WantAct.MOVE: frozenset({Part.POSTER, Part.IN_CHARGE}),
    WantAct.MUTE: frozenset({Part.POSTER}),  # The mails are theirs.
}


def may(act: WantAct, parts: frozenset[Part]) -> bool:
    """Say whether the act is open to somebody with these parts."""
    return not GRANTED[act].isdisjoint(parts)
