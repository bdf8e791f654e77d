"""
Every form that people are shown, sent back with what nobody would write in it: a plain answer, and nothing of others moves.

The forms are read from the pages, as a browser and a scanner read them; a new page brings its own.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from marketplace.accounts.access import GRANTED, Grant
from marketplace.extensions import db
from marketplace.web.access import PUBLIC
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order, make_scene
from tests.pages import browser_of
from tests.web.test_bad_input import ABROAD, ODD_VALUES, _impatient
from tests.web.test_strangers import address, theirs

__all__ = ["_impatient", "theirs"]

ODD = (
    *ODD_VALUES, "x" * 5_000, "\u202egnp.exe", "\U0001f489" * 40, "é\u0301\u0000"[:2], "=1+1", "$1,000,000,000,000.00",
    "1.005", "-0", "0x10", "1_000", "9999-12-31", "0000-00-00", "2026-06-01T12:00", "on", "true", "null", "[]", "javascript:alert(1)",
    "http://127.0.0.1:1/", "a@b.example\r\nBcc: c@d.example", "%s%n", "\ud7ff\ue000", "\t \u00a0\u2003", "K123456",
)  # fmt: skip
TURNS = int(os.environ.get("SECOND_LIGHT_FORM_TURNS", "1"))  # How often each form is sent; 8 for a long look.
# What the sender of a form does not choose, so that what was typed is looked at at all.
GIVEN = {"csrf_token", "form_key"}
OURS = {
    "users": "id",
    "clinics": "id",
    "clinic_sites": "clinic_id",
    "credentials": "holder_id",
    "listings": "clinic_id",
    "orders": "buyer_clinic_id",
}


@dataclass
class Form:
    """A form that a page shows: where it is sent, and its fields with what stands in them."""

    action: str
    fields: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _, _ in self.fields)


class Forms(HTMLParser):
    """Reads the forms that a page sends by POST."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path, self._open, self.found = path, None, []

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        if tag == "form":
            is_sent = said.get("method", "").lower() == "post"
            self._open = Form(said.get("action") or self._path) if is_sent else None
            self.found += [self._open] if self._open else []
        elif self._open is not None and tag in {"input", "textarea", "select", "button"} and said.get("name"):
            self._open.fields.append((said["name"], said.get("type") or tag, said.get("value") or ""))

    def handle_endtag(self, tag):
        if tag == "form":
            self._open = None


def pages(app, grants: set[Grant], ids) -> Iterator[tuple[str, str]]:
    """The pages and their addresses for somebody of these grants, with what exists."""
    known = {"state": "TX", "state_code": "TX", "code": "MD_DO", "number": 1, **ids}
    for rule in sorted(app.url_map.iter_rules(), key=str):
        sign = getattr(app.view_functions[rule.endpoint], "access", PUBLIC)
        is_theirs = sign == PUBLIC or GRANTED[sign] & grants
        if (
            "GET" in rule.methods
            and is_theirs
            and rule.arguments <= known.keys() | {"way"}
            and "static" not in rule.endpoint
        ):
            yield rule.endpoint, address(app, rule, known)


def filled_in(form: Form, chance: random.Random) -> MultiDict:
    """What stands in the form, with something odd in most of its fields."""
    data = MultiDict()
    for name, kind, value in form.fields:
        is_odd = name not in GIVEN and kind != "button" and chance.random() < 0.8
        data.add(name, chance.choice(ODD) if is_odd else value)
    return data


def of(ids) -> list[str]:
    """A digest of what belongs to people who do nothing."""
    asked = (
        f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t WHERE {column} = ANY(:ids)"
        for table, column in OURS.items()
    )
    return list(db.session.scalars(text(" UNION ALL ".join(asked)), {"ids": list(ids)}))


class Sender:
    """Somebody who opens every page that they may, and sends back every form on it, oddly filled in."""

    def __init__(self, app, person, grants, sent, *, bystanders=()) -> None:
        self._app, self._grants, self._bystanders = app, grants, bystanders
        self._browser = browser_of(app, person)
        self._before = of(bystanders)
        self._sent, self.crashed, self.moved = sent, [], []

    def send_everything(self, ids) -> None:
        for endpoint, path in pages(self._app, self._grants, ids):
            if endpoint in self._sent:
                continue
            page = self._browser.get(path)
            self._note("GET", path, page.status_code, endpoint)
            if page.status_code == 200:
                self._sent.add(endpoint)
            if page.status_code == 200 and page.mimetype == "text/html":
                reader = Forms(path)
                reader.feed(page.get_data(as_text=True))
                for form in reader.found:
                    self._send(form)

    def _send(self, form: Form) -> None:
        endpoint = self._endpoint(form.action)
        if endpoint in {None, "account.sign_out"} or (endpoint, form.names) in self._sent:
            return
        self._sent.add((endpoint, form.names))
        db.session.commit()  # Or what others did within its transaction would be taken back with it.
        db.engine.exec_driver_sql("SAVEPOINT as_it_was")
        cookies = dict(self._browser._cookies)
        for turn in range(TURNS):
            data = filled_in(form, random.Random(f"{endpoint} {form.names} {turn}"))
            self._note("POST", form.action, self._browser.post(form.action, data=data).status_code, endpoint)
        if of(self._bystanders) != self._before:
            self.moved.append(endpoint)
        db.session.commit()
        # Some of it was done, and would have ended what other pages show.
        db.engine.exec_driver_sql("ROLLBACK TO SAVEPOINT as_it_was")
        self._browser._cookies = cookies

    def _endpoint(self, action: str) -> str | None:
        try:
            return self._app.url_map.bind("localhost").match(urlsplit(action).path, method="POST")[0]
        except (HTTPException, RequestRedirect):
            return None

    def _note(self, method: str, path: str, status: int, endpoint: str) -> None:
        if status >= 500 and not (status == 503 and endpoint in ABROAD):
            self.crashed.append((method, path, status))


@pytest.fixture
def bystanders(now):
    """The ids of people and of houses who do nothing, and have a device, a licence and an order here."""
    other = make_scene(now)
    make_order("awaiting_payment", other, at=now)
    houses = (other.clinic, other.seller_clinic, other.site, other.buyer, other.seller, other.owner, other.practitioner)
    return [one.id for one in houses]


def test_forms_of_members_are_answered_plainly_and_move_nothing_of_others(app, scene, theirs, bystanders):
    sent, crashed, moved = set(), [], []
    for person in (scene.buyer, scene.seller, scene.owner):  # What one has opened and sent, the next need not.
        sender = Sender(app, person, {Grant.SIGNED_IN, Grant.MEMBER}, sent, bystanders=bystanders)
        sender.send_everything(theirs)
        crashed += sender.crashed
        moved += sender.moved

    assert (crashed, moved) == ([], [])
    assert len(sent) > 150  # Pages, and forms on them.


def test_forms_of_staff_are_answered_plainly(app, scene, theirs):
    sent, crashed = set(), []
    for role in ("verifier", "moderator", "finance", "auditor", "admin"):
        sender = Sender(app, make_staff(role), {Grant.SIGNED_IN, Grant(role)}, sent)
        sender.send_everything(theirs)
        crashed += sender.crashed

    assert crashed == []
    assert len(sent) > 50
