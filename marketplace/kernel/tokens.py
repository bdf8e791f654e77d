"""Secrets that are handed out once and kept only as digests."""

import secrets
from hashlib import sha256


def new_token() -> str:
    """Return 256 random bits, fit for an address or a cookie."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> bytes:
    """Return the SHA-256 under which a token is kept and found; the token itself is never stored."""
    return sha256(token.encode()).digest()
