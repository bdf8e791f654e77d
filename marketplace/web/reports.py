"""The condition report that an order rests on, for both sides to read, print and keep, and the papers that it names."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from ..accounts.access import Permission
from ..documents import service as documents
from ..kernel.errors import NotFound
from ..listings import reports
from ..listings.reports import Report
from ..listings.terms import CounterDirection, CounterUnit, Modification, Recertification, Warranty
from ..orders import views
from ..orders.views import OrderView
from . import files, receipt_pdf
from .access import me, requires
from .filters import day
from .receipt_pdf import Line
from .unit import MODIFICATIONS, RECERTIFICATIONS, WARRANTIES, counted, figure

bp = Blueprint("reports", __name__)

Section = tuple[str, list[tuple[str, str | None]]]
_YES = {True: "yes", False: "no", None: None}


@bp.get("/orders/<uuid:order_id>/report")
@requires(Permission.ORDER_READ)
def report(order_id: UUID) -> ResponseReturnValue:
    """Show what the seller stated when the order was placed, to one of its sides."""
    return page(views.order_for(order_id, user_id=me().id))


@bp.get("/orders/<uuid:order_id>/report.pdf")
@requires(Permission.ORDER_READ)
def pdf(order_id: UUID) -> ResponseReturnValue:
    """Send the same as a PDF."""
    seen = views.order_for(order_id, user_id=me().id)
    response = Response(_drawn(seen), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="condition-report-order-{seen.number}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@bp.get("/orders/<uuid:order_id>/papers/<uuid:document_id>")
@requires(Permission.ORDER_READ)
def paper(order_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """Send a paper of the report to one who may know which unit it is."""
    seen = views.order_for(order_id, user_id=me().id)
    kept = _report_of(seen)
    if seen.serial is None or str(document_id) not in {one["id"] for one in kept.document["papers"]}:
        raise NotFound("There is no such paper.", cure="Papers are shown once the payment is held.")
    return files.sent(documents.content_of(document_id))


def page(seen: OrderView, *, staff: bool = False) -> str:
    """Return the page of an order's report, as whoever looks may see it."""
    kept, document = _as_seen(seen)
    knows_the_serial = seen.serial is not None
    return render_template(
        "reports/report.html",
        order=seen,
        report=kept,
        sections=list(sections(document)),
        papers=document["papers"],
        may_open=knows_the_serial and not staff,
        knows_the_serial=knows_the_serial,
        staff=staff,
    )


def _drawn(seen: OrderView) -> bytes:
    """Return an order's report on paper, as its page says it."""
    kept, document = _as_seen(seen)
    head = [
        Line("Device", seen.title),
        Line("Order", str(seen.number)),
        Line("Version", f"{kept.version}, frozen {receipt_pdf.moment(kept.made_at)}"),
    ]
    if seen.left_out:
        head.append(Line("Sold without", f"{', '.join(seen.left_out)}: what is said of it is not part of this order."))
    head.append(Line("SHA-256 of the report", kept.digest))
    if seen.serial is None:
        head.append(Line("Serial numbers", "masked until the payment is held; the digest is of the report with them"))
    papers = tuple(Line(one["words"], f"SHA-256 {one['digest']}") for one in document["papers"])
    parts = [
        receipt_pdf.Section(title, tuple(Line(label, said or "not known") for label, said in pairs))
        for title, pairs in sections(document)
    ]
    return receipt_pdf.set_in_type(
        heading="Second Light: condition report",
        title=f"Condition report, order {seen.number}",
        head=tuple(head),
        sections=[part for part in (*parts, receipt_pdf.Section("Papers", papers)) if part.lines],
        foot="What the seller stated when the order was placed. It does not change any more;"
        " what arrives is compared with these words.",
    )


def _as_seen(seen: OrderView) -> tuple[Report, dict[str, Any]]:
    """Return an order's report, and what of it whoever looks may know."""
    kept = _report_of(seen)
    return kept, kept.document if seen.serial is not None else reports.without_serials(kept.document)


