"""Many listings at once: a clinic's own to keep, and drafts from a table, made in the background."""

import json
from uuid import UUID, uuid4

from flask import Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField, FileRequired
from wtforms import HiddenField, SelectField
from wtforms.validators import InputRequired

from ...accounts.access import Permission
from ...clinics import queries as clinics
from ...clinics.access import MANAGERS
from ...extensions import limiter
from ...kernel import clock
from ...kernel.errors import NotFound
from ...sheets import columns, exporting, queries, reading, service
from ...sheets.queries import ImportFacts
from ...sheets.states import IMPORT, MOVING, ImportEvent, ImportState
from .. import tables
from ..access import by_person, me, requires
from ..forms import Form, applied
from ..options import options
from .common import ActForm, bp, key_of, selling_for

STATES = {
    ImportState.RECEIVED: ("not_yet", "being tried"),
    ImportState.CHECKED: ("not_yet", "tried, nothing made yet"),
    ImportState.WRITING: ("not_yet", "making drafts"),
    ImportState.DONE: ("yes", "done"),
    ImportState.CANCELLED: ("quiet", "cancelled"),
    ImportState.REFUSED: ("wrong", "refused"),
}


class TableForm(Form):
    """For which clinic, and the table."""

    form_key = HiddenField()
    clinic_id = SelectField("Clinic", validators=[InputRequired("Choose the clinic.")])
    file = FileField("Table", validators=[FileRequired("Choose the table.")])


@bp.get("/sell/export.csv")
@requires(Permission.LISTING_READ)
def export_csv() -> ResponseReturnValue:
    """Give out what the person's clinics have to sell as a table that can be sent in again."""
    return tables.download("second-light-listings.csv", exporting.as_table(_exported()))


@bp.get("/sell/export.json")
@requires(Permission.LISTING_READ)
def export_json() -> ResponseReturnValue:
    """Give out all listings of the person's clinics as JSON, with where each stands."""
    answer = Response(json.dumps(exporting.as_values(_exported()), indent=1), mimetype="application/json")
    answer.headers.set("Content-Disposition", "attachment", filename="second-light-listings.json")
    return answer


@bp.get("/sell/import/template.csv")
@requires(Permission.LISTING_READ)
def template() -> ResponseReturnValue:
    """Give out a table to fill in."""
    return tables.download("second-light-template.csv", columns.template())


@bp.route("/sell/import", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
@limiter.limit("30 per hour", key_func=by_person, methods=["POST"])
def from_table() -> ResponseReturnValue:
    """Send a table in, or see what became of those that were."""
    form, selling = TableForm(), selling_for()
    form.clinic_id.choices = options((str(one.clinic_id), one.clinic_name) for one in selling)
    if form.validate_on_submit():
        with applied(form):
            import_id = service.receive(
                clinic_id=UUID(form.clinic_id.data),
                actor_id=me().id,
                filename=form.file.data.filename or "",
                content=form.file.data.stream.read(reading.LARGEST + 1),
                form_key=key_of(form.form_key.data),
                at=clock.now(),
            )
            return _to(import_id)
    form.form_key.data = str(uuid4())
    return render_template(
        "selling/from_table.html",
        form=form,
        columns=columns.columns(),
        needed=columns.needed(),
        most=reading.MOST_ROWS,
        largest=reading.LARGEST,
        imports=queries.newest_of([one.clinic_id for one in selling]),
        states=STATES,
    ), form.http_status


@bp.get("/sell/imports/<uuid:import_id>")
@requires(Permission.LISTING_READ)
def one_import(import_id: UUID) -> ResponseReturnValue:
    """Show how far an import is, and what is wrong in it."""
    return _page(_mine(import_id), ActForm(formdata=None))


@bp.get("/sell/imports/<uuid:import_id>/repair.csv")
@requires(Permission.LISTING_READ)
def to_repair(import_id: UUID) -> ResponseReturnValue:
    """Give out the devices with which something is wrong, to be repaired and sent in again."""
    return tables.download("second-light-to-repair.csv", queries.repairs(_mine(import_id)))


@bp.post("/sell/imports/<uuid:import_id>/start")
@requires(Permission.LISTING_WRITE)
def start_import(import_id: UUID) -> ResponseReturnValue:
    """Have the drafts made."""
    facts, form = _mine(import_id), ActForm()
    with applied(form):
        service.start(import_id=import_id, actor_id=me().id, at=clock.now())
    return _page(facts, form) if form.errors else _to(import_id)


@bp.post("/sell/imports/<uuid:import_id>/cancel")
@requires(Permission.LISTING_WRITE)
def cancel_import(import_id: UUID) -> ResponseReturnValue:
    """Leave the rest of it."""
    service.cancel(import_id=import_id, actor_id=me().id, at=clock.now())
    flash("Cancelled. Drafts that were made before stay.", "success")
    return _to(import_id)


def _exported() -> list[exporting.Exported]:
    return exporting.exported([one.clinic_id for one in selling_for()])


def _mine(import_id: UUID) -> ImportFacts:
    """Return an import to somebody who sells for its clinic; strangers learn nothing of it."""
    facts = queries.one(import_id)
    try:
        clinics.require_role(user_id=me().id, clinic_id=facts.clinic_id, roles=MANAGERS)
    except NotFound:
        raise NotFound("There is no such import.") from None
    return facts


def _to(import_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("selling.one_import", import_id=import_id), code=303)


def _page(facts: ImportFacts, form: ActForm) -> ResponseReturnValue:
    return render_template(
        "selling/import.html",
        sheet=facts,
        form=form,
        chip=STATES[facts.state],
        moving=facts.state in MOVING,
        may=lambda event: IMPORT.allows(facts.state, ImportEvent(event)),
        kinds=queries.kinds_of(facts.id) if facts.wrong else [],
        problems=queries.problems_of(facts.id) if facts.wrong else [],
        most=queries.MOST_SHOWN,
        passed_over=reading.passed_over(facts.header),
    ), form.http_status
