"""The photos of a draft: added several at once, described, put in order, removed."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from ..extensions import adapter_of, unit_of_work
from ..kernel.errors import Invalid, NotFound
from .drafting import draft_of
from .images import FORMATS, SIZES, prepare
from .models import Listing, Photo
from .ports import PhotoStore
from .terms import Shot

MOST_PHOTOS = 12


def add(*, listing_id: UUID, actor_id: UUID, files: Sequence[tuple[str, bytes]], at: datetime) -> int:
    """
    Add photos, given as pairs of file name and content, behind those there are; return how many. All or none.

    The bytes are made anew and kept before the rows: files without a row are harmless, rows without files are not.

    :raises NotFound: it is not the person's draft
    :raises Conflict: it is no longer a draft
    :raises Invalid: there would be too many, or one of them cannot be used
    """
    with unit_of_work():
        _require_room(draft_of(listing_id, actor_id), len(files))
    made = [(uuid4(), prepare(content, filename=filename)) for filename, content in files]
    store = adapter_of(PhotoStore)
    for key, prepared in made:
        for ending, content in prepared.files.items():
            store.put(_stem(key) + ending, content)
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        _require_room(listing, len(files))  # Another tab may have added some while these were made.
        for key, prepared in made:
            listing.photos.append(
                Photo(
                    position=len(listing.photos) + 1,
                    shows=[],
                    added_at=at,
                    storage_key=_stem(key),
                    alternative_text=f"{listing.title}, photo {len(listing.photos) + 1}",
                    width=prepared.width,
                    height=prepared.height,
                    digest=prepared.digest,
                )
            )
    return len(made)


def describe(
    *, listing_id: UUID, actor_id: UUID, photo_id: UUID, alternative_text: str, shows: Collection[Shot] = ()
) -> None:
    """
    Say what a photo shows: in words for those who cannot see it, and which of the needed shots it is.

    :raises NotFound: it is not the person's draft, or it has no such photo
    :raises Conflict: it is no longer a draft
    :raises Invalid: nothing was said
    """
    words = alternative_text.strip()
    if not words:
        raise Invalid("Say in a few words what the photo shows.", field="alternative_text")
    with unit_of_work():
        photo = _photo_of(draft_of(listing_id, actor_id), photo_id)
        photo.alternative_text = words
        photo.shows = sorted(set(shows))


def move(*, listing_id: UUID, actor_id: UUID, photo_id: UUID, earlier: bool) -> None:
    """
    Put a photo one place earlier or later; at the end of the row it stays where it is.

    :raises NotFound: it is not the person's draft, or it has no such photo
    :raises Conflict: it is no longer a draft
    """
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        order = list(listing.photos)
        place = order.index(_photo_of(listing, photo_id))
        other = place - 1 if earlier else place + 1
        if 0 <= other < len(order):
            order[place].position, order[other].position = order[other].position, order[place].position


def remove(*, listing_id: UUID, actor_id: UUID, photo_id: UUID) -> None:
    """
    Take a photo out of the listing and delete its files.

    :raises NotFound: it is not the person's draft, or it has no such photo
    :raises Conflict: it is no longer a draft
    """
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        photo = _photo_of(listing, photo_id)
        stem = photo.storage_key
        listing.photos.remove(photo)
        for position, rest in enumerate(listing.photos, start=1):
            rest.position = position
    store = adapter_of(PhotoStore)
    for size in SIZES:
        for suffix in FORMATS:
            store.delete(f"{stem}-{size}.{suffix}")


def file(name: str) -> bytes:
    """
    Return one file of a photo by its name, "ab/….-480.webp".

    :raises NotFound: there is none
    """
    try:
        return adapter_of(PhotoStore).get(name)
    except KeyError:
        raise NotFound("There is no such photo.") from None


def _stem(key: UUID) -> str:
    return f"{key.hex[:2]}/{key}"


def _photo_of(listing: Listing, photo_id: UUID) -> Photo:
    for photo in listing.photos:
        if photo.id == photo_id:
            return photo
    raise NotFound("This device has no such photo.")


def _require_room(listing: Listing, more: int) -> None:
    if not more:
        raise Invalid("Choose at least one photo.", field="photos")
    if len(listing.photos) + more > MOST_PHOTOS:
        raise Invalid(f"A device has at most {MOST_PHOTOS} photos here; it has {len(listing.photos)}.", field="photos")
