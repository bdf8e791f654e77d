"""Files on a disk of this machine that the disk alone tells nobody: sealed with keys that lie elsewhere."""

import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..documents.ports import CannotBeOpened
from .storage import DiskStore

MARK = b"\x00sealed1"
"""What a sealed file begins with: nothing that we take in does."""

_NAMED, _NONCE, _TAG = 8, 12, 16
_HEAD = len(MARK) + _NAMED + _NONCE
LARGEST = 10 * 1024 * 1024  # What a document may be; more than this nobody ever put here.


class _Key:
    def __init__(self, written: str) -> None:
        derived = sha256(f"documents:{written}".encode()).digest()
        self.cipher = AESGCM(derived)
        # Which key it was is written on the file; of the key itself that says nothing.
        self.name = sha256(b"name of:" + derived).digest()[:_NAMED]


class SealedStore:
    """
    Answers for `documents.ports.DocumentStore`: AES-256-GCM, bound to the name under which a file lies.

    The first of the keys seals; all of them open. What lay there in the open before there were keys is given out as it
    is, until `reseal` has been there: the digest in its row says whether it is what was put in.
    """

    def __init__(self, disk: DiskStore, keys: Sequence[str]) -> None:
        self._disk = disk
        self._keys = {key.name: key for key in map(_Key, keys)}
        self._sealing = next(iter(self._keys.values()))

    def put(self, key: str, content: bytes) -> None:
        """Keep `content`, wholly or not at all."""
        if len(content) > LARGEST:
            raise ValueError(key)
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._sealing.cipher.encrypt(nonce, content, key.encode())
        self._disk.keep(key, (MARK, self._sealing.name, nonce, sealed))

    def get(self, key: str) -> bytes:
        """
        Return what was kept.

        :raises KeyError: nothing is kept under this name
        :raises CannotBeOpened: its key is not among ours, or it is not what was sealed here
        """
        with self._disk.opened(key) as file:
            kept = file.read(_HEAD + LARGEST + _TAG + 1)
        if len(kept) > _HEAD + LARGEST + _TAG:
            raise CannotBeOpened("it is larger than anything that was kept here")
        if not kept.startswith(MARK):
            return kept
        named, nonce = kept[len(MARK) : len(MARK) + _NAMED], kept[_HEAD - _NONCE : _HEAD]
        if named not in self._keys:
            raise CannotBeOpened(f"it is sealed under a key that is not set: {named.hex()}")
        try:
            return self._keys[named].cipher.decrypt(nonce, kept[_HEAD:], key.encode())
        except InvalidTag:
            raise CannotBeOpened("it was changed, or moved from another name, since it was sealed") from None

    def reseal(self, key: str) -> bool:
        """
        Seal a file under the first key, unless it is so already; say whether it was not.

        A file is replaced as a whole: whoever dies in between leaves the old one or the new one.

        :raises KeyError: nothing is kept under this name
        :raises CannotBeOpened: see `get`
        """
        with self._disk.opened(key) as file:
            if file.read(_HEAD - _NONCE) == MARK + self._sealing.name:
                return False
        self.put(key, self.get(key))
        return True

    def delete(self, key: str) -> None:
        """Forget it; nothing happens where nothing was."""
        self._disk.delete(key)

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Yield every name under which something is kept, and since when."""
        return self._disk.names()
