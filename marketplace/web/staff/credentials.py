"""The verification desk: its queue, who takes a case, and the decision on evidence."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ...accounts.access import Permission, Weighty
from ...credentials import desk, service
from ...credentials.desk import Show
from ...credentials.policy import Question, Rejection
from ...credentials.service import Look
from ...kernel import clock
from ..access import me, requires
from ..files import drawn, sent
from ..forms import applied
from .cases import case_page, claimed, of_signal, wording
from .credential_forms import (
    AskForm,
    CheckForm,
    FoundForm,
    RejectForm,
    WordsForm,
)
from .next_case import after_yes, to_next_case

bp = Blueprint("staff_credentials", __name__)

SHOWN = {
    Show.ALL: "All",
    Show.FREE: "Free to take",
    Show.MINE: "Mine",
    Show.LATE: "Late",
    Show.SIGNALS: "With a signal",
    Show.SECOND: "Second eyes",
    Show.ANSWERED: "Answered",
}


@bp.get("/staff/credentials")
@requires(Permission.REVIEW_READ)
def queue() -> ResponseReturnValue:
    """List the open cases, the longest waiting first, or those of them that are asked for."""
    at = clock.now()
    whole = desk.queue(reader_id=me().id, at=at)
    show = request.args.get("show", Show.ALL, type=Show)
    return render_template(
        "staff/credentials/queue.html",
        whole=whole,
        queue=desk.narrowed(whole, show, reader_id=me().id, at=at),
        counts={each: len(desk.narrowed(whole, each, reader_id=me().id, at=at)) for each in Show},
        show=show,
        shown=SHOWN,
        audits=desk.audits(reader_id=me().id),
        **wording(at),
    )


@bp.get("/staff/credentials/<uuid:credential_id>")
@requires(Permission.REVIEW_READ)
def case(credential_id: UUID) -> ResponseReturnValue:
    """Show a case."""
    return case_page(credential_id)


@bp.post("/staff/credentials/next")
@requires(Permission.CREDENTIAL_REVIEW)
def take_next() -> ResponseReturnValue:
    """Take the case that has waited longest of those that the verifier can take."""
    found = service.take_next(actor_id=me().id, at=clock.now())
    if found is None:
        flash("Nothing waits for you.", "success")
        return redirect(url_for("staff_credentials.queue"), code=303)
    return _to_case(found)


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

    def keep(look: Look, at: datetime) -> ResponseReturnValue:
        service.record_check(credential_id=credential_id, actor_id=me().id, look=look, at=at)
        flash("The look is on record.", "success")
        return _to_case(credential_id)

    return _seen(credential_id, keep)


@bp.post("/staff/credentials/<uuid:credential_id>/confirm")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def confirm(credential_id: UUID) -> ResponseReturnValue:
    """Record that the primary source confirms it, and say yes at once."""

    def keep(look: Look, at: datetime) -> ResponseReturnValue:
        return after_yes(service.confirm(credential_id=credential_id, actor_id=me().id, look=look, at=at))

    return _seen(credential_id, keep)


@bp.post("/staff/credentials/<uuid:credential_id>/verify")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def verify(credential_id: UUID) -> ResponseReturnValue:
    """Say yes."""
    return after_yes(service.verify(credential_id=credential_id, actor_id=me().id, at=clock.now()))


@bp.post("/staff/credentials/<uuid:credential_id>/reject")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
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
            return to_next_case("Rejected. The person has been told why.")
    return case_page(credential_id, reject=form)


@bp.post("/staff/credentials/<uuid:credential_id>/ask")
@requires(Permission.CREDENTIAL_REVIEW)
def ask(credential_id: UUID) -> ResponseReturnValue:
    """Ask for more."""
    form = AskForm(prefix="ask-")
    if form.validate_on_submit():
        with applied(form):
            service.ask_for_info(
                credential_id=credential_id,
                actor_id=me().id,
                because=Question(form.because.data),
                words=form.words.data or "",
                at=clock.now(),
            )
            return to_next_case("Asked. It comes back with the answer.")
    return case_page(credential_id, ask=form)


@bp.post("/staff/credentials/<uuid:credential_id>/signals/<uuid:signal_id>")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def resolve(credential_id: UUID, signal_id: UUID) -> ResponseReturnValue:
    """Say what came of a signal of doubt."""
    form = FoundForm(prefix=of_signal(signal_id))
    if form.validate_on_submit():
        with applied(form):
            service.resolve_signal(signal_id=signal_id, actor_id=me().id, words=form.words.data or "", at=clock.now())
            flash("What you found is on record.", "success")
            return _to_case(credential_id)
    return case_page(credential_id, **{of_signal(signal_id): form})


@bp.post("/staff/credentials/<uuid:credential_id>/audits/<uuid:audit_id>/uphold")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def uphold(credential_id: UUID, audit_id: UUID) -> ResponseReturnValue:
    """Find, on another look, that the approval was right."""
    service.uphold_audit(audit_id=audit_id, actor_id=me().id, at=clock.now())
    flash("Upheld: the approval was right.", "success")
    return _to_case(credential_id)


@bp.post("/staff/credentials/<uuid:credential_id>/audits/<uuid:audit_id>/fail")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def fail(credential_id: UUID, audit_id: UUID) -> ResponseReturnValue:
    """Find that the approval was wrong."""
    form = WordsForm(prefix="fail-")
    if form.validate_on_submit():
        with applied(form):
            service.fail_audit(audit_id=audit_id, actor_id=me().id, words=form.words.data or "", at=clock.now())
            flash("Suspended. The person has been told why.", "success")
            return _to_case(credential_id)
    return case_page(credential_id, fail=form)


@bp.post("/staff/credentials/<uuid:credential_id>/suspend")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def suspend(credential_id: UUID) -> ResponseReturnValue:
    """Let it open nothing for now."""
    return _take_away(credential_id, "suspend", service.suspend, "Suspended. It opens nothing now.")


@bp.post("/staff/credentials/<uuid:credential_id>/revoke")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def revoke(credential_id: UUID) -> ResponseReturnValue:
    """Let it open nothing any more."""
    return _take_away(credential_id, "revoke", service.revoke, "Revoked. It opens nothing any more.")


@bp.post("/staff/credentials/<uuid:credential_id>/reinstate")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def reinstate(credential_id: UUID) -> ResponseReturnValue:
    """Lift the suspension."""
    service.reinstate(credential_id=credential_id, actor_id=me().id, at=clock.now())
    flash("The suspension is lifted.", "success")
    return _to_case(credential_id)


@bp.post("/staff/credentials/<uuid:credential_id>/reconfirm")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
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


def _seen(credential_id: UUID, keep: Callable[[Look, datetime], ResponseReturnValue]) -> ResponseReturnValue:
    form = CheckForm(prefix="check-")
    if form.validate_on_submit():
        at = clock.now()
        look = form.look(claimed(desk.case(credential_id, reader_id=me().id, at=at)))
        with applied(form):
            return keep(look, at)
    return case_page(credential_id, check=form)


def _take_away(credential_id: UUID, name: str, act: Callable[..., None], told: str) -> ResponseReturnValue:
    form = WordsForm(prefix=f"{name}-")
    if form.validate_on_submit():
        with applied(form):
            act(credential_id=credential_id, actor_id=me().id, words=form.words.data or "", at=clock.now())
            flash(told, "success")
            return _to_case(credential_id)
    return case_page(credential_id, **{name: form})


def _to_case(credential_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("staff_credentials.case", credential_id=credential_id), code=303)
