"""Addresses are put together as Werkzeug does it, each worked out when it is first asked for."""

import pytest
from flask import url_for
from werkzeug.routing import AnyConverter, IntegerConverter, Rule, UUIDConverter

from marketplace.app import create_app
from tests.conftest import settings_for

NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/none"


@pytest.fixture
def compiled(monkeypatch):
    """For which addresses Werkzeug has been asked to compile, and whether with what they do not name."""
    asked, usual = [], Rule._compile_builder
    monkeypatch.setattr(
        Rule,
        "_compile_builder",
        lambda self, unknown=True: asked.append((self.endpoint, unknown)) or usual(self, unknown),
    )
    return asked


def test_none_is_compiled_before_it_is_needed_and_then_once(compiled, tmp_path):
    app = create_app(settings_for(NOWHERE, tmp_path))
    assert compiled == []

    with app.test_request_context():
        for page in (2, 3):
            assert url_for("browse.devices", page=page) == f"/devices?page={page}"
    assert compiled == [("browse.devices", True)]


def test_every_one_is_what_werkzeug_makes_of_it(app):
    for rule in app.url_map.iter_rules():
        values = {"odd": "a&b", "rule": "1"} | {name: _some(one) for name, one in rule._converters.items()}
        for unknown in (True, False):
            made = Rule._compile_builder(rule, unknown)(rule, **values)
            assert rule.build(values, unknown) == made, rule
            assert rule.build(values, unknown) == made, rule  # The second time it is the compiled one itself.


def _some(converter):
    if isinstance(converter, UUIDConverter):
        return "6f9619ff-8b86-4011-b42d-00cf4fc964ff"
    if isinstance(converter, IntegerConverter):
        return 7
    return min(converter.items) if isinstance(converter, AnyConverter) else "ä b"
