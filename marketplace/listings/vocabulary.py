"""The words that devices are known by: what a typed one stands for, and what was meant by one nobody knows. Pure."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

_SURE_FROM = 4
"""Shorter words are too near to each other to guess."""
_TWO_SLIPS_FROM = 8


@cache
def stands_for() -> Mapping[str, tuple[str, ...]]:
    """Return the words that others stand for, by the word that is typed."""
    return {word: tuple(meant.split()) for word, meant in _data()["stands_for"].items()}


@cache
def says_nothing() -> frozenset[str]:
    """Return the words that say nothing about a device."""
    return frozenset(_data()["says_nothing"])


class Vocabulary:
    """The words of what is on the market, and which of it each of them means."""

    def __init__(self, known: Iterable[tuple[int, Iterable[str]]]) -> None:
        meaning: dict[str, set[int]] = {}
        for one, words in known:
            for word in words:
                meaning.setdefault(word, set()).add(one)
        self._meaning = {word: frozenset(ones) for word, ones in meaning.items()}
        self._words = sorted(meaning)
        self._asked: dict[str, frozenset[int]] = {}
        self._meant: dict[str, str | None] = {}
        self._near: dict[str, Mapping[int, int]] = {}

    def meaning(self, typed: str) -> frozenset[int]:
        """Return what has a word that begins so, or what the word stands for."""
        found = self._asked.get(typed)
        if found is None:
            found = self._beginning(typed)
            if typed in stands_for():
                found |= frozenset.intersection(*(self._beginning(word) for word in stands_for()[typed]))
            if len(self._asked) > 2_000:  # What strangers type must not fill the memory.
                self._asked.clear()
            self._asked[typed] = found
        return found

    def meant_by(self, typed: str) -> str | None:
        """
        Return the word that was most likely meant: one slip away, two in a long one; None: nothing is near.

        A slip is a letter too many, too few, another one, or two that changed places.
        """
        if len(typed) < _SURE_FROM or typed.isdigit():
            return None
        if typed not in self._meant:
            if len(self._meant) > 2_000:
                self._meant.clear()
            self._meant[typed] = self._nearest(typed)
        return self._meant[typed]

    def nearly(self, typed: str) -> Mapping[int, int]:
        """Return what has a word that begins so, or would but for as many slips as `meant_by` forgives; how many."""
        found = self._near.get(typed)
        if found is None:
            found = self._nearly(typed)
            if len(self._near) > 500:
                self._near.clear()
            self._near[typed] = found
        return found

    def _nearly(self, typed: str) -> dict[int, int]:
        if len(typed) < _SURE_FROM or typed.isdigit():
            return dict.fromkeys(self._beginning(typed), 0)
        allowed = _forgiven(typed)
        found: dict[int, int] = {}
        for word in self._words:
            apart = allowed + 1 if word.isdigit() else slips_to_begin(typed, word, most=allowed)
            if apart <= allowed:
                found |= {one: min(apart, found.get(one, apart)) for one in self._meaning[word]}
        return found

    def _beginning(self, typed: str) -> frozenset[int]:
        found: set[int] = set()
        for place in range(bisect_left(self._words, typed), len(self._words)):
            if not self._words[place].startswith(typed):
                break
            found |= self._meaning[self._words[place]]
        return frozenset(found)

    def _nearest(self, typed: str) -> str | None:
        allowed = _forgiven(typed)
        best: tuple[int, int, str] | None = None
        for word in (*self._words, *stands_for()):
            if abs(len(word) - len(typed)) > allowed or word.isdigit():
                continue
            apart = slips(typed, word, most=allowed)
            # Of those equally near, the one that means most of the market.
            rank = (apart, -len(self._meaning.get(word, ())), word)
            if apart <= allowed and (best is None or rank < best):
                best = rank
        return best[2] if best else None


def slips(typed: str, word: str, *, most: int) -> int:
    """Return how many slips lie between two words, or one more than `most` as soon as it is certain to be beyond."""
    if abs(len(typed) - len(word)) > most:
        return most + 1
    last = _last_row(typed, word, most)
    return min(last[-1], most + 1) if last else most + 1


def slips_to_begin(typed: str, word: str, *, most: int) -> int:
    """Return the slips between what is typed and the beginning of the word that is nearest to it; as `slips`."""
    last = _last_row(typed, word[: len(typed) + most], most)
    return min(*last, most + 1) if last else most + 1


def _last_row(typed: str, word: str, most: int) -> list[int]:
    """Return the slips between what is typed and each beginning of the word; none: all are certain to be beyond."""
    before: list[int] = []
    last = list(range(len(word) + 1))
    for row, letter in enumerate(typed, start=1):
        now = [row]
        for column, other in enumerate(word, start=1):
            best = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == word[column - 2] and typed[row - 2] == other:
                best = min(best, before[column - 2] + 1)
            now.append(best)
        if min(now) > most:
            return []
        before, last = last, now
    return last


def _forgiven(typed: str) -> int:
    return 2 if len(typed) >= _TWO_SLIPS_FROM else 1


@cache
def _data() -> dict[str, dict[str, str]]:
    loaded: dict[str, dict[str, str]] = json.loads(
        (files("marketplace.listings") / "data" / "words.json").read_text(encoding="utf-8")
    )
    return loaded
