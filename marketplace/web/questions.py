"""Questions about devices: asked by buyers, answered by sellers for everybody to read, reported by anybody."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission
from ..extensions import limiter
from ..kernel import clock
from ..kernel.contacts import Cleaned
from ..kernel.wording import gettext_noop
from ..listings import queries as listings
from ..listings.states import ListingState
from ..questions import moderating, queries, service
from ..questions.states import QUESTION, QuestionEvent, QuestionState
from .access import by_person, me, requires
from .forms import Form, applied
from .language import in_every_language
from .writing import WritingForm

bp = Blueprint("questions", __name__)

STATE_WORDS: dict[QuestionState, tuple[str, str]] = {
    QuestionState.OPEN: ("not_yet", gettext_noop("waits for an answer")),
    QuestionState.ANSWERED: ("yes", gettext_noop("answered")),
    QuestionState.DECLINED: ("quiet", gettext_noop("not answered")),
    QuestionState.WITHDRAWN: ("quiet", gettext_noop("taken back")),
}
"""The tone and the words of each state."""


class ReasonForm(Form):
    """What is wrong with a question, or with what was answered."""

    reason = TextAreaField("What is wrong with it", validators=[InputRequired("Say what is wrong."), Length(max=500)])


@bp.route("/devices/<uuid:listing_id>/ask", methods=["GET", "POST"])
@requires(Permission.QUESTION_ASK)
@in_every_language
@limiter.limit("20 per hour", key_func=by_person, methods=["POST"])
def ask(listing_id: UUID) -> ResponseReturnValue:
    """Ask the seller of a device."""
    device = listings.on_display(listing_id)
    form, preview = WritingForm(), None
    if form.validate_on_submit():
        preview = form.to_be_seen()
        if preview is None:
            with applied(form):
                service.ask(listing_id=listing_id, asker_id=me().id, words=form.words.data or "", at=clock.now())
                flash(gettext_noop("The seller has been asked. We write to you when they answer."), "success")
                return redirect(url_for(".mine"), code=303)
    page = render_template(
        "questions/ask.html",
        device=device,
        for_sale=device.state is ListingState.PUBLISHED,
        form=form,
        preview=preview,
        mine=queries.of_asker_about(me().id, listing_id),
        words=STATE_WORDS,
        longest=service.LONGEST_QUESTION,
        most=service.MOST_OPEN,
    )
    return page, form.http_status


@bp.get("/questions")
@requires(Permission.QUESTION_READ)
def mine() -> ResponseReturnValue:
    """List what the reader asked."""
    return render_template("questions/mine.html", questions=queries.of_asker(me().id), words=STATE_WORDS)


@bp.post("/questions/<uuid:question_id>/withdraw")
@requires(Permission.QUESTION_ASK)
def withdraw(question_id: UUID) -> ResponseReturnValue:
    """Take a question back."""
    service.withdraw(question_id=question_id, actor_id=me().id, at=clock.now())
    flash("It is taken back.", "success")
    return redirect(url_for(".mine"), code=303)


@bp.route("/questions/<uuid:question_id>/report", methods=["GET", "POST"])
@requires(Permission.QUESTION_REPORT)
@limiter.limit("20 per hour", key_func=by_person, methods=["POST"])
def report(question_id: UUID) -> ResponseReturnValue:
    """Ask staff to look at a question, or at what was answered."""
    question = queries.readable_by(me().id, question_id)
    form = ReasonForm()
    if form.validate_on_submit():
        with applied(form):
            moderating.report(
                question_id=question_id, reporter_id=me().id, reason=form.reason.data or "", at=clock.now()
            )
            flash("Our staff look at it.", "success")
            return redirect(url_for("browse.device", listing_id=question.listing_id), code=303)
    return render_template("questions/report.html", question=question, form=form), form.http_status


@bp.get("/sell/questions")
@requires(Permission.LISTING_READ)
def asked() -> ResponseReturnValue:
    """List what the reader's clinics were asked: what waits for an answer first."""
    found = queries.of_sellers(me().id)
    return render_template(
        "questions/asked.html",
        waiting=[one for one in found if one.state is QuestionState.OPEN],
        others=[one for one in found if one.state is not QuestionState.OPEN],
        words=STATE_WORDS,
    )


@bp.route("/sell/questions/<uuid:question_id>", methods=["GET", "POST"])
@requires(Permission.QUESTION_ANSWER)
@limiter.limit("60 per hour", key_func=by_person, methods=["POST"])
def answer(question_id: UUID) -> ResponseReturnValue:
    """Answer a question, or add to what was answered."""
    question = queries.one_of_sellers(me().id, question_id)
    form, preview = WritingForm(), None
    if form.validate_on_submit():
        preview = form.to_be_seen()
        if preview is None:
            with applied(form):
                service.answer(question_id=question_id, actor_id=me().id, words=form.words.data or "", at=clock.now())
                flash("It stands on the page of the device, and who asked has been told.", "success")
                return redirect(url_for(".asked"), code=303)
    return _to_answer(question, form, preview)


@bp.post("/sell/questions/<uuid:question_id>/decline")
@requires(Permission.QUESTION_ANSWER)
def decline(question_id: UUID) -> ResponseReturnValue:
    """Not answer a question, and say why to whoever asked."""
    question = queries.one_of_sellers(me().id, question_id)
    form, preview = WritingForm(prefix="no"), None
    if form.validate_on_submit():
        preview = form.to_be_seen()
        if preview is None:
            with applied(form):
                service.decline(
                    question_id=question_id, actor_id=me().id, because=form.words.data or "", at=clock.now()
                )
                flash("Who asked has been told why. Nobody else sees the question.", "success")
                return redirect(url_for(".asked"), code=303)
    return _to_answer(question, WritingForm(formdata=None), None, declining=form, declining_preview=preview)


def _to_answer(
    question: queries.QuestionView,
    form: WritingForm,
    preview: Cleaned | None,
    *,
    declining: WritingForm | None = None,
    declining_preview: Cleaned | None = None,
) -> ResponseReturnValue:
    page = render_template(
        "questions/answer.html",
        question=question,
        words=STATE_WORDS,
        form=form,
        preview=preview,
        declining=declining or WritingForm(formdata=None, prefix="no"),
        declining_preview=declining_preview,
        opened=declining is not None,
        can_answer=question.can_be_answered,
        can_decline=QUESTION.allows(question.state, QuestionEvent.DECLINED),
        longest=service.LONGEST_ANSWER,
        longest_reason=service.LONGEST_QUESTION,
    )
    return page, max(form.http_status, declining.http_status if declining else 200)
