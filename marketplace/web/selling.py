"""Selling a device: a draft in steps, its photos, and what its clinic can do with it afterwards."""

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID, uuid4

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from wtforms import DateField, HiddenField, MultipleFileField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional, Regexp

from ..accounts.access import Permission
from ..catalog import queries as catalog
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..clinics.queries import Membership
from ..kernel import clock
from ..kernel.errors import Invalid
from ..kernel.money import Money, parse_money
from ..kernel.terms import STATES
from ..listings import drafting, gallery, queries, service
from ..listings.conditions import GRADES, INCLUSIONS, Included, checklist
from ..listings.drafting import Counter
from ..listings.images import MAX_BYTES
from ..listings.queries import HandpieceFacts, ListingFacts
from ..listings.states import LISTING, ListingEvent, ListingState
from ..listings.terms import CounterDirection, CounterUnit, Grade, Modification, Recertification
from . import photos
from .access import me, requires
from .forms import Form, applied
from .options import grouped_options, options
from .unit import MODIFICATIONS, RECERTIFICATIONS, UNITS

bp = Blueprint("selling", __name__)

STEPS = {
    "device": "Device",
    "handpieces": "Handpieces",
    "condition": "Condition",
    "terms": "Labels and price",
    "photos": "Photos",
}
STATE_WORDS = {
    ListingState.DRAFT: ("quiet", "draft"),
    ListingState.IN_REVIEW: ("not_yet", "with our staff"),
    ListingState.PUBLISHED: ("yes", "on the market"),
    ListingState.RESERVED: ("not_yet", "reserved for a buyer"),
    ListingState.SOLD: ("yes", "sold"),
    ListingState.WITHDRAWN: ("quiet", "withdrawn"),
}
EVENT_WORDS: dict[ListingEvent | None, str] = {
    None: "Drafted",
    ListingEvent.SUBMITTED: "Submitted",
    ListingEvent.APPROVED: "Approved and put on the market",
    ListingEvent.SENT_BACK: "Sent back by staff",
    ListingEvent.RECALLED: "Taken back to be changed",
    ListingEvent.RESERVED: "Reserved by a buyer",
    ListingEvent.RELEASED: "Back on the market",
    ListingEvent.SOLD: "Sold",
    ListingEvent.WITHDRAWN: "Withdrawn",
}
_ANSWERS = (("yes", "Yes"), ("no", "No"))
_WHOLE = Regexp(r"^[0-9, ]*$", message="Write a whole number.")
_LONGEST_TEXT, _LONGEST_LINE = 8_000, 200


class DeviceForm(Form):
    """Which unit it is, and where it stands."""

    clinic_id = SelectField("Clinic that sells it", validators=[InputRequired("Choose the clinic.")])
    model_id = SelectField("Model", validators=[InputRequired("Choose the model.")])
    serial = StringField("Serial number", validators=[Length(max=_LONGEST_LINE)])
    year = StringField(
        "Year of manufacture", validators=[Optional(), Regexp(r"^\s*\d{4}\s*$", message="Write four digits.")]
    )
    city = StringField(
        "City", validators=[InputRequired("Write the city where the device stands."), Length(max=_LONGEST_LINE)]
    )
    state_code = SelectField("State", validators=[InputRequired("Choose the state where the device stands.")])
    form_key = HiddenField()


class HandpieceForm(Form):
    """A part that treats."""

    name = StringField(
        "What it is called", validators=[InputRequired("Name the handpiece."), Length(max=_LONGEST_LINE)]
    )
    modality_code = SelectField("Modality", validators=[InputRequired("Choose the modality.")])
    serial = StringField("Serial number of the handpiece", validators=[Length(max=_LONGEST_LINE)])
    counter_value = StringField("Counter", validators=[Length(max=15), _WHOLE])
    counter_unit = SelectField("What it counts")
    counter_direction = SelectField("Which way it counts")
    counter_read_on = DateField("Read on", validators=[Optional()])
    rated_life = StringField("Rated life", validators=[Length(max=15), _WHOLE])
    rated_life_source = StringField("Who says so", validators=[Length(max=_LONGEST_LINE)])
    reduction = StringField("What the price falls by without it", validators=[Length(max=30)])


