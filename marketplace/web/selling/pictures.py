"""Step: photos, what they show, and their order."""

from collections.abc import Iterable
from uuid import UUID

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from wtforms import FileField, MultipleFileField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...config import Settings
from ...kernel import clock
from ...listings import gallery, possession, shots
from ...listings.facts import ListingFacts
from ...listings.gallery import Sent
from ...listings.headers import MAX_BYTES
from ...listings.shots import ASKED
from ...listings.states import PHOTO, PhotoState
from ...listings.terms import Shot
from .. import photos
from ..access import me, requires
from ..forms import Form, applied
from ..options import options
from .common import STEPS, ActForm, bp, mine

_SHOT = "shot_"
_BY_SCRIPT = "X-Upload"
"""The header by which a page's script that shows how far the files are is known."""


class PhotosForm(Form):
    """Pictures, several at once; those of needed shots each at its own place."""

    photos = MultipleFileField("Other photos, several at once")


class OtherFileForm(Form):
    """Another file for a picture that was refused."""

    photo = FileField("Another file")


class PhotoForm(Form):
    """What one picture shows."""

    alternative_text = StringField(
        "What the photo shows", validators=[InputRequired("Say in a few words what the photo shows."), Length(max=300)]
    )
    shows = SelectMultipleField("It shows", choices=options(ASKED.items()))
    screen_of = SelectField("If it is the screen of one counter, of which", default="")


