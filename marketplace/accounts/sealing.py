"""Secrets that must be read again, kept so that the database alone tells nobody what they are."""

import secrets
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class SealBroken(Exception):
    """None of the keys opens it for this person: a key is missing, or the row is another's."""


class Seal:
    """
    Seals and opens with AES-256-GCM, bound to the person. Bound by the application.

    The first of the keys seals; all of them open, so that a key can be replaced while it is in use.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [AESGCM(sha256(f"second factors:{key}".encode()).digest()) for key in keys]

    def close(self, secret: str, *, whose: UUID) -> bytes:
        """Return what to keep of the secret of a person."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._keys[0].encrypt(nonce, secret.encode(), whose.bytes)

    def open(self, sealed: bytes, *, whose: UUID) -> str:
        """
        Return the secret.

        :raises SealBroken: it cannot be had
        """
        for key in self._keys:
            try:
                return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], whose.bytes).decode()
            except InvalidTag:
                continue
        raise SealBroken
