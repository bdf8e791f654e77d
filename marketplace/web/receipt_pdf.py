"""Receipts and reports on paper: the lines of their pages, set by reportlab with the fonts that it brings along."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from xml.sax.saxutils import escape

from ..kernel.days import written


@dataclass(frozen=True, slots=True)
class Line:
    """One thing and what it is."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a heading."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """
    A gate receipt as page and PDF write it.

    `intact`: what is kept is what was kept; `address`: where it is checked.
    """

    code: str
    cleared: bool
    intact: bool
    restriction: str | None
    answered: str
    decided_at: datetime
    valid_until: datetime | None
    sections: tuple[Section, ...]
    digest: str
    address: str


def drawn(paper: Paper) -> bytes:
    """Return a gate receipt as a PDF."""
    return set_in_type(
        heading="Second Light: gate receipt",
        title=f"Gate receipt {paper.code}",
        head=head_of(paper),
        sections=paper.sections,
        foot="Reference rules are not legal advice.",
    )


def set_in_type(
    *, heading: str, title: str, head: tuple[Line, ...] = (), sections: Sequence[Section], foot: str
) -> bytes:
    """Return a receipt or report as a PDF of A4 pages, the same bytes for the same words."""
    # Imported where it is used: most processes never draw one, and it takes a while.
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

    for name, file in (("Vera", "Vera.ttf"), ("VeraBd", "VeraBd.ttf")):
        pdfmetrics.registerFont(TTFont(name, file))
    text = ParagraphStyle("text", fontName="Vera", fontSize=8.5, leading=12)
    label = ParagraphStyle("label", parent=text, fontName="VeraBd")
    part = ParagraphStyle("part", parent=text, fontName="VeraBd", fontSize=11, leading=15, spaceBefore=10)
    top = ParagraphStyle("top", parent=part, fontSize=16, leading=22)

    def said(words: str, style: ParagraphStyle = text) -> Paragraph:
        # Lines that somebody wrote stay lines.
        return Paragraph("<br/>".join(escape(words).splitlines()), style)

    def table(lines: tuple[Line, ...]) -> Table:
        rows = [[said(line.label, label), said(line.text)] for line in lines]
        # A row may be longer than a page: what a seller says of a unit can be.
        return Table(rows, colWidths=[42 * mm, 132 * mm], style=[("VALIGN", (0, 0), (-1, -1), "TOP")], splitInRow=1)

    story = [said(heading, top)]
    if head:
        story.append(table(head))
    for section in sections:
        story += [said(section.title, part), table(section.lines)]
    story.append(said(foot))
    buffer = BytesIO()
    SimpleDocTemplate(
        buffer,
        pagesize=A4,
        title=title,
        author="Second Light",
        lang="en",
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=16 * mm,
        bottomMargin=16 * mm,
        invariant=1,
    ).build(story)
    return buffer.getvalue()


def head_of(paper: Paper) -> tuple[Line, ...]:
    """Return the lines that come first: the answer, its moment, and how to check it."""
    lines = [
        Line("Answer", "cleared" if paper.cleared else "not cleared"),
        Line(paper.answered, moment(paper.decided_at)),
    ]
    if paper.valid_until:
        lines.append(Line("Could hold until", moment(paper.valid_until)))
    if paper.restriction:
        lines.append(Line("Use restriction, signed", paper.restriction))
    lines += [
        Line("Verification code", paper.code),
        Line("Check it at", paper.address),
        Line("SHA-256 of the whole", paper.digest),
        Line("Kept unchanged", "yes" if paper.intact else "NO: what is kept is not what was kept"),
    ]
    return tuple(lines)


def moment(at: datetime) -> str:
    """Write a moment to the second, with its zone."""
    return f"{written(at)}, {at:%H:%M:%S} {at.tzname()}"
