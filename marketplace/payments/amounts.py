"""What each step of a sale does to the books, to the cent. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from ..kernel.money import Money


class Account(StrEnum):
    """The accounts of the ledger; debit positive, credit negative."""

    PROVIDER_CLEARING = "provider_clearing"
    PROVIDER_FEES = "provider_fees"
    HELD = "held"
    FEE_REVENUE = "fee_revenue"
    REFUND_PENDING = "refund_pending"
    DISPUTED = "disputed"
    DISPUTE_FEES = "dispute_fees"
    SELLER_RECEIVABLE = "seller_receivable"
    SUSPENSE = "suspense"
    BUYERS_CASH = "buyers_cash"


class JournalKind(StrEnum):
    """What can happen to money."""

    PAID = "paid"
    PROVIDER_FEE = "provider_fee"
    RELEASED = "released"
    REFUND_SENT = "refund_sent"
    REFUND_ARRIVED = "refund_arrived"
    REFUNDED = "refunded"
    REVERSED = "reversed"
    FRONTED = "fronted"
    RECOVERED = "recovered"
    DISPUTE_TAKEN = "dispute_taken"
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_RETURNED = "dispute_returned"
    CHARGED_BACK = "charged_back"
    CHARGED_BACK_LATE = "charged_back_late"
    REFUND_CAME_BACK = "refund_came_back"
    SURPLUS_CAME = "surplus_came"
    SURPLUS_SENT = "surplus_sent"
    SURPLUS_CAME_BACK = "surplus_came_back"


@dataclass(frozen=True, slots=True)
class Journal:
    """One thing that happened to money, whose sides sum to zero."""

    kind: JournalKind
    sides: tuple[tuple[Account, Money], ...]


@dataclass(frozen=True, slots=True)
class Split:
    """What becomes of the price: the seller's part and ours. Together they are the price, exactly."""

    payout: Money
    fee: Money


NOTHING = Money(0)


