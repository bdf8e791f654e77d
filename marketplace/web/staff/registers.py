"""Registers as staff see them: how fresh each is, files on their way in, and rows that bear out a case."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import cast
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField, FileRequired
from werkzeug.datastructures import FileStorage
from wtforms import (
    DateTimeLocalField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
    validators,
)
from wtforms.validators import AnyOf, InputRequired, Length, NumberRange

from ...accounts.access import Permission, Weighty
from ...credentials import matching, watch
from ...credentials import service as credentials
from ...credentials.matching import RegisterOffer
from ...credentials.models import CheckOutcome
from ...credentials.policy import LONGEST_WORDS
from ...credentials.types import credential_types
from ...kernel import clock
from ...kernel.errors import Invalid, NotFound
from ...registers import queries, service
from ...registers.queries import Snapshot
from ...registers.sources import Field, Layout, Source, SourceKind, sources
from ...registers.states import SNAPSHOT, SnapshotEvent, SnapshotState
from ..access import me, requires
from ..forms import Form, applied
from ..options import options
from .next_case import after_yes

bp = Blueprint("staff_registers", __name__)

LARGEST_UPLOAD = 60 * 1024 * 1024
"""Bytes of a file that is sent by a form; larger ones are loaded by a command."""

_PIECE = 1024 * 1024
_MOST_TYPES = 150
_words = Length(max=LONGEST_WORDS)

STATES = {
    SnapshotState.RECEIVED: ("not_yet", "received, not tried"),
    SnapshotState.CHECKED: ("not_yet", "tried, not loaded"),
    SnapshotState.LOADING: ("not_yet", "loading"),
    SnapshotState.CURRENT: ("yes", "counts"),
    SnapshotState.REPLACED: ("quiet", "replaced"),
    SnapshotState.REFUSED: ("wrong", "refused"),
}


class ReceiveForm(Form):
    """A file, and when it was fetched."""

    file = FileField("File", validators=[FileRequired("Choose the file.")])
    retrieved_at = DateTimeLocalField(
        "Fetched from its publisher (UTC)",
        format="%Y-%m-%dT%H:%M",
        validators=[InputRequired("Say when it was fetched.")],
    )


class StartForm(Form):
    """Why a much smaller file may be right."""

    smaller_because = TextAreaField("Why it has so many fewer rows", validators=[_words])


class ReasonForm(Form):
    """Why not."""

    reason = TextAreaField("Why", validators=[InputRequired("Say why, for the record."), _words])


class AcceptForm(Form):
    """Which row of which file, and what it says."""

    snapshot_id = StringField(validators=[InputRequired(), validators.UUID()])
    position = IntegerField(validators=[InputRequired(), NumberRange(min=1)])
    outcome = StringField(validators=[InputRequired(), AnyOf([CheckOutcome.CONFIRMED, CheckOutcome.DIFFERS])])


@bp.get("/staff/registers")
@requires(Permission.REVIEW_READ)
def registers() -> ResponseReturnValue:
    """Show how fresh every register is."""
    return render_template(
        "staff/registers/index.html",
        sources=sources().values(),
        current=queries.current(sources()),
        at=clock.now(),
        waiting=watch.open_findings(),
    )


@bp.get("/staff/registers/<source_code>")
@requires(Permission.REVIEW_READ)
def register(source_code: str) -> ResponseReturnValue:
    """Show one register: what it covers, its files, what its words mean."""
    return _register_page(_source(source_code))


@bp.post("/staff/registers/<source_code>/files")
@requires(Permission.CREDENTIAL_REVIEW)
def receive(source_code: str) -> ResponseReturnValue:
    """Take a file in."""
    source, form = _source(source_code), ReceiveForm(prefix="file-")
    if form.validate_on_submit():
        with applied(form):
            assert form.retrieved_at.data is not None  # InputRequired saw to it.
            sent: FileStorage = form.file.data
            snapshot_id = service.receive(
                source_code=source.code,
                filename=sent.filename or "",
                chunks=_pieces(sent),
                retrieved_at=form.retrieved_at.data.replace(tzinfo=UTC),
                actor_id=me().id,
                at=clock.now(),
            )
            return _to_file(snapshot_id)
    return _register_page(source, receive=form)


@bp.post("/staff/registers/<source_code>/types")
@requires(Permission.CREDENTIAL_REVIEW)
def map_types(source_code: str) -> ResponseReturnValue:
    """Keep what the register's words for types of licences mean here."""
    source = _source(source_code)
    words = _license_types(source)
    form = _types_form(source, words)
    if form.validate_on_submit():
        with applied(form):
            chosen = {word: form[f"type_{number}"].data for number, word in enumerate(words)}
            # What nobody has said anything of stays so: an empty answer is a decision.
            meanings = {word: None if said == "none" else said for word, said in chosen.items() if said}
            credentials.map_types(source_code=source.code, meanings=meanings, actor_id=me().id, at=clock.now())
            flash("The meanings are kept.", "success")
            return redirect(url_for("staff_registers.register", source_code=source.code), code=303)
    return _register_page(source, types=form)


