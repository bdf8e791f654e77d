"""Passwords as argon2id hashes, and the same work for an address that nobody has."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from .policy import LONGEST_PASSWORD, normal_password


class Passwords:
    """
    Hashes and checks passwords at one cost. Bound by the application, so that tests can choose a low one.

    The default cost is OWASP's for argon2id: 19 MiB, two passes, one lane.
    """

    def __init__(self, *, memory_kib: int = 19 * 1024, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._nobodys = self._hasher.hash("")

    def hash(self, password: str) -> str:
        """Return what to keep of a password."""
        return self._hasher.hash(normal_password(password))

    def fits(self, password: str, kept: str | None) -> bool:
        """Say whether this is the password of which `kept` was kept; None takes as long and fits nothing."""
        if len(password) > LONGEST_PASSWORD:
            password = ""
        try:
            self._hasher.verify(kept or self._nobodys, normal_password(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
        return kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Say whether `kept` was made at another cost and should be made anew while the password is at hand."""
        return self._hasher.check_needs_rehash(kept)
