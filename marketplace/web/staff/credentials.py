"""The verification desk: the queue, a case with its documents beside what is claimed, and the decision on evidence."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from wtforms import DateTimeLocalField, FileField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...catalog import queries as catalog
from ...credentials import desk, matching, service
from ...credentials.desk import Case
from ...credentials.models import CheckMethod, CheckOutcome
from ...credentials.policy import LONGEST_WORDS, Rejection
from ...credentials.service import Look
from ...credentials.states import STANDING, CredentialEvent
from ...kernel import clock
from ...kernel.days import written
from ..access import me, requires
from ..files import drawn, sent
from ..forms import Form, applied
from ..options import options
from ..standing import course, shower

bp = Blueprint("staff_credentials", __name__)

_METHODS = {
    CheckMethod.PORTAL: "Issuer's web page",
    CheckMethod.REGISTER_FILE: "Issuer's published file",
    CheckMethod.PHONE: "Telephone call to the issuer",
    CheckMethod.LETTER: "Letter or mail of the issuer",
    CheckMethod.ISSUER_LINK: "Link on the document to its issuer",
    CheckMethod.DOCUMENT_SEEN: "The document itself: there is no register",
}
_OUTCOMES = {
    CheckOutcome.CONFIRMED: "Confirms it",
    CheckOutcome.DIFFERS: "Shows something else",
    CheckOutcome.NOT_FOUND: "Does not know it",
    CheckOutcome.NOT_REACHABLE: "Did not answer",
}
MATCHED = {
    "name": "Name",
    "number": "Number",
    "level": "Level or procedures",
    "expires_on": "Expires",
    "standing": "Standing",
}
"""What is compared with the source, in the order of the desk."""

_words = Length(max=LONGEST_WORDS)


class CheckForm(Form):
    """What the primary source showed."""

    name = StringField("Name", validators=[Length(max=200)])
    number = StringField("Number", validators=[Length(max=200)])
    level = StringField("Level or procedures", validators=[Length(max=200)])
    expires_on = StringField("Expires", validators=[Length(max=200)])
    standing = StringField("Standing", validators=[Length(max=200)])
    outcome = RadioField(
        "The source",
        choices=options((outcome.value, words) for outcome, words in _OUTCOMES.items()),
        validators=[InputRequired("Say what the source answered.")],
    )
    source_name = StringField(
        "Source", validators=[InputRequired("Name the source that was looked at."), Length(max=200)]
    )
    source_url = StringField("Its address", validators=[Length(max=500)])
    method = SelectField(
        "How it was asked",
        validators=[InputRequired("Say how it was asked.")],
        choices=options((method.value, words) for method, words in _METHODS.items()),
    )
    retrieved_at = DateTimeLocalField(
        "Looked at (UTC)", format="%Y-%m-%dT%H:%M", validators=[InputRequired("Say when you looked.")]
    )
    note = TextAreaField("Note", validators=[_words])
    screenshot = FileField("Screenshot")

    def look(self) -> Look:
        """Return what was seen."""
        assert self.retrieved_at.data is not None  # InputRequired saw to it.
        shot = self.screenshot.data
        return Look(
            source_name=self.source_name.data or "",
            source_url=self.source_url.data or None,
            method=CheckMethod(self.method.data),
            outcome=CheckOutcome(self.outcome.data),
            retrieved_at=self.retrieved_at.data.replace(tzinfo=UTC),
            matched={name: self[name].data or "" for name in MATCHED},
            note=self.note.data or "",
            screenshot=(shot.filename or "", shot.read()) if isinstance(shot, FileStorage) and shot.filename else None,
        )


class VerifyForm(Form):
    """Nothing but the yes: the evidence is on record."""


class RejectForm(Form):
    """Why not, in the list's words and in one's own."""

    because = RadioField(
        "Reason",
        choices=options((because.value, because.words) for because in Rejection),
        validators=[InputRequired("Choose the reason.")],
    )
    words = TextAreaField("What the person is told", validators=[InputRequired("Say it so that it helps."), _words])


class WordsForm(Form):
    """What the person is told."""

    words = TextAreaField("What the person is told", validators=[InputRequired("Say it so that it helps."), _words])


@bp.get("/staff/credentials")
@requires(Permission.REVIEW_READ)
def queue() -> ResponseReturnValue:
    """List the open cases, the longest waiting first."""
    at = clock.now()
    return render_template("staff/credentials/queue.html", queue=desk.queue(reader_id=me().id, at=at), at=at)


@bp.get("/staff/credentials/<uuid:credential_id>")
@requires(Permission.REVIEW_READ)
def case(credential_id: UUID) -> ResponseReturnValue:
    """Show a case."""
    return _page(credential_id)


@bp.post("/staff/credentials/<uuid:credential_id>/claim")
@requires(Permission.CREDENTIAL_REVIEW)
def claim(credential_id: UUID) -> ResponseReturnValue:
    """Take the case."""
    service.claim(credential_id=credential_id, actor_id=me().id, at=clock.now())
    return _to_case(credential_id)


@bp.post("/staff/credentials/<uuid:credential_id>/release")
@requires(Permission.CREDENTIAL_REVIEW)
def release(credential_id: UUID) -> ResponseReturnValue:
    """Put the case back into the queue."""
    service.unclaim(credential_id=credential_id, actor_id=me().id, at=clock.now())
    flash("It is back in the queue.", "success")
    return redirect(url_for("staff_credentials.queue"), code=303)


@bp.post("/staff/credentials/<uuid:credential_id>/check")
@requires(Permission.CREDENTIAL_REVIEW)
def check(credential_id: UUID) -> ResponseReturnValue:
    """Record what the primary source showed."""
    form = CheckForm(prefix="check-")
    if form.validate_on_submit():
        with applied(form):
            service.record_check(credential_id=credential_id, actor_id=me().id, look=form.look(), at=clock.now())
            flash("The look is on record.", "success")
            return _to_case(credential_id)
    return _page(credential_id, check=form)


@bp.post("/staff/credentials/<uuid:credential_id>/verify")
@requires(Permission.CREDENTIAL_REVIEW)
def verify(credential_id: UUID) -> ResponseReturnValue:
    """Say yes."""
    service.verify(credential_id=credential_id, actor_id=me().id, at=clock.now())
    flash("Verified. The person has been told.", "success")
    return redirect(url_for("staff_credentials.queue"), code=303)


@bp.post("/staff/credentials/<uuid:credential_id>/reject")
@requires(Permission.CREDENTIAL_REVIEW)
def reject(credential_id: UUID) -> ResponseReturnValue:
    """Say no."""
    form = RejectForm(prefix="reject-")
    if form.validate_on_submit():
        with applied(form):
            service.reject(
                credential_id=credential_id,
                actor_id=me().id,
                because=Rejection(form.because.data),
                words=form.words.data or "",
                at=clock.now(),
            )
            flash("Rejected. The person has been told why.", "success")
            return redirect(url_for("staff_credentials.queue"), code=303)
    return _page(credential_id, reject=form)


@bp.post("/staff/credentials/<uuid:credential_id>/ask")
@requires(Permission.CREDENTIAL_REVIEW)
def ask(credential_id: UUID) -> ResponseReturnValue:
    """Ask for more."""
    form = WordsForm(prefix="ask-")
    if form.validate_on_submit():
        with applied(form):
            service.ask_for_info(
                credential_id=credential_id, actor_id=me().id, words=form.words.data or "", at=clock.now()
            )
            flash("Asked. It comes back with the answer.", "success")
            return redirect(url_for("staff_credentials.queue"), code=303)
    return _page(credential_id, ask=form)


@bp.post("/staff/credentials/<uuid:credential_id>/suspend")
@requires(Permission.CREDENTIAL_REVIEW)
def suspend(credential_id: UUID) -> ResponseReturnValue:
    """Let it open nothing for now."""
    return _take_away(credential_id, "suspend", service.suspend, "Suspended. It opens nothing now.")


@bp.post("/staff/credentials/<uuid:credential_id>/revoke")
@requires(Permission.CREDENTIAL_REVIEW)
def revoke(credential_id: UUID) -> ResponseReturnValue:
    """Let it open nothing any more."""
    return _take_away(credential_id, "revoke", service.revoke, "Revoked. It opens nothing any more.")


@bp.post("/staff/credentials/<uuid:credential_id>/reinstate")
@requires(Permission.CREDENTIAL_REVIEW)
def reinstate(credential_id: UUID) -> ResponseReturnValue:
    """Lift the suspension."""
    service.reinstate(credential_id=credential_id, actor_id=me().id, at=clock.now())
    flash("The suspension is lifted.", "success")
    return _to_case(credential_id)


@bp.post("/staff/credentials/<uuid:credential_id>/reconfirm")
@requires(Permission.CREDENTIAL_REVIEW)
def reconfirm(credential_id: UUID) -> ResponseReturnValue:
    """Let it rest on the newer look."""
    service.reconfirm(credential_id=credential_id, actor_id=me().id, at=clock.now())
    flash("It rests on your look now.", "success")
    return _to_case(credential_id)


@bp.get("/staff/credentials/<uuid:credential_id>/documents/<uuid:document_id>")
@requires(Permission.CREDENTIAL_REVIEW)
def document(credential_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """Give the verifier a document of the case they took."""
    return sent(
        service.case_document(credential_id=credential_id, document_id=document_id, reader_id=me().id, at=clock.now())
    )


@bp.get("/staff/credentials/<uuid:credential_id>/documents/<uuid:document_id>/pages/<int:number>")
@requires(Permission.CREDENTIAL_REVIEW)
def page(credential_id: UUID, document_id: UUID, number: int) -> ResponseReturnValue:
    """Draw a page of a PDF of the case they took."""
    return drawn(
        service.case_page(
            credential_id=credential_id, document_id=document_id, number=number, reader_id=me().id, at=clock.now()
        )
    )


def _take_away(credential_id: UUID, name: str, act: Callable[..., None], told: str) -> ResponseReturnValue:
    form = WordsForm(prefix=f"{name}-")
    if form.validate_on_submit():
        with applied(form):
            act(credential_id=credential_id, actor_id=me().id, words=form.words.data or "", at=clock.now())
            flash(told, "success")
            return _to_case(credential_id)
    return _page(credential_id, **{name: form})


def _to_case(credential_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("staff_credentials.case", credential_id=credential_id), code=303)


def _page(credential_id: UUID, **sent_back: Form) -> ResponseReturnValue:
    at = clock.now()
    found = desk.case(credential_id, reader_id=me().id)
    credential = found.credential
    forms: dict[str, Form] = {
        "check": _fresh_check(found, at),
        "verify": VerifyForm(prefix="verify-", formdata=None),
        "reject": RejectForm(prefix="reject-", formdata=None),
        "ask": WordsForm(prefix="ask-", formdata=None),
        "suspend": WordsForm(prefix="suspend-", formdata=None),
        "revoke": WordsForm(prefix="revoke-", formdata=None),
        **sent_back,
    }
    reviews = me().may(Permission.CREDENTIAL_REVIEW)
    has_it = found.claimed_by == me().id
    model_id = credential.device_model_id
    answer = render_template(
        "staff/credentials/case.html",
        case=found,
        credential=credential,
        shown=shower(at)(credential),
        course=course(credential, names=True),
        model=catalog.models_by_id([model_id]).get(model_id) if model_id else None,
        queue=desk.queue(reader_id=me().id, at=at),
        at=at,
        forms=forms,
        opened=next(iter(sent_back), None),
        offers=matching.offers_for(credential_id),
        look_up=credential.kind.look_up(credential.jurisdiction),
        reviews=reviews,
        has_it=has_it,
        may_check=reviews and (has_it or credential.state in STANDING),
        events=CredentialEvent,
        matched=MATCHED,
        claimed=_claimed(found),
        outcomes=_OUTCOMES,
        methods=_METHODS,
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


def _claimed(found: Case) -> dict[str, str]:
    credential = found.credential
    expires = credential.expires_on
    return {
        "name": credential.name_on_credential,
        "number": credential.number,
        "level": ", ".join(filter(None, (credential.level_name, *credential.endorsement_names))) or "–",
        "expires_on": written(expires) if expires else "no end",
        "standing": "–",
    }