@bp.get("/staff/registers/files/<uuid:snapshot_id>")
@requires(Permission.REVIEW_READ)
def file(snapshot_id: UUID) -> ResponseReturnValue:
    """Show one file: how far it is, how its columns are read, what is wrong in it."""
    return _file_page(snapshot_id)


@bp.post("/staff/registers/files/<uuid:snapshot_id>/columns")
@requires(Permission.CREDENTIAL_REVIEW)
def choose_columns(snapshot_id: UUID) -> ResponseReturnValue:
    """Keep how its columns are read, and have it tried."""
    found = queries.snapshot(snapshot_id)
    form = _columns_form(found)
    if form.validate_on_submit():
        with applied(form):
            chosen = {header: form[f"column_{number}"].data for number, header in enumerate(found.headers)}
            columns = {header: Field(field) for header, field in chosen.items() if field}
            service.choose_columns(snapshot_id=snapshot_id, columns=columns, actor_id=me().id, at=clock.now())
            flash("It is being tried: nothing is loaded yet.", "success")
            return _to_file(snapshot_id)
    return _file_page(snapshot_id, columns=form)


@bp.post("/staff/registers/files/<uuid:snapshot_id>/load")
@requires(Permission.CREDENTIAL_REVIEW)
def start(snapshot_id: UUID) -> ResponseReturnValue:
    """Have it loaded."""
    form = StartForm(prefix="start-")
    if form.validate_on_submit():
        with applied(form):
            service.start(
                snapshot_id=snapshot_id,
                actor_id=me().id,
                smaller_because=form.smaller_because.data,
                at=clock.now(),
            )
            flash("It is loading. It counts once all of it is there.", "success")
            return _to_file(snapshot_id)
    return _file_page(snapshot_id, start=form)


@bp.post("/staff/registers/files/<uuid:snapshot_id>/discard")
@requires(Permission.CREDENTIAL_REVIEW)
def discard(snapshot_id: UUID) -> ResponseReturnValue:
    """Drop it."""
    form = ReasonForm(prefix="discard-")
    if form.validate_on_submit():
        with applied(form):
            service.discard(snapshot_id=snapshot_id, actor_id=me().id, reason=form.reason.data or "", at=clock.now())
            flash("The file is dropped.", "success")
            return _to_file(snapshot_id)
    return _file_page(snapshot_id, discard=form)


@bp.post("/staff/registers/offers/<uuid:credential_id>")
@requires(Permission.CREDENTIAL_REVIEW)
def accept(credential_id: UUID) -> ResponseReturnValue:
    """Record a row of a register as the verifier's look at the source of a case."""
    form = _accepted()
    look = _offer(credential_id, form).look(outcome=CheckOutcome(form.outcome.data or ""))
    credentials.record_check(credential_id=credential_id, actor_id=me().id, look=look, at=clock.now())
    flash("The row is on record as your look at the source.", "success")
    return redirect(url_for("staff_credentials.case", credential_id=credential_id), code=303)


@bp.post("/staff/registers/offers/<uuid:credential_id>/verify")
@requires(Permission.CREDENTIAL_REVIEW, weighty=Weighty.DECIDE_CASE)
def verify(credential_id: UUID) -> ResponseReturnValue:
    """Record a row that agrees in everything, and say yes on it at once."""
    offer = _offer(credential_id, _accepted())
    at = clock.now()
    if not offer.is_clean or not offer.snapshot.is_fresh(at):
        raise Invalid(
            "This row does not agree in everything, or is too old.",
            cure="Record what you saw first, and decide afterwards.",
        )
    look = offer.look(outcome=CheckOutcome.CONFIRMED)
    return after_yes(credentials.confirm(credential_id=credential_id, actor_id=me().id, look=look, at=at))


