"""Was this person cleared for that, there, on that day? Answered from history, beside the answers that were kept."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from wtforms import DateTimeLocalField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from ...accounts import queries as accounts
from ...accounts.access import Permission
from ...catalog import queries as catalog
from ...clinics import history as clinics
from ...clinics.queries import Site
from ...eligibility import history
from ...kernel.terms import ProcedureClass
from .. import gate
from ..access import requires
from ..forms import Form

bp = Blueprint("staff_history", __name__)


class PastForm(Form):
    """Whom it is about, what for, where and when; the time is that of the site."""

    class Meta(Form.Meta):
        """A question changes nothing."""

        csrf = False

    email = StringField("E-mail address of the person", validators=[InputRequired("Say who."), Length(max=320)])
    site = SelectField("Site", validators=[InputRequired("Choose the site.")])
    modality = SelectField("Kind of device", validators=[InputRequired("Choose the kind of device.")])
    procedure = SelectField(
        "Procedure",
        choices={each.value: each.words for each in ProcedureClass},
        validators=[InputRequired("Choose what for.")],
    )
    then = DateTimeLocalField(
        "Moment, by the clock of the site", format="%Y-%m-%dT%H:%M", validators=[InputRequired("Say when.")]
    )


@bp.get("/staff/history")
@requires(Permission.POLICY_READ)
def past() -> ResponseReturnValue:
    """Ask about a moment that is over."""
    form = PastForm(request.args)
    email = (form.email.data or "").strip()
    person = accounts.person_at(email) if email else None
    sites = {str(site.id): site for site in clinics.sites_ever_of(person.id)} if person else {}
    form.site.choices = {key: f"{site.clinic_name}, {site.name}, {site.state}" for key, site in sites.items()}
    form.modality.choices = {code: one.name for code, one in catalog.modalities().items() if one.procedure_classes}
    context = {"form": form, "person": person, "notes": history.NOT_IN_HISTORY}
    if person is None or not form.site.data or not form.validate():
        return render_template("staff/history.html", **context), form.http_status if form.site.data else 200
    site = sites[form.site.data]
    then = _moment(form, site)
    answer = history.cleared_then(
        operator_id=person.id,
        site_id=UUID(form.site.data),
        modality_code=form.modality.data,
        procedure=ProcedureClass(form.procedure.data),
        then=then,
    )
    return render_template(
        "staff/history.html",
        **context,
        answer=answer,
        then=then,
        verdict=gate.shown(answer.verdict, state=site.state),
        kept=history.kept_about(operator_id=person.id, site_id=site.id, until=then),
    )


def _moment(form: PastForm, site: Site) -> datetime:
    assert form.then.data is not None
    return form.then.data.replace(tzinfo=ZoneInfo(site.time_zone))
