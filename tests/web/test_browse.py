"""Finding a device: what strangers, buyers and sellers see, and what no address can break."""

import re
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from marketplace.catalog import queries as catalog
from marketplace.extensions import adapter_of, db
from marketplace.listings.ports import PhotoStore
from marketplace.listings.terms import Recertification
from marketplace.web import freshness
from tests.factories.accounts import make_user
from tests.factories.catalog import load_modalities, make_model, real_model
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.listings import make_handpiece, make_listing
from tests.support import count_statements, sign_in


@pytest.fixture
def unit():
    return make_listing(
        model=real_model("Lumenis M22"),
        handpieces=[make_handpiece("IPL", name="IPL head"), make_handpiece("ER_GLASS_FRAC", name="ResurFX", counter_value=None, counter_unit=None, counter_direction=None, rated_life=None)],
        serial="SECRET-4711",
        photos=2,
        description="<script>alert(1)</script> lamp replaced",
    )  # fmt: skip


def page(client, address, status=200):
    answer = client.get(address)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


class TestHome:
    def test_shows_what_came_in_last(self, client, unit):
        html = page(client, "/")

        assert f'href="/devices/{unit.id}"' in html
        assert "Prove it once" in html

    def test_says_so_while_there_is_nothing(self, client):
        assert "No devices yet" in page(client, "/")


