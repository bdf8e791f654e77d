"""Sellers as everybody sees them, and what buyers say of their sales: written once, answered once."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, TextAreaField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission
from ..kernel import clock
from ..kernel.errors import NotFound
from ..kernel.terms import STATES
from ..orders import views
from ..reviews import queries, service, standing
from . import guide, language
from .access import me, public, requires
from .forms import Form, applied
from .language import in_every_language
from .options import options

bp = Blueprint("sellers", __name__)

RATINGS = (
    ("5", "5: everything was as described"),
    ("4", "4: good, with a small thing"),
    ("3", "3: neither good nor bad"),
    ("2", "2: poor"),
    ("1", "1: I would not buy from them again"),
)


class ReviewForm(Form):
    """How a sale went."""

    rating = RadioField(
        "How did it go?", choices=options(RATINGS), validators=[InputRequired("Choose from one to five.")]
    )
    words = TextAreaField(
        "What others should know", validators=[InputRequired("Say it in a few sentences."), Length(max=2000)]
    )


class AnswerForm(Form):
    """What the seller says to it."""

    words = TextAreaField("Your answer", validators=[InputRequired("Say something first."), Length(max=2000)])


@bp.get("/sellers/<uuid:clinic_id>")
@public
@in_every_language
def seller(clinic_id: UUID) -> ResponseReturnValue:
    """Show a clinic as a seller: its badge with all that it asks for, what buyers said, what it sold and sells."""
    found = queries.seller(clinic_id, at=clock.now())
    return render_template(
        "sellers/seller.html",
        seller=found,
        figure=found.figure.told(language),
        criteria=standing.criteria(found.history, language),
        earned=standing.earned(found.history),
        years=standing.LOOKED_BACK.days // 365,
        states=STATES,
        canonical=guide.canonical(),
    )


@bp.route("/orders/<uuid:order_id>/review", methods=["GET", "POST"])
@requires(Permission.ORDER_PLACE)
def write(order_id: UUID) -> ResponseReturnValue:
    """Say how a sale went, as its buyer; afterwards show what was said."""
    order = views.order_for(order_id, user_id=me().id)
    said = queries.of_order(order_id)
    form = ReviewForm()
    if form.validate_on_submit():
        with applied(form):
            service.write(
                order_id=order_id,
                actor_id=me().id,
                rating=int(form.rating.data),
                words=form.words.data or "",
                at=clock.now(),
            )
            flash("Thank you. It stands on the seller’s page.", "success")
            return redirect(url_for(".write", order_id=order_id), code=303)
    if said is None and not service.may_write(order_id=order_id, actor_id=me().id):
        raise NotFound("There is nothing to say of this sale yet.", cure="Its buyer can once the device is accepted.")
    return render_template("sellers/write.html", order=order, said=said, form=form), form.http_status


@bp.get("/sales/reviews")
@requires(Permission.ORDER_READ)
def of_us() -> ResponseReturnValue:
    """Show what was said of the reader's clinics, with a place to answer."""
    return _of_us(AnswerForm(formdata=None))


@bp.post("/reviews/<uuid:word_id>/answer")
@requires(Permission.ORDER_FULFIL)
def answer(word_id: UUID) -> ResponseReturnValue:
    """Answer a review, once."""
    form = AnswerForm()
    if form.validate_on_submit():
        with applied(form):
            service.answer(review_id=word_id, actor_id=me().id, words=form.words.data or "", at=clock.now())
            flash("Your answer stands below it for everybody.", "success")
            return redirect(url_for(".of_us"), code=303)
    return _of_us(form)


def _of_us(form: AnswerForm) -> ResponseReturnValue:
    page = render_template("sellers/of_us.html", reviews=queries.of_sellers(me().id), form=form, states=STATES)
    return page, form.http_status