def sections(document: dict[str, Any]) -> Iterator[Section]:
    """Return a report's document as titles and pairs of words."""
    unit, condition, law, console = (
        document["unit"], document["condition"], document["lawful_sale"], document["console"],
    )  # fmt: skip
    yield (
        "The unit",
        [
            ("Maker and model", f"{unit['maker']} {unit['model']}"),
            ("Serial number", unit["serial"]),
            ("Year of manufacture", str(unit["year"]) if unit["year"] else None),
            ("Where it stands", unit["place"]),
        ],
    )
    yield (
        "Condition",
        [
            ("Grade", f"{condition['grade']} · {condition['name']}: {condition['definition']}"),
            *condition["said"].items(),
            ("Last service", _day(condition["last_service_on"])),
            ("What else was said", condition["description"] or None),
        ],
    )
    for part in document["handpieces"]:
        yield f"Handpiece: {part['name']}", [("Serial number", part["serial"]), *_counter(part), *part["said"].items()]
    yield "Console", [*console["said"].items()]
    for counter in console["counters"]:
        yield f"Counter: {counter['part']}", [("Serial number", counter["serial"]), *_counter(counter)]
    yield "What comes with it", [(item, answer.replace("_", " ")) for item, answer in document["inclusions"].items()]
    yield (
        "What the seller attests",
        [
            ("Prescription legend on the device", _YES[law["rx_label_present"]]),
            ("Maker’s label with its address and date", _YES[law["id_label_present"]]),
            (
                "Changed since its maker sold it",
                MODIFICATIONS[Modification(law["modification"])] if law["modification"] else None,
            ),
            *law["said"].items(),
        ],
    )
    yield "What is promised", list(_promises(document["promises"]))
    yield "What buyers asked, and the seller answered", list(_answered(document))
    yield "Photos", [(one["shows"], f"SHA-256 {one['digest']}") for one in document["photos"]]


def _promises(promises: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    asked = promises["recertification"]
    yield "Recertification by the maker", RECERTIFICATIONS[Recertification(asked)] if asked else None
    if promises["recertification_quote"]:
        yield "The maker’s quote for it", promises["recertification_quote"]
    yield "Warranty", WARRANTIES[Warranty(promises["warranty"])] if promises["warranty"] else None
    if promises["warranty_months"]:
        yield "Months left of it", str(promises["warranty_months"])
    if promises["warranty_provider"]:
        yield "Given by", promises["warranty_provider"]
    if promises["warranty_transferable"] is not None:
        yield "Goes with the device", _YES[promises["warranty_transferable"]]
    yield "Training included", _YES[promises["training_included"]]


def _answered(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for asked in document.get("questions", ()):
        answers = [f"{answer['words']} ({_day(answer['said_on'])})" for answer in asked["answers"]]
        yield f"{asked['words']} ({_day(asked['asked_on'])})", "\n".join(answers)


def _counter(part: dict[str, Any]) -> list[tuple[str, str | None]]:
    unit = CounterUnit(part["unit"]) if part["unit"] else None
    if part["value"] is None:
        return [("Counter", None)]
    shown = counted(part["value"], unit, CounterDirection(part["direction"]))
    rated = "not stated" if part["rated_life"] is None else figure(part["rated_life"], unit)
    return [
        ("Counter", f"{shown}, read on {_day(part['read_on'])}" if part["read_on"] else shown),
        ("Rated life", f"{rated} ({part['rated_life_source']})" if part["rated_life_source"] else rated),
    ]


def _day(kept: str | None) -> str | None:
    return day(date.fromisoformat(kept)) if kept else None


def _report_of(seen: OrderView) -> Report:
    if seen.report_id is None:
        raise NotFound("This order is older than condition reports.")
    return reports.report(seen.report_id)
