"""A person's credentials: what they have, what is missing, and how to hand one in."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from wtforms import DateField, MultipleFileField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional

from ..accounts.access import Permission
from ..catalog import queries as catalog
from ..clinics.queries import Site
from ..credentials import queries, service
from ..credentials.policy import LONGEST_NAME, LONGEST_NUMBER, MOST_DOCUMENTS, WITHOUT_NUMBER, Claim
from ..credentials.standards import review_is_due, standards
from ..credentials.states import CredentialEvent
from ..credentials.types import CredentialKind, CredentialType, Subject, Term, credential_types
from ..credentials.views import CredentialView
from ..extensions import limiter
from ..kernel import clock
from ..kernel.errors import NotFound
from ..kernel.terms import STATES
from .access import me, requires
from .files import sent
from .filters import day
from .forms import Form, applied
from .options import grouped_options, options
from .standing import RENEWABLE, course, shower

bp = Blueprint("credentials", __name__)

STEPS = ("State", "Kind", "Details and documents")
SOON = timedelta(days=60)

_GROUPS = (
    ("Licences and certificates of the state", {CredentialKind.STATE_LICENSE, CredentialKind.STATE_CERTIFICATE}),
    ("Delegation and training", {CredentialKind.SUPERVISION_AGREEMENT, CredentialKind.TRAINING_RECORD}),
    ("Private certificates", {CredentialKind.PRIVATE_CERT}),
)


class CredentialForm(Form):
    """What somebody says of a credential. Fields that its type does not ask for are taken out."""

    site_id = SelectField("Site", validators=[InputRequired("Choose the site it was issued for.")])
    name_on_credential = StringField(
        "Name on the document",
        validators=[InputRequired("Write the name exactly as it is on the document."), Length(max=LONGEST_NAME)],
    )
    number = StringField("Number", validators=[Length(max=LONGEST_NUMBER)])
    level = SelectField("Level", validators=[InputRequired("Choose the level on the document.")])
    endorsements = SelectMultipleField("Procedures that the document lists")
    device_model_id = SelectField("Device model that the document names")
    issued_on = DateField("Issued on", validators=[Optional()])
    expires_on = DateField("Expires on", validators=[Optional()])
    documents = MultipleFileField("Scan or photographs of the document")

    @classmethod
    def asking_for(
        cls, kind: CredentialType, *, sites: Sequence[Site] | None, said: CredentialView | None, name: str
    ) -> "CredentialForm":
        """
        Return the form with what `kind` asks for.

        `sites`: to choose from; None where it is a person's, or known. `said`: to start from. `name`: of the holder.
        """
        form = cls(obj=said) if said else cls(data={"name_on_credential": name})
        if sites is None:
            del form.site_id
        else:
            places = [(str(site.id), f"{site.clinic_name}, {site.name}") for site in sites]
            form.site_id.choices = options([("", "Choose a site"), *places])
        if kind.kind in WITHOUT_NUMBER:
            del form.number
        elif kind.kind is not CredentialKind.PRIVATE_CERT:
            form.number.validators = [
                InputRequired("Write the number as it is on the document."),
                *form.number.validators,
            ]
            form.number.flags.required = True
        if kind.levels:
            form.level.choices = options([("", "Choose a level"), *((level.code, level.name) for level in kind.levels)])
        else:
            del form.level
        if kind.endorsements:
            form.endorsements.choices = options([(one.code, one.name) for one in kind.endorsements])
        else:
            del form.endorsements
        if kind.asks_device_model:
            models = {
                maker: [(str(model_id), f"{maker} {name}") for model_id, name in found]
                for maker, found in catalog.models_for_choice().items()
            }
            form.device_model_id.choices = [*options([("", "Choose a model")]), *grouped_options(models)]
            form.device_model_id.flags.required = not kind.endorsements
        else:
            del form.device_model_id
        form.expires_on.flags.required = kind.term is Term.DATED
        form.documents.flags.required = said is None or not said.papers
        return form

    def claim(self, kind: CredentialType, state: str) -> Claim:
        """Return what was said."""
        said = self.data
        model_id = said.get("device_model_id")
        return Claim(
            type_code=kind.code,
            jurisdiction=state,
            number=said.get("number") or "",
            name_on_credential=said["name_on_credential"],
            level=said.get("level"),
            endorsements=tuple(said.get("endorsements") or ()),
            device_model_id=UUID(model_id) if model_id else None,
            issued_on=said["issued_on"],
            expires_on=said["expires_on"],
        )

    def files(self) -> list[tuple[str, bytes]]:
        """Return the files that were sent; an untouched field sends one without a name."""
        chosen = [file for file in self.documents.data or () if isinstance(file, FileStorage) and file.filename]
        return [(file.filename or "", file.read()) for file in chosen]


@bp.get("/credentials")
@requires(Permission.CREDENTIAL_READ)
def mine() -> ResponseReturnValue:
    """Show everything that the person, and the sites they run, have here."""
    at = clock.now()
    show = shower(at)
    found = [(credential, show(credential)) for credential in queries.mine(me().id)]
    return render_template("credentials/mine.html", found=found, soon=(at + SOON).date())


@bp.get("/credentials/new")
@requires(Permission.CREDENTIAL_SUBMIT)
def choose() -> ResponseReturnValue:
    """Choose the state, then the kind."""
    state = request.args.get("state", "")
    if state not in STATES:
        return render_template("credentials/choose_state.html", all_steps=STEPS, states=STATES)
    kinds = [kind for kind in credential_types().values() if kind.issued_in(state)]
    people = [kind for kind in kinds if kind.subject is Subject.PERSON]
    groups = [(title, [kind for kind in people if kind.kind in wanted]) for title, wanted in _GROUPS]
    groups.insert(
        1, ("Of a site: facility licences, registrations, contracts", [kind for kind in kinds if kind not in people])
    )
    return render_template(
        "credentials/choose_kind.html",
        all_steps=STEPS,
        state=state,
        place=STATES[state],
        groups=[one for one in groups if one[1]],
    )


@bp.route("/credentials/new/<state>/<code>", methods=["GET", "POST"])
@requires(Permission.CREDENTIAL_SUBMIT)
@limiter.limit("30 per hour", methods=["POST"])
def submit(state: str, code: str) -> ResponseReturnValue:
    """Say what is on the document, and hand it in. `?again=` starts from one that the person has here."""
    kind = credential_types().get(code)
    if kind is None or state not in STATES or not kind.issued_in(state):
        raise NotFound("There is no such kind of credential here.", cure="Choose the state and the kind again.")
    sites = (
        [site for site in queries.managed_sites(me().id) if site.state == state]
        if kind.subject is Subject.SITE
        else None
    )
    again = request.args.get("again", type=UUID)
    said = queries.own(again, user_id=me().id) if again else None
    form = CredentialForm.asking_for(kind, sites=sites, said=said, name=me().name if sites is None else "")
    if again:
        form.documents.flags.required = True
    if form.validate_on_submit():
        at = clock.now()
        claim = form.claim(kind, state)
        with applied(form):
            credential_id = service.submit(
                actor_id=me().id,
                site_id=UUID(form.site_id.data) if sites is not None else None,
                claim=claim,
                files=form.files(),
                at=at,
            )
            flash(f"We have it. A verifier looks at it by {day(review_is_due(at))}.", "success")
            _warn_of_number(kind, claim)
            return redirect(url_for("credentials.one", credential_id=credential_id), code=303)
    return _form_page("credentials/submit.html", form, kind, state, sites=sites)


@bp.get("/credentials/<uuid:credential_id>")
@requires(Permission.CREDENTIAL_READ)
def one(credential_id: UUID) -> ResponseReturnValue:
    """Show one credential: what it is worth, what was said, what happened, what to do."""
    credential, at = queries.own(credential_id, user_id=me().id), clock.now()
    models = catalog.models_by_id([credential.device_model_id]) if credential.device_model_id else {}
    return render_template(
        "credentials/one.html",
        credential=credential,
        at=at,
        shown=shower(at)(credential),
        model=models.get(credential.device_model_id) if credential.device_model_id else None,
        forgotten_from=service.forgotten_from(credential_id),
        document_days=standards().document_days,
        course=course(credential, names=False),
        renewable=RENEWABLE,
        events=CredentialEvent,
    )


@bp.route("/credentials/<uuid:credential_id>/answer", methods=["GET", "POST"])
@requires(Permission.CREDENTIAL_SUBMIT)
@limiter.limit("30 per hour", methods=["POST"])
def answer(credential_id: UUID) -> ResponseReturnValue:
    """Answer what the verifier asked."""
    credential = queries.own(credential_id, user_id=me().id)
    form = CredentialForm.asking_for(credential.kind, sites=None, said=credential, name="")
    if form.validate_on_submit():
        claim = form.claim(credential.kind, credential.jurisdiction)
        with applied(form):
            service.resubmit(
                credential_id=credential_id, actor_id=me().id, claim=claim, files=form.files(), at=clock.now()
            )
            flash("Thank you. It is back in the queue.", "success")
            _warn_of_number(credential.kind, claim)
            return redirect(url_for("credentials.one", credential_id=credential_id), code=303)
    return _form_page("credentials/answer.html", form, credential.kind, credential.jurisdiction, credential=credential)


@bp.post("/credentials/<uuid:credential_id>/withdraw")
@requires(Permission.CREDENTIAL_SUBMIT)
def withdraw(credential_id: UUID) -> ResponseReturnValue:
    """Take a submission back."""
    service.withdraw(credential_id=credential_id, actor_id=me().id, at=clock.now())
    flash("You took it back.", "success")
    return redirect(url_for("credentials.one", credential_id=credential_id), code=303)


@bp.get("/credentials/<uuid:credential_id>/documents/<uuid:document_id>")
@requires(Permission.CREDENTIAL_READ)
def document(credential_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """Give the person their own document."""
    return sent(service.own_document(credential_id=credential_id, document_id=document_id, reader_id=me().id))


def _warn_of_number(kind: CredentialType, claim: Claim) -> None:
    # A warning and no refusal: the forms were gathered from examples, and issuers change theirs.
    if claim.number and kind.looks_right(claim.number, claim.jurisdiction) is False:
        flash(
            f"The number {claim.number} is not written as we know them from {STATES[claim.jurisdiction]}."
            " If it is a slip of the pen, take it back and submit it again; if not, leave it.",
            "warning",
        )


def _form_page(
    template: str, form: CredentialForm, kind: CredentialType, state: str, **context: object
) -> ResponseReturnValue:
    forms = (kind.number_forms or {}).get(state, ())
    examples = [f"{known.example} ({known.of})" if known.of else known.example for known in forms if known.example]
    page = render_template(
        template,
        form=form,
        kind=kind,
        state=state,
        place=STATES[state],
        all_steps=STEPS,
        examples=examples,
        most_documents=MOST_DOCUMENTS,
        is_private=kind.kind is CredentialKind.PRIVATE_CERT,
        **context,
    )
    return page, form.http_status
