"""Every component in every state on one page, for eyes and the accessibility check; never in production."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from types import SimpleNamespace as Thing

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    MultipleFileField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Regexp

from ..kernel.money import parse_money
from .access import public
from .gate import ShownAnswer, ShownCitation, ShownCure, ShownObjection, ShownVerdict
from .options import options
from .spectrum import Band, Source

bp = Blueprint("styleguide", __name__)


_STATES = (("TX", "Texas"), ("AZ", "Arizona"))
_GRADES = (("A", "A · as new"), ("B", "B · good"), ("C", "C · worn"))
_USES = (("hair", "hair removal"), ("pigment", "vascular and pigment"))


class SampleForm(FlaskForm):
    """One field of each kind."""

    serial = StringField("Serial number", validators=[InputRequired("Write the serial number from the label.")])
    price = StringField("Asking price", validators=[Regexp(r"\$?[\d,.]+$", message="Write a price such as $42,500.")])
    spot = StringField("Largest spot")
    state = SelectField("Place of use", choices=options(_STATES), validators=[InputRequired()])
    expires = DateField("Expires on", validators=[InputRequired("Write the day it expires.")])
    note = TextAreaField("What a buyer should know")
    grade = RadioField(
        "Condition",
        choices=options(_GRADES),
        validators=[InputRequired("Choose the grade that fits.")],
    )
    uses = SelectMultipleField("Uses", choices=options(_USES))
    photos = MultipleFileField("Photos", validators=[InputRequired("Add at least one photo.")])
    agreed = BooleanField("The label and its warnings are on the device", validators=[InputRequired("Please look.")])


def _bars() -> list[Thing]:
    gentlemax = [Band(755, 755, "alexandrite 755 nm"), Band(1064, 1064, "Nd:YAG 1,064 nm")]
    m22 = [
        Band(400, 1200, "IPL 400–1,200 nm"),
        Band(1064, 1064, "Nd:YAG 1,064 nm"),
        Band(1565, 1565, "ResurFX 1,565 nm"),
    ]
    return [
        Thing(label="Candela GentleMax Pro", bands=gentlemax, cleared=None, ticks=False),
        Thing(label="Lumenis M22, cleared for two of three", bands=m22, cleared=[[400, 1200]], ticks=True),
        Thing(
            label="Candela GentleMax Pro, cleared for all of it",
            bands=gentlemax,
            cleared=[[690, 1100]],
            ticks=True,
        ),
        Thing(
            label="PicoWay, cleared for nothing",
            bands=[[532, 532], [785, 785], [1064, 1064]],
            cleared=[],
            ticks=True,
        ),
        Thing(label="CO₂ with needles", bands=[[10_600, 10_600], "radio frequency"], cleared=None, ticks=True),
        Thing(label="Thermage", bands=["radio frequency"], cleared=None, ticks=False),
        Thing(label="Nordlys, handpieces not named", bands=[], cleared=None, ticks=False),
    ]


def _verdicts() -> list[ShownVerdict]:
    arizona = ShownCitation("A.A.C. R9-7-1438(A)(2)", "https://example.org/rule", "read 2024-10", "text read")
    keys = (
        ShownAnswer("Operator", "hair, vascular and pigment", ok=True),
        ShownAnswer("Ordering practitioner", "Dr A. Ruiz, MD, Arizona", ok=True),
        ShownAnswer("Site", "registration with ADHS on file", ok=True),
    )
    missing = ShownObjection(
        code="scope_lacks_procedure",
        sentence="Fractional non-ablative is not among the procedures on your Arizona certificate.",
        cures=(
            ShownCure("Add the procedure to your certificate", "#verdict-1"),
            ShownCure("Or ask a colleague who is certified for it to be the operator.", None),
        ),
        citations=(arizona,),
        routes=("Certified laser technician: fractional non-ablative", "Physician: a verified Arizona licence"),
    )
    stranger = ShownObjection(
        code="sign_in",
        sentence="Arizona asks for a laser technician's certificate that names each procedure.",
        cures=(ShownCure("Sign in to see whether yours does", "/sign-in"),),
        citations=(arizona,),
        routes=(),
    )
    unknown = ShownObjection(
        code="no_rule",
        sentence="We have no reviewed rule for laser hair removal in Wyoming.",
        cures=(ShownCure("Ask us to look at it; until then nobody can buy this device for a site there.", None),),
        citations=(),
        routes=(),
    )
    kept_to = "hair removal only, as you declared; pigment treatment would need another certificate."
    limits = ("Does not extend to tattoo removal.",)
    return [
        ShownVerdict("yes", "You can buy this in Arizona", keys, (), kept_to, limits),
        ShownVerdict("not_yet", "One thing stands against this purchase", keys, (missing,), None, limits),
        ShownVerdict("not_yet", "Who may buy this", (), (stranger,), None, ()),
        ShownVerdict("no_rule", "No rule here for Wyoming yet", (), (unknown,), None, ()),
    ]


def _cards() -> list[Thing]:
    return [
        _card(
            "Candela GentleMax Pro",
            2018,
            "$62,500",
            "B",
            "shots 38 % of rated",
            "Austin, TX",
            [[755, 755], [1064, 1064]],
        ),
        _card(
            "Lumenis M22",
            2016,
            "$24,900",
            "A",
            "shots 12 % of rated",
            "Phoenix, AZ",
            [[515, 1200], [1064, 1064]],
        ),
        _card(
            "Sciton JOULE ProFractional",
            2015,
            "$41,000",
            "B",
            "shots 54 % of rated",
            "Miami, FL",
            [[2940, 2940]],
        ),
        _card("InMode Morpheus8", None, "$59,000", "A", None, "Atlanta, GA", ["radio frequency"]),
    ]


_CHIPS = {
    "TX": Thing(outcome="yes", text="You can buy this in Texas"),
    "AZ": Thing(outcome="not_yet", text="One thing missing"),
    "FL": Thing(outcome="no_rule", text="No rule for this state"),
}


def _card(
    title: str,
    year: int | None,
    price: str,
    grade: str,
    counter: str | None,
    place: str,
    bands: Sequence[Source],
) -> Thing:
    return Thing(
        url="#cards",
        title=title,
        year=year,
        price=parse_money(price),
        grade_label=grade,
        counter_text=counter,
        place=place,
        landed=f"At least {parse_money(price)} in all",
        photo=None,
        bands=tuple(tuple(one) if isinstance(one, list) else one for one in bands),
        verdict=_CHIPS.get(place[-2:]),
    )


def _events() -> list[Thing]:
    return [
        Thing(label="Order placed", at=datetime(2026, 11, 18, 15, 4, tzinfo=UTC), detail=None, state="done"),
        Thing(
            label="Payment held until acceptance",
            at=date(2026, 11, 19),
            detail="$24,900 by bank transfer",
            state="done",
        ),
        Thing(
            label="Released to ship",
            at=datetime(2026, 11, 20, 9, 12, tzinfo=UTC),
            detail="Asked the gate again: yes",
            state="now",
        ),
        Thing(label="Inspection", at=None, detail=None, state="next"),
        Thing(label="Seller paid", at=None, detail=None, state="next"),
    ]


def _chips() -> list[Thing]:
    return [
        Thing(label="Qualified for", remove_url="/styleguide", strong=True),
        Thing(label="755 nm", remove_url="/styleguide", strong=False),
        Thing(label="Under $70,000", remove_url="/styleguide", strong=False),
    ]


def _groups(chosen: Sequence[str]) -> dict[str, list[Thing]]:
    modalities = (("ALEX", "Alexandrite 755", 46), ("NDYAG", "Nd:YAG 1064", 71), ("RF_NEEDLE", "RF microneedling", 17))
    return {
        "verdict": [Thing(value="today", words="I can buy this today", count=84, chosen=True)],
        "modality": [
            Thing(value=value, words=words, count=count, chosen=value in chosen) for value, words, count in modalities
        ],
        "sort": [
            Thing(value="newest", words="Newest first", count=None, chosen=True),
            Thing(value="price", words="Lowest price first", count=None, chosen=False),
        ],
    }


@bp.get("/styleguide")
@public
def show() -> ResponseReturnValue:
    """Show every component, with a form as it opens and one as it comes back."""
    sent = MultiDict({"wrong-price": "a lot", "wrong-state": "TX"})
    wrong = SampleForm(sent, prefix="wrong-", meta={"csrf": False})
    wrong.validate()
    return render_template(
        "styleguide.html",
        bars=_bars(),
        verdicts=_verdicts(),
        cards=_cards(),
        events=_events(),
        chips=_chips(),
        groups=_groups(request.args.getlist("modality")),
        picture=Thing(jpg=url_for("static", filename="img/mark.svg"), webp=None, alt="The mark of Second Light"),
        form=SampleForm(formdata=None),
        wrong=wrong,
        page_address="/styleguide?page={}".format,
    )
