"""The permission table, read off line by line: every permission for every kind of person."""

from datetime import timedelta
from uuid import uuid4

import pytest

from marketplace.accounts.access import GRANTED, WEIGHED, Grant, Identity, Permission, is_fresh, may
from marketplace.kernel.terms import StaffRole
from tests.conftest import NOON

KINDS = ("visitor", "unconfirmed", "member", "verifier", "moderator", "finance", "auditor", "admin")

# One column a kind of person, in the order of KINDS; x: may, a dot: may not.
EXPECTED = """
                     vis unc mem ver mod fin aud adm
account:read          .   x   x   x   x   x   x   x
account:manage        .   x   x   x   x   x   x   x
clinic:read           .   .   x   .   .   .   .   .
clinic:manage         .   .   x   .   .   .   .   .
credential:read       .   .   x   .   .   .   .   .
credential:submit     .   .   x   .   .   .   .   .
listing:read          .   .   x   .   .   .   .   .
listing:write         .   .   x   .   .   .   .   .
watch:read            .   .   x   .   .   .   .   .
watch:keep            .   .   x   .   .   .   .   .
want:read             .   .   x   .   .   .   .   .
want:keep             .   .   x   .   .   .   .   .
lead:read             .   .   x   .   .   .   .   .
lead:ask              .   .   x   .   .   .   .   .
lead:handle           .   .   .   .   x   .   .   .
sharing:read          .   .   x   .   .   .   .   .
sharing:give          .   .   x   .   .   .   .   .
inspection:read       .   .   x   .   .   .   .   .
inspection:write      .   .   x   .   .   .   .   .
inspection:handle     .   .   .   .   x   .   .   .
question:read         .   .   x   .   .   .   .   .
question:ask          .   .   x   .   .   .   .   .
question:answer       .   .   x   .   .   .   .   .
question:report       .   x   x   x   x   x   x   x
message:write         .   .   x   .   .   .   .   .
order:read            .   .   x   .   .   .   .   .
order:place           .   .   x   .   .   .   .   .
order:confirm         .   .   x   .   .   .   .   .
order:fulfil          .   .   x   .   .   .   .   .
review:read           .   .   .   x   x   .   x   x
credential:review     .   .   .   x   .   .   .   .
listing:review        .   .   .   .   x   .   .   .
seller:review         .   .   .   x   .   .   .   .
money:read            .   .   .   .   .   x   x   x
money:manage          .   .   .   .   .   x   .   .
people:read           .   .   .   .   .   .   x   x
people:manage         .   .   .   .   .   .   .   x
policy:read           .   .   .   x   x   .   x   x
policy:write          .   .   .   .   .   .   .   x
policy:sign           .   .   .   .   .   .   x   x
rule:review           .   .   .   x   .   .   .   x
audit:read            .   .   .   .   .   .   x   x
"""

TABLE = {
    name: dict(zip(KINDS, (mark == "x" for mark in marks), strict=True))
    for name, *marks in (line.split() for line in EXPECTED.strip().splitlines()[1:])
}


def grants_of(kind: str) -> frozenset[Grant]:
    if kind == "visitor":
        return frozenset()
    role = StaffRole(kind) if kind in set(StaffRole) else None
    return Identity(
        id=uuid4(),
        session_id=uuid4(),
        name="Somebody",
        email="somebody@example.test",
        staff_role=role,
        email_confirmed=kind != "unconfirmed",
    ).grants


@pytest.mark.parametrize(
    ("ago", "fresh"),
    [(timedelta(0), True), (timedelta(minutes=15, seconds=-1), True), (timedelta(minutes=15), False), (None, False)],
)
def test_a_confirmation_lasts_to_the_end_of_its_time_and_no_longer(ago, fresh):
    confirmed_at = NOON - ago if ago is not None else None

    assert is_fresh(confirmed_at, lasts=timedelta(minutes=15), at=NOON) is fresh


def test_what_spends_trust_says_in_words_what_it_is():
    assert all(permissions and words for permissions, words in WEIGHED.values())


def test_every_permission_has_a_line_and_an_entry():
    assert set(TABLE) == {permission.value for permission in Permission}
    assert set(GRANTED) == set(Permission)


def test_every_kind_of_person_has_a_column():
    assert set(KINDS) - {"visitor", "unconfirmed", "member"} == {role.value for role in StaffRole}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("permission", list(Permission))
def test_a_person_may_do_what_the_table_says_and_nothing_else(kind, permission):
    assert may(grants_of(kind), permission) is TABLE[permission.value][kind]


def test_staff_never_trade():
    for role in StaffRole:
        assert Grant.MEMBER not in grants_of(role.value)


def test_staff_need_no_confirmed_address_to_be_staff():
    identity = Identity(uuid4(), uuid4(), "Vera", "vera@example.test", StaffRole.VERIFIER, email_confirmed=False)

    assert identity.may(Permission.CREDENTIAL_REVIEW)


def test_what_is_not_listed_nobody_may_do(monkeypatch):
    monkeypatch.delitem(GRANTED, Permission.AUDIT_READ)

    assert not may(frozenset(Grant), Permission.AUDIT_READ)


def test_what_only_reads_is_named_so():
    assert {permission.value for permission in Permission if permission.reads_only} == {
        "account:read",
        "clinic:read",
        "credential:read",
        "inspection:read",
        "lead:read",
        "listing:read",
        "order:read",
        "question:read",
        "want:read",
        "watch:read",
        "review:read",
        "sharing:read",
        "money:read",
        "people:read",
        "policy:read",
        "audit:read",
    }


def test_an_identity_is_what_the_sign_in_library_asks_for():
    identity = Identity(uuid4(), uuid4(), "Ann", "ann@example.test", None, email_confirmed=True)

    assert identity.get_id() == str(identity.session_id)
    assert (identity.is_authenticated, identity.is_active, identity.is_anonymous) == (True, True, False)
