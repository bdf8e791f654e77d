"""The finance desk: what needs a person, where the books differ, the ledger line by line, the money day by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ...accounts.access import Permission
from ...kernel import clock
from ...kernel.spreadsheets import csv_of
from ...orders import queries as orders
from ...orders import receiving
from ...payments import desk
from ...payments.amounts import Account
from .. import tables
from ..access import requires

bp = Blueprint("staff_finance", __name__)

SHOWN_DAYS = 30
_GONE_SHOWN = timedelta(days=7)
TASKS = {
    desk.TaskKind.DECIDE: ("wrong", "decide now"),
    desk.TaskKind.FROZEN: ("wrong", "stands still"),
    desk.TaskKind.BLOCKED: ("wrong", "blocked"),
    desk.TaskKind.PARTIAL_WIRE: ("not_yet", "in part"),
    desk.TaskKind.SURPLUS: ("not_yet", "too much came"),
    desk.TaskKind.HELD_LONG: ("not_yet", "held for long"),
}


@bp.get("/staff/finance")
@requires(Permission.MONEY_READ)
def finance() -> ResponseReturnValue:
    """Show what waits for a person, what differs, the balances, and what moved lately."""
    at = clock.now()
    tasks, findings = desk.tasks(at=at), desk.findings(gone_since=at - _GONE_SHOWN)
    days = desk.days(last=at.date(), count=SHOWN_DAYS)
    return render_template(
        "staff/finance.html",
        tasks=tasks,
        kinds=TASKS,
        findings=findings,
        doubts=receiving.open_doubts(),
        balances=[(account.replace("_", " ").capitalize(), amount) for account, amount in desk.balances()],
        days=days,
        chart=chart_of(days),
        numbers=orders.numbers_of(
            {task.order_id for task in tasks} | {one.order_id for one in findings if one.order_id is not None}
        ),
    )


@bp.get("/staff/finance/days.csv")
@requires(Permission.MONEY_READ)
def days_csv() -> ResponseReturnValue:
    """Send the daily totals as a table, in minor units."""
    header = ("day", "received", "to_sellers", "given_back", "fees", "currency")
    rows = (
        (
            one.day.isoformat(), one.received.minor, one.to_sellers.minor, one.given_back.minor, one.fees.minor,
            one.received.currency,
        )
        for one in desk.days(last=clock.now().date(), count=SHOWN_DAYS)
    )  # fmt: skip
    return tables.download("second-light-days.csv", csv_of(header, rows))


@bp.get("/staff/finance/ledger")
@requires(Permission.MONEY_READ)
def ledger() -> ResponseReturnValue:
    """Show the books, the newest line first, maybe only what touches one account."""
    account = request.args.get("account", type=Account)
    before = request.args.get("before", type=UUID)
    found, more = desk.lines(account=account, before=before)
    if before is not None and not found:
        return redirect(url_for(".ledger", account=account), code=303)
    return render_template(
        "staff/ledger.html",
        lines=found,
        accounts=list(Account),
        account=account,
        older=url_for(".ledger", account=account, before=found[-1].id) if more else None,
        newest=url_for(".ledger", account=account) if before is not None else None,
        numbers=orders.numbers_of({one.order_id for one in found}),
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's bar in the chart: what came in stands above the line, what went out hangs below it."""

    x: int
    up: int
    down: int


STEP, HALF = 24, 80


def chart_of(days: Sequence[desk.Day]) -> list[Bar]:
    """Return the bars of the days, the largest amount as high as there is room."""
    came = [day.received.minor for day in days]
    went = [day.to_sellers.minor + day.given_back.minor for day in days]
    most = max([*came, *went, 1])
    return [
        Bar(x=number * STEP, up=up * HALF // most, down=down * HALF // most)
        for number, (up, down) in enumerate(zip(came, went, strict=True))
    ]
