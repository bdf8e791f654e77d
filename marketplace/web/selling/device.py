"""Step: which unit it is, and where it stands."""

from collections.abc import Iterable
from uuid import UUID, uuid4

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional, Regexp

from ...accounts.access import Permission
from ...catalog import queries as catalog
from ...clinics import queries as clinics
from ...clinics.queries import Membership
from ...kernel import clock
from ...kernel.terms import STATES
from ...listings import drafting
from ..access import me, requires
from ..forms import Form, NeededBeforeReview, applied
from ..options import grouped_options, options
from .common import LONGEST_LINE, STEPS, bp, key_of, mine, nothing_yet, selling_for, with_notes


class DeviceForm(Form):
    """Which unit it is, and where it stands."""

    clinic_id = SelectField("Clinic that sells it", validators=[InputRequired("Choose the clinic.")])
    model_id = SelectField("Model", validators=[InputRequired("Choose the model.")])
    serial = StringField("Serial number", validators=[NeededBeforeReview(), Length(max=LONGEST_LINE)])
    year = StringField(
        "Year of manufacture",
        validators=[NeededBeforeReview(), Optional(), Regexp(r"^\s*\d{4}\s*$", message="Write four digits.")],
    )
    city = StringField(
        "City", validators=[InputRequired("Write the city where the device stands."), Length(max=LONGEST_LINE)]
    )
    state_code = SelectField("State", validators=[InputRequired("Choose the state where the device stands.")])
    postal_code = StringField("ZIP code", validators=[Length(max=10)])
    form_key = HiddenField()


@bp.route("/sell/new", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def new() -> ResponseReturnValue:
    """Begin a listing."""
    selling = selling_for()
    if not selling:
        return render_template("selling/no_clinic.html")
    sites = clinics.sites_of_person(me().id)
    form = _with_choices(
        DeviceForm(
            form_key=str(uuid4()),
            city=sites[0].city if sites else None,
            state_code=sites[0].state if sites else None,
            postal_code=sites[0].postal_code if sites else None,
        ),
        selling,
    )
    if form.validate_on_submit():
        with applied(form):
            listing_id = drafting.draft(
                actor_id=me().id,
                clinic_id=UUID(form.clinic_id.data),
                model_id=UUID(form.model_id.data),
                serial=form.serial.data or "",
                year=_year(form),
                city=form.city.data or "",
                state_code=form.state_code.data,
                postal_code=form.postal_code.data or "",
                form_key=key_of(form.form_key.data),
                at=clock.now(),
            )
            return redirect(url_for("selling.handpieces", listing_id=listing_id), code=303)
    return render_template("selling/device.html", form=form, listing=None, steps=STEPS), form.http_status


@bp.route("/sell/<uuid:listing_id>/device", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def device(listing_id: UUID) -> ResponseReturnValue:
    """Say which unit it is and where it stands."""
    facts = mine(listing_id)
    form = _with_choices(
        DeviceForm(
            data={
                "clinic_id": str(facts.clinic_id),
                "model_id": str(facts.model.id),
                "serial": facts.serial,
                "year": str(facts.year or ""),
                "city": facts.city,
                "state_code": facts.state_code,
                "postal_code": facts.postal_code,
            }
        ),
        [one for one in selling_for() if one.clinic_id == facts.clinic_id],
    )
    if form.validate_on_submit():
        with applied(form):
            drafting.describe_device(
                listing_id=listing_id,
                actor_id=me().id,
                model_id=UUID(form.model_id.data),
                serial=form.serial.data or "",
                year=_year(form),
                city=form.city.data or "",
                state_code=form.state_code.data,
                postal_code=form.postal_code.data or "",
                at=clock.now(),
            )
            return redirect(url_for("selling.handpieces", listing_id=listing_id), code=303)
    with_notes(form, facts, "device")
    return render_template("selling/device.html", form=form, listing=facts, steps=STEPS), form.http_status


def _with_choices(form: DeviceForm, selling: Iterable[Membership]) -> DeviceForm:
    form.clinic_id.choices = options((str(one.clinic_id), one.clinic_name) for one in selling)
    form.model_id.choices = [*nothing_yet("Choose the model"), *grouped_options(_models())]
    form.state_code.choices = options(STATES.items())
    return form


def _models() -> dict[str, list[tuple[str, str]]]:
    return {
        maker: [(str(model_id), name) for model_id, name in models]
        for maker, models in catalog.models_for_choice().items()
    }


def _year(form: DeviceForm) -> int | None:
    return int(form.year.data) if form.year.data else None
