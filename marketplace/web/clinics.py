"""A person's clinics: sites, members, invitations, and the standing as a seller."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from ..accounts.access import Permission, Weighty
from ..clinics import queries, service
from ..clinics.access import IN_THE_HANDS_OF, MANAGERS, OWNERS
from ..clinics.policy import LONGEST_LINE, LONGEST_TEXT, ZONES
from ..clinics.states import SellerBasis
from ..extensions import limiter
from ..kernel import clock
from ..kernel.terms import STATES, ClinicRole
from .access import me, requires
from .forms import Form, amount, applied

bp = Blueprint("clinics", __name__)

_line = Length(max=LONGEST_LINE)

ROLE_WORDS = {
    ClinicRole.OWNER: "Runs the clinic, with everything that belongs to it.",
    ClinicRole.MANAGER: "Runs the clinic day by day: sites, colleagues, buying and selling.",
    ClinicRole.TECHNICIAN: "Operates devices, with licences and certificates of their own.",
    ClinicRole.PRACTITIONER: "Holds a prescriber's licence, and orders devices or supervises their use.",
}


class FoundForm(Form):
    """What a clinic is called."""

    name = StringField("Name of the clinic", validators=[InputRequired("Write what people call the clinic."), _line])
    legal_name = StringField("Legal name", validators=[InputRequired("Write the name on its registration."), _line])


class CorrectSiteForm(Form):
    """Where a site is, except for its state."""

    name = StringField("Name of the site", validators=[InputRequired("Write a name for the place."), _line])
    street = StringField("Street and number", validators=[InputRequired("Write street and number."), _line])
    city = StringField("City", validators=[InputRequired("Write the city."), _line])
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


class InviteForm(Form):
    """Whom to invite as what."""

    email = StringField("E-mail address", validators=[InputRequired("Write their e-mail address.")])
    role = RadioField(
        "Role",
        choices={role.value: role.value.capitalize() for role in ClinicRole},
        validators=[InputRequired("Choose what they will be to the clinic.")],
    )
    starts_on = DateField("First day", validators=[Optional()])
    ends_on = DateField("Last day", validators=[Optional()])


class LastDayForm(Form):
    """When a membership ends."""

    last_day = DateField("Last day", validators=[InputRequired("Write the last day.")])


class RoleForm(Form):
    """What a member becomes."""

    role = RadioField(
        "Role",
        choices={role.value: role.value.capitalize() for role in ClinicRole},
        validators=[InputRequired("Choose a role.")],
    )


class OfficerForm(Form):
    """Who is laser safety officer of a site."""

    officer = SelectField("Laser safety officer")


class LimitForm(Form):
    """Above which price a second person approves a purchase."""

    limit = StringField("A second person approves purchases above", validators=[Length(max=30)])


class SellForm(Form):
    """In which capacity the clinic holds devices, and what a verifier can look up."""

    basis = RadioField(
        "The clinic holds devices as",
        choices={basis.value: basis.words for basis in SellerBasis},
        validators=[InputRequired("Choose the capacity in which the clinic holds the device.")],
    )
    statement = TextAreaField(
        "What we can look up",
        validators=[InputRequired("Write what a verifier can look up."), Length(max=LONGEST_TEXT)],
    )


@bp.get("/clinics")
@requires(Permission.CLINIC_READ)
def index() -> ResponseReturnValue:
    """List the person's clinics."""
    return render_template("clinics/index.html", memberships=queries.memberships_of(me().id))


@bp.route("/clinics/new", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE)
def found() -> ResponseReturnValue:
    """Found a clinic and go on to its first site."""
    form = FoundForm()
    if form.validate_on_submit():
        with applied(form):
            clinic_id = service.found(
                owner_id=me().id,
                name=form.name.data or "",
                legal_name=form.legal_name.data or "",
                at=clock.now(),
            )
            flash("The clinic is there. Now add the place where devices will be used.", "success")
            return redirect(url_for("clinics.add_site", clinic_id=clinic_id), code=303)
    return render_template("clinics/found.html", form=form), form.http_status


