"""A machine asks and is answered in JSON, also when it is turned away; the contract says exactly what it gets."""

import json
import re
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from marketplace.app import create_app
from marketplace.extensions import db, limiter
from marketplace.kernel import clock
from marketplace.kernel.errors import NotFound
from marketplace.partners import service, sharing
from marketplace.partners.contract import PROBLEMS
from marketplace.partners.models import PartnerAnswer, PartnerKey, SharingCode
from marketplace.silence import Silent
from marketplace.web import eligibility
from tests.conftest import settings_for
from tests.factories.partners import make_partner, share
from tests.support import count_statements

URL = "http://localhost"
MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"


@pytest.fixture
def partner(now):
    return make_partner(at=now)


@pytest.fixture
def code(scene, partner, now):
    return share(scene, partner[0], at=now)


@pytest.fixture
def asked(scene, code):
    return {"code": code, "model": str(scene.listing.model_id)}


@pytest.fixture
def contract(client):
    return client.get("/eligibility/openapi.json").get_json()


@pytest.fixture
def ask(client, partner, asked):
    """A function that asks, bent as it is told; `body` goes as it is."""

    def post(*, key=partner[1], body=None, content_type="application/json", **changed):
        sent = json.dumps({**asked, **changed}) if body is None else body
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        return client.post("/eligibility", data=sent, content_type=content_type, headers=headers)

    return post


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}


def fits(schema, value, whole, where="answer") -> list[str]:
    """Return where a value is not what the schema says; the parts of JSON Schema that the contract is written in."""
    if "$ref" in schema:
        return fits(whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]], value, whole, where)
    if "anyOf" in schema:
        tried = [fits(one, value, whole, where) for one in schema["anyOf"]]
        return [] if [] in tried else tried[0]
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if type(value) not in {TYPES[kind] for kind in kinds}:
        return [f"{where}: {value!r} is no {kinds}"]
    if isinstance(value, list):
        return many(schema, value, whole, where)
    if isinstance(value, dict):
        return fields(schema, value, whole, where)
    return plain(schema, value, where)


def many(schema, value, whole, where) -> list[str]:
    right = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
    parts = [fits(schema["items"], one, whole, f"{where}[{number}]") for number, one in enumerate(value)]
    return [*([] if right else [f"{where}: {len(value)} of them"]), *chain.from_iterable(parts)]


def fields(schema, value, whole, where) -> list[str]:
    known = schema["properties"]
    parts = [fits(known[name], value[name], whole, f"{where}.{name}") for name in value.keys() & known.keys()]
    strange, missing = value.keys() - known.keys(), set(schema["required"]) - value.keys()
    return [*[f"{where}.{name}: out of place" for name in strange | missing], *chain.from_iterable(parts)]


def plain(schema, value, where) -> list[str]:
    pattern = schema.get("pattern", MOMENT if schema.get("format") == "date-time" else "")
    wrong = value not in schema.get("enum", [value]) or not re.search(pattern, str(value))
    return [f"{where}: {value!r} is not {schema}"] if wrong else []


def problem(answer, contract=None) -> tuple[int, str]:
    """Return status and code of a question that was turned away; its body is what it should be."""
    body = answer.get_json()
    assert answer.mimetype == "application/problem+json", answer.get_data(as_text=True)[:200]
    assert (body["status"], body["status"]) == (answer.status_code, PROBLEMS[body["code"]][0])
    assert body["type"] == f"{URL}/partners#{body['code']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    if contract:
        assert fits(contract["components"]["schemas"]["Problem"], body, contract) == []
    return answer.status_code, body["code"]


def nothing_was_kept() -> bool:
    return db.session.scalars(select(PartnerAnswer)).all() == []


def test_what_looks_whether_it_fits_sees_what_does_not(ask, contract):
    schema, body = contract["components"]["schemas"]["Answer"], ask().get_json()
    bent = [
        {**body, "more": 1}, {**body, "allowed": "yes"}, {**body, "as_of": "today"}, {**body, "keys": body["keys"][1:]},
        {**body, "uses": ["x"]}, {**body, "restriction": {}}, {**body, "receipt": {**body["receipt"], "code": "I"}},
        {name: value for name, value in body.items() if name != "keys"},
    ]  # fmt: skip

    assert [bool(fits(schema, one, contract)) for one in bent] == [True] * len(bent)


