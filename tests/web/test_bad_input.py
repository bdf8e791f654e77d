"""Whatever is sent to whichever page, by whomever: a plain answer with the right status, never a crash."""

from uuid import uuid4

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.routing import AnyConverter, IntegerConverter, PathConverter, UnicodeConverter, UUIDConverter

from marketplace.accounts.access import GRANTED, Grant
from marketplace.adapters.stripe_gateway import StripeGateway
from marketplace.extensions import bind
from marketplace.payments.ports import PaymentGateway
from marketplace.web.access import PUBLIC
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order
from tests.support import sign_in

HUGE = b"q=" + b"x" * 10_000_000
LONG = "x" * 20_000
# These would speak to the payment provider, which is not there, or sign with a key that is not set: an honest 503.
ABROAD = {"buying.pay", "sales.open_account", "staff_orders.refund", "staff_audit.whole"}
# Whoever shows no key of a partner is told so, whatever else they send; what partners send is tested beside it.
EXCUSED = {(401, "eligibility.ask"), *((503, endpoint) for endpoint in ABROAD)}
FIELDS = (
    "q", "page", "state", "site", "operator", "uses", "site_id", "kind", "before", "subject_id", "sort", "min", "max",
    "year", "life", "modality", "maker", "grade", "procedure", "next", "again", "standing", "form_key", "email", "name",
    "password", "reason", "number", "price", "documents", "statements", "role", "type_code", "position", "counter", "year_from",
)  # fmt: skip
ODD_VALUES = (
    "9" * 30, "-1", "٣", "1e400", "%ED%A0%80", "%FF%FE", "' OR 1=1; --", "<script>alert(1)</script>", "{{ 7*7 }}", "",
    "../../../etc/passwd", "00000000-0000-0000-0000-00000000000g", "%25_\\", "2026-02-31", "0", "NaN", "\r\nX-Odd: 1",
)  # fmt: skip


def odd(turn: int):
    """Every field with an odd value; another turn, another value."""
    return [(name, ODD_VALUES[(place * 5 + turn * 4) % len(ODD_VALUES)]) for place, name in enumerate(FIELDS)]


@pytest.fixture(autouse=True)
def _impatient(app):
    """The provider is not there, and nobody waits for it."""
    usual = app.extensions["second_light_ports"][PaymentGateway]
    away = StripeGateway(
        api_key="sk_test_local", webhook_secrets=("whsec_local",), api_base="http://127.0.0.1:1", max_network_retries=0
    )
    bind(app, PaymentGateway, away)
    yield
    bind(app, PaymentGateway, usual)


class People(dict):
    """A client for nobody (None), for a member and for each kind of staff, signed in when first asked for."""

    def __init__(self, app, member):
        super().__init__()
        self._app = app
        self._member = member

    def __missing__(self, grant):
        self[grant] = client = self._app.test_client()
        if grant is not None:
            sign_in(client, self._member if grant is Grant.MEMBER else make_staff(grant.value))
        return client


@pytest.fixture
def people(app, scene):
    return People(app, scene.owner)


def routes(app, method):
    """Every view that answers `method`, with somebody who may use it."""
    for rule in app.url_map.iter_rules():
        if method not in rule.methods or rule.endpoint.endswith("static"):
            continue
        sign = app.view_functions[rule.endpoint].access
        grants = {Grant.SIGNED_IN} if sign == PUBLIC else GRANTED[sign]
        yield rule, Grant.MEMBER if Grant.SIGNED_IN in grants else min(grants)


def address(app, rule, ids) -> str:
    """The address of the rule, with ids that exist where we have them and unknown ones elsewhere."""
    values = {name: ids.get(name) or _unknown(converter) for name, converter in rule._converters.items()}
    with app.test_request_context():
        return rule.build(values)[1]


def _unknown(converter):
    if isinstance(converter, UUIDConverter):
        return uuid4()
    if isinstance(converter, IntegerConverter):
        return 10**30
    return min(converter.items) if isinstance(converter, AnyConverter) else "x"


def known(scene, order=None):
    return {
        "clinic_id": scene.clinic.id, "site_id": scene.site.id, "listing": scene.listing.id,
        "listing_id": scene.listing.id, "user_id": scene.buyer.id, "credential_id": scene.licence.id,
        "order_id": order.id if order else None, "state": "TX", "code": "MD_DO",
    }  # fmt: skip


@pytest.fixture
def everywhere(app, people, scene):
    """A function that sends one request to every route, by one who may and by nobody, and names every crash."""

    def send(method, ids, *, suffix="", allowed=frozenset(), by=None, **request):
        found = []
        for rule, grant in routes(app, method):
            path = address(app, rule, ids) + suffix
            is_public = app.view_functions[rule.endpoint].access == PUBLIC
            for who in by or ((None, grant) if is_public else (grant,)):
                try:
                    status = people[who].open(path, method=method, **request).status_code
                except Exception as crash:  # noqa: BLE001  Every route is looked at before the test speaks.
                    found.append((rule.endpoint, method, who, repr(crash)[:300]))
                    continue
                if (status, rule.endpoint) in EXCUSED:
                    continue
                if status >= 500 or (allowed and status not in allowed):
                    found.append((rule.endpoint, method, who, status))
            if rule.endpoint == "account.sign_out" and method == "POST":
                people.pop(Grant.MEMBER, None)
        return found

    return send


