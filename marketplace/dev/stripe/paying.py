"""What a buyer can choose on an open payment page."""

from collections.abc import Callable

from . import banks, cards
from .store import Document
from .world import World

WAYS: dict[str, Callable[[World, str], Document]] = {
    "card": cards.pay_by_card,
    "card_declined": cards.decline_card,
    "card_challenged": cards.challenge_card,
    "bank_debit": banks.choose_bank_debit,
    "bank_debit_failing": banks.choose_failing_debit,
    "bank_transfer": banks.choose_bank_transfer,
}