class TestDevices:
    def test_shows_a_card_with_price_place_and_life(self, client, unit):
        html = page(client, "/devices?q=m22")

        assert "<h1>1 device</h1>" in html
        assert "$42,500" in html
        assert "Austin, TX" in html
        assert "B · good · 40 % of life used" in html
        assert f"/photos/{unit.photos[0].storage_key}-480.webp" in html

    def test_never_shows_the_serial_number(self, client, unit):
        assert "SECRET" not in page(client, "/devices") + page(client, f"/devices/{unit.id}")

    def test_writes_what_was_asked_as_text(self, client):
        load_modalities()
        html = page(client, "/devices?q=" + quote('<b>"x</b>'))

        assert "<b>" not in html
        assert "“&lt;b&gt;&#34;x&lt;/b&gt;”" in html

    def test_active_filters_can_be_taken_off_one_by_one(self, client, unit):
        html = page(client, "/devices?modality=IPL&modality=ALEX&min=$1,000&after=x~y")

        assert 'href="/devices?modality=ALEX&amp;min=%241%2C000"' in html
        assert 'href="/devices?modality=IPL&amp;modality=ALEX"' in html
        assert "From $1,000" in html

    def test_every_filter_has_its_chip(self, client, unit):
        html = page(
            client,
            "/devices?q=m22&maker=Lumenis&model=Lumenis+M22&procedure=HAIR_NONABLATIVE&state=TX&grade=B&service=record"
            "&recertification=no&min=100&max=50000&landed=60,000&year=2010&year_to=2020&life_from=0&life=40&shots=1,000&spot_from=0.5&spot_to=18+mm&nm_from=400&nm_to=1200"
            "&zip=78701&within=30&sort=-price",
        )

        chips = re.findall(r"Remove filter:</span> (.+?) <svg", html)
        assert chips == [
            "“m22”", "Hair removal", "Lumenis", "Lumenis M22", "B · good", "Texas", "Service and calibration record",
            "The maker asks for none", "From $100", "Up to $50,000", "Up to $60,000 in all", "From 2010", "Up to 2020",
            "From 0 % of life used", "Up to 40 % of life used", "1,000 shots left or more", "Spots from 0.5 mm", "Spots up to 18 mm", "From 400 nm", "Up to 1,200 nm", "Within 30 miles of 78701",
        ]  # fmt: skip
        for kept in (
            'value="-price" selected',
            'value="$60,000"',
            'name="life" inputmode="numeric" autocomplete="off" placeholder="50" maxlength="4" value="40"',
            'value="30" selected',
            'value="1,000"',
            'value="0.5"',
            'value="18"',
        ):
            assert kept in html

    def test_says_what_a_device_costs_in_all_and_brings_the_cheapest_first(self, client, unit):
        known = make_listing(
            clinic=make_clinic(seller=True), price_minor=5_000_000, recertification_minor=900_000,
            recertification=Recertification.YES,
        )  # fmt: skip
        html = page(client, "/devices?sort=landed")

        assert re.findall(r'href="/devices/([0-9a-f-]{36})"', html) == [str(known.id), str(unit.id)]
        assert re.findall(r"<span>([^<]+ in all|In all: [^<]+)</span>", html) == [
            "At least $59,000 in all",
            "In all: not known yet",
        ]
        assert "<h1>No devices</h1>" in page(client, "/devices?landed=58999.99")
        assert "<h1>1 device</h1>" in page(client, "/devices?landed=59000")

    def test_what_is_typed_beside_figures_is_kept_and_can_be_found_nearest_first(self, client, unit):
        near = make_listing(clinic=make_clinic(seller=True), postal_code="78704", price_minor=1_000_000)
        html = page(client, "/devices?zip=78701&sort=distance")

        assert "Seen from 78701" in html
        assert re.findall(r'href="/devices/([0-9a-f-]{36})"', html) == [str(near.id), str(unit.id)]
        assert "Austin, TX · 2 miles" in html
        assert html.count(" miles</span>") == 1

    def test_long_lists_of_answers_are_folded_what_finds_most_first(self, client):
        clinic = make_clinic(seller=True)
        for state in ("TX", "TX", "AZ", "CA", "CO", "FL", "GA", "IL", "NV", "NY", "WY"):
            make_listing(clinic=clinic, model=real_model("Lumenis M22"), state_code=state)
        html = page(client, "/devices?state=WY")
        shown, folded = html.partition('id="state-more"')[::2]

        assert "2 more" in folded
        assert 'value="TX"' in shown
        assert 'value="WY" checked' in shown
        assert 'value="NY"' in folded

    def test_says_what_was_looked_for_instead_and_leads_to_the_words_as_typed(self, client, unit):
        html = page(client, "/devices?q=lumnis&state=TX")

        assert "Showing results for <strong>lumenis</strong>" in html
        assert "“lumnis”" in html
        assert "<h1>1 device</h1>" in html
        address = "/devices?q=lumnis&amp;state=TX&amp;literally=1"
        assert f'href="{address}"' in html
        assert "<h1>No devices</h1>" in page(client, address.replace("&amp;", "&"))

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("min=cheap", "the lowest price “cheap”"),
            ("max=-5", "the highest price “-5”"),
            ("landed=free", "the highest cost in all “free”"),
            ("year=soon", "the year “soon”"),
            ("year=99999999999999999999", "the year “99999999999999999999”"),
            ("life=½", "the life used “½”"),
            ("life_from=-1", "the least life used “-1”"),
            ("spot_from=1.234", "the smallest spot size “1.234”"),
            ("spot_to=wide", "the largest spot size “wide”"),
            ("shots=many", "the shots left “many”"),
            ("nm_from=0", "the shortest wavelength “0”"),
            ("zip=00000", "the ZIP code “00000”, of which the Census knows no area,"),
            ("zip=78701&within=far", "the distance “far”"),
            ("sort=distance", "the order by distance, for want of a ZIP code"),
        ],
    )
    def test_leaves_out_what_makes_no_sense_and_says_so(self, client, unit, query, said):
        html = page(client, f"/devices?{query}")

        assert said in html
        assert "<h1>1 device</h1>" in html

    @pytest.mark.parametrize(
        "query",
        [
            "modality=RAYGUN",
            "state=ZZ",
            "grade=Z",
            "sort=up",
            "site=x",
            "after=x~y",
            "after=2026-01-01~9dd1b5f4-6f5b-4b4e-8f2c-3d6a9d0e6a10",
            "before=&sort=price",
            "after=9999999999~9dd1b5f4-6f5b-4b4e-8f2c-3d6a9d0e6a10&sort=price",
            "after=nan~9dd1b5f4-6f5b-4b4e-8f2c-3d6a9d0e6a10&sort=distance&zip=78701",
            "unknown=1",
            "maker=",
        ],
    )
    def test_passes_over_what_it_does_not_know(self, client, unit, query):
        assert "<h1>1 device</h1>" in page(client, f"/devices?{query}")

    def test_a_maker_nobody_knows_finds_nothing(self, client, unit):
        html = page(client, "/devices?maker=Acme")

        assert "<h1>No devices</h1>" in html
        assert "No device is like this" in html

    def test_takes_at_most_four_statements_for_a_stranger(self, client, unit):
        make_listing(clinic=make_clinic(seller=True), photos=1)
        catalog.modalities()
        taken = []
        for _ in range(2):
            with count_statements() as sent:
                page(client, "/devices?modality=IPL&modality=ALEX&q=a")
            taken.append(len(sent))

        assert taken == [4, 1]

    @pytest.mark.parametrize("sort", ["newest", "price", "-price", "used", "landed", "distance"])
    def test_pages_are_turned_and_keep_the_other_filters(self, client, sort):
        clinic = make_clinic(seller=True)
        model = real_model("Lumenis M22")
        for _ in range(25):
            make_listing(clinic=clinic, model=model, postal_code="78701")
        first = page(client, f"/devices?modality=IPL&sort={sort}&zip=78701")
        later = link(first, "next")
        second = page(client, later)

        assert (first.count("<article"), second.count("<article")) == (24, 1)
        assert f"/devices?modality=IPL&sort={sort}&zip=78701&after=" in later
        assert 'rel="prev"' not in first
        assert 'rel="next"' not in second
        assert page(client, link(second, "prev")).count("<article") == 24
        assert f'href="/devices?modality=IPL&amp;sort={sort}&amp;zip=78701" data-live-link>First page' in second

    def test_says_so_where_a_page_has_emptied(self, client, unit):
        html = page(client, f"/devices?after=2000-01-01T00:00:00%2B00:00~{unit.id}")

        assert "<h1>1 device</h1>" in html
        assert "Nothing beyond this" in html


