"""The person's own account: registering, signing in and out, passwords and sessions."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    Request,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from ..accounts import browsers, confirming, queries, service
from ..accounts.access import Identity, Permission, Weighty
from ..accounts.models import TokenPurpose
from ..accounts.policy import LONGEST_EMAIL, LONGEST_NAME, LONGEST_PASSWORD
from ..accounts.sessions import SignIn
from ..config import Mode
from ..extensions import limiter, login_manager
from ..kernel import clock
from ..kernel.text import normal_email
from ..kernel.wording import gettext_noop
from . import known_browsers, parking
from .access import by_person, me, public, requires
from .forms import Form, applied
from .language import in_every_language

bp = Blueprint("account", __name__)

_HALF_WAY = "half_way"
"""Under this name the cookie carries, between password and code, the token of the second step and whose it is."""


class SignInForm(Form):
    """Who is there."""

    email = StringField(
        gettext_noop("E-mail address"), validators=[InputRequired(gettext_noop("Write your e-mail address."))]
    )
    password = PasswordField(gettext_noop("Password"), validators=[InputRequired(gettext_noop("Write your password."))])


class RegisterForm(Form):
    """What an account needs."""

    name = StringField(
        gettext_noop("Your legal name"),
        validators=[InputRequired(gettext_noop("Write your name.")), Length(max=LONGEST_NAME)],
    )
    email = StringField(
        gettext_noop("E-mail address"),
        validators=[InputRequired(gettext_noop("Write your e-mail address.")), Length(max=LONGEST_EMAIL)],
    )
    password = PasswordField(gettext_noop("Password"), validators=[InputRequired(gettext_noop("Choose a password."))])


class AskResetForm(Form):
    """Whose password is forgotten."""

    email = StringField(
        gettext_noop("E-mail address"),
        validators=[InputRequired(gettext_noop("Write your e-mail address.")), Length(max=LONGEST_EMAIL)],
    )


class NewPasswordForm(Form):
    """A new password after the old one is forgotten."""

    password = PasswordField(
        gettext_noop("New password"), validators=[InputRequired(gettext_noop("Choose a password."))]
    )


class ChangePasswordForm(Form):
    """A new password by somebody who knows the old one."""

    old_password = PasswordField(
        gettext_noop("Present password"), validators=[InputRequired(gettext_noop("Write the password you use now."))]
    )
    new_password = PasswordField(
        gettext_noop("New password"), validators=[InputRequired(gettext_noop("Choose a password."))]
    )
    code = StringField(gettext_noop("Code"), validators=[Length(max=40)])


class CodeForm(Form):
    """A code of a second factor."""

    code = StringField(
        gettext_noop("Code"), validators=[InputRequired(gettext_noop("Write the code.")), Length(max=40)]
    )


class ConfirmForm(Form):
    """Whether it is still the person who signed in; `code` is asked of those who have a second factor."""

    password = PasswordField(gettext_noop("Password"), validators=[InputRequired(gettext_noop("Write your password."))])
    code = StringField(gettext_noop("Code"), validators=[Length(max=40)])


@login_manager.request_loader
def _who_is_asking(_request: Request) -> Identity | None:
    token = session.get(parking.TOKEN)
    return service.identity_of(token=token, at=clock.now()) if token else None


def _by_account() -> str:
    """Count by the account that is named, whoever asks. Only a digest is kept."""
    return "account:" + sha256(normal_email(request.form.get("email", "")).encode()).hexdigest()


def _by_whose_secret() -> str:
    """Count by the account whose secrets are tried, signed in or not."""
    _, half_way = session.get(_HALF_WAY, (None, ""))
    email = me().email if current_user.is_authenticated else request.form.get("email") or half_way
    return "account:" + sha256(normal_email(email).encode()).hexdigest()


def _failed(response: Any) -> bool:
    return bool(response.status_code == 422)


guesses = limiter.shared_limit(
    "10 per 5 minutes", scope="secrets", key_func=_by_whose_secret, methods=["POST"], deduct_when=_failed
)
"""One lock for everything by which somebody shows who they are: who is out of tries at one door is so at all."""


@bp.route("/sign-in", methods=["GET", "POST"])
@public
@in_every_language
@limiter.limit("10 per 5 minutes", methods=["POST"], deduct_when=_failed)
@guesses
def sign_in() -> ResponseReturnValue:
    """Open a session and go where the person was heading."""
    if current_user.is_authenticated:
        return redirect(_destination(), code=303)
    form = SignInForm()
    if form.validate_on_submit():
        with applied(form):
            came = service.sign_in(
                email=form.email.data or "",
                password=form.password.data or "",
                at=clock.now(),
                user_agent=request.user_agent.string,
                address=request.remote_addr or "",
                kept=known_browsers.kept(),
            )
            if isinstance(came, service.HalfWay):
                session[_HALF_WAY] = [came.token, form.email.data]
                return redirect(url_for(".sign_in_code", next=request.args.get("next")), code=303)
            _begin(came)
            return redirect(_destination(), code=303)
    return render_template("account/sign_in.html", form=form, demo_accounts=_demo_accounts()), form.http_status


@bp.route("/sign-in/code", methods=["GET", "POST"])
@public
@in_every_language
@limiter.limit("10 per 5 minutes", methods=["POST"], deduct_when=_failed)
@guesses
def sign_in_code() -> ResponseReturnValue:
    """Ask somebody whose password was right for a code as well, and open the session."""
    if current_user.is_authenticated:
        return redirect(_destination(), code=303)
    token, email = session.get(_HALF_WAY, (None, None))
    if token is None:
        return redirect(url_for(".sign_in", next=request.args.get("next")), code=303)
    form = CodeForm()
    if form.validate_on_submit():
        with applied(form):
            signed_in = service.finish_sign_in(
                token=token,
                code=form.code.data or "",
                at=clock.now(),
                user_agent=request.user_agent.string,
                address=request.remote_addr or "",
                kept=known_browsers.kept(),
            )
            _begin(signed_in)
            return redirect(_destination(), code=303)
    return render_template("account/sign_in_code.html", form=form, email=email), form.http_status


@bp.post("/sign-out")
@public
@in_every_language
def sign_out() -> ResponseReturnValue:
    """End this session here and on the server; one that has run out already is only forgotten."""
    token = session.get(parking.TOKEN)
    if token:
        service.sign_out(token=token, at=clock.now())
    session.clear()
    flash(gettext_noop("You are signed out."), "success")
    return redirect(url_for("account.sign_in"), code=303)


@bp.route("/register", methods=["GET", "POST"])
@public
@in_every_language
@limiter.limit("30 per hour", methods=["POST"])
@limiter.limit("5 per hour", key_func=_by_account, methods=["POST"])
def register() -> ResponseReturnValue:
    """Open an account. What follows looks the same whether or not the address was known."""
    form = RegisterForm()
    if form.validate_on_submit():
        with applied(form):
            service.register(
                name=form.name.data or "",
                email=form.email.data or "",
                password=form.password.data or "",
                at=clock.now(),
            )
            return redirect(url_for("account.registered"), code=303)
    return render_template("account/register.html", form=form, longest=LONGEST_PASSWORD), form.http_status


@bp.get("/register/sent")
@public
@in_every_language
def registered() -> ResponseReturnValue:
    """Say that the mail is on its way."""
    return render_template("account/mail_sent.html", about="registration")


@bp.route("/confirm-email/<token>", methods=["GET", "POST"])
@public
@in_every_language
@limiter.limit("30 per hour", methods=["POST"])
def confirm_email(token: str) -> ResponseReturnValue:
    """Show a button, and confirm when it is pressed: programs that scan mail open links, but press nothing."""
    form = Form()
    if form.validate_on_submit():
        service.confirm_email(token=token, at=clock.now())
        flash(gettext_noop("Your e-mail address is confirmed."), "success")
        return redirect(url_for("account.home"), code=303)
    person = queries.person_of_link(token, purpose=TokenPurpose.CONFIRM_EMAIL, at=clock.now())
    return render_template("account/confirm_email.html", form=form, person=person)


@bp.route("/reset-password", methods=["GET", "POST"])
@public
@in_every_language
@limiter.limit("20 per hour", methods=["POST"])
@limiter.limit("5 per day", key_func=_by_account, methods=["POST"])
def ask_reset() -> ResponseReturnValue:
    """Ask for a link that allows a new password. The answer is the same for every address."""
    form = AskResetForm()
    if form.validate_on_submit():
        service.request_password_reset(email=form.email.data or "")
        return redirect(url_for("account.reset_sent"), code=303)
    return render_template("account/ask_reset.html", form=form), form.http_status


@bp.get("/reset-password/sent")
@public
@in_every_language
def reset_sent() -> ResponseReturnValue:
    """Say that the mail is on its way, if the address is known."""
    return render_template("account/mail_sent.html", about="reset")


@bp.route("/reset-password/<token>", methods=["GET", "POST"])
@public
@in_every_language
@limiter.limit("20 per hour", methods=["POST"])
def reset_password(token: str) -> ResponseReturnValue:
    """Set a new password on the strength of the mailed link."""
    form = NewPasswordForm()
    if form.validate_on_submit():
        with applied(form):
            service.reset_password(token=token, password=form.password.data or "", at=clock.now())
            session.clear()
            flash(gettext_noop("Your new password is set. Sign in with it."), "success")
            return redirect(url_for("account.sign_in"), code=303)
    person = queries.person_of_link(token, purpose=TokenPurpose.RESET_PASSWORD, at=clock.now())
    return render_template("account/reset_password.html", form=form, person=person), form.http_status


@bp.route("/not-me/<token>", methods=["GET", "POST"])
@public
@limiter.limit("20 per hour", methods=["POST"])
def disown(token: str) -> ResponseReturnValue:
    """Show a button, and shut the account when it is pressed; then ask for a new password."""
    form = Form()
    if form.validate_on_submit():
        right = browsers.disown(token=token, at=clock.now())
        session.clear()
        if right is None:
            flash(gettext_noop("The account is shut. An administrator sets a new password for you."), "success")
            return redirect(url_for("account.sign_in"), code=303)
        flash(
            gettext_noop("Whoever it was is signed out, and the old password opens nothing. Now choose a new one."),
            "success",
        )
        return redirect(url_for("account.reset_password", token=right), code=303)
    person = queries.person_of_link(token, purpose=TokenPurpose.DISOWN, at=clock.now())
    return render_template("account/disown.html", form=form, person=person)


@bp.route("/account/confirm", methods=["GET", "POST"])
@requires(Permission.ACCOUNT_MANAGE)
@in_every_language
@guesses
def confirm() -> ResponseReturnValue:
    """Ask for the password again, and go back to where it was needed: nothing is sent on from here."""
    settings = current_app.extensions["second_light_settings"]
    form = ConfirmForm()
    if form.validate_on_submit():
        with applied(form):
            confirming.confirm(
                user_id=me().id,
                session_id=me().session_id,
                password=form.password.data or "",
                code=form.code.data or "",
                at=clock.now(),
            )
            if parking.TICKET not in session:  # The form itself says so otherwise.
                flash(gettext_noop("Thank you. Nothing was sent yet: now do what you were about to do."), "success")
            return redirect(_destination(), code=303)
    demo_password = next((one["password"] for one in _demo_accounts()), None)
    return render_template(
        "account/confirm.html", form=form, minutes=settings.confirmed_for_minutes, demo_password=demo_password
    ), form.http_status


@bp.get("/account")
@requires(Permission.ACCOUNT_READ)
def home() -> ResponseReturnValue:
    """Show the account: address, password, living sessions."""
    person = queries.person(me().id)
    sessions = queries.sessions_of(me().id, at=clock.now())
    to_come = queries.address_to_come(me().id, at=clock.now())
    return render_template("account/home.html", person=person, sessions=sessions, to_come=to_come, form=Form())


@bp.post("/account/confirm-email")
@requires(Permission.ACCOUNT_MANAGE)
@limiter.limit("3 per 6 hours", key_func=by_person)
def ask_confirmation() -> ResponseReturnValue:
    """Mail another link that confirms the address."""
    service.request_email_confirmation(user_id=me().id, at=clock.now())
    flash(gettext_noop("A new link is on its way to your mailbox."), "success")
    return redirect(url_for("account.home"), code=303)


@bp.route("/account/password", methods=["GET", "POST"])
@requires(Permission.ACCOUNT_MANAGE, weighty=Weighty.CHANGE_PASSWORD)
@guesses
def change_password() -> ResponseReturnValue:
    """Change the password; every other session ends."""
    form = ChangePasswordForm()
    if form.validate_on_submit():
        with applied(form):
            service.change_password(
                user_id=me().id,
                session_id=me().session_id,
                old_password=form.old_password.data or "",
                new_password=form.new_password.data or "",
                code=form.code.data or "",
                at=clock.now(),
            )
            flash(gettext_noop("Your password is changed. Everywhere else you are signed out."), "success")
            return redirect(url_for("account.home"), code=303)
    return render_template("account/change_password.html", form=form), form.http_status


@bp.post("/account/sessions/<uuid:session_id>/end")
@requires(Permission.ACCOUNT_MANAGE)
def end_session(session_id: UUID) -> ResponseReturnValue:
    """End one of the person's own sessions."""
    service.end_session(user_id=me().id, session_id=session_id, at=clock.now())
    flash(gettext_noop("That session has ended."), "success")
    return redirect(url_for("account.home"), code=303)


@bp.post("/account/sessions/end-others")
@requires(Permission.ACCOUNT_MANAGE)
def end_other_sessions() -> ResponseReturnValue:
    """End every session but this one."""
    service.end_other_sessions(user_id=me().id, session_id=me().session_id, at=clock.now())
    flash(gettext_noop("Everywhere else you are signed out."), "success")
    return redirect(url_for("account.home"), code=303)


def _begin(signed_in: SignIn) -> None:
    """Begin the browser's session anew: nothing that was in it is trusted, but for the ticket of a parked form."""
    known_browsers.remember(signed_in.browser)
    ticket = session.get(parking.TICKET)
    session.clear()
    session[parking.TOKEN] = signed_in.token
    if ticket is not None:
        session[parking.TICKET] = ticket


def _destination() -> str:
    return parking.own_path(request.args.get("next")) or url_for("account.home")


def _demo_accounts() -> list[dict[str, str]]:
    """Return the accounts that a demo offers; nowhere else is there any."""
    if current_app.extensions["second_light_settings"].mode is not Mode.DEMO:
        return []
    offered = current_app.extensions.get("second_light_demo_accounts", ())
    return list(offered() if callable(offered) else offered)
