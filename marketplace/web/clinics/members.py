"""Who belongs to a clinic as what: invitations, roles, last days."""

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, RadioField, StringField
from wtforms.validators import InputRequired, Optional

from ...accounts.access import Permission, Weighty
from ...clinics import queries, service
from ...clinics.access import IN_THE_HANDS_OF, MANAGERS
from ...extensions import limiter
from ...kernel import clock
from ...kernel.terms import ClinicRole
from ..access import me, requires
from ..forms import Form, applied
from .common import bp

ROLE_WORDS = {
    ClinicRole.OWNER: "Runs the clinic, with everything that belongs to it.",
    ClinicRole.MANAGER: "Runs the clinic day by day: sites, colleagues, buying and selling.",
    ClinicRole.TECHNICIAN: "Operates devices, with licences and certificates of their own.",
    ClinicRole.PRACTITIONER: "Holds a prescriber's licence, and orders devices or supervises their use.",
}


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