@bp.get("/clinics/<uuid:clinic_id>")
@requires(Permission.CLINIC_READ)
def clinic(clinic_id: UUID) -> ResponseReturnValue:
    """Show one clinic to its people."""
    own_role = queries.require_role(user_id=me().id, clinic_id=clinic_id)
    manages = own_role in MANAGERS
    return render_template(
        "clinics/clinic.html",
        clinic=queries.clinic(clinic_id),
        sites=queries.sites_of(clinic_id),
        members={member.user_id: member for member in queries.members_of(clinic_id)},
        invitations=queries.invitations_of(clinic_id, at=clock.now()) if manages else [],
        own_role=own_role,
        manages=manages,
        owns=own_role in OWNERS,
        in_hand=IN_THE_HANDS_OF[own_role],
        states=STATES,
        zones=ZONES,
    )


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


@bp.route("/clinics/<uuid:clinic_id>/invite", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE, weighty=Weighty.CHANGE_MEMBERS)
@limiter.limit("50 per day", key_func=lambda: f"person:{me().id}", methods=["POST"])
def invite(clinic_id: UUID) -> ResponseReturnValue:
    """Mail somebody an offer of membership."""
    own_role = queries.require_role(user_id=me().id, clinic_id=clinic_id, roles=MANAGERS)
    form = InviteForm()
    form.role.choices = _choices(own_role)
    if form.validate_on_submit():
        with applied(form):
            service.invite(
                clinic_id=clinic_id,
                actor_id=me().id,
                email=form.email.data or "",
                role=ClinicRole(form.role.data),
                starts_on=form.starts_on.data,
                ends_on=form.ends_on.data,
                at=clock.now(),
            )
            flash("The invitation is on its way. It stands for a week.", "success")
            return redirect(url_for("clinics.clinic", clinic_id=clinic_id), code=303)
    return render_template(
        "clinics/invite.html", form=form, clinic=queries.clinic(clinic_id), helps=ROLE_WORDS
    ), form.http_status


@bp.post("/clinics/<uuid:clinic_id>/invitations/<uuid:invitation_id>/withdraw")
@requires(Permission.CLINIC_MANAGE)
def withdraw_invitation(clinic_id: UUID, invitation_id: UUID) -> ResponseReturnValue:
    """Take an invitation back."""
    service.withdraw_invitation(invitation_id=invitation_id, actor_id=me().id, at=clock.now())
    flash("The invitation is withdrawn; its link serves no more.", "success")
    return redirect(url_for("clinics.clinic", clinic_id=clinic_id), code=303)


@bp.route("/invitations/<token>", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE)
def accept_invitation(token: str) -> ResponseReturnValue:
    """Show an invitation to the person it was mailed to, and let them join."""
    form = Form()
    if form.validate_on_submit():
        clinic_id = service.accept_invitation(token=token, user_id=me().id, at=clock.now())
        flash("You belong to the clinic now.", "success")
        return redirect(url_for("clinics.clinic", clinic_id=clinic_id), code=303)
    invitation = queries.invitation(token, at=clock.now())
    return render_template(
        "clinics/invitation.html",
        form=form,
        invitation=invitation,
        is_theirs=invitation.email == me().email,
        role_words=ROLE_WORDS[invitation.role],
    )


@bp.route("/clinics/<uuid:clinic_id>/members/<uuid:user_id>", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE, weighty=Weighty.CHANGE_MEMBERS)
def member(clinic_id: UUID, user_id: UUID) -> ResponseReturnValue:
    """Give a member another role, or see how to end the membership."""
    own_role = queries.require_role(user_id=me().id, clinic_id=clinic_id)
    person = queries.member(clinic_id=clinic_id, user_id=user_id)
    form = RoleForm(data={"role": person.role.value})
    form.role.choices = _choices(own_role)
    if form.validate_on_submit():
        service.change_role(
            clinic_id=clinic_id,
            actor_id=me().id,
            user_id=user_id,
            role=ClinicRole(form.role.data),
            at=clock.now(),
        )
        flash(f"{person.name} is {form.role.data} now.", "success")
        return redirect(url_for("clinics.clinic", clinic_id=clinic_id), code=303)
    return _member_page(clinic_id, user_id, role=form)


