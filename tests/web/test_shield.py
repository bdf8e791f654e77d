"""Every answer carries the headers that keep browsers honest, also when it is a refusal, a file or a crash."""

from uuid import UUID

import pytest

from marketplace.app import create_app
from marketplace.config import Mode
from marketplace.web import shield
from tests.conftest import settings_for
from tests.factories.accounts import make_staff, make_user
from tests.support import sign_in

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


@pytest.fixture
def made(tmp_path):
    """A function that makes an app with other settings, over no database at all."""

    def make(**changed):
        overrides = changed.pop("overrides", {})
        return create_app(
            settings_for("postgresql+psycopg://nobody@127.0.0.1:1/none", tmp_path, **changed), **overrides
        )

    return make


def policy(answer) -> dict[str, list[str]]:
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split("; ")]
    return {name: sources for name, *sources in parts}


class TestHeaders:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/sign-in", 200),
            ("HEAD", "/sign-in", 200),
            ("OPTIONS", "/sign-in", 200),
            ("GET", "/healthz", 200),
            ("GET", "/account", 303),
            ("GET", "/sign-in?q=%00", 400),
            ("GET", "/no-such-page", 404),
            ("GET", f"/devices/{UUID(int=7)}", 404),
            ("PUT", "/sign-in", 405),
            ("POST", "/sign-in", 422),
            ("GET", "/static/css/second-light.css", 200),
            ("GET", "/static/no-such-file.css", 404),
            ("GET", "/bootstrap/static/css/bootstrap.min.css", 200),
            ("POST", "/webhooks/stripe", 400),
        ],
    )
    def test_are_on_every_answer(self, client, method, path, status):
        answer = client.open(path, method=method)

        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        assert policy(answer)["default-src"] == ["'none'"]

    def test_are_on_an_answer_to_what_is_too_large(self, client):
        answer = client.post("/sign-in", data={"email": "x" * 300_000})

        assert answer.status_code == 413
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS

    def test_are_on_the_answer_to_a_crash(self, made):
        app = made(overrides={"TESTING": False})

        @app.get("/crash")
        def crash():
            raise ZeroDivisionError

        crash.access = "public"
        answer = app.test_client().get("/crash")

        assert answer.status_code == 500
        assert "Something broke on our side" in answer.text
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS


class TestPolicy:
    def test_lets_nothing_in_but_what_is_ours(self, client):
        assert policy(client.get("/sign-in")) == {
            "default-src": ["'none'"],
            "script-src": ["'self'"],
            "style-src": ["'self'"],
            "img-src": ["'self'", "data:"],
            "font-src": ["'self'"],
            "connect-src": ["'self'"],
            "form-action": ["'self'", "http://127.0.0.1:1"],
            "base-uri": ["'none'"],
            "frame-ancestors": ["'none'"],
            "object-src": ["'none'"],
            "manifest-src": ["'self'"],
        }

    def test_a_form_may_lead_to_the_pages_where_people_pay_and_are_paid(self, made):
        app = made(mode=Mode.PRODUCTION, base_url="https://second-light.example", stripe_api_base=None)

        assert policy(app.test_client().get("/healthz"))["form-action"] == [
            "'self'", "https://checkout.stripe.com", "https://connect.stripe.com",
        ]  # fmt: skip

    def test_where_something_stands_in_for_the_provider_a_form_may_lead_there_and_not_abroad(self, made):
        app = made(stripe_api_base="http://127.0.0.1:8001/v1/")

        assert policy(app.test_client().get("/healthz"))["form-action"] == ["'self'", "http://127.0.0.1:8001"]


class TestTransport:
    def test_where_the_address_is_secure_browsers_are_told_to_stay_there(self, made):
        app = made(base_url="https://second-light.example")

        answer = app.test_client().get("/healthz")

        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"

    def test_on_a_developers_machine_they_are_not(self, client):
        assert "Strict-Transport-Security" not in client.get("/healthz").headers


