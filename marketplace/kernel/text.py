"""Text that people and machines can rely on: normal forms of names, numbers and addresses."""

import re
import unicodedata

_SEPARATORS = frozenset("-_./#\N{MINUS SIGN}")


def normal_number(number: str) -> str:
    """
    Return the form in which two writings of one licence or serial number are equal.

    Compatibility characters are folded, digits of any script become 0 to 9, letters are raised; spaces, dashes,
    separators and what cannot be seen are dropped. Leading zeros stay: they may be part of the number.
    """
    folded = unicodedata.normalize("NFKC", number).upper()
    return "".join(
        str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in folded if not _separates(sign)
    )


def in_our_letters(number: str) -> bool:
    """Say whether a number is written with letters from A to Z: others have letters that only look like them."""
    return normal_number(number).isascii()


def _separates(sign: str) -> bool:
    return sign in _SEPARATORS or sign.isspace() or unicodedata.category(sign) in {"Pd", "Cf"}


def normal_email(address: str) -> str:
    """Return the form in which an e-mail address is kept and compared: trimmed and in lower case."""
    return unicodedata.normalize("NFC", address.strip()).casefold()


def slug(text: str) -> str:
    """Return a lower-case ASCII name fit for an address: "GentleMax Pro" -> "gentlemax-pro"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
