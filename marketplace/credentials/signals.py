"""Causes for doubt: found when something is handed in, raised on every credential concerned, resolved by a person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from .. import audit
from ..accounts import queries as accounts
from ..documents.models import Document
from ..extensions import db, unit_of_work
from ..kernel.days import day_in
from ..kernel.errors import NotFound
from ..kernel.terms import time_zone_of
from . import rows
from .enumeration import doubts_about
from .models import Credential, CredentialDocument, CredentialMove, RiskSignal, SignalKind
from .policy import names_agree, said, strange_dates
from .refusals import AlreadyResolved
from .standards import standards
from .states import PENDING, STANDING, CredentialEvent
from .types import credential_types

_ALIKE = ("OI", "01")
"""Letters that are read as digits, and the digits."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something found about a credential; `other` is the credential of somebody else that it clashes with."""

    kind: SignalKind
    cause: str
    other: Credential | None = None


def raise_signals(credential: Credential, *, at: datetime) -> None:
    """Raise what is to be doubted about what was handed in, once each, also on the credentials that it clashes with."""
    for doubt in (*_doubts(credential, at), *_npi_doubts(doubts_about(credential, at=at))):
        _raise(credential, doubt, at=at)
        if doubt.other is not None and doubt.other.state in PENDING | STANDING:
            _raise(doubt.other, Doubt(doubt.kind, doubt.cause, credential), at=at)


def raise_npi_signals(credential: Credential, causes: Iterable[str], *, at: datetime) -> None:
    """Raise what is to be doubted about the stated NPI of a credential's holder, once each."""
    for doubt in _npi_doubts(causes):
        _raise(credential, doubt, at=at)


def resolve(*, signal_id: UUID, actor_id: UUID, words: str, at: datetime) -> UUID:
    """
    Say in words what came of a signal; return the credential it is about. Whoever does, approves it only with a second.

    :raises Invalid: no words
    :raises NotFound: there is no such signal
    :raises AlreadyResolved: somebody has said it already
    :raises NotYoursToReview: the credential is the verifier's own, or of somebody they work with
    """
    resolution = said(words)
    with unit_of_work():
        signal = db.session.get(RiskSignal, signal_id, with_for_update=True)
        if signal is None:
            raise NotFound("There is no such signal.")
        rows.reviewable(signal.credential_id, actor_id)
        if signal.resolved_at is not None:
            raise AlreadyResolved
        signal.resolved_at, signal.resolved_by, signal.resolution = at, actor_id, resolution
        _record("resolved", signal, actor_id=actor_id, at=at, words=resolution)
        return signal.credential_id


def signals_of(credential_id: UUID) -> list[RiskSignal]:
    """Return every signal of a credential, the first raised first."""
    return list(
        db.session.scalars(
            select(RiskSignal)
            .where(RiskSignal.credential_id == credential_id)
            .order_by(RiskSignal.raised_at, RiskSignal.kind, RiskSignal.id)
        )
    )


def _npi_doubts(causes: Iterable[str]) -> list[Doubt]:
    return [Doubt(SignalKind.NPI, cause) for cause in causes]


def _raise(credential: Credential, doubt: Doubt, *, at: datetime) -> None:
    cause = RiskSignal.other_id == doubt.other.id if doubt.other else RiskSignal.cause == doubt.cause
    known = select(RiskSignal.id).where(RiskSignal.credential_id == credential.id, RiskSignal.kind == doubt.kind, cause)
    if db.session.scalar(known) is not None:
        return
    signal = RiskSignal(
        credential_id=credential.id,
        kind=doubt.kind,
        other_id=doubt.other.id if doubt.other else None,
        cause=doubt.cause,
        raised_at=at,
    )
    db.session.add(signal)
    db.session.flush()
    _record("raised", signal, actor_id=None, at=at, cause=doubt.cause)


def _record(what: str, signal: RiskSignal, *, actor_id: UUID | None, at: datetime, **data: object) -> None:
    audit.record(
        f"credential:signal_{what}",
        actor_id=actor_id,
        subject_type="credential",
        subject_id=signal.credential_id,
        at=at,
        signal=signal.kind,
        **data,
    )


