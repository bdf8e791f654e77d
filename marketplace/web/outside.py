"""What somebody outside is asked through a mailed link: no account, only the claim, and an answer that is kept."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ..accounts.policy import LONGEST_NAME
from ..credentials import asking
from ..credentials import service as credentials
from ..credentials.policy import LONGEST_WORDS, Asked
from ..extensions import limiter
from ..kernel import clock
from ..links.service import Said
from ..links.states import Answer
from .access import public
from .forms import Form, applied
from .options import options

bp = Blueprint("outside", __name__)

ANSWERS = {
    Answer.CONFIRMED: "Yes, all of it is so",
    Answer.NOT_CONFIRMED: "No, or not all of it",
    Answer.CANNOT_SAY: "I cannot say",
}
QUESTIONS = {
    Asked.ISSUER: "Did your office issue this, and is it in force as it is written here?",
    Asked.EMPLOYER: "Does this person work for you, and is what is written here true as far as you know?",
    Asked.MEDICAL_DIRECTOR: "Do you direct this person’s work, and is what is written here true as far as you know?",
}
CLAIMED = {
    "kind": "What is claimed",
    "state": "State",
    "name": "Name on it",
    "number": "Number",
    "level": "Level",
    "procedures": "Procedures",
    "device": "Trained on",
    "issued_on": "Issued on",
    "expires_on": "Expires on",
}
"""The parts of a claim in the order in which they are read."""


class AnswerForm(Form):
    """What somebody outside answers, and who they are by their own word."""

    answer = RadioField(
        "Your answer",
        choices=options((answer.value, words) for answer, words in ANSWERS.items()),
        validators=[InputRequired("Choose one of the three.")],
    )
    words = TextAreaField("What we should know", validators=[Length(max=LONGEST_WORDS)])
    name = StringField("Your name", validators=[InputRequired("Write your name."), Length(max=LONGEST_NAME)])
    role = StringField(
        "What you are there", validators=[InputRequired("Write what you are there."), Length(max=LONGEST_NAME)]
    )


@bp.route("/answer/<token>", methods=["GET", "POST"])
@public
@limiter.limit("20 per hour", methods=["POST"])
@limiter.limit("60 per hour", methods=["GET"])
def answer(token: str) -> ResponseReturnValue:
    """Say who asks and why; once somebody has pressed to read it, show the claim and take the answer."""
    question = asking.question_behind(token, at=clock.now())
    form = AnswerForm()
    if form.validate_on_submit():
        with applied(form):
            said = Said(
                Answer(form.answer.data), form.name.data or "", form.role.data or "", (form.words.data or "").strip()
            )
            credentials.answer_question(token=token, said=said, at=clock.now())
            return redirect(url_for(".answered"), code=303)
    return render_template(
        "outside/answer.html",
        question=question,
        asked=QUESTIONS[question.asked],
        claim=[(words, question.claim[name]) for name, words in CLAIMED.items() if name in question.claim],
        form=form,
    ), form.http_status


@bp.post("/answer/<token>/read")
@public
@limiter.limit("20 per hour")
def read(token: str) -> ResponseReturnValue:
    """Show the claim from now on: a program that scans mail presses no button."""
    credentials.read_question(token=token, at=clock.now())
    return redirect(url_for(".answer", token=token), code=303)


@bp.get("/answered")
@public
def answered() -> ResponseReturnValue:
    """Thank whoever answered, and say what becomes of it."""
    return render_template("outside/answered.html")
