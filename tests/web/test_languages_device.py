"""The page of a device in the reader's language: whatever is so of it, no word of it is forgotten."""

import pytest
from markupsafe import Markup

from marketplace.extensions import db
from marketplace.kernel.money import MAX_MINOR, Money
from marketplace.kernel.terms import STATES
from marketplace.listings import fields
from marketplace.web import gate, language, unit
from marketplace.web.phrases import listed, theirs, together
from tests.factories.accounts import make_user
from tests.factories.catalog import make_model, real_model
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.listings import make_handpiece, make_listing
from tests.languages import forgotten, in_pseudo
from tests.pages import browser_of
from tests.support import forget_pieces, sign_in
from tests.web.test_showing import CHANGES
from tests.web.test_showing import _catalogue as _catalogue  # noqa: PLC0414  The fixture.
from tests.web.test_showing import scene as scene  # noqa: PLC0414  The fixture.

PLACES = ("Austin", "Reno", "TX", "NV", *sorted(STATES.values(), key=len, reverse=True))
MAKERS = ("InMode", "Solta", "Sciton", "Zeltiq", "Cutera", "Cynosure", "Candela")
WRITTEN = ("Soon", "K123456", "GEX", "Reads 410,233", "Acme", "UTC")
"""What stands in the page as it is called or as its seller calls it."""


def shown_of(listing):
    """Return what a page shows of a unit that is no message: names that people and makers gave."""
    return (
        listing.title,
        *(part.name for part in listing.handpieces),
        *(photo.alternative_text for photo in listing.photos),
        *PLACES, *MAKERS, *WRITTEN,
    )  # fmt: skip


def address_of(listing, query=""):
    return f"/devices/{listing.id}{query}"


@pytest.fixture
def spanish(pseudo):
    """Let what is asked without a page be answered in the other language as well."""
    token = language._spoken.set("es")
    yield
    language._spoken.reset(token)


