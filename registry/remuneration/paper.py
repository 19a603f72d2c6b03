"""A letter with facts and a table as PDF, for printing and keeping. The same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table

from registry.core.errors import InvalidInput

MAX_ROWS = 5000
"""About 150 pages; beyond that a table file serves better."""
_PLAIN, _BOLD = "Vera", "VeraBd"


@dataclass(frozen=True, slots=True)
class Paper:
    """What a letter says. All texts are plain: what looks like markup is printed as it stands."""

    title: str
    facts: Sequence[tuple[str, str]]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]
    """Parts of the page's width, together 1."""
    notes: Sequence[str] = ()


def to_pdf(paper: Paper) -> bytes:
    """The letter on A4, its table's head on every page; `InvalidInput` if the table is longer than a letter should be.

    A character that the font (Bitstream Vera: Latin letters) does not have is printed as a question mark.
    """
    if len(paper.rows) > MAX_ROWS:
        raise InvalidInput(
            f"A letter has at most {MAX_ROWS:,} lines, this one {len(paper.rows):,}: take the table."
        )
    _fonts()
    width = A4[0] - 40 * mm
    facts = Table(
        [[_text(label, bold=True), _text(value)] for label, value in paper.facts],
        colWidths=[width * 0.4, width * 0.6],
        style=[("VALIGN", (0, 0), (-1, -1), "TOP")],
    )
    parts: list[Any] = [_text(paper.title, bold=True, size=16), Spacer(0, 8 * mm), facts, Spacer(0, 6 * mm)]
    if paper.rows:
        cells = [[_text(word, bold=True, size=8) for word in paper.columns]]
        cells += [[_text(value, size=8) for value in row] for row in paper.rows]
        line = ("LINEBELOW", (0, 0), (-1, -1), 0.25, "#888888")
        columns = [width * part for part in paper.widths]
        parts.append(
            Table(cells, colWidths=columns, repeatRows=1, style=[line, ("VALIGN", (0, 0), (-1, -1), "TOP")])
        )
    for note in paper.notes:
        parts += [Spacer(0, 4 * mm), _text(note)]
    out = BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=A4, title=paper.title, invariant=1, leftMargin=20 * mm, rightMargin=20 * mm
    )
    document.build(parts, onFirstPage=_number, onLaterPages=_number)
    return out.getvalue()


def _number(canvas: Any, document: Any) -> None:
    canvas.setFont(_PLAIN, 8)
    canvas.drawRightString(A4[0] - 20 * mm, 12 * mm, str(document.page))


def _text(text: str, *, bold: bool = False, size: int = 10) -> Any:
    font = _BOLD if bold else _PLAIN
    glyphs = pdfmetrics.getFont(font).face.charToGlyph
    shown = "".join(letter if ord(letter) in glyphs else "?" for letter in text)
    style = ParagraphStyle("text", fontName=font, fontSize=size, leading=size * 1.35, splitLongWords=1)
    return Paragraph(escape(shown), style)


@cache
def _fonts() -> None:
    for name in (_PLAIN, _BOLD):
        pdfmetrics.registerFont(TTFont(name, str(files("reportlab").joinpath(f"fonts/{name}.ttf"))))
