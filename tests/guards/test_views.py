"""No page without a sign on its door, and nothing changes under a permission that only reads."""

import pytest

from marketplace.accounts.access import GRANTED, Permission
from marketplace.web.access import PUBLIC

SAFE = {"GET", "HEAD", "OPTIONS"}


def _views(app):
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or rule.endpoint.endswith(".static"):
            continue
        yield rule, app.view_functions[rule.endpoint]


class TestDoors:
    def test_every_view_says_who_may_enter(self, app):
        unsigned = [rule.endpoint for rule, view in _views(app) if not hasattr(view, "access")]

        assert unsigned == []

    def test_a_sign_is_public_or_a_permission(self, app):
        odd = [rule.endpoint for rule, view in _views(app) if view.access != PUBLIC and view.access not in GRANTED]

        assert odd == []

    def test_nothing_changes_under_a_permission_that_only_reads(self, app):
        writing = [
            rule.endpoint
            for rule, view in _views(app)
            if rule.methods - SAFE and isinstance(view.access, Permission) and view.access.reads_only
        ]

        assert writing == []

    def test_only_these_public_pages_take_more_than_a_question(self, app):
        writing = sorted({rule.endpoint for rule, view in _views(app) if rule.methods - SAFE and view.access == PUBLIC})

        assert writing == sorted(PUBLIC_AND_WRITING)

    @pytest.mark.parametrize("permission", Permission)
    def test_every_permission_has_its_line_in_the_table(self, permission):
        assert GRANTED[permission]

    @pytest.mark.parametrize("permission", Permission)
    def test_every_permission_guards_something(self, app, permission):
        assert permission in {view.access for _, view in _views(app)}


PUBLIC_AND_WRITING = {
    "account.ask_reset",
    "account.confirm_email",
    "account.register",
    "account.reset_password",
    "account.sign_in",
    "account.sign_out",
    "outside.answer",
    "outside.read",
    "watching.stop",
    "webhooks.stripe",
}
