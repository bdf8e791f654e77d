"""The security of one's own account: second factor, recovery codes, sessions, and what was recorded lately."""

import segno
from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from .. import audit
from ..accounts import factors, queries
from ..accounts.access import Permission, Weighty
from ..kernel import clock
from .access import lacks_second_factor, me, requires
from .account import CodeForm, guesses
from .forms import Form, applied

bp = Blueprint("second_factor", __name__, url_prefix="/account/security")

_SHOWN = 20
EVENTS = {
    "account:signed_in": "Signed in",
    "account:signed_out": "Signed out",
    "account:confirmed": "Confirmed that it is you",
    "account:sessions_ended": "Sessions ended",
    "account:password_changed": "Password changed",
    "account:password_reset": "New password by a mailed link",
    "account:password_set_by_command": "Password set by our staff",
    "account:reset_requested": "Link for a new password asked for",
    "account:sign_in_disowned": "Sign-in disowned by a mailed link",
    "account:email_confirmed": "E-mail address confirmed",
    "account:email_change_asked": "Change of the e-mail address asked for",
    "account:email_change_withdrawn": "Change of the e-mail address withdrawn",
    "account:email_changed": "E-mail address changed",
    "account:email_change_objected": "Change of the e-mail address undone by a mailed link",
    "account:second_factor_on": "Second factor turned on",
    "account:second_factor_off": "Second factor turned off",
    "account:second_factor_forgotten_by_command": "Second factor taken away by our staff",
    "account:recovery_codes_made": "New recovery codes made",
    "account:recovery_code_used": "Recovery code used",
    "account:data_taken": "What is held about you was taken along",
}
"""What of the audit trail its own person reads, in words."""


class TurnOffForm(Form):
    """Both, so that neither a found telephone nor a guessed password is enough."""

    password = PasswordField("Password", validators=[InputRequired("Write your password.")])
    code = StringField("Code", validators=[InputRequired("Write the code."), Length(max=40)])


@bp.get("")
@requires(Permission.ACCOUNT_READ)
def page() -> ResponseReturnValue:
    """Show how the account is secured, where it is signed in, and what happened lately."""
    at = clock.now()
    events = audit.newest(audit.Wanted(subject_type="user", subject_id=me().id), limit=_SHOWN)
    return render_template(
        "account/security.html",
        sessions=queries.sessions_of(me().id, at=at),
        codes_left=factors.recovery_codes_left(me().id),
        events=[(EVENTS[event.kind], event.at) for event in events if event.kind in EVENTS],
        demanded=lacks_second_factor(me()),
        form=Form(),
    )


@bp.post("/second-factor")
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.CHANGE_SECOND_FACTOR)
def begin() -> ResponseReturnValue:
    """Make a secret and show it, to be scanned."""
    factors.begin(user_id=me().id, at=clock.now())
    return _setting_up(CodeForm(formdata=None))


@bp.post("/second-factor/on")
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.CHANGE_SECOND_FACTOR)
@guesses
def turn_on() -> ResponseReturnValue:
    """Take the first code, and show the recovery codes, once."""
    form = CodeForm()
    if form.validate_on_submit():
        with applied(form):
            codes = factors.turn_on(user_id=me().id, code=form.code.data or "", at=clock.now())
            return render_template("account/recovery_codes.html", codes=codes, is_new=True)
    return _setting_up(form)


@bp.post("/recovery-codes")
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.CHANGE_SECOND_FACTOR)
def recovery_codes() -> ResponseReturnValue:
    """Make new recovery codes and show them, once."""
    codes = factors.new_recovery_codes(user_id=me().id, at=clock.now())
    return render_template("account/recovery_codes.html", codes=codes, is_new=False)


@bp.route("/second-factor/off", methods=["GET", "POST"])
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.TURN_OFF_SECOND_FACTOR)
@guesses
def turn_off() -> ResponseReturnValue:
    """Turn the second factor off, with password and code."""
    form = TurnOffForm()
    if form.validate_on_submit():
        with applied(form):
            factors.turn_off(
                user_id=me().id, password=form.password.data or "", code=form.code.data or "", at=clock.now()
            )
            flash("Your second factor is off. We have told you so by mail.", "success")
            return redirect(url_for(".page"), code=303)
    return render_template("account/turn_off.html", form=form), form.http_status


def _setting_up(form: CodeForm) -> ResponseReturnValue:
    setup = factors.under_way(me().id)
    picture = segno.make(setup.address, error="m", micro=False).svg_data_uri(scale=5, border=4, light="#fff")
    secret = " ".join(setup.secret[start : start + 4] for start in range(0, len(setup.secret), 4))
    return render_template("account/set_up.html", form=form, picture=picture, secret=secret), form.http_status
