"""Models, makers, modalities, prices, the comparison and the page of a seller: no word of them is forgotten."""

import re
from datetime import date

import pytest
from sqlalchemy import update

from marketplace.catalog import queries as catalog
from marketplace.eligibility.models import PolicyState, PolicyVersion
from marketplace.extensions import db
from marketplace.guides import elsewhere, knowing, maker_policy
from marketplace.guides.elsewhere import Listed
from marketplace.kernel.money import Money
from marketplace.kernel.terms import STATES
from marketplace.registers.sources import CLEARANCES
from marketplace.reviews import service
from tests.factories.accounts import make_staff
from tests.factories.catalog import make_model, real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_order, publish_rules
from tests.factories.registers import make_notice, make_snapshot
from tests.factories.sales import make_sales
from tests.languages import forgotten, in_pseudo
from tests.pages import browser_of

DAYS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NO_LIGHT = ("no light: radio frequency", "no light: vacuum", "wavelength not known")
"""What the spectral bar says; it is a piece of other pages, too, and told there."""
POLICY = ("What makers ask of second owners", "By topic, with who said it and when")
"""What stands above what makers ask, which is told there as well."""
SAID = "It was as described, and packed well."


@pytest.fixture
def m22(now):
    publish_rules(now)
    return real_model("Lumenis M22")


@pytest.fixture
def names():
    """What the catalogue is called: makers, models and places have the same names in every language."""
    lines = knowing.lines()
    found = {name for one in lines for name in (f"{one.maker} {one.name}", one.maker, one.name)}
    return sorted({*found, *STATES.values()}, key=len, reverse=True)


def shown(client, address, *data):
    return forgotten(in_pseudo(client, address), *data, *DAYS)


class TestGuide:
    @pytest.fixture(autouse=True)
    def policies(self, monkeypatch):
        """What makers ask is a piece of other pages, too, and told there."""
        monkeypatch.setattr(maker_policy, "said_of", lambda **_: {})

    @pytest.mark.parametrize(
        "address",
        [
            "/models", "/makers/solta", "/makers/lumenis", "/models/lumenis-m22", "/models/cynosure-picosure",
            "/modalities/IPL", "/modalities/VACUUM", "/modalities/DIODE", "/prices",
        ],
    )  # fmt: skip
    def test_as_it_came_with_the_house(self, client, m22, names, pseudo, address):
        aliases = [] if address.startswith("/mod") else knowing.maker_at("solta").aliases

        assert shown(client, address, *POLICY, *NO_LIGHT, *names, *aliases) == []

    def test_where_there_is_everything(self, client, scene, m22, names, pseudo):
        file = make_snapshot(CLEARANCES)
        make_notice(file, number="K142860", firm="Lumenis Ltd.", device="A system", posted_on=date(2015, 1, 8))
        make_listing(model=m22, price_minor=2_450_050, year=2016)
        make_listing(model=m22)
        make_sales(scene, m22, 20_000, year=2018)
        address = "/models/lumenis-m22"
        few = shown(client, address, "Lumenis Ltd.", "Austin", "TX", *POLICY, *NO_LIGHT, *names)
        make_sales(scene, m22, 22_000, 30_000, year=2018)

        assert few == []
        assert shown(client, address, "Lumenis Ltd.", "Austin", "TX", *POLICY, *NO_LIGHT, *names) == []
        assert shown(client, "/prices", *names) == []

    def test_what_is_for_sale_beyond_the_first(self, client, m22, names, pseudo, monkeypatch):
        monkeypatch.setattr("marketplace.web.guide.UNITS_SHOWN", 1)
        make_listing(model=m22)
        make_listing(model=m22)

        assert shown(client, "/models/lumenis-m22", "Austin", "TX", *POLICY, *NO_LIGHT, *names) == []

    def test_what_dealers_asked_elsewhere(self, client, m22, names, pseudo, monkeypatch):
        one = Listed("Lumenis", "M22", "Lumenis M22 with IPL", None, Money(2_700_000), "undated", "a dealer’s list")
        monkeypatch.setattr(elsewhere, "listed", lambda **_: [one])

        assert shown(client, "/models/lumenis-m22", *POLICY, *NO_LIGHT, *names) == []

    def test_without_rules_and_without_numbers(self, client, pseudo):
        model = make_model(name="Rare One", k_numbers=[])

        assert (
            shown(
                client, f"/models/{model.slug}", "Candela Rare One", "Candela", model.product_code, *POLICY, *NO_LIGHT
            )
            == []
        )

    def test_the_chart_is_drawn_in_the_language_of_the_page(self, client, scene, pseudo):
        model = make_model(modality_codes=("DIODE_HR",), k_numbers=[])
        make_sales(scene, model, 20_000, 22_000, 30_000)
        html = in_pseudo(client, f"/models/{model.slug}")

        assert ">⟦All⟧</text>" in html
        assert '<title id="chart-told">⟦Prices paid here' in html

    def test_what_rules_and_sources_say_is_said_to_be_in_english(self, client, m22):
        html = client.get("/models/lumenis-m22?lang=es").get_data(as_text=True)

        assert '<span lang="en">TDLR laser hair removal certificate' in html
        caution = catalog.modalities()["IPL"].caution
        assert f'<p lang="en">{caution}</p>' in client.get("/modalities/IPL?lang=es").get_data(as_text=True)

    def test_one_language_is_never_kept_for_another(self, client, m22):
        english = client.get("/models/lumenis-m22")
        tag = {"If-None-Match": english.headers["ETag"]}

        assert {"Accept-Language", "Cookie"} <= {one.strip() for one in english.headers["Vary"].split(",")}
        assert client.get("/models/lumenis-m22", headers=tag).status_code == 304
        assert client.get("/models/lumenis-m22", headers={**tag, "Accept-Language": "es"}).status_code == 200

    def test_places_are_kept_without_any_language(self, client, m22, pseudo):
        for code, words in (("es", "⟦hair removal⟧"), ("en", "Hair removal"), ("es", "⟦hair removal⟧")):
            html = client.get(f"/modalities/IPL?lang={code}").get_data(as_text=True)

            assert f"<strong>{words}:</strong>" in html