def link(html, rel):
    return re.search(rf'href="([^"]+)" rel="{rel}"', html)[1].replace("&amp;", "&")


class TestSuggestions:
    def test_name_what_is_on_the_market_with_how_many_there_are(self, client, unit):
        make_listing(clinic=make_clinic(seller=True), model=real_model("Lumenis Stellar M22"), handpieces=["IPL"])
        answer = client.get("/devices/suggestions?q=m22")

        assert answer.mimetype == "application/json"
        assert answer.json == [
            {"words": "Lumenis M22", "what": "model", "units": 1, "address": "/devices?model=Lumenis+M22"},
            {"words": "Lumenis Stellar M22", "what": "model", "units": 1, "address": "/devices?model=Lumenis+Stellar+M22"},
        ]  # fmt: skip
        for suggestion in answer.json:
            assert "<h1>1 device</h1>" in page(client, suggestion["address"])

    @pytest.mark.parametrize("query", ["", "?q=", "?q=m", "?q=zzzzzz", "?q=" + "x" * 5000])
    def test_are_none_where_nothing_is_meant(self, client, unit, query):
        assert client.get(f"/devices/suggestions{query}").json == []

    def test_the_boxes_ask_for_them(self, client):
        assert page(client, "/").count('data-suggest="/devices/suggestions"') == 2


