"""The check that migrations and models agree."""

import pytest
from alembic.util import CommandError

from marketplace import database
from marketplace.dev import migrations

pytestmark = pytest.mark.own_database


class TestMain:
    def test_is_content_with_the_house_as_it_is(self, capsys):
        assert migrations.main() == 0
        assert capsys.readouterr().out == ""

    def test_names_every_difference(self, capsys, monkeypatch):
        monkeypatch.setattr(database, "differences", lambda _: ["a table is missing", "a column is too many"])
        assert migrations.main() == 1
        assert capsys.readouterr().out == "a table is missing\na column is too many\n"

    def test_two_heads_are_a_sentence(self, capsys, monkeypatch):
        def two_heads():
            raise CommandError("The script directory has multiple heads")

        monkeypatch.setattr(database, "head", two_heads)
        assert migrations.main() == 1
        assert capsys.readouterr().out == "The script directory has multiple heads\n"
