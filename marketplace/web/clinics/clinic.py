"""The clinic itself: founding it, its page, the limit of its purchases, and its standing as a seller."""

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission, Weighty
from ...clinics import queries, service
from ...clinics.access import IN_THE_HANDS_OF, MANAGERS, OWNERS
from ...clinics.policy import LONGEST_TEXT, ZONES
from ...clinics.states import SellerBasis
from ...kernel import clock
from ...kernel.terms import STATES
from ..access import me, requires
from ..forms import Form, amount, applied
from .common import LINE, bp


class FoundForm(Form):
    """What a clinic is called."""

    name = StringField("Name of the clinic", validators=[InputRequired("Write what people call the clinic."), LINE])
    legal_name = StringField("Legal name", validators=[InputRequired("Write the name on its registration."), LINE])


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
    at, facts = clock.now(), queries.clinic(clinic_id)
    return render_template(
        "clinics/clinic.html",
        clinic=facts,
        limit=facts.limit_at(at),
        limit_waits=facts.purchase_limit_then_at is not None and facts.purchase_limit_then_at > at,
        sites=queries.sites_of(clinic_id),
        members={member.user_id: member for member in queries.members_of(clinic_id)},
        invitations=queries.invitations_of(clinic_id, at=at) if manages else [],
        own_role=own_role,
        manages=manages,
        owns=own_role in OWNERS,
        in_hand=IN_THE_HANDS_OF[own_role],
        states=STATES,
        zones=ZONES,
    )


@bp.route("/clinics/<uuid:clinic_id>/limit", methods=["GET", "POST"])
@requires(Permission.CLINIC_MANAGE, weighty=Weighty.LIMIT_PURCHASES)
def limit(clinic_id: UUID) -> ResponseReturnValue:
    """Set above which price a second person approves what the clinic buys."""
    queries.require_role(user_id=me().id, clinic_id=clinic_id, roles=OWNERS)
    facts = queries.clinic(clinic_id)
    now = facts.limit_at(clock.now())
    form = LimitForm(data={"limit": str(now) if now is not None else ""})
    if form.validate_on_submit():
        with applied(form):
            at = clock.now()
            since = service.limit_purchases(clinic_id=clinic_id, actor_id=me().id, limit=amount(form.limit), at=at)
            if since > at:
                flash("It counts in 24 hours. Everybody else who runs the clinic was told.", "success")
            else:
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
