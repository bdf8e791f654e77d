"""Drawn photos: our own pictures of consoles, handpieces and certificates, different for every model."""

import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1280, 960
_SMOOTH = 2  # Drawn twice as large and reduced, so that edges are smooth.
_UNIT_PHOTO = 0.75  # 960 pixels wide, which fills its frame: preparing photos is a third of what furnishing takes.

_GROUNDS = ("#e9ebe6", "#e6e9ec", "#ece8e3", "#e4eae8", "#ebe7ec")
_BODIES = (
    ("#f8f8f5", "#6f7774", "#c7cbc8"),
    ("#f3f6f8", "#5d6b78", "#bfcad3"),
    ("#f7f4ef", "#7b7063", "#d3cabd"),
    ("#eef3f1", "#577068", "#bccdc6"),
    ("#f4f2f6", "#6c6478", "#cbc5d4"),
)
_INK = "#3c4447"

# The colour a handpiece is marked with: light in its own colour, the rest in greys.
_MARKS = {
    "KTP": "#3da35d",
    "PDL": "#e0b01f",
    "RUBY": "#c2182b",
    "ALEX": "#7d0f24",
    "PICO": "#2f6f8f",
    "IPL": "#e07a1f",
    "DIODE_HR": "#5a1230",
    "NDYAG_LP": "#4b4560",
    "NDYAG_QS": "#4b4560",
    "CO2": "#74808a",
    "CO2_FRAC": "#74808a",
    "CRYO": "#6aa6c8",
    "HIFU": "#8a8f6a",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is in the picture."""

    maker: str
    model: str
    modalities: tuple[str, ...]

    @property
    def seed(self) -> bytes:
        """Numbers that are always the same for this model and differ between models."""
        return hashlib.sha256(f"{self.maker}|{self.model}".encode()).digest()


def console(subject: Subject) -> Image.Image:
    """Draw the whole unit with its handpieces hung up."""
    pen = _Pen(subject)
    seed = subject.seed
    body, edge, panel = _BODIES[seed[1] % len(_BODIES)]
    width, height = 320 + seed[2] % 130, 520 + seed[3] % 150
    left, bottom = 640 - width // 2 - 130, 830
    top = bottom - height
    pen.shadow(left - 30, bottom + 28, left + width + 30)
    for offset in (0.14, 0.86):
        pen.circle(left + width * offset, bottom + 18, 22, fill=edge)
    pen.box(left, top, left + width, bottom, radius=18 + seed[4] % 30, fill=body, edge=edge, line=7)
    _screen(pen, subject, (left, top, width), edge, panel)
    _vents(pen, (left, bottom, width), edge, lines=2 + seed[5] % 4)
    pen.box(left + 26, top + height * 0.5, left + width - 26, top + height * 0.5 + 34, radius=6, fill=panel)
    pen.words(left + width / 2, top + height * 0.5 + 17, subject.model[:20], size=24, fill=_INK)
    for number, modality in enumerate(subject.modalities[:4]):
        _hang(pen, modality, start=(left + width, top + 60 + number * 46), number=number, edge=edge)
    return pen.image()


def handpieces(subject: Subject) -> Image.Image:
    """Draw the handpieces side by side on a tray."""
    pen = _Pen(subject)
    seed = subject.seed
    body, edge, panel = _BODIES[seed[1] % len(_BODIES)]
    pen.box(140, 250, 1140, 760, radius=26, fill=panel, edge=edge, line=5)
    shown = subject.modalities[:4] or ("",)
    for number, modality in enumerate(shown):
        centre = 140 + 1000 * (number + 0.5) / len(shown)
        _handpiece(pen, modality, at=(centre, 320), scale=1.9, body=body, edge=edge)
        pen.words(centre, 715, modality.replace("_", " "), size=26, fill=_INK)
    return pen.image()


def document(lines: Sequence[str], *, title: str) -> Image.Image:
    """Draw a scanned certificate; across it stands that it is a specimen."""
    pen = _Pen(Subject(title, "", ()), ground="#f7f5ee", scale=1.0)
    pen.box(60, 50, 1220, 910, radius=6, fill="#fffdf6", edge="#b59f63", line=8)
    pen.box(84, 74, 1196, 886, radius=4, fill=None, edge="#d8c99a", line=2)
    pen.words(640, 150, title, size=40, fill=_INK)
    for number, line in enumerate(lines):
        pen.words(640, 260 + number * 62, line, size=32, fill=_INK)
    pen.ring(1060, 760, 74, "#b59f63")
    pen.words(420, 800, "SPECIMEN FOR DEMONSTRATION", size=30, fill="#a80f37")
    return pen.image()


def encoded(image: Image.Image) -> bytes:
    """Return the picture as a JPEG's bytes."""
    held = io.BytesIO()
    image.save(held, "JPEG", quality=86)
    return held.getvalue()


def _screen(pen: "_Pen", subject: Subject, place: tuple[float, float, int], edge: str, panel: str) -> None:
    left, top, width = place
    tilt = subject.seed[6] % 3
    height = 120 + subject.seed[7] % 60
    pen.box(left + 24, top + 28, left + width - 24, top + 28 + height, radius=10, fill=panel, edge=edge, line=4)
    if tilt == 0:
        for number in range(4):
            pen.box(left + 44 + number * 38, top + 50, left + 70 + number * 38, top + 76, radius=5, fill="#f4f6f5")
    elif tilt == 1:
        pen.wave((left + 44, top + 28 + height / 2), length=width - 88, height=height / 5, fill="#f4f6f5")
    else:
        pen.words(left + width / 2, top + 28 + height / 2, "READY", size=28, fill="#f4f6f5")


def _vents(pen: "_Pen", place: tuple[float, float, int], edge: str, *, lines: int) -> None:
    left, bottom, width = place
    for number in range(lines):
        pen.line([(left + 44, bottom - 46 - number * 24), (left + width - 44, bottom - 46 - number * 24)], edge, 7)


def _hang(pen: "_Pen", modality: str, *, start: tuple[float, float], number: int, edge: str) -> None:
    x, y = start
    end = (x + 110 + number * 92, 520 + number * 38)
    if modality in {"CO2", "CO2_FRAC", "ER_YAG", "ER_YAG_FRAC"}:
        # Far-infrared light travels through mirrors in an arm, not through a fibre.
        knees = [(x - 40, y), (x + 60, y - 190), (end[0] + 20, y - 150), (end[0], end[1])]
        pen.line(knees, edge, 13)
        for knee in knees[1:3]:
            pen.circle(*knee, 17, fill=edge)
    else:
        pen.cable(start, end, edge)
    _handpiece(pen, modality, at=end, scale=1.0, body="#e4e8e6", edge=edge)


def _handpiece(pen: "_Pen", modality: str, *, at: tuple[float, float], scale: float, body: str, edge: str) -> None:
    x, y = at
    half, length = 34 * scale, 150 * scale
    mark = _MARKS.get(modality, "#8d9692")
    if modality in {"IPL", "DIODE_HR", "CRYO", "ELOS_IPL_RF", "DIODE_LIPO"}:
        pen.box(x - half * 1.3, y, x + half * 1.3, y + length * 0.8, radius=16 * scale, fill=body, edge=edge, line=5)
        pen.box(x - half, y + length * 0.8, x + half, y + length * 1.05, radius=4, fill=mark)
    elif modality in {"RF_NEEDLE", "RF_FRAC", "RF_MONOPOLAR", "RF_BIPOLAR", "RF_BODY", "HIFU", "EMS"}:
        pen.box(x - half, y, x + half, y + length * 0.7, radius=22 * scale, fill=body, edge=edge, line=5)
        pen.circle(x, y + length * 0.9, half * 1.2, fill=mark)
    else:
        pen.box(x - half * 0.7, y, x + half * 0.7, y + length, radius=20 * scale, fill=body, edge=edge, line=5)
        pen.triangle(x, y + length, half * 0.7, mark)


@cache
def _letters(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # Unpacked anew each time, which takes longer than to write a word.


class _Pen:
    """Draws in units of which WIDTH and HEIGHT are the picture, on a ground chosen for the subject."""

    def __init__(self, subject: Subject, *, ground: str | None = None, scale: float = _UNIT_PHOTO) -> None:
        chosen = ground or _GROUNDS[subject.seed[0] % len(_GROUNDS)]
        self._fine = scale * _SMOOTH
        self._image = Image.new("RGB", (round(WIDTH * self._fine), round(HEIGHT * self._fine)), chosen)
        self._draw = ImageDraw.Draw(self._image)

    def image(self) -> Image.Image:
        return self._image.reduce(_SMOOTH)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        *,
        radius: float,
        fill: str | None,
        edge: str | None = None,
        line: int = 0,
    ) -> None:
        corners = [value * self._fine for value in (left, top, right, bottom)]
        self._draw.rounded_rectangle(
            corners, radius * self._fine, fill=fill, outline=edge, width=round(line * self._fine)
        )

    def circle(self, x: float, y: float, radius: float, *, fill: str) -> None:
        self._draw.ellipse(
            [value * self._fine for value in (x - radius, y - radius, x + radius, y + radius)], fill=fill
        )

    def ring(self, x: float, y: float, radius: float, colour: str) -> None:
        for size in (radius, radius * 0.8):
            corners = [value * self._fine for value in (x - size, y - size, x + size, y + size)]
            self._draw.ellipse(corners, outline=colour, width=round(5 * self._fine))

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: int) -> None:
        drawn = [(x * self._fine, y * self._fine) for x, y in points]
        self._draw.line(drawn, fill=colour, width=round(width * self._fine), joint="curve")

    def cable(self, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
        reach = end[0] - start[0]
        points = []
        for step in range(41):
            along = step / 40
            rise = math.sin(along * math.pi) * 150
            points.append((start[0] + reach * along, start[1] + (end[1] - start[1]) * along**2 - rise))
        self.line(points, colour, 11)

    def wave(self, start: tuple[float, float], *, length: float, height: float, fill: str) -> None:
        points = [(start[0] + length * step / 40, start[1] + math.sin(step / 3) * height) for step in range(41)]
        self.line(points, fill, 5)

    def triangle(self, x: float, y: float, half: float, colour: str) -> None:
        self._polygon([(x - half, y), (x + half, y), (x, y + half * 2)], colour)

    def shadow(self, left: float, y: float, right: float) -> None:
        self._draw.ellipse([value * self._fine for value in (left, y, right, y + 26)], fill="#d3d6d2")

    def words(self, x: float, y: float, text: str, *, size: int, fill: str) -> None:
        self._draw.text(
            (x * self._fine, y * self._fine), text, font=_letters(round(size * self._fine)), fill=fill, anchor="mm"
        )

    def _polygon(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        self._draw.polygon([(x * self._fine, y * self._fine) for x, y in points], fill=colour)
