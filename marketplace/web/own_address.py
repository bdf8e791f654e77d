"""Changing one's own address: asked for here, proved from the new mailbox, undone from the old one."""

from flask import Blueprint, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from ..accounts import addresses
from ..accounts.access import Permission, Weighty
from ..accounts.policy import LONGEST_EMAIL
from ..extensions import limiter
from ..kernel import clock
from ..kernel.wording import gettext_noop
from .access import by_person, me, public, requires
from .forms import Form, applied

bp = Blueprint("own_address", __name__)


class AddressForm(Form):
    """Where the person wants to be written to from now on."""

    email = StringField(
        "New e-mail address", validators=[InputRequired("Write your new e-mail address."), Length(max=LONGEST_EMAIL)]
    )


@bp.route("/account/address", methods=["GET", "POST"])
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.CHANGE_EMAIL)
@limiter.limit("3 per 6 hours", key_func=by_person, methods=["POST"])
def change() -> ResponseReturnValue:
    """Ask for a change of the address. What follows looks the same whether or not the new one was known."""
    form = AddressForm()
    if form.validate_on_submit():
        with applied(form):
            addresses.ask(user_id=me().id, email=form.email.data or "", at=clock.now())
            flash("A link is on its way to the new address. Nothing changes before you have followed it.", "success")
            return redirect(url_for("account.home"), code=303)
    return render_template("account/change_address.html", form=form), form.http_status


@bp.post("/account/address/withdraw")
@requires(Permission.ACCOUNT_MANAGE)
def withdraw() -> ResponseReturnValue:
    """Let the address be as it is."""
    addresses.withdraw(user_id=me().id, at=clock.now())
    flash("Your address stays as it is; the link that we sent leads nowhere now.", "success")
    return redirect(url_for("account.home"), code=303)


@bp.route("/account/address/<token>", methods=["GET", "POST"])
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.CHANGE_EMAIL)
def move(token: str) -> ResponseReturnValue:
    """Show a button to the person who is signed in, and change the address when it is pressed."""
    form = Form()
    if form.validate_on_submit():
        addresses.move(token=token, user_id=me().id, session_id=me().session_id, at=clock.now())
        flash("Your address is changed. Everywhere else you are signed out.", "success")
        return redirect(url_for("account.home"), code=303)
    address = addresses.awaited(token, user_id=me().id, at=clock.now())
    return render_template("account/move_address.html", form=form, address=address)


@bp.route("/not-my-address/<token>", methods=["GET", "POST"])
@public
@limiter.limit("20 per hour", methods=["POST"])
def object_to(token: str) -> ResponseReturnValue:
    """Show a button, and undo the change and shut the account when it is pressed; then ask for a new password."""
    form = Form()
    if form.validate_on_submit():
        right = addresses.object_to(token=token, at=clock.now())
        session.clear()
        if right is None:
            flash(
                gettext_noop("The account is yours again, and shut. An administrator sets a new password for you."),
                "success",
            )
            return redirect(url_for("account.sign_in"), code=303)
        flash(
            gettext_noop("The account has your address, and the old password opens nothing. Now choose a new one."),
            "success",
        )
        return redirect(url_for("account.reset_password", token=right), code=303)
    change = addresses.contested(token, at=clock.now())
    return render_template("account/object_to_address.html", form=form, change=change)
