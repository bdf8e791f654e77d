"""Many listings at once: a clinic's own to keep, and drafts from a table."""

import json
from uuid import UUID

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField
from wtforms.validators import InputRequired

from ...accounts.access import Permission
from ...kernel import clock
from ...kernel.errors import Invalid
from ...listings import bulk
from .. import tables
from ..access import me, requires
from ..forms import Form, applied
from ..options import options
from .common import bp, selling_for

LARGEST = 400_000
"""Bytes of a table."""


class TableForm(Form):
    """For which clinic, and the table."""

    clinic_id = SelectField("Clinic", validators=[InputRequired("Choose the clinic.")])
    file = FileField("Table", validators=[FileRequired("Choose the table.")])


@bp.get("/sell/export.csv")
@requires(Permission.LISTING_READ)
def export_csv() -> ResponseReturnValue:
    """Give out the listings of the person's clinics as a table."""
    rows = bulk.exported([one.clinic_id for one in selling_for()])
    header = ("id", "standing", *bulk.COLUMNS)
    return tables.download(
        "second-light-listings.csv", tables.csv_of(header, ([row[name] for name in header] for row in rows))
    )


@bp.get("/sell/export.json")
@requires(Permission.LISTING_READ)
def export_json() -> ResponseReturnValue:
    """Give out the same as JSON."""
    rows = bulk.exported([one.clinic_id for one in selling_for()])
    answer = Response(json.dumps(rows, indent=1), mimetype="application/json")
    answer.headers.set("Content-Disposition", "attachment", filename="second-light-listings.json")
    return answer


@bp.get("/sell/import/template.csv")
@requires(Permission.LISTING_READ)
def template() -> ResponseReturnValue:
    """Give out an empty table to fill in."""
    return tables.download("second-light-template.csv", tables.csv_of(bulk.COLUMNS, ()))


@bp.route("/sell/import", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def from_table() -> ResponseReturnValue:
    """Try a table, or make drafts of its rows."""
    form, outcomes, tried = TableForm(), None, request.form.get("act") != "write"
    form.clinic_id.choices = options((str(one.clinic_id), one.clinic_name) for one in selling_for())
    if form.validate_on_submit():
        with applied(form):
            rows = bulk.read(tables.rows_of(_text(form)))
            if tried:
                outcomes = [bulk.Outcome(row) for row in rows]
            else:
                outcomes = bulk.write(rows=rows, clinic_id=UUID(form.clinic_id.data), actor_id=me().id, at=clock.now())
    problems = list(bulk.lines_of(outcomes or ()))
    if outcomes and not tried and not problems:
        flash(f"{len(outcomes)} drafts are there. Complete each, and submit it.", "success")
        return redirect(url_for("selling.home"), code=303)
    return render_template(
        "selling/from_table.html",
        form=form,
        outcomes=outcomes,
        drafts=[one for one in outcomes or () if one.listing_id],
        sound=sum(1 for one in outcomes or () if not one.row.problems),
        problems=problems,
        columns=bulk.COLUMNS,
        needed=bulk.NEEDED,
        most=bulk.MOST_ROWS,
        largest=LARGEST,
    ), form.http_status


def _text(form: TableForm) -> str:
    content = form.file.data.stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Invalid(f"A table may have {LARGEST // 1000} KB.", field="file")
    try:
        text: str = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("The table is not in UTF-8. Save it as “CSV UTF-8”.", field="file") from None
    if "\0" in text:
        raise Invalid("The table has a NUL in it: it is damaged.", field="file")
    return text
