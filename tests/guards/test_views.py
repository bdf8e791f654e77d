"""No page without a sign on its door, and nothing changes under a permission that only reads."""

import pytest

from marketplace.accounts.access import GRANTED, WEIGHED, Permission, Weighty
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


class TestWeightyActs:
    def test_these_acts_and_no_others_ask_whether_it_is_the_person(self, app):
        weighty = {rule.endpoint: view.weighty for rule, view in _views(app) if getattr(view, "weighty", None)}

        assert weighty == WEIGHTY

    def test_each_is_in_the_table_and_stands_on_a_door_of_its_permission(self, app):
        doors = {(view.weighty, view.access) for _, view in _views(app) if getattr(view, "weighty", None)}

        assert doors == {(act, permission) for act, (permissions, _) in WEIGHED.items() for permission in permissions}
        assert set(WEIGHED) == set(Weighty)

    def test_only_what_changes_something_can_be_weighty(self, app):
        odd = [
            rule.endpoint
            for endpoint in WEIGHTY
            for rule in app.url_map.iter_rules(endpoint)
            if "POST" not in rule.methods
        ]

        assert odd == []


WEIGHTY = {
    "inspections.report": Weighty.SIGN_INSPECTION,
    "staff_liens.judge": Weighty.MOVE_MONEY,
    "account.change_password": Weighty.CHANGE_PASSWORD,
    "own_address.change": Weighty.CHANGE_EMAIL,
    "own_address.move": Weighty.CHANGE_EMAIL,
    "buying.accept": Weighty.ACCEPT_DEVICE,
    "buying.approve": Weighty.APPROVE_ORDER,
    "buying.confirm": Weighty.SIGN_ORDER,
    "buying.place": Weighty.PLACE_ORDER,
    "clinics.add_site": Weighty.CHANGE_ADDRESS,
    "clinics.correct_site": Weighty.CHANGE_ADDRESS,
    "clinics.invite": Weighty.CHANGE_MEMBERS,
    "clinics.last_day": Weighty.CHANGE_MEMBERS,
    "clinics.limit": Weighty.LIMIT_PURCHASES,
    "clinics.member": Weighty.CHANGE_MEMBERS,
    "clinics.remove_member": Weighty.CHANGE_MEMBERS,
    "offering.accept": Weighty.AGREE_PRICE,
    "offering.counter": Weighty.AGREE_PRICE,
    "offering.take": Weighty.AGREE_PRICE,
    "partial_refunds.agree": Weighty.GIVE_BACK,
    "sales.dispatch": Weighty.RELEASE_DEVICE,
    "sales.open_account": Weighty.LINK_PAYOUTS,
    "sales.refund": Weighty.GIVE_BACK,
    "sales.release_to_ship": Weighty.RELEASE_DEVICE,
    "second_factor.begin": Weighty.CHANGE_SECOND_FACTOR,
    "second_factor.recovery_codes": Weighty.CHANGE_SECOND_FACTOR,
    "second_factor.turn_off": Weighty.TURN_OFF_SECOND_FACTOR,
    "own_data.as_json": Weighty.TAKE_DATA,
    "own_data.as_tables": Weighty.TAKE_DATA,
    "own_data.close": Weighty.CLOSE_ACCOUNT,
    "second_factor.turn_on": Weighty.CHANGE_SECOND_FACTOR,
    "signing.sign": Weighty.SIGN_ORDER,
    "staff_clinics.decide": Weighty.DECIDE_SELLER,
    "staff_credentials.confirm": Weighty.DECIDE_CASE,
    "staff_credentials.fail": Weighty.DECIDE_CASE,
    "staff_credentials.reconfirm": Weighty.DECIDE_CASE,
    "staff_credentials.reinstate": Weighty.DECIDE_CASE,
    "staff_credentials.reject": Weighty.DECIDE_CASE,
    "staff_credentials.resolve": Weighty.DECIDE_CASE,
    "staff_credentials.revoke": Weighty.DECIDE_CASE,
    "staff_credentials.suspend": Weighty.DECIDE_CASE,
    "staff_credentials.uphold": Weighty.DECIDE_CASE,
    "staff_credentials.verify": Weighty.DECIDE_CASE,
    "staff_drafts.publish": Weighty.PUT_RULES_IN_FORCE,
    "staff_drafts.retire": Weighty.PUT_RULES_IN_FORCE,
    "staff_findings.resolve": Weighty.DECIDE_CASE,
    "staff_decisions.approve": Weighty.MOVE_MONEY,
    "staff_decisions.propose": Weighty.MOVE_MONEY,
    "staff_orders.arrival": Weighty.MOVE_MONEY,
    "staff_orders.front": Weighty.MOVE_MONEY,
    "staff_orders.partial_refund": Weighty.MOVE_MONEY,
    "staff_orders.refund": Weighty.MOVE_MONEY,
    "staff_orders.surplus": Weighty.MOVE_MONEY,
    "staff_people.disable": Weighty.OPEN_OR_CLOSE_ACCOUNT,
    "staff_people.enable": Weighty.OPEN_OR_CLOSE_ACCOUNT,
    "staff_people.end_sessions": Weighty.OPEN_OR_CLOSE_ACCOUNT,
    "staff_recall_releases.agree": Weighty.DECIDE_CASE,
    "staff_recalls.judge": Weighty.DECIDE_CASE,
    "staff_registers.verify": Weighty.DECIDE_CASE,
    "staff_rule_reviews.approve": Weighty.GRANT_ONE_OFF,
}
"""Every address whose act spends trust. A new one of its kind belongs here, and into `accounts.access.WEIGHED`."""

PUBLIC_AND_WRITING = {
    "account.ask_reset",
    "account.confirm_email",
    "account.disown",
    "account.register",
    "account.reset_password",
    "account.sign_in",
    "account.sign_in_code",
    "account.sign_out",
    "eligibility.ask",
    "outside.answer",
    "outside.read",
    "own_address.object_to",
    "watching.stop",
    "webhooks.stripe",
}
