"""Whether a recall may concern a model: a reason to look, never a verdict. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

_WORD = re.compile(r"[a-z0-9]+")


class Basis(StrEnum):
    """Why somebody should look, the strongest first."""

    K_NUMBER = "k_number"
    NAME = "name"
    PRODUCT_CODE = "product_code"

    @property
    def words(self) -> str:
        """Say it on the desk."""
        return _BASIS_WORDS[self]


_BASIS_WORDS = {
    Basis.K_NUMBER: "It names a 510(k) number of the model",
    Basis.NAME: "It names the maker and the model",
    Basis.PRODUCT_CODE: "The maker's name, and the product code of the model",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model: its maker under every name, its name, its numbers."""

    makers: tuple[str, ...]
    name: str
    k_numbers: frozenset[str]
    product_code: str | None


def basis_of(
    known: Known, *, firm: str | None, device: str | None, k_numbers: Collection[str], product_code: str | None
) -> Basis | None:
    """Return why a recall may concern the model; None: nothing says so. A firm's name alone is not enough."""
    if not known.k_numbers.isdisjoint(k_numbers):
        return Basis.K_NUMBER
    told, firm_told = _words(device), _words(firm)
    if not any(_within(_words(maker), firm_told) or _within(_words(maker), told) for maker in known.makers):
        return None
    if _within(_words(known.name), told):
        return Basis.NAME
    return Basis.PRODUCT_CODE if product_code is not None and product_code == known.product_code else None


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(_WORD.findall((text or "").casefold()))


def _within(wanted: tuple[str, ...], told: tuple[str, ...]) -> bool:
    """Say whether the words stand there one after the other."""
    return any(told[start : start + len(wanted)] == wanted for start in range(len(told) - len(wanted) + 1))
