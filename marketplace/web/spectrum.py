"""Where wavelengths stand on the spectral bar, and what the bar says in words. Pure geometry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

from .language import gettext
from .phrases import listed

SHORTEST_NM = 400.0
LONGEST_NM = 11_000.0
NARROWEST = 2.2  # Per cent of the bar: a laser line has no width to speak of, but it must be seen on a 230 px card.
TICKS_NM = (400, 755, 1064, 1565, 2940, 10_600)
WIDE_TICKS_NM = {755, 1565}  # Their figures touch their neighbours' on a phone, and are left out there.


@dataclass(frozen=True, slots=True)
class Band:
    """What one source emits: a line (low equals high), a range, or no light at all (both None), in nm."""

    low_nm: float | None
    high_nm: float | None
    label: str = ""

    def __post_init__(self) -> None:
        if (self.low_nm is None) != (self.high_nm is None):
            raise ValueError("a band has two ends or none")
        if self.low_nm is not None and self.high_nm is not None and self.low_nm > self.high_nm:
            raise ValueError(f"a band cannot run from {self.low_nm} down to {self.high_nm} nm")

    @property
    def wavelengths(self) -> str:
        """Write it as the trade does: "755 nm", "400–1,200 nm", "no light"."""
        if self.low_nm is None or self.high_nm is None:
            return gettext("no light")
        if self.low_nm == self.high_nm:
            return f"{self.low_nm:,g} nm"
        return f"{self.low_nm:,g}–{self.high_nm:,g} nm"

    @property
    def words(self) -> str:
        """Name the band: its label, else its wavelengths."""
        return gettext(self.label) if self.label else self.wavelengths


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the bar, in per cent of its length."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Tick:
    """
    A wavelength written under the bar.

    `anchor` keeps the first and the last inside the bar; `wide`: written only where there is room.
    """

    x: float
    text: str
    anchor: str
    wide: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """
    A drawn bar.

    The whole length is painted with the spectrum; `covers` are the stretches where nothing is emitted, laid
    over it. `clearance_covers` do the same for the second row, `holes` are emissions not cleared.
    """

    covers: tuple[Span, ...]
    clearance_covers: tuple[Span, ...] | None
    holes: tuple[Span, ...]
    emits_light: bool
    no_light: tuple[str, ...]
    wavelengths: str
    text: str


Source = Band | Sequence[float] | str
"""A band, a pair of ends in nm, or the name of something that is not light ("radio frequency")."""


def position(nm: float) -> float:
    """Return where `nm` stands from 0 to 100 on the logarithmic scale; beyond the scale is its end."""
    inside = min(max(nm, SHORTEST_NM), LONGEST_NM)
    return 100 * log(inside / SHORTEST_NM) / log(LONGEST_NM / SHORTEST_NM)


def band_of(source: Source) -> Band:
    """
    Read a band from a pair of ends in nm, or from the name of something that is not light.

    :raises ValueError: the ends are the wrong way round, or there are not two
    """
    if isinstance(source, Band):
        return source
    if isinstance(source, str):
        return Band(None, None, source)
    low, high = source
    return Band(low, high)


def span_of(band: Band) -> Span | None:
    """Return the stretch a band is drawn on, wide enough to be seen and inside the bar; None: not light."""
    if band.low_nm is None or band.high_nm is None:
        return None
    start, end = position(band.low_nm), position(band.high_nm)
    short = NARROWEST - (end - start)
    if short > 0:
        start, end = start - short / 2, end + short / 2
    if start < 0:
        start, end = 0.0, max(end, NARROWEST)
    if end > 100:
        start, end = min(start, 100 - NARROWEST), 100.0
    return Span(round(start, 2), round(end - start, 2))


def covers_of(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the stretches of the bar that none of the spans touches."""
    covers, reached = [], 0.0
    for span in sorted(spans, key=lambda span: span.x):
        if span.x > reached:
            covers.append(Span(reached, round(span.x - reached, 2)))
        reached = max(reached, round(span.x + span.width, 2))
    if reached < 100:
        covers.append(Span(reached, round(100 - reached, 2)))
    return tuple(covers)


def is_covered(band: Band, cleared: Iterable[Band]) -> bool:
    """
    Whether the whole band lies within what the person is cleared for.

    Ranges that meet count as one; what is not light is compared by its name.
    """
    if band.low_nm is None or band.high_nm is None:
        return any(other.low_nm is None and other.label == band.label for other in cleared)
    reached = band.low_nm
    for low, high in sorted(_ends(other) for other in cleared if other.low_nm is not None):
        if low <= reached <= high:
            reached = high
            if reached >= band.high_nm:
                return True
    return False


def ticks() -> tuple[Tick, ...]:
    """Return the wavelengths to write under a bar; without the wide ones they do not touch at 230 px."""
    last = len(TICKS_NM) - 1
    anchors = {0: "start", last: "end"}
    return tuple(
        Tick(
            round(100.0 if index == last else position(nm), 2),
            f"{nm:,} nm" if index == 0 else f"{nm:,}",
            anchors.get(index, "middle"),
            wide=nm in WIDE_TICKS_NM,
        )
        for index, nm in enumerate(TICKS_NM)
    )


def draw(emitted: Iterable[Source], cleared: Iterable[Source] | None = None) -> Bar:
    """
    Lay out a bar for what is emitted and, if given, for what the person is cleared for.

    :raises ValueError: a band's ends are the wrong way round
    """
    bands = sorted((band_of(source) for source in emitted), key=lambda band: band.low_nm or LONGEST_NM * 2)
    spans = _spans(bands)
    clearances = None if cleared is None else [band_of(source) for source in cleared]
    missing = [] if clearances is None else [band for band in bands if not is_covered(band, clearances)]
    return Bar(
        covers=covers_of(spans),
        clearance_covers=None if clearances is None else covers_of(_spans(clearances)),
        holes=tuple(_spans(missing)),
        emits_light=bool(spans),
        no_light=tuple(band.words for band in bands if band.low_nm is None),
        wavelengths=_short(bands),
        text=_text(bands, clearances, missing),
    )


def _ends(band: Band) -> tuple[float, float]:
    assert band.low_nm is not None
    assert band.high_nm is not None
    return band.low_nm, band.high_nm


def _spans(bands: Iterable[Band]) -> list[Span]:
    return [span for span in map(span_of, bands) if span is not None]


def _text(bands: Sequence[Band], cleared: Sequence[Band] | None, missing: Sequence[Band]) -> str:
    lit = [band for band in bands if band.low_nm is not None]
    dark = [band for band in bands if band.low_nm is None]
    sentences = []
    if not bands:
        sentences.append(gettext("Wavelength not known."))
    if lit:
        sentences.append(gettext("Emits %(wavelengths)s.", wavelengths=_list(lit)))
    if dark:
        sentences.append(gettext("No light: %(names)s.", names=_list(dark)))
    if cleared is not None and bands:
        sentences.append(
            gettext("You are not cleared for %(wavelengths)s.", wavelengths=_list(missing))
            if missing
            else gettext("You are cleared for all of it.")
        )
    return " ".join(sentences)


def _short(bands: Sequence[Band]) -> str:
    """Write the wavelengths as a caption: "755 · 1,064 nm"."""
    lit = dict.fromkeys(band.wavelengths.removesuffix(" nm") for band in bands if band.low_nm is not None)
    return f"{' · '.join(lit)} nm" if lit else ""


def _list(bands: Sequence[Band]) -> str:
    return listed(dict.fromkeys(band.words for band in bands))
