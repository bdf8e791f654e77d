"""Whether words say how to reach somebody: what strangers read of a want must not. Pure."""

import re

_REACHES = re.compile(
    r"@|https?:|www\.|\b[\w-]+\.(?:com|net|org|edu|gov|biz|info|example|us)\b"
    r"|\+\d|\d{3}[\s().-]*\d{3}[\s().-]*\d{4}|\b\d{3}[-. ]\d{4}\b",
    re.IGNORECASE,
)


def reaches(words: str) -> bool:
    """Say whether the words hold an address, a site or a telephone number, as far as a machine can tell."""
    return _REACHES.search(words) is not None
