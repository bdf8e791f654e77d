"""What makers ask of second owners, as published and by whom: read from a table by its header. Pure."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from ..kernel.money import Money
from ..kernel.wording import ENGLISH, gettext_noop

COLUMNS = (
    "topic", "maker", "about", "policy", "fee_low_usd", "fee_high_usd", "said_by", "date", "standing", "source",
)  # fmt: skip
STANDINGS = {
    "P": gettext_noop("text read"),
    "O": gettext_noop("official page"),
    "S": gettext_noop("second-hand"),
    "X": gettext_noop("nothing published was found"),
}
"""How well a statement is known, by its mark."""

_WHOLE = re.compile(r"^\d{1,7}$")


class Topic(StrEnum):
    """What a statement is about."""

    RECERTIFICATION = "recertification"
    OWNERSHIP = "ownership"
    WARRANTY = "warranty"
    SERVICE = "service"
    THIRD_PARTY = "third_party"
    PARTS = "parts"
    CONSUMABLES = "consumables"
    TRAINING = "training"

    @property
    def words(self) -> str:
        """Say it above what is said of it."""
        return _TOPIC_WORDS[self]


_TOPIC_WORDS = {
    Topic.RECERTIFICATION: gettext_noop("Recertification for a second owner"),
    Topic.OWNERSHIP: gettext_noop("Who may pass it on"),
    Topic.WARRANTY: gettext_noop("Warranty"),
    Topic.SERVICE: gettext_noop("Service by the maker"),
    Topic.THIRD_PARTY: gettext_noop("Service by third parties"),
    Topic.PARTS: gettext_noop("Parts"),
    Topic.CONSUMABLES: gettext_noop("Consumables"),
    Topic.TRAINING: gettext_noop("Training"),
}
ALWAYS = (Topic.RECERTIFICATION, Topic.SERVICE, Topic.THIRD_PARTY, Topic.TRAINING)
"""What a buyer asks of every model: where nothing is known, that is said."""


class PolicyTableWrong(ValueError):
    """A row of the table cannot be read; nothing of it counts."""


@dataclass(frozen=True, slots=True)
class Statement:
    """
    What somebody says of a maker's policy. No maker: of makers in general. No words: nothing published was found.

    `about` narrows it to models with this word in their name, or to a modality by its code.
    """

    topic: Topic
    maker: str | None
    about: str | None
    words: str | None
    fee_low: Money | None
    fee_high: Money | None
    said_by: str | None
    date: str | None
    standing: str
    source: str

    def fee(self, tell: Callable[..., str] = ENGLISH.gettext) -> str | None:
        """Say the fee as it was published; None: no figure. `tell` says a message in the reader's language."""
        if self.fee_low is None:
            return None if self.fee_high is None else tell(gettext_noop("up to %(most)s"), most=self.fee_high)
        if self.fee_high is None:
            return tell(gettext_noop("%(least)s or more"), least=self.fee_low) if self.fee_low.minor else None
        if self.fee_low == self.fee_high:
            return str(self.fee_low)
        return tell(gettext_noop("%(least)s to %(most)s"), least=self.fee_low, most=self.fee_high)


def parse(text: str) -> tuple[Statement, ...]:
    """
    Read the table by its header, whatever the order of its columns.

    :raises PolicyTableWrong: a column is missing or twice, or a row cannot be read; the message says which
    """
    table = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    header = [name.strip() for name in next(table, [])]
    wrong = [name for name in COLUMNS if header.count(name) != 1]
    if wrong:
        raise PolicyTableWrong(f"These columns must stand there once: {', '.join(wrong)}.")
    found = []
    for cells in table:
        if len(cells) != len(header):
            raise PolicyTableWrong(f"Row {table.line_num} has {len(cells)} cells where the header has {len(header)}.")
        row = {name: cell.strip() or None for name, cell in zip(header, cells, strict=True)}
        try:
            found.append(_statement(row))
        except ValueError as trouble:
            raise PolicyTableWrong(f"Row {table.line_num}: {trouble}.") from None
    return tuple(found)


@cache
def shipped() -> tuple[Statement, ...]:
    """Return the statements that come with the package."""
    return parse((files("marketplace.guides") / "data" / "maker_policy.csv").read_text(encoding="utf-8"))


def said_of(
    *, maker: str, aliases: Iterable[str], model: str, modalities: Iterable[str], statements: Iterable[Statement]
) -> dict[Topic, tuple[Statement, ...]]:
    """Return, by topic, what is said of a model's maker, then of makers in general; topics of `ALWAYS` may be empty."""
    names = {part.strip(" )").casefold() for name in (maker, *aliases) for part in name.split("(")}
    about = {code.casefold() for code in modalities} | set(model.casefold().split())
    fitting = [
        one
        for one in statements
        if (one.maker is None or one.maker.casefold() in names) and (one.about is None or one.about.casefold() in about)
    ]
    fitting.sort(key=lambda one: one.maker is None)
    by_topic = {topic: tuple(one for one in fitting if one.topic is topic) for topic in Topic}
    return {topic: found for topic, found in by_topic.items() if found or topic in ALWAYS}


def _statement(row: dict[str, str | None]) -> Statement:
    if row["topic"] not in set(Topic):
        raise ValueError(f"{row['topic']} is no topic")
    if row["standing"] not in STANDINGS:
        raise ValueError(f"{row['standing']} is no standing")
    if row["source"] is None:
        raise ValueError("it has no source")
    if (row["policy"] is None) != (row["standing"] == "X"):
        raise ValueError("what was not found says nothing, and nothing else does")
    return Statement(
        topic=Topic(row["topic"]),
        maker=row["maker"],
        about=row["about"],
        words=row["policy"],
        fee_low=_dollars(row["fee_low_usd"]),
        fee_high=_dollars(row["fee_high_usd"]),
        said_by=row["said_by"],
        date=row["date"],
        standing=row["standing"] or "",
        source=row["source"],
    )


def _dollars(written: str | None) -> Money | None:
    if written is None:
        return None
    if not _WHOLE.match(written):
        raise ValueError(f"{written} is not an amount in whole dollars")
    return Money(int(written) * 100)
