"""
Finds people's credentials in the registers they belong to.

What is found is offered to a verifier as evidence. It approves nothing: a match by number is only as good as the name
beside it, and a match by name alone is a candidate.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from .. import audit
from ..extensions import db, unit_of_work
from ..kernel.days import written
from ..kernel.errors import Invalid, NotFound
from ..kernel.text import normal_number
from ..registers import queries as registers
from ..registers.normal import Strength, core_number, heads_of, name_score, words_of
from ..registers.queries import RegisterEntry, Snapshot
from ..registers.sources import rosters_of, sources
from .findings import RegisterTypeMapping
from .looks import Look
from .models import CheckMethod, CheckOutcome, Credential
from .types import credential_types
from .views import CredentialView

MOST_OFFERS = 5
"""So many rows help a verifier; more would only be other people."""

NOTHING = "–"
"""What is shown where nothing is claimed."""

_CLAIMS = frozenset({"name", "number", "level", "expires_on"})
_SAME_NUMBER = 50
_SAME_CORE = 40


@dataclass(frozen=True, slots=True)
class Compared:
    """One field of a credential beside what the register shows; `agrees` is None where it shows nothing."""

    name: str
    claimed: str
    shown: str | None
    agrees: bool | None


@dataclass(frozen=True, slots=True)
class RegisterOffer:
    """A row of a register that may be this credential, to be accepted or passed over by a verifier."""

    snapshot: Snapshot
    entry: RegisterEntry
    strength: Strength
    score: int
    by_number: bool
    fields: tuple[Compared, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing that the register shows speaks against the claim."""
        return self.by_number and not any(field.agrees is False for field in self.fields)

    @property
    def is_clean(self) -> bool:
        """
        Whether everything that is claimed stands in the row, and nothing else: then a yes is one step away.

        Registers have words of their own for how a licence stands; only what is plainly active counts here.
        """
        confirmed = all(field.agrees for field in self.fields if field.name in _CLAIMS and field.claimed != NOTHING)
        standing = {part.strip().casefold() for part in (self.entry.status or "active").split("·")}
        return self.agrees and self.strength >= Strength.STRONG and confirmed and standing == {"active"}

    def look(self, *, outcome: CheckOutcome, note: str = "") -> Look:
        """Return the row as the look that a verifier records: it is as old as the file that it stands in."""
        source = self.snapshot.source
        row = f"Row {self.entry.position:,} of {self.snapshot.filename}."
        return Look(
            source_name=source.name,
            source_url=source.address,
            method=CheckMethod.REGISTER_FILE,
            outcome=outcome,
            retrieved_at=self.snapshot.retrieved_at,
            matched={field.name: field.shown for field in self.fields if field.shown},
            note=f"{row} {note}".strip(),
            snapshot_id=self.snapshot.id,
            row_digest=self.entry.digest,
            score=self.score,
        )


class Wanted(NamedTuple):
    """A credential as it is looked for."""

    id: UUID
    type_code: str
    jurisdiction: str
    number: str
    name: str
    level: str | None
    endorsements: tuple[str, ...]
    expires_on: date | None
    of_site: bool

    @classmethod
    def of(cls, row: Credential) -> "Wanted":
        """Take it from its row."""
        return cls(
            row.id,
            row.type_code,
            row.jurisdiction,
            row.number,
            row.name_on_credential,
            row.level,
            tuple(row.endorsements),
            row.expires_on,
            row.site_id is not None,
        )

    @classmethod
    def seen(cls, view: CredentialView) -> "Wanted":
        """Take it from how it looks, where it is on the table already."""
        return cls(
            view.id,
            view.kind.code,
            view.jurisdiction,
            view.number,
            view.name_on_credential,
            view.level,
            view.endorsements,
            view.expires_on,
            view.site is not None,
        )


def offers_for(credential_id: UUID) -> list[RegisterOffer]:
    """
    Return the rows of its state's registers that may be this credential, the best first.

    :raises NotFound: no such credential
    """
    row = db.session.get(Credential, credential_id)
    if row is None:
        raise NotFound("There is no such credential.")
    return offers_to(Wanted.of(row))