class TestComparing:
    @pytest.fixture
    def units(self, m22):
        return [
            make_listing(model=m22, clinic=make_clinic(seller=True, name="Hill Country Skin"), handpieces=parts)
            for parts in ([make_handpiece("IPL", name="IPL head", rated_life=None)], [])
        ]

    @pytest.fixture
    def data(self):
        return (
            "Lumenis M22", "Hill Country Skin", "Austin", "TX", "IPL head", "IPL handpiece", "The console from the front",
            "Write an amount such as", "or 42500.00.", *NO_LIGHT,
        )  # fmt: skip

    def test_with_nothing(self, client, pseudo):
        assert shown(client, "/compare") == []

    def test_side_by_side(self, client, m22, units, data, pseudo):
        bare = make_listing(model=m22, clinic=make_clinic(seller=True, name="Hill Country Skin"), recertification=None)
        address = "/compare?" + "&".join(f"d={one.id}" for one in (*units, bare))
        client.get(f"/devices/{units[0].id}")
        client.get(f"/devices/{bare.id}")

        assert shown(client, f"{address}&d=x", *data) == []
        assert shown(client, f"/compare?d={bare.id}&d=x&d=y&cost_freight=1000&cost_crate=x", *data) == []

    def test_for_who_buys(self, app, scene, now, pseudo):
        buyer, address = browser_of(app, scene.buyer), f"/compare?d={scene.listing.id}"
        data = (
            scene.listing.title, scene.seller_clinic.name, scene.buyer.name, "You can buy this in Texas", "Austin", "TX",
            *(part.name for part in scene.listing.handpieces),
        )  # fmt: skip

        assert shown(buyer, address, *data) == []
        db.session.execute(
            update(PolicyVersion)
            .where(PolicyVersion.state == PolicyState.PUBLISHED)
            .values(state=PolicyState.RETIRED, retired_at=now)
        )
        assert shown(buyer, address, *data) == []


class TestSeller:
    @pytest.fixture
    def address(self, scene):
        return f"/sellers/{scene.seller_clinic.id}"

    @pytest.fixture
    def data(self, scene):
        return (scene.seller_clinic.name, scene.listing.title, "Texas")

    def test_before_its_first_sale(self, client, scene, address, data, pseudo):
        assert shown(client, address, *data) == []

    def test_with_what_was_said(self, client, scene, address, data, now, pseudo):
        sold = make_order("accepted", scene, at=now)
        said = service.write(order_id=sold.id, actor_id=scene.buyer.id, rating=4, words=SAID, at=now)
        service.answer(review_id=said, actor_id=scene.seller.id, words="We are glad.", at=now)
        html = in_pseudo(client, address)

        assert forgotten(html, *data, *DAYS) == []
        assert re.search(rf'<blockquote class="as-written" lang="en">{SAID}</blockquote>', html)
        assert '<blockquote class="as-written" lang="en">We are glad.</blockquote>' in html

    def test_with_words_that_staff_took_away_and_nothing_to_sell(self, client, scene, address, data, now, pseudo):
        sold = make_order("accepted", scene, at=now)
        said = service.write(order_id=sold.id, actor_id=scene.buyer.id, rating=4, words=SAID, at=now)
        service.hide(review_id=said, actor_id=make_staff("moderator").id, because="It names a person.", at=now)
        scene.seller_clinic.seller_standing, scene.seller_clinic.seller_reason = "suspended", "Its licence has lapsed."
        db.session.commit()
        html = in_pseudo(client, address)

        assert forgotten(html, *data, *DAYS) == []
        assert '<span lang="en">It names a person.</span>' in html

    def test_figures_stand_in_their_sentences(self, client, scene, address):
        spanish = client.get(f"{address}?lang=es").get_data(as_text=True)
        english = client.get(f"{address}?lang=en").get_data(as_text=True)

        assert "%(" not in spanish
        assert "At least 3 sales here were accepted by their buyers, of at least 2 different clinics." in english
        assert "0 sales to 0 clinics" in english
