"""Where no rule speaks: a clinic asks our staff to look at one purchase, and reads what became of it."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField, TextAreaField
from wtforms.validators import InputRequired, Length

from ..accounts import queries as accounts
from ..accounts.access import Permission
from ..clinics import queries as clinics
from ..eligibility import reviews
from ..kernel import clock
from ..kernel.errors import NotFound
from ..kernel.terms import STATES, ProcedureClass
from ..listings import queries as listings
from . import standpoint
from .access import me, requires
from .forms import Form, applied

bp = Blueprint("rule_reviews", __name__, url_prefix="/rule-reviews")


class QuestionForm(Form):
    """Which purchase it is about, and why the asker believes that it is lawful."""

    operator = SelectField("The physician who will operate and order it")
    question = TextAreaField(
        "Why do you believe it is lawful there?",
        validators=[InputRequired("Say why you believe it is lawful there."), Length(max=reviews.LONGEST_TEXT)],
    )


@bp.get("")
@requires(Permission.ORDER_READ)
def mine() -> ResponseReturnValue:
    """List what the reader has asked."""
    return render_template("rule_reviews/mine.html", found=reviews.asked_by(me().id), states=STATES)


@bp.route("/ask", methods=["GET", "POST"])
@requires(Permission.ORDER_PLACE)
def ask() -> ResponseReturnValue:
    """Ask for a review of one procedure, for one device and one site."""
    procedure = request.args.get("procedure", type=ProcedureClass)
    listing_id = request.args.get("listing", type=UUID)
    if procedure is None or listing_id is None:
        raise NotFound("A review is about a device and a procedure.", cure="Ask from the page of the device.")
    place = request.args.get("place")
    sites = [site for site in standpoint.sites() if place in (None, site.state)]
    device, site = listings.on_display(listing_id), standpoint.chosen(sites)
    if site is None:
        raise NotFound("You have no site there to use a device at.", cure="Add a site to your clinic first.")
    form = QuestionForm()
    form.operator.choices = {str(one.user_id): one.name for one in clinics.members_of(site.clinic_id)}
    if form.validate_on_submit():
        with applied(form):
            review_id = reviews.ask(
                actor_id=me().id,
                sale=listings.sale_of(listing_id),
                site_id=site.id,
                operator_id=UUID(form.operator.data),
                procedure=procedure,
                question=form.question.data or "",
                at=clock.now(),
            )
            flash("Asked. Two members of our staff look at it; you hear by mail.", "success")
            return redirect(url_for("rule_reviews.one", review_id=review_id), code=303)
    return render_template(
        "rule_reviews/ask.html", device=device, site=site, procedure=procedure, place=STATES[site.state], form=form
    ), form.http_status


@bp.get("/<uuid:review_id>")
@requires(Permission.ORDER_READ)
def one(review_id: UUID) -> ResponseReturnValue:
    """Show one question and what became of it."""
    found = reviews.own(review_id, user_id=me().id)
    return render_template(
        "rule_reviews/one.html",
        review=found,
        device=listings.listing(found.listing_id),
        place=STATES[found.place],
        operator=accounts.person(found.operator_id).name,
    )


@bp.post("/<uuid:review_id>/withdraw")
@requires(Permission.ORDER_PLACE)
def withdraw(review_id: UUID) -> ResponseReturnValue:
    """Take a question back."""
    reviews.withdraw(review_id=review_id, actor_id=me().id, at=clock.now())
    flash("The question is taken back.", "success")
    return redirect(url_for("rule_reviews.one", review_id=review_id), code=303)
