"""Ask the gate for a partner about somebody who agreed to it, and keep the answer with its receipt."""

from datetime import datetime, timedelta
from uuid import UUID

from .. import audit
from ..catalog import queries as catalog
from ..catalog.queries import ModelFacts
from ..credentials.evidence import evidence_of
from ..eligibility import elsewhere
from ..extensions import db, unit_of_work
from ..kernel.errors import NotFound
from . import receipts, service, sharing, told
from .asked import Question, WrongShape
from .models import PartnerAnswer
from .service import Holder
from .tokens import new_receipt_code

HOLDS = timedelta(days=1)
"""For how long an answer may be shown as one; docs/decisions/0121 says why a day."""


class UnknownModel(NotFound):
    """The catalogue does not know the model, so nobody here knows what it does."""

    code = "unknown_model"

    def __init__(self) -> None:
        super().__init__("The catalogue does not know this model.", cure="Look for it under /models.")


def ask(*, holder: Holder, question: Question, at: datetime) -> UUID:
    """
    Ask about the person behind a code, and keep the answer; return its id.

    :raises UnknownModel: the catalogue does not know it
    :raises WrongShape: the model has no such handpiece
    :raises marketplace.partners.sharing.UnknownCode: the code lets this partner ask nothing
    :raises marketplace.partners.service.UnknownKey: the key was revoked a moment ago
    :raises marketplace.eligibility.publishing.NoPolicy: no rules are published
    """
    with unit_of_work():
        service.hold(holder)
        model = _model(question)
        handpieces = _handpieces(question, model)
        consent = sharing.consent_behind(question.code, partner_id=holder.partner_id, at=at)
        said = elsewhere.ask(model=model, modality_codes=handpieces, purchase=consent.purchase(question.uses), at=at)
        answer = PartnerAnswer(
            receipt_code=new_receipt_code(),
            partner_id=holder.partner_id,
            key_id=holder.key_id,
            sharing_code_id=consent.id,
            person_id=consent.person_id,
            site_id=consent.site_id,
            model_id=model.id,
            handpieces=list(handpieces),
            declared_uses=sorted(question.uses),
            policy_version_id=said.rules.version_id,
            facts=said.facts.to_json(),
            verdict=said.verdict.to_json(),
            left_open=told.left_open(said.left_open),
            evidence=evidence_of(said.verdict.credential_ids),
            allowed=said.verdict.cleared,
            answered_at=at,
            valid_until=min(at + HOLDS, said.verdict.valid_until or at + HOLDS),
        )
        db.session.add(receipts.sealed(answer, policy_digest=said.rules.digest))
        db.session.flush()
        _note(answer)
        return answer.id


def _model(question: Question) -> ModelFacts:
    named = question.model_id
    found = catalog.models_by_id([named]).get(named) if named else catalog.model_of_slug(question.model)
    if found is None:
        raise UnknownModel
    return found


def _handpieces(question: Question, model: ModelFacts) -> tuple[str, ...]:
    if question.handpieces is None:
        return model.modality_codes
    strange = sorted(set(question.handpieces) - set(model.modality_codes))
    if strange:
        raise WrongShape(
            f"The {model.title} has no handpiece of “{strange[0]}”.",
            field="handpieces",
            cure=f"It can have {', '.join(model.modality_codes) or 'none'}.",
        )
    return tuple(code for code in model.modality_codes if code in question.handpieces)


def _note(answer: PartnerAnswer) -> None:
    audit.record(
        f"partner:{'allowed' if answer.allowed else 'refused'}",
        actor_id=None,
        subject_type="sharing_code",
        subject_id=answer.sharing_code_id,
        at=answer.answered_at,
        answer=answer.id,
        partner=answer.partner_id,
        model=answer.model_id,
        reasons=sorted({one["code"] for one in answer.verdict["objections"]}),
    )
