"""Pages of makers, models and modalities, and what machines fetch."""

import json
import re
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from marketplace.extensions import db
from marketplace.guides import knowing
from marketplace.recalls.states import MatchState
from marketplace.registers.sources import CLEARANCES
from tests.factories.accounts import make_user
from tests.factories.catalog import load_catalogue, make_model, real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_listing
from tests.factories.orders import make_scene, publish_rules
from tests.factories.recalls import make_recall
from tests.factories.registers import make_notice, make_snapshot
from tests.factories.sales import make_sales
from tests.pages import browser_of, text
from tests.support import count_statements

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def m22(now):
    publish_rules(now)
    return real_model("Lumenis M22")


def parsed(answer):
    return ET.fromstring(answer.text)  # noqa: S314  We wrote it ourselves.


def data_in(page):
    return json.loads(re.search(r'<script type="application/ld\+json">(.*?)</script>', page)[1])


class TestModel:
    def test_shows_what_is_known_and_says_what_is_not(self, client, m22):
        page = text(client.get(f"/models/{m22.slug}"))

        assert "<h1>Lumenis M22</h1>" in page
        assert "K142860" in page
        assert "not looked up in the FDA’s file" in page
        assert "No completed sales so far: prices are said from 3 on." in page
        assert "None for the moment." in page
        assert '<a href="/rules/TX">Texas</a>' in page
        assert "TDLR laser hair removal certificate" in page
        assert "Lumenis: no published text was found." in page
        assert '<link rel="canonical" href="http://localhost/models/lumenis-m22">' in page
        assert "offers" not in data_in(page)

    def test_what_its_source_says_of_the_wavelengths_takes_the_place_of_nothing_else(self, client, m22):
        page = text(client.get(f"/models/{real_model('Cynosure PicoSure').slug}"))

        assert "<dt>Wavelengths</dt><dd>755 (532 option)</dd>" in page
        assert '<dt>FDA product code</dt><dd><span class="muted">not known</span></dd>' in page

    def test_shows_the_fdas_decision_where_its_file_is_loaded(self, client, m22):
        file = make_snapshot(CLEARANCES)
        make_notice(file, number="K142860", firm="Lumenis Ltd.", device="A system", posted_on=date(2015, 1, 8))

        page = text(client.get(f"/models/{m22.slug}"))
        assert 'A system<br><span class="small muted">Lumenis Ltd.; the FDA’s file of' in page
        assert "8 Jan 2015" in page

    def test_shows_units_with_what_machines_read(self, client, m22):
        unit = make_listing(model=m22, price_minor=2_450_050, year=2016)
        make_listing(model=m22, price_minor=3_000_000)
        page = text(client.get(f"/models/{m22.slug}"))

        assert f'<a href="/devices/{unit.id}">M22 2016</a>' in page
        assert "2 units for sale, the newest first" in page
        assert data_in(page)["offers"] == {
            "@type": "AggregateOffer", "offerCount": 2, "lowPrice": "24500.50", "highPrice": "30000.00",
            "priceCurrency": "USD",
        }  # fmt: skip
        assert "aggregateRating" not in page

    def test_leads_to_the_rest_of_many_units(self, client, m22, monkeypatch):
        monkeypatch.setattr("marketplace.web.guide.UNITS_SHOWN", 1)
        make_listing(model=m22)
        make_listing(model=m22)

        assert "All of them" in text(client.get(f"/models/{m22.slug}"))

    def test_shows_recalls(self, client, m22):
        make_recall(m22.id, number="Z-4", state=MatchState.CONFIRMED)

        assert "FDA recall Z-4" in text(client.get(f"/models/{m22.slug}"))

    def test_draws_prices_paid_with_their_table(self, client, now):
        scene, model = make_scene(now), make_model(modality_codes=("DIODE_HR",), k_numbers=[])
        make_sales(scene, model, 20_000, 22_000, 30_000, year=2018)
        page = text(client.get(f"/models/{model.slug}"))

        assert page.count('<rect class="range"') == 2
        assert "$20,000 to $30,000, n = 3" in page
        assert "so far: prices are said" not in page
        assert "None was found. That does not mean that there is none." in page

    def test_takes_few_statements_whatever_there_is(self, client, m22):
        for _ in range(5):
            make_listing(model=m22)
        client.get(f"/models/{m22.slug}")
        with count_statements() as sent:
            client.get(f"/models/{m22.slug}")

        assert len(sent) <= 8

    def test_is_not_sent_again_to_a_stranger_who_has_it(self, client, m22):
        tag = client.get(f"/models/{m22.slug}").headers["ETag"]

        assert client.get(f"/models/{m22.slug}", headers={"If-None-Match": tag}).status_code == 304
        make_listing(model=m22)
        assert client.get(f"/models/{m22.slug}", headers={"If-None-Match": tag}).status_code == 200

    def test_what_is_shown_to_somebody_is_not_kept(self, app, m22):
        answer = browser_of(app, make_user()).get(f"/models/{m22.slug}")

        assert (answer.status_code, "ETag" in answer.headers, answer.headers["Cache-Control"]) == (
            200,
            False,
            "no-store",
        )

    def test_without_rules_nobody_may_operate_it(self, client):
        assert "No rules are published yet" in text(client.get(f"/models/{make_model().slug}"))


