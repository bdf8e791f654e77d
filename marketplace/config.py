"""Settings, read from the environment once; half of them is none: the house does not start."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit


class Mode(StrEnum):
    """What the process is for. Demo and test offer stand-ins; production never does."""

    PRODUCTION = "production"
    DEMO = "demo"
    TEST = "test"


class SettingsIncomplete(Exception):
    """One or more settings are missing or wrong; the message names every one of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("Second Light cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the house must be told. Amounts in minor units, rates in basis points."""

    mode: Mode
    secret_key: str
    database_url: str
    base_url: str
    data_dir: Path
    stripe_api_key: str
    stripe_webhook_secrets: tuple[str, ...]
    stripe_api_base: str | None
    mail_host: str
    mail_port: int
    mail_username: str | None
    mail_password: str | None
    mail_tls: bool
    mail_from: str
    mailbox_url: str | None
    platform_fee_bps: int
    platform_fee_least_minor: int
    card_cap_minor: int
    debit_cap_minor: int
    debit_risk_days: int
    proxy_count: int
    confirmed_for_minutes: int
    audit_key: str | None
    audit_heads_file: Path | None
    audit_heads_to: str | None
    second_factor_keys: tuple[str, ...]
    document_keys: tuple[str, ...]
    staff_need_second_factor: bool
    cases_are_drawn: bool

    @property
    def confirmed_for(self) -> timedelta:
        """For how long somebody who showed who they are is not asked again."""
        return timedelta(minutes=self.confirmed_for_minutes)

    @property
    def secure_cookies(self) -> bool:
        """Cookies travel over TLS only, except where the address itself is plain http (a developer's machine)."""
        return self.base_url.startswith("https://")

    @property
    def takes_real_money(self) -> bool:
        """Whether the payment provider was given a live key."""
        return self.stripe_api_key.startswith(("sk_live_", "rk_live_"))


_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def from_environment(environ: Mapping[str, str]) -> Settings:
    """
    Read the settings from `SECOND_LIGHT_*` variables (and `DATABASE_URL`).

    :raises SettingsIncomplete: naming everything that is missing, malformed or dangerous, not only the first
    """
    return _Reader(environ).settings()


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def settings(self) -> Settings:
        settings = Settings(
            mode=self._mode(),
            secret_key=self._text("SECRET_KEY"),
            database_url=self._database_url(),
            base_url=self._text("BASE_URL").rstrip("/"),
            data_dir=Path(self._text("DATA_DIR")),
            stripe_api_key=self._text("STRIPE_API_KEY"),
            stripe_webhook_secrets=tuple(
                secret for secret in self._text("STRIPE_WEBHOOK_SECRETS").split(",") if secret
            ),
            stripe_api_base=self._optional("STRIPE_API_BASE"),
            mail_host=self._text("MAIL_HOST"),
            mail_port=self._number("MAIL_PORT", 587),
            mail_username=self._optional("MAIL_USERNAME"),
            mail_password=self._optional("MAIL_PASSWORD"),
            mail_tls=self._optional("MAIL_TLS") != "no",
            mail_from=self._text("MAIL_FROM"),
            mailbox_url=self._optional("MAILBOX_URL"),
            platform_fee_bps=self._number("PLATFORM_FEE_BPS", 600),
            platform_fee_least_minor=self._number("PLATFORM_FEE_LEAST_MINOR", 10_000),
            card_cap_minor=self._number("CARD_CAP_MINOR", 1_500_000),
            debit_cap_minor=self._number("DEBIT_CAP_MINOR", 600_000),
            debit_risk_days=self._number("DEBIT_RISK_DAYS", 5),
            proxy_count=self._number("PROXY_COUNT", 0),
            confirmed_for_minutes=self._number("CONFIRMED_FOR_MINUTES", 15),
            audit_key=self._key("AUDIT_KEY"),
            audit_heads_file=Path(heads) if (heads := self._optional("AUDIT_HEADS_FILE")) else None,
            audit_heads_to=self._optional("AUDIT_HEADS_TO"),
            second_factor_keys=self._keyring("SECOND_FACTOR_KEYS", "for second factors"),
            document_keys=self._keyring("DOCUMENT_KEYS", "for documents"),
            staff_need_second_factor=self._yes_in_production("STAFF_SECOND_FACTOR"),
            cases_are_drawn=self._yes_in_production("DRAWN_CASES"),
        )
        self._look_for_danger(settings)
        if self._problems:
            raise SettingsIncomplete(self._problems)
        return settings

    def _optional(self, name: str) -> str | None:
        return self._environ.get(f"SECOND_LIGHT_{name}") or None

    def _text(self, name: str) -> str:
        value = self._optional(name)
        if value is None:
            self._problems.append(f"SECOND_LIGHT_{name} is not set")
        return value or ""

    def _number(self, name: str, default: int) -> int:
        value = self._optional(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit()):
            self._problems.append(f"SECOND_LIGHT_{name} must be a whole number, not {value!r}")
            return default
        return int(value)

    def _key(self, name: str) -> str | None:
        value = self._optional(name)
        if value is None:
            return None
        try:
            if len(b64decode(value, validate=True)) == 32:
                return value
        except ValueError:
            pass
        # It is a secret: what is wrong with it is not repeated.
        self._problems.append(f"SECOND_LIGHT_{name} must be 32 bytes in base64, as `flask audit key` makes them")
        return None

    def _keyring(self, name: str, purpose: str) -> tuple[str, ...]:
        """Return keys, the newest first: with it things are sealed, with all of them opened."""
        given = tuple(key for key in (self._optional(name) or "").split(",") if key)
        if any(len(key) < 32 for key in given):
            self._problems.append(f"SECOND_LIGHT_{name} must each have at least 32 characters")
        if given or self._optional("MODE") != Mode.PRODUCTION:
            # A developer's machine keeps nobody's secrets; it is not asked for more of its own.
            return given or (f"{self._optional('SECRET_KEY') or ''}, {purpose}",)
        self._problems.append(f"SECOND_LIGHT_{name} is not set")
        return ()

    def _yes_in_production(self, name: str) -> bool:
        usual = "yes" if self._optional("MODE") == Mode.PRODUCTION else "no"
        value = self._optional(name) or usual
        if value not in {"yes", "no"}:
            self._problems.append(f"SECOND_LIGHT_{name} must be yes or no, not {value!r}")
        return value == "yes"

    def _mode(self) -> Mode:
        value = self._text("MODE")
        try:
            return Mode(value)
        except ValueError:
            if value:
                self._problems.append(f"SECOND_LIGHT_MODE must be one of {', '.join(Mode)}, not {value!r}")
            return Mode.PRODUCTION

    def _database_url(self) -> str:
        url = self._environ.get("DATABASE_URL", "")
        if not url:
            self._problems.append("DATABASE_URL is not set")
        # Hosts hand out postgres:// addresses; SQLAlchemy wants the driver named.
        for prefix in ("postgres://", "postgresql://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        if url and not url.startswith("postgresql+psycopg://"):
            self._problems.append("DATABASE_URL must be a PostgreSQL address")
        return url

    def _look_for_danger(self, settings: Settings) -> None:
        production = settings.mode is Mode.PRODUCTION
        live = settings.takes_real_money
        if settings.secret_key and len(settings.secret_key) < 32:
            self._problems.append("SECOND_LIGHT_SECRET_KEY must have at least 32 characters")
        if settings.platform_fee_bps > 10_000:
            self._problems.append("SECOND_LIGHT_PLATFORM_FEE_BPS cannot be more than 10000 (100 %)")
        self._look_at_keys(settings)
        if not 1 <= settings.confirmed_for_minutes <= 60:
            self._problems.append("SECOND_LIGHT_CONFIRMED_FOR_MINUTES must be between 1 and 60")
        if production and settings.base_url and not settings.secure_cookies:
            self._problems.append("SECOND_LIGHT_BASE_URL must start with https:// in production")
        if not production and live:
            self._problems.append("a live Stripe key may only be used in production")
        if settings.stripe_api_base is not None:
            if production or live:
                self._problems.append(
                    "SECOND_LIGHT_STRIPE_API_BASE stands in for Stripe and cannot be set in production"
                )
            if urlsplit(settings.stripe_api_base).hostname not in _LOOPBACK:
                self._problems.append("SECOND_LIGHT_STRIPE_API_BASE must be an address of this machine")

    def _look_at_keys(self, settings: Settings) -> None:
        for name, keys in (
            ("SECOND_FACTOR_KEYS", settings.second_factor_keys),
            ("DOCUMENT_KEYS", settings.document_keys),
        ):
            if settings.secret_key in keys:
                self._problems.append(f"SECOND_LIGHT_{name} must be others than SECOND_LIGHT_SECRET_KEY")
        if not set(settings.second_factor_keys).isdisjoint(settings.document_keys):
            self._problems.append("SECOND_LIGHT_DOCUMENT_KEYS must be others than SECOND_LIGHT_SECOND_FACTOR_KEYS")
