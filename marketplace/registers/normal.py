"""Numbers and names in the forms in which a register and a person's own writing of them can be compared. Pure."""

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from ..kernel.text import normal_number

_DIGITS = re.compile(r"[0-9]+")
_WORDS = re.compile(r"[^A-Z]+")
_NPI = re.compile(r"[12][0-9]{9}")
_NPI_PREFIX_SUM = 24  # What the prefix 80840, the United States among issuers of health cards, adds to the check sum.
_SUFFIXES = frozenset({"JR", "SR", "II", "III", "IV", "MD", "DO", "RN", "PA", "NP", "ESQ", "PHD"})


def core_number(number: str) -> str | None:
    """
    Return the last run of digits without leading zeros, by which one licence is found in differently written files.

    "036-118204" and "036.118204" meet, "ME 0012345" and "12345", too. None where there is no digit but zero: such
    numbers are placeholders.
    """
    if number.isascii() and number.isdecimal():  # As most registers write most numbers.
        return number.lstrip("0") or None
    runs = _DIGITS.findall(normal_number(number))
    return (runs[-1].lstrip("0") or None) if runs else None


def is_npi(number: str) -> bool:
    """
    Say whether this is a possible National Provider Identifier: ten digits from 1 or 2, with its check digit.

    The check is the Luhn formula over the number behind the prefix 80840 (45 CFR 162.406; CMS, "Requirements for NPI
    and NPI check digit"). It says nothing about who has the number.
    """
    if not _NPI.fullmatch(number):
        return False
    doubled = (int(digit) * 2 for digit in number[-2::-2])
    total = _NPI_PREFIX_SUM + sum(value // 10 + value % 10 for value in doubled)
    return (total + sum(int(digit) for digit in number[-1::-2])) % 10 == 0


@lru_cache(maxsize=65_536)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name without accents, marks and case: "O’Hara-Smith" -> ("OHARA", "SMITH")."""
    folded = unicodedata.normalize("NFKD", name).upper().translate(_MARKS)
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return tuple(word for word in _WORDS.split(plain) if word)


_MARKS = {ord(mark): None for mark in "'’‘`´.ʼ"} | {ord("Ø"): "O", ord("Ł"): "L", ord("Æ"): "AE", ord("ẞ"): "SS"}


def person_words(name: str) -> tuple[str, ...]:
    """Return the words of a person's name without what stands behind it: "Amir Khan, MD" -> ("AMIR", "KHAN")."""
    words = words_of(name)
    while len(words) > 2 and words[-1] in _SUFFIXES:
        words = words[:-1]
    return words


def head(name: str | None) -> str | None:
    """Return the first word of a name: of "De La Cruz" it is DE, of "Smith-Jones" SMITH."""
    words = words_of(name) if name else ()
    return words[0] if words else None


def heads_of(name: str) -> frozenset[tuple[str, str]]:
    """
    Return under which (family, given) first words a person of this name may be filed.

    Nobody knows where the family name of "Maria De La Cruz" begins, so it is looked for behind each given name.
    """
    words = person_words(name)
    return frozenset((family, given) for family in words[1:] for given in (words[0], words[0][0]))


class Strength(IntEnum):
    """How well a row fits a person or a licence. Whatever it is, a person decides."""

    WEAK = 1
    FAIR = 2
    STRONG = 3
    IDENTIFIED = 4

    @property
    def words(self) -> str:
        """Say it on a page."""
        return _STRENGTHS[self]


_STRENGTHS = {
    Strength.WEAK: "Weak: only part of the name",
    Strength.FAIR: "Fair: first and last name",
    Strength.STRONG: "Strong",
    Strength.IDENTIFIED: "Identified by its number",
}


class RegisterName(NamedTuple):
    """A person's name as a register writes it."""

    family: str | None
    given: str | None
    middle: str | None = None


def name_score(name: str, row: RegisterName) -> int:
    """
    Return how much of a person's name a row repeats, from 0 to 100. A name is a candidate, never a verdict.

    The whole family name counts 50, its first word 30; the given name 35, its initial 15; a middle name or initial on
    both sides 15 if it agrees, and takes 30 if it does not.
    """
    words, family, given = person_words(name), words_of(row.family or ""), words_of(row.given or "")
    if len(words) < 2 or not family or not given:
        return 0
    score = _given_score(words[0], given[0])
    family_score, middle = _family_score(words[1:], family)
    if not score or not family_score:
        return 0
    return max(0, score + family_score + _middle_score(middle, (*given[1:], *words_of(row.middle or ""))))


def _given_score(ours: str, theirs: str) -> int:
    if ours == theirs:
        return 35
    return 15 if 1 in {len(ours), len(theirs)} and ours[0] == theirs[0] else 0


def _family_score(rest: tuple[str, ...], family: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Return the best score of any place where the family name may begin, and the middle names that leaves."""
    whole = "".join(family)
    best: tuple[int, tuple[str, ...]] = (0, ())
    for start in range(len(rest)):
        score = 50 if "".join(rest[start:]) == whole else 30 if rest[start] == family[0] else 0
        if score > best[0]:
            best = (score, rest[:start])
    return best


def _middle_score(ours: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    if not ours or not theirs:
        return 0
    one, other = ours[0], theirs[0]
    shorter = min(len(one), len(other))
    agrees = one == other or (shorter == 1 and one[0] == other[0])
    return 15 if agrees else -30


def strength_of_name(score: int) -> Strength | None:
    """Return what a name's score is worth; None: not even a candidate."""
    if score >= 100:
        return Strength.STRONG
    if score >= 85:
        return Strength.FAIR
    return Strength.WEAK if score >= 50 else None
