"""What a handpiece emits, as far as its model and its modality tell. Pure."""

from collections.abc import Iterable, Sequence

Pair = tuple[float, float]

NEAR_NM = 1.0  # Sources write the ruby line as 694 and as 694.3 nm.


def emitted(
    *, modality: str, usual: Sequence[Pair], model_modalities: Sequence[str], model: Sequence[Pair]
) -> tuple[Pair, ...]:
    """
    Return the bands, in nm, of a handpiece of `modality` on a model.

    `usual` are the modality's own bands, `model` those the source names for the whole model. A model of one modality
    emits exactly what its source names; of several, each gets the named bands that are its kind. Where the source
    names none, the modality's own are the best that is known.
    """
    if list(model_modalities) == [modality] and model:
        return tuple(model)
    named = tuple(band for band in model if any(_alike(band, own) for own in usual))
    return named or tuple(usual)


def read_bands(text: str) -> tuple[Pair, ...]:
    """
    Read "755;1064" or "400-1200;1064" as pairs of ends; a line has equal ends.

    :raises ValueError: a part is not a number, or a range runs backwards
    """
    return tuple(_pair(part.strip()) for part in text.split(";") if part.strip())


def numbers(bands: Iterable[Pair]) -> list[str]:
    """Return the wavelengths as people type them into a search: "755", "1064"."""
    return list(dict.fromkeys(f"{end:.0f}" for band in bands for end in band))


def _pair(part: str) -> Pair:
    low, dash, high = part.partition("-")
    ends = (float(low), float(high)) if dash else (float(low), float(low))
    if not 100 <= ends[0] <= ends[1] <= 20_000:
        raise ValueError(part)
    return ends


def _alike(band: Pair, own: Pair) -> bool:
    if own[0] == own[1]:
        return band[0] == band[1] and abs(band[0] - own[0]) <= NEAR_NM
    return band[0] < band[1] and band[0] <= own[1] and own[0] <= band[1]
