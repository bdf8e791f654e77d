"""The door of the room: what happens to clinics, their sites and their people."""

from .limits import limit_purchases
from .membership import (
    AlreadyMember,
    AnotherAddress,
    LastOwner,
    accept_invitation,
    change_role,
    end_on,
    end_those_over,
    invite,
    remove_member,
    withdraw_invitation,
)
from .places import add_site, close_site, correct_site, found, name_laser_safety_officer
from .selling import OwnClinic, SecondLookIsAnothers, ask_for_seller_standing, decide_seller_standing

__all__ = [
    "AlreadyMember",
    "AnotherAddress",
    "LastOwner",
    "OwnClinic",
    "SecondLookIsAnothers",
    "accept_invitation",
    "add_site",
    "ask_for_seller_standing",
    "change_role",
    "close_site",
    "correct_site",
    "decide_seller_standing",
    "end_on",
    "end_those_over",
    "found",
    "invite",
    "limit_purchases",
    "name_laser_safety_officer",
    "remove_member",
    "withdraw_invitation",
]
