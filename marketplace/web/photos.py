"""Where the files of a photo are found, for the `photo` macro."""

from dataclasses import dataclass

ADDRESS = "/photos/"


@dataclass(frozen=True, slots=True)
class ShownPhoto:
    """What the `photo` macro takes: addresses of the small and the large size, each in two formats."""

    jpg: str
    webp: str
    jpg_large: str
    webp_large: str
    alt: str


def shown(stem: str, alternative_text: str) -> ShownPhoto:
    """Return the addresses of a photo's files; the sizes are those of `listings.images.SIZES`."""
    base = f"{ADDRESS}{stem}"
    return ShownPhoto(f"{base}-480.jpg", f"{base}-480.webp", f"{base}-1280.jpg", f"{base}-1280.webp", alternative_text)
