"""Inspections before a purchase: a buyer asks, the seller lets somebody in, an inspector signs what they found."""

from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ..accounts.access import Permission, Weighty
from ..extensions import limiter
from ..inspections import queries, service
from ..inspections.form import LONGEST, Found, Line, lines_of
from ..inspections.queries import InspectionFacts, Signed
from ..inspections.states import INSPECTION, InspectionEvent, InspectionKind, InspectionState, Outcome
from ..kernel import clock
from ..kernel.errors import NotFound
from ..listings import queries as listings
from ..listings import reports
from . import receipt_pdf
from .access import by_person, me, requires
from .forms import Form, applied
from .options import options

bp = Blueprint("inspections", __name__)

KINDS = {
    InspectionKind.OPERATING: ("In operation", "Switched on and fired on every handpiece, counters read."),
    InspectionKind.PACKED: ("Packed", "As it stands packed, before it leaves."),
    InspectionKind.DISMANTLING: ("Taking down", "While it is taken down where it stands."),
    InspectionKind.PACKING: ("Packing", "While it is packed."),
    InspectionKind.SPECIAL: ("Something of its own", "What you say below."),
}
STATE_WORDS: dict[InspectionState, tuple[str, str]] = {
    InspectionState.ASKED: ("not_yet", "waits for the seller"),
    InspectionState.AGREED: ("not_yet", "our staff find an inspector"),
    InspectionState.ASSIGNED: ("not_yet", "an inspector is sent"),
    InspectionState.SIGNED: ("yes", "signed"),
    InspectionState.DECLINED: ("quiet", "declined"),
    InspectionState.WITHDRAWN: ("quiet", "taken back"),
    InspectionState.CLOSED: ("quiet", "closed"),
}
OUTCOMES = {
    Outcome.AS_STATED: "as stated",
    Outcome.DIFFERS: "differs",
    Outcome.NOT_SEEN: "not looked at",
}
TONES = {Outcome.AS_STATED: "yes", Outcome.DIFFERS: "wrong", Outcome.NOT_SEEN: "quiet"}


class AskForm(Form):
    """What is to be looked at."""

    kind = RadioField("What is to be seen", validators=[InputRequired("Choose what is to be seen.")])
    words = TextAreaField(
        "What matters to you", validators=[InputRequired("Say what is to be looked at."), Length(max=1000)]
    )


class AnswerForm(Form):
    """Where and when the inspector may come, or why not."""

    words = TextAreaField(
        "Where and when, or why not", validators=[InputRequired("Write a sentence."), Length(max=1000)]
    )


class ReportForm(Form):
    """What was found at each line of the device's own form; the lines are fields of their own."""

    remarks = TextAreaField("What else you saw", validators=[Length(max=4000)])
    name = StringField("Your name, to sign with", validators=[InputRequired("Sign with your name."), Length(max=200)])


@bp.route("/devices/<uuid:listing_id>/inspection", methods=["GET", "POST"])
@requires(Permission.INSPECTION_WRITE)
@limiter.limit("20 per hour", key_func=by_person, methods=["POST"])
def ask(listing_id: UUID) -> ResponseReturnValue:
    """Ask for a device to be looked at."""
    device = listings.on_display(listing_id)
    form = AskForm()
    form.kind.choices = options((str(kind), words) for kind, (words, _) in KINDS.items())
    if form.validate_on_submit():
        with applied(form):
            inspection_id = service.ask(
                listing_id=listing_id, asker_id=me().id, kind=InspectionKind(form.kind.data),
                words=form.words.data or "", at=clock.now(),
            )  # fmt: skip
            flash("The seller has been asked to let somebody in.", "success")
            return redirect(url_for(".one", inspection_id=inspection_id), code=303)
    helps = {str(kind): what for kind, (_, what) in KINDS.items()}
    return render_template("inspections/ask.html", device=device, form=form, helps=helps), form.http_status


@bp.get("/inspections")
@requires(Permission.INSPECTION_READ)
def mine() -> ResponseReturnValue:
    """List what the reader asked for, was asked to allow, and inspects."""
    return render_template(
        "inspections/mine.html", inspections=queries.of_person(me().id), kinds=KINDS, words=STATE_WORDS, me=me().id
    )


@bp.get("/inspections/<uuid:inspection_id>")
@requires(Permission.INSPECTION_READ)
def one(inspection_id: UUID) -> ResponseReturnValue:
    """Show an inspection to one of its three sides."""
    return _page(queries.one(inspection_id, user_id=me().id), AnswerForm(formdata=None))


@bp.post("/inspections/<uuid:inspection_id>/answer/<any(agree, decline):way>")
@requires(Permission.INSPECTION_WRITE)
def answer(inspection_id: UUID, way: str) -> ResponseReturnValue:
    """Let the inspector in, as the seller, or not."""
    facts = queries.one(inspection_id, user_id=me().id)
    form = AnswerForm()
    if form.validate_on_submit():
        act = service.let_in if way == "agree" else service.decline
        act(inspection_id=inspection_id, actor_id=me().id, words=form.words.data or "", at=clock.now())
        flash("The buyer was told.", "success")
        return redirect(url_for(".one", inspection_id=inspection_id), code=303)
    return _page(facts, form)