class TestNothingIsForgotten:
    @pytest.mark.parametrize("change", CHANGES)
    def test_whatever_a_stranger_is_shown(self, client, scene, change, pseudo):
        listing = scene.listing
        names = {*shown_of(listing), scene.seller_clinic.name, "Desert", "New", "Another Clinic", "Another head"}
        with db.session.begin_nested() as done:
            CHANGES[change](listing.id)
            db.session.expire_all()
            names |= {listing.title, "From behind"}
            data = sorted(names, key=len, reverse=True)
            for query in ("", "?state=TX", "?state=WY&cost_freight=500&cost_crate=lots&cost_training=1000000"):
                assert forgotten(in_pseudo(client, address_of(listing, query)), *data) == []
            done.rollback()
        db.session.expire_all()

    @pytest.mark.parametrize("query", ["", "?state=TX", "?cost_freight=500"])
    def test_for_the_buyer_the_practitioner_and_the_seller(self, app, scene, pseudo, query):
        for somebody in (scene.buyer, scene.practitioner, scene.owner, scene.seller):
            data = (*shown_of(scene.listing), scene.seller_clinic.name, scene.site.name, somebody.name)
            html = in_pseudo(browser_of(app, somebody), address_of(scene.listing, query))
            assert forgotten(html, *data) == []

    def test_where_it_waits_for_somebody_else_and_where_there_is_nothing_to_say(self, client, scene, pseudo):
        bare = make_listing(
            clinic=scene.seller_clinic, particulars={}, warranty=None, rx_label_present=False, id_label_present=False,
            handpieces=[make_handpiece("EMS", counter_value=None, counter_unit=None, counter_direction=None,
                                       rated_life=None)],
        )  # fmt: skip
        for somebody in (None, scene.seller):
            if somebody:
                sign_in(client, somebody)
            for one in (scene.listing, bare):
                html = in_pseudo(client, address_of(one, "?state=TX"))
                assert forgotten(html, *shown_of(one), scene.seller_clinic.name, "Selma Vogt") == []

    def test_where_some_handpieces_are_closed_to_the_buyer(self, client, scene, pseudo):
        mixed = make_listing(
            model=real_model("Lumenis M22"),
            handpieces=[make_handpiece("DIODE_HR", name="First"), make_handpiece("ER_GLASS_FRAC", name="Second")],
        )
        dear = make_listing(
            model=real_model("Lumenis M22"),
            handpieces=[
                make_handpiece("DIODE_HR", name="First"),
                make_handpiece("ER_GLASS_FRAC", name="Second", reduction_minor=100_000),
            ],
        )
        sign_in(client, scene.buyer)
        for one in (mixed, dear):
            html = in_pseudo(client, address_of(one))
            assert "⟦You can buy it without “Second”⟧" in html
            assert forgotten(html, *shown_of(one), "Lumenis", "Lone Star Skin", scene.site.name, "Alice Martin") == []

    def test_where_somebody_lacks_a_proof(self, client, scene, pseudo):
        scene.licence.jurisdiction, scene.site.laser_safety_officer_id = "AZ", None
        db.session.flush()
        sign_in(client, scene.buyer)
        html = in_pseudo(client, address_of(scene.listing))

        assert "stand against this purchase⟧" in html
        assert '⟦Stands against it:⟧</span> <span lang="en">' in html
        assert (
            forgotten(html, *shown_of(scene.listing), scene.seller_clinic.name, scene.site.name, "Alice Martin") == []
        )

    def test_where_no_rules_are_published(self, client, pseudo):
        member, clinic = make_user(name="Alice Martin"), make_clinic(name="Desert Ridge")
        make_member(clinic=clinic, user=member)
        site = make_site(clinic=clinic, state="AZ")
        listing = make_listing(model=real_model("Alma Harmony"), handpieces=["LASER_MULTI"])
        data = (*shown_of(listing), "Alma", "Lone Star Skin", site.name, "Arizona", "Alice Martin")

        assert forgotten(in_pseudo(client, address_of(listing, "?state=TX")), *data) == []
        sign_in(client, member)
        assert forgotten(in_pseudo(client, address_of(listing)), *data) == []

    def test_of_every_modality_and_whatever_was_answered(self, client, pseudo):
        clinic = make_clinic(seller=True)
        questions = {}
        for field in fields.table():
            answers = [answer for answer, _ in field.answers if answer not in field.refused]
            if field.place in (fields.Place.DEVICE, fields.Place.CONDITION, fields.Place.STATEMENT):
                questions[field.key] = answers or {"date": ["2026-05-31"], "numbers": ["1;2"], "number": ["3"]}.get(
                    field.kind, ["words of theirs"]
                )
        most = max(map(len, questions.values()))
        for number in range(most):
            said = {key: answers[number % len(answers)] for key, answers in questions.items()}
            listing = make_listing(
                clinic=clinic, model=make_model(modality_codes=("ALEX", "CRYO", "RF_NEEDLE", "HIFU")),
                handpieces=["ALEX", "CRYO", "RF_NEEDLE", "HIFU", "EMS", "ELOS_IPL_RF"], particulars=said,
                warranty=list(unit.WARRANTIES)[number % 4], training_included=bool(number % 2),
            )  # fmt: skip
            assert forgotten(in_pseudo(client, address_of(listing)), *shown_of(listing), clinic.name) == []

    @pytest.mark.parametrize("counted", unit.UNITS)
    def test_whatever_is_counted(self, client, pseudo, counted):
        parts = [
            make_handpiece("ALEX", name=f"Head {way}", counter_unit=counted, counter_direction=way, counter_value=70)
            for way in ("up", "down")
        ]
        listing = make_listing(handpieces=parts)

        assert forgotten(in_pseudo(client, address_of(listing)), *shown_of(listing), "Lone Star Skin") == []

    def test_where_it_is_reserved_for_the_reader(self, client, scene, pseudo):
        sign_in(client, scene.buyer)
        html = in_pseudo(client, address_of(scene.listing))

        assert "⟦reserved for you⟧" in html
        assert "⟦The seller keeps it for you until <time" in html


class TestWords:
    def test_ours_and_theirs_are_told_apart(self, spanish):
        assert theirs("16 TAC <118>") == Markup('<span lang="en">16 TAC &lt;118&gt;</span>')
        assert listed(["a"]) == "a"
        assert listed(["a", "b", "c"]) == "⟦a, b and c⟧"
        assert together(["a", "b", "c"]) == "⟦⟦a and b⟧ and c⟧"
        assert unit.part_words("Flash lamp") == "⟦Flash lamp⟧"
        assert unit.part_words("Lamp of ours") == '<span lang="en">Lamp of ours</span>'
        assert gate.against(3) == "⟦⟦Three⟧ things stand against this purchase⟧"

    def test_are_the_same_in_english(self):
        assert theirs("16 TAC <118>") == "16 TAC <118>"
        assert together(["a", "b", "c"]) == "a and b and c"

    def test_a_day_has_its_month_in_the_language(self, client, scene, monkeypatch):
        class Months(language.files.NullTranslations):
            def gettext(self, message):
                return {"Jan": "ene"}.get(message, message)

        monkeypatch.setattr(language, "_catalogue", lambda _code: Months())
        forget_pieces()
        html = client.get(address_of(scene.listing, "?lang=es")).get_data(as_text=True)
        forget_pieces()

        assert "2 ene 2026: Sold on Second Light" in html
        assert "2 Jan 2026" in client.get(address_of(scene.listing, "?lang=en")).get_data(as_text=True)

    def test_what_cannot_be_added_says_the_largest_amount(self):
        assert str(Money(MAX_MINOR)) == "$999,999.99"
