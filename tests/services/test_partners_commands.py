"""Partners by command: a key is printed once, and everything about it is undone by command as well."""

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.partners import queries, service
from marketplace.partners.models import Partner


@pytest.fixture
def run(app):
    def run(*arguments):
        return app.test_cli_runner().invoke(args=["partners", *arguments])

    return run


def opened(run) -> str:
    return run("open", "Resale House", "desk@resale.example").output.splitlines()[0]


def test_lets_a_partner_in_and_prints_its_key_once(run):
    result = run("open", "Resale House", "desk@resale.example")
    key, warning = result.output.splitlines()

    assert (result.exit_code, warning) == (0, "Nobody can show this key again.")
    assert service.holder_of(key, at=clock.now())
    assert key not in run("list").output


def test_replaces_a_key_and_revokes_the_old_one(run):
    old = opened(run)
    new = run("key", "Resale House").output.splitlines()[0]
    result = run("revoke", old.split("_")[1])

    assert (result.exit_code, result.output) == (0, "The key opens nothing any more.\n")
    assert service.holder_of(new, at=clock.now())
    with pytest.raises(service.UnknownKey):
        service.holder_of(old, at=clock.now())


def test_lists_who_they_are_and_when_they_last_asked(run):
    key = opened(run)
    assert "never used" in run("list").output

    service.holder_of(key, at=clock.now())
    run("revoke", key.split("_")[1])
    run("end", "Resale House")
    listed = run("list").output

    assert "Resale House\tdesk@resale.example (ended)\n" in listed
    assert f"  {key.split('_')[1]}\tlast used " in listed
    assert listed.endswith(" (revoked)\n")


def test_lets_one_go(run):
    opened(run)
    result = run("end", "resale house")

    assert result.output == "resale house is no partner any more.\n"
    assert queries.choice() == []


@pytest.mark.parametrize("arguments", [("open", "", "a@b.example"), ("key", "Nobody"), ("end", "Nobody"),
    ("revoke", "AAAAAAAA")])  # fmt: skip
def test_says_plainly_why_not(run, arguments):
    result = run(*arguments)

    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert db.session.scalars(select(Partner)).all() == []
