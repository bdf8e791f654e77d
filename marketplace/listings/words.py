"""How people write what they look for, and what a unit can be found by. Pure."""

import re
import unicodedata
from collections.abc import Iterable

MOST_WORDS = 12
LONGEST_WORD = 40

_RUN = re.compile(r"[^\W_]+")
_THOUSANDS = re.compile(r"(?<=\d)[, ](?=\d{3}(?!\d))")
_NANOMETRES = re.compile(r"(?<=\d)\s*nm\b")


def words_of(text: str) -> list[str]:
    """
    Return the words of a text as they are compared: lower case, without accents, figures without separators or "nm".

    "Nd:YAG 1,064nm" -> ["nd", "yag", "1064"]
    """
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(letter)
    )
    return _RUN.findall(_NANOMETRES.sub("", _THOUSANDS.sub("", plain)))


def findable(*, names: Iterable[str], others: Iterable[str]) -> str:
    """
    Return what a unit can be found by.

    `names` are also found when written as one word, or its halves as two: "gentlemaxpro", "gentle max pro".
    """
    found: dict[str, None] = {}
    for name in names:
        own = words_of(name)
        found.update(dict.fromkeys((*own, "".join(own))))
    for other in others:
        found.update(dict.fromkeys(words_of(other)))
    return " ".join(found)


def typed(text: str) -> list[str]:
    """Return the words that somebody looks for, no more and none longer than anybody needs."""
    return [word[:LONGEST_WORD] for word in words_of(text)][:MOST_WORDS]