class TestAnswer:
    def test_is_what_the_contract_says(self, ask, contract, now):
        answer = ask()
        body = answer.get_json()

        assert (answer.status_code, answer.mimetype) == (200, "application/json")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        assert fits(contract["components"]["schemas"]["Answer"], body, contract) == []
        assert body["allowed"] is True
        assert body["receipt"]["url"] == f"{URL}/check/{body['receipt']['code']}"
        assert body["receipt"]["badge"] == f"{URL}/badge/{body['receipt']['code']}.svg"

    def test_a_no_is_an_answer_too(self, ask, contract, scene):
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"), {"id": scene.licence.id}
        )
        db.session.commit()
        body = ask().get_json()

        assert fits(contract["components"]["schemas"]["Answer"], body, contract) == []
        assert body["allowed"] is False
        (operator,) = [one for one in body["keys"] if one["key"] == "operator"]
        assert [one["code"] for one in operator["reasons"]] == ["REVOKED"]

    def test_with_everything_that_can_be_sent(self, ask, contract, asked):
        answer = ask(handpieces=["DIODE_HR"], uses=["HAIR_NONABLATIVE"], content_type="application/json; charset=utf-8")

        assert fits(contract["components"]["schemas"]["Answer"], answer.get_json(), contract) == []
        assert answer.get_json()["uses"] == ["HAIR_NONABLATIVE"]
        whole = {**asked, "handpieces": ["DIODE_HR"], "uses": ["HAIR_NONABLATIVE"]}
        assert fits(contract["components"]["schemas"]["Question"], whole, contract) == []

    def test_its_receipt_can_be_checked_by_anybody_and_tells_nothing_of_anybody(self, ask, client, scene):
        body = ask().get_json()
        page = " ".join(client.get(f"/check/{body['receipt']['code']}").get_data(as_text=True).split())

        for words in ("This receipt is valid", body["model"]["name"], "Texas", "yes", "It was given to a reseller"):
            assert words in page
        for secret in ("Alice", "Dana", scene.clinic.name, scene.site.name, "Resale House"):
            assert secret not in page

    def test_says_that_what_was_kept_is_changed(self, ask, client):
        code = ask().get_json()["receipt"]["code"]
        db.session.execute(text("ALTER TABLE partner_answers DISABLE TRIGGER USER"))
        db.session.execute(text("UPDATE partner_answers SET left_open = '[]'"))
        db.session.commit()

        assert "This receipt is not valid" in client.get(f"/check/{code}").get_data(as_text=True)

    def test_says_on_the_check_page_to_which_uses_it_is_restricted(self, ask, client, now):
        from tests.factories.catalog import make_model

        model = make_model(modality_codes=("ALEX",))
        body = ask(model=model.slug, uses=["HAIR_NONABLATIVE"]).get_json()
        page = client.get(f"/check/{body['receipt']['code']}").get_data(as_text=True)

        assert body["restriction"]["uses"] == ["HAIR_NONABLATIVE"]
        assert "For these uses alone" in page
        assert "for hair removal only" in client.get(f"/badge/{body['receipt']['code']}.svg").get_data(as_text=True)

    def test_takes_so_many_statements(self, ask):
        ask()
        with count_statements() as sent:
            ask()

        assert len(sent) == 23, "\n".join(sent)


