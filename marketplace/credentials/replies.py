"""What came back on open cases since a verifier asked: from the applicant, or from somebody outside through a link."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select

from ..extensions import db
from ..links.models import LinkAnswer
from .models import ConfirmationRequest, Credential, CredentialCheck, CredentialMove
from .policy import Asked
from .states import CredentialEvent, CredentialState


class Reply(StrEnum):
    """Who answered. What an outside answer is worth is for the verifier to say; until then it waits to be read."""

    APPLICANT = "applicant"
    ISSUER = "issuer"
    EMPLOYER = "employer"
    MEDICAL_DIRECTOR = "medical_director"


_FROM = {
    Asked.ISSUER: Reply.ISSUER,
    Asked.EMPLOYER: Reply.EMPLOYER,
    Asked.MEDICAL_DIRECTOR: Reply.MEDICAL_DIRECTOR,
}


def replies_to(rows: Iterable[Credential]) -> dict[UUID, tuple[Reply, ...]]:
    """
    Return, by case, who answered and was not heard yet; in two statements at most, however many cases.

    An applicant waits to be heard while nobody has the case, an answer from outside until it is on record as a look.
    """
    rows = list(rows)
    found: dict[UUID, set[Reply]] = defaultdict(set)
    for credential_id in _resubmitted([row.id for row in rows if row.state is CredentialState.SUBMITTED]):
        found[credential_id].add(Reply.APPLICANT)
    for credential_id, asked in _answered([row.id for row in rows]):
        found[credential_id].add(_FROM[asked])
    return {credential_id: tuple(one for one in Reply if one in replies) for credential_id, replies in found.items()}


def _resubmitted(credential_ids: Collection[UUID]) -> Iterable[UUID]:
    if not credential_ids:
        return []
    return db.session.scalars(
        select(CredentialMove.credential_id)
        .where(CredentialMove.credential_id.in_(credential_ids), CredentialMove.event == CredentialEvent.RESUBMITTED)
        .distinct()
    )


def _answered(credential_ids: Collection[UUID]) -> Iterable[tuple[UUID, Asked]]:
    cited = select(CredentialCheck.id).where(CredentialCheck.link_id == LinkAnswer.link_id)
    rows = db.session.execute(
        select(ConfirmationRequest.credential_id, ConfirmationRequest.asked)
        .join(LinkAnswer, LinkAnswer.link_id == ConfirmationRequest.link_id)
        .where(ConfirmationRequest.credential_id.in_(credential_ids), ~cited.exists())
    )
    return [(credential_id, asked) for credential_id, asked in rows]
