"""From a case: ask its issuer, the employer or the medical director by a mailed link, and rest on what they answer."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...accounts.policy import LONGEST_EMAIL, LONGEST_NAME
from ...credentials import desk, service
from ...credentials.asking import Address
from ...credentials.policy import LONGEST_WORDS, AddressFrom, Asked
from ...extensions import limiter
from ...kernel import clock
from ..access import by_person, me, requires
from ..forms import Form, applied
from ..options import options

bp = Blueprint("staff_questions", __name__)

ASKED = {
    Asked.ISSUER: "Issuer",
    Asked.EMPLOYER: "Employer",
    Asked.MEDICAL_DIRECTOR: "Medical director",
}
FOUND = {
    AddressFrom.OWN_PAGE: "On the office’s own web page",
    AddressFrom.REGISTER: "In a public register",
    AddressFrom.CALL: "By telephone, at a number that the applicant did not give",
    AddressFrom.APPLICANT: "From the applicant, or on what they handed in",
}


class AskForm(Form):
    """Whom to ask, and where their address was found."""

    asked = RadioField(
        "Who is asked",
        choices=options((asked.value, words) for asked, words in ASKED.items()),
        validators=[InputRequired("Choose who is asked.")],
    )
    office = StringField(
        "Name of the office or person",
        validators=[InputRequired("Name the office or person that is asked."), Length(max=LONGEST_NAME)],
    )
    email = StringField("Their e-mail address", validators=[InputRequired("Write it."), Length(max=LONGEST_EMAIL)])
    found = RadioField(
        "Where the address was found",
        choices=options((found.value, words) for found, words in FOUND.items()),
        validators=[InputRequired("Say where the address was found.")],
    )
    source = TextAreaField(
        "Where exactly",
        validators=[InputRequired("Say where exactly you found the address."), Length(max=LONGEST_WORDS)],
    )


@bp.route("/staff/credentials/<uuid:credential_id>/questions/new", methods=["GET", "POST"])
@requires(Permission.CREDENTIAL_REVIEW)
@limiter.limit("30 per hour", key_func=by_person, methods=["POST"])
def ask(credential_id: UUID) -> ResponseReturnValue:
    """Mail a question about the claim to an address outside."""
    at = clock.now()
    found = desk.case(credential_id, reader_id=me().id, at=at)
    form = AskForm()
    if form.validate_on_submit():
        with applied(form):
            whom = Address(
                asked=Asked(form.asked.data),
                office=form.office.data or "",
                email=form.email.data or "",
                found=AddressFrom(form.found.data),
                source=form.source.data or "",
            )
            service.ask_source(credential_id=credential_id, actor_id=me().id, whom=whom, at=at)
            flash("The question is on its way. We write to you when it is answered.", "success")
            return _to_case(credential_id)
    return render_template(
        "staff/credentials/question.html", case=found, credential=found.credential, form=form
    ), form.http_status


@bp.post("/staff/credentials/<uuid:credential_id>/questions/<uuid:link_id>/again")
@requires(Permission.CREDENTIAL_REVIEW)
@limiter.limit("30 per hour", key_func=by_person)
def again(credential_id: UUID, link_id: UUID) -> ResponseReturnValue:
    """Mail the question once more to the same address."""
    service.ask_source_again(credential_id=credential_id, link_id=link_id, actor_id=me().id, at=clock.now())
    flash("Sent again. The link before serves no more.", "success")
    return _to_case(credential_id)


@bp.post("/staff/credentials/<uuid:credential_id>/questions/<uuid:link_id>/withdraw")
@requires(Permission.CREDENTIAL_REVIEW)
def withdraw(credential_id: UUID, link_id: UUID) -> ResponseReturnValue:
    """Take the question back."""
    service.withdraw_question(credential_id=credential_id, link_id=link_id, actor_id=me().id, at=clock.now())
    flash("Taken back: the link opens nothing now.", "success")
    return _to_case(credential_id)


@bp.post("/staff/credentials/<uuid:credential_id>/questions/<uuid:link_id>/cite")
@requires(Permission.CREDENTIAL_REVIEW)
def cite(credential_id: UUID, link_id: UUID) -> ResponseReturnValue:
    """Record the answer as the verifier's look at the source."""
    service.cite_answer(credential_id=credential_id, link_id=link_id, actor_id=me().id, at=clock.now())
    flash("The answer is on record as your look at the source.", "success")
    return _to_case(credential_id)


def _to_case(credential_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("staff_credentials.case", credential_id=credential_id), code=303)