@dataclass(frozen=True, slots=True)
class Rate:
    """What the house takes of a price: so many basis points, `least` at least, but for that never more than half."""

    bps: int
    least: Money = NOTHING

    def fee_of(self, price: Money) -> Money:
        """Return our part of a price, rounded down to the whole minor unit."""
        least = Money(min(self.least.minor, price.minor // 2), price.currency)
        return max(price.share(self.bps), least)


def split(price: Money, rate: Rate) -> Split:
    """Divide the price: our part is rounded down to the whole minor unit, the seller gets all the rest."""
    fee = rate.fee_of(price)
    return Split(payout=price - fee, fee=fee)


def reduction(price: Money, by: Money, rate: Rate) -> Split:
    """
    Return whose money a part of the price is that goes back: what of `by` was the seller's, and what our fee.

    The fee that stays is the fee of the price that stays. So it makes no difference in how many parts, and in which
    order, money goes back.
    """
    before, after = split(price, rate), split(price - by, rate)
    return Split(payout=before.payout - after.payout, fee=before.fee - after.fee)


def paid(amount: Money) -> Journal:
    """The buyer's money is with the provider, and we owe it to somebody."""
    return _journal(JournalKind.PAID, (Account.PROVIDER_CLEARING, amount), (Account.HELD, _minus(amount)))


def provider_fee(fee: Money) -> Journal:
    """The provider kept its fee."""
    return _journal(JournalKind.PROVIDER_FEE, (Account.PROVIDER_FEES, fee), (Account.PROVIDER_CLEARING, _minus(fee)))


def released(parts: Split) -> Journal:
    """The seller has their part, and the rest of what was held is ours."""
    return _journal(
        JournalKind.RELEASED,
        (Account.HELD, parts.payout + parts.fee),
        (Account.PROVIDER_CLEARING, _minus(parts.payout)),
        (Account.FEE_REVENUE, _minus(parts.fee)),
    )


def refunded(amount: Money) -> Journal:
    """The buyer has the money back."""
    return _journal(JournalKind.REFUNDED, (Account.HELD, amount), (Account.PROVIDER_CLEARING, _minus(amount)))


def refund_sent(amount: Money) -> Journal:
    """The money is on its way back to the buyer."""
    return _journal(JournalKind.REFUND_SENT, (Account.HELD, amount), (Account.REFUND_PENDING, _minus(amount)))


def refund_arrived(amount: Money) -> Journal:
    """The money that was on its way back has arrived."""
    return _journal(
        JournalKind.REFUND_ARRIVED, (Account.REFUND_PENDING, amount), (Account.PROVIDER_CLEARING, _minus(amount))
    )


def refund_came_back(amount: Money) -> Journal:
    """The buyer's bank did not take the money that was on its way back: it is held again."""
    return _journal(JournalKind.REFUND_CAME_BACK, (Account.REFUND_PENDING, amount), (Account.HELD, _minus(amount)))


def reversed_release(parts: Split) -> Journal:
    """The seller's part is back with us, our fee is given up, and the whole is held again."""
    return _journal(
        JournalKind.REVERSED,
        (Account.PROVIDER_CLEARING, parts.payout),
        (Account.FEE_REVENUE, parts.fee),
        (Account.HELD, _minus(parts.payout + parts.fee)),
    )


def fronted(parts: Split) -> Journal:
    """The whole is held again, but the seller's part of it is our own money: the seller owes it."""
    return _journal(
        JournalKind.FRONTED,
        (Account.SELLER_RECEIVABLE, parts.payout),
        (Account.FEE_REVENUE, parts.fee),
        (Account.HELD, _minus(parts.payout + parts.fee)),
    )


def recovered(amount: Money) -> Journal:
    """The seller has paid back what they owed."""
    return _journal(
        JournalKind.RECOVERED, (Account.PROVIDER_CLEARING, amount), (Account.SELLER_RECEIVABLE, _minus(amount))
    )


def dispute_taken(amount: Money) -> Journal:
    """The buyer's bank took the money until somebody decides."""
    return _journal(JournalKind.DISPUTE_TAKEN, (Account.DISPUTED, amount), (Account.PROVIDER_CLEARING, _minus(amount)))


def dispute_fee(fee: Money) -> Journal:
    """The provider keeps a fee for the dispute, won or lost."""
    return _journal(JournalKind.DISPUTE_FEE, (Account.DISPUTE_FEES, fee), (Account.PROVIDER_CLEARING, _minus(fee)))


def dispute_returned(amount: Money) -> Journal:
    """The buyer's bank gave the money back."""
    return _journal(
        JournalKind.DISPUTE_RETURNED, (Account.PROVIDER_CLEARING, amount), (Account.DISPUTED, _minus(amount))
    )


def charged_back(amount: Money) -> Journal:
    """The buyer's bank keeps the money: we hold it no more."""
    return _journal(JournalKind.CHARGED_BACK, (Account.HELD, amount), (Account.DISPUTED, _minus(amount)))


def charged_back_late(parts: Split, held: Money) -> Journal:
    """
    The buyer's bank keeps money that the seller has been paid from: the seller owes their part, we lose our fee.

    `held` was on its way back to the buyer in part, and is gone as well.
    """
    return _journal(
        JournalKind.CHARGED_BACK_LATE,
        (Account.SELLER_RECEIVABLE, parts.payout),
        (Account.FEE_REVENUE, parts.fee),
        (Account.HELD, held),
        (Account.DISPUTED, _minus(parts.payout + parts.fee + held)),
    )


def surplus_came(amount: Money) -> Journal:
    """A bank transfer brought more than the price: it lies with the provider as the buyer's own."""
    return _journal(JournalKind.SURPLUS_CAME, (Account.BUYERS_CASH, amount), (Account.SUSPENSE, _minus(amount)))


def surplus_sent(amount: Money) -> Journal:
    """What was too much has left for the buyer's bank."""
    return _journal(JournalKind.SURPLUS_SENT, (Account.SUSPENSE, amount), (Account.BUYERS_CASH, _minus(amount)))


def surplus_came_back(amount: Money) -> Journal:
    """The buyer's bank did not take it: it lies with the provider again."""
    return _journal(JournalKind.SURPLUS_CAME_BACK, (Account.BUYERS_CASH, amount), (Account.SUSPENSE, _minus(amount)))


def _minus(amount: Money) -> Money:
    return Money(-amount.minor, amount.currency)


def _journal(kind: JournalKind, *sides: tuple[Account, Money]) -> Journal:
    # A fee of nothing leaves no trace in the books: an entry of zero says nothing.
    return Journal(kind, tuple((account, amount) for account, amount in sides if amount.minor))
