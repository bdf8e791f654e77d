"""A case of the verification desk as its page shows it: documents beside what is claimed, and every form in it."""

from datetime import datetime
from uuid import UUID

from flask import render_template
from flask.typing import ResponseReturnValue

from ...accounts.access import Permission
from ...catalog import queries as catalog
from ...credentials import asking, desk, enumeration, matching
from ...credentials.desk import Case
from ...credentials.models import CheckMethod, SignalKind
from ...credentials.replies import Reply
from ...credentials.standards import standards, working_days
from ...credentials.states import STANDING, WAITING, CredentialEvent
from ...kernel import clock
from ...kernel.days import written
from ...links.states import Answer
from ..access import me
from ..forms import Form
from ..signing import WORTHS
from ..standing import course, shower
from . import questions
from .credential_forms import (
    MATCHED,
    METHODS,
    OUTCOMES,
    AskForm,
    CheckForm,
    FoundForm,
    RejectForm,
    VerifyForm,
    WordsForm,
)

REPLIES = {
    Reply.APPLICANT: "the applicant answered",
    Reply.ISSUER: "the issuer answered",
    Reply.EMPLOYER: "the employer answered",
    Reply.MEDICAL_DIRECTOR: "the medical director answered",
}
SIGNALS = {
    SignalKind.NUMBER_ELSEWHERE: "same number on two accounts",
    SignalKind.DOCUMENT_ELSEWHERE: "same document on two accounts",
    SignalKind.NUMBER_FORM: "number not in the state’s form",
    SignalKind.NAME_DIFFERS: "name differs from the account",
    SignalKind.DATES: "dates hard to believe",
    SignalKind.REJECTIONS: "many rejections",
    SignalKind.NPI: "NPI not borne out",
}
ANSWERS = {
    Answer.CONFIRMED: ("yes", "confirms it"),
    Answer.NOT_CONFIRMED: ("wrong", "does not confirm it"),
    Answer.CANNOT_SAY: ("not_yet", "cannot say"),
}


def of_signal(signal_id: UUID) -> str:
    """Return what the names of the form about a signal begin with."""
    return f"signal-{signal_id}-"


def wording(at: datetime) -> dict[str, object]:
    """Return what the queue and a case are told in."""
    return {
        "at": at,
        "working_days": working_days,
        "target": standards().target_working_days,
        "signal_words": SIGNALS,
        "reply_words": REPLIES,
    }


def case_page(credential_id: UUID, **sent_back: Form) -> ResponseReturnValue:
    """Show the case, with the forms that were sent and cannot be taken as they are."""
    at = clock.now()
    found = desk.case(credential_id, reader_id=me().id, at=at)
    credential = found.credential
    forms: dict[str, Form] = {
        "check": _fresh_check(found, at),
        "verify": VerifyForm(prefix="verify-", formdata=None),
        "reject": RejectForm(prefix="reject-", formdata=None),
        "ask": AskForm(prefix="ask-", formdata=None),
        "suspend": WordsForm(prefix="suspend-", formdata=None),
        "revoke": WordsForm(prefix="revoke-", formdata=None),
        "fail": WordsForm(prefix="fail-", formdata=None),
        **{of_signal(signal.id): FoundForm(prefix=of_signal(signal.id), formdata=None) for signal in found.signals},
        **sent_back,
    }
    reviews = me().may(Permission.CREDENTIAL_REVIEW)
    has_it = found.claimed_by == me().id
    model_id = credential.device_model_id
    offers = matching.offers_to(matching.Wanted.seen(credential))
    answer = render_template(
        "staff/credentials/case.html",
        case=found,
        credential=credential,
        shown=shower(at)(credential),
        course=course(credential, names=True),
        model=catalog.models_by_id([model_id]).get(model_id) if model_id else None,
        queue=desk.queue(reader_id=me().id, at=at),
        forms=forms,
        opened=next(iter(sent_back), None),
        offers=offers,
        decides_by_row=has_it
        and not found.has_open_signal
        and any(offer.is_clean and offer.snapshot.is_fresh(at) for offer in offers),
        npi=enumeration.npi_look(credential_id) if credential.kind.code in enumeration.practitioner_types() else None,
        questions=asking.requests_about(credential_id, at=at),
        asked_words=questions.ASKED,
        found_words=questions.FOUND,
        answers=ANSWERS,
        worths=WORTHS,
        look_up=credential.kind.look_up(credential.jurisdiction),
        number_fits=credential.kind.looks_right(credential.number, credential.jurisdiction),
        number_forms=(credential.kind.number_forms or {}).get(credential.jurisdiction, ()),
        reviews=reviews,
        has_it=has_it,
        may_take=reviews
        and found.first_approved_by != me().id
        and found.drawn_for in {None, me().id}
        and (credential.state in WAITING or found.claim_is_stale),
        may_check=reviews and (has_it or credential.state in STANDING),
        audit=desk.audit_of(credential.id),
        events=CredentialEvent,
        matched=MATCHED,
        claimed=claimed(found),
        outcomes=OUTCOMES,
        methods=METHODS,
        of_signal=of_signal,
        **wording(at),
    )
    return answer, max((form.http_status for form in sent_back.values()), default=200)


def _fresh_check(found: Case, at: datetime) -> CheckForm:
    kind = found.credential.kind
    known = kind.look_up(found.credential.jurisdiction)
    return CheckForm(
        prefix="check-",
        formdata=None,
        data={
            "source_name": kind.issuer,
            "source_url": known.url if known else "",
            "method": (CheckMethod.PORTAL if known else CheckMethod.DOCUMENT_SEEN).value,
            "retrieved_at": at,
        },
    )


def claimed(found: Case) -> dict[str, str]:
    """Return what the holder claims, by what a look at the source is asked for."""
    credential = found.credential
    expires = credential.expires_on
    return {
        "name": credential.name_on_credential,
        "number": credential.number,
        "level": ", ".join(filter(None, (credential.level_name, *credential.endorsement_names))) or "–",
        "expires_on": written(expires) if expires else "no end",
        "standing": "in force",
    }
