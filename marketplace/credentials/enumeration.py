"""
Compares the National Provider Identifier that a practitioner states with who has it, by the newest files of NPPES.

It proves who was given a number, not a licence. The newest file that has the number tells of it. Only of the full file
does "not there" say anything: a file of a week's changes, or saved answers, hold nothing of most people.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from ..extensions import db
from ..kernel.days import written
from ..registers import queries as registers
from ..registers.normal import name_score
from ..registers.queries import RegisterEntry, Snapshot
from ..registers.sources import enumerations
from .findings import FindingKind, PersonNpi
from .matching import Compared, RegisterOffer, strength_of
from .models import Credential
from .rows import row
from .types import Opens, credential_types

ACTIVE = "A"
"""What NPPES says of a number that is in use."""

_NUMBER, _NAME_FITS, _NAME_MAY_FIT = 50, 85, 50


@dataclass(frozen=True, slots=True)
class NpiLook:
    """
    A stated number beside the row that has it, in `snapshot`.

    Without a row it is in no file that is loaded; `snapshot` is then the full file, where one is.
    """

    npi: str
    snapshot: Snapshot | None
    offer: RegisterOffer | None
    any_loaded: bool


class Told(NamedTuple):
    """What a file of NPPES says of a number."""

    snapshot: Snapshot
    entry: RegisterEntry


class Nppes:
    """The files of NPPES that count now, asked about some numbers in one statement."""

    def __init__(self, npis: Collection[str]) -> None:
        files = registers.current(enumerations()).values()
        self.loaded = sorted(files, key=lambda file: file.retrieved_at, reverse=True)
        self._whole = next((file for file in self.loaded if file.source.whole), None)
        self._told: dict[str, Told] = {}
        by_file = {file.id: file for file in self.loaded}
        rank = {file.id: number for number, file in enumerate(self.loaded)}
        for entry in sorted(registers.by_npi(list(by_file), npis), key=lambda entry: rank[entry.snapshot_id]):
            self._told.setdefault(entry.npi or "", Told(by_file[entry.snapshot_id], entry))

    def tells(self, npi: str) -> Told | None:
        """Return what the newest file that has the number says of it."""
        return self._told.get(npi)

    def is_told_by(self, snapshot: Snapshot, npi: str) -> bool:
        """Say whether what a file says of the number is what counts: no newer file has it."""
        told = self.tells(npi)
        return told is None or told.snapshot.id == snapshot.id

    @property
    def whole(self) -> Snapshot | None:
        """Return the full file, in which everybody would be."""
        return self._whole

    def doubts(self, npi: str, credential: Credential, *, at: datetime) -> Iterator[str]:
        """Yield what speaks against a stated number: its row, or that the full file, if it is fresh, has none."""
        told = self.tells(npi)
        if told is not None:
            yield from _against(npi, credential, told.entry)
        elif self._whole is not None and self._whole.is_fresh(at):
            fetched = written(self._whole.retrieved_at.date())
            yield (
                f"NPI {npi} is not in the full file of NPPES that was fetched on {fetched}: it was never given to"
                " anybody, or was given since. Look it up."
            )


def practitioner_types() -> frozenset[str]:
    """Return the kinds of credentials that a stated number is compared for: those that let somebody order a device."""
    return frozenset(code for code, kind in credential_types().items() if Opens.PRESCRIBER in kind.opens)


def npi_of(user_id: UUID) -> str | None:
    """Return the National Provider Identifier that a person stated."""
    return db.session.scalar(select(PersonNpi.npi).where(PersonNpi.user_id == user_id))


def npi_look(credential_id: UUID) -> NpiLook | None:
    """
    Return what NPPES shows of the number that the holder of a practitioner's licence stated; None where none was.

    :raises NotFound: there is no such credential
    """
    credential = row(credential_id)
    npi = _stated(credential)
    if npi is None:
        return None
    nppes = Nppes([npi])
    told = nppes.tells(npi)
    if told is None:
        return NpiLook(npi, nppes.whole, None, bool(nppes.loaded))
    return NpiLook(npi, told.snapshot, _offer(credential, npi, told.snapshot, told.entry), any_loaded=True)


def doubts_about(credential: Credential, *, at: datetime) -> Iterator[str]:
    """Yield what NPPES has against the number that the holder stated, where it is a practitioner's licence."""
    npi = _stated(credential)
    if npi is not None:
        yield from Nppes([npi]).doubts(npi, credential, at=at)


def _against(npi: str, credential: Credential, entry: RegisterEntry) -> Iterator[str]:
    if entry.status != ACTIVE:
        yield f"NPPES does not call NPI {npi} active: its status is {entry.status or 'not told'}."
    if not entry.name:
        return  # Of a deactivated number nothing else is told.
    if not entry.family_name:
        yield f"NPI {npi} is that of an organisation, {entry.name}."
    elif name_score(credential.name_on_credential, entry.person) < _NAME_MAY_FIT:
        yield f"NPPES has NPI {npi} as that of {entry.name}."


def entries_of(snapshot: Snapshot | None, npis: Collection[str]) -> Mapping[str, RegisterEntry]:
    """Return the rows of these numbers in a file, by number; in one statement."""
    if snapshot is None:
        return {}
    return {entry.npi: entry for entry in registers.by_npi([snapshot.id], npis) if entry.npi}


def changes(
    now: RegisterEntry | None, then: RegisterEntry | None, *, whole: bool
) -> Iterator[tuple[FindingKind, dict[str, str | None]]]:
    """
    Yield what a newer file says otherwise. One that is seen for the first time must call the number active.

    Who stood in the full file and no longer does is missing; in a file that is not `whole` that means nothing.
    """
    if now is None:
        if then is not None and whole:
            yield FindingKind.MISSING, {"before": then.name, "now": None}
        return
    was = then.status if then else ACTIVE
    if now.status != was:
        yield FindingKind.STATUS_CHANGED, {"before": then.status if then else None, "now": now.status}


def strength_words(credential: Credential, entry: RegisterEntry) -> str:
    """Say how well the row of a stated number fits its holder."""
    return strength_of(name_score(credential.name_on_credential, entry.person), by_number=True).words


def _stated(credential: Credential) -> str | None:
    if credential.holder_id is None or credential.type_code not in practitioner_types():
        return None
    return npi_of(credential.holder_id)


def _offer(credential: Credential, npi: str, snapshot: Snapshot, entry: RegisterEntry) -> RegisterOffer:
    name = name_score(credential.name_on_credential, entry.person)
    kind, active = credential_types()[credential.type_code], entry.status == ACTIVE
    return RegisterOffer(
        snapshot=snapshot,
        entry=entry,
        strength=strength_of(name, by_number=True),
        score=_NUMBER + name // 2,
        by_number=True,
        fields=(
            Compared("name", credential.name_on_credential, entry.name, name >= _NAME_FITS),
            Compared("npi", npi, entry.npi, True),
            Compared("taxonomy", f"{kind.name}, {credential.number}", entry.license_type, None),
            # Many work in another state than the one that licensed them.
            Compared("state", credential.jurisdiction, entry.state, entry.state == credential.jurisdiction or None),
            Compared("standing", "active", "active" if active else f"status {entry.status or 'not told'}", active),
        ),
    )
