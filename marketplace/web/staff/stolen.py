"""The list of stolen units, as staff keep it."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, FileField, StringField
from wtforms.validators import InputRequired, Length, Optional

from ...accounts.access import Permission
from ...kernel import clock
from ...kernel.errors import Invalid
from ...listings import reporting
from ...listings import stolen as units
from ..access import me, requires
from ..forms import Form, applied

bp = Blueprint("staff_stolen", __name__)

MOST_BYTES = 1024 * 1024


class EntryForm(Form):
    """One unit that somebody reports."""

    maker = StringField("Maker", validators=[Length(max=200)])
    serial = StringField("Serial number", validators=[InputRequired("Write the serial number."), Length(max=200)])
    reported_on = DateField("Reported on", validators=[Optional()])
    source = StringField("Who reports it", validators=[InputRequired("Say who reports it."), Length(max=500)])


class FileForm(Form):
    """A file of such units."""

    source = StringField("Who reports them", validators=[InputRequired("Say who reports them."), Length(max=500)])
    file = FileField("The file")


class WithdrawForm(Form):
    """Why an entry stands no longer."""

    because = StringField("Why it stands no longer", validators=[InputRequired("Say why."), Length(max=500)])


@bp.get("/staff/stolen")
@requires(Permission.REVIEW_READ)
def stolen() -> ResponseReturnValue:
    """Show the list, what is withdrawn behind what stands."""
    return _page()


@bp.post("/staff/stolen")
@requires(Permission.LISTING_REVIEW)
def add() -> ResponseReturnValue:
    """Put one unit on the list."""
    form = EntryForm(prefix="one-")
    if form.validate_on_submit():
        with applied(form):
            text = reporting.as_file(
                maker=form.maker.data or "", serial=form.serial.data or "", reported_on=form.reported_on.data
            )
            return _loaded(reporting.load(actor_id=me().id, text=text, source=form.source.data or "", at=clock.now()))
    return _page(entry=form)


@bp.post("/staff/stolen/file")
@requires(Permission.LISTING_REVIEW)
def load() -> ResponseReturnValue:
    """Put the units of a file on the list: all of them, or none."""
    form = FileForm(prefix="file-")
    if form.validate_on_submit():
        with applied(form):
            return _loaded(
                reporting.load(actor_id=me().id, text=_text(), source=form.source.data or "", at=clock.now())
            )
    return _page(file=form)


@bp.post("/staff/stolen/<uuid:entry_id>/withdraw")
@requires(Permission.LISTING_REVIEW)
def withdraw(entry_id: UUID) -> ResponseReturnValue:
    """Let an entry stand no longer."""
    form = WithdrawForm()
    if form.validate_on_submit():
        reporting.withdraw(entry_id=entry_id, actor_id=me().id, because=form.because.data or "", at=clock.now())
        flash("The entry stands no longer. It stays on record with your reason.", "success")
        return redirect(url_for(".stolen"), code=303)
    return _page(withdrawal=form)


def _loaded(done: reporting.Loaded) -> ResponseReturnValue:
    flash(
        f"{done.added} put on the list, {done.known} stood there already, {done.stopped} taken off the market.",
        "success",
    )
    return redirect(url_for(".stolen"), code=303)


def _text() -> str:
    sent = request.files.get("file-file")
    content = sent.stream.read(MOST_BYTES + 1) if sent else b""
    if not content or len(content) > MOST_BYTES:
        raise Invalid("Choose a CSV file of at most 1 MB.", field="file")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("This is not UTF-8 text.", field="file") from None


def _page(
    *, entry: EntryForm | None = None, file: FileForm | None = None, withdrawal: WithdrawForm | None = None
) -> ResponseReturnValue:
    page = render_template(
        "staff/stolen.html",
        entries=units.entries(),
        entry=entry or EntryForm(formdata=None, prefix="one-"),
        file=file or FileForm(formdata=None, prefix="file-"),
        withdrawal=withdrawal or WithdrawForm(formdata=None),
        may_change=me().may(Permission.LISTING_REVIEW),
        columns=reporting.COLUMNS,
    )
    return page, 422 if entry or file or withdrawal else 200