class TestAnswers:
    def test_ids_that_nobody_knows(self, everywhere):
        assert everywhere("GET", {}) == []
        assert everywhere("POST", {}) == []

    def test_pages_of_what_exists(self, everywhere, scene, now):
        assert everywhere("GET", known(scene, make_order("awaiting_payment", scene, at=now))) == []

    def test_forms_without_a_field(self, everywhere, scene, now):
        assert everywhere("POST", known(scene, make_order("awaiting_payment", scene, at=now)), data={}) == []

    @pytest.mark.parametrize("turn", range(4))
    def test_odd_values_in_the_address(self, everywhere, scene, turn):
        query = "?" + "&".join(f"{name}={value}" for name, value in odd(turn))

        assert everywhere("GET", known(scene), suffix=query) == []

    @pytest.mark.parametrize("turn", range(4))
    def test_odd_values_in_forms(self, everywhere, scene, turn):
        assert everywhere("POST", known(scene), data=dict(odd(turn))) == []

    def test_odd_values_from_somebody_who_is_not_signed_in(self, everywhere, scene):
        assert everywhere("GET", known(scene), suffix="?" + "&".join(f"{n}={v}" for n, v in odd(1)), by=[None]) == []
        assert everywhere("POST", known(scene), data=dict(odd(1)), by=[None]) == []

    def test_one_name_twice_where_one_value_is_meant(self, everywhere, scene):
        twice = "?" + "&".join(f"{name}=a&{name}=b" for name in FIELDS)

        assert everywhere("GET", known(scene), suffix=twice) == []
        assert everywhere("POST", known(scene), data=MultiDict([(n, v) for n in FIELDS for v in "ab"])) == []

    @pytest.mark.parametrize(
        ("content_type", "body", "statuses"),
        [
            ("application/json", b'{"email": "a\\u0000"}', {415}),
            ("text/plain", b"email=a", {415}),
            ("text/xml", b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>", {415}),
            ("application/octet-stream", bytes(range(256)), {415}),
            ("", b"q=1", {415}),
            ("no type at all", b"q=1", {415}),
            ("multipart/form-data", b"no boundary", set()),
            ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=q\r\n\r\ncut", set()),
            ("application/x-www-form-urlencoded; charset=utf-16", b"q=\xff\xfe", set()),
        ],
    )
    def test_content_of_a_wrong_kind(self, everywhere, scene, content_type, body, statuses):
        found = everywhere("POST", known(scene), data=body, content_type=content_type, allowed=statuses)

        assert found == ([("webhooks.stripe", "POST", who, 400) for who in (None, Grant.MEMBER)] if statuses else [])

    def test_an_address_that_goes_on_and_on(self, everywhere, scene):
        assert everywhere("GET", known(scene), suffix=f"?q={LONG}&page={'9' * 5_000}") == []
        assert everywhere("GET", {"state": LONG, "token": LONG, "name": LONG, "code": LONG}) == []

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
    def test_methods_that_no_page_knows(self, client, app, method):
        for rule, _ in routes(app, "GET"):
            answer = client.open(address(app, rule, {}), method=method)
            assert answer.status_code in {404, 405}, rule.endpoint
            assert answer.status_code == 404 or "GET" in answer.headers["Allow"]


class TestNullBytes:
    """PostgreSQL cannot keep them, so nothing gets as far as asking it."""

    def test_in_the_address(self, everywhere, scene):
        assert everywhere("GET", known(scene), suffix="?q=a%00b", allowed={400}) == []
        assert everywhere("GET", known(scene), suffix="?%00=b", allowed={400}) == []

    def test_in_the_path(self, client):
        assert client.get("/%00").status_code == 400
        assert client.get("/rules/T%00").status_code == 400

    def test_in_a_form(self, everywhere, scene):
        assert everywhere("POST", known(scene), data={"q": "a\0b"}, allowed={400}) == []

    def test_in_the_name_of_a_field(self, client):
        assert client.post("/sign-in", data={"email\0": "b"}).status_code == 400

    @pytest.mark.parametrize("name", ["a\0.pdf", "\0"])
    def test_in_the_name_of_a_file(self, client, name):
        body = f'--b\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\nx\r\n--b--\r\n'

        answer = client.post("/sign-in", data=body.encode(), content_type="multipart/form-data; boundary=b")

        assert answer.status_code == 400

    @pytest.mark.parametrize("header", ["User-Agent", "Referer", "X-Forwarded-For", "Stripe-Signature"])
    def test_in_a_header(self, client, header):
        assert client.get("/sign-in", headers={header: "a\0b"}).status_code == 400


class TestSize:
    def test_text_of_ten_megabytes_is_too_large_for_every_form(self, everywhere, scene):
        form = {"data": HUGE, "content_type": "application/x-www-form-urlencoded"}

        assert everywhere("POST", known(scene), **form, allowed={413}) == []

    def test_also_when_it_comes_in_parts(self, client):
        body = b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n' + HUGE + b"\r\n--b--\r\n"

        answer = client.post("/sign-in", data=body, content_type="multipart/form-data; boundary=b")

        assert answer.status_code == 413
        assert "That is too large" in answer.text

    def test_also_when_it_comes_in_many_fields(self, client):
        parts = "".join(f'--b\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\nx\r\n' for n in range(501))

        answer = client.post("/sign-in", data=f"{parts}--b--".encode(), content_type="multipart/form-data; boundary=b")

        assert answer.status_code == 413


def test_every_id_in_an_address_is_a_key_or_a_word(app):
    """A new kind of converter needs a thought about what bad input means for it."""
    kinds = {type(converter) for rule in app.url_map.iter_rules() for converter in rule._converters.values()}

    assert kinds <= {UUIDConverter, UnicodeConverter, PathConverter, AnyConverter, IntegerConverter}
