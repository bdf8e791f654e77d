"""
Who may do what: one table. Pure.

This is the outer wall: may this kind of person do this kind of thing at all. Whether it is *their* listing, order or
document is asked by the use-case, which answers "not found" to strangers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from ..kernel.terms import StaffRole


class Grant(StrEnum):
    """Kinds of people."""

    SIGNED_IN = "signed_in"
    MEMBER = "member"  # signed in, address confirmed, and not staff: staff do not trade here
    VERIFIER = "verifier"
    MODERATOR = "moderator"
    FINANCE = "finance"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Permission(StrEnum):
    """Kinds of acts. Those that end in `:read` change nothing, and no view may change anything under them."""

    ACCOUNT_READ = "account:read"
    ACCOUNT_MANAGE = "account:manage"
    CLINIC_READ = "clinic:read"
    CLINIC_MANAGE = "clinic:manage"
    CREDENTIAL_READ = "credential:read"
    CREDENTIAL_SUBMIT = "credential:submit"
    LISTING_READ = "listing:read"
    LISTING_WRITE = "listing:write"
    WATCH_READ = "watch:read"
    WATCH_KEEP = "watch:keep"
    WANT_READ = "want:read"
    WANT_KEEP = "want:keep"
    LEAD_READ = "lead:read"
    LEAD_ASK = "lead:ask"
    LEAD_HANDLE = "lead:handle"
    SHARING_READ = "sharing:read"
    SHARING_GIVE = "sharing:give"
    INSPECTION_READ = "inspection:read"
    INSPECTION_WRITE = "inspection:write"
    INSPECTION_HANDLE = "inspection:handle"
    QUESTION_READ = "question:read"
    QUESTION_ASK = "question:ask"
    QUESTION_ANSWER = "question:answer"
    QUESTION_REPORT = "question:report"
    MESSAGE_WRITE = "message:write"
    ORDER_READ = "order:read"
    ORDER_PLACE = "order:place"
    ORDER_CONFIRM = "order:confirm"
    ORDER_FULFIL = "order:fulfil"
    REVIEW_READ = "review:read"
    CREDENTIAL_REVIEW = "credential:review"
    LISTING_REVIEW = "listing:review"
    SELLER_REVIEW = "seller:review"
    MONEY_READ = "money:read"
    MONEY_MANAGE = "money:manage"
    PEOPLE_READ = "people:read"
    PEOPLE_MANAGE = "people:manage"
    POLICY_READ = "policy:read"
    POLICY_WRITE = "policy:write"
    POLICY_SIGN = "policy:sign"
    RULE_REVIEW = "rule:review"
    AUDIT_READ = "audit:read"

    @property
    def reads_only(self) -> bool:
        """Whether nothing can change under this permission."""
        return self.value.endswith(":read")


_P, _G = Permission, Grant

GRANTED: dict[Permission, frozenset[Grant]] = {
    _P.ACCOUNT_READ: frozenset({_G.SIGNED_IN}),
    _P.ACCOUNT_MANAGE: frozenset({_G.SIGNED_IN}),
    _P.CLINIC_READ: frozenset({_G.MEMBER}),
    _P.CLINIC_MANAGE: frozenset({_G.MEMBER}),
    _P.CREDENTIAL_READ: frozenset({_G.MEMBER}),
    _P.CREDENTIAL_SUBMIT: frozenset({_G.MEMBER}),
    _P.LISTING_READ: frozenset({_G.MEMBER}),
    _P.LISTING_WRITE: frozenset({_G.MEMBER}),
    _P.WATCH_READ: frozenset({_G.MEMBER}),
    _P.WATCH_KEEP: frozenset({_G.MEMBER}),
    _P.WANT_READ: frozenset({_G.MEMBER}),
    _P.WANT_KEEP: frozenset({_G.MEMBER}),
    _P.LEAD_READ: frozenset({_G.MEMBER}),
    _P.LEAD_ASK: frozenset({_G.MEMBER}),
    _P.LEAD_HANDLE: frozenset({_G.MODERATOR}),
    _P.SHARING_READ: frozenset({_G.MEMBER}),
    _P.SHARING_GIVE: frozenset({_G.MEMBER}),
    _P.INSPECTION_READ: frozenset({_G.MEMBER}),
    _P.INSPECTION_WRITE: frozenset({_G.MEMBER}),
    _P.INSPECTION_HANDLE: frozenset({_G.MODERATOR}),
    _P.QUESTION_READ: frozenset({_G.MEMBER}),
    _P.QUESTION_ASK: frozenset({_G.MEMBER}),
    _P.QUESTION_ANSWER: frozenset({_G.MEMBER}),
    _P.QUESTION_REPORT: frozenset({_G.SIGNED_IN}),
    _P.MESSAGE_WRITE: frozenset({_G.MEMBER}),
    _P.ORDER_READ: frozenset({_G.MEMBER}),
    _P.ORDER_PLACE: frozenset({_G.MEMBER}),
    _P.ORDER_CONFIRM: frozenset({_G.MEMBER}),
    _P.ORDER_FULFIL: frozenset({_G.MEMBER}),
    _P.REVIEW_READ: frozenset({_G.VERIFIER, _G.MODERATOR, _G.AUDITOR, _G.ADMIN}),
    _P.CREDENTIAL_REVIEW: frozenset({_G.VERIFIER}),
    _P.LISTING_REVIEW: frozenset({_G.MODERATOR}),
    _P.SELLER_REVIEW: frozenset({_G.VERIFIER}),
    _P.MONEY_READ: frozenset({_G.FINANCE, _G.AUDITOR, _G.ADMIN}),
    _P.MONEY_MANAGE: frozenset({_G.FINANCE}),
    _P.PEOPLE_READ: frozenset({_G.ADMIN, _G.AUDITOR}),
    _P.PEOPLE_MANAGE: frozenset({_G.ADMIN}),
    _P.POLICY_READ: frozenset({_G.VERIFIER, _G.MODERATOR, _G.AUDITOR, _G.ADMIN}),
    _P.POLICY_WRITE: frozenset({_G.ADMIN}),
    _P.POLICY_SIGN: frozenset({_G.AUDITOR, _G.ADMIN}),
    _P.RULE_REVIEW: frozenset({_G.VERIFIER, _G.ADMIN}),
    _P.AUDIT_READ: frozenset({_G.AUDITOR, _G.ADMIN}),
}


class Weighty(StrEnum):
    """Acts that spend trust. A session alone does not carry them: whoever does them has just shown who they are."""

    PLACE_ORDER = "place_order"
    SIGN_ORDER = "sign_order"
    APPROVE_ORDER = "approve_order"
    LIMIT_PURCHASES = "limit_purchases"
    RELEASE_DEVICE = "release_device"
    ACCEPT_DEVICE = "accept_device"
    AGREE_PRICE = "agree_price"
    SIGN_INSPECTION = "sign_inspection"
    GIVE_BACK = "give_back"
    LINK_PAYOUTS = "link_payouts"
    CHANGE_ADDRESS = "change_address"
    CHANGE_MEMBERS = "change_members"
    DECIDE_CASE = "decide_case"
    DECIDE_SELLER = "decide_seller"
    MOVE_MONEY = "move_money"
    OPEN_OR_CLOSE_ACCOUNT = "open_or_close_account"
    PUT_RULES_IN_FORCE = "put_rules_in_force"
    GRANT_ONE_OFF = "grant_one_off"
    CHANGE_PASSWORD = "change_password"  # noqa: S105  The name of an act.
    CHANGE_EMAIL = "change_email"
    CHANGE_SECOND_FACTOR = "change_second_factor"
    TURN_OFF_SECOND_FACTOR = "turn_off_second_factor"
    TAKE_DATA = "take_data"
    CLOSE_ACCOUNT = "close_account"


_W = Weighty

WEIGHED: dict[Weighty, tuple[frozenset[Permission], str]] = {
    _W.PLACE_ORDER: (frozenset({_P.ORDER_PLACE}), "placing an order"),
    _W.SIGN_ORDER: (frozenset({_P.ORDER_CONFIRM}), "signing an order as its practitioner"),
    _W.APPROVE_ORDER: (frozenset({_P.ORDER_PLACE}), "approving a purchase of the clinic"),
    _W.LIMIT_PURCHASES: (frozenset({_P.CLINIC_MANAGE}), "changing which purchases of the clinic need a second person"),
    _W.RELEASE_DEVICE: (frozenset({_P.ORDER_FULFIL}), "releasing or sending a device"),
    _W.ACCEPT_DEVICE: (frozenset({_P.ORDER_PLACE}), "accepting a device, for which the seller is then paid"),
    _W.AGREE_PRICE: (frozenset({_P.ORDER_FULFIL, _P.ORDER_PLACE}), "agreeing on a price"),
    _W.SIGN_INSPECTION: (frozenset({_P.INSPECTION_WRITE}), "signing what you saw of a device"),
    _W.GIVE_BACK: (frozenset({_P.ORDER_FULFIL, _P.ORDER_PLACE}), "giving a payment back"),
    _W.LINK_PAYOUTS: (frozenset({_P.ORDER_FULFIL}), "changing where the clinic is paid"),
    _W.CHANGE_ADDRESS: (frozenset({_P.CLINIC_MANAGE}), "changing where devices are sent"),
    _W.CHANGE_MEMBERS: (frozenset({_P.CLINIC_MANAGE}), "changing who belongs to the clinic, and as what"),
    _W.DECIDE_CASE: (frozenset({_P.CREDENTIAL_REVIEW}), "deciding on a credential, a finding or a recall"),
    _W.DECIDE_SELLER: (frozenset({_P.SELLER_REVIEW}), "deciding on a seller"),
    _W.MOVE_MONEY: (frozenset({_P.MONEY_MANAGE}), "moving other people's money"),
    _W.OPEN_OR_CLOSE_ACCOUNT: (frozenset({_P.PEOPLE_MANAGE}), "opening or closing somebody's account"),
    _W.PUT_RULES_IN_FORCE: (frozenset({_P.POLICY_SIGN, _P.POLICY_WRITE}), "putting rules in force, or out of it"),
    _W.GRANT_ONE_OFF: (frozenset({_P.RULE_REVIEW}), "deciding on a one-off"),
    _W.CHANGE_PASSWORD: (frozenset({_P.ACCOUNT_MANAGE}), "changing the password"),
    _W.CHANGE_EMAIL: (frozenset({_P.ACCOUNT_MANAGE}), "changing the e-mail address of the account"),
    _W.CHANGE_SECOND_FACTOR: (frozenset({_P.ACCOUNT_MANAGE}), "setting up a second factor, or its recovery codes"),
    _W.TURN_OFF_SECOND_FACTOR: (frozenset({_P.ACCOUNT_MANAGE}), "turning the second factor off"),
    _W.TAKE_DATA: (frozenset({_P.ACCOUNT_MANAGE}), "taking along what is held about you"),
    _W.CLOSE_ACCOUNT: (frozenset({_P.ACCOUNT_MANAGE}), "closing your account"),
}
"""Under which permission each of them stands, and what it is called where the person is asked."""

ASKED_ON_THE_FORM = frozenset({_W.CHANGE_PASSWORD, _W.TURN_OFF_SECOND_FACTOR})
"""What asks for the password in its own form, every time: to ask twice would help nobody."""


def is_fresh(confirmed_at: datetime | None, *, lasts: timedelta, at: datetime) -> bool:
    """Say whether somebody who last showed who they are at `confirmed_at` need not do so again yet."""
    return confirmed_at is not None and at - confirmed_at < lasts


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking: the person behind a living session."""

    id: UUID
    session_id: UUID
    name: str
    email: str
    staff_role: StaffRole | None
    email_confirmed: bool
    confirmed_at: datetime | None = None
    """When they last showed, in this session, that it is them; None: never."""
    has_second_factor: bool = False

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """Return the session, for Flask-Login; the cookie's own token never comes back out of the database."""
        return str(self.session_id)

    @property
    def grants(self) -> frozenset[Grant]:
        """The kinds of people that this one is."""
        if self.staff_role is not None:
            return frozenset({Grant.SIGNED_IN, Grant(self.staff_role.value)})
        return frozenset({Grant.SIGNED_IN, Grant.MEMBER} if self.email_confirmed else {Grant.SIGNED_IN})

    def may(self, permission: Permission) -> bool:
        """Say whether this kind of person may do this kind of thing."""
        return may(self.grants, permission)


def may(grants: frozenset[Grant], permission: Permission) -> bool:
    """Say whether any of `grants` carries `permission`. What the table does not list, nobody may do."""
    return not grants.isdisjoint(GRANTED.get(permission, frozenset()))
