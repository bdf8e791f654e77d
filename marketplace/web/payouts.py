"""What a clinic earned by selling, order by order: on a page, as a table, and on paper."""

from collections.abc import Iterable
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..accounts.access import Permission
from ..clinics import queries as clinics
from ..kernel import clock
from ..kernel.spreadsheets import csv_of
from ..kernel.terms import ClinicRole
from ..orders import queries as orders
from ..payments import statements
from . import payouts_pdf, tables
from .access import me, requires

bp = Blueprint("payouts", __name__)

_IN_CHARGE = (ClinicRole.OWNER, ClinicRole.MANAGER)
_COLUMNS = (
    "order", "received", "price", "given_back", "our_fee", "earned", "held", "paid", "taken_back", "owed", "paid_on",
    "transfer", "currency",
)  # fmt: skip


@bp.get("/sales/payouts/<uuid:clinic_id>")
@requires(Permission.ORDER_READ)
def payouts(clinic_id: UUID) -> ResponseReturnValue:
    """Show the statement to those in charge of the clinic, a page of orders at a time."""
    _require_in_charge(clinic_id)
    before = request.args.get("before", type=UUID)
    found = statements.page_of_statement(clinic_id, before=before)
    newest = url_for(".payouts", clinic_id=clinic_id)
    last = found.entries[-1].payment_id if found.has_older else None
    if before is not None and not found.entries:
        return redirect(newest, code=303)
    return render_template(
        "payouts/payouts.html",
        clinic=clinics.clinic(clinic_id),
        statement=found,
        newest=newest if before is not None else None,
        older=url_for(".payouts", clinic_id=clinic_id, before=last) if last else None,
        numbers=_numbers(found.entries),
    )


@bp.get("/sales/payouts/<uuid:clinic_id>.csv")
@requires(Permission.ORDER_READ)
def table(clinic_id: UUID) -> ResponseReturnValue:
    """Send it as a table, in minor units."""
    _require_in_charge(clinic_id)
    found = statements.statement(clinic_id)
    numbers = _numbers(found.entries)
    rows = (
        (
            numbers[one.order_id], one.received_at.date().isoformat(), one.price.minor, one.given_back.minor,
            one.fee.minor, one.earned.minor, one.held.minor, one.paid.minor, one.reversed.minor, one.owed.minor,
            one.paid_at.date().isoformat() if one.paid_at else None, one.transfer, one.price.currency,
        )
        for one in found.entries
    )  # fmt: skip
    return tables.download("second-light-payouts.csv", csv_of(_COLUMNS, rows))


@bp.get("/sales/payouts/<uuid:clinic_id>.pdf")
@requires(Permission.ORDER_READ)
def pdf(clinic_id: UUID) -> ResponseReturnValue:
    """Send it as a PDF."""
    _require_in_charge(clinic_id)
    found = statements.statement(clinic_id)
    drawn = payouts_pdf.drawn(
        found, clinic_name=clinics.clinic(clinic_id).legal_name, numbers=_numbers(found.entries), day=clock.now().date()
    )
    response = Response(drawn, mimetype="application/pdf")
    response.headers["Content-Disposition"] = 'inline; filename="second-light-payouts.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _require_in_charge(clinic_id: UUID) -> None:
    clinics.require_role(user_id=me().id, clinic_id=clinic_id, roles=_IN_CHARGE)


def _numbers(entries: Iterable[statements.Entry]) -> dict[UUID, int]:
    return orders.numbers_of({entry.order_id for entry in entries})