@bp.post("/inspections/<uuid:inspection_id>/withdraw")
@requires(Permission.INSPECTION_WRITE)
def withdraw(inspection_id: UUID) -> ResponseReturnValue:
    """Take it back."""
    service.withdraw(inspection_id=inspection_id, actor_id=me().id, at=clock.now())
    flash("It is taken back.", "success")
    return redirect(url_for(".one", inspection_id=inspection_id), code=303)


@bp.route("/inspections/<uuid:inspection_id>/report", methods=["GET", "POST"])
@requires(Permission.INSPECTION_WRITE, weighty=Weighty.SIGN_INSPECTION)
def report(inspection_id: UUID) -> ResponseReturnValue:
    """Fill in the form of this very device, as its inspector, and sign it."""
    facts = queries.one(inspection_id, user_id=me().id)
    if facts.inspector_id != me().id or facts.report_id is None:
        raise NotFound("There is no such inspection among yours.")
    INSPECTION.after(facts.state, InspectionEvent.SIGNED)
    lines = lines_of(reports.report(facts.report_id).document)
    form = _report_form(lines)
    if form.validate_on_submit():
        with applied(form):
            found = [
                Found(Outcome(form[f"found_{number}"].data), form[f"note_{number}"].data or "")
                for number in range(len(lines))
            ]
            service.sign(
                inspection_id=inspection_id, actor_id=me().id, found=found, remarks=form.remarks.data or "",
                name=form.name.data or "", at=clock.now(),
            )  # fmt: skip
            flash("Signed. Both sides were told, and it does not change any more.", "success")
            return redirect(url_for(".one", inspection_id=inspection_id), code=303)
    places: dict[str, list[tuple[Line, object, object]]] = {}
    for number, line in enumerate(lines):
        places.setdefault(line.place, []).append((line, form[f"found_{number}"], form[f"note_{number}"]))
    page = render_template("inspections/report.html", inspection=facts, places=places, form=form, kinds=KINDS)
    return page, form.http_status


@bp.get("/inspections/<uuid:inspection_id>/report.pdf")
@requires(Permission.INSPECTION_READ)
def pdf(inspection_id: UUID) -> ResponseReturnValue:
    """Send what was signed as a PDF."""
    facts = queries.one(inspection_id, user_id=me().id)
    signed = queries.signed(inspection_id)
    if signed is None:
        raise NotFound("Nothing is signed yet.")
    response = Response(_drawn(facts, signed), mimetype="application/pdf")
    response.headers["Content-Disposition"] = 'inline; filename="inspection.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _report_form(lines: list[Line]) -> ReportForm:
    asked: dict[str, object] = {}
    for number, line in enumerate(lines):
        asked[f"found_{number}"] = SelectField(
            f"{line.label}: what you found", choices=options(OUTCOMES.items()), default=Outcome.NOT_SEEN
        )
        asked[f"note_{number}"] = StringField(f"{line.label}: in words", validators=[Length(max=LONGEST)])
    kind: type[ReportForm] = type(ReportForm.__name__, (ReportForm,), asked)
    return kind()


def _page(facts: InspectionFacts, form: AnswerForm) -> ResponseReturnValue:
    seller = facts.asker_id != me().id and facts.inspector_id != me().id
    page = render_template(
        "inspections/one.html",
        inspection=facts,
        form=form,
        kinds=KINDS,
        words=STATE_WORDS,
        signed=queries.signed(facts.id),
        outcomes=OUTCOMES,
        tones=TONES,
        may_answer=seller and INSPECTION.allows(facts.state, InspectionEvent.AGREED),
        may_withdraw=facts.asker_id == me().id and INSPECTION.allows(facts.state, InspectionEvent.WITHDRAWN),
        may_sign=facts.inspector_id == me().id and INSPECTION.allows(facts.state, InspectionEvent.SIGNED),
    )
    return page, form.http_status


def _drawn(facts: InspectionFacts, signed: Signed) -> bytes:
    places: dict[str, list[receipt_pdf.Line]] = {}
    for line in signed.document["lines"]:
        note = f" · {line['note']}" if line["note"] else ""
        words = f"{OUTCOMES[Outcome(line['found'])]}{note} (stated: {line['stated']})"
        places.setdefault(line["place"], []).append(receipt_pdf.Line(line["label"], words))
    sections = [receipt_pdf.Section(place, tuple(lines)) for place, lines in places.items()]
    if signed.document["remarks"]:
        sections.append(
            receipt_pdf.Section("What else was seen", (receipt_pdf.Line("Remarks", signed.document["remarks"]),))
        )
    return receipt_pdf.set_in_type(
        heading="Second Light: inspection",
        title=f"Inspection of a {facts.title}",
        head=(
            receipt_pdf.Line("Device", facts.title),
            receipt_pdf.Line("What was seen", KINDS[facts.kind][0]),
            receipt_pdf.Line("Signed by", f"{signed.signed_name}, {signed.document['inspector']['firm']}"),
            receipt_pdf.Line("Signed", receipt_pdf.moment(signed.signed_at)),
            receipt_pdf.Line("Condition report", f"version {signed.document['condition_report']['version']}"),
            receipt_pdf.Line("SHA-256 of what was signed", signed.digest),
        ),
        sections=sections,
        foot="What an inspector saw on a day. It is no warranty, and it opens no gate.",
    )
