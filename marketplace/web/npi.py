"""A person's National Provider Identifier, by which nobody of the same name is taken for them."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import Length

from ..accounts.access import Permission
from ..credentials import enumeration, service
from ..kernel import clock
from .access import me, requires
from .forms import Form, applied

bp = Blueprint("npi", __name__)


class NpiForm(Form):
    """Ten digits, or nothing."""

    npi = StringField("NPI", validators=[Length(max=20)])


@bp.get("/credentials/npi")
@requires(Permission.CREDENTIAL_READ)
def npi() -> ResponseReturnValue:
    """Show the number that the person stated."""
    return render_template("npi/npi.html", form=NpiForm(data={"npi": enumeration.npi_of(me().id)}))


@bp.post("/credentials/npi")
@requires(Permission.CREDENTIAL_SUBMIT)
def state_npi() -> ResponseReturnValue:
    """Keep the number that the person states, or take it back."""
    form = NpiForm()
    if form.validate_on_submit():
        with applied(form):
            service.state_npi(user_id=me().id, npi=form.npi.data or "", at=clock.now())
            flash("Kept." if form.npi.data else "Taken back.", "success")
            return redirect(url_for("credentials.mine"), code=303)
    return render_template("npi/npi.html", form=form), form.http_status
