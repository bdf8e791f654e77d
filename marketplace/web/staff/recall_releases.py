"""Units that are let out of an open recall: proposed on its page, agreed to by another verifier, taken back."""

from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from ...accounts.access import Permission, Weighty
from ...kernel import clock
from ...recalls import queries, releasing
from ..access import me, requires
from ..files import sent
from ..forms import applied
from . import recalls
from .recall_forms import CorrectForm, EndForm, NarrowForm

bp = Blueprint("staff_recall_releases", __name__, url_prefix="/staff/recalls")


@bp.post("/<uuid:match_id>/narrow")
@requires(Permission.CREDENTIAL_REVIEW)
def narrow(match_id: UUID) -> ResponseReturnValue:
    """Propose that the recall concerns only the units that its notice names."""
    form = NarrowForm(prefix="narrow")
    if form.validate_on_submit():
        with applied(form):
            releasing.narrow(
                match_id=match_id,
                actor_id=me().id,
                named=form.named.data or "",
                words=form.words.data or "",
                at=clock.now(),
            )
            flash("Proposed. Nothing changes until another verifier agrees.", "success")
            return _to_recall(match_id)
    return recalls.page(match_id, narrow=form)


@bp.post("/<uuid:match_id>/correct")
@requires(Permission.CREDENTIAL_REVIEW)
def correct(match_id: UUID) -> ResponseReturnValue:
    """Propose that the correction was performed on one unit."""
    form = CorrectForm(prefix="correct")
    if form.validate_on_submit():
        with applied(form):
            assert form.performed_on.data is not None  # InputRequired saw to it.
            releasing.correct(
                match_id=match_id,
                actor_id=me().id,
                serial=form.serial.data or "",
                performed_by=form.performed_by.data or "",
                performed_on=form.performed_on.data,
                paper=(form.paper.data.filename or "", form.paper.data.read()),
                words=form.words.data or "",
                at=clock.now(),
            )
            flash("Proposed. Nothing changes until another verifier agrees.", "success")
            return _to_recall(match_id)
    return recalls.page(match_id, correct=form)


@bp.post("/<uuid:match_id>/releases/<uuid:release_id>/agree")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def agree(match_id: UUID, release_id: UUID) -> ResponseReturnValue:
    """Agree as the second person."""
    releasing.agree(release_id=release_id, actor_id=me().id, at=clock.now())
    flash("Agreed. The recall does not close the gate for these units any more.", "success")
    return _to_recall(match_id)


@bp.post("/<uuid:match_id>/releases/<uuid:release_id>/end")
@requires(Permission.CREDENTIAL_REVIEW)
def end(match_id: UUID, release_id: UUID) -> ResponseReturnValue:
    """Take it back."""
    form = EndForm(prefix=f"end-{release_id}")
    if form.validate_on_submit():
        with applied(form):
            releasing.end(release_id=release_id, actor_id=me().id, reason=form.reason.data or "", at=clock.now())
            flash("Taken back. What it had let out is under the recall again.", "success")
            return _to_recall(match_id)
    return recalls.page(match_id, ending={release_id: form})


@bp.get("/<uuid:match_id>/releases/<uuid:release_id>/paper")
@requires(Permission.CREDENTIAL_REVIEW)
def paper(match_id: UUID, release_id: UUID) -> ResponseReturnValue:
    """Give a verifier the paper that shows a correction."""
    queries.one(match_id)
    return sent(releasing.paper_of(release_id=release_id, reader_id=me().id, at=clock.now()))


def _to_recall(match_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("staff_recalls.recall", match_id=match_id), code=303)
