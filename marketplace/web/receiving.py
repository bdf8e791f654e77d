"""The device has come: the buyer says so, and who signed for it."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField
from wtforms.validators import Length

from ..accounts.access import Permission
from ..clinics import queries as clinics
from ..kernel import clock
from ..orders import service, views
from ..orders.access import Act
from ..orders.receiving import LONGEST_NAME, Signer
from .access import me, requires
from .forms import Form, applied

bp = Blueprint("receiving", __name__)

SOMEBODY_ELSE = "else"


class ArrivalForm(Form):
    """Who signed for the device: one of the clinic's people, or a name."""

    member = SelectField("Who signed for it?", choices=())
    name = StringField("Their name", validators=[Length(max=LONGEST_NAME)])

    @property
    def signer(self) -> Signer:
        """Return who was chosen; a name counts only where nobody of the clinic is."""
        if self.member.data == SOMEBODY_ELSE:
            return Signer(name=self.name.data or "")
        return Signer(member_id=UUID(self.member.data))


@bp.route("/orders/<uuid:order_id>/arrival", methods=["GET", "POST"])
@requires(Permission.ORDER_PLACE)
def arrival(order_id: UUID) -> ResponseReturnValue:
    """Ask who signed for the device, and say that it has arrived."""
    seen = views.order_for(order_id, user_id=me().id)
    if seen.buyer is None or Act.REPORT_ARRIVAL not in seen.acts:
        if request.method == "POST":  # Refused with the reason: another's act, or not its time.
            service.report_arrival(order_id=order_id, actor_id=me().id, signer=Signer(), at=clock.now())
        return redirect(url_for("buying.order", order_id=order_id), code=303)
    form = ArrivalForm()
    people = [(str(one.user_id), one.name) for one in clinics.members_of(seen.buyer.clinic_id)]
    form.member.choices = [*people, (SOMEBODY_ELSE, "somebody else")]
    if form.member.data is None:
        form.member.data = str(me().id)
    if form.validate_on_submit():
        with applied(form):
            service.report_arrival(order_id=order_id, actor_id=me().id, signer=form.signer, at=clock.now())
            flash("Thank you. Look the device over; accept it when it is what was described.", "success")
            return redirect(url_for("buying.order", order_id=order_id), code=303)
    return render_template("buying/arrival.html", order=seen, form=form), form.http_status
