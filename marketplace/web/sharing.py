"""Show a reseller what you may buy: sharing codes of one's own, and every question that was asked with them."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, SelectField
from wtforms.validators import InputRequired

from ..accounts.access import Permission
from ..clinics import queries as clinics
from ..extensions import limiter
from ..kernel import clock
from ..kernel.terms import STATES
from ..partners import queries, sharing
from .access import by_person, me, requires
from .forms import Form, applied
from .options import options

bp = Blueprint("sharing", __name__, url_prefix="/sharing")


class GiveForm(Form):
    """Who may ask, for which place, for how long."""

    partner_id = SelectField("Who may ask", validators=[InputRequired("Choose the reseller.")])
    site_id = SelectField("For which site", validators=[InputRequired("Choose the site.")])
    days = RadioField("For how long", validators=[InputRequired("Choose how long.")])


@bp.route("", methods=["GET", "POST"])
@requires(Permission.SHARING_GIVE)
@limiter.limit("20 per hour", key_func=by_person, methods=["POST"])
def mine() -> ResponseReturnValue:
    """List the codes that the reader gave; give one more, which is shown this once."""
    at = clock.now()
    form = GiveForm(data={"days": "30"})
    partners, sites = queries.choice(), clinics.sites_of_person(me().id)
    form.partner_id.choices = options((str(partner_id), name) for partner_id, name in partners)
    form.site_id.choices = options(
        (str(site.id), f"{site.clinic_name}: {site.name}, {STATES[site.state]}") for site in sites
    )
    form.days.choices = options((str(days), f"{days} days") for days in sharing.DAYS)
    if form.validate_on_submit():
        with applied(form):
            partner_id, days = UUID(form.partner_id.data), int(form.days.data)
            code = sharing.give(
                person_id=me().id, partner_id=partner_id, site_id=UUID(form.site_id.data), days=days, at=at
            )
            return render_template("sharing/given.html", code=code, partner=dict(partners)[partner_id], days=days)
    return render_template(
        "sharing/mine.html", form=form, offers=bool(partners and sites), sites=sites, codes=_codes(), at=at
    ), form.http_status


@bp.get("/<uuid:sharing_id>")
@requires(Permission.SHARING_READ)
def one(sharing_id: UUID) -> ResponseReturnValue:
    """Show a code to its person: everything that was asked with it, and what its partner was told."""
    code = queries.shared(sharing_id, person_id=me().id)
    page = max(1, request.args.get("page", 1, type=int))
    return render_template(
        "sharing/one.html",
        code=code,
        living=code.is_living(clock.now()),
        asked=queries.asked_with(sharing_id, page=page),
        page=page,
        more=code.asked > page * queries.PER_PAGE,
        states=STATES,
    )


@bp.post("/<uuid:sharing_id>/revoke")
@requires(Permission.SHARING_GIVE)
def revoke(sharing_id: UUID) -> ResponseReturnValue:
    """Take a code back, at once."""
    sharing.revoke(sharing_id=sharing_id, person_id=me().id, at=clock.now())
    flash("The code is taken back: from now on it lets nobody ask.", "success")
    return redirect(url_for(".mine"), code=303)


def _codes() -> list[queries.Shared]:
    return queries.shared_by(me().id)
