"""Where photos are made anew out of what was sent: in the worker, each file in a child that may die of it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..documents import isolation
from ..documents.contents import NotTaken
from ..documents.isolation import NotOpened
from ..extensions import adapter_of, db, unit_of_work
from . import images
from .models import Photo
from .ports import OriginalStore, PhotoStore
from .states import PHOTO, PhotoEvent, PhotoState

ORPHANS_ARE_SWEPT_AFTER = timedelta(hours=24)
_MAKE = "marketplace.listings.images:told"
_UNTIL_READY = (PhotoState.WAITING, PhotoState.FAILED)
_CURES = {
    PhotoEvent.REFUSED: "Choose another file.",
    PhotoEvent.GIVEN_UP: "Try again; if that does not help, choose another file.",
}


def make(*, photo_id: UUID, at: datetime) -> None:
    """
    Make the files of a photo that waits, out of what was sent. What does not wait any more is left alone.

    It may be done twice, or begin anew after the worker was killed: the files have the same names, and one of them
    wins. No transaction waits for the child.
    """
    with unit_of_work():
        photo = db.session.get(Photo, photo_id)
        if photo is None or photo.state is not PhotoState.WAITING:
            return
        stem, name = photo.storage_key, photo.filename
    originals = adapter_of(OriginalStore)
    made, event, words = None, PhotoEvent.REFUSED, "did not arrive whole"
    try:
        made = images.understood(*isolation.told(_MAKE, originals.get(stem)))
    except KeyError:
        pass
    except (NotOpened, ValueError):
        event, words = PhotoEvent.GIVEN_UP, "could not be opened safely"
    except NotTaken as refusal:
        words = str(refusal)
    else:
        event = PhotoEvent.MADE
        keep_files(adapter_of(PhotoStore), stem, made)
    with unit_of_work():
        photo = db.session.get(Photo, photo_id, with_for_update=True, populate_existing=True)
        # Its seller may have removed it in the meantime, or another worker may have been quicker.
        there = photo is not None and photo.storage_key == stem
        waits = there and photo is not None and photo.state is PhotoState.WAITING
        if photo is not None and waits:
            why = None if made else f"{name} {words}. {_CURES[event]}"
            change(photo, event, actor_id=None, at=at, made=made, refusal=why)
    if not there:
        forget_files(stem)
    elif waits and event is not PhotoEvent.GIVEN_UP:
        originals.delete(stem)


def change(
    photo: Photo,
    event: PhotoEvent,
    *,
    actor_id: UUID | None,
    at: datetime,
    made: images.Prepared | None = None,
    refusal: str | None = None,
) -> None:
    """
    Let something happen to a photo. A step of the caller's work; the only writer of a photo's state.

    :raises marketplace.kernel.machine.IllegalMove: it cannot happen now
    """
    photo.state = PHOTO.after(photo.state, event)
    photo.refusal = refusal
    if made is not None:
        photo.width, photo.height, photo.digest, photo.filename = made.width, made.height, made.digest, None
    audit.record(
        f"photo:{event}", actor_id=actor_id, subject_type="listing", subject_id=photo.listing_id, at=at, photo=photo.id
    )


def keep_files(store: PhotoStore, stem: str, made: images.Prepared) -> None:
    """Put the files of a photo where pages find them."""
    for ending, content in made.files.items():
        store.put(stem + ending, content)


def forget_files(stem: str) -> None:
    """Delete all that is kept of a photo, wherever it is on its way."""
    adapter_of(OriginalStore).delete(stem)
    store = adapter_of(PhotoStore)
    for ending in images.ENDINGS:
        store.delete(stem + ending)


def sweep(*, at: datetime) -> int:
    """Delete files of photos that no row knows, and originals that nobody waits for, a day after they came."""
    rows = db.session.execute(select(Photo.storage_key, Photo.state))
    known: dict[str, PhotoState] = {row.storage_key: row.state for row in rows}
    waiting = {stem for stem, state in known.items() if state in _UNTIL_READY}
    originals, store = adapter_of(OriginalStore), adapter_of(PhotoStore)
    before = at - ORPHANS_ARE_SWEPT_AFTER
    return _swept(originals, waiting, before) + _swept(store, known, before)


def _swept(store: PhotoStore, wanted: Iterable[str], before: datetime) -> int:
    wanted = set(wanted)
    # A stem is as long as a folder of two signs and a key: "ab/" and 36 more.
    orphans = [name for name, since in store.names() if since < before and name[:39] not in wanted]
    for name in orphans:
        store.delete(name)
    return len(orphans)