class TestFreshness:
    """A stranger who has a page is told that it is as it was; any change of what it shows sends it anew."""

    ADDRESSES = ("/", "/devices", "/devices?q=m22&sort=price", "/devices/suggestions?q=m22")

    @pytest.mark.parametrize("address", ADDRESSES)
    def test_an_unchanged_page_is_not_sent_again_and_takes_one_statement(self, client, unit, address):
        first = client.get(address)
        with count_statements() as sent:
            again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.data, len(sent)) == (304, b"", 1)
        assert again.headers["ETag"] == first.headers["ETag"]
        for answer in (first, again):
            assert answer.headers["Cache-Control"] == "no-cache"
            assert "Cookie" in answer.headers["Vary"]

    @pytest.mark.parametrize("address", ADDRESSES)
    def test_any_change_of_the_market_sends_it_anew(self, client, unit, address):
        first = client.get(address)
        unit.price_minor = 1_000_000
        db.session.flush()
        again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.headers["ETag"] != first.headers["ETag"]) == (200, True)

    def test_strangers_are_shown_the_same_page_until_something_changes_and_few_are_kept(
        self, client, unit, monkeypatch
    ):
        monkeypatch.setattr(freshness, "MOST_PAGES", 1)
        monkeypatch.setattr(freshness, "_pages", {})
        first = page(client, "/devices")
        with count_statements() as sent:
            assert page(client, "/devices") == first
        assert len(sent) == 1

        page(client, "/")
        assert len(freshness._pages) == 1
        unit.price_minor = 1_000_000
        db.session.flush()
        assert "$10,000" in page(client, "/devices")
        page(client, "/devices?sort=nonsense&after=x")
        assert len(freshness._pages) == 1

    def test_another_theme_is_another_page(self, client, unit):
        first = client.get("/devices")
        client.set_cookie("theme", "dark")

        assert client.get("/devices", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200

    def test_the_page_of_a_device_is_named_by_what_it_shows(self, client, unit):
        address = f"/devices/{unit.id}"
        named = {"If-None-Match": client.get(address).headers["ETag"]}

        assert client.get(address, headers=named).status_code == 304
        unit.description = "Else"
        db.session.flush()
        assert client.get(address, headers=named).status_code == 200

    def test_a_page_with_a_message_is_for_its_reader_alone(self, client, unit):
        first = client.get("/devices")
        with client.session_transaction() as session:
            session["_flashes"] = [("message", "Signed out.")]
        answer = client.get("/devices", headers={"If-None-Match": first.headers["ETag"]})

        assert answer.status_code == 200
        assert "Signed out." in answer.get_data(as_text=True)
        assert "ETag" not in answer.headers

    def test_a_page_for_somebody_has_no_name_and_is_not_kept(self, client, unit):
        first = client.get("/devices")
        sign_in(client, make_user())
        for address in ("/devices", f"/devices/{unit.id}"):
            answer = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
            assert (answer.status_code, answer.headers.get("ETag")) == (200, None)
            assert answer.headers["Cache-Control"] == "no-store"

    def test_a_packed_page_keeps_its_name(self, client, unit):
        packed = client.get("/devices", headers={"Accept-Encoding": "gzip"})

        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["ETag"] == client.get("/devices").headers["ETag"]
        assert {"Cookie", "Accept-Encoding"} <= set(packed.vary)

    def test_what_is_not_there_is_not_kept(self, client):
        answer = client.get(f"/devices/{uuid4()}")

        assert (answer.status_code, answer.headers.get("ETag")) == (404, None)


class TestDevice:
    def test_shows_the_unit_to_strangers(self, client, unit):
        html = page(client, f"/devices/{unit.id}")

        assert "<h1>Lumenis M22 " in html
        assert "400,000 shots / 1,000,000 shots" in html
        assert "not stated / not stated" in html
        assert "hair removal, vascular and pigment treatment" in html
        assert "Light scratches or marks that do not touch function" in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt; lamp replaced" in html
        assert "Lone Star Skin" in html
        assert "Who may buy this" in html
        assert "Sign in to buy" in html

    def test_takes_the_same_few_statements_whatever_the_unit_has(self, client, unit):
        catalog.modalities()
        address = f"/devices/{unit.id}"
        with count_statements() as sent:
            page(client, address)

        assert len(sent) == 1

    def test_says_what_is_left_on_a_counter_that_runs_down(self, client):
        unit = make_listing(
            handpieces=[
                make_handpiece("ALEX", counter_direction="down"),
                make_handpiece(
                    "ALEX", counter_unit="percent_left", counter_direction="down", counter_value=70, rated_life=None
                ),
            ]
        )
        html = page(client, f"/devices/{unit.id}")

        assert "400,000 shots left / 1,000,000 shots" in html
        assert "70 % left / not stated" in html

    def test_says_that_a_modality_is_not_known(self, client):
        vague = make_listing(model=real_model("Alma Harmony"), handpieces=["LASER_MULTI"])
        html = page(client, f"/devices/{vague.id}?state=TX")

        assert "not known until its modality is named" in html

    @pytest.mark.parametrize(
        ("state", "status"), [("draft", 404), ("in_review", 404), ("withdrawn", 404), ("reserved", 200), ("sold", 200)]
    )
    def test_shows_only_what_is_on_display(self, client, state, status):
        listing = make_listing(state=state)
        html = page(client, f"/devices/{listing.id}", status)

        assert "Sign in to buy" not in html

    def test_knows_nothing_of_other_addresses(self, client):
        page(client, f"/devices/{uuid4()}", 404)
        page(client, "/devices/1", 404)

    def test_tells_a_buyer_without_rules_that_nobody_can_buy(self, client, unit):
        member = make_user()
        clinic = make_clinic(name="Desert Ridge")
        make_member(clinic=clinic, user=member)
        make_site(clinic=clinic, state="AZ")
        sign_in(client, member)
        html = page(client, f"/devices/{unit.id}")

        assert "No rules are published yet" in html
        assert "Prepare an order" in html


class TestWithRules:
    """Seen by a technician who is cleared for hair removal in Texas, and by strangers who ask for a state."""

    @pytest.fixture
    def ablative(self, scene):
        return make_listing(model=real_model("Lumenis AcuPulse"), handpieces=["CO2"])

    def test_cards_say_what_the_person_may_buy(self, client, scene, ablative):
        sign_in(client, scene.buyer)
        html = page(client, "/devices")

        assert "Seen from Main Street, Austin, Texas" in html
        assert "You can buy this in Texas" in html
        assert html.count('class="chip tone-yes"') == 1
        assert html.count('class="chip tone-no_rule"') + html.count('class="chip tone-not_yet"') == 1

    def test_only_what_the_person_is_qualified_for(self, client, scene, ablative):
        sign_in(client, scene.buyer)
        html = page(client, "/devices?verdict=today")

        assert "<h1>1 device you can buy today</h1>" in html
        assert f"/devices/{scene.listing.id}" in html
        assert f"/devices/{ablative.id}" not in html
        assert re.findall(r"Remove filter:</span> (.+?) <svg", html) == ["I can buy this today, in Texas"]

    def test_counts_what_the_gate_answers_beside_all_other_filters(self, client, scene, ablative):
        make_listing(clinic=make_clinic(name="Unchecked"), model=real_model("Lumenis AcuPulse"), handpieces=["CO2"])
        no_rule = make_listing(
            clinic=scene.seller_clinic, model=real_model("Lumenis M22"), handpieces=["ER_GLASS_FRAC"], price_minor=100_000
        )  # fmt: skip
        sign_in(client, scene.buyer)

        def counted(address):
            html = page(client, address)
            boxes = html.partition('<div id="who"')[2].partition("</fieldset>")[0]
            return re.findall(r'value="(\w+)"( checked)?.*?devices:</span> (\d+)', boxes, re.DOTALL), html

        assert counted("/devices")[0] == [("today", "", "1"), ("missing", "", "0"), ("closed", "", "3")]
        found, html = counted("/devices?verdict=closed")
        assert found == [("today", "", "1"), ("missing", "", "0"), ("closed", " checked", "3")]
        assert "<h1>3 devices</h1>" in html
        assert f"/devices/{no_rule.id}" in html
        found, html = counted("/devices?verdict=closed&verdict=missing&max=1000")
        assert found == [("today", "", "0"), ("missing", " checked", "0"), ("closed", " checked", "1")]
        assert "<h1>1 device</h1>" in html
        client.post("/sign-out")
        sign_in(client, scene.owner)
        assert counted("/devices")[0] == [("today", "", "0"), ("missing", "", "1"), ("closed", "", "3")]

    def test_nothing_is_open_to_a_colleague_without_proof(self, client, scene):
        sign_in(client, scene.owner)

        assert "Nothing you can buy today" in page(client, "/devices?verdict=today")

    def test_nobody_is_qualified_for_anything_where_no_rules_are_published(self, client):
        person = make_user()
        clinic = make_clinic(owner=person, seller=True)
        make_site(clinic=clinic)
        make_listing(clinic=clinic, model=make_model(modality_codes=("CO2",)))
        sign_in(client, person)

        assert "Nothing you can buy today" in page(client, "/devices?verdict=today")

    def test_strangers_cannot_ask_what_they_are_qualified_for(self, client, scene):
        html = page(client, "/devices?verdict=today")

        assert "<h1>1 device</h1>" in html
        assert "I can buy this today" not in html

    def test_the_site_to_look_from_can_be_chosen(self, client, scene):
        other = make_site(clinic=scene.clinic, state="WY", name="Northern room", city="Cody")
        sign_in(client, scene.buyer)

        assert "Seen from Northern room, Cody, Wyoming" in page(client, f"/devices?site={other.id}")
        assert "Nothing you can buy today" in page(client, f"/devices?site={other.id}&verdict=today")
        assert "Seen from Main Street, Austin, Texas" in page(client, f"/devices?site={uuid4()}")

    def test_the_number_of_statements_does_not_grow_with_the_market(self, client, scene):
        sign_in(client, scene.buyer)
        counted = []
        for _ in range(2):
            page(client, "/devices?verdict=today")
            with count_statements() as sent:
                page(client, "/devices?verdict=today")
            counted.append(len(sent))
            for code in ("CO2", "IPL", "PDL", "RF_NEEDLE"):
                make_listing(model=make_model(modality_codes=(code,)), clinic=scene.seller_clinic)

        assert counted[0] == counted[1]

    def test_a_device_shows_the_verdict_and_each_handpiece(self, client, scene):
        mixed = make_listing(model=real_model("Lumenis M22"), handpieces=["DIODE_HR", "ER_GLASS_FRAC"])
        sign_in(client, scene.buyer)

        html = page(client, f"/devices/{scene.listing.id}")
        assert "You can buy this in Texas" in html
        assert "cleared</span>" in html
        assert "Order this device" in html

        html = page(client, f"/devices/{mixed.id}")
        assert 'id="verdict">' in html
        assert "No rule here for Texas yet" in html
        assert "You can buy it without “ER_GLASS_FRAC handpiece”" in html
        assert f"without={mixed.handpieces[1].id}" in html
        assert "cleared</span>" in html
        assert "Prepare an order" in html

    def test_a_stranger_reads_who_may_buy_in_a_state(self, client, scene):
        html = page(client, f"/devices/{scene.listing.id}?state=TX")

        assert "Who may buy this in Texas" in html
        assert "<h3>Hair removal</h3>" in html
        assert "16 TAC" in html

    def test_a_stranger_reads_that_no_rule_is_known(self, client, scene, ablative):
        assert "Nobody can buy it for Wyoming" in page(client, f"/devices/{ablative.id}?state=WY")

    def test_a_place_that_is_none_is_asked_for_again(self, client, scene):
        assert "The law of the place of use decides" in page(client, f"/devices/{scene.listing.id}?state=ZZ")


class TestPhoto:
    def test_is_sent_to_be_kept_for_ever(self, client, app):
        name = "ab/" + str(uuid4()) + "-480.webp"
        adapter_of(PhotoStore).put(name, b"picture")
        answer = client.get(f"/photos/{name}")

        assert (answer.data, answer.mimetype) == (b"picture", "image/webp")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"

    @pytest.mark.parametrize(
        "name",
        [
            "ab/x-480.webp",
            "../../etc/passwd",
            f"ab/{UUID(int=7)}-480.svg",
            f"ab/{UUID(int=7)}-481.jpg",
            f"ab/{UUID(int=7)}-480.jpg",
        ],
    )
    def test_is_not_there_otherwise(self, client, name):
        page(client, f"/photos/{name}", 404)
