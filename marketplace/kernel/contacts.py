"""
Finds in what people write how to reach somebody, and takes it out. Pure.

Whoever wants to get around it will: it keeps honest people from giving themselves away, and says so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .wording import gettext_noop

HIDDEN = "[contact hidden]"

EMAIL, SITE = gettext_noop("an e-mail address"), gettext_noop("a web address")
TELEPHONE, HANDLE = gettext_noop("a telephone number"), gettext_noop("a name elsewhere")
"""What can be found, in words for whoever wrote it."""

_AT = r"(?:\s*[\[({]\s*at\s*[\])}]\s*|\s+at\s+|\s*@\s*|\s*＠\s*)"
_DOT = r"(?:\s*[\[({]\s*(?:dot|\.)\s*[\])}]\s*|\s+dot\s+|\.)"
_ENDINGS = r"(?:com|net|org|edu|gov|biz|info|io|co|us|med|health|clinic|example)"
_EMAIL = re.compile(rf"[\w.+-]+{_AT}[\w-]+(?:{_DOT}[\w-]+)*{_DOT}{_ENDINGS}\b|[\w.+-]+@[\w.-]+\w", re.IGNORECASE)
_SITE = re.compile(
    rf"\bhttps?:\S+|\bwww\.\S+|\b[\w-]+(?:\.[\w-]+)*\.{_ENDINGS}\b(?:/\S*)?|\b[\w-]+\s+dot\s+(?:com|net|org)\b",
    re.IGNORECASE,
)
_ELSEWHERE = r"(?:instagram|insta|ig|whats\s?app|telegram|wechat|snapchat|facebook|fb|tiktok|linkedin|skype)"
_HANDLE = re.compile(
    r"(?<![\w@])@\w[\w.]+"
    rf"|\b{_ELSEWHERE}\s*(?:(?:id|name|handle|number)\s*)?[:=/]\s*@?[\w.-]{{2,}}"
    rf"|\bmy\s+{_ELSEWHERE}\s+(?:(?:id|name|handle|number)\s+)?is\s+@?[\w.-]{{2,}}",
    re.IGNORECASE,
)
_WORDS = {
    word: digit
    for digit, words in enumerate(("zero oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
    for word in words.split()
}
_DIGIT = rf"(?:\d|\b(?:{'|'.join(_WORDS)})\b)"
# Digits, or their names, with anything between them that people put there. A comma parts thousands.
_RUN = re.compile(rf"\+?\(?{_DIGIT}(?:[\s().\-–—/_·*]{{0,3}}{_DIGIT})*", re.IGNORECASE)
_ONE = re.compile(_DIGIT, re.IGNORECASE)
_FIGURE = re.compile(r"\s*(?:nm|shots?|pulses?|hours?|mm|ms|hz|j\b|volts?|cycles?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What others may read of what somebody wrote, and which kinds of contact were taken out of it."""

    words: str
    found: tuple[str, ...]


def cleaned(words: str) -> Cleaned:
    """Return what was written without what says how to reach somebody, as far as a machine can tell."""
    spans = sorted(_found(words))
    kept, at, kinds = [], 0, []
    for start, end, kind in spans:
        if start >= at:
            kept += [words[at:start], HIDDEN]
            at = end
            kinds.append(kind)
    return Cleaned("".join([*kept, words[at:]]), tuple(dict.fromkeys(kinds)))


def reaches(words: str) -> bool:
    """Say whether the words tell how to reach somebody, as far as a machine can tell."""
    return bool(cleaned(words).found)


def _found(words: str) -> Iterator[tuple[int, int, str]]:
    for kind, pattern in ((EMAIL, _EMAIL), (SITE, _SITE), (HANDLE, _HANDLE)):
        yield from ((one.start(), one.end(), kind) for one in pattern.finditer(words))
    for run in _RUN.finditer(words):
        if _calls(run[0], words[run.end() :]):
            yield run.start(), run.end(), TELEPHONE


def _calls(run: str, after: str) -> bool:
    """Say whether a run of digits is a telephone number: by its plus, its groups, or because each stands alone."""
    groups = [len(_ONE.findall(group)) for group in re.split(r"[\s().\-–—/_·*]+", run) if group.strip("+")]
    digits = sum(groups)
    if run.startswith("+"):
        return 4 <= digits <= 15
    if _FIGURE.match(after):
        return False  # "400 000 1064 nm" is what the trade writes all day.
    if groups[:1] == [1] and digits in {8, 11}:
        groups = groups[1:] or groups
    named = len(groups) >= 7 and all(group == 1 for group in groups)
    if named or groups in ([3, 3, 4], [3, 7], [6, 4], [10]) or (groups == [11] and run.startswith("1")):
        return True
    return groups == [3, 4] and re.search(r"\d[-.]\d", run) is not None
