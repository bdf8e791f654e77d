"""What partners and people carry: keys and sharing codes. Handed out once, kept only as digests. Pure."""

import re
import secrets
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for a digit."""
PREFIX_LENGTH = 8
CODE_LENGTH = 25
"""Signs of a sharing code: 125 bits, which nobody guesses, in five groups that can be read out."""
RECEIPT_LENGTH = 16
"""Signs of a receipt's code, as the gate's own receipts have it: 80 bits."""

_KEY = re.compile(rf"slk_([{ALPHABET}]{{{PREFIX_LENGTH}}})_[A-Za-z0-9_-]{{43}}", re.ASCII)
_TAKEN_FOR = str.maketrans("OIL", "011", "- \t\r\n")


class Minted(NamedTuple):
    """Something new: what its holder is shown once, how it is recognised, and the digest that is kept."""

    shown: str
    mark: str
    digest: bytes


def digest_of(secret: str) -> bytes:
    """Return the SHA-256 under which a secret is kept."""
    return sha256(secret.encode()).digest()


def new_key(token: str, prefix: str | None = None) -> Minted:
    """Return a key around 256 random bits; it is found by its prefix."""
    mark = prefix or _random(PREFIX_LENGTH)
    shown = f"slk_{mark}_{token}"
    return Minted(shown, mark, digest_of(shown))


def prefix_of(key: str) -> str | None:
    """Return by which prefix a key is found; None: it is none of ours."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def is_key(key: str, digest: bytes) -> bool:
    """Say whether it is the key of that digest, in a time that tells nothing."""
    return compare_digest(digest_of(key), digest)


def new_code() -> Minted:
    """Return a sharing code; its person recognises it by its last four signs."""
    return code_of(_random(CODE_LENGTH))


def code_of(signs: str) -> Minted:
    """Return the sharing code of these signs."""
    groups = [signs[start : start + 5] for start in range(0, len(signs), 5)]
    return Minted("-".join(("SL", *groups)), signs[-4:], digest_of(signs))


def plain(code: str) -> str:
    """Return the signs of a sharing code however it was typed; whatever else was typed stays different from any."""
    signs = code.upper().translate(_TAKEN_FOR)
    # "SL" itself is read as "S1": L is taken for 1.
    return signs.removeprefix("S1") if len(signs) == CODE_LENGTH + 2 else signs


def new_receipt_code() -> str:
    """Return a code by which anybody may check a receipt."""
    return _random(RECEIPT_LENGTH)


def plain_receipt(code: str) -> str:
    """Return the code of a receipt however it was typed."""
    return code.upper().translate(_TAKEN_FOR)


def written(receipt_code: str) -> str:
    """Write the code of a receipt as people read it: in fours."""
    return "-".join(receipt_code[start : start + 4] for start in range(0, RECEIPT_LENGTH, 4))


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
