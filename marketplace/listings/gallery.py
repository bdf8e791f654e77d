"""The photos of a draft: sent several at once, described, put in order, tried again, removed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from .. import queue
from ..documents.contents import NotTaken
from ..documents.service import shown_name
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Invalid, NotFound
from . import darkroom, headers
from .drafting import draft_of, take_out
from .headers import Header
from .images import PhotoRefused
from .models import Listing, Photo
from .ports import OriginalStore, PhotoStore
from .shots import ASKED
from .states import PHOTO, PhotoEvent, PhotoState
from .terms import Shot

MOST_PHOTOS = 12
_BEHIND_ALL_ELSE = -10
"""The priority of the jobs: money and mail never wait for more than the photos that are under way."""


class Sent(NamedTuple):
    """A file as it was sent, and which of the needed shots it is, if that was said."""

    filename: str
    content: bytes
    shows: tuple[Shot, ...] = ()


@dataclass(frozen=True, slots=True)
class Added:
    """How many photos are in work now, and of the files that were not taken, why."""

    number: int
    refusals: tuple[str, ...]


def add(
    *,
    listing_id: UUID,
    actor_id: UUID,
    files: Sequence[tuple[str, bytes] | Sent],
    at: datetime,
    screen_of: UUID | None = None,
) -> Added:
    """
    Take photos in, given as pairs of file name and content or as `Sent`, behind those there are.

    The worker makes them anew; here each is only looked at: its kind, its size and what its header says. The bytes are
    kept before the rows: files without a row are harmless, rows without files are not. With `screen_of`, the id of a
    counter or of a handpiece that counts, it is one photo: that of its screen.

    :raises NotFound: it is not the person's draft, or it has no such counter
    :raises Conflict: it is no longer a draft
    :raises Invalid: there would be too many, or none of them can be used
    """
    if screen_of is not None and len(files) != 1:
        raise Invalid("Choose one photo of the screen.", field="photos")
    with unit_of_work():
        _require_room(draft_of(listing_id, actor_id), len(files))
    taken, refusals = [], []
    for file in (Sent(*given) for given in files):
        filename = shown_name(file.filename)
        try:
            taken.append((uuid4(), filename, headers.look(file.content), file))
        except NotTaken as refusal:
            refusals.append(f"{filename} {refusal}.")
    if not taken:
        raise PhotoRefused(" ".join(refusals), field="photos")
    originals = adapter_of(OriginalStore)
    for key, _, _, file in taken:
        originals.put(_stem(key), file.content)
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        _require_room(listing, len(taken))  # Another tab may have added some while these were looked at.
        for key, filename, header, file in taken:
            said = ", ".join(ASKED[shot] for shot in file.shows)
            words = f": {said}" if said else f", photo {len(listing.photos) + 1}"
            photo = Photo(
                position=len(listing.photos) + 1,
                shows=sorted(file.shows),
                added_at=at,
                alternative_text=listing.title + words,
                state=PhotoState.WAITING,
            )
            _take_in(photo, key, filename, header)
            listing.photos.append(photo)
        db.session.flush()
        if screen_of is not None:
            part = _tie(listing, photo, screen_of)
            photo.alternative_text = f"The screen with the counter of {part}"
        for photo in listing.photos[-len(taken) :]:
            _promise(photo)
    return Added(len(taken), tuple(refusals))


def try_again(*, listing_id: UUID, actor_id: UUID, photo_id: UUID, at: datetime) -> None:
    """
    Let the worker open a file once more that it could not open.

    :raises NotFound: it is not the person's draft, or it has no such photo
    :raises Conflict: it is no longer a draft, or the photo is ready, in work, or refused for what it is
    """
    with unit_of_work():
        photo = _photo_of(draft_of(listing_id, actor_id), photo_id)
        darkroom.change(photo, PhotoEvent.TRIED_AGAIN, actor_id=actor_id, at=at)
        _promise(photo)


def replace(*, listing_id: UUID, actor_id: UUID, photo_id: UUID, file: tuple[str, bytes], at: datetime) -> None:
    """
    Send another file for a photo that was refused; its place and its words stay.

    :raises NotFound: it is not the person's draft, or it has no such photo
    :raises Conflict: it is no longer a draft, or the photo is ready or in work
    :raises PhotoRefused: this file cannot be used either
    """
    name, content = file
    filename = shown_name(name)
    with unit_of_work():
        PHOTO.after(_photo_of(draft_of(listing_id, actor_id), photo_id).state, PhotoEvent.REPLACED)
    try:
        header = headers.look(content)
    except NotTaken as refusal:
        raise PhotoRefused(f"{filename} {refusal}.", field="photo") from refusal
    key = uuid4()
    adapter_of(OriginalStore).put(_stem(key), content)
    with unit_of_work():
        photo = _photo_of(draft_of(listing_id, actor_id), photo_id)
        before = photo.storage_key
        _take_in(photo, key, filename, header)
        photo.added_at = at
        darkroom.change(photo, PhotoEvent.REPLACED, actor_id=actor_id, at=at)
        _promise(photo)
    darkroom.forget_files(before)


def describe(
    *,
    listing_id: UUID,
    actor_id: UUID,
    photo_id: UUID,
    alternative_text: str,
    shows: Collection[Shot] = (),
    screen_of: UUID | None = None,
) -> None:
    """
    Say what a photo shows: in words for those who cannot see it, which of the needed shots it is, and whose screen.

    Each counter has one such photo; what is said last holds.

    :raises NotFound: it is not the person's draft, or it has no such photo
    :raises Conflict: it is no longer a draft
    :raises Invalid: nothing was said
    """
    words = alternative_text.strip()
    if not words:
        raise Invalid("Say in a few words what the photo shows.", field="alternative_text")
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        photo = _photo_of(listing, photo_id)
        photo.alternative_text = words
        photo.shows = sorted(set(shows))
        photo.counter_id = photo.handpiece_id = None
        if screen_of is not None:
            _tie(listing, photo, screen_of)


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
        take_out(listing.photos, photo)
    darkroom.forget_files(stem)


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


def _take_in(photo: Photo, key: UUID, filename: str, header: Header) -> None:
    # A new name each time: pages may keep what they found under one for ever.
    photo.storage_key = _stem(key)
    photo.filename = filename
    photo.width, photo.height = header.width, header.height


def _tie(listing: Listing, photo: Photo, part_id: UUID) -> str:
    """Let a photo be that of the screen of one counter, instead of any other; return what counts."""
    counters = {counter.id: counter.part for counter in listing.counters}
    parts = {part.id: part.name for part in listing.handpieces if part.counter_value is not None}
    if part_id not in {*counters, *parts}:
        raise NotFound("This device has no such counter.")
    for other in listing.photos:
        if part_id in {other.counter_id, other.handpiece_id}:
            other.counter_id = other.handpiece_id = None
    db.session.flush()  # The one before lets go first.
    photo.counter_id = part_id if part_id in counters else None
    photo.handpiece_id = part_id if part_id in parts else None
    photo.shows = sorted({*photo.shows, Shot.COUNTER_SCREEN})
    return {**counters, **parts}[part_id]


def _promise(photo: Photo) -> None:
    # One after another those of a unit: whoever sends many does not take all the worker's hands.
    queue.promise("make_photo", lock=f"photos:{photo.listing_id}", priority=_BEHIND_ALL_ELSE, photo_id=str(photo.id))


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
