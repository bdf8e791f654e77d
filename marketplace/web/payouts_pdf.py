"""A payout statement on paper, set by reportlab with the fonts that it brings along."""

from collections.abc import Mapping
from datetime import date
from io import BytesIO
from uuid import UUID
from xml.sax.saxutils import escape

from ..kernel.days import written
from ..kernel.money import Money
from ..payments.statements import Entry, Statement

HEADER = (
    "Order", "Received", "Price", "Given back", "Our fee", "Earned", "Held", "Paid", "Taken back", "Owed", "Paid on",
)  # fmt: skip


def drawn(statement: Statement, *, clinic_name: str, numbers: Mapping[UUID, int], day: date) -> bytes:
    """Return the statement as a PDF of A4 pages on their side."""
    # Imported where it is used: most processes never draw one, and it takes a while.
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

    for name, file in (("Vera", "Vera.ttf"), ("VeraBd", "VeraBd.ttf")):
        pdfmetrics.registerFont(TTFont(name, file))
    text = ParagraphStyle("text", fontName="Vera", fontSize=9, leading=13, spaceAfter=8)
    title = ParagraphStyle("title", parent=text, fontName="VeraBd", fontSize=16, leading=22)
    rows = table_of(statement, numbers)
    lines = Table(
        rows,
        colWidths=[16 * mm, 24 * mm, *[26 * mm] * 8, 24 * mm],
        repeatRows=1,
        style=[
            ("FONT", (0, 0), (-1, -1), "Vera", 8),
            ("FONT", (0, 0), (-1, 0), "VeraBd", 8),
            ("FONT", (0, -1), (-1, -1), "VeraBd", 8),
            ("ALIGN", (2, 0), (9, -1), "RIGHT"),
            ("LINEBELOW", (0, 0), (-1, 0), 0.5, "black"),
            ("LINEABOVE", (0, -1), (-1, -1), 0.5, "black"),
        ],
    )
    buffer = BytesIO()
    SimpleDocTemplate(
        buffer,
        pagesize=landscape(A4),
        title="Payout statement",
        author="Second Light",
        lang="en",
        leftMargin=12 * mm,
        rightMargin=12 * mm,
        topMargin=14 * mm,
        bottomMargin=14 * mm,
        invariant=1,
    ).build(
        [
            Paragraph("Second Light: payout statement", title),
            Paragraph(escape(f"{clinic_name}, as of {written(day)}. Payments are held until acceptance."), text),
            lines,
        ]
    )
    return buffer.getvalue()


def table_of(statement: Statement, numbers: Mapping[UUID, int]) -> list[tuple[str, ...]]:
    """Return the lines of the paper: its header, each order, and the sums."""

    def figures(one: Entry) -> tuple[Money, ...]:
        return one.price, one.given_back, one.fee, one.earned, one.held, one.paid, one.reversed, one.owed

    entries = [
        (
            str(numbers[one.order_id]),
            written(one.received_at),
            *(str(one_of) for one_of in figures(one)),
            written(one.paid_at) if one.paid_at else "not yet",
        )
        for one in statement.entries
    ]
    sums = statement.totals
    total = (
        "Total",
        "",
        str(sums["price"]),
        str(sums["given_back"]),
        "",
        *(str(sums[name]) for name in ("earned", "held", "paid", "reversed", "owed")),
        "",
    )
    return [HEADER, *entries, total]
