"""Pages in the reader's language: who chooses it, what is kept of it, and that no word of a page is forgotten."""

import re

import pytest

from marketplace.web import freshness, language
from tests.factories.accounts import make_user
from tests.factories.catalog import real_model
from tests.factories.listings import make_handpiece, make_listing
from tests.languages import forgotten, in_pseudo
from tests.support import sign_in


@pytest.fixture
def unit():
    return make_listing(
        model=real_model("Lumenis M22"), photos=2,
        handpieces=[make_handpiece("IPL", name="IPL head"), make_handpiece("ER_GLASS_FRAC", name="ResurFX")],
    )  # fmt: skip


DATA = ("Lumenis M22", "Lumenis", "Austin", "TX", "Texas", "The console from the front", "xyzzy", "m22")


class TestWhoChooses:
    @pytest.mark.parametrize(
        ("browser", "cookie", "address", "spoken"),
        [
            (None, None, "/", "en"),
            ("de, fr;q=0.5", None, "/", "en"),
            ("es-MX, en;q=0.5", None, "/", "es"),
            ("es", "en", "/", "en"),
            (None, "es", "/", "es"),
            (None, "es", "/?lang=en", "en"),
            ("en", None, "/devices?lang=es", "es"),
            ("en", None, "/?lang=xx", "en"),
            (None, "xx", "/", "en"),
            (None, "es", "/no-such-page", "es"),
        ],
    )
    def test_the_address_then_the_cookie_then_the_browser(self, client, unit, browser, cookie, address, spoken):
        if cookie:
            client.set_cookie("lang", cookie)
        html = client.get(address, headers={"Accept-Language": browser} if browser else {}).get_data(as_text=True)

        assert f'<html lang="{spoken}"' in html
        assert ("Iniciar sesión" in html, "Sign in" in html) == (spoken == "es", spoken == "en")

    def test_what_an_address_chooses_is_kept(self, client):
        answer = client.get("/devices?lang=es")

        assert "lang=es; Max-Age=31536000; HttpOnly; Path=/; SameSite=Lax" in re.sub(
            r" Expires=[^;]+;", "", answer.headers["Set-Cookie"]
        )
        assert '<html lang="es"' in client.get("/").get_data(as_text=True)
        assert "Set-Cookie" not in client.get("/devices?lang=es").headers
        assert "Set-Cookie" not in client.get("/devices?lang=xx").headers

    def test_the_switch_keeps_what_is_asked_for(self, client, unit):
        html = client.get("/devices?q=m22&lang=es&max=90000").get_data(as_text=True)

        assert (
            '<a href="/devices?q=m22&amp;max=90000&amp;lang=en" lang="en" hreflang="en" rel="nofollow">English</a>'
            in html
        )
        assert "lang=es" not in re.sub(r"<link [^>]+>", "", html)

    def test_the_next_request_is_nobodys_choice(self, app):
        with app.test_request_context("/?lang=es"):
            language.speak()
            assert language.language() == "es"

        assert language.language() == "en"

    def test_pages_that_are_not_told_in_it_say_so_in_it(self, client):
        html = client.get("/rules?lang=es").get_data(as_text=True)

        assert '<html lang="en"' in html
        assert '<p class="small muted" lang="es">Por ahora, esta página solo existe en inglés.</p>' in html
        assert "Sign in" in html
        assert ">English</a>" in html


class TestWhatIsKept:
    def test_one_language_is_never_shown_for_another(self, client, unit):
        address = "/devices?q=m22"
        english = client.get(address)
        spanish = client.get(address, headers={"Accept-Language": "es"})

        assert english.headers["ETag"] != spanish.headers["ETag"]
        # Cards and filters are kept drawn.
        assert ("of life used" in english.text, "de vida útil consumida" in english.text) == (True, False)
        assert ("of life used" in spanish.text, "de vida útil consumida" in spanish.text) == (False, True)
        assert {"Accept-Language", "Cookie"} <= {one.strip() for one in english.headers["Vary"].split(",")}
        assert client.get(address, headers={"If-None-Match": english.headers["ETag"]}).status_code == 304
        changed = client.get(address, headers={"If-None-Match": english.headers["ETag"], "Accept-Language": "es"})
        assert changed.status_code == 200
        assert changed.get_data() == spanish.get_data()
        assert client.get(address).get_data() == english.get_data()
        assert freshness.MOST_PAGES > 2


class TestWordsThatAreTyped:
    @pytest.mark.parametrize("typed", ["depilación láser", "equipo de luz pulsada intensa usado", "lumenis depilacion"])
    def test_find_what_the_catalogue_calls_otherwise(self, client, unit, typed):
        assert "<h1>1 equipo</h1>" in client.get("/devices", query_string={"q": typed, "lang": "es"}).get_data(
            as_text=True
        )


class TestNothingIsForgotten:
    @pytest.mark.parametrize(
        "address",
        [
            "/",
            "/devices",
            "/devices?q=m22&zip=78701&within=50&min=100&life=90&sort=-price",
            "/devices?q=xyzzy",
            "/devices?max=100",
        ],
    )
    def test_for_strangers(self, client, unit, pseudo, address):
        assert forgotten(in_pseudo(client, address), *DATA) == []

    def test_where_nothing_is_on_the_market(self, client, pseudo):
        assert forgotten(in_pseudo(client, "/")) == []
        assert forgotten(in_pseudo(client, "/devices")) == []

    def test_where_there_is_no_page(self, client, pseudo):
        assert forgotten(in_pseudo(client, "/no-such-page", 404)) == []

    def test_for_members(self, client, unit, pseudo):
        somebody = make_user()
        sign_in(client, somebody)

        assert forgotten(in_pseudo(client, "/devices"), *DATA, somebody.name) == []