class TestOthers:
    def test_a_maker_shows_its_models_and_policy(self, client, m22):
        make_listing(model=m22, price_minor=2_450_000)
        page = text(client.get("/makers/solta"))

        assert "Also looked for as Solta Medical, Thermage, Bausch (under Bausch (general knowledge))." in page
        assert '<a href="/models/solta-thermage-cpt">Thermage CPT</a>' in page
        assert "limited warranty runs to the original purchaser" in page
        assert "/models/lumenis-m22" not in page
        assert "$24,500" in text(client.get("/makers/lumenis"))

    def test_a_modality_shows_its_uses_places_and_models(self, client, m22):
        page = text(client.get("/modalities/IPL"))

        assert '<a href="/models/lumenis-m22">M22</a>' in page
        assert '<a href="/makers/lumenis">Lumenis</a>' in page
        assert '<a href="/rules/TX">Texas</a>' in page

    def test_what_treats_nobody_says_so(self, client, m22):
        assert "It treats nobody by itself." in text(client.get("/modalities/VACUUM"))

    def test_all_models_are_listed(self, client, m22):
        page = text(client.get("/models"))

        assert page.count('href="/models/') >= 76

    @pytest.mark.parametrize("address", ["/models/none", "/makers/none", "/modalities/NONE"])
    def test_what_is_not_known_is_not_found(self, client, m22, address):
        assert client.get(address).status_code == 404

    def test_prices_are_told_from_three_sales_on(self, client, now):
        assert "No model was sold here three times." in text(client.get("/prices"))
        model = make_model(modality_codes=("DIODE_HR",), name="Sold Often")
        make_sales(make_scene(now), model, 20_000, 22_000, 30_000)

        assert "Candela Sold Often" in text(client.get("/prices"))
        answer = client.get("/prices/sold.csv")
        assert answer.mimetype == "text/csv"
        assert answer.text.count("Sold Often") == 3


class TestUnit:
    def test_a_unit_is_offered_as_what_it_is(self, client, m22):
        clinic = make_clinic(seller=True, name="Hill Country Skin")
        unit = make_listing(model=m22, clinic=clinic, price_minor=2_450_000, description="</script><b>&")
        page = text(client.get(f"/devices/{unit.id}"))

        found = data_in(page)
        assert (found["name"], found["brand"]) == ("Lumenis M22", {"@type": "Brand", "name": "Lumenis"})
        assert found["offers"] == {
            "@type": "Offer", "url": f"http://localhost/devices/{unit.id}", "price": "24500.00", "priceCurrency": "USD",
            "itemCondition": "https://schema.org/UsedCondition", "availability": "https://schema.org/InStock",
            "seller": {"@type": "Organization", "name": "Hill Country Skin"},
        }  # fmt: skip
        assert found["description"] == "</script><b>&"
        assert "image" not in found
        assert '<a href="/models/lumenis-m22">All about this model</a>' in page

    def test_its_photos_stand_at_addresses_that_are_whole_and_its_serial_number_nowhere(self, client, m22):
        unit = make_listing(model=m22, photos=2, description="")
        found = data_in(text(client.get(f"/devices/{unit.id}")))

        assert found["image"] == [f"http://localhost/photos/{one.storage_key}-1280.jpg" for one in unit.photos]
        assert set(found) == {"@context", "@type", "name", "model", "brand", "url", "image", "offers"}
        assert unit.serial not in str(found)

    def test_a_sold_one_is_sold_out(self, client, m22):
        page = text(client.get(f"/devices/{make_listing(model=m22, state='sold').id}"))

        assert data_in(page)["offers"]["availability"] == "https://schema.org/SoldOut"

    def test_nothing_in_it_can_end_the_script(self, client):
        unit = make_listing(model=make_model(name="</script><b>&"))
        page = client.get(f"/devices/{unit.id}").text

        assert data_in(page)["model"] == "</script><b>&"
        assert "</script><b>" not in page


