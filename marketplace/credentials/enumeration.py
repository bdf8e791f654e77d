"""
Compares the National Provider Identifier that a practitioner states with who has it, by the newest file of NPPES.

It proves who was given a number, not a licence. A deactivated number is no longer answered for, so that "not there" may
mean three things; that is said, and a person looks it up.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from ..extensions import db
from ..registers import queries as registers
from ..registers.normal import name_score
from ..registers.queries import RegisterEntry, Snapshot
from ..registers.sources import ENUMERATION
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
    """A stated number beside the row that has it: without a row it is not there, without a file none is loaded."""

    npi: str
    snapshot: Snapshot | None
    offer: RegisterOffer | None


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
    current = registers.current([ENUMERATION]).get(ENUMERATION)
    entry = entries_of(current, [npi]).get(npi) if current else None
    return NpiLook(npi, current, _offer(credential, npi, current, entry) if current and entry else None)


def doubts_about(credential: Credential, *, at: datetime) -> Iterator[str]:
    """Yield what NPPES has against the number that the holder stated, where it is a practitioner's licence."""
    npi = _stated(credential)
    current = registers.current([ENUMERATION]).get(ENUMERATION) if npi else None
    if npi is not None and current is not None:
        yield from doubts(npi, credential, entries_of(current, [npi]).get(npi), is_fresh=current.is_fresh(at))


def doubts(npi: str, credential: Credential, entry: RegisterEntry | None, *, is_fresh: bool) -> Iterator[str]:
    """Yield what the row of a number has against it, or that there is none, which an old file does not prove."""
    if entry is None:
        if is_fresh:
            yield (
                f"NPI {npi} is not in the NPPES answers that are loaded: it was never given to anybody, or is"
                " deactivated, or was not asked for. Look it up."
            )
        return
    if entry.status != ACTIVE:
        yield f"NPPES does not call NPI {npi} active: its status is {entry.status or 'not told'}."
    if not entry.family_name:
        yield f"NPI {npi} is that of an organisation, {entry.name}."
    elif name_score(credential.name_on_credential, entry.person) < _NAME_MAY_FIT:
        yield f"NPPES has NPI {npi} as that of {entry.name}."


def entries_of(snapshot: Snapshot | None, npis: Collection[str]) -> Mapping[str, RegisterEntry]:
    """Return the rows of these numbers in a file, by number; in one statement."""
    if snapshot is None:
        return {}
    return {entry.npi: entry for entry in registers.by_npi(snapshot.id, npis) if entry.npi}


def changes(
    now: RegisterEntry | None, then: RegisterEntry | None
) -> Iterator[tuple[FindingKind, dict[str, str | None]]]:
    """Yield what a newer file says otherwise. One that is seen for the first time must call the number active."""
    if now is None:
        if then is not None:
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