class TestTurnedAway:
    @pytest.mark.parametrize("key", [None, "", "x", "slk_AAAAAAAA_" + "t" * 43])
    def test_without_a_key_that_opens(self, ask, contract, key):
        answer = ask(key=key)

        assert problem(answer, contract) == (401, "unknown_key")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert nothing_was_kept()

    def test_a_key_is_no_password_of_another_scheme(self, client, partner, asked):
        answer = client.post("/eligibility", json=asked, headers={"Authorization": f"Basic {partner[1]}"})

        assert problem(answer) == (401, "unknown_key")

    def test_a_revoked_key(self, ask, partner, now):
        service.revoke_key(prefix=partner[1].split("_")[1], at=now)

        assert problem(ask()) == (401, "unknown_key")

    def test_without_a_key_nothing_else_is_looked_at(self, ask):
        assert problem(ask(key="x", body=b"{", content_type="text/plain")) == (401, "unknown_key")
        assert problem(ask(key="x", model="no-such-model")) == (401, "unknown_key")

    def test_whatever_is_wrong_with_a_code_the_answer_is_the_same(self, ask, scene, asked, partner, now, contract):
        _, other = make_partner("Another", at=now)
        answers = [ask(code="SL-00000-00000-00000-00000-00000"), ask(code="x"), ask(key=other)]
        sharing.revoke(sharing_id=db.session.scalars(select(SharingCode.id)).one(), person_id=scene.buyer.id, at=now)
        answers.append(ask())

        assert [problem(one, contract) for one in answers] == [(404, "unknown_code")] * 4
        assert len({one.get_data() for one in answers}) == 1
        assert nothing_was_kept()

    @pytest.mark.parametrize("model", ["no-such-model", "00000000-0000-0000-0000-000000000009"])
    def test_an_unknown_model(self, ask, contract, model):
        assert problem(ask(model=model), contract) == (404, "unknown_model")

    @pytest.mark.parametrize(
        ("changed", "field"),
        [({"serial": "X"}, "serial"), ({"uses": ["x"]}, "uses"), ({"code": 1}, "code"), ({"code": "a\0b"}, "code"),
         ({"model": "m\0"}, "model"), ({"handpieces": ["NOT_OF_IT"]}, "handpieces"), ({"handpieces": ["\0"]}, "handpieces")],
    )  # fmt: skip
    def test_another_shape(self, ask, contract, changed, field):
        answer = ask(**changed)

        assert problem(answer, contract) == (422, "wrong_shape")
        assert answer.get_json()["field"] == field
        assert nothing_was_kept()

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"code": "a\0b", "model": "c"}', b"[" * 4000])
    def test_what_is_no_json(self, ask, contract, body):
        assert problem(ask(body=body), contract) == (400, "not_json")

    @pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
        "application/problem+json", "", None])  # fmt: skip
    def test_another_kind_of_content(self, ask, contract, content_type):
        assert problem(ask(content_type=content_type), contract) == (415, "not_json_by_name")
        assert nothing_was_kept()

    def test_more_than_a_question(self, ask, asked, contract):
        spaces = json.dumps(asked).encode().ljust(4096)

        assert ask(body=spaces).status_code == 200
        assert problem(ask(body=spaces + b" "), contract) == (413, "too_large")

    def test_a_null_byte_in_the_address(self, client):
        assert problem(client.post("/eligibility?x=%00", json={})) == (400, "not_readable")

    def test_while_no_rules_are_in_force(self, ask, contract):
        db.session.execute(text("UPDATE policy_versions SET state = 'retired', retired_at = now()"))
        db.session.commit()
        answer = ask()

        assert problem(answer, contract) == (503, "no_policy")
        assert answer.headers["Retry-After"] == "3600"

    @pytest.mark.parametrize("error", [OperationalError("x", {}, Exception()), Silent()])
    def test_while_the_database_does_not_answer(self, ask, contract, monkeypatch, error):
        def fail(*_args, **_kwargs):
            raise error

        monkeypatch.setattr(service, "holder_of", fail)
        answer = ask()

        assert problem(answer, contract) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "5"

    def test_what_breaks_is_ours(self, app, ask, contract, monkeypatch):
        def fail(*_args, **_kwargs):
            raise RuntimeError("secret")

        monkeypatch.setattr(service, "holder_of", fail)
        with pytest.raises(RuntimeError):
            ask()
        monkeypatch.setitem(app.config, "TESTING", False)
        answer = ask()

        assert problem(answer, contract) == (500, "broken")
        assert "secret" not in answer.get_data(as_text=True)

    def test_who_signs_in_with_a_cookie_asks_no_less(self, app, scene, asked):
        from tests.pages import browser_of

        assert problem(browser_of(app, scene.buyer).post("/eligibility", json=asked)) == (401, "unknown_key")

    def test_every_problem_was_seen(self):
        spoken = Path(__file__).read_text(encoding="utf-8")

        assert [code for code in PROBLEMS if f'"{code}")' not in spoken] == []


class TestOften:
    @pytest.fixture
    def counting(self, fresh_database, tmp_path, monkeypatch):
        monkeypatch.setattr(limiter, "enabled", limiter.enabled)  # One serves all apps of a process.
        app = create_app(settings_for(fresh_database(), tmp_path), WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=True)
        yield app
        with app.app_context():
            db.session.remove()
            db.engine.dispose()

    @pytest.mark.own_database
    def test_a_key_is_counted_by_itself(self, counting, monkeypatch):
        now = clock.now().replace(microsecond=0)
        with counting.app_context():
            (_, key), (_, other) = make_partner(at=now), make_partner("Another", at=now)
            db.session.remove()
        client = counting.test_client()

        def status(key):
            return client.post("/eligibility", json={}, headers={"Authorization": f"Bearer {key}"})

        answers = [status(key) for _ in range(121)]
        assert {one.status_code for one in answers[:120]} == {422}
        assert problem(answers[120]) == (429, "too_many_requests")
        assert 1 <= int(answers[120].headers["Retry-After"]) <= 300
        assert status(other).status_code == 422
        with counting.app_context():
            kept = str(db.session.execute(text("SELECT key FROM rate_limits")).all())
            assert key not in kept
            assert db.session.scalars(select(PartnerKey.used_at).where(PartnerKey.used_at.is_not(None))).all()

    def test_a_code_is_asked_with_as_often_as_its_person_reads(self, ask, monkeypatch, contract):
        monkeypatch.setattr(sharing, "MOST_ASKED", 1)
        assert ask().status_code == 200

        assert problem(ask(), contract) == (429, "asked_too_often")

    def test_a_body_that_does_not_arrive(self, app):
        with app.test_request_context("/eligibility", method="POST"):
            answer = eligibility.unreadable(_late())

        assert problem(answer) == (408, "took_too_long")

    def test_a_site_that_is_closed_meanwhile_is_answered_like_an_unknown_code(self, app, ask):
        with app.test_request_context("/eligibility", method="POST"):
            answer = eligibility.refused(NotFound("There is no such site, or it is closed."))

        assert answer.get_data() == ask(code="x").get_data()

    def test_what_has_no_window_is_asked_again_in_a_minute(self, app):
        with app.test_request_context("/eligibility", method="POST"):
            answer = eligibility.too_often(None)

        assert answer.headers["Retry-After"] == "60"


def _late():
    from werkzeug.exceptions import RequestTimeout

    return RequestTimeout()