class ConditionForm(Form):
    """How the unit is, and what comes with it: each item of the checklist is a field of its own."""

    grade = RadioField("Condition grade", validators=[Optional()])
    last_service_on = DateField("Last service", validators=[Optional()])
    description = TextAreaField("What else a buyer should know", validators=[Length(max=_LONGEST_TEXT)])


for _item, _words in INCLUSIONS.items():
    setattr(ConditionForm, f"has_{_item}", SelectField(_words))


class TermsForm(Form):
    """What the seller attests, and the price."""

    rx_label = RadioField("Is the prescription legend on the device?", validators=[Optional()])
    id_label = RadioField("Is the maker’s label with its address and date on the device?", validators=[Optional()])
    modification = RadioField("What was done to it since its maker sold it?", validators=[Optional()])
    recertification = RadioField("Does its maker ask a new owner for recertification?", validators=[Optional()])
    recertification_quote = StringField("The maker’s quote for it", validators=[Length(max=30)])
    price = StringField("Asking price", validators=[Length(max=30)])


class PhotosForm(Form):
    """Pictures, several at once."""

    photos = MultipleFileField("Photos")


class PhotoForm(Form):
    """What one picture shows."""

    alternative_text = StringField(
        "What the photo shows", validators=[InputRequired("Say in a few words what the photo shows."), Length(max=300)]
    )


class PriceForm(Form):
    """Another price."""

    price = StringField("New price", validators=[InputRequired("Write a price such as $42,500."), Length(max=30)])


class ActForm(Form):
    """A button."""


@bp.get("/sell")
@requires(Permission.LISTING_READ)
def home() -> ResponseReturnValue:
    """List what the person's clinics sell."""
    selling = _selling()
    return render_template(
        "selling/home.html",
        selling=selling,
        lines=queries.of_clinics(membership.clinic_id for membership in selling),
        words=STATE_WORDS,
    )