@bp.route("/sell/<uuid:listing_id>/photos", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def pictures(listing_id: UUID) -> ResponseReturnValue:
    """Add photos, describe them, put them in order."""
    facts = mine(listing_id)
    form = _photos_form()
    if form.validate_on_submit():
        with applied(form):
            added = gallery.add(listing_id=listing_id, actor_id=me().id, files=_sent_by(form), at=clock.now())
            flash(f"{added.number} {'photo was' if added.number == 1 else 'photos were'} added.", "success")
            for refusal in added.refusals:
                flash(refusal, "warning")
            return _sent(listing_id)
    if form.errors and _BY_SCRIPT in request.headers:
        for sentence in (*form.form_errors, *form.photos.errors):
            flash(str(sentence), "error")
        return _sent(listing_id)
    return _photos_page(facts, form)


@bp.post("/sell/<uuid:listing_id>/photos/<uuid:photo_id>/again")
@requires(Permission.LISTING_WRITE)
def try_photo_again(listing_id: UUID, photo_id: UUID) -> ResponseReturnValue:
    """Let a photo be worked on once more."""
    gallery.try_again(listing_id=listing_id, actor_id=me().id, photo_id=photo_id, at=clock.now())
    return _back_to(listing_id, photo_id)


@bp.post("/sell/<uuid:listing_id>/photos/<uuid:photo_id>/replace")
@requires(Permission.LISTING_WRITE)
def replace_photo(listing_id: UUID, photo_id: UUID) -> ResponseReturnValue:
    """Send another file for a photo that was refused."""
    facts = mine(listing_id)
    form = OtherFileForm(prefix=_prefix(photo_id))
    with applied(form):
        (file,) = files_in([form.photo.data]) or [("", b"")]
        gallery.replace(listing_id=listing_id, actor_id=me().id, photo_id=photo_id, file=file, at=clock.now())
    if form.errors:
        return _photos_page(facts, _photos_form(sent=False), other={photo_id: form})
    return _back_to(listing_id, photo_id)


@bp.post("/sell/<uuid:listing_id>/photos/<uuid:photo_id>/describe")
@requires(Permission.LISTING_WRITE)
def describe_photo(listing_id: UUID, photo_id: UUID) -> ResponseReturnValue:
    """Say what a photo shows."""
    facts = mine(listing_id)
    form = _of_counters(facts, PhotoForm(prefix=_prefix(photo_id)))
    if form.validate_on_submit():
        with applied(form):
            gallery.describe(
                listing_id=listing_id,
                actor_id=me().id,
                photo_id=photo_id,
                alternative_text=form.alternative_text.data or "",
                shows=[Shot(shot) for shot in form.shows.data or ()],
                screen_of=UUID(form.screen_of.data) if form.screen_of.data else None,
            )
            flash("Saved what the photo shows.", "success")
            return _back_to(listing_id, photo_id)
    return _photos_page(facts, _photos_form(sent=False), wrong={photo_id: form})


@bp.post("/sell/<uuid:listing_id>/photos/<uuid:photo_id>/<any(earlier, later):way>")
@requires(Permission.LISTING_WRITE)
def move_photo(listing_id: UUID, photo_id: UUID, way: str) -> ResponseReturnValue:
    """Put a photo one place earlier or later."""
    gallery.move(listing_id=listing_id, actor_id=me().id, photo_id=photo_id, earlier=way == "earlier")
    return _back_to(listing_id, photo_id)


@bp.post("/sell/<uuid:listing_id>/photos/<uuid:photo_id>/remove")
@requires(Permission.LISTING_WRITE)
def remove_photo(listing_id: UUID, photo_id: UUID) -> ResponseReturnValue:
    """Take a photo out."""
    gallery.remove(listing_id=listing_id, actor_id=me().id, photo_id=photo_id)
    flash("The photo was removed.", "success")
    return redirect(url_for("selling.pictures", listing_id=listing_id), code=303)


def _photos_page(
    facts: ListingFacts,
    form: PhotosForm,
    *,
    wrong: dict[UUID, PhotoForm] | None = None,
    other: dict[UUID, OtherFileForm] | None = None,
) -> ResponseReturnValue:
    rows = [
        {
            "photo": photo,
            "shown": photos.shown(photo.stem, photo.alternative_text) if photo in facts.photos else None,
            "words": (wrong or {}).get(photo.id)
            or _of_counters(
                facts,
                PhotoForm(
                    formdata=None,
                    prefix=_prefix(photo.id),
                    alternative_text=photo.alternative_text,
                    shows=list(photo.shows),
                    screen_of=str(photo.counter_id or photo.handpiece_id or ""),
                ),
            ),
            "other": (other or {}).get(photo.id) or OtherFileForm(formdata=None, prefix=_prefix(photo.id)),
            "may": PHOTO.events_from(photo.state),
        }
        for photo in facts.all_photos
    ]
    page = render_template(
        "selling/photos.html",
        form=form,
        places=[form[_SHOT + shot] for shot in shots.lacking_of(facts.id)],
        listing=facts,
        rows=rows,
        waiting=sum(photo.state is PhotoState.WAITING for photo in facts.all_photos),
        act=ActForm(formdata=None),
        most=gallery.MOST_PHOTOS,
        asked=ASKED,
        code=possession.code_at(secret=_secret(), listing_id=facts.id, at=clock.now()),
        max_bytes=MAX_BYTES,
        steps=STEPS,
    )
    return page, 422 if wrong or other or form.errors else 200


def _sent(listing_id: UUID) -> ResponseReturnValue:
    """Lead back to the page; a script that sent the files loads it anew itself, and what is said waits for that."""
    if _BY_SCRIPT in request.headers:
        return "", 204
    return redirect(url_for("selling.pictures", listing_id=listing_id), code=303)


def _back_to(listing_id: UUID, photo_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("selling.pictures", listing_id=listing_id, _anchor=f"photo-{photo_id}"), code=303)


def _secret() -> str:
    settings: Settings = current_app.extensions["second_light_settings"]
    return settings.secret_key


def _photos_form(*, sent: bool = True) -> PhotosForm:
    """Return the form with a place for each shot that is still needed."""
    # All of them are read: what is needed may have changed since the page was shown.
    places = {_SHOT + shot: FileField(words[0].upper() + words[1:]) for shot, words in ASKED.items()}
    kind = type(PhotosForm.__name__, (PhotosForm,), places)
    form: PhotosForm = kind() if sent else kind(formdata=None)
    return form


def _sent_by(form: PhotosForm) -> list[Sent]:
    shown = [Sent(*file, shows=(shot,)) for shot in ASKED for file in files_in([form[_SHOT + shot].data])]
    return [*shown, *(Sent(*file) for file in files_in(form.photos.data))]


def _of_counters(facts: ListingFacts, form: PhotoForm) -> PhotoForm:
    form.screen_of.choices = options(
        [("", "None, or several"), *((str(part_id), name) for part_id, name in facts.counting.items())]
    )
    return form


def _prefix(photo_id: UUID) -> str:
    """Tell the fields of one photo's form from those of its neighbours on the same page."""
    return f"photo-{photo_id}-"


def files_in(sent: Iterable[FileStorage | str] | None) -> list[tuple[str, bytes]]:
    """Read the files, each no further than it may be large; an empty field sends one without a name."""
    files = [file for file in sent or () if isinstance(file, FileStorage) and file.filename]
    return [(file.filename or "", file.stream.read(MAX_BYTES + 1)) for file in files]