class TestCookies:
    @pytest.fixture
    def cookie(self, made):
        def cookie(**changed) -> str:
            app = made(**changed)

            @app.get("/touch")
            def touch():
                from flask import session

                session["touched"] = True
                return ""

            touch.access = "public"
            (given,) = app.test_client().get("/touch", base_url=changed["base_url"]).headers.getlist("Set-Cookie")
            name, *flags = given.split("; ")
            return name.partition("=")[0], sorted(flags)

        return cookie

    def test_are_bound_to_the_host_and_kept_from_scripts_and_strangers(self, cookie):
        assert cookie(base_url="https://second-light.example") == (
            "__Host-second_light", ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"],
        )  # fmt: skip

    def test_need_no_tls_on_a_developers_machine(self, cookie):
        assert cookie(base_url="http://localhost") == ("second_light", ["HttpOnly", "Path=/", "SameSite=Lax"])


class TestKeeping:
    def test_what_was_made_for_somebody_is_kept_by_nobody(self, client):
        sign_in(client, make_user())

        assert client.get("/account").headers["Cache-Control"] == "no-store"
        assert client.get("/no-such-page").headers["Cache-Control"] == "no-store"

    def test_a_page_for_everybody_says_nothing_about_keeping(self, client):
        assert "Cache-Control" not in client.get("/sign-in").headers

    def test_files_are_kept_also_by_those_who_are_signed_in(self, client):
        sign_in(client, make_staff())

        assert client.get("/bootstrap/static/css/bootstrap.min.css").headers["Cache-Control"] == "public, max-age=86400"


class TestOrder:
    def test_stands_before_everything_that_reads_the_request(self, app):
        first, *_ = app.before_request_funcs[None]

        assert first is shield.name_the_request
        assert app.before_request_funcs[None].index(shield.refuse_null_bytes) == 3

    def test_a_form_that_is_too_large_is_refused_before_its_token_is_looked_for(self, made):
        app = made()  # with CSRF protection

        answer = app.test_client().post("/sign-in", data={"email": "x" * 300_000})

        assert answer.status_code == 413


def test_no_address_is_made_of_the_name_that_a_browser_calls_us_by(client):
    for path in ("/account", "/sign-in", "/devices"):
        answer = client.get(path, headers={"Host": "evil.example"})

        assert "evil.example" not in answer.text
        assert "evil.example" not in answer.headers.get("Location", "")


class TestName:
    """On the open net the house goes by one name, and answers to no other."""

    @pytest.fixture
    def named(self, made):
        return made(base_url="https://second-light.example").test_client()

    @pytest.mark.parametrize("host", ["evil.example", "second-light.example.evil.example", "second-light.example:8443"])
    def test_to_another_it_does_not_answer(self, named, host):
        answer = named.get("/sign-in", base_url=f"https://{host}")

        assert answer.status_code == 400
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        assert host not in answer.text

    def test_to_its_own_it_does(self, named):
        assert named.get("/sign-in", base_url="https://second-light.example").status_code == 200

    def test_whoever_asks_a_machine_by_its_number_whether_it_serves_is_told(self, named):
        assert named.get("/healthz", base_url="http://10.0.0.7:8000").status_code == 200

    def test_a_developers_machine_goes_by_several(self, client):
        assert client.get("/sign-in", base_url="http://192.168.1.4").status_code == 200


class TestProxies:
    def test_behind_none_nobody_can_lend_themselves_another_address(self, made):
        app = made()

        @app.get("/who")
        def who():
            from flask import request

            return f"{request.remote_addr} {request.scheme} {request.host}"

        who.access = "public"
        forwarded = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}

        assert app.test_client().get("/who", headers=forwarded).text == "127.0.0.1 http localhost"

    def test_behind_one_the_last_word_counts(self, made):
        app = made(proxy_count=1)

        @app.get("/who")
        def who():
            from flask import request

            return f"{request.remote_addr} {request.scheme} {request.host}"

        who.access = "public"
        forwarded = {
            "X-Forwarded-For": "9.9.9.9, 8.8.8.8",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "second-light.example",
        }

        assert app.test_client().get("/who", headers=forwarded).text == "8.8.8.8 https second-light.example"
