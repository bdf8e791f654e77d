"""Text that people and machines can rely on: normal forms of names, numbers and addresses."""

import re
import unicodedata

_SEPARATORS = re.compile(r"[\s\-_./#]+")


def normal_number(number: str) -> str:
    """
    Return the form in which two writings of one licence or serial number are equal.

    Compatibility characters are folded, spaces and separators dropped, letters raised. Leading zeros stay: they may
    be part of the number.
    """
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", number)).upper()


def normal_email(address: str) -> str:
    """Return the form in which an e-mail address is kept and compared: trimmed and in lower case."""
    return unicodedata.normalize("NFC", address.strip()).casefold()


def slug(text: str) -> str:
    """Return a lower-case ASCII name fit for an address: "GentleMax Pro" -> "gentlemax-pro"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
