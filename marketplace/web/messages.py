"""What the two sides of an order write to each other."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ..accounts.access import Permission
from ..extensions import limiter
from ..kernel import clock
from ..messages import service
from ..messages.access import Speaker
from ..orders import views
from .access import by_person, me, requires
from .forms import applied
from .writing import WritingForm

bp = Blueprint("messages", __name__)

WHO: dict[Speaker, str] = {
    Speaker.BUYER: "The buyer",
    Speaker.SELLER: "The seller",
    Speaker.STAFF: "Second Light",
}
"""How each side is called."""


@bp.route("/orders/<uuid:order_id>/messages", methods=["GET", "POST"])
@requires(Permission.MESSAGE_WRITE)
@limiter.limit("60 per hour", key_func=by_person, methods=["POST"])
def thread(order_id: UUID) -> ResponseReturnValue:
    """Read what was written about an order, and write to the other side."""
    at = clock.now()
    found = service.read(order_id=order_id, user_id=me().id, at=at)
    form, preview = WritingForm(), None
    if form.validate_on_submit():
        # Once the payment is held nothing is hidden any more, so there is nothing to show before it is sent.
        preview = None if found.contact_is_shared else form.to_be_seen()
        if preview is None:
            with applied(form):
                service.write(order_id=order_id, actor_id=me().id, words=form.words.data or "", at=at)
                flash("It was sent.", "success")
                return redirect(url_for(".thread", order_id=order_id), code=303)
    page = render_template(
        "messages/thread.html",
        order=views.order_for(order_id, user_id=me().id),
        thread=found,
        who=WHO,
        form=form,
        preview=preview,
        longest=service.LONGEST,
    )
    return page, form.http_status