def offers_to(wanted: Wanted) -> list[RegisterOffer]:
    """Return the rows of its state's registers that may be the credential looked for, the best first."""
    current = registers.current(source.code for source in rosters_of(wanted.jurisdiction))
    found = matches([wanted], list(current.values()), names=True)
    return found.get(wanted.id, [])[:MOST_OFFERS]


def offer_of(credential_id: UUID, *, snapshot_id: UUID, position: int) -> RegisterOffer:
    """
    Return one of the offers of a credential again, when it is accepted.

    :raises NotFound: it is not among them any more
    """
    for offer in offers_for(credential_id):
        if (offer.snapshot.id, offer.entry.position) == (snapshot_id, position):
            return offer
    raise NotFound("This row is not offered any more: the register was loaded anew.", cure="Look at the case again.")


def matches(wanted: Sequence[Wanted], snapshots: Sequence[Snapshot], *, names: bool) -> dict[UUID, list[RegisterOffer]]:
    """
    Return, by credential, the rows that may be it, the best first; in a number of statements that does not grow.

    `names`: look for the name, too, where the number finds nobody.
    """
    if not snapshots:
        return {}
    by_source = type_mappings(snapshot.source.code for snapshot in snapshots)
    found: dict[UUID, list[RegisterOffer]] = defaultdict(list)
    numbers: dict[str, list[Wanted]] = defaultdict(list)
    for one in wanted:
        key = core_number(one.number)
        if key is not None:
            numbers[key].append(one)
    by_id = {snapshot.id: snapshot for snapshot in snapshots}
    for entry in registers.by_number(list(by_id), list(numbers)):
        snapshot = by_id[entry.snapshot_id]
        assert entry.number_key is not None
        for one in numbers[entry.number_key]:
            if _means(by_source, snapshot, entry, one):
                found[one.id].append(_offer(one, snapshot, entry, by_number=True))
    if names:
        for one in wanted:
            if not found[one.id]:
                found[one.id] = _by_name(one, by_id, by_source)
    return {key: sorted(offers, key=_rank) for key, offers in found.items() if offers}


def type_mappings(source_codes: Iterable[str]) -> dict[str, dict[str, str | None]]:
    """Return, by register, what its words for types of licences mean here; None: none that is known here."""
    found: dict[str, dict[str, str | None]] = defaultdict(dict)
    rows = select(
        RegisterTypeMapping.source_code, RegisterTypeMapping.license_type, RegisterTypeMapping.type_code
    ).where(RegisterTypeMapping.source_code.in_(list(source_codes)))
    for source_code, license_type, type_code in db.session.execute(rows):
        found[source_code][license_type] = type_code
    return dict(found)


def map_types(*, source_code: str, meanings: Mapping[str, str | None], actor_id: UUID | None, at: datetime) -> None:
    """
    Say what a register's words for types of licences mean here.

    :raises NotFound: no such register
    :raises Invalid: a type that is not known, or not issued in the register's state
    """
    source = sources().get(source_code)
    if source is None:
        raise NotFound("There is no such register.")
    for license_type, type_code in meanings.items():
        kind = credential_types().get(type_code) if type_code else None
        if type_code and (kind is None or not source.jurisdiction or not kind.issued_in(source.jurisdiction)):
            raise Invalid(f"{license_type}: choose a credential that is issued in this state.")
    with unit_of_work():
        for license_type, type_code in meanings.items():
            adding = insert(RegisterTypeMapping).values(
                source_code=source_code, license_type=license_type, type_code=type_code, decided_by=actor_id,
                decided_at=at,
            )  # fmt: skip
            db.session.execute(
                adding.on_conflict_do_update(
                    index_elements=["source_code", "license_type"],
                    set_={name: adding.excluded[name] for name in ("type_code", "decided_by", "decided_at")},
                )
            )
        if meanings:
            audit.record(
                "register:types_mapped",
                actor_id=actor_id,
                subject_type="register",
                subject_id=UUID(int=0),
                at=at,
                source=source_code,
                meanings=dict(meanings),
            )


