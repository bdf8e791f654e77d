"""Whether a person stands on the list of excluded persons: looked for in the list itself, whenever it is asked."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select

from ..accounts.models import User
from ..extensions import db
from ..kernel.told import octets
from ..registers import queries as registers
from ..registers.normal import Strength, heads_of, name_score, strength_of_name
from ..registers.queries import RegisterEntry, Snapshot
from ..registers.sources import EXCLUSIONS, sources
from .findings import FindingKind, FindingState, PersonNpi, RegisterFinding


class Excluded(StrEnum):
    """What a look into the list of excluded persons left behind."""

    NO = "no"
    PERHAPS = "perhaps"  # An entry fits, and nobody has judged it.
    YES = "yes"  # Staff found that it is this person.


@dataclass(frozen=True, slots=True)
class Suspect:
    """An entry of the list of exclusions that fits a person."""

    user_id: UUID
    entry: RegisterEntry
    strength: Strength


class ExclusionLook(NamedTuple):
    """A look into the list of exclusions: what it left behind, by person, and until when it counts."""

    answers: Mapping[UUID, Excluded]
    until: datetime | None


_People = Mapping[UUID, tuple[str, str | None]]
"""By person: what they are called, and the NPI that they state."""

Filed = frozenset[tuple[str, str]]
"""Under which (family, given) first words people may be filed."""


def exclusions_of(user_ids: Collection[UUID]) -> ExclusionLook:
    """
    Say of each person whether an entry of the current list of exclusions fits; of nobody if no list is loaded.

    It looks at the list itself, so that neither a new name nor a new list waits for a nightly screening. The number of
    statements does not grow with the people.
    """
    current = registers.current([EXCLUSIONS]).get(EXCLUSIONS)
    if current is None:
        return ExclusionLook({}, None)
    return ExclusionLook(_answers(user_ids, _judged(user_ids), suspects(user_ids, current)), current.fresh_until)


def suspects(user_ids: Collection[UUID], current: Snapshot) -> list[Suspect]:
    """
    Return the entries that fit these people: by NPI they are identified, by name they are candidates.

    Where both have an NPI and the two differ, it is somebody else, whatever the name.
    """
    people = _people(user_ids)
    by_npi = registers.by_npi([current.id], [npi for _, npi in people.values() if npi])
    by_name = registers.by_name([current.id], list(filed(name for name, _ in people.values())))
    return [*_identified(people, by_npi), *_candidates(people, by_name)]


def filed(names: Iterable[str]) -> Filed:
    """Return under which first words people of these names may be filed."""
    return frozenset(head for name in names for head in heads_of(name))


_ENTRIES = "SELECT entry.* FROM register_rows entry, list WHERE snapshot_id = list.id AND {} ORDER BY position"
LIST = f"SELECT id, retrieved_at FROM register_snapshots WHERE source_code = '{EXCLUSIONS}' AND state = 'current'"  # noqa: S608  Names of ours.
"""The list that counts, which a larger statement calls `list`."""
LOOK = {
    "list": "SELECT * FROM list",
    "judged": f"""
        SELECT user_id, row_digest, state FROM register_findings
        WHERE kind = '{FindingKind.EXCLUSION}' AND user_id IN (SELECT id FROM person) ORDER BY id
    """,  # noqa: S608  Names of ours.
    "people": """
        SELECT users.id, name, npi FROM person JOIN users USING (id) LEFT JOIN person_npis ON user_id = users.id
        ORDER BY users.id
    """,
    "by_npi": _ENTRIES.format("npi IN (SELECT npi FROM person_npis WHERE user_id IN (SELECT id FROM person))"),
    "by_name": _ENTRIES.format(
        "(family_head, given_head) IN (SELECT * FROM unnest(%(families)s::text[], %(givens)s::text[]))"
    ),
}
"""
What `exclusions_of` asks about those who stand in `person`, each for a larger statement; `look_told` reads the answers.

By name it asks under the first words that it is given: `filed` says which are needed for the people that were told.
"""


def look_told(told: Mapping[str, Any], user_ids: Collection[UUID]) -> ExclusionLook:
    """Return what `exclusions_of` would, from what was told."""
    if not told["list"]:
        return ExclusionLook({}, None)
    [current] = told["list"]
    people = {UUID(one["id"]): (one["name"], one["npi"]) for one in told["people"]}
    fitting = [
        *_identified(people, map(registers.entry_told, told["by_npi"])),
        *_candidates(people, map(registers.entry_told, told["by_name"])),
    ]
    judged = {(UUID(one["user_id"]), octets(one["row_digest"])): FindingState(one["state"]) for one in told["judged"]}
    return ExclusionLook(
        _answers(user_ids, judged, fitting),
        datetime.fromisoformat(current["retrieved_at"]) + sources()[EXCLUSIONS].fresh_for,
    )


def _identified(people: _People, entries: Iterable[RegisterEntry]) -> list[Suspect]:
    # An NPI is what people say of themselves: several may state the same one, and none of them hides behind another.
    stating: dict[str | None, list[UUID]] = defaultdict(list)
    for user_id, (_, npi) in people.items():
        if npi:
            stating[npi].append(user_id)
    return [Suspect(user_id, entry, Strength.IDENTIFIED) for entry in entries for user_id in stating.get(entry.npi, ())]


def _candidates(people: _People, entries: Iterable[RegisterEntry]) -> list[Suspect]:
    names: dict[tuple[str | None, str | None], set[UUID]] = defaultdict(set)
    for user_id, (name, _) in people.items():
        for head in heads_of(name):
            names[head].add(user_id)
    found = []
    for entry in entries:
        for user_id in names.get((entry.family_head, entry.given_head), ()):
            name, npi = people[user_id]
            strength = strength_of_name(name_score(name, entry.person))
            if strength is not None and strength > Strength.WEAK and not (npi and entry.npi):
                found.append(Suspect(user_id, entry, strength))
    return found


def _answers(
    user_ids: Collection[UUID], judged: Mapping[tuple[UUID, bytes], FindingState], fitting: Iterable[Suspect]
) -> dict[UUID, Excluded]:
    answers = dict.fromkeys(user_ids, Excluded.NO)
    for (user_id, _), state in judged.items():
        if state is not FindingState.DISMISSED:
            answers[user_id] = max(answers[user_id], _GRAVITY[state], key=_ORDER.index)
    for suspect in fitting:
        if (suspect.user_id, suspect.entry.digest) not in judged:
            answers[suspect.user_id] = max(answers[suspect.user_id], Excluded.PERHAPS, key=_ORDER.index)
    return answers


_ORDER = (Excluded.NO, Excluded.PERHAPS, Excluded.YES)
_GRAVITY = {FindingState.OPEN: Excluded.PERHAPS, FindingState.CONFIRMED: Excluded.YES}


def _judged(user_ids: Collection[UUID]) -> dict[tuple[UUID, bytes], FindingState]:
    columns = RegisterFinding.__table__.c
    rows = db.session.execute(
        select(columns.user_id, columns.row_digest, columns.state).where(
            columns.user_id.in_(user_ids), columns.kind == FindingKind.EXCLUSION
        )
    )
    return {(user_id, digest): state for user_id, digest, state in rows}


def _people(user_ids: Collection[UUID]) -> dict[UUID, tuple[str, str | None]]:
    rows = db.session.execute(
        select(User.id, User.name, PersonNpi.npi)
        .join(PersonNpi, PersonNpi.user_id == User.id, isouter=True)
        .where(User.id.in_(user_ids))
    )
    return {user_id: (name, npi) for user_id, name, npi in rows}