class TestMachines:
    def test_robots_are_told_what_is_private_and_where_the_map_is(self, client):
        page = client.get("/robots.txt").text

        assert "Disallow: /staff\n" in page
        assert "Sitemap: http://localhost/sitemap.xml\n" in page

    def test_the_site_map_comes_in_parts(self, client, monkeypatch):
        monkeypatch.setattr(knowing, "PAGE", 2)
        units = [make_listing() for _ in range(3)]
        make_listing(state="draft")
        parts = [one.text for one in parsed(client.get("/sitemap.xml")).iter(f"{SITEMAP}loc")]

        assert parts == [
            "http://localhost/sitemap-pages.xml",
            "http://localhost/sitemap-units-1.xml",
            "http://localhost/sitemap-units-2.xml",
        ]
        found = [
            one.text
            for part in parts[1:]
            for one in parsed(client.get(part.removeprefix("http://localhost"))).iter(f"{SITEMAP}loc")
        ]
        assert sorted(found) == sorted(f"http://localhost/devices/{unit.id}" for unit in units)
        assert client.get("/sitemap-units-3.xml").status_code == 404
        assert client.get("/sitemap-units-0.xml").status_code == 404

    def test_a_map_without_units_has_an_empty_part(self, client):
        assert client.get("/sitemap-units-1.xml").status_code == 200

    def test_pages_are_listed_that_are_there(self, client):
        load_catalogue()
        root = parsed(client.get("/sitemap-pages.xml"))
        found = [one.text.removeprefix("http://localhost") for one in root.iter(f"{SITEMAP}loc")]

        assert {"/models/lumenis-m22", "/makers/lumenis", "/modalities/IPL", "/rules/TX", "/prices"} <= set(found)
        assert len(found) == len(set(found))

    def test_any_search_has_its_feed(self, client, m22):
        unit = make_listing(model=m22, year=2016, price_minor=2_450_000)
        make_listing()
        assert "/devices.atom?maker=Lumenis" in client.get("/devices?maker=Lumenis").text

        answer = client.get("/devices.atom?maker=Lumenis")
        root = parsed(answer)
        assert answer.mimetype == "application/atom+xml"
        assert root.find(f"{ATOM}id").text == "http://localhost/devices?maker=Lumenis"
        assert [one.find(f"{ATOM}id").text for one in root.iter(f"{ATOM}entry")] == [
            f"http://localhost/devices/{unit.id}"
        ]
        assert root.find(f"{ATOM}entry/{ATOM}title").text == "Lumenis M22 2016, $24,500"

    def test_a_feed_has_the_newest_of_a_search_whatever_its_order_and_page(self, client, m22, now):
        dear, cheap = (make_listing(model=m22, price_minor=price) for price in (9_900_000, 900_000))
        dear.published_at, cheap.published_at = now, now - timedelta(days=1)
        db.session.commit()
        assert client.get("/devices?sort=price").text.index(str(cheap.id)) < client.get(
            "/devices?sort=price"
        ).text.index(str(dear.id))
        for address in ("?sort=price", f"?sort=price&after=9900000~{dear.id}"):
            root = parsed(client.get(f"/devices.atom{address}"))
            assert [one.find(f"{ATOM}id").text.rpartition("/")[2] for one in root.iter(f"{ATOM}entry")] == [
                str(dear.id),
                str(cheap.id),
            ]

    def test_a_feed_of_nothing_is_a_feed(self, client):
        root = parsed(client.get("/devices.atom"))

        assert root.findall(f"{ATOM}entry") == []
        assert root.find(f"{ATOM}id").text == "http://localhost/devices"