def _doubts(credential: Credential, at: datetime) -> Iterator[Doubt]:
    kind = credential_types()[credential.type_code]
    for other in _same_number(credential):
        yield Doubt(SignalKind.NUMBER_ELSEWHERE, "Two accounts claim this number.", other)
    for other in _same_document(credential):
        yield Doubt(SignalKind.DOCUMENT_ELSEWHERE, "The very same file was handed in on another account.", other)
    if kind.looks_right(credential.number, credential.jurisdiction) is False:
        yield Doubt(
            SignalKind.NUMBER_FORM,
            f"{credential.number} is not written as numbers of this kind are in {credential.jurisdiction}.",
        )
    owners = _owner_names(credential)
    if not any(names_agree(credential.name_on_credential, name) for name in owners):
        yield Doubt(SignalKind.NAME_DIFFERS, f"It names {credential.name_on_credential}; the account is {owners[0]}’s.")
    uploaded = db.session.scalar(
        select(func.min(Document.created_at))
        .join(CredentialDocument, CredentialDocument.document_id == Document.id)
        .where(CredentialDocument.credential_id == credential.id)
    )
    zone = time_zone_of(credential.jurisdiction)
    for cause in strange_dates(
        issued_on=credential.issued_on,
        expires_on=credential.expires_on,
        first_uploaded_on=day_in(uploaded or at, zone),
        today=day_in(at, zone),
        standards=standards(),
    ):
        yield Doubt(SignalKind.DATES, cause)
    rejected = _rejections(credential, at)
    if rejected >= standards().rejections_that_stand_out:
        yield Doubt(
            SignalKind.REJECTIONS,
            f"{rejected} submissions of this account were rejected within {standards().rejections_within_days} days.",
        )


def _same_number(credential: Credential) -> list[Credential]:
    """Return the live credentials of others under this number, also where only O and 0, or I and 1, differ."""
    return list(
        db.session.scalars(
            select(Credential).where(
                Credential.type_code == credential.type_code,
                Credential.jurisdiction == credential.jurisdiction,
                func.translate(Credential.number_normal, *_ALIKE)
                == credential.number_normal.translate(str.maketrans(*_ALIKE)),
                Credential.state.in_(PENDING | STANDING),
                _of_somebody_else(credential),
            )
        )
    )


def _same_document(credential: Credential) -> list[Credential]:
    """Return the credentials of other accounts, whatever became of them, to which one of these files was attached."""
    mine = (
        select(Document.digest, Document.received_digest)
        .join(CredentialDocument, CredentialDocument.document_id == Document.id)
        .where(CredentialDocument.credential_id == credential.id)
    )
    digests = {digest for row in db.session.execute(mine) for digest in row}
    return list(
        db.session.scalars(
            select(Credential)
            .where(
                Credential.id.in_(
                    select(CredentialDocument.credential_id)
                    .join(Document, Document.id == CredentialDocument.document_id)
                    .where(or_(Document.digest.in_(digests), Document.received_digest.in_(digests)))
                ),
                Credential.submitted_by != credential.submitted_by,
                _of_somebody_else(credential),
            )
            .order_by(Credential.submitted_at, Credential.id)
        )
    )


def _of_somebody_else(credential: Credential) -> ColumnElement[bool]:
    return func.coalesce(Credential.holder_id, Credential.site_id) != (credential.holder_id or credential.site_id)


def _owner_names(credential: Credential) -> tuple[str, ...]:
    if credential.site_id is None:
        assert credential.holder_id is not None
        return (accounts.person(credential.holder_id).name,)
    return rows.clinic_names(credential.site_id)


def _rejections(credential: Credential, at: datetime) -> int:
    counted = (
        select(func.count())
        .select_from(CredentialMove)
        .join(Credential, Credential.id == CredentialMove.credential_id)
        .where(
            CredentialMove.event == CredentialEvent.REJECTED,
            CredentialMove.at >= at - timedelta(days=standards().rejections_within_days),
            Credential.submitted_by == credential.submitted_by,
        )
    )
    return db.session.scalar(counted) or 0
