"""
What a rule can ask for: conditions joined by "all of" and "any of". Pure data; `answering` says whether they are met.

In a document a condition is `{tag: body}`, so that a lawyer can read it beside the text of the law.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from ..kernel.shapes import Misshapen


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of them."""

    TAG: ClassVar[str] = "all_of"
    conditions: "tuple[Requirement, ...]"

    def __post_init__(self) -> None:
        _refuse_emptiness(self.TAG, self.conditions)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of them."""

    TAG: ClassVar[str] = "any_of"
    conditions: "tuple[Requirement, ...]"

    def __post_init__(self) -> None:
        _refuse_emptiness(self.TAG, self.conditions)


@dataclass(frozen=True, slots=True)
class HoldsCredential:
    """
    The operator holds one of these types, issued by the place of use unless it may come `from_anywhere`.

    `levels` and `endorsements`: any of them; empty: none is asked. `for_procedure`: the credential itself must list the
    procedure, as the policy's `endorsements` read it.
    `on_model`: it must be about the very model that is sold.
    """

    TAG: ClassVar[str] = "credential"
    name: str
    types: tuple[str, ...]
    levels: tuple[str, ...] = ()
    endorsements: tuple[str, ...] = ()
    for_procedure: bool = False
    on_model: bool = False
    from_anywhere: bool = False

    def __post_init__(self) -> None:
        _refuse_emptiness(self.TAG, self.types)


@dataclass(frozen=True, slots=True)
class MemberHolds:
    """Somebody at the buying clinic holds it: the operator, the practitioner or a colleague."""

    TAG: ClassVar[str] = "member_holds"
    name: str
    types: tuple[str, ...]
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse_emptiness(self.TAG, self.types)


@dataclass(frozen=True, slots=True)
class SiteHolds:
    """The site holds it. `lasers_only`: not asked for handpieces known to emit no laser light."""

    TAG: ClassVar[str] = "site_credential"
    name: str
    types: tuple[str, ...]
    lasers_only: bool = False

    def __post_init__(self) -> None:
        _refuse_emptiness(self.TAG, self.types)


@dataclass(frozen=True, slots=True)
class SafetyOfficerNamed:
    """The site has named a laser safety officer."""

    TAG: ClassVar[str] = "safety_officer_named"
    lasers_only: bool


@dataclass(frozen=True, slots=True)
class PractitionerAttests:
    """The ordering practitioner signs this statement as part of confirming the order."""

    TAG: ClassVar[str] = "practitioner_attests"
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class NotEvidenced:
    """Something that cannot be recorded here yet. It is never met, and says why."""

    TAG: ClassVar[str] = "not_evidenced"
    text: str


Requirement: TypeAlias = (
    AllOf | AnyOf | HoldsCredential | MemberHolds | SiteHolds | SafetyOfficerNamed | PractitionerAttests | NotEvidenced
)


def atoms(requirement: Requirement) -> Iterator[Requirement]:
    """Yield every single condition of a tree, in its order."""
    if isinstance(requirement, AllOf | AnyOf):
        for condition in requirement.conditions:
            yield from atoms(condition)
    else:
        yield requirement


def _refuse_emptiness(tag: str, entries: tuple[object, ...]) -> None:
    # An empty condition would read as "nothing is required", which no rule means.
    if not entries:
        raise Misshapen(tag, "an empty condition asks for nothing; write what is asked")
