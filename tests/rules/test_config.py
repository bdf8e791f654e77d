"""Settings: complete and harmless, or the house does not start, naming everything at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from marketplace.config import Mode, Settings, SettingsIncomplete, from_environment

WHOLE = {
    "DATABASE_URL": "postgresql+psycopg://second_light@db/second_light",
    "SECOND_LIGHT_MODE": "production",
    "SECOND_LIGHT_SECRET_KEY": "x" * 32,
    "SECOND_LIGHT_SECOND_FACTOR_KEYS": "f" * 32,
    "SECOND_LIGHT_DOCUMENT_KEYS": "d" * 32,
    "SECOND_LIGHT_BASE_URL": "https://second-light.example/",
    "SECOND_LIGHT_DATA_DIR": "/srv/second-light",
    "SECOND_LIGHT_STRIPE_API_KEY": "sk_live_abc",
    "SECOND_LIGHT_STRIPE_WEBHOOK_SECRETS": "whsec_new,whsec_old,",
    "SECOND_LIGHT_MAIL_HOST": "smtp.example",
    "SECOND_LIGHT_MAIL_FROM": "Second Light <post@second-light.example>",
}
DEMO = {
    "SECOND_LIGHT_MODE": "demo",
    "SECOND_LIGHT_BASE_URL": "http://localhost:8000",
    "SECOND_LIGHT_STRIPE_API_KEY": "sk_test_abc",
    "SECOND_LIGHT_STRIPE_API_BASE": "http://127.0.0.1:8001",
}


def problems(**changed: str | None) -> list[str]:
    given = {name: value for name, value in {**WHOLE, **changed}.items() if value is not None}
    with pytest.raises(SettingsIncomplete) as refusal:
        from_environment(given)
    return refusal.value.problems


class TestWhole:
    def test_says_everything_with_the_usual_for_what_is_optional(self):
        assert from_environment(WHOLE) == Settings(
            mode=Mode.PRODUCTION,
            secret_key="x" * 32,
            database_url="postgresql+psycopg://second_light@db/second_light",
            base_url="https://second-light.example",
            data_dir=Path("/srv/second-light"),
            stripe_api_key="sk_live_abc",
            stripe_webhook_secrets=("whsec_new", "whsec_old"),
            stripe_api_base=None,
            mail_host="smtp.example",
            mail_port=587,
            mail_username=None,
            mail_password=None,
            mail_tls=True,
            mail_from="Second Light <post@second-light.example>",
            mailbox_url=None,
            platform_fee_bps=600,
            platform_fee_least_minor=10_000,
            card_cap_minor=1_500_000,
            debit_cap_minor=600_000,
            debit_risk_days=5,
            proxy_count=0,
            audit_key=None,
            audit_heads_file=None,
            audit_heads_to=None,
            confirmed_for_minutes=15,
            second_factor_keys=("f" * 32,),
            document_keys=("d" * 32,),
            staff_need_second_factor=True,
            cases_are_drawn=True,
        )

    def test_takes_what_is_optional(self):
        given = from_environment(
            {
                **WHOLE,
                **DEMO,
                "SECOND_LIGHT_AUDIT_KEY": "A" * 43 + "=",
                "SECOND_LIGHT_AUDIT_HEADS_FILE": "/mnt/elsewhere/heads.jsonl",
                "SECOND_LIGHT_AUDIT_HEADS_TO": "audit@example.org",
                "SECOND_LIGHT_MAIL_TLS": "no",
                "SECOND_LIGHT_MAIL_PORT": "2525",
                "SECOND_LIGHT_MAIL_USERNAME": "post",
                "SECOND_LIGHT_MAIL_PASSWORD": "lantern",
                "SECOND_LIGHT_MAILBOX_URL": "http://localhost:8002",
                "SECOND_LIGHT_PLATFORM_FEE_BPS": "10000",
                "SECOND_LIGHT_CARD_CAP_MINOR": "5",
                "SECOND_LIGHT_DEBIT_CAP_MINOR": "6",
                "SECOND_LIGHT_DEBIT_RISK_DAYS": "7",
                "SECOND_LIGHT_PROXY_COUNT": "2",
                "SECOND_LIGHT_CONFIRMED_FOR_MINUTES": "60",
                "SECOND_LIGHT_STAFF_SECOND_FACTOR": "yes",
            }
        )

        assert given.confirmed_for == timedelta(hours=1)
        assert given.staff_need_second_factor
        assert (given.mode, given.mail_tls, given.mail_port, given.mail_username) == (Mode.DEMO, False, 2525, "post")
        assert (given.platform_fee_bps, given.card_cap_minor, given.proxy_count) == (10_000, 5, 2)
        assert (given.audit_key, given.audit_heads_file, given.audit_heads_to) == (
            "A" * 43 + "=", Path("/mnt/elsewhere/heads.jsonl"), "audit@example.org",
        )  # fmt: skip
        assert (given.debit_cap_minor, given.debit_risk_days) == (6, 7)
        assert (given.stripe_api_base, given.mailbox_url) == ("http://127.0.0.1:8001", "http://localhost:8002")

    @pytest.mark.parametrize("what", ["second_factor_keys", "document_keys"])
    def test_what_is_sealed_has_a_key_of_its_own_and_an_older_one_while_it_rolls(self, what):
        given = from_environment({**WHOLE, f"SECOND_LIGHT_{what.upper()}": "n" * 32 + "," + "o" * 32})

        assert getattr(given, what) == ("n" * 32, "o" * 32)

    def test_a_developers_machine_needs_neither_key_nor_second_factor(self):
        demo = {name: value for name, value in {**WHOLE, **DEMO}.items() if not name.endswith("_KEYS")}

        given = from_environment(demo)

        assert given.second_factor_keys == (f"{given.secret_key}, for second factors",)
        assert given.document_keys == (f"{given.secret_key}, for documents",)
        assert not given.staff_need_second_factor
        assert not given.cases_are_drawn

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
    def test_takes_the_addresses_that_hosts_hand_out(self, scheme):
        given = from_environment({**WHOLE, "DATABASE_URL": f"{scheme}://db/one"})

        assert given.database_url == "postgresql+psycopg://db/one"

    @pytest.mark.parametrize(("key", "real"), [("sk_live_a", True), ("rk_live_a", True), ("sk_test_a", False)])
    def test_knows_real_money(self, key, real):
        assert from_environment({**WHOLE, "SECOND_LIGHT_STRIPE_API_KEY": key}).takes_real_money is real

    def test_cookies_are_secure_where_the_address_is(self):
        assert from_environment(WHOLE).secure_cookies
        assert not from_environment({**WHOLE, **DEMO}).secure_cookies


class TestIncomplete:
    def test_names_everything_at_once(self):
        with pytest.raises(SettingsIncomplete) as refusal:
            from_environment({})

        assert refusal.value.problems == [
            "SECOND_LIGHT_MODE is not set",
            "SECOND_LIGHT_SECRET_KEY is not set",
            "DATABASE_URL is not set",
            "SECOND_LIGHT_BASE_URL is not set",
            "SECOND_LIGHT_DATA_DIR is not set",
            "SECOND_LIGHT_STRIPE_API_KEY is not set",
            "SECOND_LIGHT_STRIPE_WEBHOOK_SECRETS is not set",
            "SECOND_LIGHT_MAIL_HOST is not set",
            "SECOND_LIGHT_MAIL_FROM is not set",
        ]
        assert str(refusal.value).startswith("Second Light cannot start:\n  - SECOND_LIGHT_MODE is not set\n")

    @pytest.mark.parametrize("name", WHOLE)
    def test_an_empty_value_is_none(self, name):
        assert problems(**{name: ""}) == [f"{name} is not set"]

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            (
                {"SECOND_LIGHT_MODE": "staging"},
                "SECOND_LIGHT_MODE must be one of production, demo, test, not 'staging'",
            ),
            ({"SECOND_LIGHT_SECRET_KEY": "x" * 31}, "SECOND_LIGHT_SECRET_KEY must have at least 32 characters"),
            ({"DATABASE_URL": "sqlite:///x.db"}, "DATABASE_URL must be a PostgreSQL address"),
            ({"SECOND_LIGHT_MAIL_PORT": "25x"}, "SECOND_LIGHT_MAIL_PORT must be a whole number, not '25x'"),
            ({"SECOND_LIGHT_MAIL_PORT": "-1"}, "SECOND_LIGHT_MAIL_PORT must be a whole number, not '-1'"),
            (
                {"SECOND_LIGHT_SECOND_FACTOR_KEYS": "f" * 32 + "," + "x" * 31},
                "SECOND_LIGHT_SECOND_FACTOR_KEYS must each have at least 32 characters",
            ),
            (
                {"SECOND_LIGHT_SECOND_FACTOR_KEYS": WHOLE["SECOND_LIGHT_SECRET_KEY"]},
                "SECOND_LIGHT_SECOND_FACTOR_KEYS must be others than SECOND_LIGHT_SECRET_KEY",
            ),
            (
                {"SECOND_LIGHT_DOCUMENT_KEYS": "x" * 31},
                "SECOND_LIGHT_DOCUMENT_KEYS must each have at least 32 characters",
            ),
            (
                {"SECOND_LIGHT_DOCUMENT_KEYS": WHOLE["SECOND_LIGHT_SECRET_KEY"]},
                "SECOND_LIGHT_DOCUMENT_KEYS must be others than SECOND_LIGHT_SECRET_KEY",
            ),
            (
                {"SECOND_LIGHT_DOCUMENT_KEYS": "f" * 32},
                "SECOND_LIGHT_DOCUMENT_KEYS must be others than SECOND_LIGHT_SECOND_FACTOR_KEYS",
            ),
            (
                {"SECOND_LIGHT_DRAWN_CASES": "perhaps"},
                "SECOND_LIGHT_DRAWN_CASES must be yes or no, not 'perhaps'",
            ),
            (
                {"SECOND_LIGHT_STAFF_SECOND_FACTOR": "perhaps"},
                "SECOND_LIGHT_STAFF_SECOND_FACTOR must be yes or no, not 'perhaps'",
            ),
            (
                {"SECOND_LIGHT_CONFIRMED_FOR_MINUTES": "0"},
                "SECOND_LIGHT_CONFIRMED_FOR_MINUTES must be between 1 and 60",
            ),
            (
                {"SECOND_LIGHT_CONFIRMED_FOR_MINUTES": "61"},
                "SECOND_LIGHT_CONFIRMED_FOR_MINUTES must be between 1 and 60",
            ),
            *(
                (
                    {"SECOND_LIGHT_AUDIT_KEY": key},
                    "SECOND_LIGHT_AUDIT_KEY must be 32 bytes in base64, as `flask audit key` makes them",
                )
                for key in ("secret", "AAAA", "ü")
            ),
            ({"SECOND_LIGHT_PROXY_COUNT": "²"}, "SECOND_LIGHT_PROXY_COUNT must be a whole number, not '²'"),
            (
                {"SECOND_LIGHT_PLATFORM_FEE_BPS": "10001"},
                "SECOND_LIGHT_PLATFORM_FEE_BPS cannot be more than 10000 (100 %)",
            ),
            (
                {"SECOND_LIGHT_BASE_URL": "http://second-light.example"},
                "SECOND_LIGHT_BASE_URL must start with https:// in production",
            ),
            (
                {"SECOND_LIGHT_STRIPE_API_BASE": "http://127.0.0.1:1"},
                "SECOND_LIGHT_STRIPE_API_BASE stands in for Stripe and cannot be set in production",
            ),
            (
                {**DEMO, "SECOND_LIGHT_STRIPE_API_BASE": "http://stripe.evil.example"},
                "SECOND_LIGHT_STRIPE_API_BASE must be an address of this machine",
            ),
            (
                {**DEMO, "SECOND_LIGHT_STRIPE_API_BASE": None, "SECOND_LIGHT_STRIPE_API_KEY": "sk_live_a"},
                "a live Stripe key may only be used in production",
            ),
        ],
    )
    def test_does_not_start_on_what_is_wrong_or_dangerous(self, changed, problem):
        assert problems(**changed) == [problem]

    def test_a_live_key_never_meets_a_stand_in(self):
        assert problems(**DEMO | {"SECOND_LIGHT_STRIPE_API_KEY": "rk_live_a"}) == [
            "a live Stripe key may only be used in production",
            "SECOND_LIGHT_STRIPE_API_BASE stands in for Stripe and cannot be set in production",
        ]