@bp.post("/clinics/<uuid:clinic_id>/members/<uuid:user_id>/last-day")
@requires(Permission.CLINIC_MANAGE, weighty=Weighty.CHANGE_MEMBERS)
def last_day(clinic_id: UUID, user_id: UUID) -> ResponseReturnValue:
    """Set the last day of a membership, one's own or another's."""
    form = LastDayForm()
    if form.validate_on_submit():
        with applied(form):
            assert form.last_day.data is not None  # InputRequired saw to it.
            service.end_on(
                clinic_id=clinic_id, actor_id=me().id, user_id=user_id, last_day=form.last_day.data, at=clock.now()
            )
            flash("The last day is written down. The membership ends with it.", "success")
            return redirect(url_for("clinics.clinic", clinic_id=clinic_id), code=303)
    return _member_page(clinic_id, user_id, last_day=form)


@bp.post("/clinics/<uuid:clinic_id>/members/<uuid:user_id>/remove")
@requires(Permission.CLINIC_MANAGE, weighty=Weighty.CHANGE_MEMBERS)
def remove_member(clinic_id: UUID, user_id: UUID) -> ResponseReturnValue:
    """End a membership, one's own or another's."""
    service.remove_member(clinic_id=clinic_id, actor_id=me().id, user_id=user_id, at=clock.now())
    if user_id == me().id:
        flash("You have left the clinic.", "success")
        return redirect(url_for("clinics.index"), code=303)
    flash("The membership has ended.", "success")
    return redirect(url_for("clinics.clinic", clinic_id=clinic_id), code=303)


@bp.route("/clinics/<uuid:clinic_id>/limit", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE, weighty=Weighty.LIMIT_PURCHASES)
def limit(clinic_id: UUID) -> ResponseReturnValue:
    """Set above which price a second person approves what the clinic buys."""
    queries.require_role(user_id=me().id, clinic_id=clinic_id, roles=OWNERS)
    facts = queries.clinic(clinic_id)
    form = LimitForm(data={"limit": str(facts.purchase_limit) if facts.purchase_limit is not None else ""})
    if form.validate_on_submit():
        with applied(form):
            service.limit_purchases(clinic_id=clinic_id, actor_id=me().id, limit=amount(form.limit), at=clock.now())
            flash("The limit is set. Orders from now on keep to it.", "success")
            return redirect(url_for("clinics.clinic", clinic_id=clinic_id), code=303)
    return render_template("clinics/limit.html", form=form, clinic=facts), form.http_status


@bp.route("/clinics/<uuid:clinic_id>/sell", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE)
def sell(clinic_id: UUID) -> ResponseReturnValue:
    """Ask staff to look at the clinic as a seller."""
    queries.require_role(user_id=me().id, clinic_id=clinic_id, roles=MANAGERS)
    facts = queries.clinic(clinic_id)
    form = SellForm(data={"basis": facts.seller_basis, "statement": facts.seller_statement})
    if form.validate_on_submit():
        with applied(form):
            service.ask_for_seller_standing(
                clinic_id=clinic_id,
                actor_id=me().id,
                basis=SellerBasis(form.basis.data),
                statement=form.statement.data or "",
                at=clock.now(),
            )
            flash("We are looking at it. Those who run the clinic will get a mail.", "success")
            return redirect(url_for("clinics.clinic", clinic_id=clinic_id), code=303)
    return render_template("clinics/sell.html", form=form, clinic=facts), form.http_status


def _member_page(clinic_id: UUID, user_id: UUID, **sent_back: Form) -> ResponseReturnValue:
    own_role = queries.require_role(user_id=me().id, clinic_id=clinic_id)
    person = queries.member(clinic_id=clinic_id, user_id=user_id)
    role = RoleForm(formdata=None, data={"role": person.role.value})
    role.role.choices = _choices(own_role)
    forms: dict[str, Form] = {
        "role": role,
        "last_day": LastDayForm(formdata=None, data={"last_day": person.ends_on}),
        **sent_back,
    }
    return render_template(
        "clinics/member.html",
        forms=forms,
        clinic=queries.clinic(clinic_id),
        member=person,
        is_self=user_id == me().id,
        may_change=person.role in IN_THE_HANDS_OF[own_role],
        helps=ROLE_WORDS,
    ), max(form.http_status for form in forms.values())


def _choices(own_role: ClinicRole) -> dict[str, str]:
    """Return the roles that somebody of `own_role` may give, in the order of the vocabulary."""
    return {role.value: role.value.capitalize() for role in ClinicRole if role in IN_THE_HANDS_OF[own_role]}
