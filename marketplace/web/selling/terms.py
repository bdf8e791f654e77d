"""Step: what the maker asks, what the buyer is promised, and the price."""

from uuid import UUID

from flask import current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, StringField
from wtforms.validators import Length, Optional

from ...accounts.access import Permission
from ...config import Settings
from ...kernel.money import Money
from ...listings import drafting
from ...listings.possible import Assurance
from ...listings.terms import Recertification, Warranty
from ...payments.amounts import Rate, split
from ..access import me, requires
from ..forms import Form, NeededBeforeReview, amount, applied
from ..options import options
from ..unit import RECERTIFICATIONS, WARRANTIES
from .common import ANSWERS, LONGEST_LINE, STEPS, WHOLE, answer_of, bp, mine, number, stated, with_notes


class TermsForm(Form):
    """What the maker asks, what the buyer is promised, and the price."""

    recertification = RadioField(
        "Does its maker ask a new owner for recertification?", validators=[Optional(), NeededBeforeReview()]
    )
    recertification_quote = StringField("The maker’s quote for it", validators=[Length(max=30)])
    warranty = RadioField("Which warranty does the buyer get?", validators=[Optional(), NeededBeforeReview()])
    warranty_months = StringField("Months that are left of it", validators=[Length(max=4), WHOLE])
    warranty_transferable = RadioField("Does it go with the device to a new owner?", validators=[Optional()])
    warranty_provider = StringField("Who gives it", validators=[Length(max=LONGEST_LINE)])
    training_included = RadioField("Is training included?", validators=[Optional()])
    price = StringField("Asking price", validators=[NeededBeforeReview(), Length(max=30)])


@bp.route("/sell/<uuid:listing_id>/terms", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def terms(listing_id: UUID) -> ResponseReturnValue:
    """Say what the maker asks and what the buyer is promised, and name the price."""
    facts = mine(listing_id)
    form = TermsForm(
        recertification=facts.recertification,
        recertification_quote=str(facts.recertification_quote or ""),
        warranty=facts.warranty,
        warranty_months=str(facts.warranty_months or ""),
        warranty_transferable=answer_of(facts.warranty_transferable),
        warranty_provider=facts.warranty_provider,
        training_included=answer_of(facts.training_included),
        price=str(facts.price or ""),
    )
    form.warranty.choices = options(WARRANTIES.items())
    form.warranty_transferable.choices = options(ANSWERS)
    form.training_included.choices = options(ANSWERS)
    form.recertification.choices = options(RECERTIFICATIONS.items())
    if form.validate_on_submit():
        with applied(form):
            drafting.describe_terms(
                listing_id=listing_id,
                actor_id=me().id,
                recertification=Recertification(form.recertification.data) if form.recertification.data else None,
                recertification_quote=amount(form.recertification_quote),
                price=amount(form.price),
                warranty=_warranty(form),
                training_included=stated(form.training_included.data),
            )
            return redirect(url_for("selling.pictures", listing_id=listing_id), code=303)
    with_notes(form, facts, "terms")
    return render_template(
        "selling/terms.html", form=form, listing=facts, steps=STEPS, fee=fee_words(facts.price)
    ), form.http_status


def fee_words(price: Money | None) -> str:
    """Say what we keep of a price, and what the seller gets of theirs."""
    settings: Settings = current_app.extensions["second_light_settings"]
    rate = Rate(settings.platform_fee_bps, Money(settings.platform_fee_least_minor))
    least = f", {rate.least} at least" if rate.least.minor else ""
    said = f"When it is sold we keep {rate.bps / 100:g} % of the price{least}; nothing before that."
    return said if price is None else f"{said} Of {price} you get {split(price, rate).payout}."


def _warranty(form: TermsForm) -> Assurance | None:
    if not form.warranty.data:
        return None
    kind = Warranty(form.warranty.data)
    if kind is Warranty.NONE:
        # The questions below it are about a warranty there is: what was left standing in them says nothing.
        return Assurance(kind)
    return Assurance(
        kind,
        months=number(form.warranty_months),
        transferable=stated(form.warranty_transferable.data),
        provider=form.warranty_provider.data or "",
    )
