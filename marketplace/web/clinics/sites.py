"""The places where devices are used, and who looks after laser safety there."""

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired

from ...accounts.access import Permission, Weighty
from ...clinics import queries, service
from ...clinics.access import MANAGERS
from ...clinics.policy import ZONES
from ...kernel import clock
from ...kernel.terms import STATES
from ..access import me, requires
from ..forms import Form, applied
from .common import LINE, bp


class CorrectSiteForm(Form):
    """Where a site is, except for its state."""

    name = StringField("Name of the site", validators=[InputRequired("Write a name for the place."), LINE])
    street = StringField("Street and number", validators=[InputRequired("Write street and number."), LINE])
    city = StringField("City", validators=[InputRequired("Write the city."), LINE])
    postal_code = StringField("ZIP code", validators=[InputRequired("Write the ZIP code.")])
    time_zone = SelectField("Time zone", choices=dict(ZONES), validators=[InputRequired("Choose the time zone.")])


class AddSiteForm(CorrectSiteForm):
    """Where a new site is."""

    state = SelectField(
        "State",
        choices={"": "Choose a state", **STATES},
        validators=[InputRequired("Choose the state in which devices will be used.")],
    )
    time_zone = SelectField("Time zone", choices={"": "The usual one of the state", **ZONES})


class OfficerForm(Form):
    """Who is laser safety officer of a site."""

    officer = SelectField("Laser safety officer")


@bp.route("/clinics/<uuid:clinic_id>/sites/new", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE, weighty=Weighty.CHANGE_ADDRESS)
def add_site(clinic_id: UUID) -> ResponseReturnValue:
    """Open a place of use."""
    queries.require_role(user_id=me().id, clinic_id=clinic_id, roles=MANAGERS)
    form = AddSiteForm()
    if form.validate_on_submit():
        with applied(form):
            service.add_site(
                clinic_id=clinic_id,
                actor_id=me().id,
                name=form.name.data or "",
                street=form.street.data or "",
                city=form.city.data or "",
                state=form.state.data,
                postal_code=form.postal_code.data or "",
                time_zone=form.time_zone.data,
                at=clock.now(),
            )
            flash("The site is open.", "success")
            return redirect(url_for("clinics.clinic", clinic_id=clinic_id), code=303)
    return render_template(
        "clinics/site.html", form=form, clinic=queries.clinic(clinic_id), site=None
    ), form.http_status


@bp.route("/sites/<uuid:site_id>", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE, weighty=Weighty.CHANGE_ADDRESS)
def correct_site(site_id: UUID) -> ResponseReturnValue:
    """Correct the address of a site."""
    site = queries.site(site_id)
    queries.require_role(user_id=me().id, clinic_id=site.clinic_id, roles=MANAGERS)
    form = CorrectSiteForm(obj=site)
    if form.validate_on_submit():
        with applied(form):
            service.correct_site(
                site_id=site_id,
                actor_id=me().id,
                name=form.name.data or "",
                street=form.street.data or "",
                city=form.city.data or "",
                postal_code=form.postal_code.data or "",
                time_zone=form.time_zone.data,
                at=clock.now(),
            )
            flash("The address is corrected.", "success")
            return redirect(url_for("clinics.clinic", clinic_id=site.clinic_id), code=303)
    return render_template(
        "clinics/site.html",
        form=form,
        clinic=queries.clinic(site.clinic_id),
        site=site,
        state_name=STATES[site.state],
    ), form.http_status


@bp.post("/sites/<uuid:site_id>/close")
@requires(Permission.CLINIC_MANAGE)
def close_site(site_id: UUID) -> ResponseReturnValue:
    """Close a place of use."""
    site = queries.site(site_id)
    service.close_site(site_id=site_id, actor_id=me().id, at=clock.now())
    flash(f"{site.name} is closed.", "success")
    return redirect(url_for("clinics.clinic", clinic_id=site.clinic_id), code=303)


@bp.route("/sites/<uuid:site_id>/officer", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE)
def officer(site_id: UUID) -> ResponseReturnValue:
    """Name the laser safety officer of a site."""
    site = queries.site(site_id)
    queries.require_role(user_id=me().id, clinic_id=site.clinic_id, roles=MANAGERS)
    members = queries.members_of(site.clinic_id)
    form = OfficerForm(data={"officer": str(site.laser_safety_officer_id or "")})
    form.officer.choices = {"": "Nobody", **{str(member.user_id): member.name for member in members}}
    if form.validate_on_submit():
        with applied(form):
            service.name_laser_safety_officer(
                site_id=site_id,
                actor_id=me().id,
                officer_id=UUID(form.officer.data) if form.officer.data else None,
                at=clock.now(),
            )
            flash("It is written down who looks after laser safety there.", "success")
            return redirect(url_for("clinics.clinic", clinic_id=site.clinic_id), code=303)
    return render_template("clinics/officer.html", form=form, site=site), form.http_status