@bp.route("/sell/new", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def new() -> ResponseReturnValue:
    """Begin a listing."""
    selling = _selling()
    if not selling:
        return render_template("selling/no_clinic.html")
    sites = clinics.sites_of_person(me().id)
    form = _with_choices(
        DeviceForm(
            form_key=str(uuid4()),
            city=sites[0].city if sites else None,
            state_code=sites[0].state if sites else None,
        ),
        selling,
    )
    if form.validate_on_submit():
        with applied(form):
            listing_id = drafting.draft(
                actor_id=me().id,
                clinic_id=UUID(form.clinic_id.data),
                model_id=UUID(form.model_id.data),
                serial=form.serial.data or "",
                year=_year(form),
                city=form.city.data or "",
                state_code=form.state_code.data,
                form_key=_key(form.form_key.data),
                at=clock.now(),
            )
            return redirect(url_for("selling.handpieces", listing_id=listing_id), code=303)
    return render_template("selling/device.html", form=form, listing=None, steps=STEPS), form.http_status


@bp.get("/sell/<uuid:listing_id>")
@requires(Permission.LISTING_READ)
def listing(listing_id: UUID) -> ResponseReturnValue:
    """Show a listing to those who sell it: where it stands, what is missing, what can be done."""
    return _overview(_mine(listing_id))


@bp.route("/sell/<uuid:listing_id>/device", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def device(listing_id: UUID) -> ResponseReturnValue:
    """Say which unit it is and where it stands."""
    facts = _mine(listing_id)
    form = _with_choices(
        DeviceForm(
            clinic_id=str(facts.clinic_id),
            model_id=str(facts.model.id),
            serial=facts.serial,
            year=str(facts.year or ""),
            city=facts.city,
            state_code=facts.state_code,
        ),
        [one for one in _selling() if one.clinic_id == facts.clinic_id],
    )
    if form.validate_on_submit():
        with applied(form):
            drafting.describe_device(
                listing_id=listing_id,
                actor_id=me().id,
                model_id=UUID(form.model_id.data),
                serial=form.serial.data or "",
                year=_year(form),
                city=form.city.data or "",
                state_code=form.state_code.data,
                at=clock.now(),
            )
            return redirect(url_for("selling.handpieces", listing_id=listing_id), code=303)
    return render_template("selling/device.html", form=form, listing=facts, steps=STEPS), form.http_status


@bp.get("/sell/<uuid:listing_id>/handpieces")
@requires(Permission.LISTING_READ)
def handpieces(listing_id: UUID) -> ResponseReturnValue:
    """List the handpieces that are sold with the unit."""
    facts = _mine(listing_id)
    modalities = catalog.modalities()
    return render_template(
        "selling/handpieces.html",
        listing=facts,
        modalities=modalities,
        offered=[modalities[code] for code in facts.model.modality_codes],
        form=ActForm(),
        units=UNITS,
        steps=STEPS,
    )


@bp.route("/sell/<uuid:listing_id>/handpieces/new", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def new_handpiece(listing_id: UUID) -> ResponseReturnValue:
    """Add a handpiece."""
    return _handpiece_page(_mine(listing_id), None)


@bp.route("/sell/<uuid:listing_id>/handpieces/<uuid:handpiece_id>", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def handpiece(listing_id: UUID, handpiece_id: UUID) -> ResponseReturnValue:
    """Say of a handpiece what it is now."""
    facts = _mine(listing_id)
    return _handpiece_page(facts, queries.handpiece_of(facts, handpiece_id))


@bp.post("/sell/<uuid:listing_id>/handpieces/<uuid:handpiece_id>/remove")
@requires(Permission.LISTING_WRITE)
def remove_handpiece(listing_id: UUID, handpiece_id: UUID) -> ResponseReturnValue:
    """Leave a handpiece out of the sale."""
    drafting.remove_handpiece(listing_id=listing_id, actor_id=me().id, handpiece_id=handpiece_id)
    flash("The handpiece is no longer part of the sale.", "success")
    return redirect(url_for("selling.handpieces", listing_id=listing_id), code=303)


@bp.route("/sell/<uuid:listing_id>/condition", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def condition(listing_id: UUID) -> ResponseReturnValue:
    """Say how the unit is and what comes with it."""
    facts = _mine(listing_id)
    stated: dict[str, Any] = {f"has_{item}": str(answer) for item, answer in checklist(facts.inclusions).items()}
    form = ConditionForm(
        data={
            "grade": facts.grade,
            "last_service_on": facts.last_service_on,
            "description": facts.description,
            **stated,
        }
    )
    form.grade.choices = options((grade, f"{grade} · {meaning.name}") for grade, meaning in GRADES.items())
    answers = {item: cast("SelectField", form[f"has_{item}"]) for item in INCLUSIONS}
    for answer in answers.values():
        answer.choices = options(
            ((Included.NOT_STATED, "not stated"), (Included.INCLUDED, "included"), (Included.ABSENT, "absent"))
        )
    if form.validate_on_submit():
        with applied(form):
            drafting.describe_condition(
                listing_id=listing_id,
                actor_id=me().id,
                grade=Grade(form.grade.data) if form.grade.data else None,
                inclusions={item: answer.data for item, answer in answers.items()},
                last_service_on=form.last_service_on.data,
                description=form.description.data or "",
                at=clock.now(),
            )
            return redirect(url_for("selling.terms", listing_id=listing_id), code=303)
    return (
        render_template(
            "selling/condition.html",
            form=form,
            listing=facts,
            answers=answers.values(),
            meanings={str(grade): meaning.definition for grade, meaning in GRADES.items()},
            steps=STEPS,
        ),
        form.http_status,
    )


@bp.route("/sell/<uuid:listing_id>/terms", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def terms(listing_id: UUID) -> ResponseReturnValue:
    """Attest the labels, say what the maker asks, and name the price."""
    facts = _mine(listing_id)
    form = TermsForm(
        rx_label=_answer(facts.rx_label_present),
        id_label=_answer(facts.id_label_present),
        modification=facts.modification,
        recertification=facts.recertification,
        recertification_quote=str(facts.recertification_quote or ""),
        price=str(facts.price or ""),
    )
    form.rx_label.choices = options(_ANSWERS)
    form.id_label.choices = options(_ANSWERS)
    form.modification.choices = options(MODIFICATIONS.items())
    form.recertification.choices = options(RECERTIFICATIONS.items())
    if form.validate_on_submit():
        with applied(form):
            drafting.describe_terms(
                listing_id=listing_id,
                actor_id=me().id,
                rx_label_present=_stated(form.rx_label.data),
                id_label_present=_stated(form.id_label.data),
                modification=Modification(form.modification.data) if form.modification.data else None,
                recertification=Recertification(form.recertification.data) if form.recertification.data else None,
                recertification_quote=_amount(form.recertification_quote),
                price=_amount(form.price),
            )
            return redirect(url_for("selling.pictures", listing_id=listing_id), code=303)
    return render_template("selling/terms.html", form=form, listing=facts, steps=STEPS), form.http_status


@bp.route("/sell/<uuid:listing_id>/photos", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def pictures(listing_id: UUID) -> ResponseReturnValue:
    """Add photos, describe them, put them in order."""
    facts = _mine(listing_id)
    form = PhotosForm()
    if form.validate_on_submit():
        with applied(form):
            number = gallery.add(listing_id=listing_id, actor_id=me().id, files=_files(form.photos.data))
            flash(f"{number} {'photo was' if number == 1 else 'photos were'} added.", "success")
            return redirect(url_for("selling.pictures", listing_id=listing_id), code=303)
    return _photos_page(facts, form)


@bp.post("/sell/<uuid:listing_id>/photos/<uuid:photo_id>/describe")
@requires(Permission.LISTING_WRITE)
def describe_photo(listing_id: UUID, photo_id: UUID) -> ResponseReturnValue:
    """Say what a photo shows."""
    facts = _mine(listing_id)
    form = PhotoForm(prefix=_prefix(photo_id))
    if form.validate_on_submit():
        with applied(form):
            gallery.describe(
                listing_id=listing_id,
                actor_id=me().id,
                photo_id=photo_id,
                alternative_text=form.alternative_text.data or "",
            )
            flash("Saved what the photo shows.", "success")
            return redirect(url_for("selling.pictures", listing_id=listing_id), code=303)
    return _photos_page(facts, PhotosForm(formdata=None), wrong={photo_id: form})


@bp.post("/sell/<uuid:listing_id>/photos/<uuid:photo_id>/<any(earlier, later):way>")
@requires(Permission.LISTING_WRITE)
def move_photo(listing_id: UUID, photo_id: UUID, way: str) -> ResponseReturnValue:
    """Put a photo one place earlier or later."""
    gallery.move(listing_id=listing_id, actor_id=me().id, photo_id=photo_id, earlier=way == "earlier")
    return redirect(url_for("selling.pictures", listing_id=listing_id), code=303)


@bp.post("/sell/<uuid:listing_id>/photos/<uuid:photo_id>/remove")
@requires(Permission.LISTING_WRITE)
def remove_photo(listing_id: UUID, photo_id: UUID) -> ResponseReturnValue:
    """Take a photo out."""
    gallery.remove(listing_id=listing_id, actor_id=me().id, photo_id=photo_id)
    flash("The photo was removed.", "success")
    return redirect(url_for("selling.pictures", listing_id=listing_id), code=303)


@bp.post("/sell/<uuid:listing_id>/submit")
@requires(Permission.LISTING_WRITE)
def submit(listing_id: UUID) -> ResponseReturnValue:
    """Ask staff to put it on the market."""
    facts = _mine(listing_id)
    form = ActForm()
    with applied(form):
        service.submit(listing_id=listing_id, actor_id=me().id, at=clock.now())
    if form.errors:
        return _overview(facts, act=form)
    flash("Submitted. Our staff look at it before it goes on the market.", "success")
    return redirect(url_for("selling.listing", listing_id=listing_id), code=303)


@bp.post("/sell/<uuid:listing_id>/recall")
@requires(Permission.LISTING_WRITE)
def recall(listing_id: UUID) -> ResponseReturnValue:
    """Make it a draft again, to change it."""
    service.recall(listing_id=listing_id, actor_id=me().id, at=clock.now())
    flash("It is a draft again. Submit it when you have changed it.", "success")
    return redirect(url_for("selling.listing", listing_id=listing_id), code=303)


@bp.post("/sell/<uuid:listing_id>/withdraw")
@requires(Permission.LISTING_WRITE)
def withdraw(listing_id: UUID) -> ResponseReturnValue:
    """Take it off the market for good."""
    service.withdraw(listing_id=listing_id, actor_id=me().id, at=clock.now())
    flash("It was withdrawn.", "success")
    return redirect(url_for("selling.home"), code=303)


@bp.post("/sell/<uuid:listing_id>/price")
@requires(Permission.LISTING_WRITE)
def change_price(listing_id: UUID) -> ResponseReturnValue:
    """Name another price for a unit on the market."""
    facts = _mine(listing_id)
    form = PriceForm()
    if form.validate_on_submit():
        with applied(form):
            price = _amount(form.price) or Money(0)
            service.change_price(listing_id=listing_id, actor_id=me().id, price=price, at=clock.now())
            flash(f"The price is {price} now.", "success")
            return redirect(url_for("selling.listing", listing_id=listing_id), code=303)
    return _overview(facts, price=form)


def _selling() -> list[Membership]:
    """Return the clinics that the person can sell for."""
    return [one for one in clinics.memberships_of(me().id) if one.role in MANAGERS]


def _mine(listing_id: UUID) -> ListingFacts:
    """Return a listing to somebody who sells for its clinic; strangers learn nothing of it."""
    facts = queries.listing(listing_id)
    clinics.require_role(user_id=me().id, clinic_id=facts.clinic_id, roles=MANAGERS)
    return facts


def _overview(
    facts: ListingFacts, *, act: ActForm | None = None, price: PriceForm | None = None
) -> ResponseReturnValue:
    events = LISTING.events_from(facts.state)
    page = render_template(
        "selling/listing.html",
        listing=facts,
        words=STATE_WORDS[facts.state],
        missing=drafting.missing_from(facts.id) if facts.state is ListingState.DRAFT else [],
        steps=STEPS,
        may=lambda name: ListingEvent(name) in events,
        act=act or ActForm(formdata=None),
        form=ActForm(formdata=None),
        price=price or PriceForm(formdata=None, price=str(facts.price or "")),
        cover=photos.shown(facts.photos[0].stem, facts.photos[0].alternative_text) if facts.photos else None,
        events=[
            {"label": EVENT_WORDS[move.event], "at": move.at, "detail": move.reason, "state": "done"}
            for move in queries.moves_of(facts.id)
        ],
    )
    return page, 422 if act or price else 200


def _photos_page(
    facts: ListingFacts, form: PhotosForm, *, wrong: dict[UUID, PhotoForm] | None = None
) -> ResponseReturnValue:
    rows = [
        (
            photo.id,
            photos.shown(photo.stem, photo.alternative_text),
            (wrong or {}).get(photo.id)
            or PhotoForm(formdata=None, prefix=_prefix(photo.id), alternative_text=photo.alternative_text),
        )
        for photo in facts.photos
    ]
    page = render_template(
        "selling/photos.html",
        form=form,
        listing=facts,
        rows=rows,
        act=ActForm(formdata=None),
        most=gallery.MOST_PHOTOS,
        max_bytes=MAX_BYTES,
        steps=STEPS,
    )
    return page, 422 if wrong or form.errors else 200


def _prefix(photo_id: UUID) -> str:
    """Tell the fields of one photo's form from those of its neighbours on the same page."""
    return f"photo-{photo_id}-"


def _with_choices(form: DeviceForm, selling: Iterable[Membership]) -> DeviceForm:
    form.clinic_id.choices = options((str(one.clinic_id), one.clinic_name) for one in selling)
    form.model_id.choices = [*_nothing_yet("Choose the model"), *grouped_options(_models())]
    form.state_code.choices = options(STATES.items())
    return form


def _models() -> dict[str, list[tuple[str, str]]]:
    return {
        maker: [(str(model_id), name) for model_id, name in models]
        for maker, models in catalog.models_for_choice().items()
    }


def _nothing_yet(words: str) -> list[Any]:
    """Return the first answer of a question that nobody may answer by passing it over."""
    return options([("", words)])


def _year(form: DeviceForm) -> int | None:
    return int(form.year.data) if form.year.data else None


def _key(text: str | None) -> UUID:
    try:
        return UUID(text or "")
    except ValueError:
        raise Invalid("This form has grown too old. Please send it again.") from None


def _answer(stated: bool | None) -> str | None:  # noqa: FBT001  The answer is the whole question.
    return None if stated is None else "yes" if stated else "no"


def _stated(answer: str | None) -> bool | None:
    return None if not answer else answer == "yes"


def _amount(field: Any) -> Money | None:
    typed = (field.data or "").strip()
    if not typed:
        return None
    try:
        return parse_money(typed)
    except Invalid as refusal:
        raise Invalid(refusal.sentence, field=field.short_name) from None


def _number(field: Any) -> int | None:
    digits = "".join(letter for letter in field.data or "" if letter.isdigit())
    if not digits:
        return None
    if int(digits) > 2_000_000_000:
        raise Invalid("This number is too large to be true.", field=field.short_name)
    return int(digits)


def _files(sent: Iterable[FileStorage | str] | None) -> list[tuple[str, bytes]]:
    """Read the files, each no further than it may be large; an empty field sends one without a name."""
    files = [file for file in sent or () if isinstance(file, FileStorage) and file.filename]
    return [(file.filename or "", file.stream.read(MAX_BYTES + 1)) for file in files]


def _handpiece_page(facts: ListingFacts, part: HandpieceFacts | None) -> ResponseReturnValue:
    modalities = catalog.modalities()
    own = facts.model.modality_codes
    form = HandpieceForm(
        name=part.name if part else None,
        modality_code=part.modality_code if part else request.args.get("modality", ""),
        serial=part.serial if part else None,
        counter_value="" if part is None or part.counter_value is None else f"{part.counter_value:,}",
        counter_unit=part.counter_unit if part else None,
        counter_direction=part.counter_direction if part else None,
        counter_read_on=part.counter_read_on if part else None,
        rated_life="" if part is None or part.rated_life is None else f"{part.rated_life:,}",
        rated_life_source=part.rated_life_source if part else None,
        reduction=str(part.reduction or "") if part else None,
    )
    form.modality_code.choices = [
        *_nothing_yet("Choose what it treats with"),
        *grouped_options(
            {
                "Of this model": [(code, modalities[code].name) for code in own],
                "Others": [(code, known.name) for code, known in modalities.items() if code not in own],
            }
        ),
    ]
    form.counter_unit.choices = options(UNITS.items())
    form.counter_direction.choices = options(
        ((CounterDirection.UP, "up: what was used"), (CounterDirection.DOWN, "down: what is left"))
    )
    if form.validate_on_submit():
        with applied(form):
            value = _number(form.counter_value)
            drafting.put_handpiece(
                listing_id=facts.id,
                actor_id=me().id,
                handpiece_id=part.id if part else None,
                name=form.name.data or "",
                modality_code=form.modality_code.data,
                serial=form.serial.data or "",
                counter=None
                if value is None
                else Counter(
                    value,
                    CounterUnit(form.counter_unit.data),
                    CounterDirection(form.counter_direction.data),
                    form.counter_read_on.data,
                ),
                rated_life=_number(form.rated_life),
                rated_life_source=form.rated_life_source.data or "",
                reduction=_amount(form.reduction),
                at=clock.now(),
            )
            flash("The handpiece was saved.", "success")
            return redirect(url_for("selling.handpieces", listing_id=facts.id), code=303)
    return (
        render_template("selling/handpiece.html", form=form, listing=facts, part=part, steps=STEPS),
        form.http_status,
    )
