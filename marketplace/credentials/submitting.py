"""What holders do: submit, answer, renew, withdraw."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError

from ..documents import service as documents
from ..documents.service import ExaminedFile, KeptFile
from ..extensions import broken_rule, db, unit_of_work
from ..kernel.days import day_in
from ..kernel.errors import Invalid, NotFound
from ..kernel.terms import time_zone_of
from ..kernel.text import normal_number
from . import queries, rows
from .models import Credential, CredentialDocument
from .moving import begin, move
from .policy import MOST_DOCUMENTS, Claim, checked
from .refusals import AlreadySubmitted
from .signals import raise_signals
from .states import CredentialEvent
from .types import CredentialType, Subject, credential_types

_ONE_NUMBER = {"one_pending_credential_per_number", "one_pending_credential_per_number_of_a_site"}

Upload = tuple[str, bytes]
"""The name that a file was sent under, and its bytes."""


def submit(*, actor_id: UUID, claim: Claim, files: Sequence[Upload], at: datetime, site_id: UUID | None = None) -> UUID:
    """
    Hand in a credential of one's own, or of a site of a clinic that one owns or manages; return its id.

    A number that the same holder has verified here is a renewal: once verified, it takes the earlier one's place. A
    number that somebody else claims is taken, too; the desk finds out whose it is.

    :raises Invalid: the claim or a file cannot be so; `AlreadySubmitted` when the number waits for review
    :raises NotFound: no such site, or not one that the person manages
    """
    with unit_of_work():
        kind = credential_types().get(claim.type_code)
        if kind is None or (kind.subject is Subject.SITE) != (site_id is not None):
            raise Invalid("Choose the kind of credential from the list.", field="type_code")
        if site_id is not None:
            claim = replace(claim, jurisdiction=queries.managed_site(site_id, user_id=actor_id).state)
        claim = _checked(claim, kind, at)
    # Outside of any transaction: hostile files take their time.
    examined = _examined(files, held=0)
    try:
        with unit_of_work():
            credential = Credential(
                holder_id=actor_id if site_id is None else None,
                site_id=site_id,
                submitted_by=actor_id,
                type_code=kind.code,
                jurisdiction=claim.jurisdiction,
                submitted_at=at,
            )
            _write(credential, claim)
            db.session.add(credential)
            db.session.flush()
            _attach(credential, examined, owner_id=actor_id, at=at)
            begin(credential, at=at)
            raise_signals(credential, at=at)
            return credential.id
    except IntegrityError as refusal:
        raise _told(refusal) from refusal


def resubmit(*, credential_id: UUID, actor_id: UUID, claim: Claim, files: Sequence[Upload], at: datetime) -> None:
    """
    Answer what was asked: correct what was said, add documents. The kind and the state of issue stay as they were.

    :raises Invalid: the claim or a file cannot be so; `AlreadySubmitted` when the number waits for review
    :raises NotFound: no such credential, or not one of the person's
    :raises marketplace.kernel.machine.IllegalMove: nothing was asked
    """
    with unit_of_work():
        credential = rows.own_row(credential_id, user_id=actor_id)
        claim = replace(claim, type_code=credential.type_code, jurisdiction=credential.jurisdiction)
        claim = _checked(claim, credential_types()[credential.type_code], at)
        held = len(credential.documents)
    examined = _examined(files, held=held)
    try:
        with unit_of_work():
            credential = rows.own_row(credential_id, user_id=actor_id)
            move(credential, CredentialEvent.RESUBMITTED, actor_id=actor_id, at=at, submitted_at=at)
            _write(credential, claim)
            db.session.flush()
            _attach(credential, examined, owner_id=actor_id, at=at)
            raise_signals(credential, at=at)
    except IntegrityError as refusal:
        raise _told(refusal) from refusal


def withdraw(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take a submission back before it is decided.

    :raises NotFound: no such credential, or not one of the person's
    :raises marketplace.kernel.machine.IllegalMove: it is decided
    """
    with unit_of_work():
        move(rows.own_row(credential_id, user_id=actor_id), CredentialEvent.WITHDRAWN, actor_id=actor_id, at=at)


def own_document(*, credential_id: UUID, document_id: UUID, reader_id: UUID) -> KeptFile:
    """
    Return a document of one's own credential.

    :raises NotFound: no such document, or not of a credential of the person's
    """
    credential = rows.own_row(credential_id, user_id=reader_id)
    if document_id not in {page.document_id for page in credential.documents}:
        raise NotFound("There is no such document.")
    return documents.content_of(document_id)


def _checked(said: Claim, kind: CredentialType, at: datetime) -> Claim:
    # A day ends last in the west: what has not ended anywhere in the state of issue can still be submitted.
    return checked(said, kind, today=day_in(at, time_zone_of(said.jurisdiction)))


def _examined(files: Sequence[Upload], *, held: int) -> list[ExaminedFile]:
    if not held and not files:
        raise Invalid("Add a scan or photograph of the document.", field="documents")
    if held + len(files) > MOST_DOCUMENTS:
        raise Invalid(f"At most {MOST_DOCUMENTS} documents fit one credential.", field="documents")
    return [documents.examine(filename=name, content=content) for name, content in files]


def _write(credential: Credential, said: Claim) -> None:
    credential.number = said.number or f"SL-{uuid4().hex[:12].upper()}"
    credential.number_normal = normal_number(credential.number)
    credential.name_on_credential = said.name_on_credential
    credential.level = said.level
    credential.endorsements = list(said.endorsements)
    credential.device_model_id = said.device_model_id
    credential.issued_on = said.issued_on
    credential.expires_on = said.expires_on


def _attach(credential: Credential, files: Sequence[ExaminedFile], *, owner_id: UUID, at: datetime) -> None:
    for position, file in enumerate(files, len(credential.documents)):
        document_id = documents.receive(owner_id=owner_id, file=file, at=at)
        db.session.add(CredentialDocument(credential_id=credential.id, document_id=document_id, position=position))
    db.session.flush()


def _told(refusal: IntegrityError) -> Exception:
    """Return what the person is told when the database refuses."""
    rule = broken_rule(refusal)
    if rule == "fk_credentials_device_model_id_device_models":
        return Invalid("Choose the model from the list.", field="device_model_id")
    return AlreadySubmitted() if rule in _ONE_NUMBER else refusal