def _means(
    by_source: Mapping[str, Mapping[str, str | None]], snapshot: Snapshot, entry: RegisterEntry, one: Wanted
) -> bool:
    source = snapshot.source
    return (
        source.jurisdiction == one.jurisdiction
        and by_source.get(source.code, {}).get(entry.license_type or "") == one.type_code
    )


def _by_name(
    one: Wanted, by_id: Mapping[UUID, Snapshot], by_source: Mapping[str, Mapping[str, str | None]]
) -> list[RegisterOffer]:
    if one.of_site:
        return []
    offers = [
        _offer(one, by_id[entry.snapshot_id], entry, by_number=False)
        for entry in registers.by_name(list(by_id), heads_of(one.name))
        if _means(by_source, by_id[entry.snapshot_id], entry, one)
    ]
    return [offer for offer in offers if offer.score]


def _rank(offer: RegisterOffer) -> tuple[int, int, UUID, int]:
    return -offer.strength, -offer.score, offer.snapshot.id, offer.entry.position


def _offer(one: Wanted, snapshot: Snapshot, entry: RegisterEntry, *, by_number: bool) -> RegisterOffer:
    name = _firm_score(one.name, entry) if one.of_site else name_score(one.name, entry.person)
    same = normal_number(entry.number or "") == normal_number(one.number)
    number = (_SAME_NUMBER if same else _SAME_CORE) if by_number else 0
    return RegisterOffer(
        snapshot=snapshot,
        entry=entry,
        strength=strength_of(name, by_number=by_number),
        score=number + name // 2,
        by_number=by_number,
        fields=_compared(one, entry, name, by_number=by_number),
    )


def strength_of(name: int, *, by_number: bool) -> Strength:
    """
    Return how well a row fits by the score of its name.

    Number and name together are strong; a number under another name, or a name alone, never is.
    """
    if by_number:
        return Strength.STRONG if name >= 85 else Strength.FAIR if name >= 50 else Strength.WEAK
    return Strength.FAIR if name >= 100 else Strength.WEAK


def _firm_score(name: str, entry: RegisterEntry) -> int:
    ours, theirs = words_of(name), words_of(entry.business_name or "")
    if not ours or not theirs:
        return 0
    if ours == theirs:
        return 100
    return 60 if set(ours) <= set(theirs) or set(theirs) <= set(ours) else 0


def _compared(one: Wanted, entry: RegisterEntry, name: int, *, by_number: bool) -> tuple[Compared, ...]:
    expires = written(entry.expires_on) if entry.expires_on else None
    words = " · ".join(filter(None, (entry.status, entry.discipline and f"discipline: {entry.discipline}")))
    level = ", ".join(credential_types()[one.type_code].names_of(one.level, one.endorsements))
    return (
        Compared("name", one.name, entry.name, name >= 85),
        Compared("number", one.number, entry.number, by_number),
        Compared("level", level or NOTHING, entry.license_type, _names(level, entry.license_type) or None),
        Compared(
            "expires_on",
            written(one.expires_on) if one.expires_on else "no end",
            expires or (entry.flaw and f"not readable: {entry.flaw}"),
            entry.expires_on == one.expires_on if entry.expires_on else None,
        ),
        Compared("standing", NOTHING, words or None, False if entry.discipline else None),
    )


def _names(level: str, license_type: str | None) -> bool:
    """Say whether a register's words for a type of licence name the level, too: "Laser Hair Removal Technician"."""
    return bool(level) and set(words_of(level)) <= set(words_of(license_type or ""))


def license_types_without_meaning(snapshots: Collection[Snapshot]) -> dict[str, list[str]]:
    """Return, by register, the words for types of licences that nobody has said anything of."""
    known = type_mappings(snapshot.source.code for snapshot in snapshots)
    return {
        snapshot.source.code: [
            kind for kind in snapshot.license_types if kind not in known.get(snapshot.source.code, {})
        ]
        for snapshot in snapshots
    }
