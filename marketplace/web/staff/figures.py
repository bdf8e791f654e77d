"""The figures of the desk: what waits, what was decided, how fast, and who was cured after a refusal."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from ...accounts.access import Permission
from ...credentials.figures import DeskFigures, desk_figures
from ...credentials.standards import standards
from ...eligibility.figures import Funnel, funnel
from ...eligibility.reasons import ReasonCode
from ...kernel import clock
from ...kernel.spreadsheets import csv_of
from .. import tables
from ..access import requires

bp = Blueprint("staff_figures", __name__)

HEIGHT = 120
BAR = 16
"""The chart of decisions, in units of its drawing: its height, and the width of a day."""


@bp.get("/staff/credentials/figures")
@requires(Permission.REVIEW_READ)
def figures() -> ResponseReturnValue:
    """Show the figures."""
    at = clock.now()
    desk, way = desk_figures(at=at), funnel(at=at)
    return render_template(
        "staff/figures.html",
        desk=desk,
        bars=_bars(desk),
        width=BAR * len(desk.days),
        height=HEIGHT,
        funnel=way,
        reasons=[(ReasonCode(code).words, refused, cleared) for code, refused, cleared in way.reasons],
        target=standards().target_working_days,
        standards=standards(),
    )


@bp.get("/staff/credentials/figures.csv")
@requires(Permission.REVIEW_READ)
def sheet() -> ResponseReturnValue:
    """Give the figures as a table."""
    at = clock.now()
    rows = _rows(desk_figures(at=at), funnel(at=at))
    return tables.download("second-light-desk.csv", csv_of(("figure", "of", "number"), rows))


def _rows(desk: DeskFigures, way: Funnel) -> list[tuple[str, str, object]]:
    days = [
        (words, day.day.isoformat(), number)
        for day in desk.days
        for words, number in (("verified", day.verified), ("rejected", day.rejected), ("asked for more", day.asked))
    ]
    return [
        *(("waiting, working days", words, number) for words, number in desk.ages),
        ("late", "waiting", desk.late),
        ("decided", "last 30 days", desk.decided),
        ("decided in time", "last 30 days", desk.in_time),
        ("median working days", "last 30 days", desk.median_days),
        *days,
        *(("rejected because", words, number) for words, number in desk.refusals),
        ("purchases refused", "last 90 days", way.refused),
        ("something handed in", "last 90 days", way.handed_in),
        ("something verified", "last 90 days", way.verified),
        ("cleared later", "last 90 days", way.cleared),
        *(("refused because", code, refused) for code, refused, _ in way.reasons),
        *(("cleared after", code, cleared) for code, _, cleared in way.reasons),
    ]


def _bars(desk: DeskFigures) -> list[tuple[str, int, float, float]]:
    """Return, for each day and kind of decision, its kind, left edge, upper edge and height."""
    most = max((day.verified + day.rejected + day.asked for day in desk.days), default=0) or 1
    bars = []
    for position, day in enumerate(desk.days):
        top = float(HEIGHT)
        for kind, number in (("verified", day.verified), ("rejected", day.rejected), ("asked", day.asked)):
            tall = round(HEIGHT * number / most, 1)
            top -= tall
            if number:
                bars.append((kind, BAR * position, round(top, 1), tall))
    return bars
