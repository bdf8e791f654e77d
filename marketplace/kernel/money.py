"""Money as whole minor units of one currency, never a float."""

import re
from dataclasses import dataclass
from decimal import Decimal

from .errors import Invalid
from .wording import gettext_noop

_SYMBOLS = {"usd": "$"}
_TYPED = re.compile(r"^\$?\s*(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{1,2}))?\s*(?:usd)?$", re.IGNORECASE)
MAX_MINOR = (
    99_999_999  # The provider's largest amount: eight digits of minor units (stripe 16.1, PaymentIntent.amount).
)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount: `minor` whole minor units (cents) of the ISO 4217 `currency` in lower case."""

    minor: int
    currency: str = "usd"

    def __add__(self, other: "Money") -> "Money":
        """Add an amount of the same currency."""
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        """Take away an amount of the same currency."""
        return Money(self.minor - self._same(other).minor, self.currency)

    def share(self, basis_points: int) -> "Money":
        """Return `basis_points` hundredths of a percent of the amount, rounded down to a whole minor unit."""
        return Money(self.minor * basis_points // 10_000, self.currency)

    def __str__(self) -> str:
        """Write it as people read it: "$42,500" or "$42,500.50"."""
        sign = "-" if self.minor < 0 else ""
        whole, rest = divmod(abs(self.minor), 100)
        cents = f".{rest:02}" if rest else ""
        symbol = _SYMBOLS.get(self.currency)
        amount = f"{whole:,}{cents}"
        return f"{sign}{symbol}{amount}" if symbol else f"{sign}{amount} {self.currency.upper()}"

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return other


def parse_money(typed: str, currency: str = "usd") -> Money:
    """
    Read an amount as people type it: "$42,500", "42500.00", "42,500 USD".

    :raises Invalid: it is not an amount, or beyond what the payment provider can take
    """
    found = _TYPED.match(typed.strip()) if typed.isascii() else None
    if found is None:
        raise Invalid(gettext_noop("Write an amount such as $42,500 or 42500.00."))
    minor = int(Decimal(found[1].replace(",", "")) * 100) + int((found[2] or "0").ljust(2, "0"))
    if minor > MAX_MINOR:
        raise Invalid(gettext_noop("The largest amount that can be paid here is $999,999.99."))
    return Money(minor, currency)