def _accepted() -> AcceptForm:
    form = AcceptForm()
    if not form.validate():
        raise Invalid("This row cannot be read.", cure="Look at the case again.")
    return form


def _offer(credential_id: UUID, form: AcceptForm) -> RegisterOffer:
    return matching.offer_of(
        credential_id, snapshot_id=UUID(form.snapshot_id.data), position=int(form.position.data or 0)
    )


def _source(source_code: str) -> Source:
    source = sources().get(source_code)
    if source is None:
        raise NotFound("There is no such register.")
    return source


def _pieces(sent: FileStorage) -> Iterator[bytes]:
    while piece := sent.stream.read(_PIECE):
        yield piece


def _to_file(snapshot_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("staff_registers.file", snapshot_id=snapshot_id), code=303)


def _register_page(source: Source, **sent_back: Form) -> ResponseReturnValue:
    at = clock.now()
    words = _license_types(source)
    forms: Mapping[str, Form] = {
        "receive": ReceiveForm(prefix="file-", formdata=None, data={"retrieved_at": at}),
        "types": _types_form(source, words, formdata=None),
        **sent_back,
    }
    current = queries.current([source.code]).get(source.code)
    answer = render_template(
        "staff/registers/register.html",
        source=source,
        current=current,
        files=queries.snapshots_of(source.code),
        states=STATES,
        forms=forms,
        words=words,
        unmapped=[word for word in words if word not in matching.type_mappings([source.code]).get(source.code, {})],
        at=at,
        largest=LARGEST_UPLOAD,
        reviews=me().may(Permission.CREDENTIAL_REVIEW),
    )
    return answer, max((form.http_status for form in sent_back.values()), default=200)


def _license_types(source: Source) -> list[str]:
    """Return the register's own words, those without a meaning first, then by how often they are used."""
    if source.kind is not SourceKind.ROSTER:
        return []
    counts: dict[str, int] = {}
    for found in queries.snapshots_of(source.code):
        if found.state in {SnapshotState.CURRENT, SnapshotState.CHECKED}:
            counts |= found.license_types
    known = matching.type_mappings([source.code]).get(source.code, {})
    return sorted(counts, key=lambda word: (word in known, -counts[word], word))[:_MOST_TYPES]


def _types_form(source: Source, words: Sequence[str], **given: None) -> Form:
    kinds = [
        (kind.code, kind.name)
        for kind in credential_types().values()
        if source.jurisdiction and kind.issued_in(source.jurisdiction)
    ]
    choices = options([("", "not decided"), ("none", "none that is known here"), *kinds])
    known = matching.type_mappings([source.code]).get(source.code, {})
    fields = {
        f"type_{number}": SelectField(
            word or "(empty)", choices=choices, default=(known[word] or "none") if word in known else ""
        )
        for number, word in enumerate(words)
    }
    return cast("Form", type("TypesForm", (Form,), fields)(**given))


def _columns_form(found: Snapshot, **given: None) -> Form:
    choices = options([("", "left out"), *((field.value, field.words) for field in Field)])
    fields = {
        f"column_{number}": SelectField(
            header, choices=choices, default=found.columns[header].value if header in found.columns else ""
        )
        for number, header in enumerate(found.headers)
    }
    return cast("Form", type("ColumnsForm", (Form,), fields)(**given))


def _file_page(snapshot_id: UUID, **sent_back: Form) -> ResponseReturnValue:
    found = queries.snapshot(snapshot_id)
    forms: Mapping[str, Form] = {
        "columns": _columns_form(found, formdata=None),
        "start": StartForm(prefix="start-", formdata=None),
        "discard": ReasonForm(prefix="discard-", formdata=None),
        **sent_back,
    }
    answer = render_template(
        "staff/registers/file.html",
        file=found,
        chip=STATES[found.state],
        forms=forms,
        first=service.first_row(snapshot_id) if found.state in _OPEN else {},
        fixed_columns=found.source.layout in {Layout.NPPES_JSON, Layout.OPENFDA},
        may=SNAPSHOT.allows,
        events=SnapshotEvent,
        moving=found.state in {SnapshotState.RECEIVED, SnapshotState.LOADING},
        reviews=me().may(Permission.CREDENTIAL_REVIEW),
        asks_why_smaller="start" in sent_back,
    )
    return answer, max((form.http_status for form in sent_back.values()), default=200)


_OPEN = frozenset({SnapshotState.RECEIVED, SnapshotState.CHECKED})
