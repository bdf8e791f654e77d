"""What people want arranged around a device: financing it, handing one in, having one sold."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from ..accounts.access import Permission
from ..clinics import queries as clinics
from ..extensions import limiter
from ..kernel import clock
from ..leads import queries, service
from ..leads.service import HandedIn
from ..leads.states import LEAD, LeadEvent, LeadKind, LeadState
from ..listings import queries as listings
from . import standpoint
from .access import by_person, me, public, requires
from .forms import Form, amount, applied
from .options import options

bp = Blueprint("leads", __name__)

KIND_WORDS = {
    LeadKind.FINANCE: "Financing",
    LeadKind.TRADE_IN: "Trade-in",
    LeadKind.BROKERAGE: "Sale through a broker",
    LeadKind.CONSIGNMENT: "Consignment",
}
HAND_IN = {
    LeadKind.TRADE_IN: "A dealer takes it in, for money or towards another device.",
    LeadKind.BROKERAGE: "It stays with you; a broker finds the buyer.",
    LeadKind.CONSIGNMENT: "It goes to a dealer, who sells it for you.",
}
STATE_WORDS: dict[LeadState, tuple[str, str]] = {
    LeadState.OPEN: ("not_yet", "our staff look for a partner"),
    LeadState.PROPOSED: ("not_yet", "a partner is proposed"),
    LeadState.HANDED_ON: ("yes", "handed on"),
    LeadState.CLOSED: ("quiet", "closed"),
    LeadState.WITHDRAWN: ("quiet", "taken back"),
}


class FinanceForm(Form):
    """What somebody wants financed, and for which site."""

    site_id = SelectField("Site", validators=[InputRequired("Choose the site.")])
    amount = StringField("Amount to be financed", validators=[InputRequired("Name the amount."), Length(max=30)])
    months = IntegerField("Months over which you would pay", validators=[Optional()])
    words = TextAreaField("What a lender should know", validators=[Length(max=2000)])


class HandInForm(Form):
    """Which device somebody wants to hand in or have sold, and how."""

    kind = RadioField("What you want", validators=[InputRequired("Choose what you want.")])
    clinic_id = SelectField("Whose device it is", validators=[InputRequired("Choose the clinic.")])
    device = StringField("Which device", validators=[InputRequired("Say which device it is."), Length(max=200)])
    amount = StringField("What you hope for", validators=[Length(max=30)])
    words = TextAreaField("What else matters", validators=[Length(max=2000)])


@bp.get("/arrangements")
@public
def about() -> ResponseReturnValue:
    """Say what can be arranged here, and what the house does and does not do about it."""
    return render_template("leads/about.html", kinds=HAND_IN, words=KIND_WORDS)


@bp.route("/devices/<uuid:listing_id>/finance", methods=["GET", "POST"])
@requires(Permission.LEAD_ASK)
@limiter.limit("20 per hour", key_func=by_person, methods=["POST"])
def finance(listing_id: UUID) -> ResponseReturnValue:
    """Ask for a device to be financed; the page says what the gate answers meanwhile."""
    device = listings.on_display(listing_id)
    here, sites = standpoint.to_buy_from(device.clinic_id)
    if here is None:
        return render_template("buying/no_site.html", device=device)
    form = FinanceForm(data={"site_id": str(here.id), "amount": str(device.price)})
    form.site_id.choices = sites
    if form.validate_on_submit():
        with applied(form):
            asked = amount(form.amount)
            assert asked is not None, "the form demands it"
            lead_id = service.finance(
                user_id=me().id,
                listing_id=listing_id,
                site_id=UUID(form.site_id.data),
                amount=asked,
                months=form.months.data,
                words=form.words.data or "",
                at=clock.now(),
            )
            flash("Our staff look for a partner. Nobody outside hears of you before you agree to whom.", "success")
            return redirect(url_for(".one", lead_id=lead_id), code=303)
    shown = standpoint.answer_for(device, here)
    return render_template("leads/finance.html", device=device, form=form, verdict=shown), form.http_status


@bp.route("/arrangements/new", methods=["GET", "POST"])
@requires(Permission.LEAD_ASK)
@limiter.limit("20 per hour", key_func=by_person, methods=["POST"])
def new() -> ResponseReturnValue:
    """Ask for a device to be taken in or sold."""
    theirs = clinics.memberships_of(me().id)
    if not theirs:
        return render_template("leads/no_clinic.html")
    form = HandInForm()
    form.kind.choices = options((str(kind), KIND_WORDS[kind]) for kind in HAND_IN)
    form.clinic_id.choices = options((str(one.clinic_id), one.clinic_name) for one in theirs)
    if form.validate_on_submit():
        with applied(form):
            said = HandedIn(
                kind=LeadKind(form.kind.data),
                clinic_id=UUID(form.clinic_id.data),
                device=form.device.data or "",
                words=form.words.data or "",
                hoped_for=amount(form.amount),
            )
            lead_id = service.hand_in(user_id=me().id, said=said, at=clock.now())
            flash("Our staff look for a partner. Nobody outside hears of you before you agree to whom.", "success")
            return redirect(url_for(".one", lead_id=lead_id), code=303)
    helps = {str(kind): words for kind, words in HAND_IN.items()}
    return render_template("leads/new.html", form=form, helps=helps), form.http_status


@bp.get("/arrangements/mine")
@requires(Permission.LEAD_READ)
def mine() -> ResponseReturnValue:
    """List what the reader asked for."""
    return render_template("leads/mine.html", leads=queries.of_person(me().id), kinds=KIND_WORDS, words=STATE_WORDS)


@bp.get("/arrangements/<uuid:lead_id>")
@requires(Permission.LEAD_READ)
def one(lead_id: UUID) -> ResponseReturnValue:
    """Show a request to its person: who is proposed, and exactly what they would read."""
    lead = queries.own(me().id, lead_id)
    return render_template(
        "leads/one.html",
        lead=lead,
        kinds=KIND_WORDS,
        words=STATE_WORDS,
        would_read=queries.passed_on(lead, at=clock.now()) if lead.proposed else [],
        may_withdraw=LEAD.allows(lead.state, LeadEvent.WITHDRAWN),
    )


@bp.post("/arrangements/<uuid:lead_id>/answer/<any(agree, decline):way>")
@requires(Permission.LEAD_ASK)
def answer(lead_id: UUID, way: str) -> ResponseReturnValue:
    """Let the partner that is proposed have the request, or not."""
    read = request.form.get("read", -1, type=int)
    if way == "agree":
        service.agree(lead_id=lead_id, user_id=me().id, read=read, at=clock.now())
        flash("It is handed on: they write to you.", "success")
    else:
        service.decline(lead_id=lead_id, user_id=me().id, read=read, at=clock.now())
        flash("They hear nothing of you. Our staff look further.", "success")
    return redirect(url_for(".one", lead_id=lead_id), code=303)


@bp.post("/arrangements/<uuid:lead_id>/withdraw")
@requires(Permission.LEAD_ASK)
def withdraw(lead_id: UUID) -> ResponseReturnValue:
    """Take a request back."""
    service.withdraw(lead_id=lead_id, user_id=me().id, at=clock.now())
    flash("It is taken back.", "success")
    return redirect(url_for(".one", lead_id=lead_id), code=303)
